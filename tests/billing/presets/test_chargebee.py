"""Chargebee: cases from chargebee.com/docs and support.chargebee.com."""

from decimal import Decimal
from typing import Any

import pytest

from tests.billing.presets import Case, comes_to, fee, quoted, tiers, usage

TOKENS = tiers((None, "1.25", 0, 1_000_000))
STEPS = tiers((5, 0, 20), (10, 0, 30), (None, 0, 50))

PRICES: list[Case] = [
    # docs/billing/2.0/product-catalog/package-pricing: packages of a million tokens at 1.25
    (usage(10, model="volume", tiers=TOKENS), "1.25"),
    (usage(1_000_000, model="volume", tiers=TOKENS), "1.25"),
    (usage(1_500_000, model="volume", tiers=TOKENS), "2.5"),
    (usage(1_000, model="package", package_size=1_000, unit_price=10), "10"),
    # tiered: "quantities are purchased from successive tiers"; volume: by the range of the total quantity
    (usage(12, model="graduated", tiers=tiers((5, 10), (10, 8), (None, 5))), "100"),
    (usage(12, model="volume", tiers=tiers((5, 10), (10, 8), (None, 5))), "60"),
    # stairstep: for each range a flat price instead of a price for each
    (usage(1, model="volume", tiers=STEPS), "20"),
    (usage(5, model="volume", tiers=STEPS), "20"),
    (usage(6, model="volume", tiers=STEPS), "30"),
    (usage(11, model="volume", tiers=STEPS), "50"),
]


@pytest.mark.parametrize(("request_", "amount"), PRICES)
def test_a_price_comes_to_what_chargebee_says(request_: dict[str, Any], amount: str) -> None:
    """Packages in tiers, tiered, volume and stairstep prices."""
    assert amount == comes_to(request_, "chargebee")


COUPONS: list[Case] = [
    # support 253619: 20 with a coupon of 10 and 50 % off by hand
    (fee(20, discounts=[{"share": Decimal("0.5")}, {"amount": 10}], period="2026-01"), "5"),
    # kb "the order type in which coupons are applied": 200 - 25 = 175, then half of it
    (fee(200, discounts=[{"share": Decimal("0.5")}, {"amount": 25}], period="2026-01"), "87.5"),
    (fee(200, discounts=[{"amount": 25}, {"share": Decimal("0.5")}], period="2026-01"), "87.5"),
    # kb "coupon not included in proration calculation": 10 % of a plan of 100, and of two of them
    (fee(100, discounts=[{"share": Decimal("0.1")}], period="2026-01"), "90"),
    (fee(200, discounts=[{"share": Decimal("0.1")}], period="2026-01"), "180"),
]


@pytest.mark.parametrize(("request_", "amount"), COUPONS)
def test_fixed_amounts_come_before_percentages(request_: dict[str, Any], amount: str) -> None:
    """Whatever the order in which they were given."""
    assert amount == comes_to(request_, "chargebee")


CANCELLATIONS = [  # on 16 April at ten in the morning: what is given back of 30 a month
    ("chargebee,cancellation=credited", "-14.58"),  # 14 days and 14 hours, to the millisecond
    ("chargebee,cancellation=credited,proration=day", "-15"),  # from the 16th
    ("chargebee,cancellation=credited,proration=day,cancel_day=billed", "-14"),  # from the 17th
]


@pytest.mark.parametrize(("conventions", "credit"), CANCELLATIONS)
def test_a_site_prorates_by_the_millisecond_or_by_the_day(conventions: str, credit: str) -> None:
    """chargebee.com/docs, billing mode: milliseconds, or days with the last one billed or not."""
    change = {"at": "2026-04-16T10:00:00Z", "cancels": True}
    lines = quoted(fee(30, period="2026-04-01/2026-05-01", changes=[change]), conventions)["lines"]

    assert [credit] == [line["amount"] for line in lines if line["kind"] == "credit"]

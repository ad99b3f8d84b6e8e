"""Stripe: cases from docs.stripe.com (subscriptions/pricing-models, products-prices, coupons) and its API."""

import calendar
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.billing.presets import Case, comes_to, fee, quoted, tiers, usage

FONTS = tiers((5, 7), (10, "6.5"), (None, 6))
STORAGE = tiers((1_000, 0, "4.99"), (None, "0.00499"))
HYPERNIAN = tiers((1_000, 0), (None, "0.04"))
LLAMA = tiers((100_000, 0), (None, "0.001"))


def seats(quantity: int, **rate: Any) -> dict[str, Any]:
    """Ask about a licensed quantity."""
    return {"price": {"per": "seat", **rate}, "quantity": quantity, "period": "2026-01"}


PRICES: list[Case] = [
    # subscriptions/pricing-models/tiered-pricing: volume-based
    *((seats(n, model="volume", tiers=FONTS), cost) for n, cost in (
        (1, "7"), (5, "35"), (6, "39"), (20, "120"), (25, "150"),
    )),
    # the same tiers, graduated: 5 at 7, 5 at 6.5, the rest at 6
    *((seats(n, model="graduated", tiers=FONTS), cost) for n, cost in (
        (1, "7"), (5, "35"), (6, "41.5"), (20, "127.5"), (25, "157.5"),
    )),
    # usage-based/pricing-models: a fixed fee of 200 and 0.001 for each token above 100,000
    (usage(100_000, model="graduated", tiers=LLAMA), "0"),
    (usage(150_000, model="graduated", tiers=LLAMA), "50"),
    # use-cases/flat-fee-and-overages: 0.04 above 1,000
    (usage(1_500, model="graduated", tiers=HYPERNIAN), "20"),
    # the first tier's flat amount as a monthly minimum (a price that is in use): 4.99 for the first 1,000 GB
    (usage(0, model="graduated", tiers=STORAGE), "4.99"),
    (usage(1_000, model="graduated", tiers=STORAGE), "4.99"),
    (usage(1_500, model="graduated", tiers=STORAGE), "7.49"),  # 4.99 + 2.495
    # API: transform_quantity divides by a size and rounds up or down; unit_amount_decimal
    (usage(1_001, model="package", package_size=1_000, unit_price=10), "20"),
    (usage(1_999, model="package", package_size=1_000, unit_price=10, packages="down"), "10"),
    (usage(1, unit_price="0.000005"), "0"),
    (usage(1_000_000, unit_price="0.000005"), "5"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "amount"), PRICES)
def test_a_price_comes_to_what_stripe_says(request_: dict[str, Any], amount: str) -> None:
    """Licensed and metered quantities, tiers by volume and graduated, packages and parts of a cent."""
    assert amount == comes_to(request_, "stripe")


def test_a_fee_and_its_overage_are_two_prices_of_one_plan() -> None:
    """The documented Llama AI: 200 a month with 100,000 tokens, and 0.001 for each above."""
    request: dict[str, Any] = {
        "plan": {
            "prices": {
                "base": {"per": "subscription", "unit_price": 200},
                "tokens": {"meter": "tokens", "model": "graduated", "tiers": LLAMA},
            }
        },
        "usage": {"tokens": 130_000},
        "period": "2026-01",
    }

    assert "230" == comes_to(request, "stripe")


PRORATIONS: list[tuple[str, int, int, int, str]] = [  # from, to, seats before and after, at
    ("2026-04-01T00:00:00", 12, 3, 5, "2026-04-11T14:23:45"),
    ("2026-04-01T00:00:00", 12, 5, 3, "2026-04-11T14:23:45"),
    ("2026-01-31T09:00:00", 45, 7, 8, "2026-02-28T08:59:59"),
    ("2028-02-29T23:59:59", 31, 1, 10, "2028-03-01T00:00:00"),
    ("2026-03-15T00:00:01", 999, 4, 4, "2026-03-20T12:00:00"),
]


@pytest.mark.parametrize(("starts_at", "price", "before", "after", "at"), PRORATIONS)
def test_a_change_of_quantity_is_prorated_by_the_second(
    starts_at: str, price: int, before: int, after: int, at: str
) -> None:
    """Unused time of the old quantity is credited, remaining time of the new one charged.

    docs.stripe.com/billing/subscriptions/prorations; the formula as published by a developer there (gist
    fbe8db2f1ecc6c92e74a): (period end - request) / (period end - period start) x quantity x price.
    """
    begins, then = datetime.fromisoformat(starts_at), datetime.fromisoformat(at)
    days = calendar.monthrange(begins.year, begins.month)[1]
    ends = begins + timedelta(days=days if begins.day <= 28 or begins.month != 1 else 28)
    left = Fraction(int((ends - then).total_seconds()), int((ends - begins).total_seconds()))
    request = seats(before, unit_price=price) | {
        "period": f"{starts_at}Z/{ends.isoformat()}Z", "starts_at": f"{starts_at}Z",
        "changes": [{"at": f"{at}Z", "seats": after}],
    }  # fmt: skip
    found = [(line["kind"], line["amount"]) for line in quoted(request, "stripe")["lines"]]

    cents = [
        (kind, sign * left * price * count)
        for kind, sign, count in (("credit", -1, before), ("recurring", 1, after))
    ]
    rounded = [(kind, f"{(Decimal(round(amount * 100)) / 100).normalize() + 0:f}") for kind, amount in cents]
    assert sorted([("recurring", str(price * before)), *(rounded if before != after else [])]) == sorted(
        found
    )


COUPONS: list[Case] = [  # the coupon object: amount_off is taken off the subtotal, down to nothing
    (fee(100, discounts=[{"amount": 200}], period="2026-01"), "0"),
    (fee(300, discounts=[{"amount": 200}], period="2026-01"), "100"),
    (fee(100, discounts=[{"share": Decimal("0.25")}], period="2026-01"), "75"),
    (fee(100, discounts=[{"share": Decimal("0.25")}, {"amount": 5}], period="2026-01"), "70"),
    (fee(100, discounts=[{"amount": 5}, {"share": Decimal("0.25")}], period="2026-01"), "71.25"),
]


@pytest.mark.parametrize(("request_", "amount"), COUPONS)
def test_coupons_stack_in_their_order(request_: dict[str, Any], amount: str) -> None:
    """A percentage and an amount do not commute."""
    assert amount == comes_to(request_, "stripe")

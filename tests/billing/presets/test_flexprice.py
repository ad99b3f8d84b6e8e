"""Flexprice: cases from flexprice/flexprice (internal/service/price_test.go) and docs.flexprice.io."""

from decimal import Decimal
from typing import Any

import pytest

from tests.billing.presets import Case, comes_to, fee, tiers, usage

BANDS = tiers((10, 50), (20, 40), (None, 30))
CENTS = tiers((10, "0.10"), (20, "0.05"), (None, "0.02"))
CALLS = tiers((10_000, "0.001"), (50_000, "0.0008"), (100_000, "0.0006"), (None, "0.0004"))
PACKAGE = {"model": "package", "package_size": 100, "unit_price": 1}

COSTS: list[Case] = [
    # CalculateCostWithBreakup: flat fee (a price for each), package, volume and slab
    (usage(5, unit_price=100), "500"),
    (usage(0, unit_price=100), "0"),
    (usage(5, model="volume", tiers=BANDS), "250"),
    (usage(10, model="volume", tiers=BANDS), "500"),
    (usage(15, model="volume", tiers=BANDS), "600"),
    (usage(25, model="volume", tiers=BANDS), "750"),
    (usage(5, model="graduated", tiers=BANDS), "250"),
    (usage(15, model="graduated", tiers=BANDS), "700"),
    (usage(25, model="graduated", tiers=BANDS), "1050"),
    # PackageScenarios
    *((usage(quantity, **PACKAGE), cost) for quantity, cost in (
        (2, "1"), (100, "1"), (150, "2"), (300, "3"), (0, "0"), (99, "1"), (101, "2"),
    )),
    # PackageRoundingModes
    (usage(50, **PACKAGE, packages="up"), "1"),
    (usage(50, **PACKAGE, packages="down"), "0"),
    (usage(250, **PACKAGE, packages="up"), "3"),
    (usage(250, **PACKAGE, packages="down"), "2"),
    # docs: product-catalogue/plans/billing-models/flat-fee and tiered
    (usage(1_000, unit_price="0.05"), "50"),
    (usage(65_000, model="volume", tiers=CALLS), "39"),
    (usage(65_000, model="graduated", tiers=CALLS), "51"),
    (usage(4_500, model="volume", tiers=tiers((10_000, 1, 0, 1_000), (None, "0.5", 0, 1_000))), "5"),
    # a tier's flat fee is due when usage reaches the tier, and nothing when nothing is used
    (usage(0, model="graduated", tiers=tiers((10, 1, 7), (None, 1))), "0"),
    (usage(1, model="graduated", tiers=tiers((10, 1, 7), (None, 1))), "8"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "cost"), COSTS)
def test_a_price_costs_what_flexprice_says(request_: dict[str, Any], cost: str) -> None:
    """Every billing model, tier mode and way to round packages."""
    assert cost == comes_to(request_, "flexprice")


BUCKETS: list[tuple[list[int], dict[str, Any], str]] = [  # CalculateBucketedCost: each bucket by itself
    ([9, 10], {"unit_price": "0.10"}, "1.9"),
    ([9, 10], {"model": "package", "package_size": 10, "unit_price": 1}, "2"),
    ([9, 15], {"model": "graduated", "tiers": CENTS}, "2.15"),
    ([9, 15], {"model": "volume", "tiers": CENTS}, "1.65"),
    ([], {"unit_price": "0.10"}, "0"),
    ([0, 5, 0], {"unit_price": "0.10"}, "0.5"),
    ([50, 150, 200], {"model": "package", "package_size": 100, "unit_price": 5}, "25"),
]


@pytest.mark.parametrize(("buckets", "rate", "cost"), BUCKETS)
def test_buckets_are_priced_one_by_one(buckets: list[int], rate: dict[str, Any], cost: str) -> None:
    """A meter that keeps its events apart prices each of them; here an event is a bucket's most."""
    request = {
        "prices": {"peak": {"meter": "peak", **rate}},
        "meters": {"peak": {"each": True}},
        "events": {"peak": buckets},
    }

    assert cost == comes_to(request, "flexprice")


def test_an_invoice_is_calculated_in_the_documented_order() -> None:
    """docs/invoices/calculation: 25 % off API calls of 80, then 10 off all of it: 70."""
    request: dict[str, Any] = {
        "plan": {
            "prices": {
                "fee": {"per": "subscription", "unit_price": 20},
                "calls": {"meter": "calls", "unit_price": "0.01", "off": "0.25"},
            }
        },
        "usage": {"calls": 8_000},
        "discounts": [{"amount": 10, "on": ["recurring", "usage"]}],
    }

    assert "70" == comes_to(request, "flexprice")


COUPONS: list[Case] = [
    (
        fee(100, discounts=[{"share": Decimal("0.1")}, {"share": Decimal("0.1")}]),
        "81",
    ),  # docs: coupon chaining
    (fee(100, discounts=[{"amount": 80}, {"amount": 30}]), "0"),  # docs: zero-floor rule
]


@pytest.mark.parametrize(("request_", "amount"), COUPONS)
def test_coupons_chain_down_to_zero(request_: dict[str, Any], amount: str) -> None:
    """Each sees what is left, and nothing is owed to the customer."""
    assert amount == comes_to(request_, "flexprice")

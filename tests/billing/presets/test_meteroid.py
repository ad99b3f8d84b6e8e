"""Meteroid: cases from meteroid-oss/meteroid (meteroid-store/src/services/invoice_lines)."""

from decimal import Decimal
from typing import Any

import pytest

from tests.billing.presets import Case, comes_to, fee, quoted, tiers, usage

FROM_100 = tiers((100, 2, 10), (None, 1, 5))  # a tier there begins with its first unit

FEES: list[Case] = [  # fees.rs: compute_volume_price and compute_tier_price
    (usage(99, model="volume", tiers=FROM_100), "208"),
    (
        usage("99.5", model="volume", tiers=FROM_100),
        "209",
    ),  # falls between the tiers there, and costs nothing
    (usage(100, model="volume", tiers=FROM_100), "105"),
    (usage(101, model="volume", tiers=FROM_100), "106"),
    (usage(0, model="volume", tiers=FROM_100), "0"),
    (usage(100, model="graduated", tiers=FROM_100), "210"),
    (usage(101, model="graduated", tiers=FROM_100), "216"),
    (usage(0, model="graduated", tiers=FROM_100), "0"),
    # flat_cap: a tier costs at most so much
    (
        usage(
            90, model="graduated", tiers=[{"up_to": 100, "unit_price": 2, "maximum": 50}, {"unit_price": 1}]
        ),
        "50",
    ),
    (
        usage(
            110, model="graduated", tiers=[{"up_to": 100, "unit_price": 2, "maximum": 50}, {"unit_price": 1}]
        ),
        "60",
    ),
    (
        usage(110, model="volume", tiers=[{"up_to": 100, "unit_price": 2}, {"unit_price": 1, "maximum": 99}]),
        "99",
    ),
    # Package and PerUnit
    (usage(21, model="package", package_size=10, unit_price=3), "9"),
    (usage(21, unit_price="0.10"), "2.1"),
]


@pytest.mark.parametrize(("request_", "amount"), FEES)
def test_usage_comes_to_what_meteroid_says(request_: dict[str, Any], amount: str) -> None:
    """A tier begins with its first unit; every quantity has exactly one, also between whole units."""
    assert amount == comes_to(request_, "meteroid")


def test_a_matrix_is_a_price_for_each_combination() -> None:
    """Matrix pricing by two dimensions: one price of the meter for each pair of values, with `where`."""
    prices = {
        f"{size}-{zone}": {
            "meter": "hours", "unit_price": price, "where": {"size": size, "zone": zone},
            "group_by": ["size", "zone"],
        }
        for (size, zone), price in {("s", "eu"): 1, ("s", "us"): 2, ("l", "eu"): 3, ("l", "us"): 5}.items()
    }  # fmt: skip
    request: dict[str, Any] = {
        "prices": prices,
        "usage": {"hours": 10},
        "dimensions": {"hours": {"size": "l", "zone": "us"}},
    }

    assert "50" == comes_to(request, "meteroid")


LINES: list[tuple[list[str], dict[str, Any], list[str]]] = [  # discount.rs, tests of distribute_discount
    (["60", "40"], {"amount": 10}, ["54", "36"]),
    (["3.33", "3.33", "3.34"], {"amount": 1}, ["3", "3", "3"]),
    (["10", "20"], {"amount": 30}, ["0", "0"]),
    (["10", "20"], {"amount": 40}, ["0", "0"]),
]


@pytest.mark.parametrize(("amounts", "discount", "left"), LINES)
def test_a_discount_is_shared_by_the_lines(
    amounts: list[str], discount: dict[str, Any], left: list[str]
) -> None:
    """In proportion, odd cents to the largest remainders; no line falls below zero."""
    prices = {f"fee-{n}": {"per": "subscription", "unit_price": one} for n, one in enumerate(amounts)}
    lines = quoted({"plan": {"prices": prices}, "discounts": [discount]}, "meteroid")["lines"]
    sums = [sum(Decimal(line["amount"]) for line in lines if line["price"] == key) for key in prices]

    assert [Decimal(one) for one in left] == sums


COUPONS: list[Case] = [
    (fee(100, discounts=[{"amount": 10}, {"share": Decimal("0.2")}]), "70"),
    (fee(100, discounts=[{"share": Decimal("0.2")}, {"amount": 10}]), "70"),
    (fee(100, discounts=[{"amount": 10}, {"amount": 95}, {"share": Decimal("0.5")}]), "0"),
]


@pytest.mark.parametrize(("request_", "amount"), COUPONS)
def test_percentages_come_before_amounts(request_: dict[str, Any], amount: str) -> None:
    """Whatever the order in which they were applied."""
    assert amount == comes_to(request_, "meteroid")

"""Edges of tiers and packages under every preset: what billers document, and what some of them get wrong."""

from decimal import Decimal
from typing import Any

import pytest

from billing.convention import PRESETS
from tests.billing.presets import comes_to, quoted, tiers, usage

BANDS = tiers((10, 1, 5), (20, 2, 7), (None, 3, 11))
FIRST_OF_NEXT = {"meteroid"}
"""Whose bound is the first unit of the tier above; of all others it is the last of the tier below."""

DUE_AT_ZERO = {"lago", "openmeter", "stripe"}
"""Who bills the first tier's flat fee when nothing was used."""

QUANTITIES = ["0", "0.001", "9.999", "10", "10.001", "15", "19.999", "20", "20.001", "99.5", "1000000"]


def tier_of(quantity: Decimal, preset: str) -> int:
    """Which tier a quantity is in, counted from 0: by hand, with the bounds 10 and 20."""
    if preset in FIRST_OF_NEXT:
        return sum(quantity >= bound for bound in (10, 20))
    return sum(quantity > bound for bound in (10, 20))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_is_in_one_tier(quantity: str, preset: str) -> None:
    """Volume: all units at the price of one tier, and its flat fee; also between whole units.

    A biller that ends a tier one unit before the next has no tier for 99.5 of 99 and 100, and bills nothing.
    """
    number = Decimal(quantity)
    price, flat = [(1, 5), (2, 7), (3, 11)][tier_of(number, preset)]
    due = number * price + flat if number else Decimal(5 if preset in DUE_AT_ZERO else 0)

    assert due == Decimal(comes_to(usage(quantity, model="volume", tiers=BANDS), preset, exact=True))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_graduated_units_are_each_in_their_tier(quantity: str, preset: str) -> None:
    """Parts of a quantity add up to it; the flat fee of a tier is due with the first part of a unit."""
    number = Decimal(quantity)
    parts = [
        min(number, Decimal(10)),
        min(max(number - 10, Decimal(0)), Decimal(10)),
        max(number - 20, Decimal(0)),
    ]
    due = sum(
        part * price + flat for part, price, flat in zip(parts, (1, 2, 3), (5, 7, 11), strict=True) if part
    )
    due = due if number else Decimal(5 if preset in DUE_AT_ZERO else 0)

    assert due == Decimal(comes_to(usage(quantity, model="graduated", tiers=BANDS), preset, exact=True))


PACKAGES: list[tuple[str, str, int]] = [  # quantity, size, how many
    ("0", "100", 0),
    ("0.000001", "100", 1),
    ("100", "100", 1),
    ("100.000001", "100", 2),
    ("1.1", "0.1", 11),  # as floating-point numbers these are 11.000000000000002, and twelve packages
    ("2.2", "0.1", 22),
    ("0.3", "0.1", 3),
    ("99999999999999", "1", 99_999_999_999_999),
    ("99999999999999.000000000001", "2", 50_000_000_000_000),
    ("12345678.123456", "0.000001", 12_345_678_123_456),
]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("quantity", "size", "count"), PACKAGES)
def test_packages_are_counted_exactly(quantity: str, size: str, count: int, preset: str) -> None:
    """A package is started by the smallest part of a unit, and not by the error of a division."""
    request = usage(quantity, model="package", package_size=size, unit_price=1)

    assert str(count) == comes_to(request, preset)


def test_lines_are_rounded_one_by_one_or_as_a_whole() -> None:
    """A third of 100 three times: 99.99 where lines are rounded (flexprice), 100 where the invoice is."""
    prices: dict[str, Any] = {key: {"per": "subscription", "unit_price": "33.333333334"} for key in "abc"}
    lines = quoted({"plan": {"prices": prices}}, "flexprice,rounding_place=invoice")["lines"]

    assert "99.99" == comes_to({"plan": {"prices": prices}}, "flexprice")
    assert ["33.33", "33.33", "33.34"] == sorted(line["amount"] for line in lines)


COUPONS = {
    "lago": "72",
    "openmeter": "72",
    "killbill": "72",
    "flexprice": "72",
    "meteroid": "70",
    "stripe": "72",
    "chargebee": "72",
}
"""10 off 100 and then 20 %: in the order given; Meteroid takes percentages first."""

SWAPPED = {**dict.fromkeys(COUPONS, "70"), "chargebee": "72"}
"""20 % and then 10 off: Chargebee takes amounts first."""


@pytest.mark.parametrize("preset", PRESETS)
def test_the_order_of_coupons_is_the_billers(preset: str) -> None:
    """An amount and a percentage do not commute; two billers have an order of their own."""
    price = {"per": "subscription", "unit_price": 100}
    ten, fifth = {"amount": 10}, {"share": "0.2"}
    one = {"plan": {"prices": {"fee": price}}, "period": "2026-01"}

    assert COUPONS[preset] == comes_to({**one, "discounts": [ten, fifth]}, preset)
    assert SWAPPED[preset] == comes_to({**one, "discounts": [fifth, ten]}, preset)

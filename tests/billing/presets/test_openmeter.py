"""OpenMeter: cases from openmeterio/openmeter (billing/service/lineservice/*_test.go) and its documents."""

from decimal import Decimal
from typing import Any

import pytest

from tests.billing.presets import Case, comes_to, quoted, tiers, usage

GRADUATED = {"model": "graduated", "tiers": tiers((5, 0, 100), (10, 0, 50), (15, 5), (None, 1))}
TOTALS = {"model": "graduated", "tiers": tiers((5, 0, 100), (10, 0, 50), (15, 10), (None, 5))}
VOLUME = {"model": "volume", "tiers": tiers((5, 0, 100), (10, 0, 150), (15, 10), (None, 5))}
PACKAGE = {"model": "package", "package_size": 10, "unit_price": 15}

LINES: list[Case] = [
    # pricegraduatedtiered_test.go
    (usage(22, **GRADUATED), "182"),  # 100 + 50 + 5 x 5 + 7 x 1
    (usage(0, **TOTALS), "100"),
    (usage(3, **TOTALS), "100"),
    (usage(5, **TOTALS), "100"),
    (usage("5.001", **TOTALS), "150"),
    (usage(7, **TOTALS), "150"),
    (usage(12, **TOTALS), "170"),
    (usage(22, **TOTALS), "235"),
    (usage(0, **GRADUATED, minimum=1000), "1000"),
    (usage(2, **GRADUATED, minimum=1000), "1000"),
    (usage(22, **GRADUATED, maximum=170), "170"),
    # pricevolumetiered_test.go
    (usage(0, **VOLUME), "100"),
    (usage(0, model="volume", tiers=tiers((None, 5))), "0"),
    (usage(3, **VOLUME), "100"),
    (usage(5, **VOLUME), "100"),
    (usage(6, **VOLUME), "150"),
    (usage(14, **VOLUME), "140"),
    (usage(15, **VOLUME), "150"),
    (usage(16, **VOLUME), "80"),
    (usage(100, **VOLUME), "500"),
    (usage(0, **VOLUME, minimum=150), "150"),
    (usage(100, **VOLUME, minimum=100), "500"),
    (usage(5, **VOLUME, minimum=150), "150"),
    (usage(5, **VOLUME, minimum=100), "100"),
    (usage(5, **VOLUME, maximum=100), "100"),
    (usage(7, **VOLUME, maximum=125), "125"),
    # pricepackage_test.go
    (usage(0, **PACKAGE), "0"),
    (usage(0, **PACKAGE, minimum=100), "100"),
    (usage(1, **PACKAGE), "15"),
    (usage(9, **PACKAGE), "15"),
    (usage(10, **PACKAGE), "15"),
    (usage(11, **PACKAGE), "30"),
    (usage(22, **PACKAGE), "45"),
    (usage(10, **PACKAGE, maximum=100), "15"),
    (usage(110, **PACKAGE, maximum=100), "100"),
    # priceunit_test.go
    (usage(0, unit_price=10), "0"),
    (usage(0, unit_price=10, minimum=100), "100"),
    (usage(10, unit_price=100), "1000"),
    (usage(10, unit_price=10, maximum=100), "100"),
    (usage(12, unit_price=10, maximum=100), "100"),
    (usage(27, unit_price=10, maximum=100, off=Decimal("0.5")), "100"),  # 270 - 135 = 135, above the most
    # pricedynamic: a multiplier on amounts
    (usage("12.34", model="percentage", unit_price=1), "12.34"),
    # the usage discount is taken off the measured quantity: docs/billing/invoicing/discounts
    (usage(300, unit_price=1, allowance=500), "0"),
    (usage(550, unit_price=1, allowance=500), "50"),
    (usage(650, unit_price=1, allowance=500), "150"),
    (usage(0, **GRADUATED, allowance=5), "100"),
    # prices of usage, and what is off them, are not prorated: half of April has all of the 500
    (usage(650, unit_price=1, allowance=500)
     | {"period": "2026-04-01/2026-05-01", "starts_on": "2026-04-16"}, "150"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "amount"), LINES)
def test_a_line_comes_to_what_openmeter_says(request_: dict[str, Any], amount: str) -> None:
    """Prices, their least and most with nothing used as well, and discounts on usage."""
    assert amount == comes_to(request_, "openmeter")


ORDER: list[tuple[dict[str, Any], str, str]] = [  # docs/billing/invoicing/discounts, steps 1 to 4
    # usage discount -> price -> percentage -> least and most: (20 - 10) x 10 = 100, half of it 50
    (usage(20, unit_price=10, allowance=10, off=Decimal("0.5"), minimum=60), "openmeter", "60"),
    (usage(20, unit_price=10, allowance=10, off=Decimal("0.5"), maximum=40), "openmeter", "40"),
    # a biller whose least and most come first takes half off 100, and off 40
    (
        usage(20, unit_price=10, allowance=10, off=Decimal("0.5"), minimum=60),
        "openmeter,minimum=before_discounts",
        "50",
    ),
    (
        usage(20, unit_price=10, allowance=10, off=Decimal("0.5"), maximum=40),
        "openmeter,maximum=before_discounts",
        "20",
    ),
]


@pytest.mark.parametrize(("request_", "conventions", "amount"), ORDER)
def test_discounts_come_before_the_least_and_the_most(
    request_: dict[str, Any], conventions: str, amount: str
) -> None:
    """The documented order of the invoicing engine, and what another order would come to."""
    assert amount == comes_to(request_, conventions)


def test_what_is_missing_to_the_least_is_a_line_of_its_own() -> None:
    """As the test suite has it: a flat price of 100 for the first tier, and a minimum spend of 900."""
    found = quoted(usage(0, **GRADUATED, minimum=1000), "openmeter")

    assert [("true_up", "900"), ("usage", "100")] == [
        (line["kind"], line["amount"]) for line in found["lines"]
    ]


def test_what_is_above_the_most_is_a_discount_of_its_own() -> None:
    """As the test suite has it: 150 for the second tier, and 25 off for charges over 125."""
    found = quoted(usage(7, **VOLUME, maximum=125), "openmeter")

    assert [("discount", "-25"), ("usage", "150")] == [
        (line["kind"], line["amount"]) for line in found["lines"]
    ]

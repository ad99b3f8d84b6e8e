"""Prices: one rate, what it counts, when it falls due, and the days on which it changes."""

from datetime import date
from decimal import Decimal

import pytest

from billing.price import Price
from billing.price_book import loads
from metering.document import Problem, Problems

BOOK = """
    name = "Test"
    meters.calls = { dimensions = ["region"] }
    meters.storage = { aggregation = "max" }
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
"""


def problems(text: str) -> list[Problem]:
    """Return the problems of a book."""
    with pytest.raises(Problems) as raised:
        loads(text, "p.toml")
    return raised.value.problems


def price(text: str) -> Price:
    """Return a price of a book that is right."""
    return loads(f"{BOOK}\nprices.x = {{ {text} }}").plans["pro"].prices["x"]


RATES = [  # what is wrong with a price, what the message says, what the remedy says
    ('per = "seat"', "model 'unit' needs 'unit_price'", "add unit_price"),
    ('per = "seat", model = "flat"', "model 'flat' needs 'flat_fee'", "add flat_fee"),
    ('per = "seat", model = "graduated"', "model 'graduated' needs 'tiers'", "add tiers"),
    ('per = "seat", model = "volume"', "model 'volume' needs 'tiers'", "add tiers"),
    (
        'per = "seat", model = "package", unit_price = 1',
        "model 'package' needs 'package_size'",
        "add package_size",
    ),
    (
        'per = "seat", model = "package", package_size = 1',
        "model 'package' needs 'unit_price'",
        "add unit_price",
    ),
    ('per = "seat", model = "percentage"', "model 'percentage' needs 'unit_price'", "add unit_price"),
    (
        'per = "seat", model = "volume", tiers = [{ unit_price = 1 }], flat_fee = 2',
        "model 'volume' does not use 'flat_fee'",
        "remove it or change the model",
    ),
    (
        'per = "seat", model = "flat", flat_fee = 1, unit_price = 2',
        "model 'flat' does not use 'unit_price'",
        "remove it or change the model",
    ),
    (
        'per = "seat", unit_price = 1, package_size = 2',
        "model 'unit' does not use 'package_size'",
        "remove it or change the model",
    ),
    (
        'per = "seat", unit_price = 1, tiers = [{ unit_price = 2 }]',
        "model 'unit' does not use 'tiers'",
        "remove it or change the model",
    ),
    (
        'per = "seat", model = "graduated", tiers = [{ unit_price = 2 }, { unit_price = 1 }]',
        "tier 1 is open but not the last",
        "give it an up_to",
    ),
    (
        'per = "seat", model = "graduated", tiers = [{ up_to = 10, unit_price = 2 }]',
        "the last tier ends at 10, so larger quantities have no price",
        "remove its up_to",
    ),
    (
        'per = "seat", model = "volume", tiers = [{ up_to = 10 }, { up_to = 5 }, {}]',
        "tier 2 ends at 5 but must end above 10",
        "put the tiers in rising order",
    ),
    (
        'per = "seat", model = "volume", tiers = [{ up_to = 10 }, { up_to = 10 }, {}]',
        "tier 2 ends at 10 but must end above 10",
        "put the tiers in rising order",
    ),
    (
        'per = "seat", model = "volume", tiers = [{ up_to = 0 }, {}]',
        "tier 1 ends at 0 but must end above 0",
        "put the tiers in rising order",
    ),
    ("unit_price = 1", "needs exactly one of 'per' and 'meter'", "say what is counted"),
    (
        'per = "seat", meter = "calls", unit_price = 1',
        "needs exactly one of 'per' and 'meter'",
        "say what is counted",
    ),
    (
        'per = "seat", unit_price = 1, allowance = 5',
        "'allowance' goes with 'meter'",
        "remove it or name a meter",
    ),
    (
        'per = "seat", unit_price = 1, group_by = ["region"]',
        "'group_by' goes with 'meter'",
        "remove it or name a meter",
    ),
    (
        'per = "seat", unit_price = 1, where = { region = "eu" }',
        "'where' goes with 'meter'",
        "remove it or name a meter",
    ),
    (
        'per = "seat", unit_price = 1, window = "life"',
        "'window' goes with 'meter'",
        "remove it or name a meter",
    ),
    (
        'meter = "calls", unit_price = 1, cadence = "year"',
        "usage is billed monthly in arrears",
        "remove 'annual' and 'cadence'",
    ),
    (
        'meter = "calls", unit_price = 1, annual = { unit_price = 10 }',
        "usage is billed monthly in arrears",
        "remove 'annual' and 'cadence'",
    ),
    (
        (
            'per = "seat", unit_price = 1, changes = '
            "[{ starts_on = 2027-01-01, unit_price = 2 }, { starts_on = 2026-01-01, unit_price = 3 }]"
        ),
        "changes must have rising dates",
        "put them in order",
    ),
    (
        (
            'per = "seat", unit_price = 1, changes = '
            "[{ starts_on = 2027-01-01, unit_price = 2 }, { starts_on = 2027-01-01, unit_price = 3 }]"
        ),
        "changes must have rising dates",
        "put them in order",
    ),
]


@pytest.mark.parametrize(("text", "message", "remedy"), RATES)
def test_a_wrong_price_is_one_problem(text: str, message: str, remedy: str) -> None:
    """Each message about a rate or a price is provoked once, at the price's own place."""
    assert [Problem("p.toml: plans.pro.prices.x", message, remedy)] == problems(
        f"{BOOK}\nprices.x = {{ {text} }}"
    )


VALUES = [  # what is wrong with one value, its key, what the message says
    ('per = "seat", unit_price = -1', "unit_price", "greater than or equal to 0 (got '-1')"),
    ('per = "seat", unit_price = 1e13', "unit_price", "less than or equal to 1000000000000 (got '1E+13')"),
    ('per = "seat", unit_price = 0.0000000001', "unit_price", "no more than 9 decimal places"),
    ('per = "seat", unit_price = nan', "unit_price", "finite number"),
    ('per = "seat", unit_price = "free"', "unit_price", "valid decimal (got 'free')"),
    ('per = "person", unit_price = 1', "per", "should be 'subscription', 'seat' or 'add_on' (got 'person')"),
    ('per = "seat", model = "linear", unit_price = 1', "model", "should be 'flat', 'unit', 'graduated'"),
    ('per = "seat", unit_price = 1, cadence = "week"', "cadence", "should be 'billing', 'year' or 'once'"),
    ('meter = "calls", unit_price = 1, window = "week"', "window", "should be 'period', 'year' or 'life'"),
    ('meter = "calls", unit_price = 1, allowance = -1', "allowance", "greater than or equal to 0"),
    ('per = "seat", unit_price = 1, stream = "A b"', "stream", "should match pattern"),
    ('per = "seat", model = "package", unit_price = 1, package_size = 0', "package_size", "greater than 0"),
    (
        'per = "seat", unit_price = 1, changes = [{ starts_on = 2026-02-30x, unit_price = 1 }]',
        None,
        "is not valid TOML",
    ),
    (
        'per = "seat", unit_price = 1, changes = [{ starts_on = "soon", unit_price = 1 }]',
        "changes[1].starts_on",
        "valid date",
    ),
    ('per = "seat", unit_price = 1, changes = [{ unit_price = 1 }]', "changes[1].starts_on", "is missing"),
    (
        'per = "seat", model = "volume", tiers = [{ up_to = 1, unit_prize = 3 }, {}]',
        "tiers[1].unit_prize",
        "unknown key",
    ),
    ('per = "seat", unit_price = 1, allowence = 5', "allowence", "unknown key"),
]


@pytest.mark.parametrize(("text", "key", "message"), VALUES)
def test_a_wrong_value_is_named_with_its_key(text: str, key: str | None, message: str) -> None:
    """The place is the file and the key, the message holds the value."""
    (found,) = problems(f"{BOOK}\nprices.x = {{ {text} }}")

    assert ("p.toml" if key is None else f"p.toml: plans.pro.prices.x.{key}") == found.place
    assert message in found.message


def test_a_misspelt_key_is_guessed() -> None:
    """Of allowence, which is near to allowance, and of unit_prize, near to unit_price."""
    text = f'{BOOK}\nprices.x = {{ meter = "calls", unit_price = 1, allowence = 5, unit_prize = 3 }}'

    assert ["did you mean 'allowance'?", "did you mean 'unit_price'?"] == [
        found.remedy for found in problems(text)
    ]


@pytest.mark.parametrize("day", ["1026-01-01", "2926-01-01"])
def test_a_date_outside_of_this_century_is_a_typing_error(day: str) -> None:
    """Dates before 2000 and after 2100 are refused."""
    assert problems(
        f'{BOOK}\nprices.x = {{ per = "seat", unit_price = 1, '
        f"changes = [{{ starts_on = {day}, unit_price = 2 }}] }}"
    )


def test_prices_are_exact() -> None:
    """0.007 is seven thousandths."""
    assert Decimal("0.007") == price('meter = "calls", unit_price = 0.007').unit_price


DATED = """meter = "calls", allowance = 10, model = "package", unit_price = 5, package_size = 100,
    changes = [
        { starts_on = 2027-01-01, unit_price = 6 },
        { starts_on = 2028-01-01, allowance = 20, unit_price = 7 },
    ]""".replace("\n", " ")


@pytest.mark.parametrize(
    ("day", "model", "unit_price", "allowance"),
    [
        ("2026-12-31", "package", "5", "10"),
        ("2027-01-01", "unit", "6", "10"),
        ("2027-12-31", "unit", "6", "10"),
        ("2028-01-01", "unit", "7", "20"),
        ("2099-01-01", "unit", "7", "20"),
    ],
)
def test_a_price_changes_on_its_day(day: str, model: str, unit_price: str, allowance: str) -> None:
    """The rate is named whole (a change without a model is a unit price); what it does not name stays."""
    version = price(DATED).on(date.fromisoformat(day))

    assert (model, Decimal(unit_price), Decimal(allowance)) == (
        version.model,
        version.unit_price,
        version.allowance,
    )


def test_a_change_may_leave_the_rate_as_it_is() -> None:
    """A change that names the allowance only changes the allowance only."""
    version = price(
        'meter = "calls", unit_price = 5, allowance = 10, '
        "changes = [{ starts_on = 2027-01-01, allowance = 20 }]"
    ).on(date(2027, 1, 1))

    assert (Decimal(5), Decimal(20)) == (version.unit_price, version.allowance)


def test_the_annual_rate_stays_until_it_is_changed() -> None:
    """A change of the monthly rate alone leaves the annual one."""
    dated = price(
        'per = "seat", unit_price = 10, annual = { unit_price = 100 }, changes = '
        "[{ starts_on = 2027-01-01, unit_price = 11 }, "
        "{ starts_on = 2028-01-01, unit_price = 12, annual = { unit_price = 120 } }]"
    )
    annual = [dated.on(date(year, 6, 1)).annual for year in (2026, 2027, 2028)]

    assert [Decimal(100), Decimal(100), Decimal(120)] == [rate.unit_price for rate in annual if rate]

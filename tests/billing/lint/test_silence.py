"""Silence: usual price books, in which nothing is wrong; and any book at all, whose proofs hold."""

import random
from datetime import date
from decimal import Decimal

import pytest

from billing.lint.checks import lint
from billing.price_book import PriceBook, checked, loads
from billing.quote import quote
from metering.document import validate
from metering.period import months
from simulator.commands.quote import request
from simulator.values import to_json
from tests.random_book import Book

USUAL = {
    "a ladder of plans with overage that pushes up": """
        [meters.calls]
        [meters.storage]
        aggregation = "max"
        [plans.free]
        name = "Free"
        stream = "s"
        seats = { maximum = 3 }
        prices.calls = { meter = "calls", unit_price = 0 }
        limits.calls = { meter = "calls", quantity = 1000 }
        [plans.starter]
        name = "Starter"
        stream = "s"
        prices.base = { per = "subscription", unit_price = 29, annual = { unit_price = 290 } }
        prices.calls = { meter = "calls", allowance = 10_000, unit_price = 0.004 }
        prices.storage = { meter = "storage", allowance = 10, unit_price = 0.5 }
        [plans.growth]
        name = "Growth"
        stream = "s"
        prices.base = { per = "subscription", unit_price = 99, annual = { unit_price = 990 } }
        prices.calls = { meter = "calls", allowance = 100_000, unit_price = 0.002 }
        prices.storage = { meter = "storage", allowance = 100, unit_price = 0.4 }
    """,
    "the same in all but the price: features are not in the book": """
        [plans.team]
        name = "Team"
        stream = "s"
        prices.seats = { per = "seat", unit_price = 8, annual = { unit_price = 80 } }
        [plans.business]
        name = "Business"
        stream = "s"
        prices.seats = { per = "seat", unit_price = 15, annual = { unit_price = 150 } }
    """,
    "fixed and variable cost, each the best for someone": """
        [meters.calls]
        [plans.light]
        name = "Light"
        stream = "s"
        prices.calls = { meter = "calls", unit_price = 0.01 }
        [plans.heavy]
        name = "Heavy"
        stream = "s"
        prices.base = { per = "subscription", unit_price = 50 }
        prices.calls = { meter = "calls", unit_price = 0.005 }
    """,
    "units that are free at first, then fall": """
        [meters.users]
        aggregation = "unique_count"
        of = "user"
        dimensions = ["user"]
        [plans.users]
        name = "Users"
        stream = "s"
        [plans.users.prices.users]
        meter = "users"
        model = "graduated"
        tiers = [{ up_to = 1_000 }, { up_to = 10_000, unit_price = 0.05 }, { unit_price = 0.02 }]
    """,
    "all units by small steps, each tier starting above the end of the last": """
        [meters.parts]
        event = "order.placed"
        quantity = "quantity"
        [plans.catalog]
        name = "Catalog"
        stream = "s"
        [plans.catalog.prices.parts]
        meter = "parts"
        model = "volume"
        tiers = [{ up_to = 9, unit_price = 10 }, { up_to = 99, unit_price = 9.5 }, { unit_price = 9.45 }]
    """,
    "a price that rises by the year": """
        [plans.pro]
        name = "Pro"
        stream = "s"
        [plans.pro.prices.seats]
        per = "seat"
        unit_price = 10
        annual = { unit_price = 100 }
        changes = [{ starts_on = 2027-03-01, unit_price = 12, annual = { unit_price = 120 } }]
    """,
}


@pytest.mark.parametrize("name", USUAL)
def test_nothing_is_said_of_a_usual_book(name: str) -> None:
    """No false alarm."""
    assert [] == [finding.message for finding in lint(loads(f'name = "Usual"\n{USUAL[name]}'))]


@pytest.mark.parametrize("seed", range(20))
def test_proofs_hold_in_any_book(seed: int) -> None:
    """Whatever the book, billing answers each request with the amount, and the first is no less."""
    rng = random.Random(seed)
    periods = list(months(date(2026, 1, 1), 24))
    made = Book(rng, periods, rng.random() < 0.5, rng.random() < 0.5).write()
    book = checked(validate(PriceBook, made, "random book"), "random book")
    wrong = []
    for finding in lint(book):
        amounts = [purchase.amount for purchase in finding.purchases]
        assert amounts == sorted(amounts, reverse=True), finding
        for purchase in finding.purchases:
            asked = request(to_json(purchase.request), "proof")
            told = quote(book, asked, month=date(2026, 1, 1))["amount"]
            wrong += [] if purchase.amount == Decimal(told) else [(finding.rule, purchase, told)]

    assert [] == wrong

"""Quotes: what a plan or a single price comes to, by the functions that bill."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing import quote as quoting
from billing.price_book import PriceBook
from metering.document import Problems
from tests.fixtures.books import book as fixture
from tests.ledgers import FIRST, book, lines, metered

JANUARY = date(2026, 1, 1)

BOOK = """
    meters.calls = {}
    meters.storage = { aggregation = "max" }
    meters.tokens = { dimensions = ["model"] }
    [discounts.tenth]
    share = 0.1
    [plans.pro]
    name = "Pro"
    stream = "s"
    prices.seat = { per = "seat", unit_price = 99, annual = { unit_price = 950 } }
    prices.storage = { meter = "storage", unit_price = 1, allowance = 10 }
    [plans.pro.prices.calls]
    meter = "calls"
    model = "graduated"
    window = "year"
    allowance = 50
    tiers = [{ up_to = 100, unit_price = 2 }, { unit_price = 1 }]
    [plans.models]
    name = "Models"
    stream = "s"
    prices.small = { meter = "tokens", unit_price = 1, where = { model = "s" } }
    prices.large = { meter = "tokens", unit_price = 7, where = { model = "l" } }
    [add_ons.llm]
    name = "LLM"
    plans = ["pro"]
    price = { per = "add_on", unit_price = 200 }
"""


def quote(request: dict[str, Any], *, text: str = BOOK) -> dict[str, Any]:
    """Quote a request by the book of these tests."""
    return quoting.quote(book(text), request, month=JANUARY, place="line 3")


VECTORS = [  # company, request, amount, source
    (  # 5 x 99 + 2 started blocks of 10 + 200 + 2 x 150
        "dbgpt",
        {
            "plan": "professional",
            "seats": 5,
            "usage": {"api_calls": 62_500},
            "add_ons": {"premium-llm": 1, "data-connector": 2},
        },
        "1015",
        "D:115, D:140-142",
    ),
    ("dbgpt", {"plan": "business", "seats": 12, "billing": "year"}, "45960", "D:184"),
    ("dbgpt", {"plan": "payg-starter", "usage": {"api_calls": 100_000}}, "1000", "D:244"),
    ("dbgpt", {"plan": "payg-growth", "usage": {"api_calls": 100_000}}, "700", "D:250"),
    ("dbgpt", {"plan": "payg-scale", "usage": {"api_calls": 100_000}}, "500", "D:256"),
    (  # 799 + 30 x 1.50 + 2 x 150 + 5 blocks of 8
        "dbgpt",
        {
            "plan": "managed-professional",
            "usage": {"storage_gb": 80, "compute_cores": 10, "api_calls": 200_000},
        },
        "1184",
        "D:293, D:311-313",
    ),
    ("dbgpt", {"plan": "oem-startup", "usage": {"deployments": 130}}, "180000", "D:1209, D:1231"),
    (
        "ggml",
        {
            "plan": "catalog",
            "usage": {"course_seats": 4},
            "dimensions": {"course_seats": {"course": "advanced", "format": "cohort"}},
        },
        "9996",
        "G:411",
    ),
    (
        "ggml",
        {
            "plan": "catalog",
            "usage": {"course_seats": 5},
            "dimensions": {"course_seats": {"course": "advanced", "format": "cohort"}},
        },
        "9995",
        "G:411",
    ),
]


@pytest.mark.parametrize(
    ("company", "request_", "amount", "source"), VECTORS, ids=[f"{v[0]} {v[3]} {v[2]}" for v in VECTORS]
)
def test_a_quote_is_what_the_document_says(
    company: str, request_: dict[str, Any], amount: str, source: str
) -> None:
    """Worked invoices, with the line of the document that each price comes from."""
    assert amount == quoting.quote(fixture(company), request_, month=JANUARY)["amount"], source


PLANS: list[tuple[dict[str, Any], str]] = [  # request, amount
    ({"plan": "pro"}, "99"),
    ({"plan": "pro", "seats": 0}, "0"),
    ({"plan": "pro", "seats": 3, "billing": "year"}, "2850"),
    ({"plan": "pro", "seats": 3, "discount": "tenth"}, "267.3"),
    ({"plan": "pro", "add_ons": {"llm": 2}}, "499"),
    ({"plan": "pro", "months": 3}, "297"),
    ({"plan": "pro", "starts_on": "2026-01-10"}, "70.26"),  # 22 of 31 days
    ({"plan": "pro", "period": "2026-02", "starts_on": "2026-01-10"}, "99"),
    ({"plan": "pro", "ends_on": "2026-01-11"}, "31.94"),  # 10 of 31 days
    ({"plan": "pro", "months": 2, "ends_on": "2026-02-15"}, "148.5"),
    ({"plan": "pro", "seats": 0, "usage": {"storage": 30}, "starts_on": "2026-01-22"}, "6.45"),  # 20 x 10/31
    ({"plan": "pro", "seats": 0, "usage": {"calls": 60}}, "20"),
    ({"plan": "pro", "seats": 0, "usage": {"calls": 60}, "before": {"calls": 60}}, "120"),
    ({"plan": "pro", "seats": 0, "usage": {"calls": 60}, "before": 120}, "90"),  # 30 at 2, 30 at 1
    ({"plan": "models", "usage": {"tokens": 3}, "dimensions": {"tokens": {"model": "l"}}}, "21"),
]


@pytest.mark.parametrize(("request_", "amount"), PLANS)
def test_a_plan_is_quoted(request_: dict[str, Any], amount: str) -> None:
    """Seats, rhythms, discounts, add-ons, parts of months, several months, and what was used before."""
    assert amount == quote(request_)["amount"]


PRICES: list[
    tuple[dict[str, Any], dict[str, Any], str, str]
] = [  # a bare price, the quantity and what goes with it; exact amount, rounded amount
    ({"model": "package", "package_size": 10_000, "unit_price": 10}, {"quantity": 12_500}, "20", "20"),
    ({"unit_price": "0.007"}, {"quantity": 125}, "0.875", "0.88"),
    ({"unit_price": "0.007"}, {"quantity": 125, "currency": "JPY"}, "0.875", "1"),
    ({"unit_price": "0.0007"}, {"quantity": "12.5", "currency": "KWD"}, "0.00875", "0.009"),
    ({"model": "flat", "flat_fee": 5}, {"quantity": 3}, "5", "5"),
    ({"model": "flat", "flat_fee": 5}, {"quantity": 0}, "0", "0"),
    (
        {"model": "volume", "tiers": [{"up_to": 10, "unit_price": 2}, {"unit_price": 1}]},
        {"quantity": 10},
        "20",
        "20",
    ),
    (
        {"model": "volume", "tiers": [{"up_to": 10, "unit_price": 2}, {"unit_price": 1}]},
        {"quantity": 11},
        "11",
        "11",
    ),
    (
        {"model": "graduated", "tiers": [{"up_to": 10, "unit_price": 2}, {"unit_price": 1, "flat_fee": 100}]},
        {"quantity": 11},
        "121",
        "121",
    ),
    (
        {
            "model": "graduated",
            "window": "life",
            "tiers": [{"up_to": 10, "unit_price": 2}, {"unit_price": 1}],
        },
        {"quantity": 11, "before": 4},
        "17",
        "17",
    ),
    ({"model": "percentage", "unit_price": "0.25"}, {"quantity": "1999.99"}, "499.9975", "500"),
    ({"unit_price": 3, "allowance": 100}, {"quantity": 101}, "3", "3"),
    ({"per": "seat", "unit_price": 3}, {"quantity": 7}, "21", "21"),
    (
        {"per": "seat", "unit_price": 3, "annual": {"unit_price": 30}},
        {"quantity": 7, "billing": "year"},
        "210",
        "210",
    ),
]


@pytest.mark.parametrize(("price", "rest", "exact", "amount"), PRICES)
def test_a_bare_price_is_quoted(price: dict[str, Any], rest: dict[str, Any], exact: str, amount: str) -> None:
    """Any price that a book can hold, without a book."""
    found = quote({"price": price, **rest})

    assert (exact, amount) == (found["exact"], found["amount"])


EVERY: list[dict[str, Any]] = [request for request, _ in PLANS]
EVERY += [{"price": price, **rest} for price, rest, *_ in PRICES]


@pytest.mark.parametrize("request_", EVERY)
def test_the_steps_of_a_line_add_up_to_it(request_: dict[str, Any]) -> None:
    """Lines to the quote, steps to their line, each step quantity x price: exact to the last digit."""
    found = quote(request_)

    assert Decimal(found["amount"]) == sum(Decimal(line["amount"]) for line in found["lines"])
    assert Decimal(found["exact"]) == sum(Decimal(line["exact"]) for line in found["lines"])
    for line in found["lines"]:
        if line["steps"]:
            assert Decimal(line["exact"]) == sum(Decimal(step["amount"]) for step in line["steps"])


def test_a_quote_shows_its_lines() -> None:
    """The same lines that an invoice has, also where they cost nothing, and the arithmetic of each."""
    found = quote({"plan": "pro", "seats": 2, "usage": {"storage": 5}})

    assert ("198", "198", "USD") == (found["exact"], found["amount"], found["currency"])
    assert [
        ("seat", "recurring", "2", "0", "198", [("units", "2", "99", "198")]),
        ("storage", "usage", "5", "10", "0", [("included", "5", "0", "0")]),
    ] == [
        (
            *(line[name] for name in ("price", "kind", "quantity", "allowance", "amount")),
            [tuple(step.values()) for step in line["steps"]],
        )
        for line in found["lines"]
    ]


WRONG = [  # request, message
    ({}, "line 3: needs exactly one of 'plan' and 'price'; name a plan, or describe a price"),
    (
        {"plan": "pro", "price": {}},
        "line 3: needs exactly one of 'plan' and 'price'; name a plan, or describe a price",
    ),
    ({"price": {"unit_price": 1}}, "line 3: a price needs a 'quantity'; say how many"),
    ({"plan": "prp"}, "line 3: plan: the price book has no 'prp'; did you mean 'pro'?"),
    (
        {"plan": "pro", "usage": {"cals": 1}},
        "line 3: usage: the price book has no 'cals'; did you mean 'calls'?",
    ),
    (
        {"plan": "pro", "add_ons": {"lmm": 1}},
        "line 3: add_ons: the price book has no 'lmm'; did you mean 'llm'?",
    ),
    (
        {"plan": "pro", "discount": "tent"},
        "line 3: discount: the price book has no 'tent'; did you mean 'tenth'?",
    ),
    ({"plan": "pro", "seat": 3}, "line 3: seat: unknown key; did you mean 'seats'?"),
    ({"plan": "pro", "seats": -1}, "line 3: seats: should be greater than or equal to 0 (got '-1')"),
    (
        {"plan": "pro", "billing": "week"},
        "line 3: billing: String should match pattern '^(month|year)$' (got 'week')",
    ),
    ({"plan": "pro", "months": 121}, "line 3: months: should be less than or equal to 120 (got '121')"),
    (
        {"plan": "pro", "usage": {"calls": -1}},
        "line 3: usage.calls: should be greater than or equal to 0 (got '-1')",
    ),
    (
        {"plan": "pro", "usage": {"calls": "NaN"}},
        "line 3: usage.calls: should be a finite number (got 'NaN')",
    ),
    (
        {"price": {"model": "package"}, "quantity": 1},
        "line 3: price: model 'package' needs 'unit_price'; add unit_price",
    ),
    (
        {"price": {"per": "seat", "unit_price": 1}, "quantity": "1.5"},
        "line 3: quantity: 1.5 seats cannot be counted; name a whole number",
    ),
    (
        {"price": {"unit_price": 1000}, "quantity": 10**15},
        "line 3: comes to more than an amount can hold (10^14); quote less of it",
    ),
    (
        {"plan": "pro", "entitlements": [{"covers": {"meter": "cals"}}]},
        "line 3: entitlements.entitlement-1.covers.meter: no meter 'cals'; did you mean 'calls'?",
    ),
    (
        {"plan": "pro", "discounts": [{"share": "0.1", "window": "life"}]},
        "line 3: discount-1: a share is never used up; remove 'window', or name 'times' or 'months'",
    ),
]


@pytest.mark.parametrize(("request_", "message"), WRONG)
def test_a_wrong_request_is_a_problem(request_: dict[str, Any], message: str) -> None:
    """Place, value and remedy; never a traceback."""
    with pytest.raises(Problems) as raised:
        quote(request_)

    assert message == str(raised.value)


@pytest.mark.parametrize("period", ["2026-13", "2026-00", "0000-01", "9999-12"])
def test_a_period_that_is_no_month_is_a_problem(period: str) -> None:
    """Month 13, and years that no calendar here reaches."""
    with pytest.raises(Problems):
        quote({"plan": "pro", "period": period, "months": 2})


@pytest.mark.parametrize(
    "request_",
    [
        {"price": {"unit_price": 1}, "quantity": 1, "currency": "dollars"},
        {"plan": "pro", "add_ons": {"llm": -1}},
        {"plan": "pro", "starts_on": "2026-02-01", "ends_on": "2026-01-01"},
        {"plan": "pro", "before": {"cals": 1}},
    ],
)
def test_what_cannot_be_meant_is_a_problem(request_: dict[str, Any]) -> None:
    """No such currency, less than no add-ons, an end before the start, a meter that is not there."""
    with pytest.raises(Problems):
        quote(request_)


def test_a_quote_is_what_is_billed(tmp_path: Path) -> None:
    """The same subscription, told as facts, has the same lines."""
    table = """
        2026-01-10  a  subscription.started  s pro 3 discount=tenth
        2026-01-10  a  add_on.bought         s llm 2
        2026-01-15  s  usage.recorded        storage 31
        2026-01-15  s  usage.recorded        calls 130
    """
    found = quote(
        {
            "plan": "pro",
            "seats": 3,
            "discount": "tenth",
            "add_ons": {"llm": 2},
            "usage": {"storage": 31, "calls": 130},
            "starts_on": "2026-01-10",
        }
    )

    assert [
        (price, kind, Decimal(amount))
        for price, kind, amount in lines(metered(tmp_path, BOOK, table, 1), "price kind amount")
    ] == [(line["price"], line["kind"], Decimal(line["amount"])) for line in found["lines"]]


@pytest.mark.parametrize(("at", "amount"), [("2025-11-03", "0"), ("2026-01-31", "7"), ("2026-05-02", "0")])
def test_events_outside_of_what_is_quoted_cost_nothing(at: str, amount: str) -> None:
    """Before, within and after the month of a quote, also where there are no others."""
    request = {
        "prices": {"calls": {"meter": "calls", "unit_price": 1}},
        "events": {"calls": [{"at": at, "quantity": 7}]},
        "period": "2026-01",
    }

    assert amount == quoting.quote(PriceBook(name="q", plans={}), request, month=FIRST)["amount"]

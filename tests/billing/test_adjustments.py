"""Adjustments: discounts off recurring lines."""

from pathlib import Path

import pytest

from tests.ledgers import billed, expected, lines, metered

DISCOUNTED = """
    meters.calls = {}
    [discounts.always]
    share = 0.15
    [discounts.quarter]
    share = 0.5
    months = 3
    [discounts.gift]
    share = 1
    months = 1
    [discounts.tenth]
    share = 0.1
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.calls = { meter = "calls", unit_price = 1 }
    prices.fee = { per = "subscription", cadence = "once", unit_price = 70 }
    prices.seat = { per = "seat", unit_price = 99, annual = { unit_price = 950 } }
    [add_ons.llm]
    name = "LLM"
    plans = ["pro"]
    price = { per = "add_on", unit_price = 200 }
"""

DISCOUNTS = {  # what is told; months; the facts; month, price, kind, amount
    "a discount is a line of its own": (
        1,
        "2026-01-01  a  subscription.started  s pro 2 discount=always",
        """
        2026-01  fee   once       70.00
        2026-01  seat  discount   -29.70
        2026-01  seat  recurring  198.00
        """,
    ),
    "it is a share of the rounded line": (  # 31.94 x 0.15 = 4.791, 67.06 x 0.15 = 10.059
        1,
        """
        2026-01-01  a  subscription.started  s pro 1 discount=always
        2026-01-11  a  seats.changed         s 1
        2026-01-11  a  add_on.bought         s llm
        2026-01-11T13:00:00  a  add_on.dropped  s llm
        """,
        """
        2026-01  fee   once       70.00
        2026-01  seat  discount   -4.79
        2026-01  seat  discount   -10.06
        2026-01  seat  recurring  31.94
        2026-01  seat  recurring  67.06
        """,
    ),
    "add-ons are recurring too": (
        1,
        """
        2026-01-01           a  subscription.started  s pro 0 discount=always
        2026-01-01T13:00:00  a  add_on.bought         s llm
        """,
        """
        2026-01  fee  once       70.00
        2026-01  llm  discount   -30.00
        2026-01  llm  recurring  200.00
        """,
    ),
    "a discount of three months ends with the third": (  # 99 x 12/31 = 38.32
        4,
        "2026-01-20  a  subscription.started  s pro 1 discount=quarter",
        """
        2026-01  fee   once       70.00
        2026-01  seat  discount   -19.16
        2026-01  seat  recurring  38.32
        2026-02  seat  discount   -49.50
        2026-02  seat  recurring  99.00
        2026-03  seat  discount   -49.50
        2026-03  seat  recurring  99.00
        2026-04  seat  recurring  99.00
        """,
    ),
    "months are counted from the subscription's start, its trial included": (  # 21/28 of 99 = 74.25
        4,
        "2026-01-25  a  subscription.started  s pro 1 discount=quarter trial_days=14",
        """
        2026-02  fee   once       70.00
        2026-02  seat  discount   -37.13
        2026-02  seat  recurring  74.25
        2026-03  seat  discount   -49.50
        2026-03  seat  recurring  99.00
        2026-04  seat  recurring  99.00
        """,
    ),
    "a year in advance, its credit and its new charge are discounted": (  # 290 of 365 days
        4,
        """
        2026-01-31  a  subscription.started  s pro 10 year discount=tenth
        2026-04-16  a  seats.changed         s 12
        """,
        """
        2026-01  fee   once       70.00
        2026-01  seat  discount   -950.00
        2026-01  seat  recurring  9500.00
        2026-04  seat  credit     -7547.95
        2026-04  seat  discount   754.80
        2026-04  seat  discount   -905.75
        2026-04  seat  recurring  9057.53
        """,
    ),
    "a whole discount leaves nothing of the price": (
        2,
        "2026-01-01  a  subscription.started  s pro 1 discount=gift",
        """
        2026-01  fee   once       70.00
        2026-01  seat  discount   -99.00
        2026-01  seat  recurring  99.00
        2026-02  seat  recurring  99.00
        """,
    ),
    "another plan keeps the discount": (
        2,
        """
        2026-01-01           a  subscription.started  s pro 1 discount=always
        2026-02-01T00:00:00  a  plan.changed          s pro 2
        """,
        """
        2026-01  fee   once       70.00
        2026-01  seat  discount   -14.85
        2026-01  seat  recurring  99.00
        2026-02  seat  discount   -29.70
        2026-02  seat  recurring  198.00
        """,
    ),
}


@pytest.mark.parametrize(("months", "table", "due"), DISCOUNTS.values(), ids=list(DISCOUNTS))
def test_recurring_lines_are_discounted(months: int, table: str, due: str) -> None:
    """Lines with cents worked out by hand; fees are never discounted."""
    found = lines(billed(DISCOUNTED, table, months), "month price kind amount")

    assert sorted(expected(due)) == sorted(found)


def test_usage_is_never_discounted(tmp_path: Path) -> None:
    """Only what recurs."""
    table = """
        2026-01-01  a  subscription.started  s pro 0 discount=always
        2026-01-02  s  usage.recorded        calls 100
    """

    assert [("calls", "usage", "100.00"), ("fee", "once", "70.00")] == lines(
        metered(tmp_path, DISCOUNTED, table, 1), "price kind amount"
    )


def test_a_discount_pays_for_the_service_of_its_line() -> None:
    """Its quantity, stream and service period are those of the line that it takes from."""
    bill = billed(DISCOUNTED, "2026-01-31  a  subscription.started  s pro 10 year discount=tenth", 1)
    columns = "plan price stream quantity starts_on ends_on"

    assert lines(bill, columns, kind="recurring") == lines(bill, columns, kind="discount")

"""Fees: prices that fall due once, when a subscription first comes to what they are for."""

import pytest

from tests.ledgers import billed, expected, lines

BOOK = """
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.seat = { per = "seat", unit_price = 99 }
    [plans.setup]
    name = "With a fee"
    stream = "subscriptions"
    prices.fee = { per = "subscription", unit_price = 500, cadence = "once" }
    prices.each = { per = "seat", unit_price = 10, cadence = "once" }
    [add_ons.move]
    name = "Migration"
    plans = ["pro", "setup"]
    price = { per = "add_on", unit_price = 70, cadence = "once" }
"""

LINES = {  # what is told; months; the facts; month, price, kind, quantity, amount, first day, first day after
    "a fee falls due once, at the start": (
        3,
        """
        2026-01-10  a  subscription.started  s setup 3
        2026-02-10  a  seats.changed         s 5
        """,
        """
        2026-01  each  once  3  30.00   2026-01-10  2026-01-11
        2026-01  fee   once  1  500.00  2026-01-10  2026-01-11
        """,
    ),
    "a fee falls due when a subscription first comes to the plan": (  # 99 x 9/28
        5,
        """
        2026-02-01            a  subscription.started  s pro
        2026-02-10            a  plan.changed          s setup 2
        2026-03-01            a  plan.changed          s pro 0
        2026-04-01            a  plan.changed          s setup 2
        """,
        """
        2026-02  seat  recurring  1  31.82   2026-02-01  2026-02-10
        2026-02  each  once       2  20.00   2026-02-10  2026-02-11
        2026-02  fee   once       1  500.00  2026-02-10  2026-02-11
        """,
    ),
    "who comes back pays no second fee": (
        5,
        """
        2026-01-10  a  subscription.started      s setup 3
        2026-02-10  a  subscription.cancelled    s 2026-03-01
        2026-04-10  a  subscription.reactivated  s setup 3
        """,
        """
        2026-01  each  once  3  30.00   2026-01-10  2026-01-11
        2026-01  fee   once  1  500.00  2026-01-10  2026-01-11
        """,
    ),
    "an add-on may be a fee": (
        3,
        """
        2026-01-10  a  subscription.started  s pro 0
        2026-02-10  a  add_on.bought         s move 2
        """,
        "2026-02  move  once  2  140.00  2026-02-10  2026-02-11",
    ),
}


@pytest.mark.parametrize(("months", "table", "due"), LINES.values(), ids=list(LINES))
def test_a_fee_falls_due_once(months: int, table: str, due: str) -> None:
    """On the first paid day on which a subscription has what the fee is for."""
    bill = billed(BOOK, table, months, first=table.split(maxsplit=1)[0][:7])

    assert expected(due) == lines(bill, "month price kind quantity amount starts_on ends_on")


def test_a_fee_costs_what_it_cost_on_the_first_day_of_the_month() -> None:
    """The version in force is that of the billed month's first day; only yearly terms look at the day."""
    text = """
        [plans.pro]
        name = "Pro"
        stream = "s"
        [plans.pro.prices.fee]
        per = "subscription"
        unit_price = 100
        cadence = "once"
        changes = [{ starts_on = 2026-01-10, unit_price = 200 }]
    """

    assert [("100.00",)] == lines(
        billed(text, "2026-01-20  a  subscription.started  s pro", 1), "amount", price="fee"
    )

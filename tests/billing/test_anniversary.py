"""Periods of a subscription's own: from its anchor, over two calendar months, through the whole ledger."""

from pathlib import Path

import pytest

from tests.ledgers import billed, closed, expected, lines, metered, rows

BOOK = """
[conventions]
periods = "anniversary"
{more}
[meters.calls]
[plans.pro]
name = "Pro"
stream = "s"
prices.seat = {{ per = "seat", unit_price = 31 }}
prices.calls = {{ meter = "calls", unit_price = 1, allowance = 10 }}
[plans.bound]
name = "Bound"
stream = "s"
commitment = {{ amount = 500 }}
prices.fee = {{ per = "subscription", model = "flat", flat_fee = 31 }}
[discounts.early]
share = 0.5
months = 2
"""


START = "2026-01-15  a  subscription.started  s pro"


def book(more: str = "") -> str:
    """The book, with other conventions beside the periods."""
    return BOOK.format(more=more)


@pytest.mark.parametrize(
    ("more", "told", "count", "table"),
    [
        pytest.param(
            "", "2026-01-15  a  subscription.started  s pro seats=1\n2026-01-25  a  seats.changed  s 2", 3,
            """
            2026-02  recurring  2026-01-15  2026-01-25  10.00
            2026-02  recurring  2026-01-25  2026-02-15  42.00
            2026-03  recurring  2026-02-15  2026-03-15  62.00
            """, id="a change within a period is billed with it",
        ),
        pytest.param(
            "", START + "\n2026-02-20  a  subscription.cancelled  s 2026-03-01", 3,
            """
            2026-02  recurring  2026-01-15  2026-02-15  31.00
            2026-03  recurring  2026-02-15  2026-03-01  15.50
            """, id="a period that is cut short is billed when it would have been over",
        ),
        pytest.param(
            'recurring = "advance"',
            "2026-01-15  a  subscription.started  s pro\n2026-01-31  a  seats.changed  s 3", 2,
            """
            2026-01  recurring  2026-01-15  2026-02-15  31.00
            2026-01  credit     2026-01-31  2026-02-15  -15.00
            2026-01  recurring  2026-01-31  2026-02-15  45.00
            2026-02  recurring  2026-02-15  2026-03-15  93.00
            """, id="in advance a period is billed when it begins",
        ),
        pytest.param(
            'recurring = "advance"\ncancellation = "credited"',
            START + " trial_days=7\n2026-01-28  a  subscription.cancelled  s 2026-02-01",
            2,
            """
            2026-01  recurring  2026-01-22  2026-02-22  31.00
            2026-02  credit     2026-02-01  2026-02-22  -21.00
            """, id="after a trial periods begin with the first paid day",
        ),
        pytest.param(
            "", "2026-01-15  a  subscription.started  s pro\n2026-01-25  a  plan.changed  s pro 1 year", 2,
            """
            2026-01  recurring  2026-01-25  2027-01-25  372.00
            2026-02  recurring  2026-01-15  2026-01-25  10.00
            """, id="who pays by the year has a new anchor",
        ),
        pytest.param(
            'proration = "second"',
            """
            2026-01-15T00:00:00  a  subscription.started  s pro seats=1
            2026-01-20T06:00:00  a  seats.changed  s 3
            2026-01-20T18:00:00  a  seats.changed  s 2
            """, 2,
            """
            2026-02  recurring  2026-01-15  2026-01-20  5.25
            2026-02  recurring  2026-01-20  2026-01-21  1.50
            2026-02  recurring  2026-01-20  2026-02-15  50.50
            """, id="several phases within a day",
        ),
    ],
)  # fmt: skip
def test_fees_of_anchored_periods(more: str, told: str, count: int, table: str) -> None:
    """Worked by hand, a seat a day for a unit of money in a period of 31 days."""
    found = lines(billed(book(more), told, count), "month kind starts_on ends_on amount")

    assert sorted(expected(table)) == sorted(found)


def test_a_discount_for_some_months_is_off_as_many_periods() -> None:
    """Two months are the first two periods, although the first is billed in the month after the start."""
    bill = billed(book(), "2026-01-15  a  subscription.started  s pro discount=early", 4)

    assert [("2026-02", "-15.50"), ("2026-03", "-15.50")] == lines(bill, "month amount", kind="discount")


@pytest.mark.parametrize("more", ["", 'recurring = "advance"'])
@pytest.mark.parametrize("step", [0, 1])
def test_a_contract_year_closes_with_its_last_period(more: str, step: int, tmp_path: Path) -> None:
    """Twelve periods of 31 are 372 of 500: what is missing is due when the year from the anchor is over."""
    told = "2026-01-15  a  subscription.started  s bound"

    tables = closed(tmp_path, book(more), told, 14, step=step)

    found = lines(tables, "month starts_on ends_on amount", kind="true_up")
    assert [("2027-01", "2026-01-15", "2027-01-15", "128.00")] == found


def test_a_commitment_is_closed_with_the_period_in_which_a_subscription_ends() -> None:
    """It paid 31 and 14 of 28 days of the next; 500 - 46.50 are missing."""
    told = "2026-01-15  a  subscription.started  s bound\n2026-02-10  a  subscription.cancelled  s 2026-03-01"

    found = lines(billed(book(), told, 3), "month amount", kind="true_up")

    assert [("2026-03", "453.50")] == found


@pytest.mark.parametrize("step", [0, 1])
def test_usage_of_a_period_that_is_not_over_is_not_due(step: int, tmp_path: Path) -> None:
    """Nothing disappears: what was used after the last period's end is in unrated_usage."""
    told = """
    2026-01-15  a  subscription.started  s pro
    2026-02-14  s  usage.recorded        calls 15
    2026-02-15  s  usage.recorded        calls 70
    2026-02-20  x  usage.recorded        calls 5
    """

    tables = closed(tmp_path, book(), told, 2, step=step)

    assert [("2026-02", "15", "10", "5.00")] == lines(
        tables, "month quantity allowance amount", price="calls"
    )
    assert [("2026-02", "x", "no_subscription", "5"), ("2026-02", "s", "not_due", "70")] == rows(
        tables["unrated_usage"], "month subject reason quantity"
    )


def test_an_allowance_is_prorated_by_the_periods_own_days(tmp_path: Path) -> None:
    """Half of a period of 28 days has half of the ten."""
    told = """
    2026-01-15  a  subscription.started    s pro
    2026-02-20  s  usage.recorded          calls 8
    2026-02-20  a  subscription.cancelled  s 2026-03-01
    """

    found = lines(metered(tmp_path, book(), told, 3), "month quantity allowance amount", price="calls")

    assert [("2026-03", "8", "5", "3.00")] == found

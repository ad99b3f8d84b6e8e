"""Yearly charges: a year in advance from the anchor, credits and charges in mid-term, one-time fees."""

from decimal import Decimal

import pytest

from tests.ledgers import billed, expected, lines

BOOK = """
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.seat = { per = "seat", unit_price = 99, annual = { unit_price = 950 } }
    [plans.team]
    name = "Team"
    stream = "subscriptions"
    [plans.team.prices.base]
    per = "subscription"
    unit_price = 300
    [plans.team.prices.seat]
    per = "seat"
    model = "graduated"
    tiers = [{ up_to = 5, unit_price = 40 }, { unit_price = 30 }]
    [plans.oem]
    name = "OEM"
    stream = "oem"
    prices.license = { per = "subscription", unit_price = 1000, cadence = "year" }
    prices.support = { per = "subscription", unit_price = 31 }
    [plans.rising]
    name = "Rising"
    stream = "subscriptions"
    [plans.rising.prices.seat]
    per = "seat"
    unit_price = 100
    annual = { unit_price = 950 }
    changes = [
        { starts_on = 2026-09-01, unit_price = 110, annual = { unit_price = 1000 } },
        { starts_on = 2027-01-02, unit_price = 120, annual = { unit_price = 1100 } },
    ]
    [add_ons.llm]
    name = "LLM"
    plans = ["pro", "team", "oem"]
    price = { per = "add_on", unit_price = 200 }
    [add_ons.audit]
    name = "Audit"
    plans = ["pro", "team", "oem"]
    price = { per = "add_on", unit_price = 1200, cadence = "year" }
"""

LINES = {  # what is told; months; the facts; month, price, kind, quantity, amount, first day, first day after
    "a year is charged on its first day, and the next on the same day": (
        26,
        "2026-01-31  a  subscription.started  s pro 10 year",
        """
        2026-01  seat  recurring  10  9500.00  2026-01-31  2027-01-31
        2027-01  seat  recurring  10  9500.00  2027-01-31  2028-01-31
        2028-01  seat  recurring  10  9500.00  2028-01-31  2029-01-31
        """,
    ),
    "without an annual rate a year costs twelve months": (  # 12 x 300; 12 x (5 x 40 + 3 x 30)
        12,
        "2026-01-01  a  subscription.started  s team 8 year",
        """
        2026-01  base  recurring  1  3600.00  2026-01-01  2027-01-01
        2026-01  seat  recurring  8  3480.00  2026-01-01  2027-01-01
        """,
    ),
    "seats up in mid-term credit the rest and charge it anew": (  # 290 of 365 days
        12,
        """
        2026-01-31  a  subscription.started  s pro 10 year
        2026-04-16  a  seats.changed         s 12
        """,
        """
        2026-01  seat  recurring  10  9500.00   2026-01-31  2027-01-31
        2026-04  seat  credit     10  -7547.95  2026-04-16  2027-01-31
        2026-04  seat  recurring  12  9057.53   2026-04-16  2027-01-31
        """,
    ),
    "seats down in mid-term give money back": (  # 7600 x 290/365
        13,
        """
        2026-01-31  a  subscription.started  s pro 10 year
        2026-04-16  a  seats.changed         s 8
        """,
        """
        2026-01  seat  recurring  10  9500.00   2026-01-31  2027-01-31
        2026-04  seat  credit     10  -7547.95  2026-04-16  2027-01-31
        2026-04  seat  recurring  8   6038.36   2026-04-16  2027-01-31
        2027-01  seat  recurring  8   7600.00   2027-01-31  2028-01-31
        """,
    ),
    "a second change credits what the first one charged": (  # 122 of 365 days: 11400 and 4750
        12,
        """
        2026-01-31  a  subscription.started  s pro 10 year
        2026-04-16  a  seats.changed         s 12
        2026-10-01  a  seats.changed         s 5
        """,
        """
        2026-01  seat  recurring  10  9500.00   2026-01-31  2027-01-31
        2026-04  seat  credit     10  -7547.95  2026-04-16  2027-01-31
        2026-04  seat  recurring  12  9057.53   2026-04-16  2027-01-31
        2026-10  seat  credit     12  -3810.41  2026-10-01  2027-01-31
        2026-10  seat  recurring  5   1587.67   2026-10-01  2027-01-31
        """,
    ),
    "another plan within the term keeps the term": (  # 214 of 365 days: 9500, 3600, 3480
        13,
        """
        2026-01-31  a  subscription.started  s pro 10 year
        2026-07-01  a  plan.changed          s team 8 year
        """,
        """
        2026-01  seat  recurring  10  9500.00   2026-01-31  2027-01-31
        2026-07  seat  credit     10  -5569.86  2026-07-01  2027-01-31
        2026-07  base  recurring  1   2110.68   2026-07-01  2027-01-31
        2026-07  seat  recurring  8   2040.33   2026-07-01  2027-01-31
        2027-01  base  recurring  1   3600.00   2027-01-31  2028-01-31
        2027-01  seat  recurring  8   3480.00   2027-01-31  2028-01-31
        """,
    ),
    "from month to year: the month up to the day, then a year from it": (  # 2 x 99 x 14/31 = 89.42
        3,
        """
        2026-01-31            a  subscription.started  s pro 2
        2026-03-15            a  plan.changed          s pro 2 year
        """,
        """
        2026-01  seat  recurring  2  6.39     2026-01-31  2026-02-01
        2026-02  seat  recurring  2  198.00   2026-02-01  2026-03-01
        2026-03  seat  recurring  2  89.42    2026-03-01  2026-03-15
        2026-03  seat  recurring  2  1900.00  2026-03-15  2027-03-15
        """,
    ),
    "from year to month: the rest of the year comes back, then months": (  # 9500 x 214/365
        8,
        """
        2026-01-31  a  subscription.started  s pro 10 year
        2026-07-01  a  plan.changed          s pro 10 month
        """,
        """
        2026-01  seat  recurring  10  9500.00   2026-01-31  2027-01-31
        2026-07  seat  credit     10  -5569.86  2026-07-01  2027-01-31
        2026-07  seat  recurring  10  990.00    2026-07-01  2026-08-01
        2026-08  seat  recurring  10  990.00    2026-08-01  2026-09-01
        """,
    ),
    "a change on the first day of a term charges the whole new term": (
        13,
        """
        2026-01-31  a  subscription.started  s pro 10 year
        2027-01-31  a  seats.changed         s 12
        """,
        """
        2026-01  seat  recurring  10  9500.00   2026-01-31  2027-01-31
        2027-01  seat  recurring  12  11400.00  2027-01-31  2028-01-31
        """,
    ),
    "a change on the last day of a term is worth one day": (  # 30 January: 1 of 365 days
        13,
        """
        2026-01-31  a  subscription.started  s pro 10 year
        2027-01-30  a  seats.changed         s 1
        """,
        """
        2026-01  seat  recurring  10  9500.00  2026-01-31  2027-01-31
        2027-01  seat  credit     10  -26.03   2027-01-30  2027-01-31
        2027-01  seat  recurring  1   2.60     2027-01-30  2027-01-31
        2027-01  seat  recurring  1   950.00   2027-01-31  2028-01-31
        """,
    ),
    "a change that costs the same moves no money": (
        12,
        """
        2026-01-31  a  subscription.started  s pro 10 year
        2026-04-16  a  plan.changed          s pro 10 year
        2026-05-16  a  seats.changed         s 10
        """,
        "2026-01  seat  recurring  10  9500.00  2026-01-31  2027-01-31",
    ),
    "another plan at the same price is another line": (  # 600 and 600 are equal, the price is not the same
        12,
        """
        2026-01-01  a  subscription.started  s pro 0 year
        2026-01-01T13:00:00  a  add_on.bought  s audit
        2026-07-01  a  plan.changed          s oem 0 year
        """,
        """
        2026-01  audit    recurring  1  1200.00  2026-01-01  2027-01-01
        2026-07  license  recurring  1  504.11   2026-07-01  2027-01-01
        2026-07  support  recurring  1  187.53   2026-07-01  2027-01-01
        """,
    ),
    "the end of a term is the end": (
        26,
        """
        2026-01-31  a  subscription.started    s pro 10 year
        2026-12-31  a  subscription.cancelled  s 2027-01-31
        """,
        "2026-01  seat  recurring  10  9500.00  2026-01-31  2027-01-31",
    ),
    "an end in mid-term refunds nothing": (
        26,
        """
        2026-01-31  a  subscription.started    s pro 10 year
        2026-06-30  a  subscription.cancelled  s 2026-07-15
        """,
        "2026-01  seat  recurring  10  9500.00  2026-01-31  2027-01-31",
    ),
    "who comes back after an end in mid-term pays a new year": (
        13,
        """
        2026-01-31  a  subscription.started      s pro 10 year
        2026-06-30  a  subscription.cancelled    s 2026-07-15
        2026-07-16  a  subscription.reactivated  s pro 1 year
        """,
        """
        2026-01  seat  recurring  10  9500.00  2026-01-31  2027-01-31
        2026-07  seat  recurring  1   950.00   2026-07-16  2027-07-16
        """,
    ),
    "a leap day's terms end on 28 and on 29 February": (
        49,
        "2028-02-29  a  subscription.started  s pro 1 year",
        """
        2028-02  seat  recurring  1  950.00  2028-02-29  2029-02-28
        2029-02  seat  recurring  1  950.00  2029-02-28  2030-02-28
        2030-02  seat  recurring  1  950.00  2030-02-28  2031-02-28
        2031-02  seat  recurring  1  950.00  2031-02-28  2032-02-29
        2032-02  seat  recurring  1  950.00  2032-02-29  2033-02-28
        """,
    ),
    "a leap day's first term has 365 days": (  # 180 of 365 days
        8,
        """
        2028-02-29  a  subscription.started  s pro 1 year
        2028-09-01  a  seats.changed         s 2
        """,
        """
        2028-02  seat  recurring  1  950.00   2028-02-29  2029-02-28
        2028-09  seat  credit     1  -468.49  2028-09-01  2029-02-28
        2028-09  seat  recurring  2  936.99   2028-09-01  2029-02-28
        """,
    ),
    "after a trial the year begins on the first paid day": (
        14,
        "2026-01-20  a  subscription.started  s pro 1 year trial_days=30",
        """
        2026-02  seat  recurring  1  950.00  2026-02-19  2027-02-19
        2027-02  seat  recurring  1  950.00  2027-02-19  2028-02-19
        """,
    ),
    "a yearly price is paid by the year, whatever the rhythm": (  # 31 x 17/31 = 17
        1,
        "2026-01-15  a  subscription.started  s oem",
        """
        2026-01  license  recurring  1  1000.00  2026-01-15  2027-01-15
        2026-01  support  recurring  1  17.00    2026-01-15  2026-02-01
        """,
    ),
    "an add-on joins the term, by days": (  # 12 x 200 x 184/365; two then; 2400 x 92/365 of the second gone
        12,
        """
        2026-01-01            a  subscription.started  s pro 1 year
        2026-07-01            a  add_on.bought         s llm
        2026-10-01            a  add_on.dropped        s llm
        """,
        """
        2026-01  seat  recurring  1  950.00   2026-01-01  2027-01-01
        2026-07  llm   recurring  1  1209.86  2026-07-01  2027-01-01
        2026-10  llm   credit     1  -604.93  2026-10-01  2027-01-01
        """,
    ),
    "more of an add-on credits and charges": (  # 2400 and 4800 x 184/365
        12,
        """
        2026-01-01            a  subscription.started  s pro 1 year
        2026-01-01T13:00:00   a  add_on.bought         s llm
        2026-07-01            a  add_on.bought         s llm
        """,
        """
        2026-01  llm   recurring  1  2400.00   2026-01-01  2027-01-01
        2026-01  seat  recurring  1  950.00    2026-01-01  2027-01-01
        2026-07  llm   credit     1  -1209.86  2026-07-01  2027-01-01
        2026-07  llm   recurring  2  2419.73   2026-07-01  2027-01-01
        """,
    ),
    "a yearly add-on of a monthly plan is paid by the year": (  # 1200 x 184/365, of the anchor's term
        7,
        """
        2026-01-01            a  subscription.started  s pro 0
        2026-07-01            a  add_on.bought         s audit
        """,
        "2026-07  audit  recurring  1  604.93  2026-07-01  2027-01-01",
    ),
    "a price that rises is paid from the next term on": (
        13,
        "2026-01-01  a  subscription.started  s rising 1 year",
        """
        2026-01  seat  recurring  1  950.00   2026-01-01  2027-01-01
        2027-01  seat  recurring  1  1000.00  2027-01-01  2028-01-01
        """,
    ),
    "a change in mid-term is charged at the price of its day": (  # 950 x 122/365; 2 x 1000 x 122/365
        9,
        """
        2026-01-01            a  subscription.started  s rising 1 year
        2026-09-01            a  seats.changed         s 2
        """,
        """
        2026-01  seat  recurring  1  950.00   2026-01-01  2027-01-01
        2026-09  seat  credit     1  -317.53  2026-09-01  2027-01-01
        2026-09  seat  recurring  2  668.49   2026-09-01  2027-01-01
        """,
    ),
}


@pytest.mark.parametrize(("months", "table", "due"), LINES.values(), ids=list(LINES))
def test_a_year_is_charged_in_advance(months: int, table: str, due: str) -> None:
    """Lines with cents worked out by hand: a year's price x days left / days of the term."""
    bill = billed(BOOK, table, months, first=table.split(maxsplit=1)[0][:7])

    assert expected(due) == lines(bill, "month price kind quantity amount starts_on ends_on")


def test_nothing_is_refunded_to_who_comes_back_on_the_day_of_the_end() -> None:
    """A cancellation in mid-term is no refund, also where the next subscription begins the same day."""
    bill = billed(
        BOOK,
        """
        2026-01-31  a  subscription.started      s pro 10 year
        2026-06-30  a  subscription.cancelled    s 2026-07-15
        2026-07-15  a  subscription.reactivated  s pro 1 year
        """,
        12,
    )

    assert expected("""
        2026-01  recurring  9500.00  2026-01-31
        2026-07  recurring  950.00   2026-07-15
    """) == lines(bill, "month kind amount starts_on")


def test_a_yearly_price_has_an_annual_rate_only_for_who_pays_by_the_year() -> None:
    """With cadence "year" the price's own rate is the year's; `annual` is for who is billed by the year."""
    text = """
        [plans.oem]
        name = "OEM"
        stream = "s"
        [plans.oem.prices.license]
        per = "subscription"
        unit_price = 1000
        cadence = "year"
        annual = { unit_price = 900 }
    """
    table = "2026-01-01  a  subscription.started  {} oem billing={}"
    bill = billed(text, "\n".join(table.format(*who) for who in (("m", "month"), ("y", "year"))), 1)

    assert [("m", "1000.00"), ("y", "900.00")] == lines(bill, "subscription amount")


def test_mid_term_changes_leave_the_worth_of_the_days() -> None:
    """All lines of a term add up to each day's part of its yearly price, but for rounding."""
    table = """
        2026-01-31  a  subscription.started  s pro 10 year
        2026-03-01  a  seats.changed         s 20
        2026-05-01  a  seats.changed         s 7
        2026-09-30  a  seats.changed         s 13
    """
    days = [(10, 29), (20, 61), (7, 152), (13, 123)]  # 29 + 61 + 152 + 123 = 365
    whole = Decimal(sum(950 * seats * count for seats, count in days)) / 365
    paid = sum(Decimal(amount) for (amount,) in lines(billed(BOOK, table, 12), "amount"))

    assert abs(whole - paid) < Decimal("0.005") * 7


def test_the_lines_of_a_term_carry_the_terms_they_were_sold_on() -> None:
    """A credit names the phase, plan and quantity that it takes back, the charge those that it sells."""
    table = """
        2026-01-31  a  subscription.started  s pro 10 year
        2026-07-01  a  plan.changed          s team 5 year
    """

    assert expected("""
        1  pro   seat  recurring  10
        1  pro   seat  credit     10
        2  team  base  recurring  1
        2  team  seat  recurring  5
    """) == lines(billed(BOOK, table, 7), "phase_no plan price kind quantity")

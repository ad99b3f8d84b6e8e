"""Adjustments: discounts off recurring lines, and what is missing to a commitment."""

from pathlib import Path

import pytest

from tests.ledgers import billed, closed, expected, lines, metered

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


COMMITTED = """
    meters.calls = {}
    [discounts.half]
    share = 0.5
    [plans.big]
    name = "Big"
    stream = "oem"
    commitment = { amount = 1200 }
    prices.base = { per = "subscription", unit_price = 50 }
    prices.calls = { meter = "calls", unit_price = 1 }
    [plans.rich]
    name = "Rich"
    stream = "oem"
    commitment = { amount = 1200 }
    prices.base = { per = "subscription", unit_price = 100 }
    [plans.annual]
    name = "Annual"
    stream = "oem"
    commitment = { amount = 1200 }
    prices.base = { per = "subscription", unit_price = 1000, cadence = "year" }
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.base = { per = "subscription", unit_price = 30 }
"""

TRUE_UPS = {  # what is told; months; the facts; month, amount, first day, first day after of each true-up
    "a contract year is trued up in its twelfth month": (  # 50 x 17/31 = 27.42, + 11 x 50 = 577.42
        26,
        "2026-01-15  a  subscription.started  s big",
        """
        2026-12  622.58  2026-01-01  2027-01-01
        2027-12  600.00  2027-01-01  2028-01-01
        """,
    ),
    "the year is counted from the month of the anchor": (  # 20 February: 50 x 9/28 = 16.07
        14,
        "2026-02-20  a  subscription.started  s big",
        "2027-01  633.93  2026-02-01  2027-02-01",
    ),
    "a trial is before the first contract year": (  # paid from 10 February: 50 x 19/28 = 33.93
        14,
        "2026-01-11  a  subscription.started  s big trial_days=30",
        "2027-01  616.07  2026-02-01  2027-02-01",
    ),
    "who pays as much owes nothing more": (13, "2026-01-01  a  subscription.started  s rich", ""),
    "what a year in advance costs counts": (  # 1000 in January, again in the next
        14,
        "2026-01-10  a  subscription.started  s annual",
        "2026-12  200.00  2026-01-01  2027-01-01",
    ),
    "discounts count against the customer": (  # 12 x 25 = 300
        12,
        "2026-01-01  a  subscription.started  s big discount=half",
        "2026-12  900.00  2026-01-01  2027-01-01",
    ),
    "an early end is trued up in its month": (  # 27.42 + 150 + 50 x 19/31 = 30.65: 208.07
        13,
        """
        2026-01-15  a  subscription.started    s big
        2026-05-10  a  subscription.cancelled  s 2026-05-20
        """,
        "2026-05  991.93  2026-01-01  2026-06-01",
    ),
    "an end on the first of a month is trued up in the month that holds that day": (  # 27.42 + 200
        13,
        """
        2026-01-15  a  subscription.started    s big
        2026-05-10  a  subscription.cancelled  s 2026-06-01
        """,
        "2026-06  972.58  2026-01-01  2026-07-01",
    ),
    "an end in the twelfth month is trued up once": (  # 27.42 + 500 + 50 x 9/31 = 14.52: 541.94
        14,
        """
        2026-01-15  a  subscription.started    s big
        2026-11-10  a  subscription.cancelled  s 2026-12-10
        """,
        "2026-12  658.06  2026-01-01  2027-01-01",
    ),
    "an end with the contract year is trued up once": (
        14,
        """
        2026-01-15  a  subscription.started    s big
        2026-11-10  a  subscription.cancelled  s 2027-01-01
        """,
        "2026-12  622.58  2026-01-01  2027-01-01",
    ),
    "an end early in the second year owes the second year": (  # 50 + 50 x 9/28 = 16.07
        15,
        """
        2026-01-01  a  subscription.started    s big
        2027-02-01  a  subscription.cancelled  s 2027-02-10
        """,
        """
        2026-12  600.00   2026-01-01  2027-01-01
        2027-02  1133.93  2027-01-01  2027-03-01
        """,
    ),
    "a trial that ends owes nothing": (
        13,
        """
        2026-01-11  a  subscription.started    s big trial_days=30
        2026-01-20  a  subscription.cancelled  s 2026-02-10
        """,
        "",
    ),
    "what was paid on the plan before counts in the contract year": (  # 5 x 30 + 7 x 50 = 500
        12,
        """
        2026-01-01           a  subscription.started  s pro
        2026-06-01T00:00:00  a  plan.changed          s big 1
        """,
        "2026-12  700.00  2026-01-01  2027-01-01",
    ),
    "the plan of the year's last day decides": (  # 11 x 50 + 30, on a plan without a commitment
        14,
        """
        2026-01-01           a  subscription.started  s big
        2026-12-01T00:00:00  a  plan.changed          s pro 1
        """,
        "",
    ),
    "a plan that is taken on the year's last day counts, too": (  # 11 x 30 + 30 x 30/31 + 50 x 1/31 = 360.64
        12,
        """
        2026-01-01  a  subscription.started  s pro
        2026-12-31  a  plan.changed          s big 1
        """,
        "2026-12  839.36  2026-01-01  2027-01-01",
    ),
    "who comes back begins a new contract year": (  # 50; 12 x 50 from March on
        15,
        """
        2026-01-01  a  subscription.started      s big
        2026-01-20  a  subscription.cancelled    s 2026-02-01
        2026-03-01  a  subscription.reactivated  s big
        """,
        """
        2026-02  1150.00  2026-01-01  2026-03-01
        2027-02  600.00   2026-03-01  2027-03-01
        """,
    ),
}


@pytest.mark.parametrize(("months", "table", "due"), TRUE_UPS.values(), ids=list(TRUE_UPS))
def test_a_commitment_is_trued_up(months: int, table: str, due: str) -> None:
    """What is missing to the least of a contract year, with cents worked out by hand."""
    bill = billed(COMMITTED, table, months)

    assert expected(due) == lines(bill, "month amount starts_on ends_on", kind="true_up")


def test_usage_counts_toward_a_commitment(tmp_path: Path) -> None:
    """600 of base and 450.50 of usage leave 149.50; usage after the year does not count."""
    table = """
        2026-01-01  a  subscription.started  s big
        2026-06-02  s  usage.recorded        calls 450.50
        2027-01-02  s  usage.recorded        calls 500
    """

    assert [("2026-12", "149.50")] == lines(
        metered(tmp_path, COMMITTED, table, 13), "month amount", kind="true_up"
    )


def test_commitments_are_each_subscriptions_own() -> None:
    """What an account pays for another subscription does not count."""
    table = """
        2026-01-01  a  subscription.started  s big
        2026-01-01  a  subscription.started  t rich
    """

    assert [("s", "600.00")] == lines(billed(COMMITTED, table, 12), "subscription amount", kind="true_up")


def test_commitments_add_up_the_same_month_by_month(tmp_path: Path) -> None:
    """Bills of each month alone true up what one bill of all months does, for every case together."""
    table = "\n".join(
        line.replace("  a  ", f"  a{number}  ").replace("  s ", f"  s{number} ")
        for number, (_, told, _) in enumerate(TRUE_UPS.values())
        for line in told.splitlines()
    )
    at_once, one_by_one = (
        lines(closed(tmp_path / str(step), COMMITTED, table, 26, step=step), "month account kind amount")
        for step in (0, 1)
    )

    assert at_once == one_by_one

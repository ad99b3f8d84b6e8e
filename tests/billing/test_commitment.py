"""Commitments: what is missing to the least amount of a contract year is trued up when the year is over."""

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from billing.commitment import least
from billing.money import EXACT
from billing.rule import Commitment
from tests.ledgers import billed, closed, expected, lines, metered, rows

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
    [plans.rising]
    name = "More each year"
    stream = "oem"
    commitment = { amount = [600, 1200, 900] }
    prices.base = { per = "subscription", unit_price = 60, annual = { unit_price = 720 } }
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
    "each contract year has an amount of its own, and the last holds for all later ones": (  # 720 a year
        49,
        "2026-01-01  a  subscription.started  s rising",
        """
        2027-12  480.00  2027-01-01  2028-01-01
        2028-12  180.00  2028-01-01  2029-01-01
        2029-12  180.00  2029-01-01  2030-01-01
        """,
    ),
    "another billing begins the first contract year anew": (  # paid 720 in March of 2026 and of 2027
        27,
        """
        2026-01-01  a  subscription.started  s rising
        2026-03-01T00:00:00  a  plan.changed  s rising 1 year
        """,
        "2028-02  480.00  2027-03-01  2028-03-01",
    ),
    "who leaves early owes the amount of the year that had begun": (  # 4 x 60
        18,
        """
        2026-01-01  a  subscription.started    s rising
        2027-04-02  a  subscription.cancelled  s 2027-05-01
        """,
        "2027-05  960.00  2027-01-01  2027-06-01",
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


def test_the_floor_of_committed_mrr_is_that_of_the_contract_year(tmp_path: Path) -> None:
    """720 a year is 60 a month; 600, 1,200 and 900 a year are 50, 100 and 75."""
    tables = closed(tmp_path, COMMITTED, "2026-02-10  a  subscription.started  s rising", 36)
    held = rows(tables["mrr_balances"], "month amount")

    assert [("2027-01", "60.00"), ("2027-02", "100.00")] == held[11:13]
    assert [("2028-01", "100.00"), ("2028-02", "75.00")] == held[23:25]


def test_the_least_of_a_year_is_the_same_for_a_column() -> None:
    """As `Commitment.in_year` says it for one number."""
    commitment = Commitment(amount=(Decimal(600), Decimal(1200), Decimal(900)))
    numbers = pl.DataFrame({"number": range(6)})
    due = numbers.select(due=least(commitment.amount, pl.col("number")))["due"]

    assert due.dtype == EXACT
    assert [commitment.in_year(number) for number in range(6)] == due.to_list()

"""Recognition: a year paid in advance becomes revenue day by day, and the parts sum to the line."""

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest

from billing.recognition import recognise
from metering.period import month_of
from tests.ledgers import billed, book, expected, rows, run_of

BOOK = """
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.seat = { per = "seat", unit_price = 99, annual = { unit_price = 950 } }
    prices.fee = { per = "subscription", unit_price = 70, cadence = "once" }
    [discounts.tenth]
    share = 0.1
"""


def earned(told: str, months: int, *, first: str = "2026-01", text: str = BOOK) -> pl.DataFrame:
    """Recognise what a company's first year bills, over some months; ordered by line and month."""
    bill = billed(text, told, min(months, 12), first=first)
    found = recognise(bill.lines, book(text), run_of(months, first))
    return found.sort("invoice", "line_no", "month")


YEARS = {
    "from 31 January": (
        "2026-01-31  a  subscription.started  s pro 1 year",
        # 950 x 1/365 = 2.6027; 29/365 = 75.4795; 60/365 = 156.1644; 90/365 = 234.2466
        "2.60 72.88 80.68 78.09",
    ),
    "from 1 January": (
        "2026-01-01  a  subscription.started  s pro 1 year",
        "80.68 72.88 80.69 78.08",  # 31, 59, 90, 120 of 365 days: 80.6849, 153.5616, 234.2466, 312.3288
    ),
}


@pytest.mark.parametrize(("told", "first_months"), YEARS.values(), ids=list(YEARS))
def test_a_month_earns_its_days(told: str, first_months: str) -> None:
    """What was earned by each month's end, less what was earned before, rounded cumulatively."""
    found = earned(told, 13).filter(pl.col("amount") == 950)

    assert first_months.split() == [amount for (amount,) in rows(found, "earned")][:4]
    assert Decimal(950) == found["earned"].sum()


@pytest.mark.parametrize("start", ["2026-01-31", "2026-01-01", "2028-02-29", "2027-03-01", "2026-12-31"])
@pytest.mark.parametrize("seats", [1, 7, 13])
def test_the_parts_of_a_line_sum_to_it(start: str, seats: int) -> None:
    """With and without a leap day every month earns its days' part to the cent, and nothing is left."""
    found = earned(f"{start}  a  subscription.started  s pro {seats} year", 13, first=start[:7])
    (amount,) = found["amount"].unique()
    line = found.row(0, named=True)
    days = (line["ends_on"] - line["starts_on"]).days

    assert amount == 950 * seats == found["earned"].sum()
    for month, part in found.select("month", "earned").iter_rows():
        end = min(month_of(month).ends_on, line["ends_on"])
        mine = (end - max(month, line["starts_on"])).days
        assert abs(part - amount * mine / days) <= Decimal("0.01")


def test_a_credit_is_recognised_too() -> None:
    """Seats down: the credit's and the new charge's parts run to the term's end and sum to their lines."""
    found = earned(
        "2026-01-31  a  subscription.started  s pro 10 year\n2026-04-16  a  seats.changed  s 8", 13
    )
    sums = found.group_by("kind", "amount").agg(pl.col("earned").sum()).sort("amount")

    assert [("credit", "-7547.95", "-7547.95"), ("recurring", "6038.36", "6038.36")] == rows(
        sums, "kind amount earned"
    )[:2]
    assert rows(sums, "amount") == rows(sums.select(amount="earned"), "amount")


def test_a_discount_is_recognised_with_its_line() -> None:
    """Month by month a tenth less."""
    found = earned("2026-01-31  a  subscription.started  s pro 1 year discount=tenth", 13)
    parts = defaultdict(list)
    for kind, part in found.select("kind", "earned").iter_rows():
        parts[kind].append(part)

    assert (Decimal(950), Decimal(-95)) == (sum(parts["recurring"]), sum(parts["discount"]))
    pairs = zip(parts["recurring"], parts["discount"], strict=True)
    assert all(abs(part + 10 * less) <= Decimal("0.1") for part, less in pairs)


def test_what_is_earned_at_once_is_not_deferred() -> None:
    """Months in arrears and fees are earned with their invoice."""
    assert 0 == len(earned("2026-01-10  a  subscription.started  s pro 3", 3))


def test_a_rest_that_ends_with_the_month_is_not_deferred() -> None:
    """A change in the last month of a term pays for no later month."""
    found = earned(
        "2026-01-01  a  subscription.started  s pro 10 year\n2026-12-15  a  seats.changed  s 8", 13
    )

    assert [("9500.00",)] == rows(found.select("amount").unique(), "amount")


def test_months_without_a_part_are_no_rows() -> None:
    """A cent over a year is one part."""
    price = '{ per = "subscription", cadence = "year", unit_price = 0.01 }'
    text = f'[plans.pro]\nname = "Pro"\nstream = "s"\nprices.x = {price}'
    found = earned("2026-01-01  a  subscription.started  s pro", 12, text=text)

    assert expected("2026-07  0.01") == rows(found, "month earned")


def test_recognition_does_not_depend_on_how_far_the_log_reaches() -> None:
    """The months of a short log earn what they earn in a long one."""
    told = "2026-01-31  a  subscription.started  s pro 3 year"
    short, whole = earned(told, 5), earned(told, 13)

    assert rows(short, "month earned") == rows(whole, "month earned")[:5]
    cumulative = Decimal(2850) * 121 / 365  # 31 January to 31 May
    assert cumulative.quantize(Decimal("0.01"), ROUND_HALF_UP) == short["earned"].sum()

"""Progressive bills: usage that comes to an amount is billed that day, and the rest with the month."""

import random
from pathlib import Path

import polars as pl
import pytest

from billing.close import close
from billing.price_book import loads
from metering.document import Problems
from metering.period import months
from simulator.verification import Evidence, verify
from tests.ledgers import FIRST, book, closed, engine, expected, lines, posted, record, rows

PLAIN = """
currency = "USD"
[meters.calls]
unit = "call"
dimensions = ["region"]
[meters.jobs]
aggregation = "count"
[plans.pro]
name = "Pro"
stream = "subscription"
prices.seats = { per = "seat", unit_price = 30 }
prices.calls = { meter = "calls", model = "graduated", allowance = 1000, group_by = ["region"], tiers = [
    { up_to = 3000, unit_price = 0.01 }, { unit_price = 0.004 } ] }
prices.jobs = { meter = "jobs", model = "package", package_size = 10, unit_price = 3 }
[entitlements.gift]
given_by = { plans = ["pro"], renews = "month" }
covers = { meter = "jobs" }
quantity = 5
"""
BOOK = PLAIN.replace('stream = "subscription"', 'stream = "subscription"\nprogressive = [10, 50]')

JOINS = """
    2026-01-01  acme  account.signed_up     "Acme" a@acme.example smb web
    2026-01-01  acme  subscription.started  acme-1 pro 3
"""

ONE = """
    2026-01-10  acme-1  usage.recorded  calls 1500
    2026-01-12  acme-1  usage.recorded  calls 700
    2026-01-20  acme-1  usage.recorded  calls 5000
    2026-01-25  acme-1  usage.recorded  calls 125
"""


def test_usage_is_billed_on_the_day_on_which_it_comes_to_an_amount(tmp_path: Path) -> None:
    """1,200 calls beyond the allowance are $12 on the 12th; 6,200 are 30 + 12.80 on the 20th, under $50."""
    tables = closed(tmp_path, BOOK, JOINS + ONE, 1)

    assert rows(tables["invoices"], "invoice issued_on due_on total") == expected("""
        INV-2026-01-acme     2026-02-01  2026-03-03  121.30
        INV-2026-01-acme-P1  2026-01-12  2026-02-11  12.00
    """)
    assert lines(
        tables, "invoice line_no quantity allowance amount starts_on ends_on", price="calls"
    ) == expected("""
        INV-2026-01-acme     1  5125  0     31.30  2026-01-13  2026-02-01
        INV-2026-01-acme-P1  1  2200  1000  12.00  2026-01-01  2026-01-13
    """)


def test_an_amount_that_is_passed_at_once_is_billed_once(tmp_path: Path) -> None:
    """A day that passes both amounts has one bill, of all usage so far."""
    more = (
        JOINS
        + "2026-01-05  acme-1  usage.recorded  calls 9000\n2026-01-31  acme-1  usage.recorded  calls 9000"
    )
    tables = closed(tmp_path, BOOK, more, 1)

    assert lines(tables, "invoice quantity amount", price="calls") == expected("""
        INV-2026-01-acme     9000  36.00
        INV-2026-01-acme-P1  9000  50.00
    """)


def test_the_last_day_is_left_to_the_closing_bill(tmp_path: Path) -> None:
    """What passes an amount on the last day of the month is billed with it; so is a new month from zero."""
    more = """
        2026-01-31  acme-1  usage.recorded  calls 9000
        2026-02-01  acme-1  usage.recorded  calls 1900
    """

    assert ["INV-2026-01-acme", "INV-2026-02-acme"] == closed(tmp_path, BOOK, JOINS + more, 2)["invoices"][
        "invoice"
    ].to_list()


def test_an_invoice_of_a_part_is_booked_on_its_day(tmp_path: Path) -> None:
    """The customer owes it from the day of issue; paying the month pays all of its invoices."""
    paid = "2026-02-10  acme  invoice.paid  2026-01 9\n"
    tables = closed(tmp_path, BOOK, JOINS + ONE + paid, 2)

    assert rows(tables["entries"], "entry booked_on", kind="invoice")[:2] == [
        ("INV-2026-01-acme", "2026-02-01"),
        ("INV-2026-01-acme-P1", "2026-01-12"),
    ]
    assert rows(tables["payments"], "invoice kind amount") == [
        ("INV-2026-01-acme", "paid", "121.30"),
        ("INV-2026-01-acme-P1", "paid", "12.00"),
    ]


def test_a_longer_window_cannot_be_billed_in_parts() -> None:
    """A price that counts over a year would need the days of all of its months."""
    text = PLAIN.replace('stream = "subscription"', 'stream = "subscription"\nprogressive = [10]')

    with pytest.raises(Problems, match="the window of price 'calls' is longer than the month"):
        loads('name = "Test"\n' + text.replace("allowance = 1000,", 'window = "year",'))


def usage(seed: int) -> str:
    """Tell what a few subscriptions used on random days of three months, some of it known a month later."""
    rng = random.Random(seed)
    told = []
    periods = list(months(FIRST, 3))
    for number in range(60):
        period = periods[rng.randrange(3)]
        day = period.starts_on.replace(day=rng.randrange(1, 29))
        late = (
            f">{periods[2].starts_on.replace(day=5)}" if period != periods[2] and rng.random() < 0.2 else ""
        )
        what = (
            f'calls {rng.choice((1, 40, 700, 2500))} \'{{"region": "{rng.choice(("eu", "us"))}"}}\''
            if number % 3
            else "jobs 1"
        )
        told.append(f"    {day}{late}  {rng.choice(('acme-1', 'acme-2', 'beta-1'))}  usage.recorded  {what}")
    return "\n".join(told)


@pytest.mark.parametrize("seed", range(4))
def test_parts_add_up_to_the_bill_without_them(tmp_path: Path, seed: int) -> None:
    """With entitlements, packages, tiers, dimensions and late usage: the same to the cent, and verified."""
    told = f"""{JOINS}
        2026-01-01  acme  subscription.started  acme-2 pro 1
        2026-01-15  beta  account.signed_up     "Beta" b@beta.example smb web
        2026-01-15  beta  subscription.started  beta-1 pro 2
        2026-02-11  acme  seats.changed         acme-1 4
        2026-03-20  acme  subscription.cancelled  acme-2 2026-03-20
        {usage(seed)}
    """
    log = record(tmp_path, told, 3)
    whole, parts = (close(log, book=book(text), connection=engine()) for text in (PLAIN, BOOK))
    keys = ["month", "subscription", "plan", "price", "kind", "meter", "dimensions"]
    sums = [
        tables["invoice_lines"].group_by(keys).agg(pl.col("quantity", "amount").sum()).sort(keys)
        for tables in (whole, parts)
    ]
    evidence = Evidence(log.directory, log, book(BOOK), posted(parts))

    assert sums[0].equals(sums[1])
    assert len(parts["invoices"]) > len(whole["invoices"])
    assert [] == [verdict for verdict in verify(evidence) if not verdict.holds]
    assert parts["invoices"].filter(pl.col("invoice").str.contains("-P"), pl.col("total") <= 0).is_empty()
    in_steps = close(log, book=book(BOOK), connection=engine(), step=1)
    assert in_steps["invoice_lines"].equals(parts["invoice_lines"])

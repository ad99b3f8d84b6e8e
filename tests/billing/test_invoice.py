"""Invoices: one for each account and month with something to bill."""

from pathlib import Path

import polars as pl

from tests.ledgers import billed, expected, lines, metered, rows

BOOK = """
    meters.calls = {}
    [plans.pro]
    name = "Pro"
    stream = "s"
    prices.seat = { per = "seat", unit_price = 10, annual = { unit_price = 100 } }
    prices.calls = { meter = "calls", unit_price = 1, allowance = 100 }
    [plans.free]
    name = "Free"
    stream = "s"
    prices.calls = { meter = "calls", unit_price = 0 }
"""
COLUMNS = "invoice account month issued_on due_on currency line_count total"


def test_an_invoice_is_issued_on_the_day_after_the_month() -> None:
    """Number, issue and due day: 30 days later by default, over a month's end too."""
    bill = billed(BOOK, "2026-01-01  acme  subscription.started  s pro 2", 2)

    assert expected("""
        INV-2026-01-acme  acme  2026-01  2026-02-01  2026-03-03  USD  1  20.00
        INV-2026-02-acme  acme  2026-02  2026-03-01  2026-03-31  USD  1  20.00
    """) == rows(bill.invoices, COLUMNS)


def test_a_book_says_when_an_invoice_is_due() -> None:
    """Payment terms of a year and of no day."""
    for days, due in ((0, "2027-01-01"), (365, "2028-01-01")):
        text = f'currency = "EUR"\nconventions = {{ payment_terms_days = {days} }}\n{BOOK}'
        bill = billed(text, "2026-12-01  acme  subscription.started  s pro", 1, first="2026-12")

        assert [("EUR", "2027-01-01", due)] == rows(bill.invoices, "currency issued_on due_on")


def test_an_account_gets_one_invoice_for_all_that_it_has() -> None:
    """Two subscriptions of one account are on one invoice, another account's on another."""
    bill = billed(
        BOOK,
        """
        2026-01-01  acme  subscription.started  acme-2 pro 2
        2026-01-01  acme  subscription.started  acme-1 pro 1
        2026-01-01  beta  subscription.started  beta-1 pro 5
        """,
        1,
    )

    assert [("INV-2026-01-acme", "2", "30.00"), ("INV-2026-01-beta", "1", "50.00")] == rows(
        bill.invoices.sort("invoice"), "invoice line_count total"
    )
    assert expected("""
        INV-2026-01-acme  1  acme-1  10.00
        INV-2026-01-acme  2  acme-2  20.00
        INV-2026-01-beta  1  beta-1  50.00
    """) == lines(bill, "invoice line_no subscription amount")


def test_a_total_may_be_a_credit() -> None:
    """Seats down in a year paid in advance: 1000 and 100, 182 of 365 days."""
    bill = billed(
        BOOK,
        """
        2026-01-01  acme  subscription.started  s pro 10 year
        2026-07-03  acme  seats.changed         s 1
        """,
        7,
    )

    assert [("2026-01", "1000.00"), ("2026-07", "-448.77")] == rows(bill.invoices, "month total")


def test_who_owes_nothing_gets_no_invoice(tmp_path: Path) -> None:
    """Neither for usage that is free, nor for usage within an allowance, nor for nothing at all."""
    bill = metered(
        tmp_path,
        BOOK,
        """
        2026-01-01  a  subscription.started  s free
        2026-01-02  s  usage.recorded        calls 5
        2026-01-01  b  subscription.started  t pro 0
        2026-01-02  t  usage.recorded        calls 100
        2026-02-02  t  usage.recorded        calls 101
        """,
        2,
    )

    assert [("INV-2026-02-b", "1.00")] == rows(bill.invoices, "invoice total")
    assert [("2026-02", "101")] == lines(bill, "month quantity")


def test_totals_are_the_sums_of_their_lines(tmp_path: Path) -> None:
    """And lines are numbered from 1 without a gap."""
    table = "\n".join(
        f"2026-0{1 + n % 3}-{1 + n % 27:02}  acc-{n % 4}  subscription.started  sub-{n} pro {n} "
        f"{('month', 'year')[n % 2]}"
        for n in range(1, 40)
    )
    bill = billed(BOOK, table, 4)
    sums = bill.lines.group_by("invoice").agg(
        pl.col("amount").sum().alias("total"), pl.len().alias("line_count"), pl.col("line_no").max()
    )
    both = bill.invoices.join(sums, on="invoice", how="full", suffix="_of_lines")

    assert both["total"].equals(both["total_of_lines"])
    assert both["line_count"].cast(pl.Int64).equals(both["line_no"])
    assert len(bill.lines) == bill.lines.select("invoice", "line_no").n_unique()

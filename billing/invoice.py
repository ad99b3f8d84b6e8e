"""Invoices: one for each account and month with something to bill, its lines in a fixed order."""

import polars as pl

from billing.money import POSTED, allocate, round_money
from billing.price_book import PriceBook
from billing.schema import as_table
from metering.order import runs

_ORDER = ["month", "account", "subscription", "plan", "price", "kind", "starts_on", "phase_no", "dimensions"]
_TIES = ["meter", "quantity", "exact", "amount"]
"""What tells a price from an add-on of the same key."""


def settled(lines: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Return lines with their final amounts: where an invoice is rounded as a whole, its lines share that."""
    conventions = book.conventions
    if conventions.rounding_place != "invoice":
        return lines.with_columns(pl.col("amount").cast(POSTED))
    group = ["month", "account"]
    whole = round_money(pl.col("exact").sum().over(group), book.currency, conventions.rounding)
    rows = lines.sort(*(name for name in _ORDER if name != "phase_no"), *_TIES).with_columns(whole=whole)
    amounts = allocate(
        rows,
        exact="exact",
        total="whole",
        over=group,
        currency=book.currency,
        mode=conventions.rounding,
        remainders=conventions.remainders,
    )
    return rows.with_columns(amount=amounts.cast(POSTED)).select(lines.columns)


def owed(lines: pl.DataFrame) -> pl.DataFrame:
    """Keep the charges of accounts and months in which anything costs something.

    Who owes nothing for anything gets no invoice; on an invoice, what cost nothing (usage within an
    allowance) is shown.
    """
    costs = pl.col("amount") != 0
    if (lines["amount"] != 0).all():
        return lines
    free = lines.filter(~costs)
    keys = ["month", "account"]
    paying = lines.filter(costs).select(keys)
    without = free.select(keys).unique().join(paying, on=keys, how="anti")
    return lines.join(without, on=keys, how="anti", maintain_order="left") if len(without) else lines


def number_lines(lines: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Give each rounded charge its invoice and line number: the ledger's `invoice_lines`.

    A bill of a `part` of the month (`billing.progressive`) has its own, such as `INV-2026-01-acme-P1`.
    """
    rows, number = lines.sort(*_ORDER, *_TIES), closing()
    if is_parted := "part" in lines.columns:
        rows = rows.sort("month", "account", "part", maintain_order=True)
        own = pl.concat_str(number, pl.lit("-P"), "part")
        number = pl.when(pl.col("part") > 0).then(own).otherwise(number)
    bills = runs(rows, ["month", "account", "part"] if is_parted else ["month", "account"])
    names = rows[bills.first].select(invoice=number).to_series()
    rows = rows.with_columns(
        invoice=names.gather(bills.number), line_no=bills.position(), currency=pl.lit(book.currency)
    )
    return as_table(rows, "invoice_lines")


def closing() -> pl.Expr:
    """Return the number of the invoice that closes the month of an account."""
    return pl.lit("INV-") + pl.col("month").dt.strftime("%Y-%m") + "-" + pl.col("account")


def invoices(lines: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Add up lines: the ledger's `invoices`, due by the book's terms.

    They are issued on the day after the month, a bill of a part of it on the last day that it bills.
    """
    whole = pl.col("month").dt.offset_by("1mo")
    is_closing = pl.col("invoice") == closing()
    issued_on = pl.when(is_closing).then(whole).otherwise(pl.col("until_on").dt.offset_by("-1d"))
    rows = (
        lines.group_by("invoice", "account", "month", "currency", maintain_order=True)
        .agg(line_count=pl.len(), total=pl.col("amount").sum().cast(POSTED), until_on=pl.col("ends_on").max())
        .with_columns(issued_on=issued_on)
        .with_columns(due_on=pl.col("issued_on").dt.offset_by(f"{book.conventions.payment_terms_days}d"))
    )
    return as_table(rows, "invoices")

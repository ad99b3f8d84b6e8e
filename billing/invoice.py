"""Invoices: one for each account and month with something to bill, its lines in a fixed order."""

import polars as pl

from billing.money import allocate, round_money
from billing.price_book import PriceBook
from billing.schema import POSTED, as_table

_ORDER = ["month", "account", "subscription", "plan", "price", "kind", "starts_on", "phase_no", "dimensions"]
_TIES = ["meter", "quantity", "exact"]
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
    return lines.filter((pl.col("amount") != 0).any().over("month", "account"))


def number_lines(lines: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Give each rounded charge its invoice and line number: the ledger's `invoice_lines`."""
    rows = lines.sort(*_ORDER, *_TIES).with_columns(
        invoice=pl.lit("INV-") + pl.col("month").dt.strftime("%Y-%m") + "-" + pl.col("account"),
        line_no=pl.int_range(1, pl.len() + 1).over("month", "account"),
        currency=pl.lit(book.currency),
    )
    return as_table(rows, "invoice_lines")


def invoices(lines: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Add up lines: the ledger's `invoices`. Issued on the day after the month, due by the book's terms."""
    issued_on = pl.col("month").dt.offset_by("1mo")
    rows = (
        lines.group_by("invoice", "account", "month", "currency", maintain_order=True)
        .agg(line_count=pl.len(), total=pl.col("amount").sum().cast(POSTED))
        .with_columns(
            issued_on=issued_on, due_on=issued_on.dt.offset_by(f"{book.conventions.payment_terms_days}d")
        )
    )
    return as_table(rows, "invoices")

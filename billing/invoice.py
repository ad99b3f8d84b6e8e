"""Invoices: one for each account and month with something to bill, its lines in a fixed order."""

import polars as pl

from billing.money import allocate, round_money
from billing.price_book import PriceBook
from billing.schema import POSTED, as_table

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
    return lines.filter((pl.col("amount") != 0).any().over("month", "account"))


def number_lines(lines: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Give each rounded charge its invoice and line number: the ledger's `invoice_lines`.

    A bill of a `part` of the month (`billing.progressive`) has its own, such as `INV-2026-01-acme-P1`.
    """
    rows = _in_order(lines).with_columns(invoice=closing(), currency=pl.lit(book.currency))
    if "part" in lines.columns:
        own = pl.concat_str("invoice", pl.lit("-P"), "part")
        rows = rows.with_columns(invoice=pl.when(pl.col("part") > 0).then(own).otherwise("invoice"))
        rows = rows.sort("month", "account", "part", maintain_order=True)
    return as_table(rows.with_columns(line_no=pl.int_range(1, pl.len() + 1).over("invoice")), "invoice_lines")


def _in_order(lines: pl.DataFrame) -> pl.DataFrame:
    """Sort lines by their order and ties; texts are compared once each, and their places then sorted."""
    names = [*_ORDER, *_TIES]
    texts = {name: lines[name].unique().sort() for name in names if lines.schema[name] == pl.String}
    places = [pl.col(name).cast(pl.Enum(known)).to_physical() for name, known in texts.items()]
    by = lines.select(*places, *(name for name in names if name not in texts)).select(names)
    return lines[by.select(pl.arg_sort_by(names)).to_series()]


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

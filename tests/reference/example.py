"""The worked example of docs/concepts.md: two months of a company, from facts to entries and a replay."""

import tempfile
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl

from tests.ledgers import Tables, closed
from tests.reference.page import ROOT, fenced, table

FACTS = """\
2026-01-05  north   account.signed_up     "North" hello@north.example smb partner kind=partner
2026-01-08  acme    account.signed_up     "Acme" billing@acme.example smb partner
2026-01-08  acme    deal.referred         north referral
2026-01-10  acme    subscription.started  acme-1 team seats=3
2026-01-15  bolt    account.signed_up     "Bolt" billing@bolt.example smb self_serve
2026-01-15  bolt    subscription.started  bolt-1 metered billing=year
2026-01-20  acme-1  usage.recorded        calls 900
2026-01-28  acme-1  usage.recorded        calls 800
2026-02-13  acme    invoice.paid          2026-01 days=12
2026-02-15  acme    seats.changed         acme-1 5
2026-02-20  acme-1  usage.recorded        calls 2001
"""

BEFORE = (ROOT / "fixtures" / "tiny" / "prices.toml").read_text("utf-8")
AFTER = BEFORE.replace('per = "seat", unit_price = 30', 'per = "seat", unit_price = 36')
MONTHS = 2


def told() -> str:
    """Show the facts as they are told."""
    return fenced("text", FACTS)


def phases() -> str:
    """Show the phases that the facts fold into."""
    return _rows("subscription_phases", "subscription phase_no plan billing seats starts_on ends_on")


def usage() -> str:
    """Show what was measured."""
    return _rows("usage", "month subscription phase_no meter quantity events")


def lines() -> str:
    """Show the invoice lines."""
    return _rows(
        "invoice_lines", "invoice line_no price kind quantity allowance starts_on ends_on exact amount"
    )


def postings() -> str:
    """Show the journal of the first month and of the payment."""
    frame = _closed(BEFORE)["postings"]
    january = frame.filter((pl.col("month") == frame["month"].min()) | pl.col("entry").str.contains("PAID"))
    return _table(january, "entry ledger_account account amount")


def payouts() -> str:
    """Show what the partner earned."""
    return _rows("payouts", "month partner agreement account basis amount")


def replayed() -> str:
    """Show every line that is other under the other prices."""
    keys = ["invoice", "price", "starts_on"]
    names = [*keys, "amount"]
    before, after = (_closed(book)["invoice_lines"].select(names) for book in (BEFORE, AFTER))
    both = before.join(after, on=keys, suffix="_after", maintain_order="left")
    both = both.with_columns(difference=pl.col("amount_after") - pl.col("amount"))
    return _table(both.filter(pl.col("difference") != 0), "invoice price amount amount_after difference")


@cache
def _closed(book: str) -> Tables:
    with tempfile.TemporaryDirectory() as directory:
        return closed(Path(directory), book, FACTS, MONTHS)


def _rows(name: str, columns: str) -> str:
    return _table(_closed(BEFORE)[name], columns)


def _table(frame: pl.DataFrame, columns: str) -> str:
    names = columns.split()
    shown = frame.select(names)
    heads = [f"{name}:" if kind.is_numeric() else name for name, kind in shown.schema.items()]
    return table(heads, [[*map(_word, names, row)] for row in shown.iter_rows()])


def _word(name: str, value: object) -> str:
    """Write a value: months as 2026-01, money with its cents, quantities without zeros that say nothing."""
    if name == "month":
        return f"{value}"[:7]
    if not isinstance(value, Decimal):
        return "" if value is None else f"{value}"
    money = name.startswith(("amount", "basis", "difference"))
    text = f"{value:f}".rstrip("0")
    whole, _, places = text.partition(".")
    return f"{whole}.{places:0<2}" if money else text.rstrip(".")

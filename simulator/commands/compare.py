"""`saasim compare`: what differs between two runs, best of one log under two price books."""

import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.text import Text

from analytics.comparison import Comparison, compare
from billing import price_book
from billing.ledger import connect
from simulator import manifest, summary, tables
from simulator.publication import find
from simulator.values import percent_text, to_json, whole_money_text

SPLITS = ("stream", "plan", "segment")
"""The splits that a terminal shows; --json has all."""


def compare_runs(names: Sequence[str], *, top: int, as_json: bool) -> int:
    """Compare the first run with each of the others."""
    runs = [find(name) for name in names]
    first, *others = runs
    told = []
    screen = tables.terminal(sys.stdout)
    for other in others:
        currency = manifest.read(other)["price_book"]["currency"]
        with connect(first / manifest.LEDGER) as before, connect(other / manifest.LEDGER) as after:
            books = (price_book.load(first / manifest.PRICES), price_book.load(other / manifest.PRICES))
            found = compare(before, after, books=books)
        told.append(_told(first, other, found))
        if not as_json:
            _show(screen, f"{first} → {other}", found, top=top, currency=currency)
    if as_json:
        sys.stdout.write(to_json(told) + "\n")
    return 0


def _told(first: Path, other: Path, found: Comparison) -> dict[str, object]:
    frames = {name: getattr(found, name).to_dicts() for name in found._fields}
    rises = {f"{share}": count for share, count in found.rises().items()}
    return {"before": str(first), "after": str(other), "spread": found.spread(), "rises": rises} | frames


def _show(screen: Console, title: str, found: Comparison, *, top: int, currency: str) -> None:
    screen.print(title, style="bold")
    screen.print()
    _show_changes(screen, "", found.totals.rename({"measure": "part"}), currency)
    for split in SPLITS:
        changed = found.parts.filter(pl.col("split") == split, pl.col("change") != 0)
        if len(changed):
            screen.print(f"\nbilled, by {split}", style="bold")
            _show_changes(screen, split, changed.sort(pl.col("change").abs(), descending=True), currency)
    if len(found.causes):
        screen.print("\nwhy", style="bold")
        for cause, change in found.causes.iter_rows():
            screen.print(Text.assemble(f"  {cause:14}", _coloured(change, currency)))
    _show_customers(screen, found, top, currency)


def _show_customers(screen: Console, found: Comparison, top: int, currency: str) -> None:
    changed = found.customers.filter(pl.col("change") != 0)
    more, less = (len(changed.filter(sign)) for sign in (pl.col("change") > 0, pl.col("change") < 0))
    spread = "  ".join(f"{name} {percent_text(value)}" for name, value in found.spread().items())
    rises = ", ".join(f"{count} by more than {share:.0%}" for share, count in found.rises().items())
    screen.print(f"\n{len(found.customers)} customers: {more} pay more, {less} less", style="bold")
    screen.print(f"  change of a customer's bills: {spread}\n  up: {rises}\n")
    for account, segment, *_, change, relative in found.largest(top).iter_rows():
        screen.print(
            Text.assemble(f"  {account}  ", (segment, "dim"), "  ", _coloured(change, currency)),
            percent_text(relative),
        )
        own = found.lines.filter(pl.col("account") == account).sort(pl.col("change").abs(), descending=True)
        for row in own.head(3).iter_rows(named=True):
            what = f"      {row['plan']} {row['price']} ({row['kind']}, {row['cause']})"
            screen.print(Text.assemble((what, "dim"), "  ", _coloured(row["change"], currency)))


def _show_changes(screen: Console, head: str, frame: pl.DataFrame, currency: str) -> None:
    table = tables.plain_table()
    table.add_column(head)
    for name in ("before", "after", "change", ""):
        table.add_column(name, justify="right")
    for row in frame.iter_rows(named=True):
        write = _writer(row["part"])
        cells = [write(row[name], currency) for name in ("before", "after")]
        change = _coloured(row["change"], currency, write)
        table.add_row(row["part"] or "–", *cells, change, percent_text(row["relative"]))
    screen.print(table)


def _writer(name: str) -> summary.Writer:
    return _share_text if name in {"nrr", "gross_margin"} else _money_text


def _share_text(value: Decimal | None, currency: str) -> str:
    return "–" if value is None else percent_text(value)


def _money_text(value: Decimal | None, currency: str) -> str:
    return "–" if value is None else whole_money_text(value, currency)


def _coloured(change: Decimal | None, currency: str, write: summary.Writer = _money_text) -> Text:
    """Write a change: green is more, red is less."""
    sign = "+" if change and change > 0 else ""
    style = "" if not change else "green" if change > 0 else "red"
    return Text(sign + write(change, currency) if change is not None else "–", style=style)

"""`saasim metrics`: the monthly metrics of a run, whole or by part."""

import sys
from collections.abc import Sequence
from typing import Any

import polars as pl
from rich.table import Table

from analytics.metrics import monthly, monthly_by
from billing.ledger import connect
from simulator import manifest, summary, tables
from simulator.publication import find
from simulator.values import json_lines, sparkline

SHOWN = (
    "committed_mrr", "mrr_new", "mrr_expansion", "mrr_contraction", "mrr_churn", "customers", "nrr", "grr",
    "revenue", "gross_margin", "cac", "ltv_to_cac", "billed", "customers_new", "customers_churned",
)  # fmt: skip
"""The metrics of the table, as many as fit the width; --json has every one."""


def metrics(name: str, *, by: str | None, as_json: bool) -> int:
    """Print the metrics of every month."""
    run = find(name)
    currency = manifest.read(run)["price_book"]["currency"]
    with connect(run / manifest.LEDGER) as ledger:
        frame = monthly(ledger) if by is None else monthly_by(ledger, by)
    if as_json:
        for line in json_lines(frame.columns, frame.iter_rows()):
            sys.stdout.write(line + "\n")
        return 0
    _show(frame, by, currency)
    return 0


def _show(frame: pl.DataFrame, by: str | None, currency: str) -> None:
    """Print the metrics that fit the width, the weightiest first."""
    screen = tables.terminal(sys.stdout)
    names = [metric for metric in SHOWN if metric in frame.columns]
    drawn = {count: _table(frame, by, names[:count], currency) for count in range(len(names), 0, -1)}
    tables.show_fitting(screen, drawn.values())
    shown = next((n for n, table in drawn.items() if tables.fits(screen, table)), 1)
    if by is None and len(frame):
        curve = sparkline([float(amount) for amount in frame["committed_mrr"]])
        screen.print(f"\n  committed MRR  {curve}", style="green")
    keys = 1 if by is None else 2
    screen.print(f"  {shown} of {len(frame.columns) - keys} metrics; --json has all", style="dim")


def _table(frame: pl.DataFrame, by: str | None, names: Sequence[str], currency: str) -> Table:
    table = tables.plain_table()
    keys = ["month", *([by] if by else [])]
    for key in keys:
        table.add_column(key)
    for metric in names:
        table.add_column(summary.title(metric), justify="right")
    for row in frame.iter_rows(named=True):
        cells = [_key(row[key]) for key in keys]
        table.add_row(*cells, *(summary.figure(metric, row[metric], currency) for metric in names))
    return table


def _key(value: Any) -> str:
    return f"{value:%Y-%m}" if hasattr(value, "year") else str(value) or "–"

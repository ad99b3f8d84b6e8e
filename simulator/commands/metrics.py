"""`saasim metrics`: the monthly metrics of a run, whole or by part."""

import sys
from typing import Any

from analytics.metrics import monthly, monthly_by
from billing.ledger import connect
from simulator import manifest, summary, tables
from simulator.publication import find
from simulator.values import json_lines, sparkline

SHOWN = (
    "customers", "customers_new", "customers_churned", "committed_mrr", "mrr_new", "mrr_expansion",
    "mrr_contraction", "mrr_churn", "nrr", "grr", "billed", "revenue", "gross_margin", "cac", "ltv_to_cac",
)  # fmt: skip
"""The metrics of a table on a terminal; --json has every one."""


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
    screen = tables.terminal(sys.stdout)
    table = tables.plain_table()
    keys = ["month", *([by] if by else [])]
    names = [metric for metric in SHOWN if metric in frame.columns]
    for key in keys:
        table.add_column(key)
    for metric in names:
        table.add_column(summary.title(metric), justify="right")
    for row in frame.iter_rows(named=True):
        cells = [_key(row[key]) for key in keys]
        table.add_row(*cells, *(summary.figure(metric, row[metric], currency) for metric in names))
    screen.print(table)
    if by is None and len(frame):
        curve = sparkline([float(amount) for amount in frame["committed_mrr"]])
        screen.print(f"\n  committed MRR  {curve}", style="green")
    screen.print(f"  {len(names)} of {len(frame.columns) - len(keys)} metrics; --json has all", style="dim")
    return 0


def _key(value: Any) -> str:
    return f"{value:%Y-%m}" if hasattr(value, "year") else str(value) or "–"

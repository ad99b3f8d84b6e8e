"""`saasim metrics --month`: every metric of one month, by what it is about, and why one has no value."""

import sys
from collections.abc import Sequence

import polars as pl
from rich.table import Table
from rich.text import Text

from analytics.metrics import FAMILIES, METRICS, missing, monthly
from analytics.policy import named
from metering.document import did_you_mean, problem
from simulator import summary, tables
from simulator.source import opened
from simulator.values import json_lines


def month(
    words: Sequence[str], *, inputs: Sequence[str], until: str | None, label: str, policy: str, as_json: bool
) -> int:
    """Print every metric of a month (`2026-05` or `last`). Raises Problems for a month that is not closed."""
    taken = named(policy)
    with opened(words, inputs, until, taken) as (ledger, currency):
        frame, reasons = monthly(ledger, taken), missing(ledger, policy=taken)
    labels = [f"{day:%Y-%m}" for day in frame["month"]]
    wanted = labels[-1] if label == "last" and labels else label
    if wanted not in labels:
        raise problem("--month", f"the ledger has not closed {label!r}", did_you_mean(label, labels))
    row = frame.row(labels.index(wanted), named=True)
    why = dict(reasons.filter(pl.col("month") == row["month"]).select("metric", "reason").rows())
    if as_json:
        columns = ("metric", "unit", "value", "missing", "is")
        told = [
            (name, METRICS[name].unit, row[name], why.get(name), METRICS[name].description)
            for name in METRICS
            if name in row
        ]
        for line in json_lines(columns, told):
            sys.stdout.write(line + "\n")
        return 0
    screen = tables.terminal(sys.stdout)
    screen.print(_table(row, why, currency))
    screen.print(f"  {wanted}, policy {taken.name}, {taken.hash}", style="dim")
    return 0


def _table(row: dict[str, object], why: dict[str, str], currency: str) -> Table:
    table = tables.plain_table()
    table.add_column("metric", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("what it is, or why there is none")
    for family, metrics in FAMILIES.items():
        table.add_row(Text(family, style="bold"), "", "")
        for name, metric in metrics.items():
            if name not in row:
                continue
            said = Text(metric.description)
            if row[name] is None:
                said = Text(f"none: {why[name]}", style="dim")
            table.add_row(f"  {name}", summary.figure(name, row[name], currency), said)
    return table

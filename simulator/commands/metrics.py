"""`saasim metrics`: the monthly metrics of a run or of plain tables, whole, by part, or under each policy."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from rich.table import Table

from analytics.metrics import missing, monthly, monthly_by
from analytics.policy import PRESETS, named
from simulator import summary, tables
from simulator.source import opened
from simulator.values import json_lines, short_money_text, sparkline, whole_money_text

SHOWN = (
    "committed_mrr", "mrr_new", "mrr_expansion", "mrr_contraction", "mrr_churn", "customers", "nrr", "grr",
    "revenue", "gross_margin", "cac", "ltv_to_cac", "billed", "customers_new", "customers_churned",
)  # fmt: skip
"""The metrics of the table, as many as fit the width; --json has every one."""


def metrics(
    words: Sequence[str],
    *,
    inputs: Sequence[str],
    until: str | None,
    by: str | None,
    policy: str,
    as_json: bool,
) -> int:
    """Print the metrics of every month: of a run, or of the tables in `inputs` and `words`."""
    taken = named(policy)
    with opened(words, inputs, until, taken) as (ledger, currency):
        frame = monthly(ledger, taken) if by is None else monthly_by(ledger, by, taken)
        if as_json:
            frame = _with_reasons(frame, missing(ledger, by or "whole", taken), by)
    if as_json:
        _write(frame.with_columns(policy=pl.lit(taken.hash)))
        return 0
    _show(frame, by, currency)
    tables.terminal(sys.stdout).print(f"  policy {taken.name}, {taken.hash}", style="dim")
    return 0


def under_all(words: Sequence[str], *, inputs: Sequence[str], until: str | None, as_json: bool) -> int:
    """Print the metrics of the last month under every preset, side by side."""
    frames, currency = dict.fromkeys(PRESETS, pl.DataFrame()), ""
    lengths = dict.fromkeys(preset.month_length for preset in PRESETS.values())
    for length in lengths:  # tables are filled by it, and a run was billed by the month
        same = {name: preset for name, preset in PRESETS.items() if preset.month_length == length}
        with opened(words, inputs, until, next(iter(same.values()))) as source:
            frames |= {name: monthly(source.connection, preset).tail(1) for name, preset in same.items()}
            currency = source.currency
    if as_json:
        told = [
            frame.with_columns(policy=pl.lit(PRESETS[name].hash), preset=pl.lit(name))
            for name, frame in frames.items()
        ]
        _write(pl.concat(told, how="vertical_relaxed"))
        return 0
    screen = tables.terminal(sys.stdout)
    forms = (whole_money_text, short_money_text)
    tables.show_fitting(screen, (_side_by_side(frames, currency, write) for write in forms))
    return 0


def _side_by_side(frames: Mapping[str, pl.DataFrame], currency: str, write: summary.Writer) -> Table:
    """Return the table of one month under every preset, and the hash of each."""
    table = tables.plain_table()
    table.add_column("")
    for name in frames:
        table.add_column(name, justify="right")
    for metric in summary.COMPARED if all(len(frame) for frame in frames.values()) else ():
        cells = [summary.figure(metric, frame[metric][0], currency, write) for frame in frames.values()]
        table.add_row(summary.title(metric), *cells)
    table.add_row("policy", *(PRESETS[name].hash[:8] for name in frames))
    return table


def _write(frame: pl.DataFrame) -> None:
    for line in json_lines(frame.columns, frame.iter_rows()):
        sys.stdout.write(line + "\n")


def _with_reasons(frame: pl.DataFrame, reasons: pl.DataFrame, by: str | None) -> pl.DataFrame:
    """Add a column `missing`: why each metric of a row that is null has no value."""
    told: dict[tuple[Any, str], dict[str, dict[str, str]]] = {}
    for month, part, metric, code, reason in reasons.iter_rows():
        told.setdefault((month, part), {})[metric] = {"code": code, "reason": reason}
    parts = frame[by] if by else [""] * len(frame)
    found = [told.get(key, {}) for key in zip(frame["month"], parts, strict=True)]
    return frame.with_columns(missing=pl.Series(found, dtype=pl.Object))


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

"""`saasim chart`: the charts of a run, one as a picture, or a list of them all."""

import sys
from pathlib import Path
from typing import NamedTuple

import polars as pl
from duckdb import DuckDBPyConnection
from rich.text import Text

from metering.document import did_you_mean, problem
from simulator import chart, tables
from simulator.chart.picture import png, svg
from simulator.publication import find
from simulator.values import json_lines

WIDTH = 860
"""Pixels of a picture's width, unless somebody asks for another."""


class Asked(NamedTuple):
    """What is asked of a chart: the form of the picture (png or svg), where it goes, and how it looks."""

    form: str = ""
    out: Path | None = None
    dark: bool = False
    width: int = WIDTH
    as_json: bool = False


def chart_runs(names: list[str], name: str | None, asked: Asked) -> int:
    """List the charts of the first run, or draw one of the runs. Raises Problems where that cannot be."""
    runs = [find(run) for run in names]
    if name is None:
        return _list(runs[0], as_json=asked.as_json)
    if name not in chart.CHARTS:
        raise problem("chart", f"there is no {name!r}", did_you_mean(name, chart.CHARTS))
    one = chart.CHARTS[name]
    frames, currency, ranks = {}, "", None
    for run in runs:
        with chart.connect(run) as con:
            found = chart.frame(con, one)
            if ranks is None:
                currency, ranks = chart.currency_of(con), chart.ranks(con)
        if found.is_empty():
            raise problem(
                str(run), f"has nothing that {name} could show", f"saasim chart {run.name} lists what has"
            )
        frames[run.name] = found
    if asked.as_json:
        _print(frames)
        return 0
    if len(frames) > 1 and one.compare is None:
        raise problem("chart", f"{name} does not compare runs", "draw it for each run")
    theme = chart.DARK if asked.dark else chart.LIGHT
    drawn = chart.spec(frames, one, theme=theme, currency=currency, width=asked.width, ranks=ranks)
    path = asked.out or Path(f"{'-'.join(frames)}-{name}.{asked.form}")
    try:
        path.write_bytes(png(drawn, theme) if asked.form == "png" else svg(drawn, theme).encode())
    except OSError as error:
        raise problem(str(path), f"cannot be written ({error.strerror})", "give another --out") from None
    screen = tables.terminal(sys.stdout)
    screen.print(Text(str(path), style="bold"))
    for title, found in frames.items():
        said = chart.summary(found, one, currency)
        screen.print(Text(said if len(frames) == 1 else f"{title}: {said}"))
    return 0


def _print(frames: dict[str, pl.DataFrame]) -> None:
    """Write the data of a chart; of several runs with a first column `run`."""
    told = [
        frame if len(frames) == 1 else frame.select(pl.lit(run).alias("run"), pl.all())
        for run, frame in frames.items()
    ]
    whole = pl.concat(told, how="vertical_relaxed")
    for line in json_lines(whole.columns, whole.iter_rows()):
        sys.stdout.write(line + "\n")


def _list(run: Path, *, as_json: bool) -> int:
    """Print every chart with what it shows, by group; those without data last."""
    with chart.connect(run) as con:
        rows = [(one, _rows(con, one)) for one in chart.CHARTS.values()]
    if as_json:
        told = [
            (one.name, one.title, one.group, count, one.meaning, one.command(run.name)) for one, count in rows
        ]
        for line in json_lines(["name", "title", "group", "rows", "meaning", "command"], told):
            sys.stdout.write(line + "\n")
        return 0
    screen = tables.terminal(sys.stdout)
    table = tables.plain_table()
    for head in ("chart", "what it shows"):
        table.add_column(head)
    group = ""
    for one, count in rows:
        if count:
            if one.group != group:
                table.add_row(Text(one.group, style="bold"), "")
                group = one.group
            table.add_row(f"  {one.name}", one.title)
    screen.print(table)
    without = ", ".join(one.name for one, count in rows if not count)
    if without:
        screen.print(Text(f"\nnothing to show: {without}", style="dim"))
    screen.print(Text(f"\n  saasim chart {run.name} mrr --png", style="bold"))
    return 0


def _rows(con: DuckDBPyConnection, one: chart.Chart) -> int:
    return len(chart.frame(con, one))

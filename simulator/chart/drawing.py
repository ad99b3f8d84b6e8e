"""Drawing: a chart of one run or of several as a Vega-Lite specification that needs nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from simulator.chart.chart import Chart
from simulator.chart.column import cell, title
from simulator.chart.theme import LIGHT, PADDING, Style, Theme, config


def spec(
    frames: Mapping[str, pl.DataFrame],
    chart: Chart,
    *,
    theme: Theme = LIGHT,
    currency: str = "USD",
    width: int | None = None,
    ranks: Mapping[str, Sequence[str]] | None = None,
    difference: bool = False,
) -> dict[str, Any]:
    """Return the specification of a chart, with its data inside, checked against Vega-Lite's schema.

    `frames` are the rows of each run by its name; those of several are compared. Without a width the chart
    takes that of its container. `ranks` are those of the (first) run, from `ranks`. With `difference` it is
    what the last run has more or less than the first; only a chart that `differs` has that.
    """
    style = Style(theme, currency, width, chart.height, ranks or {})
    told = {run: found for run, found in frames.items() if len(found)}
    assert told, f"{chart.name}: nothing to draw"
    if len(told) == 1:
        drawn = chart.draw(next(iter(told.values())), style)
    else:
        assert chart.compare is not None, f"{chart.name}: is not compared, but set side by side"
        parts = [
            found.with_columns(run=pl.lit(run)).select("run", *found.columns) for run, found in told.items()
        ]
        draw = chart.compare.difference if difference else chart.compare  # type: ignore[attr-defined]
        drawn = draw(pl.concat(parts, how="vertical_relaxed"), style)
    size = {"width": width or "container"}
    if drawn.height is alt.Undefined:
        size["height"] = style.height
    drawn = drawn.properties(
        **size, autosize=alt.AutoSizeParams(type="fit", contains="padding"), padding=PADDING
    )
    found: dict[str, Any] = drawn.properties(config=alt.Config.from_dict(config(style))).to_dict()
    return found | {"datasets": style.datasets}


def table(
    frame: pl.DataFrame, chart: Chart, currency: str = "USD", most: int = 200
) -> tuple[list[str], list[list[str]]]:
    """Return the data of a chart as text: the heads, and the rows, of which no more than `most`."""
    names = [name for name in chart.columns if name in frame.columns]
    heads = [title(name) for name in names]
    units = [chart.columns[name] for name in names]
    rows = [
        [cell(value, unit, currency) for value, unit in zip(row, units, strict=True)]
        for row in frame.select(names).head(most).iter_rows()
    ]
    return heads, rows


def summary(frame: pl.DataFrame, chart: Chart, currency: str = "USD") -> str:
    """Return in a sentence what a chart shows."""
    return chart.say(frame, currency)

"""Curves: how something goes with age: one for each part, with the band in which it may lie."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from simulator.chart.axis import Domain, around, value_y
from simulator.chart.chart import Drawn, layered
from simulator.chart.column import COUNT, plain, quoted, tooltip, word
from simulator.chart.label import at_end, short
from simulator.chart.line import Level, level
from simulator.chart.series import colours
from simulator.chart.theme import Style


def curves(
    frame: pl.DataFrame,
    style: Style,
    unit: str,
    *,
    x: str,
    y: str,
    by: str,
    names: Sequence[str],
    band: tuple[str, str] | None = None,
    steps: bool = False,
    rule: Level | None = None,
    hues: Sequence[str] = (),
    told: Mapping[str, str] | None = None,
    top: float | None = None,
    banded: str = "",
    head: str = "months since the first payment",
) -> Drawn:
    """Draw column `y` against the ages of column `x`, a curve for each part; `band` names its ends.

    With `banded` only that part has its band; what lies above `top` is cut off.
    """
    told_too = [pl.col(name) for name in (*(band or ()), *(told or {}))]
    frame = frame.drop_nulls(y).filter(pl.col(by).is_in([*names]))
    frame = frame.select(pl.col(by).alias("name"), pl.col(x).alias("x"), pl.col(y).alias("y"), *told_too)
    hues = list(hues) or colours(names, style.theme)
    seen = frame.filter(name=banded) if banded else frame
    shown = [*frame["y"], *(value for end in band or () for value in seen[end].drop_nulls())]
    shown += [rule.value] if rule else []
    ends = around([min(float(value), top or float(value)) for value in shown])
    keys = [f"s{number:02d}" for number in range(len(names))]
    rows = _rows(_seen(frame, None if top is None else ends[1]), dict(zip(names, keys, strict=True)))
    whole = style.of(rows)
    oldest = max(row["x"] for row in rows)
    along = alt.X(
        "x:Q", scale=alt.Scale(domain=[0, max(oldest, 1)], nice=False),
        axis=alt.Axis(title=head, titleAnchor="start", tickMinStep=1, format="d", values=_marks(oldest)),
    )  # fmt: skip
    up = value_y("y", unit, ends)
    colour = alt.Color("part:N", scale=alt.Scale(domain=keys, range=list(hues)), legend=None)
    tips = [tooltip("name", "text", by), tooltip("x", COUNT, x), tooltip("y", unit, y)]
    shape: Any = "step-after" if steps else "linear"
    layers: list[Any] = [level(rule, style)] if rule else []
    if band:
        low, high = band
        tips += [tooltip(low, unit), tooltip(high, unit)]
        area = whole.mark_area(opacity=0.13, interpolate=shape).transform_filter(_in_band(low, banded))
        layers.append(area.encode(x=along, y=alt.Y(f"{low}:Q"), y2=f"{high}:Q", color=colour))
    tips += [tooltip(name, its) for name, its in (told or {}).items()]
    layers.append(
        whole.mark_line(interpolate=shape, clip=top is not None).encode(x=along, y=up, color=colour)
    )
    points = whole.mark_circle(size=90, opacity=0, clip=True).encode(x=along, y=up, tooltip=tips)
    words = _last(frame, dict(zip(names, hues, strict=True)), unit, style, ends)
    if rule:
        words.append((rule.words, rule.value, style.theme.other))
    return layered(*layers, points, at_end(words, ends, style))


def _seen(frame: pl.DataFrame, top: float | None) -> pl.DataFrame:
    """Return what is drawn: of a curve that leaves the chart at its top, up to the first point beyond."""
    if top is None:
        return frame
    gone = frame.filter(pl.col("y") > top).group_by("name").agg(until=pl.col("x").min())
    beyond = frame.join(gone, on="name", how="left", maintain_order="left")
    return beyond.filter(pl.col("until").is_null() | (pl.col("x") <= pl.col("until"))).drop("until")


def _in_band(low: str, banded: str) -> str:
    return f"isValid(datum.{low})" + (f" && datum.name == {quoted(banded)}" if banded else "")


def _rows(frame: pl.DataFrame, keys: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a row for each point, without what is unknown of it."""
    return [
        {name: plain(value) for name, value in row.items() if value is not None} | {"part": keys[row["name"]]}
        for row in frame.iter_rows(named=True)
    ]


def _last(
    frame: pl.DataFrame, hues: Mapping[str, str], unit: str, style: Style, ends: Domain
) -> list[tuple[str, float, str]]:
    """Return what is written where each curve ends; one that leaves the chart is named at its edge."""
    words = []
    for name, hue in hues.items():
        own = frame.filter(name=name).sort("x")
        if len(own):
            value = float(own["y"][-1])
            text = f"{short(name)} {word(value, unit, style.currency)}"
            words.append((text, min(max(value, ends[0]), ends[1]), hue))
    return words


def _marks(oldest: int) -> list[int]:
    step = 1 if oldest <= 12 else 3 if oldest <= 24 else 6 if oldest <= 72 else 12  # noqa: PLR2004 - months
    return list(range(0, oldest + 1, step))

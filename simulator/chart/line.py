"""Lines: how figures went month by month, each named where it ends; and the same figure of several runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import altair as alt
import polars as pl

from simulator.chart.axis import around, around_log, time_x, value_y
from simulator.chart.chart import Drawn, layered
from simulator.chart.column import tooltip, word
from simulator.chart.label import at_end, short
from simulator.chart.series import Series, colours, joined, series
from simulator.chart.theme import Style

MARKED = 14
"""Of so many months or fewer, each has a point on the line."""

WIDE_APART = 30
"""Where the largest number is so many times the smallest, the scale is one of powers."""


PAIR = 2
"""Between two lines there is a gap to see."""


class Level(NamedTuple):
    """A level that matters, such as 100 %, and what it is called."""

    value: float
    words: str


def lines(
    found: Series,
    style: Style,
    unit: str,
    *,
    rule: Level | None = None,
    zero: bool = True,
    hues: Sequence[str] = (),
    log: bool = False,
    dashed: Sequence[str] = (),
) -> Drawn:
    """Draw a line for each series. With `log` on a scale of powers, where numbers lie far apart."""
    values = [*found.values(), *([rule.value] if rule else [])]
    log = log and min(values) > 0 and max(values) / min(values) > WIDE_APART
    ends = around_log(values) if log else around(values, zero=zero)
    hues = list(hues) or colours(found.names, style.theme)
    whole = style.of(found.rows())
    mark = alt.OverlayMarkDef(size=30, filled=True, opacity=1)
    pointy = len(found.months) <= MARKED or any(
        None in numbers[_first(numbers) :] for numbers in found.numbers
    )
    drawn = (
        folded(whole, found)
        .mark_line(point=mark if pointy else False)
        .encode(
            x=time_x(found.labels),
            y=value_y("value", unit, ends, log=log),
            color=colour(found.keys, hues),
            strokeDash=alt.StrokeDash(
                "series:N",
                scale=alt.Scale(
                    domain=found.keys, range=[[5, 4] if name in dashed else [1, 0] for name in found.names]
                ),
                legend=None,
            ),
        )
    )
    words = last_words(found, hues, unit, style)
    layers = [drawn, pointed(whole, found, unit, style)]
    if rule:
        layers.insert(0, level(rule, style))
        words.append((rule.words, rule.value, style.theme.other))
    return layered(*layers, at_end(words, ends, style, log=log))


@dataclass(frozen=True)
class Overlay:
    """How one figure of several runs is drawn: a line each, and of two the gap between them.

    `value` is the column, added up where a run has several rows a month; `step` is 3 for quarters.
    """

    value: str
    unit: str
    rule: Level | None = None
    zero: bool = True
    step: int = 1

    def __call__(self, frame: pl.DataFrame, style: Style) -> Drawn:
        """Draw the runs, from their rows below each other with a column `run`."""
        found = self._series(frame)
        drawn = lines(found, style, self.unit, rule=self.rule, zero=self.zero)
        return layered(_gap(found, style), drawn) if len(found.names) == PAIR else drawn

    def difference(self, frame: pl.DataFrame, style: Style) -> Drawn:
        """Draw what the last run has more or less than the first, month by month."""
        found = self._series(frame)
        first, last = found.numbers[0], found.numbers[-1]
        known = [None if a is None or b is None else b - a for a, b in zip(first, last, strict=True)]
        rows = [
            {**row, "colour": style.theme.more if row.get("s02", 0) > 0 else style.theme.less}
            for row in found._replace(names=["a", "b", "d"], numbers=[first, last, known]).rows()
        ]
        ends = around(known)
        told = [
            tooltip("month", "month"),
            tooltip("s00", self.unit, found.names[0]),
            tooltip("s01", self.unit, found.names[-1]),
            tooltip("s02", self.unit, "difference"),
        ]
        bars = (
            style.of(rows)
            .mark_bar(cornerRadius=1)
            .encode(
                x=time_x(found.labels, gap=0.25),
                y=value_y(
                    "s02", self.unit, ends, head=f"{short(found.names[-1])} less {short(found.names[0])}"
                ),
                color=alt.Color("colour:N", scale=None, legend=None),
                tooltip=told,
            )
        )
        zero = style.of([{"value": 0}]).mark_rule(color=style.theme.rule).encode(y="value:Q")
        return layered(bars, zero)

    def _series(self, frame: pl.DataFrame) -> Series:
        # Where no run has anything of the value, another column of the chart is what there is to compare.
        others = [name for name in frame.columns if name not in {"run", "month"} and frame[name].count()]
        value = self.value if self.value in others else others[0]
        known = frame.drop_nulls(value)
        summed = known.group_by("run", "month", maintain_order=True).agg(pl.col(value).sum())
        names = joined(frame["run"])
        return series(summed, value, "run", names=names, step=self.step, keep=True)


def folded(whole: alt.Chart, found: Series) -> alt.Chart:
    """Return the chart whose rows are one number each, in columns `series` and `value`."""
    return whole.transform_fold([*found.keys], as_=["series", "value"])


def colour(keys: Sequence[str], hues: Sequence[str], legend: alt.Legend | None = None) -> alt.Color:
    """Return the colours of series by their keys."""
    return alt.Color("series:N", scale=alt.Scale(domain=list(keys), range=list(hues)), legend=legend)


def level(rule: Level, style: Style) -> alt.Chart:
    """Return a dashed line at a level."""
    line = style.of([{"value": rule.value}]).mark_rule(strokeDash=[4, 4], color=style.theme.rule)
    drawn: alt.Chart = line.encode(y="value:Q")
    return drawn


def pointed(
    whole: alt.Chart, found: Series, unit: str, style: Style, *, more: Sequence[alt.Tooltip] = ()
) -> alt.Chart:
    """Return the upright line that follows the pointer, and tells every figure of its month."""
    near = alt.selection_point(
        name="near", nearest=True, on="pointermove", clear="pointerout", encodings=["x"], empty=False
    )
    seen = alt.condition(near, alt.value(0.7), alt.value(0))
    # A name of its own: Altair would make one of the whole chart, colours included.
    rule = whole.mark_rule(color=style.theme.rule, strokeWidth=1).properties(name="months")
    told = [*found.tooltips(unit), *more]
    drawn: alt.Chart = rule.encode(x=time_x(found.labels), opacity=seen, tooltip=told).add_params(near)
    return drawn


def last_words(found: Series, hues: Sequence[str], unit: str, style: Style) -> list[tuple[str, float, str]]:
    """Return what is written where each line ends: its name and its last value."""
    words = []
    for name, numbers, hue in zip(found.names, found.numbers, hues, strict=True):
        known = [number for number in numbers if number is not None]
        value = word(known[-1], unit, style.currency)
        words.append((f"{short(name)} {value}".strip(), known[-1], hue))
    return words


def _first(numbers: Sequence[float | None]) -> int:
    """Return where a series begins."""
    return next(at for at, number in enumerate(numbers) if number is not None)


def _gap(found: Series, style: Style) -> alt.Chart:
    """Return the area between two lines."""
    first, second = found.keys
    both = style.of([row for row in found.rows() if first in row and second in row])
    area = both.mark_area(color=style.theme.other, opacity=0.18)
    drawn: alt.Chart = area.encode(x=time_x(found.labels), y=alt.Y(f"{first}:Q"), y2=alt.Y2(second))
    return drawn


def named(names: Mapping[str, str], found: Series) -> Series:
    """Return series under the names that readers know them by."""
    return found._replace(names=[names.get(name, name) for name in found.names])

"""Axes: months below, values at the left, and a scale that ends on round numbers."""

from collections.abc import Iterable, Sequence
from datetime import date
from math import ceil, floor, log10

import altair as alt

from simulator.chart.column import number_label

_EDGE = 0.01
"""Steps before the first point: at 0 it may come out as -1e-14, and Vega names no month left of its axis."""

_LABEL = 34
"""Pixels of a month's name with room around it."""

SEEN = 13
"""So many months are named below a chart at most."""

Domain = tuple[float, float]


def months_between(first: date, last: date, step: int = 1) -> list[date]:
    """Return the first days of the months from one to another, both included, every `step` months."""
    count = (last.year - first.year) * 12 + last.month - first.month
    at = [first.year * 12 + first.month - 1 + number for number in range(0, count + 1, step)]
    return [date(number // 12, number % 12 + 1, 1) for number in at]


def time_x(names: Sequence[str], *, gap: float = 0) -> alt.X:
    """Return the axis of months or quarters: none missing, as many named as can be read.

    `gap` is the share of a month that stays free between bars; 0 is for lines, which begin at the edge.
    """
    # January is always named, and from there every second, third, sixth or twelfth month.
    january = next((at for at, name in enumerate(names) if name.startswith(("Jan", "Q1"))), 0)
    step = next((step for step in (1, 2, 3, 6, 12, 24, 60) if len(names) <= SEEN * step), 120)
    named = [name for at, name in enumerate(names) if (at - january) % step == 0]
    scale = (
        alt.Scale(type="band", domain=list(names), paddingInner=gap, paddingOuter=gap / 2)
        if gap
        else alt.Scale(type="point", domain=list(names), padding=_EDGE)
    )
    axis = alt.Axis(
        values=named,
        labelExpr=_two_lines(named, names[january]),
        labelAngle=0,
        labelOverlap=False,
        title=None,
    )
    return alt.X("month:N", scale=scale, axis=axis, sort=None)


def _two_lines(named: Sequence[str], january: str) -> str:
    """Return the expression of a month's name, its year below a January or the first; few where it is narrow.

    Vega's own search for labels that overlap, and the index of a tick, go astray where it draws twice to fit.
    """
    wide = len(named[0]) + 1
    at = f"indexof('{'|'.join(named)}', datum.value) / {wide}"
    start = named.index(january) if january in named else 0
    seen = f"abs({at} - {start}) % max(1, ceil({len(named) * _LABEL} / width)) == 0"
    parts = "split(datum.value, ' ')"
    year = f"datum.value == '{named[0]}' || test(/^(Jan|Q1) /, datum.value) ? {parts}[1] : ''"
    return f"{seen} ? [{parts}[0], {year}] : ''"


def value_y(
    field: str, unit: str, ends: Domain, *, head: str | None = None, stack: bool = False, log: bool = False
) -> alt.Y:
    """Return the axis of values, of a scale that is given, with few and round numbers."""
    axis = alt.Axis(
        tickCount=5, labelExpr=number_label(unit), title=head, titleAngle=0,
        titleAlign="left", titleAnchor="end", titleY=-8, titleX=-4,
    )  # fmt: skip
    if log:
        axis.values = round_between(*ends)
    scale = alt.Scale(domain=list(ends), nice=False, type="log")
    if not log:
        scale = alt.Scale(domain=list(ends), nice=False, zero=False, type="linear")
    return alt.Y(f"{field}:Q", scale=scale, axis=axis, stack="zero" if stack else None)


def around(values: Iterable[float | None], *, zero: bool = True, room: float = 0.04) -> Domain:
    """Return round ends of a scale that holds the values, with a little room, and 0 unless told otherwise."""
    known = [value for value in values if value is not None] + ([0.0] if zero else [])
    low, high = min(known, default=0.0), max(known, default=1.0)
    if low == high:
        low, high = (low, low + 1) if low == 0 else (min(low, 0.0), max(low, 0.0))
    span = high - low
    step = _step(span)
    bottom = low if low == 0 and zero else low - span * room
    top = high if high == 0 and zero else high + span * room
    return floor(round(bottom / step, 9)) * step, ceil(round(top / step, 9)) * step


def around_log(values: Iterable[float]) -> Domain:
    """Return ends of a scale of powers that holds the values, all above 0: 1, 2 or 5 times a power of ten."""
    known = list(values)
    low, high = min(known), max(known)
    under = 10.0 ** floor(log10(low))
    over = 10.0 ** floor(log10(high))
    return max(under * part for part in (1, 2, 5) if under * part <= low), min(
        over * part for part in (1, 2, 5, 10) if over * part >= high
    )


def round_between(low: float, high: float) -> list[float]:
    """Return the numbers that a scale of powers names: powers of ten, with 2 and 5 times them if few."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    parts = (1, 2, 5) if len(powers) <= 3 else (1, 3) if len(powers) == 4 else (1,)  # noqa: PLR2004
    found = [part * 10.0**power for power in powers for part in parts]
    return [number for number in found if low <= number <= high]


def _step(span: float) -> float:
    """Return a tenth of a span, as a round number: 1, 2 or 5 times a power of ten."""
    size = 10.0 ** floor(log10(span / 10))
    return next(size * part for part in (1, 2, 5, 10) if size * part >= span / 10)

"""Stacks: parts on top of each other that make up a whole, by month: as areas, as shares, or as bars."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from simulator.chart.axis import Domain, around, time_x, value_y
from simulator.chart.chart import Drawn, layered
from simulator.chart.column import RATIO, quoted, tooltip, word
from simulator.chart.label import at_end, short
from simulator.chart.line import colour, folded, pointed
from simulator.chart.series import Series, colours
from simulator.chart.theme import Style

AXIS = 64
"""Pixels of a place that the names of values and the edges take."""


def areas(
    found: Series,
    style: Style,
    unit: str,
    *,
    shares: bool = False,
    total: str = "",
    hues: Sequence[str] = (),
    pale: Series | None = None,
) -> Drawn:
    """Draw parts as areas on top of each other, with `shares` as parts of 100 %.

    `total` names what they come to. What `pale` holds for a part lies on top of it, in a lighter shade.
    """
    if shares:
        found, unit = as_shares(found), RATIO
    hues = list(hues) or colours(found.names, style.theme)
    words = _middles(_added(found, pale), hues, unit, style)
    shades = [0.9] * len(found.names)
    if pale:
        found, hues, shades = _layered(found, pale, hues)
    ends = (0.0, 1.0) if shares else around([*found.sums(positive=True), *found.sums(positive=False)])
    whole = style.of(found.rows())
    opacity = alt.Scale(domain=found.keys, range=shades)
    drawn = (
        whole.transform_fold([*found.keys], as_=["series", "value"])
        .transform_calculate(value="isValid(datum.value) ? datum.value : 0")
        .mark_area(stroke=style.theme.paper, strokeWidth=0.4)
        .encode(
            x=time_x(found.labels),
            y=value_y("value", unit, ends, stack=True),
            color=colour(found.keys, hues),
            opacity=alt.Opacity("series:N", sort=list(found.keys), scale=opacity, legend=None),
            order=_order(),
        )
    )
    if total and not shares and len(found.names) > 1:
        words.append((f"{total} {word(found.last(), unit, style.currency)}", found.last(), style.theme.ink))
    return layered(drawn, pointed(whole, found, unit, style), at_end(words, ends, style))


def _added(found: Series, pale: Series | None) -> Series:
    """Return each part with what `pale` holds for it."""
    if pale is None:
        return found
    more = dict(zip(pale.names, pale.numbers, strict=True))
    numbers: list[list[float | None]] = [
        [(a or 0.0) + (b or 0.0) for a, b in zip(one, more.get(name, one), strict=True)]
        if name in more
        else one
        for name, one in zip(found.names, found.numbers, strict=True)
    ]
    return found._replace(numbers=numbers)


def _layered(found: Series, pale: Series, hues: Sequence[str]) -> tuple[Series, list[str], list[float]]:
    """Return the parts with what is paler between them, and the colour and the opacity of each."""
    layers = []
    more = dict(zip(pale.names, pale.numbers, strict=True))
    for name, numbers, hue in zip(found.names, found.numbers, hues, strict=True):
        layers.append((name, numbers, hue, 0.9))
        if any(more.get(name, ())):
            layers.append((f"{name}, usage", more[name], hue, 0.4))
    names, numbers_of, shades, opacities = (list(column) for column in zip(*layers, strict=True))
    return found._replace(names=names, numbers=numbers_of), shades, opacities


def bars(
    found: Series,
    style: Style,
    unit: str,
    *,
    hues: Mapping[str, str] | None = None,
    net: Series | None = None,
    at_side: bool = False,
    ends: Domain | None = None,
) -> Drawn:
    """Draw parts as bars on top of each other, what is below 0 downwards; `net` is marked across them.

    With `at_side` the parts are named beside the last bar; else in a legend.
    """
    given = [hues[name] for name in found.names] if hues else colours(found.names, style.theme)
    over = net.values() if net else []
    ends = ends or around([*found.sums(positive=True), *found.sums(positive=False), *over])
    whole = style.of(_with(found, net))
    x, y = time_x(found.labels, gap=0.25), value_y("value", unit, ends, stack=True)
    told = [*found.tooltips(unit), *([tooltip("net", unit, net.names[0])] if net else [])]
    key = None if at_side or len(found.names) == 1 else legend(found)
    layers = [
        folded(whole, found)
        .transform_filter("isValid(datum.value) && datum.value != 0")
        .mark_bar(cornerRadius=1)
        .encode(x=x, y=y, color=colour(found.keys, given, key), order=_order(), tooltip=told)
    ]
    if any(number < 0 for number in found.values()):
        layers.append(style.of([{"value": 0}]).mark_rule(color=style.theme.rule).encode(y="value:Q"))
    if net:
        theme = style.theme
        across = whole.mark_point(
            shape="diamond",
            size=34,
            filled=True,
            fill=theme.paper,
            stroke=theme.ink,
            strokeWidth=1.3,
            opacity=1,
        )
        layers.append(across.encode(x=x, y=alt.Y("net:Q"), tooltip=told))
    if at_side:
        layers.append(at_end(_middles(found, given, unit, style), ends, style))
    return layered(*layers)


def legend(found: Series) -> alt.Legend:
    """Return the legend of bars, in as many rows as the width asks for."""
    names = ", ".join(f"'{key}': {quoted(name)}" for key, name in zip(found.keys, found.names, strict=True))
    wide = max(len(name) for name in found.names) * 7 + 40
    # By the width of the place: that of the drawing changes while it is fitted, after rows were counted.
    room = f"(isFinite(containerSize()[0]) && width ? containerSize()[0] - {AXIS} : width)"
    columns = alt.ExprRef(f"max(1, floor({room} / {wide}))")
    return alt.Legend(labelExpr=f"{{{names}}}[datum.label]", columns=columns)


def as_shares(found: Series) -> Series:
    """Return each month's parts as shares of what is above 0; what is below is left out."""
    sums = found.sums(positive=True)
    numbers = [
        [max(number or 0.0, 0.0) / whole if whole else None for number, whole in zip(one, sums, strict=True)]
        for one in found.numbers
    ]
    return found._replace(numbers=numbers)


def _with(found: Series, net: Series | None) -> list[dict[str, Any]]:
    rows = found.rows()
    if net:
        for row, number in zip(rows, net.numbers[0], strict=True):
            if number is not None:
                row["net"] = round(number, 2)
    return rows


def _middles(found: Series, hues: Sequence[str], unit: str, style: Style) -> list[tuple[str, float, str]]:
    """Return the name of each part, at the middle of its height in the last month."""
    words, reached = [], 0.0
    for name, numbers, hue in zip(found.names, found.numbers, hues, strict=True):
        height = numbers[-1] or 0.0
        if height > 0:
            words.append((f"{short(name)} {word(height, unit, style.currency)}", reached + height / 2, hue))
        reached += max(height, 0.0)
    return words


def _order() -> alt.Order:
    return alt.Order("series:N", sort="ascending")

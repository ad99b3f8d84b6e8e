"""Rows: bars that lie on their side, one for each thing that has a name."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import altair as alt

from simulator.chart.axis import around, around_log, round_between
from simulator.chart.chart import Drawn, layered
from simulator.chart.column import number_label, plain, tooltip
from simulator.chart.line import WIDE_APART, Level
from simulator.chart.theme import Style

TALL = 24
"""Pixels of a row."""

AROUND = 48
"""Pixels of what stands below the rows."""


LETTER = 6.3
"""Pixels of a letter of what is written behind a bar."""

_ROOM = 340
"""Pixels of width from which on there is room for words behind the bars."""


class Row(NamedTuple):
    """A row: its name, how long its bar is, its colour, what is written behind it, what more to tell."""

    name: str
    amount: float
    colour: str
    words: str = ""
    told: tuple[tuple[str, str], ...] = ()


def rows(
    found: Sequence[Row],
    style: Style,
    unit: str,
    *,
    rule: Level | None = None,
    head: str = "",
    log: bool = False,
) -> Drawn:
    """Draw the rows below each other, bars to the left where an amount is below 0.

    With `log`, points on a scale of powers where the amounts lie far apart: there a bar would mean nothing.
    """
    data: list[dict[str, Any]] = []
    for name, row in zip(_unlike([row.name for row in found]), found, strict=True):
        told = {f"t{number}": text for number, (_, text) in enumerate(row.told)}
        data.append({
            "name": name, "amount": plain(row.amount), "colour": row.colour,
            "words": plain(row.words), **told,
        })  # fmt: skip
    values = [*(row.amount for row in found), *([rule.value] if rule else [])]
    log = log and min(values) > 0 and max(values) / min(values) > WIDE_APART
    values += [_reach(row, min(values), log=log) for row in found if row.words and row.amount > 0]
    ends = around_log(values) if log else around(values, room=0.02)
    whole = style.of(data)
    names = [row["name"] for row in data]
    y = alt.Y(
        "name:N", scale=alt.Scale(type="band", domain=names, paddingInner=0.3, paddingOuter=0.15), sort=None,
        axis=alt.Axis(grid=False, title=None, labelLimit=180, labelColor=style.theme.ink),
    )  # fmt: skip
    axis = alt.Axis(
        labelExpr=number_label(unit),
        tickCount=alt.ExprRef("max(3, ceil(width / 110))"),
        grid=True,
        title=head or None,
        titleAnchor="start",
        domain=False,
    )
    if log:
        axis.values = round_between(*ends)
    scale = alt.Scale(domain=list(ends), nice=False, type="log" if log else "linear")
    x = alt.X("amount:Q", scale=scale, axis=axis)
    more = found[0].told if found else ()
    tips = [tooltip("name", "text"), tooltip("amount", unit)]
    tips += [tooltip(f"t{number}", "text", heading) for number, (heading, _) in enumerate(more)]
    colour = alt.Color("colour:N", scale=None, legend=None)
    shape = whole.mark_circle(size=110, opacity=1) if log else whole.mark_bar(cornerRadius=1)
    bars = shape.encode(x=x, y=y, color=colour, tooltip=tips)
    layers: list[Any] = [bars]
    sides: tuple[tuple[str, Literal["left", "right"], int], ...] = (
        ("datum.amount >= 0", "left", 9 if log else 5),
        ("datum.amount < 0", "right", -5),
    )
    for side, align, dx in sides:
        text = whole.transform_filter(f"{side} && width >= {_ROOM}").mark_text(
            align=align, dx=dx, color=style.theme.dim
        )
        layers.append(text.encode(x=x, y=y, text="words:N", tooltip=tips))
    for value, words in [*([] if log else [(0.0, "")]), *([rule] if rule else [])]:
        mark = style.of([{"value": value, "label": words}])
        dash = [4, 4] if words else [1, 0]
        layers.append(mark.mark_rule(color=style.theme.rule, strokeDash=dash).encode(x="value:Q"))
        if words:
            text = mark.mark_text(
                align="center", baseline="bottom", dy=-2, color=style.theme.dim, fontSize=11
            )
            layers.append(text.encode(x="value:Q", y=alt.value(0), text="label:N"))
    return layered(*layers).properties(height=TALL * len(found) + AROUND)


def _reach(row: Row, low: float, *, log: bool) -> float:
    """Return the value to which a scale goes if what is written behind a row is to fit where it is narrow."""
    free = 1 - min((len(row.words) * LETTER + 12) / _ROOM, 0.6)
    return low * (row.amount / low) ** (1 / free) if log else row.amount / free


def _unlike(names: Sequence[str]) -> list[str]:
    """Return names that can be told apart: the second `Acme` is `Acme (2)`."""
    found: list[str] = []
    for name in map(str, map(plain, names)):
        number = 2
        unlike = name
        while unlike in found:
            unlike, number = f"{name} ({number})", number + 1
        found.append(unlike)
    return found

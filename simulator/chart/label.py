"""Labels: names at the end of what they name, moved apart where they would lie upon each other."""

from collections.abc import Sequence
from math import log10

import altair as alt

from simulator.chart.axis import Domain
from simulator.chart.theme import Style

LINE = 16
"""Pixels from one label to the next."""

AROUND = 50
"""Pixels of a chart's height that axes take."""

LETTERS = 26
"""Letters of a name at most; longer ones are cut, and are whole where they are pointed at."""


def at_end(
    words: Sequence[tuple[str, float, str]], ends: Domain, style: Style, *, log: bool = False
) -> alt.Chart:
    """Return labels at the right edge: each a text, the value where it would like to be, its colour."""
    # Where labels collide is a matter of pixels, and those of a scale of powers are even in its logarithms.
    low, high = (log10(ends[0]), log10(ends[1])) if log else ends
    wanted = [log10(value) if log else value for _, value, _ in words]
    places = spread(wanted, LINE * (high - low) / (style.height - AROUND), (low, high))
    places = [10.0**place for place in places] if log else places
    data = [
        {"label": text, "at": float(f"{place:.6g}"), "colour": style.theme.word_of(colour)}
        for (text, _, colour), place in zip(words, places, strict=True)
    ]
    drawn: alt.Chart = (
        style.of(data)
        .mark_text(align="left", baseline="middle", dx=8, fontWeight=500, clip=False)
        .encode(
            x=alt.value("width"),
            y=alt.Y("at:Q"),
            text="label:N",
            color=alt.Color("colour:N", scale=None, legend=None),
        )
    )
    return drawn


def spread(wanted: Sequence[float], gap: float, ends: Domain) -> list[float]:
    """Move places apart until any two are `gap` from each other, as little as need be, within the ends."""
    order = sorted(range(len(wanted)), key=lambda number: wanted[number])
    placed: list[float] = []
    for number in order:
        placed.append(max(wanted[number], placed[-1] + gap) if placed else max(wanted[number], ends[0]))
    ceiling = ends[1]
    for at in reversed(range(len(placed))):
        placed[at] = min(placed[at], ceiling)
        ceiling = placed[at] - gap
    found = [0.0] * len(wanted)
    for number, place in zip(order, placed, strict=True):
        found[number] = place
    return found


def short(name: str) -> str:
    """Cut a name that is too long for a label."""
    return name if len(name) <= LETTERS else name[: LETTERS - 1].rstrip() + "…"

"""Themes: the colours of charts on light and on dark paper, and how axes, words and marks look.

Both themes have the same names, so a chart is drawn once: `swap` says which light colour becomes which dark
one. Series keep apart for people who see no red, no green or no blue (a test works that out), stand out from
the paper by 3:1, and words by 4.5:1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import altair as alt

from simulator.values import SIGNS

FONT = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif"

HEIGHT = 300
"""Pixels of a chart's height, unless it says otherwise."""

WIDTH = 860
"""Pixels of a picture's width; on a page a chart takes the width that it is given."""

PADDING = {"left": 2, "top": 10, "right": 6, "bottom": 2}


class Theme(NamedTuple):
    """The colours of one theme, as lower-case hex. No two names of a theme that differ share a colour."""

    name: str
    paper: str
    ink: str
    dim: str
    rule: str
    grid: str
    unripe: str
    other: str
    series: tuple[str, ...]
    words: tuple[str, ...]
    ramp: tuple[str, ...]
    diverging: tuple[str, ...]

    @property
    def moves(self) -> dict[str, str]:
        """The colour of each kind of movement: what is won is cool, what is lost is warm."""
        blue, amber, teal, pink, sky, _, red = self.series
        gains = {"new": blue, "expansion": sky, "reactivation": teal, "entering": teal}
        losses = {"contraction": amber, "churn": red, "leaving": amber}
        return {**gains, **losses, "fx": pink}

    @property
    def more(self) -> str:
        """The colour of what is more than before."""
        return self.series[0]

    @property
    def less(self) -> str:
        """The colour of what is less than before."""
        return self.series[1]

    def word_of(self, colour: str) -> str:
        """Return the colour in which words about a series of this colour can be read."""
        if colour in self.series:
            return self.words[self.series.index(colour)]
        return self.ink if colour == self.ink else self.dim


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    ink="#1b1f24",
    dim="#59636e",
    rule="#8c959f",
    grid="#e4e8ec",
    unripe="#eceef0",
    other="#8a929b",
    series=("#10479c", "#c58400", "#007067", "#d05aa9", "#4c93e4", "#8f5a12", "#7d0c34"),
    words=("#0f4494", "#8a5c00", "#006a61", "#a5327b", "#2467b4", "#7e4e0e", "#760a31"),
    ramp=("#e8f0fa", "#b9d2f1", "#7fb0e6", "#3f7fcb", "#123f86"),
    diverging=("#8a3c00", "#e0a15a", "#f4f4f2", "#6ea4e2", "#0f4390"),
)

DARK = Theme(
    name="dark",
    paper="#0f1419",
    ink="#e6edf3",
    dim="#9aa4af",
    rule="#6b7683",
    grid="#262d36",
    unripe="#1d232b",
    other="#7d8794",
    series=("#55aaff", "#e59b33", "#11947a", "#f0a8cc", "#b4f1ff", "#d9e55c", "#e4503a"),
    words=("#58abff", "#e69d36", "#2fb397", "#f1aacd", "#b6f2ff", "#dae65f", "#f0705c"),
    ramp=("#16263a", "#1f4a78", "#2f74b8", "#65a9ee", "#c3e2ff"),
    diverging=("#ffb066", "#8f5420", "#22272e", "#2b619f", "#8cc4ff"),
)


def swap() -> dict[str, str]:
    """Return the dark colour for each light one: replaced in a light drawing, they make it dark."""
    return dict(zip(colours(LIGHT), colours(DARK), strict=True))


def colours(theme: Theme) -> list[str]:
    """Return every colour of a theme, in the order of its names."""
    found: list[str] = []
    for value in theme[1:]:
        found += [value] if isinstance(value, str) else value
    return found


@dataclass(frozen=True)
class Style:
    """What a chart is drawn in: colours, currency, size in pixels, parts by size, and its data so far.

    A width of None leaves it to the page. `ranks` holds the segments, streams and plans of a run, the largest
    first, so that each has the same colour wherever it is drawn.
    """

    theme: Theme = LIGHT
    currency: str = "USD"
    width: int | None = None
    height: int = HEIGHT
    ranks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    datasets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def of(self, rows: list[dict[str, Any]]) -> alt.Chart:
        """Return a chart of rows. They are kept by name beside the drawing, so nothing holds them twice."""
        name = f"d{len(self.datasets)}"
        self.datasets[name] = rows
        return alt.Chart(alt.NamedData(name=name))


def config(style: Style) -> dict[str, Any]:
    """Return the configuration of a chart: quiet axes, no frame, numbers with the currency's sign."""
    theme, sign = style.theme, SIGNS.get(style.currency, f"{style.currency} ")
    words = {"font": FONT, "fontSize": 12}
    axis = {
        "labelFont": FONT, "labelFontSize": 12, "labelColor": theme.dim, "labelPadding": 6,
        "titleFont": FONT, "titleFontSize": 12, "titleColor": theme.dim, "titleFontWeight": "normal",
        "domain": False, "ticks": False, "grid": True, "gridColor": theme.grid, "gridWidth": 1,
    }  # fmt: skip
    return {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "axis": axis,
        "axisX": {"grid": False, "domain": True, "domainColor": theme.rule, "labelFlush": False},
        "legend": {
            "labelFont": FONT, "labelFontSize": 12, "labelColor": theme.ink, "title": None, "orient": "top",
            "direction": "horizontal", "symbolType": "square", "symbolSize": 110, "padding": 0,
            "labelLimit": 220, "columnPadding": 14, "offset": 10, "columns": 0,
        },
        "text": {**words, "color": theme.ink},
        "line": {"strokeWidth": 2.5, "strokeCap": "round", "strokeJoin": "round"},
        "locale": {"number": {"decimal": ".", "thousands": ",", "grouping": [3], "currency": [sign, ""]}},
    }  # fmt: skip

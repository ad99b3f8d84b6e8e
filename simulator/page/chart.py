"""Charts: bars and months as SVG that stretches to its place; the words beside them are ordinary text."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from simulator.page.markup import Html, element, join

WIDE = 1000
"""Units of a chart's width; it is stretched to the page's."""

ZERO = Decimal(0)


class Bar(NamedTuple):
    """A bar of a chart of rows: its label, from where to where it goes, its kind, and what stands behind."""

    label: Html
    since: Decimal
    until: Decimal
    kind: str
    text: Html


def bars(rows: Sequence[Bar]) -> Html:
    """Draw bars below each other, on one scale that holds them all."""
    ends = [end for row in rows for end in (row.since, row.until)]
    low, high = min(ends, default=ZERO), max(ends, default=ZERO)
    drawn = [
        element(
            "div",
            join([
                element("div", row.label),
                element("div", _bar(row, low, high), kind="drawn"),
                element("div", row.text, kind="end"),
            ]),
            kind="bar",
        )
        for row in rows
    ]  # fmt: skip
    return element("div", join(drawn), kind="bars")


def _bar(row: Bar, low: Decimal, high: Decimal) -> Html:
    left, right = sorted((_place(row.since, low, high), _place(row.until, low, high)))
    width = max(right - left, 3 if row.since != row.until else 0)  # what is there is seen
    left = min(left, WIDE - width)
    rect = element("rect", Html(""), kind=f"fill-{row.kind}", x=left, y=1, width=width, height=8)
    return _svg(rect, height=10, aria_hidden="true")


def months(
    names: Sequence[str], before: Sequence[Decimal], after: Sequence[Decimal], texts: Sequence[str]
) -> Html:
    """Draw two bars for each month, the old and the new amount; `texts` show when a month is pointed at."""
    high = max([*before, *after, ZERO])
    low = min([*before, *after, ZERO])
    step = Decimal(WIDE) / max(len(names), 1)
    tall = 200
    zero = _up(ZERO, low, high, tall)
    parts = [element("line", Html(""), kind="rule", x1=0, x2=WIDE, y1=zero, y2=zero)]
    for number, text in enumerate(texts):
        pair = []
        for side, (kind, amounts) in enumerate((("old", before), ("new", after))):
            top = _up(amounts[number], low, high, tall)
            x = step * number + step * (Decimal("0.12") + Decimal("0.4") * side)
            pair.append(
                element(
                    "rect", Html(""), kind=f"fill-{kind}", x=_text(x), y=min(top, zero),
                    width=_text(step * Decimal("0.36")), height=max(abs(zero - top), 1),
                )
            )  # fmt: skip
        parts.append(element("g", join([element("title", text), *pair])))
    chart = _svg(join(parts), height=tall, kind="chart", role="img", aria_label="billed by month")
    ends = [element("span", names[0]), element("span", names[-1])] if names else []
    return join([chart, element("div", join(ends), kind="axis")])


def _svg(inner: Html, *, height: int, kind: str = "", **attributes: object) -> Html:
    box = f"0 0 {WIDE} {height}"
    return element("svg", inner, kind=kind, viewBox=box, preserveAspectRatio="none", **attributes)


def _place(value: Decimal, low: Decimal, high: Decimal) -> int:
    return round((value - low) / (high - low) * WIDE) if high > low else 0


def _up(value: Decimal, low: Decimal, high: Decimal, tall: int) -> int:
    room = tall - 20
    return tall - 10 - (round((value - low) / (high - low) * room) if high > low else 0)


def _text(number: Decimal) -> str:
    return f"{number:.2f}"

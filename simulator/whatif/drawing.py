"""Drawings: estimates with their intervals, as SVG that stretches to its place."""

from collections.abc import Sequence
from typing import NamedTuple

from analytics.student import Estimate
from simulator.page.markup import Html, element, join

WIDE, TALL = 1000, 200
"""Units of a drawing's width, and of a curve's height."""

MARGIN = 10
"""Units that a curve leaves free above and below."""


class Row(NamedTuple):
    """An estimate to draw: its label, the numbers, and what stands behind."""

    label: Html
    estimate: Estimate
    text: Html


def intervals(rows: Sequence[Row]) -> Html:
    """Draw estimates below each other on one scale: a bar from 0, and a line for the interval."""
    ends = [end for row in rows for end in _ends(row.estimate)]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    drawn = [
        element("div", join([
            element("div", row.label), element("div", _bar(row.estimate, low, high), kind="drawn"),
            element("div", row.text, kind="end"),
        ]), kind="bar interval")
        for row in rows
    ]  # fmt: skip
    return element("div", join(drawn), kind="bars")


def curve(points: Sequence[tuple[float, Estimate]], *, label: str) -> Html:
    """Draw estimates over what they depend on: a line through the means, and the band of their intervals."""
    if len(points) < 2:  # noqa: PLR2004 - one point is no curve
        return Html("")
    known = sorted(points, key=lambda point: point[0])
    ends = [end for _, one in known for end in _ends(one)]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    first, last = known[0][0], known[-1][0]

    def at(value: float, amount: float) -> str:
        up = TALL - MARGIN - _share(amount, low, high) * (TALL - 2 * MARGIN)
        return f"{_share(value, first, last) * WIDE:.1f},{up:.1f}"

    upper = [at(value, _ends(one)[1]) for value, one in known]
    lower = [at(value, _ends(one)[0]) for value, one in known]
    means = [at(value, one.mean) for value, one in known]
    zero = [at(value, 0.0) for value in (first, last)]
    lines = [
        element("polygon", Html(""), kind="band", points=" ".join([*upper, *reversed(lower)])),
        element("polyline", Html(""), kind="zero", points=" ".join(zero)),
        element("polyline", Html(""), kind="mean", points=" ".join(means)),
    ]
    box = f"0 0 {WIDE} {TALL}"
    drawn = element(
        "svg",
        join(lines),
        kind="chart",
        viewBox=box,
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )
    axis = join([element("span", f"{first:.4g}"), element("span", f"{last:.4g}")])
    return join([drawn, element("div", axis, kind="axis")])


def _ends(one: Estimate) -> tuple[float, float]:
    return (one.mean, one.mean) if one.low is None or one.high is None else (one.low, one.high)


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def _bar(one: Estimate, low: float, high: float) -> Html:
    zero, mean = (_share(value, low, high) * WIDE for value in (0.0, one.mean))
    since, until = (_share(value, low, high) * WIDE for value in _ends(one))
    kind = "plain" if not one.is_clear else "more" if one.mean > 0 else "less"
    parts = [
        _box(min(zero, mean), abs(mean - zero), 1, 8, f"fill-{kind}"),
        _box(since, until - since, 4.5, 1, "whisker"),
        *(_box(end - 1, 2, 2.5, 5, "whisker") for end in dict.fromkeys((since, until)) if until > since),
        _box(zero - 0.5, 1, 0, 10, "whisker"),
    ]
    box = f"0 0 {WIDE} 10"
    return element("svg", join(parts), viewBox=box, preserveAspectRatio="none", aria_hidden="true")


def _box(x: float, width: float, y: float, height: float, kind: str) -> Html:
    left = min(max(x, 0.0), WIDE - width)
    return element("rect", Html(""), kind=kind, x=f"{left:.1f}", width=f"{width:.1f}", y=y, height=height)

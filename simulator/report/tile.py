"""Tiles: the figures that a board asks for first, each with its course, its change and what was planned."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from analytics.metrics import METRICS
from simulator.page.markup import Html, element, join, text
from simulator.report import amount, outline
from simulator.report.explained import Explained, asking
from simulator.report.goal import Goal
from simulator.report.subject import Subject

YEAR = 12
WIDE, TALL = 120, 32
"""Units of a sparkline; it is stretched to its place."""

ACROSS = 6
"""How many tiles stand beside each other at most."""

COURSES = 3
"""How many runs a sparkline tells apart."""


class Value(NamedTuple):
    """A metric of one run: its last value, an earlier one to hold it against, and its course."""

    subject: Subject
    now: Any
    before: Any
    since: date | None
    course: list[float | None]


def explained(metric: str, subject: Subject) -> Explained:
    """Return what a metric means, whose definition it is, and the query that gives every month of it."""
    entry = METRICS[metric]
    query = f"select month, {metric} from metrics_by_month order by month"
    facts = [("Name", metric), ("Definition of", entry.source)]
    if entry.null_when:
        facts.append(("Empty when", entry.null_when))
    meaning = entry.description[0].upper() + entry.description[1:] + "."
    return Explained(metric, amount.title(metric), meaning, query, asking(subject.said, query), tuple(facts))


def tiles(
    metrics: Sequence[str],
    subjects: Sequence[Subject],
    goals: Mapping[str, Goal],
    *,
    kind: str = "",
    place: str = "",
) -> Html:
    """Return a list of tiles, one for each metric that any of the runs has a value of."""
    shown = [metric for metric in metrics if is_known(metric, subjects) or _is_asked_for(metric)]
    drawn = [
        element("li", _tile(metric, subjects, goals.get(metric), place), kind="tile", data_metric=metric)
        for metric in shown
    ]
    if not drawn:
        return Html("")
    rows = -(-len(drawn) // ACROSS)
    columns = -(-len(drawn) // rows)  # so that no row is left nearly empty
    return element("ul", join(drawn), kind=f"tiles {kind} columns-{columns}".strip())


def is_known(metric: str, subjects: Sequence[Subject]) -> bool:
    """Tell whether a metric exists and any of the runs has something of it in any month.

    Amounts and counts that were always zero are of things that the company does not have.
    """
    return metric in METRICS and any(_has(metric, subject) for subject in subjects)


def _has(metric: str, subject: Subject) -> bool:
    if metric not in subject.metrics.columns:
        return False
    values = subject.metrics[metric].drop_nulls()
    return len(values) > 0 and (METRICS[metric].unit not in ("money", "count") or bool((values != 0).any()))


def _is_asked_for(metric: str) -> bool:
    """Tell whether it is an answer, too, that a metric has no value."""
    return metric in outline.ALWAYS and metric in METRICS


def _tile(metric: str, subjects: Sequence[Subject], goal: Goal | None, place: str) -> Html:
    values = [_value(metric, subject) for subject in subjects]
    head = join([text(amount.title(metric)), text(" "), explained(metric, subjects[0]).button(place)])
    parts = [element("h3", head)]
    parts += [_alone(metric, values[0])] if len(values) == 1 else [_beside(metric, values)]
    parts.append(spark([value.course for value in values]))
    if goal is not None and len(values) == 1:
        parts.append(element("p", goal.words, kind="goal"))
    return join(parts)


def _value(metric: str, subject: Subject) -> Value:
    course = subject.metrics[metric].to_list()
    known = [n for n, value in enumerate(course) if value is not None]
    earlier = len(course) - 1 - YEAR
    at = earlier if earlier >= 0 and course[earlier] is not None else next(iter(known), None)
    if at == len(course) - 1:
        at = None
    return Value(
        subject,
        course[-1],
        None if at is None else course[at],
        None if at is None else subject.months[at],
        [None if value is None else float(value) for value in course],
    )


def _alone(metric: str, value: Value) -> Html:
    currency = value.subject.currency
    shown = amount.short(metric, value.now, currency)
    full = amount.exact(metric, value.now, currency)
    big = element("p", element("data", shown, value=_plain(value.now), title=full), kind="value")
    if value.now is None:
        return join([big, element("p", METRICS[metric].null_when or "no value", kind="since dim")])
    moved = amount.change(metric, value.before, value.now)
    if not moved or value.since is None:
        return join([big, element("p", Html("&nbsp;"), kind="since")])
    return join([big, element("p", join([moved, text(" "), _since(value)]), kind="since")])


def _since(value: Value) -> Html:
    """Say what a value is held against: the same month a year before, or the first month that has one."""
    assert value.since is not None
    last = value.subject.months[-1]
    if value.since == last.replace(year=last.year - 1):
        return element("abbr", "y/y", kind="dim", title=f"against {value.since:%B %Y}")
    return element("span", f"since {value.since:%b %Y}", kind="dim")


def _beside(metric: str, values: Sequence[Value]) -> Html:
    """Set the values of several runs below each other, each after the first with its difference."""
    first, rows = values[0], []
    for number, value in enumerate(values):
        currency = value.subject.currency
        shown = element(
            "data", amount.short(metric, value.now, currency), value=_plain(value.now),
            title=amount.exact(metric, value.now, currency),
        )  # fmt: skip
        cells = [element("dt", element("bdi", value.subject.label), kind=f"run{number % COURSES}")]
        cells.append(element("dd", shown))
        if number:
            cells.append(element("dd", amount.change(metric, first.now, value.now), kind="since"))
        rows.append(element("div", join(cells)))
    return element("dl", join(rows), kind="beside")


def _plain(value: Any) -> str:
    return "" if value is None else f"{Decimal(str(value)):f}"


def spark(courses: Sequence[Sequence[float | None]]) -> Html:
    """Draw a course for each run from its first month to its last, on one scale, and a dot at its end."""
    known = [value for course in courses for value in course if value is not None]
    if max(sum(value is not None for value in course) for course in courses) < 2:  # noqa: PLR2004 - no line
        return Html("")
    low, high = min(0.0, *known), max(known)
    lines = [_line(course, low, high, number) for number, course in enumerate(courses[:COURSES])]
    return element(
        "svg", join(lines), kind="spark", viewBox=f"0 0 {WIDE} {TALL}", preserveAspectRatio="none",
        aria_hidden="true", focusable="false",
    )  # fmt: skip


def _line(course: Sequence[float | None], low: float, high: float, number: int) -> Html:
    step = (WIDE - 6) / max(len(course) - 1, 1)
    room = TALL - 6
    points = [
        (3 + n * step, TALL - 3 - ((value - low) / (high - low) * room if high > low else room / 2))
        for n, value in enumerate(course)
        if value is not None
    ]
    if not points:
        return Html("")
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    x, y = points[-1]
    fill = f"{path} L{x:.1f} {TALL} L{points[0][0]:.1f} {TALL} Z"
    drawn = [
        element("path", "", kind="course", d=path),
        element("path", "", kind="dot", d=f"M{x:.1f} {y:.1f} h0.01"),
    ]
    if not number:
        drawn.insert(0, element("path", "", kind="under", d=fill))
    return element("g", join(drawn), kind=f"run{number % COURSES}")

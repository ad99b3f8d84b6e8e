"""Figures: charts as a page holds them: in words, drawn as they come into view, with the data behind."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from simulator import chart
from simulator.chart import Chart
from simulator.page.markup import Html, element, join, text
from simulator.report.explained import Explained
from simulator.report.subject import Subject

WORDS = ("text", "month", "quarter")
"""The units of columns that hold no numbers."""

HEIGHT = 300
"""Pixels that are kept free for a chart which does not say how high it is."""


ROWS, SEVERAL = 200, 100
"""Rows of data behind a chart at most: of one run, and of each of several, so that a page can be mailed."""


def figure(one: Chart, subjects: Sequence[Subject], ranks: Mapping[str, Any]) -> Html:
    """Return a chart of one run or several; nothing where none of them has data for it.

    `ranks` are the colours of parts in the first run (`chart.ranks`), the same in all charts.
    """
    frames = {subject.label: chart.frame(subject.ledger, one) for subject in subjects}
    frames = {label: frame for label, frame in frames.items() if len(frame)}
    if not frames:
        return Html("")
    currency = subjects[0].currency
    together = [frames] if len(frames) == 1 or one.compare else [{label: frames[label]} for label in frames]
    several = len(subjects) > 1
    drawn = [
        _drawing(
            one, chart.spec(dict(each), one, currency=currency, ranks=ranks), each, number, several=several
        )
        for number, each in enumerate(together)
    ]
    rows = [_data(one, label, frame, currency, several=several) for label, frame in frames.items()]
    parts = [_head(one, frames, subjects, currency), element("div", join(drawn)), element("div", join(rows))]
    kind = "several" if several and not one.compare else ""
    return element("figure", join(parts), kind=kind, id=f"chart-{one.name}", data_chart=one.name)


def explained(one: Chart, subject: Subject) -> Explained:
    """Return what a chart says and the query that gives its data."""
    query = one.sql if one.verb == "sql" else ""  # what no query gives, another command does
    return Explained(f"chart-{one.name}", one.title, one.meaning, query, one.command(subject.said))


def _head(one: Chart, frames: Mapping[str, pl.DataFrame], subjects: Sequence[Subject], currency: str) -> Html:
    said = [
        join(
            [
                _label(label) if len(subjects) > 1 else Html(""),
                text(_set(chart.summary(frame, one, currency))),
            ]
        )
        for label, frame in frames.items()
    ]
    title = join([text(one.title), text(" "), explained(one, subjects[0]).button()])
    words = [element("p", words) for words in said]
    return element(
        "figcaption",
        join([
            element("h3", title, id=f"title-{one.name}"),
            element("div", join(words), kind="said", id=f"said-{one.name}"),
        ]),
    )  # fmt: skip


def _set(words: str) -> str:
    """Set a sentence as a page does: a minus that is no hyphen, and no line's end before a per cent."""
    return words.replace(" -", " −").replace(" %", "\u202f%")


def _drawing(
    one: Chart, spec: dict[str, Any], frames: Mapping[str, pl.DataFrame], number: int, *, several: bool
) -> Html:
    spec.pop("$schema", None)  # an address, and nobody asks it
    name = f"{one.name}-{number}"
    empty = element("svg", "", width=1, height=_height(spec), aria_hidden="true")  # its place is kept free
    place = element(
        "div", empty, kind="plot", id=f"plot-{name}", role="img",
        aria_labelledby=f"title-{one.name}", aria_describedby=f"said-{one.name}",
    )  # fmt: skip
    heading = element("h4", _label(next(iter(frames)))) if several and len(frames) == 1 else Html("")
    return join([heading, place, island(spec, f"spec-{name}", kind="spec")])


def _height(spec: Mapping[str, Any]) -> int:
    """Return how many pixels of height a chart will take."""
    height = spec.get("height")
    return round(height) if isinstance(height, int | float) else HEIGHT


def _data(one: Chart, label: str, frame: pl.DataFrame, currency: str, *, several: bool) -> Html:
    heads, rows = chart.table(frame, one, currency, most=SEVERAL if several else ROWS)
    numbers = [unit not in WORDS for unit in list(one.columns.values())[: len(heads)]]
    told = {"heads": heads, "numbers": numbers, "rows": rows, "name": f"{one.title}: data"}
    count = f"{len(frame):,} row{'' if len(frame) == 1 else 's'}"
    if len(rows) < len(frame):
        count = f"first {len(rows):,} of {count}"
    called = join([text("Data"), element("span", f" {count}", kind="dim")])
    if several:
        called = join([text("Data of "), _label(label), element("span", f" {count}", kind="dim")])
    return element(
        "details", join([element("summary", called), island(told, "", kind="rows")]), kind="data"
    )  # fmt: skip


def _label(label: str) -> Html:
    return element("bdi", label, kind="run")


def island(value: Any, name: str, *, kind: str) -> Html:
    """Return data for the page's script, as JSON in which no letter can end the element that holds it."""
    told = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        told = told.replace(letter, f"\\u{ord(letter):04x}")
    named = {"id": name} if name else {}
    return element("script", Html(told), kind=kind, type="application/json", **named)

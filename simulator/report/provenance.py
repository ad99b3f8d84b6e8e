"""Provenance: what made a report: scenario, seed, price book, log, policy, versions, and the files."""

from collections.abc import Mapping, Sequence
from typing import Any

from analytics import policy
from simulator import manifest
from simulator.page.markup import Html, element, join, text
from simulator.page.table import table
from simulator.report.subject import Subject

SHORT = 12
"""How many letters of a hash are shown; all of it is there to be copied."""


def provenance(subjects: Sequence[Subject]) -> Html:
    """Return what made the runs, a column each, and the files and checks of each."""
    facts = [_facts(subject) for subject in subjects]
    names = list(dict.fromkeys(name for one in facts for name in one))
    heads = ["", *(element("bdi", subject.label) for subject in subjects)] if len(subjects) > 1 else ["", ""]
    heads[0] = "what"
    if len(subjects) == 1:
        heads[1] = "this run"
    rows = [[text(name), *(one.get(name, text("–")) for one in facts)] for name in names]
    parts = [table(heads, rows, 1 + len(subjects), caption="What made this report")]
    for subject in subjects:
        called = f" of {subject.label}" if len(subjects) > 1 else ""
        parts += [_file(subject, manifest.SCENARIO, f"The assumptions{called}")]
        parts += [_file(subject, manifest.PRICES, f"The price book{called}")]
        parts += [_checks(subject, called)]
    return join(parts)


def _facts(subject: Subject) -> dict[str, Html]:
    told = subject.manifest
    log = told.get("log", {})
    chosen = policy.DEFAULT
    found: dict[str, Any] = {
        "Run": told.get("name", ""),
        "Scenario": _named(told.get("scenario")),
        "Changed settings": ", ".join(f"{key}={value}" for key, value in told.get("set", {}).items()),
        "Seed": told.get("seed", ""),
        "Months": f"{subject.months[0]:%Y-%m} to {subject.months[-1]:%Y-%m}, {len(subject.months)}",
        "Price book": _named(told.get("price_book")),
        "Currency": subject.currency,
        "Events": f"{log.get('facts', 0) + log.get('usage', 0):,}",
        "Log digest": _hash(str(log.get("head", ""))),
        "Metric policy": _policy(chosen),
        "Versions": ", ".join(f"{name} {number}" for name, number in told.get("made_by", {}).items()),
        "Drawn by": "Vega and Vega-Lite (BSD 3-Clause, University of Washington Interactive Data Lab)",
    }
    return {
        name: value if isinstance(value, Html) else text(value) for name, value in found.items() if str(value)
    }


def _policy(chosen: Any) -> Html:
    digest = getattr(chosen, "hash", "")
    words = [text("saasim, the default")]
    return join([*words, text(" "), _hash(str(digest))]) if digest else join(words)


def _named(told: Mapping[str, Any] | None) -> Html:
    if not told:
        return Html("")
    name = str(told.get("title") or told.get("name") or "")
    return join([element("bdi", name), text(" "), _hash(str(told.get("sha256", "")))])


def _hash(digest: str) -> Html:
    return element("code", digest[:SHORT], kind="dim", title=digest) if digest else Html("")


def _file(subject: Subject, name: str, title: str) -> Html:
    path = subject.path / name
    if not path.exists():
        return Html("")
    lines = path.read_text("utf-8").split("\n")
    code = element("code", Html("\n".join(text(line) for line in lines)))
    shown = element("pre", code, tabindex=0, aria_label=title)
    called = join([text(title), element("span", f" {name}, {len(lines):,} lines", kind="dim")])
    return element("details", join([element("summary", called), shown]), kind="file")


def _checks(subject: Subject, called: str) -> Html:
    checks = subject.manifest.get("checks", {})
    if not checks:
        return Html("")
    rows = [[text(name), text(words)] for name, words in checks.items()]
    title = f"What was checked{called}"
    count = element("span", f" {len(rows)} invariants hold", kind="dim")
    told = table(["invariant", "what was found"], rows, 2, caption=title)
    return element("details", join([element("summary", join([text(title), count])), told]), kind="file")

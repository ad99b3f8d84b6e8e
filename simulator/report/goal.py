"""Goals: what a run's plan says beside what was reached: on the tiles of the company, and in a table."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from analytics import plan_file
from analytics.attainment import Row, State, attained
from analytics.measure import PARTS, Measure
from analytics.metrics import METRICS
from analytics.plan import Plan
from simulator import manifest
from simulator.attainment import cells
from simulator.chart.targets import held
from simulator.page.markup import Html, element, join, text
from simulator.page.table import table
from simulator.report.explained import Explained
from simulator.report.subject import Subject

SAME = {"mrr": "committed_mrr"}
"""Measures of a plan that are a metric under another name."""

SHOWN: tuple[State, ...] = ("reached", "missed")
"""The states of figures that are over and were simulated."""


class Goal(NamedTuple):
    """What was planned for a metric in the last period that is over, and how that came out."""

    metric: str
    period: str
    planned: str
    difference: Decimal

    @property
    def words(self) -> Html:
        """What a tile says of it: a figure above its plan is not one that was missed."""
        said = text(f"Plan for {self.period}: {self.planned}, ")
        if not self.difference:
            return join([said, element("span", "reached", kind="more")])
        return join([said, element("span", "above it" if self.difference > 0 else "below it", kind="dim")])


class Attained(NamedTuple):
    """A run's plan, and a row for each figure that it prints."""

    plan: Plan
    rows: Sequence[Row]


def attainment(subject: Subject) -> Attained | None:
    """Hold the ledger of a run against the plan that it was made with; None where it was made without.

    The chart of targets finds what it draws in the table `targets` of the connection.
    """
    path = subject.path / manifest.PLAN
    if not path.exists():
        return None
    plan = plan_file.load(path)
    rows = attained(plan, subject.ledger, str(path))
    subject.ledger.register("targets", held(plan, rows))
    return Attained(plan, rows)


def goals(found: Attained) -> dict[str, Goal]:
    """Return what was planned for each metric of the whole company, in the last period that is over."""
    metrics = {
        name: SAME.get(one.ledger.measure, one.ledger.measure)
        for name, one in found.plan.figures.items()
        if one.ledger is not None and _is_whole(one.ledger)
    }
    return {
        metrics[row.figure]: Goal(
            metrics[row.figure], _period(found.plan, row), row.printed.text, row.difference
        )
        for row in found.rows
        if row.figure in metrics and row.state in SHOWN and row.printed and row.difference is not None
    }


def _is_whole(asked: Measure) -> bool:
    measure = SAME.get(asked.measure, asked.measure)
    return measure in METRICS and not any(getattr(asked, part) for part in PARTS)


def _period(plan: Plan, row: Row) -> str:
    period = plan.periods.get(row.period)
    return (period.name if period else "") or row.period


def listed(found: Attained) -> Html:
    """Return every figure of the plan that is over and was simulated, as a table that can be opened."""
    rows = [row for row in found.rows if row.state in SHOWN]
    if not rows:
        return Html("")
    told, before = [], ""
    for row in rows:
        words = cells(row)
        label = "" if row.name == before else row.name
        before = row.name
        kind = "more" if row.state == "reached" else ""
        told.append([
            text(label), text(_period(found.plan, row)), *(text(word) for word in words[:3]),
            element("span", words[3].replace("-", "−"), kind=kind), text(row.why),
        ])  # fmt: skip
    heads = ["figure", "period", "printed", "recomputed", "simulated", "difference", "why it was recomputed"]
    reached = sum(row.state == "reached" for row in rows)
    count = element("span", f" {len(rows)} figures, {reached} reached to the digit", kind="dim")
    opened = join([text("Every figure of the plan"), text(" "), count])
    shown = table(heads, told, 2, caption="Every figure of the plan")
    return element("details", join([element("summary", opened), shown]), kind="file")


def explained(subject: Subject) -> Explained:
    """Return what a goal is and the command that lists them all."""
    meaning = "What the plan prints for the period, and what the ledger came to, to the last digit."
    return Explained("targets", "Targets", meaning, command=f"saasim targets {subject.said}")

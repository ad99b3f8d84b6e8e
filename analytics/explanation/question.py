"""Questions: a metric or figure of one month and part, and the numbers beside it that it is worked out of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from analytics.dimension import SPLITS, Dimension
from analytics.explanation.evidence import Evidence
from analytics.explanation.node import Node, total
from analytics.explanation.words import label, number
from analytics.metrics import workings
from analytics.policy import DEFAULT, MetricPolicy
from billing.money import EXACTLY, ZERO
from metering.document import did_you_mean, problem


class Row(NamedTuple):
    """A row of the ledger that a figure adds up: what it is, how much, and what `explain` calls it."""

    text: str
    amount: Decimal
    thing: str = ""


@dataclass(frozen=True)
class Question:
    """What is asked: a month and part of the company, with every figure and metric of all months."""

    evidence: Evidence
    by: Dimension
    part: str
    month: date
    policy: MetricPolicy = DEFAULT

    @property
    def currency(self) -> str:
        """The ledger's currency."""
        return self.evidence.book.currency

    @property
    def months(self) -> list[dict[str, Any]]:
        """The figures of the part, a row a month, up to the month asked about."""
        rows = self.evidence.once(("workings", self.by, self.policy), self.workings)
        return [row for row in rows if row["part"] == self.part and row["month"] <= self.month]

    def value(self, name: str, ago: int = 0) -> Decimal | None:
        """Return a figure or metric of so many months ago; 0 before the history begins, None for no value."""
        rows = self.months
        if ago >= len(rows):
            return ZERO
        found = rows[-1 - ago].get(name)
        return None if found is None else Decimal(found)

    def known(self, name: str, ago: int = 0) -> Decimal:
        """Return a figure that every month has."""
        found = self.value(name, ago)
        assert found is not None, f"{name} of {self.said(ago)} has no value"
        return found

    def said(self, ago: int = 0) -> str:
        """Name the month and part."""
        rows = self.months
        month = label(rows[-1 - ago]["month"]) if ago < len(rows) else "before the first month"
        return month if self.by == "whole" else f"{month}, {self.by} {self.part or 'without a name'}"

    def at(self, ago: int) -> "Question":
        """Ask the same about so many months ago."""
        return replace(self, month=self.months[-1 - ago]["month"])

    def below(self) -> "Question":
        """Ask one level further down."""
        return replace(self, evidence=self.evidence.below())

    def rows(self, query: str, *values: Any) -> list[Row]:
        """Return the rows of a query that names text, amount and thing."""
        return [Row(*row) for row in self.evidence.rows(query, *values)]

    def workings(self) -> list[dict[str, Any]]:
        """Derive every figure and metric of every month and part."""
        return workings(self.evidence.connection, self.by, self.policy).to_dicts()


def asked(evidence: Evidence, month: date, split: str = "") -> Question:
    """Return a question about a month of the company, or of a part of it: `segment=smb`.

    Raises Problems for a split, a part or a month that the ledger does not have.
    """
    by, _, part = split.partition("=")
    if split and by not in SPLITS:
        raise problem("by", f"there is no {by!r}", did_you_mean(by, SPLITS))
    dimension: Dimension = by if split else "whole"  # type: ignore[assignment]  # it is one of SPLITS
    question = Question(evidence, dimension, part, month, evidence.policy)
    rows = evidence.once(("workings", dimension, evidence.policy), question.workings)
    parts = dict.fromkeys(row["part"] for row in rows)
    if part not in parts:
        raise problem(f"by {by}", f"there is no {by} {part!r}", did_you_mean(part, filter(None, parts)))
    if month not in {row["month"] for row in rows}:
        months = [label(row["month"]) for row in rows if row["part"] == part]
        remedy = f"it has {months[0]} to {months[-1]}" if months else "the ledger has no month"
        raise problem("month", f"the ledger has not closed {label(month)}", remedy)
    return question


def listed(
    question: Question,
    rows: Sequence[Row],
    unit: str,
    what: str,
    expand: Callable[[Row], Node | None] | None = None,
) -> tuple[Node, ...]:
    """Return the largest rows as nodes, as `expand` explains them, and one node for the others."""
    count = question.evidence.largest
    order = sorted(range(len(rows)), key=lambda place: (-abs(rows[place].amount), place))
    kept = sorted(order[:count]) if len(rows) > count + 1 else range(len(rows))
    deeper = expand if question.evidence.levels > 0 else None
    nodes = []
    for row in (rows[place] for place in kept):
        node = None if deeper is None else deeper(row)
        nodes.append(node or Node(row.text, row.amount, unit, thing=row.thing))
    if len(nodes) < len(rows):
        rest = EXACTLY.subtract(sum((row.amount for row in rows), ZERO), total(nodes))
        nodes.append(Node(f"{number(len(rows) - len(nodes))} more {what}", rest, unit))
    return tuple(nodes)

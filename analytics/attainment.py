"""Attainment: every figure that a plan prints, beside what its drivers come to and what a ledger reached.

A figure says by `ledger` what of the ledger it is (`analytics.measure`). One that has no such key but is made
of others that have, a total, a share or a growth rate, is worked out from theirs. What no event can give (an
opinion poll) has none, and is not simulated. A printed figure that does not follow is held against what its
drivers come to, with the audit's reason; every other one against what is printed.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from duckdb import DuckDBPyConnection

from analytics import audit, expression
from analytics.derivation import At
from analytics.expression import Name
from analytics.finding import Finding
from analytics.interval import Range, point
from analytics.measure import Gauge, Measure
from analytics.plan import DERIVATIONS, Figure, Plan
from analytics.printed import Printed, decimal, rounded
from analytics.recomputation import Recomputation
from metering.document import Problems
from metering.period import add_months, months_between

ONLY_PRINTED = "only printed: no driver of the plan gives it"

PLACES = 6
"""Decimals of what is divided: a share of 0.0001 % still shows."""

State = Literal["reached", "missed", "no value", "not over", "not simulated"]


class Row(NamedTuple):
    """One printed figure in one period, beside what it comes to and what the ledger holds.

    `printed` is None for a figure that the plan only needs on the way. `recomputed` is what the drivers come
    to, None for what is only printed. `difference` is ledger - goal (the nearer end of a range, 0 within it);
    the goal is what is recomputed, or else what is printed. `reached` is a difference of 0, to the last digit
    where the goal has one and as printed otherwise. `why` says why the printed figure is wrong, where it is.
    """

    figure: str
    name: str
    period: str
    unit: str
    printed: Printed | None
    recomputed: Range | None
    ledger: Decimal | None
    difference: Decimal | None
    state: State
    why: str
    source: str

    @property
    def goal(self) -> Range:
        """What the ledger is held against."""
        if self.recomputed is not None:
            return self.recomputed
        assert self.printed is not None, f"{self.figure} is neither printed nor recomputed"
        return self.printed.exact


def attained(plan: Plan, connection: DuckDBPyConnection, place: str = "plan") -> list[Row]:
    """Hold every figure that a plan prints, or that names a measure, against a ledger, in the plan's order.

    The ledger's first month stands for the first month of the plan. Raises Problems where the plan is wrong,
    or its SQL is.
    """
    reader = _Reader(plan, connection, place)
    reasons = _reasons(plan, audit.audit(plan, place).findings)
    return [
        row
        for name, figure in plan.figures.items()
        for period in reader.periods(name, figure)
        for row in reader.rows(At(name, period), reasons.get(At(name, period), ""))
    ]


class _Reader:
    """Reads the figures of a plan off a ledger."""

    def __init__(self, plan: Plan, connection: DuckDBPyConnection, place: str) -> None:
        self.plan = plan
        self.place = place
        self.worked = Recomputation(plan, place)
        self.gauge = Gauge(connection)
        first, self.until = self.gauge.closed()
        begins = min((period.starts_on for period in plan.periods.values()), default=first)
        self.shift = months_between(begins, first)
        self._known: dict[At, Fraction | None] = {}

    def periods(self, name: str, figure: Figure) -> list[str]:
        """Return the periods in which a figure is printed, or is measured and can be worked out."""
        found = list(figure.printed)
        if figure.ledger is not None and not found:
            found += [period for period in self.plan.periods if self._is_driven(name, period)]
        return found

    def _is_driven(self, name: str, period: str) -> bool:
        try:
            self.worked.number(name, period)
        except Problems:
            return False
        return True

    def rows(self, at: At, why: str) -> Iterator[Row]:
        """Yield the row of a printed figure."""
        figure = self.plan.figures[at.name]
        printed = figure.printed.get(at.period)
        recomputed = self._recomputed(at)
        value = self._value(at)
        difference = None if value is None else _difference(value, recomputed, printed)
        yield Row(
            at.name,
            figure.name or at.name.replace("_", " "),
            at.period,
            figure.unit,
            printed,
            recomputed,
            None if value is None else number(value),
            None if difference is None else number(difference),
            self._state(at, difference),
            why or (ONLY_PRINTED if recomputed is None and difference else ""),
            figure.source_of(at.period),
        )

    def _state(self, at: At, difference: Fraction | None) -> State:
        if difference is not None:
            return "missed" if difference else "reached"
        if not self._is_simulated(at, set()):
            return "not simulated"
        period = self.plan.periods.get(at.period)
        return "not over" if period is None or self._moved(period.ends_on) > self.until else "no value"

    def _recomputed(self, at: At) -> Range | None:
        if at.period not in self.plan.figures[at.name].printed:
            return point(Fraction(self.worked.number(at.name, at.period)))
        return self.worked.value(at) if self.worked.derived.ways.get(at) else None

    def _is_simulated(self, at: At, seen: set[At]) -> bool:
        """Tell whether the ledger would give a figure, were its period over."""
        figure = self.plan.figures.get(at.name)
        if figure is None or at in seen:
            return False
        if figure.ledger is not None:
            return bool(at.period)
        names = self._made_of(at)
        return bool(names) and all(self._is_simulated(name, seen | {at}) for name in names)

    def _value(self, at: At) -> Fraction | None:
        """Return what the ledger holds of a figure, or what follows from others that it holds."""
        if at not in self._known:
            self._known[at] = None  # a figure that needs itself has none
            figure = self.plan.figures[at.name]
            found = self._read(figure.ledger, at) if figure.ledger is not None else self._derived(at)
            self._known[at] = found
        return self._known[at]

    def _read(self, ledger: Measure, at: At) -> Fraction | None:
        if at.period not in self.plan.periods:
            return None
        period = self.plan.periods[at.period]
        first, until = (self._moved(day) for day in (period.starts_on, period.ends_on))
        if until > self.until:
            return None
        found = self.gauge.value(ledger, first, until, f"{self.place}: figures.{at.name}.ledger")
        return None if found is None else Fraction(found)

    def _moved(self, day: date) -> date:
        return add_months(day, self.shift)

    def _derived(self, at: At) -> Fraction | None:
        """Work a figure out from others that the ledger holds; None where it needs anything else."""
        names = self._made_of(at)
        values = {name: self._value(name) for name in names}
        if not names or None in values.values():
            return None
        way = self.worked.derived.ways[at][0]

        def look_up(name: Name) -> Range:
            value = values[At(name.name, name.period)]
            assert value is not None, f"{name} was there a moment ago"
            return point(value)

        try:
            return expression.evaluate(way.node, look_up).middle
        except ArithmeticError:
            return None

    def _made_of(self, at: At) -> Sequence[At]:
        """Return the figures that a figure is made of; none where it is made of anything else."""
        ways = self.worked.derived.ways.get(at, ())
        if not ways or ways[0].where:
            return ()
        names = [At(name.name, name.period) for name in expression.names(ways[0].node)]
        return names if all(name.name in self.plan.figures for name in names) else ()


def _reasons(plan: Plan, findings: Sequence[Finding]) -> dict[At, str]:
    """Return why each wrong figure is wrong: its cause, what it follows from, or the claim that it breaks."""
    reasons: dict[At, str] = {}
    for finding in findings:
        if finding.kind != "wrong" or finding.check in ("shares", "range"):
            continue
        if finding.check == "claim":
            for name in _claimed(plan, finding.name):
                at = At(name.name, name.period or finding.period)
                reasons.setdefault(at, f"against {finding.working}: {plan.claims[finding.name].says}")
            continue
        follows = f"follows from {', '.join(finding.follows)}" if finding.follows else ""
        reasons[At(finding.name, finding.period)] = finding.cause or follows or finding.working
    return reasons


def _claimed(plan: Plan, claim: str) -> Iterator[Name]:
    """Yield the figures in a claim that the plan only prints."""
    for part in expression.claim(plan.claims[claim].holds).parts:
        for name in expression.names(part):
            figure = plan.figures.get(name.name)
            if figure is not None and not any(getattr(figure, way) for way in DERIVATIONS):
                yield name


def _difference(value: Fraction, recomputed: Range | None, printed: Printed | None) -> Fraction:
    """Return how far a value is from its goal: from what is recomputed, or from all that is printed."""
    if recomputed is not None or printed is None:
        assert recomputed is not None, "a figure is printed or recomputed"
        low, high = recomputed.low.least, recomputed.high.most
    elif printed.fits(point(value)) and not printed.sense:
        return Fraction()
    else:
        low, high = printed.low, printed.high
        if printed.sense == "at least":
            high = max(value, high)
        elif printed.sense == "at most":
            low = min(value, low)
    return min(value - low, Fraction()) + max(value - high, Fraction())


def number(value: Fraction) -> Decimal:
    """Return a number as a Decimal: whole where it ends, else with some places."""
    try:
        return decimal(value)
    except ValueError:
        return rounded(value, PLACES)

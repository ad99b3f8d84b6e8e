"""Derivations: how each figure of a plan follows from others, period by period, with every name bound.

A figure in a period has a definition, which is worked out, and may have further ways to come to the same
number, such as the sum of its quarters; those are only checked. What `growth_of`, `share_of` and the like
declare becomes the formula that they stand for, so there is one arithmetic.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple, TypeVar

from analytics import expression
from analytics.expression import BEFORE, MONTHS, PARTS, RESERVED, Comparison, Name, Node, Number, Operation
from analytics.interval import Range, point
from analytics.plan import ALL, Figure, Plan
from analytics.printed import parse
from metering.document import Problem, Problems, did_you_mean
from metering.period import months_between

MONTHS_OF_A_YEAR = 12

T = TypeVar("T")


class At(NamedTuple):
    """A driver or figure in a period."""

    name: str
    period: str

    def __str__(self) -> str:
        return f"{self.name}.{self.period}" if self.period else self.name


class Way(NamedTuple):
    """One way to come to a figure: what kind it is, the formula, and the drivers that it changes (a case)."""

    kind: str
    node: Node
    where: tuple[tuple[str, Range], ...] = ()


class BoundClaim(NamedTuple):
    """A claim in one period."""

    key: str
    period: str
    comparison: Comparison


class Derived(NamedTuple):
    """Everything that a plan derives; `order` has each figure after those that it needs."""

    ways: dict[At, tuple[Way, ...]]
    claims: list[BoundClaim]
    order: list[At]


def derive(plan: Plan, place: str = "plan") -> Derived:
    """Bind every formula of a plan. Raises Problems: formulas that are none, unknown names, cycles, gaps."""
    return _Deriver(plan, place).derived()


def bound(plan: Plan, text: str, period: str, place: str) -> tuple[Node, Derived]:
    """Bind one more formula over a plan, in a period; with it come the figures that it needs.

    Raises Problems where it is no formula, or names what is not there.
    """
    return _Deriver(plan, place).bound(text, period)


def _is_figure(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


class _Deriver:
    """What is known while a plan is bound: the problems found, and the figures that are still to do."""

    def __init__(self, plan: Plan, place: str) -> None:
        self.plan = plan
        self.place = place
        self.problems: list[Problem] = []
        self.waiting: list[At] = []

    def derived(self) -> Derived:
        """Bind all. Raises Problems."""
        self._check_keys()
        claims = list(self._claims())
        for name, figure in self.plan.figures.items():
            self.waiting += [At(name, period) for period in figure.printed]
            self._check_within(name, figure)
        return self._closed(claims)

    def bound(self, text: str, period: str) -> tuple[Node, Derived]:
        """Bind one formula. Raises Problems."""
        node = self.read(expression.formula, text, self.place) or Number(point(0))
        made = self.bind(node, period, self.place)
        return made, self._closed([])

    def _closed(self, claims: list[BoundClaim]) -> Derived:
        """Derive all that waits, and what that needs. Raises Problems."""
        ways: dict[At, tuple[Way, ...]] = {}
        while self.waiting:
            at = self.waiting.pop()
            if at not in ways and at.name in self.plan.figures:
                ways[at] = tuple(self._ways(at))
        order = self._ordered(ways) if not self.problems else []
        if self.problems:
            raise Problems(dict.fromkeys(self.problems))
        return Derived(ways, claims, order)

    def read(self, reader: Callable[[str], T], text: str, place: str) -> T | None:
        """Read a text; what is wrong with it is kept as a problem."""
        try:
            return reader(text)
        except ValueError as error:
            message, _, remedy = str(error).partition("; ")
            self.problems.append(Problem(place, message, remedy))
            return None

    def bind(self, node: Node, period: str, place: str) -> Node:
        """Give every name its period: where its value lives, as seen from a period."""
        return expression.replaced(node, lambda name: self._bound(name, period, place))

    def _bound(self, name: Name, period: str, place: str) -> Node:
        if name.name == MONTHS and not name.end and name.period in ("", *self.plan.periods):
            return self._months(name.period or period, place)
        if name.name not in self.plan.drivers and name.name not in self.plan.figures:
            self._complain(place, f"no driver or figure {name.name!r}", name.name, self.plan.names())
            return name
        if name.period == PARTS:
            parts = self.plan.within(period) if period else []
            if not parts:
                message = f"sum({name.name}) needs periods that fill {period or 'a period'}"
                self.problems.append(Problem(place, message, "add them to [periods]"))
            return Operation("sum", tuple(self._at(Name(name.name, part), place) for part in parts))
        wanted = name.period or period
        if name.period == BEFORE:
            earlier = self.plan.before(period) if period else None
            if earlier is None:
                message = f"there is no period of the same length before {period or 'all'}"
                self.problems.append(Problem(place, message, "name the period, or leave this one out"))
                return name
            wanted = earlier
        elif name.period and name.period not in self.plan.periods:
            self._complain(place, f"no period {name.period!r}", name.period, self.plan.periods)
            return name
        return self._at(name._replace(period=wanted), place)

    def _months(self, period: str, place: str) -> Number:
        if period:
            return Number(point(self.plan.periods[period].months))
        self.problems.append(Problem(place, "'months' belongs to a period", "write it like months.y1"))
        return Number(point(0))

    def _at(self, name: Name, place: str) -> Node:
        """Find where the value of a name lives, and see to it that it is worked out."""
        home = self._home(name.name, name.period)
        if home is None:
            where = f"in {name.period}" if name.period else "for all periods"
            remedy = "give it one, or name a period that has one"
            self.problems.append(Problem(place, f"{name.name!r} has no value {where}", remedy))
            return name
        self.waiting.append(At(name.name, home))
        return name._replace(period=home)

    def _home(self, name: str, period: str) -> str | None:
        driver = self.plan.drivers.get(name)
        if driver is not None:
            known = period in driver.values
            return period if known else ALL if driver.value is not None else None
        figure = self.plan.figures[name]
        if period in figure.printed:
            return period
        if ALL in figure.printed:
            return ALL
        return period if self._is_derived(figure, period) else None

    def _is_derived(self, figure: Figure, period: str) -> bool:
        """Tell whether a figure that is not printed in a period can be worked out there."""
        if figure.formula:
            return period in figure.formula or ALL in figure.formula
        other = figure.total_of or figure.share_of or figure.growth_of or figure.multiple_of
        return bool(other or figure.cagr_of or figure.case_of)

    def _ways(self, at: At) -> Iterator[Way]:
        """Yield the ways to a figure, its definition first."""
        figure = self.plan.figures[at.name]
        parts = self.plan.within(at.period) if figure.adds_up and at.period else []
        summed = bool(parts) and all(self._has(figure, part) for part in parts)
        if not (summed and figure.formula and at.period not in figure.formula):
            yield from self._declared(at, figure)
        if summed:
            where = f"{self.place}: figures.{at.name}"
            yield Way("periods", self.bind(Name(at.name, PARTS), at.period, where))

    def _has(self, figure: Figure, part: str) -> bool:
        return part in figure.printed or part in figure.formula

    def _declared(self, at: At, figure: Figure) -> Iterator[Way]:
        name, period = at
        place = f"{self.place}: figures.{name}"
        text = figure.formula.get(period, figure.formula.get(ALL))
        if text is not None:
            node = self.read(expression.formula, text, f"{place}.formula")
            if node is not None:
                yield Way("formula", self.bind(node, period, f"{place}.formula"))
        elif figure.total_of:
            node = Operation("sum", tuple(map(Name, self._rows(figure.total_of, period))))
            yield Way("total", self.bind(node, period, f"{place}.total_of"))
        elif figure.share_of:
            node = Operation("/", tuple(map(Name, figure.share_of)))
            yield Way("share", self.bind(node, period, f"{place}.share_of"))
        elif figure.growth_of or figure.multiple_of:
            of = figure.growth_of or figure.multiple_of or ""
            kind = "growth" if figure.growth_of else "multiple"
            node = Operation("/", (Name(of), Name(of, BEFORE)))
            if figure.growth_of:
                node = Operation("-", (node, Number(point(1))))
            yield Way(kind, self.bind(node, period, f"{place}.{kind}_of"))
        elif figure.cagr_of and figure.since:
            yield from self._cagr(figure.cagr_of, figure.since, period, place)
        elif figure.case_of:
            yield self._case(figure, period, place)

    def _rows(self, names: tuple[str, ...], period: str) -> tuple[str, ...]:
        """Leave out the rows of a table that are blank in a period: what is printed, but not there.

        Where nothing is printed there, the rows are those that can be worked out.
        """
        known = {*self.plan.drivers, *self.plan.figures}
        valued = [name for name in names if name not in known or self._home(name, period) is not None]
        filled = [name for name in valued if not self._is_blank(name, period)]
        return tuple(filled or valued or names)

    def _is_blank(self, name: str, period: str) -> bool:
        figure = self.plan.figures.get(name)
        return figure is not None and bool(figure.printed) and figure.at(period) is None

    def _cagr(self, of: str, since: str, period: str, place: str) -> Iterator[Way]:
        first, last = self.plan.periods.get(since), self.plan.periods.get(period)
        if first is None or last is None:
            self._complain(f"{place}.since", f"no period {since!r}", since, self.plan.periods)
            return
        years = Fraction(months_between(first.starts_on, last.starts_on), MONTHS_OF_A_YEAR)
        if years < 1:
            message = f"from {since} to {period} it is less than a year"
            self.problems.append(Problem(f"{place}.since", message, "name an earlier period"))
            return
        factor = Operation("/", (Name(of), Name(of, since)))
        node = factor if years == 1 else Operation("root", (factor, Number(point(years))))
        grown = Operation("-", (node, Number(point(1))))
        yield Way("cagr", self.bind(grown, period, f"{place}.cagr_of"))

    def _case(self, figure: Figure, period: str, place: str) -> Way:
        for name in figure.where:
            if name not in self.plan.drivers and name not in self.plan.figures:
                self._complain(f"{place}.where", f"no driver or figure {name!r}", name, self.plan.names())
        where = tuple((name, value.exact) for name, value in figure.where.items())
        return Way("case", self.bind(Name(figure.case_of or ""), period, f"{place}.case_of"), where)

    def _claims(self) -> Iterator[BoundClaim]:
        for key, claim in self.plan.claims.items():
            place = f"{self.place}: claims.{key}"
            for period in claim.periods:
                if period not in self.plan.periods:
                    self._complain(f"{place}.periods", f"no period {period!r}", period, self.plan.periods)
            comparison = self.read(expression.claim, claim.holds, f"{place}.holds")
            for period in claim.periods or (ALL,):
                if comparison is not None and (not period or period in self.plan.periods):
                    parts = tuple(self.bind(part, period, f"{place}.holds") for part in comparison.parts)
                    yield BoundClaim(key, period, comparison._replace(parts=parts))

    def _check_within(self, name: str, figure: Figure) -> None:
        place = f"{self.place}: figures.{name}.within"
        for period in figure.printed:
            text = figure.within.get(period, figure.within.get(ALL, ""))
            if text in self.plan.figures or text in self.plan.drivers:
                self._at(Name(text, period), place)
            elif text and not _is_figure(text):
                self._complain(place, f"no range {text!r}", text, self.plan.names())

    def _check_keys(self) -> None:
        """Check that every key can be told from every other, and every period that is named is there."""
        for table, keys in (("drivers", self.plan.drivers), ("figures", self.plan.figures),
                            ("periods", self.plan.periods)):  # fmt: skip
            for key in keys:
                if key in RESERVED:
                    message = f"{key!r} means something else in formulas"
                    place = f"{self.place}: {table}.{key}"
                    self.problems.append(Problem(place, message, "name it otherwise"))
        for key in self.plan.figures:
            if key in self.plan.drivers:
                message = "is a driver and a figure"
                self.problems.append(Problem(f"{self.place}: figures.{key}", message, "name one otherwise"))
        for name, driver in self.plan.drivers.items():
            self._check_periods(f"drivers.{name}.values", driver.values)
        for name, figure in self.plan.figures.items():
            for field in ("printed", "formula", "within", "source"):
                self._check_periods(f"figures.{name}.{field}", getattr(figure, field))
            for text in figure.formula.values():
                self.read(expression.formula, text, f"{self.place}: figures.{name}.formula")

    def _check_periods(self, where: str, given: dict[str, T]) -> None:
        for period in given:
            if period and period not in self.plan.periods:
                self._complain(f"{self.place}: {where}", f"no period {period!r}", period, self.plan.periods)

    def _complain(self, place: str, message: str, word: str, known: "Iterator[str] | dict[str, T]") -> None:
        self.problems.append(Problem(place, message, did_you_mean(word, known)))

    def _ordered(self, ways: dict[At, tuple[Way, ...]]) -> list[At]:
        graph = {
            at: [At(name.name, name.period) for name in expression.names(found[0].node)] if found else []
            for at, found in ways.items()
        }
        try:
            return [at for at in TopologicalSorter(graph).static_order() if at in ways]
        except CycleError as error:
            circle = " -> ".join(map(str, reversed(error.args[1])))
            place = f"{self.place}: figures.{error.args[1][0].name}"
            message = f"depends on itself: {circle}"
            self.problems.append(Problem(place, message, "print one without a formula"))
            return []

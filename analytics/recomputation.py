"""Recomputation: what the figures of a plan come to, from its drivers and from what it prints.

The same formulas are worked out in several worlds. In one every figure follows from the drivers, all the way
down. In the other each figure is made of the figures beside it as they are printed, right or wrong, so that
a mistake can be told from what merely follows from it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from analytics import expression
from analytics.derivation import At, Derived, Way, bound, derive
from analytics.expression import Name, Node
from analytics.interval import Range
from analytics.plan import ALL, Plan
from analytics.printed import decimal
from metering.document import Problem, Problems

Values = dict[At, Range]


class World(NamedTuple):
    """How figures are looked up: as printed, or from drivers; and which of them as roughly as printed.

    `leaves` are figures that are only printed: of those nobody knows more than the digits.
    """

    printed: bool = False
    rough_leaves: bool = False
    rough: bool = False


DRIVERS = World()
DRIVERS_ROUGHLY = World(rough_leaves=True)
PRINTED = World(printed=True)
PRINTED_LEAVES_ROUGHLY = World(printed=True, rough_leaves=True)
PRINTED_ROUGHLY = World(printed=True, rough=True)


class Recomputation:
    """A plan worked out: `value(at)` in a world, and any other formula over it."""

    def __init__(self, plan: Plan, place: str = "plan") -> None:
        """Work out every figure. Raises Problems: of the formulas, and where one divides by zero."""
        self.plan = plan
        self.place = place
        self.derived = derive(plan, place)
        self._values: dict[World, Values] = {}
        self._problems: list[Problem] = []
        self._values[DRIVERS] = self._worked_out(DRIVERS, self.derived)
        if self._problems:
            raise Problems(dict.fromkeys(self._problems))
        for world in (DRIVERS_ROUGHLY, PRINTED, PRINTED_LEAVES_ROUGHLY, PRINTED_ROUGHLY):
            self._values[world] = self._worked_out(world, self.derived)

    def number(self, formula: str, period: str = ALL, place: str = "") -> Decimal:
        """Work out any formula over the plan's drivers and figures, in a period, from the drivers.

        A number or the name of a driver is a formula as well. Raises Problems where it is none, or comes to a
        range or to a number without end.
        """
        where = place or self.place
        node, needed = bound(self.plan, formula, period, where)
        try:
            values = self._worked_out(DRIVERS, needed)
            value = expression.evaluate(node, lambda name: self.look_up(name, values))
        except ArithmeticError as error:
            raise Problems([Problem(where, f"{formula!r} {error}", "mend it")]) from None
        if not value.is_point:
            message = f"{formula!r} is a range, {expression.range_text(value)}"
            raise Problems([Problem(where, message, "name an end: x.low or x.high")])
        try:
            return decimal(value.middle)
        except ValueError:
            raise Problems([Problem(where, f"{formula!r} comes to no whole decimal", "mend it")]) from None

    def value(self, at: At, world: World = DRIVERS) -> Range:
        """Return what a driver or figure is in a world."""
        return self.look_up(Name(at.name, at.period), self._values[world])

    def of_way(self, way: Way, world: World = DRIVERS) -> Range | None:
        """Work out one way to a figure in a world; None where that cannot be done."""
        try:
            return self.of_node(way.node, world, dict(way.where))
        except ArithmeticError:
            return None

    def of_node(self, node: Node, world: World, where: Mapping[str, Range] | None = None) -> Range:
        """Work out a bound formula, with other drivers in `where`. Raises ArithmeticError."""
        values = self._values[world]
        if where:
            values = self._worked_out(DRIVERS, self._needed(node), where)
        return expression.evaluate(node, lambda name: self.look_up(name, values, where))

    def look_up(self, name: Name, values: Values, where: Mapping[str, Range] | None = None) -> Range:
        """Return what a bound name stands for. Raises ArithmeticError where it could not be worked out."""
        if where and name.name in where:
            return where[name.name]
        driver = self.plan.drivers.get(name.name)
        if driver is not None:
            printed = driver.at(name.period)
            assert printed is not None, f"driver {name} was bound to a period without a value"
            return printed.exact
        found = values.get(At(name.name, name.period))
        if found is None:
            message = f"needs {name.name}, which cannot be worked out"
            raise _UnknownError(message)
        return found

    def _needed(self, node: Node) -> Derived:
        """Return the figures that a formula needs, in their order."""
        wanted = {At(name.name, name.period) for name in expression.names(node)}
        for at in reversed(self.derived.order):
            if at in wanted and self.derived.ways[at]:
                wanted |= {
                    At(name.name, name.period) for name in expression.names(self.derived.ways[at][0].node)
                }
        return self.derived._replace(order=[at for at in self.derived.order if at in wanted])

    def _worked_out(self, world: World, derived: Derived, where: Mapping[str, Range] | None = None) -> Values:
        values: Values = {}
        for at in derived.order:
            ways = derived.ways[at]
            printed = self.plan.figures[at.name].at(at.period)
            if printed is not None and (world.printed or not ways):
                is_rough = world.rough or (world.rough_leaves and not ways)
                values[at] = printed.meant if is_rough else printed.exact
                continue
            assert ways, f"{at} is neither printed nor derived"
            try:
                values[at] = self._defined(ways[0], values, where or {})
            except ArithmeticError as error:
                if world == DRIVERS and not where:
                    self._note(at, error)
                elif not where:  # printed figures may be such that it cannot be done; the drivers say more
                    values[at] = self._values[DRIVERS][at]
        return values

    def _defined(self, way: Way, values: Values, where: Mapping[str, Range]) -> Range:
        if way.where:
            changed = {**dict(way.where), **where}
            inner = self._worked_out(DRIVERS, self._needed(way.node), changed)
            try:
                return expression.evaluate(way.node, lambda name: self.look_up(name, inner, changed))
            except _UnknownError:
                message = "cannot be worked out with these drivers"
                raise ArithmeticError(message) from None
        return expression.evaluate(way.node, lambda name: self.look_up(name, values, where))

    def _note(self, at: At, error: ArithmeticError) -> None:
        if isinstance(error, _UnknownError):
            return
        period = f" in {at.period}" if at.period else ""
        place = f"{self.place}: figures.{at.name}"
        self._problems.append(Problem(place, f"{error}{period}", "mend the formula or its drivers"))


class _UnknownError(ArithmeticError):
    """A figure that needs another one which could not be worked out; that one is the problem."""


def number(plan: Plan, formula: str, period: str = ALL, place: str = "plan") -> Decimal:
    """Work out one formula over a plan, in a period. Raises Problems; for many, keep a `Recomputation`."""
    return Recomputation(plan, place).number(formula, period, place)

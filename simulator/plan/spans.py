"""Spans: in which periods of a plan each thing is counted, and its numbers there.

Periods lie within each other (quarters and months in years). A thing is counted by the shortest ones for
which a driver of its count has a value of its own: ten customers in the first quarter and 75 in the year are
ten for three months, whatever the year says; 30 projects a year are spread over all of it. `periods` of the
thing says otherwise.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise

from analytics import expression
from analytics.expression import Name
from analytics.plan import ALL, Plan
from analytics.recomputation import Recomputation
from metering.document import Problem, Problems, did_you_mean, problem
from metering.period import Period
from simulator.plan.counted import Counted, Span
from simulator.plan.thing import Number, Thing


def counted(plan: Plan, things: Mapping[str, Thing], place: str) -> list[Counted]:
    """Work out the numbers of every thing. Raises Problems with everything that has none."""
    known = Recomputation(plan, place)
    found, problems = [], list[Problem]()
    for key, thing in things.items():
        where = f"{place}: things.{key}"
        try:
            found.append(Counted(key, thing, tuple(_spans(known, thing, where))))
        except Problems as error:
            problems += error.problems
    if problems:
        raise Problems(problems)
    return found


def whole(plan: Plan) -> Period:
    """Return the time from the first period of a plan to the end of its last."""
    starts = [period.starts_on for period in plan.periods.values()]
    return Period(min(starts), max(period.ends_on for period in plan.periods.values()))


def _spans(known: Recomputation, thing: Thing, where: str) -> Iterator[Span]:
    for key in _periods(known.plan, thing, where):
        period = known.plan.periods[key]
        count = _value(known, thing.count, key, f"{where}.count")
        if not count:
            continue
        price = _value(known, thing.price, key, f"{where}.price")
        if price is None:
            raise problem(f"{where}.price", f"has no value in {key}", "give its drivers one there")
        held = period.months
        if thing.months is not None:
            held = _months(_value(known, thing.months, key, f"{where}.months"))
        yield Span(Period(period.starts_on, period.ends_on), count, price, held)


def _months(number: Decimal | None) -> int:
    """Return whole months; what is no whole number is none that fits into any period."""
    return int(number) if number is not None and not number % 1 else -1


def _periods(plan: Plan, thing: Thing, where: str) -> list[str]:
    """Return the periods in which a thing is counted, in order of time."""
    if unknown := [key for key in thing.periods if key not in plan.periods]:
        remedy = did_you_mean(unknown[0], plan.periods)
        raise problem(f"{where}.periods", f"there is no period {unknown[0]!r}", remedy)
    if thing.periods:
        chosen = sorted(thing.periods, key=lambda key: plan.periods[key].starts_on)
        for one, other in pairwise(chosen):
            if plan.periods[one].ends_on > plan.periods[other].starts_on:
                message = f"{one} and {other} overlap, and would be counted twice"
                raise problem(f"{where}.periods", message, "name one of them")
        return chosen
    own = _own_periods(plan, thing.count, f"{where}.count")
    own |= _own_periods(plan, thing.months, f"{where}.months")
    found = []
    for key in _longest(plan):
        found += _refined(plan, key, own)
    return found


def _longest(plan: Plan) -> list[str]:
    """Return the periods that lie within no other, in order of time."""
    kept: list[str] = []
    order = sorted(plan.periods, key=lambda key: (plan.periods[key].starts_on, -plan.periods[key].months))
    for key in order:
        if not kept or plan.periods[key].starts_on >= plan.periods[kept[-1]].ends_on:
            kept.append(key)
    return kept


def _refined(plan: Plan, key: str, own: set[str]) -> list[str]:
    """Part a period into those within it, where one of them has numbers of its own."""
    parts = [deeper for inner in plan.within(key) for deeper in _refined(plan, inner, own)]
    return parts if own.intersection(parts) else [key]


def _own_periods(plan: Plan, given: Number | None, where: str) -> set[str]:
    """Return the periods for which a driver in a formula has a value of its own."""
    waiting: list[Number | None] = [given]
    seen, found = set[str](), set[str]()
    while waiting:
        for name in {name.name for name in _names(waiting.pop(), where)}:
            if name not in seen:
                seen.add(name)
                if name in plan.drivers:
                    found.update(plan.drivers[name].values)
                elif name in plan.figures:
                    formulas = plan.figures[name].formula
                    waiting += formulas.values()
                    found.update(formulas or plan.figures[name].printed)
    return found


def _names(given: Number | None, where: str) -> list[Name]:
    """Return the names in a formula. Raises Problems where it is none."""
    if not isinstance(given, str):
        return []
    try:
        return list(expression.names(expression.formula(given)))
    except ValueError as error:
        message, _, remedy = str(error).partition("; ")
        raise problem(where, message, remedy) from None


def _value(known: Recomputation, given: Number, period: str, where: str) -> Decimal | None:
    """Work a number out for a period; None where a driver or figure in it has no value there."""
    if not isinstance(given, str):
        return given
    if any(
        not name.period and not _has_value(known.plan, name.name, period) for name in _names(given, where)
    ):
        return None
    return known.number(given, period, where)


def _has_value(plan: Plan, name: str, period: str) -> bool:
    """Tell whether a name stands for something in a period; of a name that is none, others will complain."""
    if name in plan.drivers:
        return plan.drivers[name].at(period) is not None
    figure = plan.figures.get(name)
    if figure is None or figure.at(period) is not None:
        return True
    return period in figure.formula or ALL in figure.formula or not (figure.formula or figure.printed)

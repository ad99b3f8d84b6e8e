"""Expectations: what a document promises for each year of a scenario, beside which its runs are shown.

They are the figures of a plan that are customers of a segment or revenue of a stream, year by year; a
scenario without a plan may list a few itself.
"""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from analytics.attainment import number
from analytics.derivation import At
from analytics.figures import YEAR
from analytics.plan import Plan
from analytics.recomputation import Recomputation
from billing.price import Key
from metering.period import add_months


class Record(BaseModel):
    """A part of the expectations: unknown keys are refused, values cannot change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Target(Record):
    """A figure that the document expects at the end of a year; `recomputed` where its own drivers differ."""

    printed: Decimal | None = None
    recomputed: Decimal | None = None
    source: str = ""


class Year(Record):
    """What is expected of a year: customers at its end by segment, revenue in it by stream, other figures."""

    customers: dict[Key, Target] = {}
    revenue: dict[Key, Target] = {}
    figures: dict[Key, Target] = {}


def expected(plan: Plan, place: str = "plan") -> tuple[Year, ...]:
    """Return what a plan expects of its years, from its first day on. Raises Problems where it is wrong."""
    worked = Recomputation(plan, place)
    first = min((period.starts_on for period in plan.periods.values()), default=None)
    by_start = {period.starts_on: key for key, period in plan.periods.items() if period.months == YEAR}
    years = []
    while first is not None and first in by_start:
        years.append(_year(worked, by_start[first]))
        first = add_months(first, YEAR)
    return tuple(years)


def _year(worked: Recomputation, period: str) -> Year:
    found: dict[tuple[str, str], dict[str, Target]] = {
        ("customers", "segment"): {},
        ("revenue", "stream"): {},
    }
    for name, figure in worked.plan.figures.items():
        printed = figure.printed.get(period)
        only = figure.ledger.only_part() if figure.ledger is not None else None
        if figure.ledger is None or only is None or printed is None or not printed.exact.is_point:
            continue
        part, word = only
        if (figure.ledger.measure, part) in found:
            found[figure.ledger.measure, part].setdefault(word, _target(worked, At(name, period)))
    customers, revenue = found.values()
    return Year(customers=customers, revenue=revenue)


def _target(worked: Recomputation, at: At) -> Target:
    """Return a printed figure, with what it comes to where that is another number."""
    figure = worked.plan.figures[at.name]
    printed = figure.printed[at.period]
    value = worked.value(at)
    differs = value.is_point and not printed.equals(value)
    return Target(
        printed=printed.number,
        recomputed=number(value.middle) if differs else None,
        source=figure.source_of(at.period),
    )

"""Counted things: each thing of a plan with its numbers for every period, checked before anything is made."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from billing.price import CATALOG
from billing.yearly import TERM_MONTHS
from metering.document import Problem, did_you_mean
from metering.period import Period, months_between
from simulator.plan.thing import Thing

PRICE_PLACES = 9
"""How many decimals a price of a price book has at most."""

PIECES_MAX = 200_000
"""More pieces than this in one period are counted in units: each piece is an event of its own."""


class Span(NamedTuple):
    """What a plan says of a thing for one period; of `held` months each customer holds it, the last ones."""

    period: Period
    number: Decimal
    price: Decimal
    held: int

    @property
    def months(self) -> int:
        """How many calendar months the period has."""
        return months_between(self.period.starts_on, self.period.ends_on)

    @property
    def amount(self) -> Decimal:
        """What the period comes to if it is not held: number x price."""
        return self.number * self.price


class Counted(NamedTuple):
    """A thing by its key, with one span for each period in which there is some of it, in order."""

    key: str
    thing: Thing
    spans: tuple[Span, ...]

    def expected(self, span: Span) -> Decimal:
        """Return the revenue (for costs: what is spent) that the plan's formula gives for a span."""
        if self.thing.cadence == "month":
            return span.amount * span.held
        if self.thing.cadence == "year":
            return span.amount * span.months / TERM_MONTHS
        return span.amount


def problems(things: Sequence[Counted], place: str) -> Iterator[Problem]:
    """Find what cannot be a company: parts of customers, prices too fine, buyers that nobody is."""
    by_key = {counted.key: counted for counted in things}
    reported: dict[str, str] = {}
    for counted in things:
        where = f"{place}: things.{counted.key}"
        for span in counted.spans:
            yield from _span_problems(counted, span, f"{where} in {span.period.label}")
        for name in ("by", "sellers"):
            other = getattr(counted.thing, name)
            if other is not None:
                yield from _other_problems(counted, other, by_key, f"{where}.{name}")
        by = counted.thing.by
        if counted.thing.happens == "partner_revenue.reported" and by is not None:
            first = reported.setdefault(by, counted.key)
            if first != counted.key:
                message = f"{by!r} reports its revenue for {first!r} already"
                yield Problem(f"{where}.by", message, "put the two together, or give it other partners")
        if counted.key == CATALOG or by_key.keys() & {f"{counted.key}-sellers"}:
            yield Problem(where, "the name is taken by what is made of the plan", "choose another")
        if counted.thing.agent and len({span.price for span in counted.spans}) > 1:
            message = "an agent's share is the same in all periods"
            yield Problem(f"{where}.price", message, "make it two things, one after the other")


def _span_problems(counted: Counted, span: Span, where: str) -> Iterator[Problem]:
    thing = counted.thing
    if span.number < 0:
        yield Problem(where, f"there are {span.number:f} of it", "a count is 0 or more")
    if span.price < 0:
        yield Problem(where, f"the price is {span.price:f}", "a price is 0 or more")
    if thing.agent and span.price > 1:
        yield Problem(where, f"the share kept is {span.price:f}", "give a share of 1 at most, 0.30 for 30 %")
    if round(span.price, PRICE_PLACES) != span.price and thing.cadence != "cost":
        message = f"the price {span.price:.12f}... has more than {PRICE_PLACES} decimals"
        yield Problem(where, message, "round it")
    is_whole = thing.is_held or thing.cadence == "piece" or thing.happens == "devices.shipped"
    if is_whole and span.number % 1:
        message = f"there are {span.number:f} of it, and a part of one cannot be sold"
        yield Problem(where, message, 'count whole ones, or make it cadence = "unit"')
    if thing.cadence == "piece" and span.number > PIECES_MAX:
        message = f"there are {span.number:,} pieces, an event each; {PIECES_MAX:,} is the most"
        yield Problem(where, message, 'make it cadence = "unit"')
    if not 0 <= span.held <= span.months:
        message = f"it is held {span.held} months of a period of {span.months}"
        yield Problem(f"{where}", message, "give 'months' as a whole number within the period")
    if thing.cadence == "year" and span.months % TERM_MONTHS:
        message = f"a year is paid in advance, and the period has {span.months} months"
        yield Problem(where, message, "count it by year, or price it by the month")


def _other_problems(
    counted: Counted, other: str, by_key: Mapping[str, Counted], where: str
) -> Iterator[Problem]:
    """Find buyers and sellers that are no customers, or that are not there when they are needed."""
    if other not in by_key:
        yield Problem(where, f"there is no thing {other!r}", did_you_mean(other, by_key))
        return
    held = by_key[other]
    if not held.thing.is_held or other == counted.key:
        known = [key for key, one in by_key.items() if one.thing.is_held and key != counted.key]
        yield Problem(where, f"{other!r} is no thing that customers hold", did_you_mean(other, known))
        return
    for span in counted.spans:
        month = _without(span, held)
        if month is not None:
            message = f"nobody holds {other!r} in {month.label}"
            yield Problem(where, message, "give it customers in that period")


def _without(span: Span, held: Counted) -> Period | None:
    """Return the first stretch of a span in which a thing has no customer."""
    day = span.period.starts_on
    for other in held.spans:
        if other.number and other.held == other.months and other.period.starts_on <= day:
            day = max(day, other.period.ends_on)
    return Period(day, span.period.ends_on) if day < span.period.ends_on else None

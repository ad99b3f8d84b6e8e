"""The auditor's meters: what adds up, and levels that are weighted with how long they were held.

Our reading: a level goes on when the plan changes, and begins anew with a period unless it is recurring; then
it also holds what was told of it before the subscription began. Where days are weighed, a level changes at
the start of the day, and a thing that is removed is there to the end of it.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from metering.event import UsageRecorded
from metering.meter import Meter
from tests.auditor.price import ZERO

TINY = timedelta(microseconds=1)
DAY = timedelta(days=1)

Heard = list[tuple[datetime, UsageRecorded]]
"""Usage of one meter, in the order of time."""


class Span(NamedTuple):
    """The time between two instants."""

    starts_at: datetime
    ends_at: datetime

    def holds(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        return self.starts_at <= at < self.ends_at

    def of(self, starts_at: datetime, ends_at: datetime) -> int:
        """How many microseconds of another span lie in it."""
        return max(0, (min(ends_at, self.ends_at) - max(starts_at, self.starts_at)) // TINY)


def count(meter: Meter, own: Heard, alive: Heard, part: Span, term: Span) -> Decimal:
    """What a meter counts in a part of a period: of all that is its own, or what was heard while alive."""
    if meter.aggregation == "sum":
        return sum((Decimal(data.quantity) for at, data in alive if part.holds(at)), ZERO)
    heard = own if meter.recurring else [(at, data) for at, data in alive if term.holds(at)]
    by_day = meter.weighted_by == "day" or (bool(meter.of) and meter.weighted_by is None)
    if meter.of:
        held = Fraction(things(meter, heard, part, by_day=by_day))
    else:
        held = level(heard, part, by_day=by_day, latest=meter.aggregation == "weighted_latest")
    exact = held / term.of(*term)
    quotient = Decimal(exact.numerator) / Decimal(exact.denominator)
    return quotient.quantize(Decimal("0.000000000001"), rounding=ROUND_HALF_EVEN)


def start_of(at: datetime, *, by_day: bool) -> datetime:
    """From when on something counts that happened at an instant."""
    return datetime.combine(at.date(), time()) if by_day else at


def level(heard: Heard, part: Span, *, by_day: bool, latest: bool) -> Fraction:
    """A running total, or what was told last, times the microseconds of a part for which it was held."""
    told = [(start_of(at, by_day=by_day), Decimal(data.quantity)) for at, data in heard]
    edges = sorted({*part, *(at for at, _ in told if part.starts_at < at < part.ends_at)})
    held = Fraction(0)
    for first, last in pairwise(edges):
        levels = [quantity for at, quantity in told if at <= first]
        now = levels[-1] if latest and levels else sum(levels, ZERO)
        held += Fraction(now) * ((last - first) // TINY)
    return held


def things(meter: Meter, heard: Heard, part: Span, *, by_day: bool) -> int:
    """How many microseconds of a part things were there, each for itself."""
    told: dict[str, list[tuple[datetime, bool]]] = defaultdict(list)
    for at, data in heard:
        values = json.loads(data.dimensions or "{}")
        told[values.get(meter.of, "")].append((at, values.get(meter.operation) == "remove"))
    return sum(there(events, part, by_day=by_day) for events in told.values())


def there(events: Iterable[tuple[datetime, bool]], part: Span, *, by_day: bool) -> int:
    """How many microseconds of a part a thing was there that was added and removed: no time counts twice."""
    since: datetime | None = None
    seen, done = 0, datetime(1, 1, 1)  # noqa: DTZ001 - a log's instants have no zone
    for at, removes in events:
        if removes and since is not None:
            until = start_of(at, by_day=by_day) + DAY * by_day
            seen, done, since = seen + part.of(max(since, done), until), max(done, until), None
        elif not removes and since is None:
            since = start_of(at, by_day=by_day)
    return seen if since is None else seen + part.of(max(since, done), part.ends_at)

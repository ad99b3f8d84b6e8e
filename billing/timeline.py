"""Timelines: what a request for a quote says happens when, and which time is quoted.

Days and instants are UTC: `2026-03-15` is its first instant, `2026-03-15T09:30:00Z` one within it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, NamedTuple, Self

import polars as pl
from pydantic import AfterValidator, Field, model_validator

from billing.convention import Conventions
from billing.price import Day, Record
from billing.proration import Span
from billing.yearly import term_at
from metering.document import problem
from metering.event import (
    AddOnBought,
    AddOnDropped,
    Event,
    PlanChanged,
    SeatsChanged,
    SubscriptionCancelled,
    SubscriptionStarted,
)
from metering.frame import shaped
from metering.meter import Meter
from metering.period import YEAR_MAX, YEAR_MIN, Period, months
from metering.told import Told, Use
from metering.usage import DAY_SCHEMA, MEASURED_SCHEMA, measure, measure_days
from metering.weighted import SLICE_SCHEMA


def _utc(at: datetime) -> datetime:
    """Bring an instant to UTC, without a zone."""
    plain = at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    if not YEAR_MIN <= plain.year < YEAR_MAX:
        raise ValueError(f"{plain} lies outside of the years {YEAR_MIN} to {YEAR_MAX}")
    return plain


At = Annotated[datetime, AfterValidator(_utc)]
Count = Annotated[Decimal, Field(ge=0, le=Decimal(10) ** 15, decimal_places=12)]


class Change(Record):
    """What changes at an instant: plan, seats, billing, add-ons bought or dropped, or a cancellation.

    `plan` names another plan, or describes it as a table; `price` and `prices` describe one by its prices.
    """

    at: At
    plan: str | dict[str, Any] | None = None
    price: dict[str, Any] | None = None
    prices: dict[str, dict[str, Any]] | None = None
    seats: int | None = Field(None, ge=0)
    billing: str | None = Field(None, pattern="^(month|year)$")
    add_ons: dict[str, Annotated[int, Field(ge=1)]] = Field({})
    drops: tuple[str, ...] = ()
    cancels: bool = False

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.model_fields_set <= {"at"}:
            raise ValueError("says nothing that changes; name a plan, seats, add_ons, drops or cancels")
        return self


class Happened(Record):
    """A single event of a meter at an instant."""

    at: At
    quantity: Annotated[Decimal, Field(ge=-(Decimal(10) ** 15), le=Decimal(10) ** 15)] = Decimal(1)
    dimensions: dict[str, str] = Field({})


class Stretch(Period):
    """A billing period that begins and ends at an instant."""

    span: Span

    @classmethod
    def of(cls, span: Span) -> Self:
        """Make a period of a span."""
        stretch = cls(span.starts_on, span.ends_on)
        stretch.span = span
        return stretch

    @property
    def starts_at(self) -> datetime:
        """The first instant of the period."""
        return self.span.starts_at

    @property
    def ends_at(self) -> datetime:
        """The first instant after the period."""
        return self.span.ends_at


class Quoted(NamedTuple):
    """What is quoted: the months (or the one period) to bill, and when the subscription starts.

    Of the lines only those whose service begins in `window`, where there is one.
    """

    periods: list[Period]
    starts_at: datetime
    window: Span | None
    conventions: Conventions

    def shows(self, starts_on: date, ends_on: date) -> bool:
        """Tell whether a line's service begins in what is quoted."""
        if self.window is None:
            return True
        last = self.window.ends_at.date()
        return self.window.starts_on <= starts_on and (
            starts_on < last or (starts_on == last and ends_on <= last + timedelta(days=1))
        )


class Timing(Record):
    """When a quoted subscription lives, what changes, and which time is quoted.

    `period` is a month (`2026-03`: what is billed in it) or an interval (`2026-03-15/2026-04-15`), which then
    is the billing period whatever the book's are. Without it, as many `months` from the start: calendar
    months, or periods from the anchor.
    """

    period: str = ""
    months: int = Field(1, ge=1, le=120)
    starts_on: Day | None = None
    ends_on: Day | None = None
    starts_at: At | None = None
    ends_at: At | None = None
    trial_days: int = Field(0, ge=0, le=3650)
    changes: tuple[Change, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts_on and self.ends_on and self.ends_on <= self.starts_on:
            raise ValueError(f"ends_on {self.ends_on} is not after starts_on {self.starts_on}; swap them")
        for day, at in (("starts_on", "starts_at"), ("ends_on", "ends_at")):
            if getattr(self, day) and getattr(self, at):
                raise ValueError(f"{day!r} and {at!r} say the same; remove one")
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValueError(f"ends_at {self.ends_at} is not after starts_at {self.starts_at}; swap them")
        return self

    def quoted(self, conventions: Conventions, month: date, place: str) -> Quoted:
        """Return what is quoted; `month` is where the request names no time. Raises Problems."""
        begun = datetime.combine(self.starts_on, time()) if self.starts_on else self.starts_at
        if "/" in self.period:
            span = _interval(self.period, place)
            own = conventions.model_copy(update={"periods": "calendar"})
            return Quoted([Stretch.of(span)], begun or span.starts_at, None, own)
        if self.period:
            if not re.fullmatch(r"20\d{2}-(0[1-9]|1[0-2])", self.period):
                remedy = "write a month like 2026-03, or an interval like 2026-03-15/2026-04-15"
                raise problem(f"{place}: period", f"{self.period!r} is no period", remedy)
            first = date.fromisoformat(f"{self.period}-01")
            periods = list(months(first, self.months))
            return Quoted(periods, begun or periods[0].starts_at, None, conventions)
        starts_at = begun or datetime.combine(month.replace(day=1), time())
        if conventions.periods == "calendar":
            return Quoted(list(months(starts_at.date(), self.months)), starts_at, None, conventions)
        anchor = starts_at + timedelta(days=self.trial_days)
        end = anchor
        for _ in range(self.months):
            end = term_at(anchor, end, 1).ends_at
        last = end - timedelta(microseconds=1)
        count = (last.year - starts_at.year) * 12 + last.month - starts_at.month + 1
        return Quoted(list(months(starts_at.date(), count)), starts_at, Span(starts_at, end), conventions)


def _interval(text: str, place: str) -> Span:
    try:
        first, last = (_utc(datetime.fromisoformat(part)) for part in text.split("/"))
    except ValueError:
        remedy = "write it like 2026-03-15/2026-04-15, or with instants"
        raise problem(f"{place}: period", f"{text!r} is no interval", remedy) from None
    if last <= first:
        raise problem(f"{place}: period", f"{text!r} ends before it begins", "swap its ends")
    return Span(first, last)


def told(
    subscription: str,
    timing: Timing,
    started: SubscriptionStarted,
    add_ons: Mapping[str, int],
    *,
    starts_at: datetime,
) -> list[Event]:
    """Return the facts of a quoted subscription, in the order of time."""
    facts: list[tuple[datetime, Any]] = [(starts_at, started)]
    facts += [(starts_at, AddOnBought(subscription, key, count)) for key, count in add_ons.items()]
    if timing.ends_on is not None:
        facts.append((starts_at, SubscriptionCancelled(subscription, timing.ends_on)))
    if timing.ends_at is not None:
        facts.append((timing.ends_at, SubscriptionCancelled(subscription, timing.ends_at.date())))
    now = started
    for change in sorted(timing.changes, key=lambda change: change.at):
        seats = now.seats if change.seats is None else change.seats
        after = now._replace(
            plan=str(change.plan or now.plan), seats=seats, billing=change.billing or now.billing
        )
        facts += [(change.at, fact) for fact in _facts(change, now, after)]
        now = after
    facts.sort(key=lambda fact: fact[0])
    return [Event(subscription, str(n), subscription, at, data) for n, (at, data) in enumerate(facts)]


def _facts(change: Change, now: SubscriptionStarted, after: SubscriptionStarted) -> Iterator[Any]:
    name = now.subscription
    if (after.plan, after.billing) != (now.plan, now.billing):
        yield PlanChanged(name, after.plan, after.seats, after.billing)
    elif after.seats != now.seats:
        yield SeatsChanged(name, after.seats)
    for key, count in change.add_ons.items():
        yield AddOnBought(name, key, count)
    for key in change.drops:
        yield AddOnDropped(name, key)
    if change.cancels:
        yield SubscriptionCancelled(name, change.at.date())


def measured_events(
    subscription: str,
    events: Mapping[str, Sequence[Happened]],
    *,
    meters: Mapping[str, Meter],
    parts: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Measure single events of a subscription as those of a log are (`MEASURED_SCHEMA`)."""
    if not any(events.values()):
        return pl.DataFrame(schema=MEASURED_SCHEMA)
    log = _log(subscription, events, periods)
    named = {key: meters[key] for key in events}
    with log.connection as connection:
        return measure(connection, log, meters=named, spans=_spans(parts), periods=periods)


def days_of_events(
    subscription: str,
    events: Mapping[str, Sequence[Happened]],
    *,
    meters: Mapping[str, Meter],
    parts: pl.DataFrame,
    periods: Sequence[Period],
    wanted: pl.DataFrame,
) -> pl.DataFrame:
    """Measure single events by the day, for the meters that are `wanted` so (`metering.usage.measure_days`).

    The columns are those of `DAY_SCHEMA`, `phase_no` and `month`.
    """
    log = _log(subscription, events, periods)
    some = wanted.filter(pl.col("meter").is_in(list(events)))
    with log.connection as connection:
        found = measure_days(
            connection, log, meters=meters, wanted=some, periods=periods, slices=_spans(parts)
        )
    schema = pl.Schema({**DAY_SCHEMA, "phase_no": pl.Int64(), "month": pl.Date()})
    return found.filter(pl.col("phase_no").is_not_null()) if len(some) else pl.DataFrame(schema=schema)


def _spans(parts: pl.DataFrame) -> pl.DataFrame:
    """Return slices as metering wants to know them."""
    lives = parts.with_columns(subject="subscription", starts_at="from_at", ends_at="until_at")
    return shaped(lives, SLICE_SCHEMA)


def _log(subscription: str, events: Mapping[str, Sequence[Happened]], periods: Sequence[Period]) -> Told:
    """Tell the events of a subscription as a log does, from the first of them to the last period's end.

    The first period is among the months, also where nothing happened in it.
    """
    uses = [
        Use(
            subscription,
            key,
            one.at,
            one.quantity,
            json.dumps(one.dimensions, sort_keys=True) if one.dimensions else "",
        )
        for key, happened in events.items()
        for one in happened
    ]
    first = min(periods[0].starts_at, *(use.occurred_at for use in uses))
    last = periods[-1].ends_at - timedelta(microseconds=1)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return Told(uses, list(months(first.date(), count)))

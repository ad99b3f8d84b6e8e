"""Deliveries: what is appended to a log, checked and put into the order that a block keeps.

An event belongs to the block of the month in which it became known: of the later of `recorded_at` and
`occurred_at`. One that occurred in an earlier month is late. Usage is never negative: what was counted too
much is taken back by `usage.corrected`, with a reason.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import polars as pl

from metering.document import Problem, Problems, problem
from metering.event import QUANTITY_MAX, Event, UsageCorrected, UsageRecorded, encode
from metering.period import Period

USAGE_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "id": pl.String(),
        "subject": pl.String(),
        "meter": pl.String(),
        "occurred_at": pl.Datetime("us"),
        "quantity": pl.Decimal(38, 12),
        "dimensions": pl.String(),
    }
)
"""How high-volume usage travels: `subject` names the subscription, `dimensions` is a JSON object or empty.

Where some of it is late there is a column `recorded_at` too; null stands for the time of occurrence.
"""

LATE_SCHEMA = pl.Schema({**USAGE_SCHEMA, "recorded_at": pl.Datetime("us")})
"""How usage travels that became known later than it occurred."""


class Delivery(NamedTuple):
    """Business facts, and usage with the columns of `USAGE_SCHEMA` or `LATE_SCHEMA`, both in no order."""

    facts: list[Event]
    usage: pl.DataFrame


def delivered(events: Iterable[Event], usage: pl.DataFrame) -> Delivery:
    """Part single usage events from business facts; put facts in the order that a block keeps.

    Raises Problems for a quantity that is none.
    """
    facts, single = [], []
    for event in events:
        if type(event.data) is UsageRecorded:
            single.append(_usage_row(event))
        else:
            facts.append(event)
    facts = _in_order(facts)
    if single:
        rows = pl.DataFrame(single, schema=LATE_SCHEMA, orient="row")
        if "recorded_at" not in usage.columns and rows["recorded_at"].null_count() == len(rows):
            rows = rows.select(USAGE_SCHEMA.names())
        usage = pl.concat([_like(usage, rows), rows])
    if "recorded_at" in usage.columns:
        usage = usage.with_columns(pl.coalesce("recorded_at", "occurred_at").alias("recorded_at"))
    return Delivery(facts, usage)


def _in_order(facts: list[Event]) -> list[Event]:
    """Put facts in their order; what they say is only looked at where two have one time and name."""
    names = [(fact.occurred_at, fact.source, len(fact.id), fact.id) for fact in facts]
    if all(one < other for one, other in pairwise(names)):
        return facts
    if len(set(names)) < len(names):
        return sorted(facts, key=event_order)
    return [facts[place] for place in sorted(range(len(facts)), key=names.__getitem__)]


def _usage_row(event: Event) -> tuple[object, ...]:
    data: UsageRecorded = event.data
    if not data.quantity.is_finite() or abs(data.quantity) > QUANTITY_MAX:
        place = f"usage {event.source} {event.id}"
        raise problem(place, f"{data.quantity} is no quantity", f"keep within {QUANTITY_MAX:f}")
    what = (event.subject, data.meter, event.occurred_at, data.quantity, data.dimensions)
    return (event.source, event.id, *what, event.recorded_at)


def _like(usage: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Give usage the column that single events have, if they have it."""
    if "recorded_at" in rows.columns and "recorded_at" not in usage.columns:
        return usage.with_columns(recorded_at=pl.lit(None, pl.Datetime("us"))).select(rows.columns)
    return usage.select(rows.columns)


def event_order(event: Event) -> tuple[datetime, str, int, str, str, str, datetime]:
    """Return what events are ordered by: time, then name, where id 9 comes before id 10.

    Events of one time and name are duplicates or conflicts; their content decides which comes first.
    """
    known_at = event.recorded_at or event.occurred_at
    name = (event.occurred_at, event.source, len(event.id), event.id)
    return (*name, event.subject, f"{event.type} {encode(event.data)}", known_at)


def ordered(usage: pl.DataFrame) -> pl.DataFrame:
    """Sort usage as a block keeps it; to see that it is sorted is several times cheaper than to sort it."""
    keys = ("occurred_at", "source", "id")
    time, source, key = (pl.col(name) > pl.col(name).shift() for name in keys)
    same_time, same_source = (pl.col(name) == pl.col(name).shift() for name in keys[:2])
    rising = usage.select((time | (same_time & (source | (same_source & key)))).slice(1).all()).item()
    return usage if rising else usage.sort(keys)


class Extent(NamedTuple):
    """From when to when usage occurred and became known, and its least quantity."""

    first: datetime
    last: datetime
    known_first: datetime
    known_last: datetime
    least: Decimal


def extent(usage: pl.LazyFrame, columns: Iterable[str]) -> Extent | None:
    """Return the extent of usage, or None where there is none."""
    occurred = pl.col("occurred_at")
    known = pl.max_horizontal("occurred_at", "recorded_at") if "recorded_at" in columns else occurred
    row = usage.select(
        first=occurred.min(),
        last=occurred.max(),
        known_first=known.min(),
        known_last=known.max(),
        least=pl.col("quantity").min(),
    ).collect(engine="streaming")
    values = row.row(0)
    return Extent(*values) if values[0] is not None else None


def check(period: Period, facts: list[Event], usage: Extent | None, *, begins_at: datetime) -> None:
    """See that a block of `period` may hold facts (in their order) and usage; the log begins at `begins_at`.

    Raises Problems.
    """
    starts_at, ends_at = period.starts_at, period.ends_at
    for first, last in _known(facts, usage):
        for time in (first, last):
            if not starts_at <= time < ends_at:
                raise _misplaced(period, time)
    earliest = [facts[0].occurred_at] if facts else []
    earliest += [usage.first] if usage else []
    if earliest and min(earliest) < begins_at:
        message = f"an event occurred at {min(earliest)}, before the log begins"
        raise problem(f"block {period.label}", message, "begin the log in its month")
    if usage is not None and usage.least < 0:
        message = f"usage of {usage.least:f} is negative"
        raise problem(f"block {period.label}", message, "record it as usage.corrected, with a reason")
    if problems := [one for fact in facts if type(fact.data) is UsageCorrected for one in _corrected(fact)]:
        raise Problems(problems)


def _known(facts: list[Event], usage: Extent | None) -> Iterator[tuple[datetime, datetime]]:
    """Yield when things became known: the first and the last of facts, those told later, and usage."""
    told = [fact for fact in facts if fact.recorded_at is not None]
    for fact in told:
        known = max(fact.recorded_at or fact.occurred_at, fact.occurred_at)
        yield known, known
    plain = facts if not told else [fact for fact in facts if fact.recorded_at is None]
    if plain:
        yield plain[0].occurred_at, plain[-1].occurred_at
    if usage is not None:
        yield usage.known_first, usage.known_last


def _misplaced(period: Period, time: datetime) -> Problems:
    remedy = "put it in the block of its month"
    if time < period.starts_at:
        remedy += ", or say with recorded_at that it became known in this one"
    return problem(f"block {period.label}", f"an event occurred at {time}", remedy)


def _corrected(fact: Event) -> Iterator[Problem]:
    place, data = f"correction {fact.source} {fact.id}", fact.data
    if not data.reason.strip():
        yield Problem(place, "has no reason", "say why the usage is corrected")
    if data.corrects and data.quantity < 0:
        message = f"{data.corrects} cannot count {data.quantity:f}"
        yield Problem(place, message, "name what it counts instead; 0 takes it back")


def count_late(period: Period, facts: list[Event], usage: pl.LazyFrame) -> int:
    """Count the events that occurred before the month in which they became known."""
    starts_at = period.starts_at
    late = pl.col("occurred_at") < starts_at
    rows: int = usage.select(late.sum()).collect(engine="streaming").item()
    return rows + sum(fact.occurred_at < starts_at for fact in facts)

"""Happenings: the events behind a row of usage, as the log has them, and what each of them counts."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from analytics.explanation.evidence import Evidence
from analytics.explanation.life import life
from analytics.explanation.node import Node, fact
from analytics.explanation.words import instant
from billing.money import SMALLEST
from billing.proration import Span
from metering.meter import USAGE, Meter
from metering.period import month_of

ONE = Decimal(1)

Key = tuple[date, str, int, str, str]
"""What names a row of usage: month, subscription, phase, meter, dimensions."""


class Happening(NamedTuple):
    """One event that a meter looks at."""

    position: int
    source: str
    id: str
    occurred_at: datetime
    quantity: Decimal
    data: str

    @property
    def place(self) -> str:
        """Where the log has it."""
        return f"event {self.position} ({self.source} {self.id})"

    def value(self, name: str) -> str:
        """Return a field of the event, or a dimension of the usage, as text."""
        found = json.loads(self.data).get(name) if self.data else None
        return "" if found is None else found if isinstance(found, str) else json.dumps(found)


def events(evidence: Evidence, account: str, key: Key, meter: Meter) -> list[Node]:
    """Return the events behind a row of usage, each with what it counts; of a level, those that set it.

    A single fact, and no number, where the log is not at hand.
    """
    month, subscription, phase_no, name, dimensions = key
    if evidence.levels <= 0 or (evidence.log is None and meter.event == USAGE):
        return [fact("the events are in the log, which is not at hand")] if evidence.levels > 0 else []
    span = _span(evidence, account, key)
    wanted = json.loads(dimensions) if dimensions else {}
    read = _usage(evidence, subscription, name, span) if meter.event == USAGE else _facts(
        evidence, subscription, meter, span
    )
    found = [one for one in read if _dimensions(one, meter) == wanted]
    return list(_COUNTS.get(meter.aggregation, _each)(found, meter))


def _span(evidence: Evidence, account: str, key: Key) -> Span:
    """Return the time of a phase in the month of a row of usage."""
    month, subscription, phase_no, *_ = key
    period = month_of(month)
    for phase, _ in life(evidence, account, subscription):
        if phase.phase_no == phase_no:
            return Span(max(phase.starts_at, period.starts_at), min(phase.ends_at or period.ends_at, period.ends_at))
    return Span(period.starts_at, period.ends_at)


def _usage(evidence: Evidence, subscription: str, meter: str, span: Span) -> Iterator[Happening]:
    """Read the usage that the block of the month holds."""
    assert evidence.log is not None
    months = [one for one in evidence.log.periods if one.starts_at <= span.starts_at < one.ends_at]
    files = [str(path) for path in evidence.log.usage_files(months)] if months else []
    if not files:
        return
    rows = evidence.rows(
        "select position, source, id, occurred_at, quantity, dimensions from read_parquet(?) "
        "where subject = ? and meter = ? and occurred_at >= ? and occurred_at < ? order by position",
        *(files, subscription, meter, span.starts_at, span.ends_at),
    )
    yield from (Happening(*row) for row in rows)


def _facts(evidence: Evidence, subscription: str, meter: Meter, span: Span) -> Iterator[Happening]:
    """Read the business facts that a meter counts; their subject is the account where they name none."""
    rows = evidence.rows(
        "select position, source, id, occurred_at, data from events where type = ? and "
        "coalesce(nullif(json_extract_string(data, '$.subscription'), ''), subject) = ? "
        "and occurred_at >= ? and occurred_at < ? order by position",
        *(meter.event, subscription, span.starts_at, span.ends_at),
    )
    for row in rows:
        fields: dict[str, Any] = json.loads(row[4])
        quantity = Decimal(str(fields[meter.quantity])) if meter.quantity else ONE
        yield Happening(*row[:4], quantity, row[4])


def _dimensions(one: Happening, meter: Meter) -> dict[str, str]:
    values = {name: one.value(name) for name in meter.dimensions}
    return values | ({"event": f"{one.source}/{one.id}"} if meter.each else {})


def _each(found: list[Happening], meter: Meter) -> Iterator[Node]:
    """Each event counts its quantity."""
    for one in found:
        yield Node(instant(one.occurred_at), one.quantity.quantize(SMALLEST), meter.unit, source=one.place)


def _one(found: list[Happening], meter: Meter) -> Iterator[Node]:
    """Each event counts 1."""
    for one in found:
        yield Node(instant(one.occurred_at), ONE, meter.unit, source=one.place)


def _different(found: list[Happening], meter: Meter) -> Iterator[Node]:
    """The first event of each value counts 1."""
    seen: dict[str, Happening] = {}
    for one in found:
        value = one.value(meter.of)
        if value:
            seen.setdefault(value, one)
    for value, one in seen.items():
        yield Node(f"{value}, first on {instant(one.occurred_at)}", ONE, meter.unit, source=one.place)


def _highest(found: list[Happening], meter: Meter) -> Iterator[Node]:
    """The highest reading counts, whenever it was."""
    for one in sorted(found, key=lambda one: (-one.quantity, one.position)):
        yield Node(f"reading of {instant(one.occurred_at)}", one.quantity, meter.unit, source=one.place)


def _latest(found: list[Happening], meter: Meter) -> Iterator[Node]:
    """The last reading counts."""
    for one in sorted(found, key=lambda one: (one.occurred_at, one.position), reverse=True):
        yield Node(f"reading of {instant(one.occurred_at)}", one.quantity, meter.unit, source=one.place)


_COUNTS = {"sum": _each, "count": _one, "unique_count": _different, "max": _highest, "latest": _latest}

"""Happenings: the events behind a row of usage, as the log has them, and what each of them counts."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.life import slices_of
from analytics.explanation.node import Node, fact
from analytics.explanation.words import instant
from billing.money import SMALLEST
from billing.proration import Span
from metering.correction import KIND as CORRECTED
from metering.known import known
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
        return _placed(self.position, self.source, self.id)

    def value(self, name: str) -> str:
        """Return a field of the event, or a dimension of the usage, as text."""
        found = json.loads(self.data).get(name) if self.data else None
        return "" if found is None else found if isinstance(found, str) else json.dumps(found)


def events(evidence: Evidence, account: str, key: Key, meter: Meter) -> list[Node]:
    """Return the events behind a row of usage, each with what it counts; of a level, those that set it.

    A single fact, and no number, where the log is not at hand.
    """
    _, subscription, _, name, dimensions = key
    if evidence.levels <= 0 or (evidence.log is None and meter.event == USAGE):
        return [fact("the events are in the log, which is not at hand")] if evidence.levels > 0 else []
    span = _span(evidence, account, key)
    wanted = json.loads(dimensions) if dimensions else {}
    read = (
        _usage(evidence, subscription, name, span)
        if meter.event == USAGE
        else _facts(evidence, subscription, meter, span)
    )
    found = [one for one in read if _dimensions(one, meter) == wanted]
    return list(_COUNTS.get(meter.aggregation, _each)(found, meter))


def known_late(evidence: Evidence, line: Line, month: date) -> list[Node]:
    """Return what became known in a line's month of an earlier month of its subscription."""
    assert evidence.log is not None, f"{line.thing}: what became known late is in the log"
    period, known_in = month_of(month), month_of(line.month)
    rows = evidence.rows(
        "select position, source, id, occurred_at, recorded_at, quantity from "
        f"{evidence.log.usage_source([known_in])} where subject = ? and meter = ? and occurred_at >= ? "
        "and occurred_at < ? order by position",
        *(line.subscription, line.meter, period.starts_at, period.ends_at),
    )
    unit = evidence.book.meters[line.meter].unit if line.meter in evidence.book.meters else ""
    found = [
        Node(
            f"late: {instant(at)}, known on {instant(known)}",
            quantity,
            unit,
            source=_placed(position, source, key),
        )
        for position, source, key, at, known, quantity in rows
    ]
    told = evidence.rows(
        "select position, source, id, type, occurred_at, recorded_at from events where subject in (?, ?) "
        "and recorded_at >= ? and recorded_at < ? and occurred_at < ? order by position",
        *(line.account, line.subscription, known_in.starts_at, known_in.ends_at, period.ends_at),
    )
    found += [
        fact(f"late: {kind} of {instant(at)}, known on {instant(known)}", _placed(position, source, key))
        for position, source, key, kind, at, known in told
    ]
    rest = len(found) - evidence.largest
    return found if rest <= 1 else [*found[: evidence.largest], fact(f"{rest} more late events")]


def _placed(position: int, source: str, key: str) -> str:
    return f"event {position} ({source} {key})"


def _span(evidence: Evidence, account: str, key: Key) -> Span:
    """Return the time of a phase in the billing period of a row of usage."""
    month, subscription, phase_no, *_ = key
    own = [one for one in slices_of(evidence, account, subscription, month) if one.phase_no == phase_no]
    if own:
        return Span(min(one.from_at for one in own), max(one.until_at for one in own))
    period = month_of(month)
    return Span(period.starts_at, period.ends_at)


def _usage(evidence: Evidence, subscription: str, meter: str, span: Span) -> Iterator[Happening]:
    """Read the usage of a time that the log knows by now, as it was corrected."""
    assert evidence.log is not None
    log = evidence.log
    periods = [one for one in log.periods if one.starts_at < span.ends_at and one.ends_at > span.starts_at]
    if not periods:
        return
    source = known(log, log.periods[-1]).usage_source(periods)
    rows = evidence.rows(
        f"select position, source, id, occurred_at, quantity, dimensions from {source} "
        "where subject = ? and meter = ? and occurred_at >= ? and occurred_at < ? order by position",
        *(subscription, meter, span.starts_at, span.ends_at),
    )
    found = [Happening(*row) for row in rows]
    yield from _corrected(evidence, found, subscription, meter, span) if log.has_corrections else found


def _corrected(
    evidence: Evidence, found: list[Happening], subscription: str, meter: str, span: Span
) -> Iterator[Happening]:
    """Put corrections to the usage: of a named event the last one stands, others are differences."""
    rows = evidence.rows(
        "select position, source, id, occurred_at, data from events where type = ? and subject = ? "
        "and occurred_at >= ? and occurred_at < ? order by recorded_at, position",
        *(CORRECTED, subscription, span.starts_at, span.ends_at),
    )
    instead: dict[str, Decimal] = {}
    differences = []
    for position, source, key, at, data in rows:
        said = json.loads(data)
        if said["meter"] != meter:
            continue
        quantity = Decimal(str(said["quantity"]))
        if said["corrects"]:
            instead[said["corrects"]] = quantity
        else:
            differences.append(Happening(position, source, key, at, quantity, said["dimensions"]))
    for one in found:
        quantity = instead.get(f"{one.source}/{one.id}", one.quantity)
        if quantity:
            yield one._replace(quantity=quantity)
    yield from differences


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
        yield Happening(row[0], row[1], row[2], row[3], quantity, row[4])


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

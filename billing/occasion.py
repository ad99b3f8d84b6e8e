"""Occasions: the facts by which the phases of subscriptions begin and end, and when these became known."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import polars as pl

from billing.price_book import PriceBook
from billing.proration import counted_from
from billing.subscription import Phase, cancelled_at
from metering.event import (
    AddOnBought,
    AddOnDropped,
    PlanChanged,
    SeatsChanged,
    SubscriptionCancelled,
    SubscriptionReactivated,
    SubscriptionStarted,
)
from metering.log import Fact

OCCASION_SCHEMA = pl.Schema(
    {
        "subscription": pl.String(),
        "phase_no": pl.Int64(),
        "begun_by": pl.Int64(),
        "begun_known_on": pl.Date(),
        "ended_by": pl.Int64(),
        "ended_known_on": pl.Date(),
    }
)
"""The positions of the facts by which a phase begins and ends for good, and the days they became known."""

_TELLING = (
    *(SubscriptionStarted, PlanChanged, SeatsChanged, AddOnBought, AddOnDropped),
    *(SubscriptionCancelled, SubscriptionReactivated),
)


class _Told(NamedTuple):
    at: datetime
    position: int
    known_on: date


def occasions(
    lives: Mapping[str, Sequence[Phase]],
    facts: Iterable[Fact],
    book: PriceBook,
) -> pl.DataFrame:
    """Return by which facts phases begin and end (`OCCASION_SCHEMA`).

    A phase begins by the last change up to its first instant: the paid phase after a trial by the fact that
    began the trial.
    """
    changes: dict[str, list[_Told]] = {}
    ends: dict[tuple[str, datetime], _Told] = {}
    for position, event in facts:
        data = event.data
        if not isinstance(data, _TELLING):
            continue
        at = counted_from(event.occurred_at, book.conventions)
        known_on = (event.recorded_at or event.occurred_at).date()
        if isinstance(data, SubscriptionCancelled):
            end = cancelled_at(data.effective_on, at, book)
            ends[data.subscription, end] = _Told(end, position, known_on)
        else:
            changes.setdefault(data.subscription, []).append(_Told(at, position, known_on))
    rows = [row for name, told in changes.items() for row in _rows(name, lives.get(name, ()), told, ends)]
    return pl.DataFrame(rows, schema=OCCASION_SCHEMA, orient="row")


def _rows(
    name: str,
    life: Sequence[Phase],
    changes: Sequence[_Told],
    ends: Mapping[tuple[str, datetime], _Told],
) -> Iterable[tuple[Any, ...]]:
    instants = [told.at for told in changes]
    for phase in life:
        reached = bisect_right(instants, phase.starts_at)
        begun = changes[reached - 1] if reached else None
        ended = None if phase.ends_at is None else ends.get((name, phase.ends_at))
        yield (
            name,
            phase.phase_no,
            begun.position if begun else None,
            begun.known_on if begun else phase.starts_on,
            ended.position if ended else None,
            ended.known_on if ended else phase.ends_on,
        )

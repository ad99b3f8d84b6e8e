"""Late: companies of whose events some become known in a later month, and their bills by service month."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from metering.event import Event
from metering.frame import empty
from metering.log import USAGE_SCHEMA, Log
from metering.period import Period
from tests.ledgers import Tables

OF = ["account", "subscription", "plan", "price", "stream", "kind", "meter", "dimensions"]


def told(directory: Path, events: Iterable[Event], periods: Sequence[Period]) -> Log:
    """Write a log in which each event lies in the block of the month in which it became known."""
    log, events = Log.create(directory), list(events)
    for period in periods:
        here = [event for event in events if period.holds((event.recorded_at or event.occurred_at).date())]
        log.append(period, here, empty(USAGE_SCHEMA))
    return log


def delayed(
    events: Iterable[Event], periods: Sequence[Period], rng: random.Random, share: float
) -> list[Event]:
    """Let a share of the events become known one to three months later, within the log."""
    found = []
    for event in events:
        later = [period for period in periods if period.starts_at > event.occurred_at][:3]
        known_at = None
        if later and rng.random() < share:
            period = rng.choice(later)
            known_at = period.starts_at + (period.ends_at - period.starts_at) * rng.random()
        found.append(event._replace(recorded_at=known_at))
    return found


def about_months(tables: Tables) -> pl.DataFrame:
    """Add up lines by the month that they are about, where it comes to something."""
    names = tables["adjustments"].select("invoice", "line_no", "service_month", "adjusts")
    lines = tables["invoice_lines"].join(names, on=["invoice", "line_no"], how="left")
    about = lines.with_columns(
        kind=pl.coalesce("adjusts", "kind"), month=pl.coalesce("service_month", "month")
    )
    keys = ["month", *OF, "starts_on", "ends_on"]
    sums = about.group_by(keys).agg(pl.col("amount", "quantity").sum())
    return sums.filter(pl.col("amount") != 0).sort(keys)

"""A company that is only usage: many events of few meters, for the benchmarks of metering and rating."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl

from billing.price_book import PriceBook, loads
from metering.event import AccountSignedUp, Event, SubscriptionStarted
from metering.log import USAGE_SCHEMA, Log
from metering.period import Period, months

METERS = ("api_calls", "tokens", "storage", "seconds")
FIRST = date(2026, 1, 1)

BOOK = """
name = "bench"
[meters]
api_calls = {}
tokens = {}
storage = {}
seconds = {}
[plans.pro]
name = "Pro"
stream = "subscriptions"
[plans.pro.prices]
api_calls.meter = "api_calls"
api_calls.model = "package"
api_calls.package_size = 10000
api_calls.unit_price = 10
api_calls.allowance = 5000
tokens.meter = "tokens"
tokens.model = "graduated"
tokens.tiers = [
    { up_to = 10000, unit_price = 0.002 }, { up_to = 50000, unit_price = 0.0015 }, { unit_price = 0.001 },
]
storage = { meter = "storage", model = "unit", unit_price = 0.05 }
seconds.meter = "seconds"
seconds.model = "volume"
seconds.tiers = [{ up_to = 20000, unit_price = 0.01 }, { unit_price = 0.008 }]
"""


DEARER = BOOK.replace("0.0015", "0.0017").replace("0.008", "0.009")


def book(*, dearer: bool = False) -> PriceBook:
    """Return the price book, or the same with other numbers."""
    return loads(DEARER if dearer else BOOK)


def record(directory: Path, *, accounts: int, events: int, count: int = 36) -> Log:
    """Write a log in which each account uses each meter `events` times in each of `count` months."""
    log = Log.create(directory)
    names = [f"sub-{number:05d}" for number in range(accounts)]
    for period in months(FIRST, count):
        facts = _facts(names) if period.starts_on == FIRST else []
        log.append(period, facts, _usage(names, period, events))
    return log


def _facts(names: list[str]) -> list[Event]:
    when = datetime(FIRST.year, FIRST.month, FIRST.day)  # noqa: DTZ001 - instants are UTC without a zone
    facts = []
    for name in names:
        account = name.replace("sub", "acc")
        email = f"{account}@example.com"
        facts.append(Event(name, "1", account, when, AccountSignedUp(account, email, "smb", "self_serve")))
        facts.append(Event(name, "2", account, when, SubscriptionStarted(name, "pro")))
    return facts


def _usage(names: list[str], period: Period, events: int) -> pl.DataFrame:
    """Draw usage: every subscription and meter `events` times a month, in the order of time."""
    gap = f"{period.days * 24 * 60 * 60 * 1_000_000 // (events + 1)}us"
    subjects = pl.DataFrame({"subject": names, "number": range(len(names))})
    return (
        pl.DataFrame({"occurrence": range(events)})
        .join(pl.DataFrame({"meter": METERS, "meter_no": range(len(METERS))}), how="cross")
        .join(subjects, how="cross")
        .with_columns(
            source=pl.format("bench/{}/{}", "subject", "meter"),
            id=pl.format("{}-{}", pl.lit(period.label), "occurrence"),
            occurred_at=pl.lit(period.starts_at).dt.offset_by(
                pl.format("{}us", pl.col("occurrence") * int(gap[:-2]))
            ),
            quantity=(
                (pl.col("occurrence") * 7919 + pl.col("number") * 104_729 + pl.col("meter_no") * 31) % 997
            ),
            dimensions=pl.lit(""),
        )
        .select(USAGE_SCHEMA.names())
        .cast(USAGE_SCHEMA)
        .sort("occurred_at", "source")
    )


def total(lines: pl.DataFrame) -> Decimal:
    """Return the sum of all lines."""
    return Decimal(lines["amount"].sum())

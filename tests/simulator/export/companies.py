"""Companies to export: random ones with everything that a bill can hold, and names that would do harm."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from billing.close import close
from billing.price_book import PriceBook
from metering.event import AccountSignedUp, Event
from metering.log import Log
from metering.period import Period
from tests.billing.late import told
from tests.ledgers import book, engine, posted
from tests.random_company import company

HOSTILE = (
    '=HYPERLINK("http://x","y")', "+1", "@SUM(A1)", "-2", "\t=1", 'quote " comma , line\nbreak\r',
    "</script><img src=x onerror=alert(1)>", "#eval(1) $x$ *b* @cite \\", "Zoë 東京 \u202eevil\u0001",
    "", "'1",
)  # fmt: skip
"""Names that programs have stumbled over."""


def random_log(directory: Path, seed: int) -> tuple[Log, PriceBook]:
    """Record a random company, its accounts under hostile names; return the log and the price book."""
    text, events, periods = company(seed)
    named = [_renamed(event, HOSTILE[place % len(HOSTILE)]) for place, event in enumerate(events)]
    return told(directory, named, spanned(named, periods)), book(text)


def random_ledger(directory: Path, seed: int) -> tuple[duckdb.DuckDBPyConnection, PriceBook]:
    """Bill a random company; return its ledger, in memory, and the price book."""
    log, prices = random_log(directory, seed)
    return posted(close(log, book=prices, connection=engine())), prices


def spanned(events: Sequence[Event], periods: Sequence[Period]) -> list[Period]:
    """Return the months from the first to the last in which something became known."""
    days = [(event.recorded_at or event.occurred_at).date() for event in events]
    first, last = min(days), max(days)
    return [period for period in periods if period.ends_on > first and period.starts_on <= last]


def _renamed(event: Event, name: str) -> Event:
    if isinstance(event.data, AccountSignedUp):
        return event._replace(data=event.data._replace(name=name))
    return event

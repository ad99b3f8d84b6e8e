"""Replay: a recorded log under a price book, without agents; nothing but the close."""

from collections.abc import Callable

import duckdb
import polars as pl

from billing.bill import Billed, spans
from billing.close import close
from billing.ledger import Ledger
from billing.price_book import PriceBook
from billing.subscription import Subscriptions
from metering.log import Log
from metering.period import Period
from metering.usage import measure


def replay(
    log: Log,
    ledger: Ledger,
    *,
    book: PriceBook,
    measured: pl.DataFrame | None = None,
    step: int = 0,
    progress: Callable[[Period, Billed], None] | None = None,
) -> None:
    """Bill a whole log under a price book into an empty ledger. See `billing.close.close`."""
    tables = close(
        log, book=book, connection=ledger.connection, measured=measured, step=step, progress=progress
    )
    ledger.post(tables)


def measure_log(log: Log, *, book: PriceBook, connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Measure a whole log's usage by the meters of a book: once for every book with the same meters."""
    subscriptions = Subscriptions()
    subscriptions.apply(log.facts(), book)
    return measure(
        connection, log, meters=book.meters, spans=spans(subscriptions.frame()), periods=log.periods
    )

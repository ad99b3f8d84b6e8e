"""Replay: a recorded log under a price book, without agents; nothing but the close."""

from collections.abc import Callable, Sequence

import duckdb
import polars as pl

from billing.close import Carried, Closing, close, spans, standing
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
    progress: Callable[[Period, Closing], None] | None = None,
) -> Carried:
    """Bill a whole log under a price book into an empty ledger.

    Months close `step` at a time, all at once when 0: the rows are the same. `measured` is what `measure_log`
    gave for the log, where that is known already. Raises Problems for facts that name what the book does not
    have, AssertionError for a broken invariant.
    """
    carried, periods = Carried(), log.periods
    for first in range(0, len(periods), step or max(1, len(periods))):
        part = periods[first : first + (step or len(periods))]
        closing = close(
            part,
            log=log,
            book=book,
            carried=carried,
            connection=ledger.connection,
            measured=None if measured is None else _of(measured, part),
        )
        carried = closing.carried
        ledger.post(closing.tables)
        if progress:
            progress(part[-1], closing)
    ledger.post({"events": log.fact_frame(), **standing(carried)})
    return carried


def measure_log(log: Log, *, book: PriceBook, connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Measure a whole log's usage by the meters of a book: once for every book with the same meters."""
    subscriptions = Subscriptions()
    subscriptions.apply(log.facts(), book)
    phases = subscriptions.frame()
    return measure(connection, log, meters=book.meters, spans=spans(phases), periods=log.periods)


def _of(measured: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    return measured.filter(pl.col("month").is_between(periods[0].starts_on, periods[-1].starts_on))

"""The close: the bills of a whole log, under one book or from one to another, and what follows from them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import duckdb
import polars as pl

from billing import amendment
from billing.bill import Billed, Carried, bill, not_due
from billing.changeover import bill_both, combined, in_plain_names, paired
from billing.price_book import PriceBook
from billing.restatement import Restated, from_the_first, restate
from billing.settlement import Settlement
from billing.subscription import Subscriptions
from billing.transition import Sole, Transition
from metering import correction
from metering.document import problem
from metering.known import Source, known
from metering.log import Log
from metering.period import Period


def close(
    log: Log,
    *,
    book: PriceBook,
    connection: duckdb.DuckDBPyConnection,
    measured: pl.DataFrame | None = None,
    folded: Subscriptions | None = None,
    step: int = 0,
    transition: Transition | None = None,
    progress: Callable[[Period, Billed], None] | None = None,
) -> Settlement:
    """Bill every month of a log, and settle it: every table of the ledger, each made when it is asked for.

    Months are billed `step` at a time, all at once when 0: the rows are the same. `measured` is what
    `metering.usage.measure` gave for the log, and `folded` what became of the subscriptions in it, where that
    is known already (to months one by one and to a transition `folded` says nothing). Raises Problems for
    facts that name what the book does not have, AssertionError for a broken invariant.
    """
    periods = log.periods
    if not periods:
        raise problem(str(log.directory), "the log is empty", "record a month first")
    if transition is not None:
        return _change(log, book, transition, connection, measured)
    is_folded = folded is not None and not step
    carried, done = (Carried(folded) if folded and is_folded else Carried()), []
    size = step or len(periods)
    for first in range(0, len(periods), size):
        part = periods[first : first + size]
        some = None
        if measured is not None:
            some = measured.filter(pl.col("month").is_between(part[0].starts_on, part[-1].starts_on))
        billed = bill(
            part,
            log=log,
            book=book,
            carried=carried,
            connection=connection,
            measured=some,
            is_folded=is_folded,
        )
        carried = billed.carried
        done.append(billed)
        if progress:
            progress(part[-1], billed)
    found = None
    if log.has_late:
        found = restate(log, periods, billing=from_the_first(book, connection), connection=connection)
    return Settlement(
        done,
        log,
        Sole(book),
        restated=found,
        idle=correction.idle(connection, log),
        open_usage=_not_due(log, book, carried, found, connection),
    )


def _change(
    log: Log,
    book: PriceBook,
    transition: Transition,
    connection: duckdb.DuckDBPyConnection,
    measured: pl.DataFrame | None,
) -> Settlement:
    """Bill and settle a log whose subscriptions come from one book to another."""
    periods = log.periods
    how = partial(bill_both, book=book, transition=transition, connection=connection)

    def billing(view: Source, some: Sequence[Period]) -> Billed:
        return how(some, log=view, keep_free=True)

    found = restate(log, periods, billing=billing, connection=connection) if log.has_late else None
    everything = known(log, periods[-1]) if log.has_late else log
    pair = paired(everything, combined(book, transition), transition, periods[0].starts_on)
    done = [how(periods, log=log, measured=measured)]
    return Settlement(
        done,
        log,
        pair.handed,
        restated=found,
        idle=correction.idle(connection, log),
        open_usage=_not_due(log, book, done[-1].carried, found, connection),
        grants_named=in_plain_names,
    )


def _not_due(
    log: Log,
    book: PriceBook,
    carried: Carried,
    restated: Restated | None,
    connection: duckdb.DuckDBPyConnection,
) -> pl.DataFrame:
    """Return the usage of periods that are not over at the log's end, with all that is known by then."""
    if restated is None:
        return not_due(log, book, carried, connection)
    subscriptions = amendment.merged(carried.subscriptions, restated, log)
    return not_due(
        known(log, log.periods[-1]), book, replace(carried, subscriptions=subscriptions), connection
    )

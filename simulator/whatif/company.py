"""Companies: one that lives through all of its months under one price book, or from one to another."""

import gc
from collections.abc import Callable

import polars as pl

from billing.bill import Billed, Carried, bill
from billing.changeover import bill_both
from billing.close import close
from billing.ledger import Ledger
from billing.price_book import PriceBook
from billing.rebilling import engine
from billing.settlement import Settlement
from billing.transition import Transition
from metering.log import Log
from metering.period import Period
from simulator.processes import Interrupted
from simulator.run import Month, heard, live
from simulator.scenario import Scenario
from simulator.world import World


def lived(
    world: World,
    scenario: Scenario,
    book: PriceBook,
    log: Log,
    *,
    change: Transition | None = None,
    stopping: Callable[[], bool],
) -> Ledger:
    """Let a company live, billed by a book or by two with a change between; return its ledger.

    Raises Interrupted where `stopping` says so, between two months.
    """
    try:
        if change is None:
            tables = live(world, scenario=scenario, book=book, log=log, progress=_unseen, stopping=stopping)
        else:
            tables = _change(world, scenario, book, log, change=change, stopping=stopping)
    finally:
        gc.unfreeze()
    if tables is None:
        raise Interrupted
    ledger = Ledger.create()
    ledger.post(tables)
    return ledger


def _change(
    world: World,
    scenario: Scenario,
    book: PriceBook,
    log: Log,
    *,
    change: Transition,
    stopping: Callable[[], bool],
) -> Settlement | None:
    """Let a company live from one book to another; None where it was stopped between two months.

    Once both books are at work, what agents hear of a month is billed with all months before it: who comes
    to the new book when depends on the subscriptions' whole lives.
    """
    carried, connection = Carried(), engine().cursor()
    for period in scenario.periods():
        if stopping():
            return None
        gc.freeze()
        happened = world.live(period)
        log.append(period, happened.facts, happened.usage)
        if change.from_on is not None and period.starts_on < change.from_on:
            billed = bill([period], log=log, book=change.before, carried=carried, connection=connection)
            carried = billed.carried
        else:
            whole = bill_both(log.periods, log=log, book=book, transition=change, connection=connection)
            billed = _of_month(whole, period)
        world.hear(heard(billed))
    return close(log, book=book, connection=connection, transition=change)


def _of_month(billed: Billed, period: Period) -> Billed:
    """Return what was billed in one month."""
    own = pl.col("month") == period.starts_on
    return billed._replace(lines=billed.lines.filter(own), invoices=billed.invoices.filter(own))


def _unseen(month: Month) -> None:
    """Show nothing of a month: the seeds are what is counted."""

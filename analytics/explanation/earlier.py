"""Earlier months: what a bill had to know of them, found by billing one account's months once more."""

from datetime import date
from decimal import Decimal

import polars as pl

from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.life import Lived, subscriptions
from billing.bill import Billed, Carried, bill
from billing.lines import months_since
from billing.money import ZERO
from billing.price import Price
from billing.rating import window_start
from metering.frame import shaped
from metering.known import known
from metering.period import month_of
from metering.selection import Selection
from metering.usage import MEASURED_SCHEMA


def counted_before(evidence: Evidence, line: Line, lived: Lived, price: Price) -> Decimal:
    """Return what a line's window, longer than a month, had counted before the line's month."""
    if line.month == evidence.periods()[0].starts_on:
        return ZERO
    windows = billed_before(evidence, line.account, line.month).carried.windows
    found = windows.filter(
        pl.col("subscription") == line.subscription,
        pl.col("plan") == line.plan,
        pl.col("price") == line.price,
        pl.col("dimensions") == line.dimensions,
        pl.col("window") == _window(line, lived, price),
    )
    quantity: Decimal = found["quantity"][0] if len(found) else ZERO
    return quantity


def _window(line: Line, lived: Lived, price: Price) -> date:
    """Return the first month of the window that holds a line's month, as `billing.rating` keeps it."""
    anchor = pl.DataFrame(
        {"anchor_on": [lived.phase.anchor_on], "month": [line.month]},
    ).with_columns(period_no=months_since(pl.col("anchor_on"), pl.col("month")))
    first: date = anchor.select(window=window_start(price)).item()
    return first


def billed_before(evidence: Evidence, account: str, month: date) -> Billed:
    """Bill an account's months before a month again, and show months in which it owes nothing, too."""
    return evidence.once(
        ("billed", account, month, evidence.until), lambda: _billed(evidence, account, month)
    )


def _billed(evidence: Evidence, account: str, month: date) -> Billed:
    periods = [period for period in evidence.periods() if period.starts_on < month]
    assert evidence.log is not None, f"what {account} used before {month} is in the log, which is not at hand"
    own = Selection(evidence.log, [account])
    names = [account, *subscriptions(evidence, account).phases]
    log = known(own, evidence.until or month_of(month), names)
    measured = None if evidence.log.has_late else _measured(evidence, account, month)
    return bill(
        periods,
        log=log,
        book=evidence.book,
        carried=Carried(),
        connection=evidence.connection,
        measured=measured,
        keep_free=True,
    )


def _measured(evidence: Evidence, account: str, month: date) -> pl.DataFrame:
    """Return what an account used before a month, as the ledger measured it."""
    query = "select *, subscription as subject from usage where account = ? and month < ?"
    found: pl.DataFrame = evidence.connection.sql(query, params=[account, month]).pl()
    return shaped(found, MEASURED_SCHEMA)

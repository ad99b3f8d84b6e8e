"""Earlier months: what a bill had to know of them, found by billing one account's months once more."""

from datetime import date
from decimal import Decimal

import polars as pl

from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.life import Lived, subscriptions
from billing import entitlement
from billing.bill import Carried, bill_measured
from billing.day import wanted
from billing.lines import months_since
from billing.money import ZERO
from billing.price import Price
from billing.rating import window_start
from metering.frame import empty, shaped
from metering.period import Period
from metering.usage import EVENT_SCHEMA, MEASURED_SCHEMA, measure_days, single_events


def counted_before(evidence: Evidence, line: Line, lived: Lived, price: Price) -> Decimal:
    """Return what a line's window, longer than a month, had counted before the line's month."""
    windows = carried(evidence, line.account, line.month).windows
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


def carried(evidence: Evidence, account: str, month: date) -> Carried:
    """Bill an account's months before a month again, and return what this month had to know of them."""
    return evidence.once(("carried", account, month), lambda: _carried(evidence, account, month))


def _carried(evidence: Evidence, account: str, month: date) -> Carried:
    book = evidence.book
    periods = [period for period in evidence.periods() if period.starts_on < month]
    known = Carried(subscriptions(evidence, account))
    if not periods:
        return known
    measured = _measured(evidence, account).filter(pl.col("month") < month)
    given = entitlement.give(
        _events(evidence, account, periods), known.entitled,
        subscriptions=known.subscriptions, book=book, periods=periods,
    )  # fmt: skip
    finer = wanted(known.subscriptions.frame(), book, given.pairs())
    days = None
    if len(finer) and evidence.log is not None:
        days = measure_days(
            evidence.connection, evidence.log, meters=book.meters, wanted=finer, periods=periods
        )
    return bill_measured(periods, measured, book=book, carried=known, given=given, days=days).carried


def _measured(evidence: Evidence, account: str) -> pl.DataFrame:
    query = "select *, subscription as subject from usage where account = ?"
    return shaped(evidence.connection.sql(query, params=[account]).pl(), MEASURED_SCHEMA)


def _events(evidence: Evidence, account: str, periods: list[Period]) -> pl.DataFrame:
    """Return the single events of an account that give entitlements."""
    meters, log = entitlement.giving_meters(evidence.book), evidence.log
    if not meters or log is None:
        return empty(EVENT_SCHEMA)
    found = evidence.once(
        ("giving", len(periods)),
        lambda: single_events(evidence.connection, log, meters=meters, periods=periods),
    )
    return found.filter(pl.col("subject").is_in(list(subscriptions(evidence, account).phases)))

"""Amendment: the tables of a ledger with what is restated in the place of what came in time.

Lines stand as they were issued, committed revenue as it was known at the end of each month; phases, usage and
grants are those that are known now.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

import duckdb
import polars as pl

from billing import invoice
from billing.bill import Billed, Carried, bill
from billing.price_book import PriceBook
from billing.restatement import Restated, from_the_first, restate
from billing.subscription import Subscriptions
from metering.event import (
    DealReferred,
    InvoicePaid,
    InvoiceWrittenOff,
    MoneySpent,
    PaymentFailed,
    SoldThroughPartner,
)
from metering.known import known, late_facts
from metering.log import Fact, Log
from metering.period import Period

AT = ["invoice", "line_no"]


def bill_as_known(
    periods: Sequence[Period],
    *,
    log: Log,
    book: PriceBook,
    carried: Carried,
    connection: duckdb.DuckDBPyConnection,
) -> Billed:
    """Bill some months in a row, with adjustments for what became known late in them.

    Months that are billed one by one have the invoices of all months billed at once (`billing.close`). The
    other tables, and what is carried on, are those of what came in time. Raises Problems as `bill` does.
    """
    billed = bill(periods, log=log, book=book, carried=carried, connection=connection)
    so_far = [period for period in log.periods if period.starts_on <= periods[-1].starts_on]
    found = restate(log, so_far, billing=from_the_first(book, connection), connection=connection)
    if found is None:
        return billed
    others = billed.lines.filter(~pl.col("subscription").is_in(found.subjects))
    own = found.lines.filter(pl.col("month").is_in([period.starts_on for period in periods]))
    lines = pl.concat([others, own]).sort("month", "account", "invoice", "line_no")
    return billed._replace(lines=lines, invoices=invoice.invoices(lines, book))


def merged(subscriptions: Subscriptions, restated: Restated, log: Log) -> Subscriptions:
    """Return subscriptions as they are known now: those that were restated in the place of what they were."""
    about = dict.fromkeys(restated.subjects)
    phases = {name: lives for name, lives in subscriptions.phases.items() if name not in about}
    ignored = list(subscriptions.ignored)
    own = {fact.position for fact in known(log, log.periods[-1], restated.subjects).facts()}
    ignored = [one for one in ignored if one.position not in own]
    for subjects, billed in restated.latest():
        newest = billed.carried.subscriptions
        names = dict.fromkeys(subjects)
        phases |= {name: lives for name, lives in newest.phases.items() if name in names}
        about_them = {fact.position for fact in known(log, log.periods[-1], subjects).facts()}
        ignored += [one for one in newest.ignored if one.position in about_them]
    ignored.sort()
    return Subscriptions(phases, ignored, _touched=dict.fromkeys(phases))


def together(done: Sequence[Billed], restated: Restated, book: PriceBook, log: Log) -> Billed:
    """Return what all months of a log come to, as one bill: what is restated in the place of what it was."""
    first, last = done[0], done[-1]
    about = pl.col("subscription").is_in(restated.subjects)
    lines = pl.concat([*(part.lines.filter(~about) for part in done), restated.lines])
    lines = lines.sort("month", "account", "invoice", "line_no")
    others = lines.filter(~about)
    names = dict.fromkeys(restated.subjects)
    given = [grant for part in done for grant in part.given if grant.subscription not in names]
    for subjects, billed in restated.latest():
        given += [grant for grant in billed.given if grant.subscription in dict.fromkeys(subjects)]
    sold = [part.sold.join(others, on=AT, how="semi") for part in done]
    subscriptions = merged(last.carried.subscriptions, restated, log)
    values = [one.billed.values for one in restated.rounds]
    return first._replace(
        measured=pl.concat([part.measured for part in done]),
        usage=_newest([part.usage for part in done], restated, "usage"),
        rated=pl.concat([*(part.rated.filter(~about) for part in done), restated.rated]),
        unrated=_newest([part.unrated for part in done], restated, "unrated", "subject"),
        lines=lines,
        invoices=invoice.invoices(lines, book),
        values=spliced([part.values for part in done], restated, values),
        given=tuple(given),
        drawdowns=_newest([part.drawdowns for part in done], restated, "drawdowns"),
        sold=pl.concat([*sold, restated.sold.join(lines, on=AT, how="semi")]),
        carried=replace(last.carried, subscriptions=subscriptions),
    )


def _newest(
    frames: Sequence[pl.DataFrame], restated: Restated, name: str, column: str = "subscription"
) -> pl.DataFrame:
    """Put what is known now of restated subjects in the place of what was known in time."""
    parts = [frame.filter(~pl.col(column).is_in(restated.subjects)) for frame in frames]
    for subjects, billed in restated.latest():
        parts.append(getattr(billed, name).filter(pl.col(column).is_in(subjects)))
    return pl.concat(parts)


def spliced(base: Sequence[pl.DataFrame], restated: Restated, rounds: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Take rows of a month and subscription from the newest round that is not younger than the month."""
    state = pl.concat(base).filter(~pl.col("subscription").is_in(restated.subjects))
    for one, frame in zip(restated.rounds, rounds, strict=True):
        mine, later = pl.col("subscription").is_in(one.subjects), pl.col("month") >= one.since.starts_on
        state = pl.concat([state.filter(~(mine & later)), frame.filter(mine, later)])
    return state


def ends_as_known(phases: pl.DataFrame, restated: Restated) -> pl.DataFrame:
    """Return phases whose ends that became known late lie in the months in which they did."""
    ends: dict[str, tuple[date | None, date]] = {}
    for number, one in enumerate(restated.rounds):
        lives = one.billed.carried.subscriptions.phases
        for subscription in one.subjects:
            end = lives[subscription][-1].ends_on if lives.get(subscription) else None
            if subscription not in ends or ends[subscription][0] != end:
                ends[subscription] = (end, one.since.starts_on if number else date.min)
    late = [(name, end, known_on) for name, (end, known_on) in ends.items() if end and end < known_on]
    schema = {"subscription": pl.String, "ends_on": pl.Date, "known_on": pl.Date}
    known_ends = pl.DataFrame(late, schema=schema, orient="row")
    found = phases.join(known_ends, on=["subscription", "ends_on"], how="left", maintain_order="left")
    return found.with_columns(ends_on=pl.coalesce("known_on", "ends_on")).drop("known_on")


_BOOKED = (InvoicePaid, InvoiceWrittenOff, PaymentFailed, MoneySpent, DealReferred, SoldThroughPartner)


def as_booked(log: Log) -> list[Fact]:
    """Return all business facts in the order of time; what was paid, spent or agreed counts once it is known.

    The books of the month in which it happened are closed, and its payouts are paid.
    """
    if not log.has_late:
        return log.facts()
    late = {fact.position for period in log.periods for fact in late_facts(log, period)}
    return [
        fact._replace(event=fact.event._replace(occurred_at=fact.event.recorded_at or fact.event.occurred_at))
        if fact.position in late and isinstance(fact.event.data, _BOOKED)
        else fact
        for fact in known(log, log.periods[-1]).facts()
    ]


def as_known(drawdowns: pl.DataFrame, restated: Restated) -> pl.DataFrame:
    """Return draw-downs (grant, month, quantity) in the months in which they were known."""
    others = drawdowns.filter(~pl.col("subscription").is_in(restated.subjects))
    columns = ["grant", "month", "quantity"]
    return pl.concat([others.select(columns), restated.drawn.select(columns)])

"""Reading: what one ledger says that a comparison needs, as frames in memory; the ledger is read once.

Lines carry the customer's segment and cohort (the quarter of the sign-up), so that every sum can be split by
these as well as by stream, plan and month.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import polars as pl
from duckdb import DuckDBPyConnection

from analytics import revenue
from analytics.figures import closed_months
from analytics.selection import select
from billing import price_book
from billing.price_book import PriceBook
from billing.published import connect
from metering.document import Problem, Problems, problem
from metering.excerpt import accounts_of

LEDGER, PRICES, BEFORE, LOG = "ledger.duckdb", "prices.toml", "before.toml", "log"
"""What the ledger, the price book, the book before a change and the log of a run are called there."""


@runtime_checkable
class HasLedger(Protocol):
    """Anything that has the connection to a ledger, such as a replay in memory; its `book`, too, if any."""

    @property
    def connection(self) -> DuckDBPyConnection:
        """The connection to the ledger."""


class Reading(NamedTuple):
    """One ledger: its lines and sums by account, plan, stream and month, and its price book where known.

    lines: every invoice line of the months, with its phase's terms; history: those of usage of all months.
    earned: recognised revenue. paid: payouts by customer. held: committed MRR at the months' ends. spent: the
    cost of delivery. accounts: segment, cohort and name.
    used: measured usage by month, subscription and meter. unbilled: usage of accounts and months without an
    invoice. facts: a digest of the facts, equal where the logs are. part: the accounts that were billed,
    where that is not everybody. run: the directory that it is of, if one.
    """

    name: str
    currency: str
    months: tuple[date, ...]
    lines: pl.DataFrame
    history: pl.DataFrame
    earned: pl.DataFrame
    paid: pl.DataFrame
    held: pl.DataFrame
    spent: pl.DataFrame
    accounts: pl.DataFrame
    used: pl.DataFrame
    unbilled: pl.DataFrame
    facts: tuple[object, ...]
    book: PriceBook | None
    part: frozenset[str] | None = None
    run: Path | None = None


Source = Reading | DuckDBPyConnection | HasLedger | Path | str
"""What can be compared: a run's directory, a ledger's file, a connection, a replay, what was read of one."""

_ACCOUNTS = """
    select account, name, segment,
        strftime(signed_up_on, '%Y') || '-Q' || quarter(signed_up_on) as cohort
    from accounts"""

_LINES = """
    select l.month, l.account, l.subscription, l.phase_no, l.plan, l.price, l.stream, l.kind, l.meter,
        l.dimensions, l.quantity, l.allowance, l.exact, l.amount, l.starts_on, l.ends_on, l.line_no,
        l.currency,
        coalesce(p.billing, 'month') as billing, coalesce(p.seats, 1) as seats, p.anchor_on, s.since_on
    from invoice_lines l
    left join subscription_phases p on p.subscription = l.subscription and p.phase_no = l.phase_no
    left join since s on s.subscription = l.subscription and s.phase_no = l.phase_no"""

_SINCE = """
    with runs as (
        select *, plan is distinct from lag(plan) over life
            or starts_on is distinct from lag(ends_on) over life as fresh
        from subscription_phases window life as (partition by subscription order by phase_no)
    ), since as (
        select subscription, phase_no, max(starts_on) filter (fresh) over (
            partition by subscription order by phase_no rows unbounded preceding
        ) as since_on from runs
    )"""
"""Since when a subscription has been on its plan without a break, as `billing.subscription` counts it."""

_EARNED = """
    select p.month, p.account, p.stream, coalesce(l.plan, '') as plan, -sum(p.amount) as revenue
    from postings p left join invoice_lines l on l.invoice = p.invoice and l.line_no = p.line_no
    where p.ledger_account = 'revenue' group by all"""

_PAID = f"""
    select month, account, sum(amount) as payouts,
        coalesce(sum(amount) filter (revenue <> 'net' and kind <> '{revenue.REFERRAL}'), 0) as shared
    from payouts group by all"""

_HELD = "select month, account, plan, stream, sum(amount) as committed_mrr from mrr_balances group by all"

_SPENT = f"""
    select month, stream, segment, sum(amount) as cost from postings
    where ledger_account = 'expense' and cost_centre like '{revenue.DELIVERY}' group by all"""

_USED = "select month, subscription, meter, sum(quantity) as used from usage group by all"

_UNBILLED = """
    select u.month, u.account, u.subscription, u.phase_no, u.plan, u.meter, u.dimensions,
        (u.quantity - coalesce(d.quantity, 0))::decimal(38, 12) as quantity, p.anchor_on
    from usage u
    join subscription_phases p on p.subscription = u.subscription and p.phase_no = u.phase_no and not p.trial
    left join (
        select d.month, d.subscription, d.phase_no, d.meter, d.dimensions, sum(d.quantity) as quantity
        from drawdowns d join grants g on g."grant" = d."grant" where g.free group by all
    ) d on d.month = u.month and d.subscription = u.subscription and d.phase_no = u.phase_no
        and d.meter = u.meter and d.dimensions = u.dimensions
    where not exists (from invoices i where i.account = u.account and i.month = u.month)"""

_FIRST = "select min(occurred_at)::date from events"
_FACTS = "select count(*), bit_xor(hash(source, id, type, subject, occurred_at, data)) from events"


def read(source: Source, *, book: PriceBook | None = None) -> Reading:
    """Read a ledger. Raises Problems where a path holds none, or where it holds several currencies."""
    if isinstance(source, Reading):
        return source if book is None else source._replace(book=book)
    if isinstance(source, str | Path):
        return _of_path(Path(source), book)
    if isinstance(source, DuckDBPyConnection):
        return _of_connection(source, "", book)
    if isinstance(source, HasLedger):
        own = getattr(source, "book", None)
        name = getattr(own, "name", "")
        found = _of_connection(source.connection, name, book or own)
        return found._replace(part=getattr(source, "accounts", None))
    raise problem("comparison", f"{source!r} is no ledger", "give a run, a connection or a replay")


def _of_path(path: Path, book: PriceBook | None) -> Reading:
    file = path / LEDGER if path.is_dir() else path
    if not file.is_file():
        raise problem(str(path), "has no ledger", f"give the directory of a run: it holds {LEDGER}")
    prices = path / PRICES
    if book is None and path.is_dir() and prices.is_file():
        book = price_book.load(prices)
    with connect(file) as connection:
        found = _of_connection(connection, str(path), book)
    run = path if path.is_dir() else None
    return found._replace(part=accounts_of(file.parent / LOG), run=run)


def _of_connection(con: DuckDBPyConnection, name: str, book: PriceBook | None) -> Reading:
    accounts = select(con, _ACCOUNTS)
    lines = _placed(select(con, _SINCE + _LINES), accounts)
    currencies = sorted(lines["currency"].unique())
    if len(currencies) > 1:
        raise problem(
            name or "the ledger", f"holds {', '.join(currencies)}", "compare one currency at a time"
        )
    months = _months(con)
    found = Reading(
        name=name,
        currency=currencies[0] if currencies else "",
        months=(),
        lines=lines.drop("currency"),
        history=lines.filter(pl.col("kind") == "usage"),
        earned=_placed(select(con, _EARNED), accounts),
        paid=_placed(select(con, _PAID), accounts),
        held=_placed(select(con, _HELD), accounts),
        spent=select(con, _SPENT),
        accounts=accounts,
        used=select(con, _USED),
        unbilled=select(con, _UNBILLED),
        facts=con.sql(_FACTS).fetchall()[0],
        book=book,
    )
    return within(found, months)  # revenue may be booked for months that are not closed yet


def _months(con: DuckDBPyConnection) -> tuple[date, ...]:
    """Return the months from the first fact to the last one that is closed, billed or not."""
    closed = closed_months(con)
    began: date | None = con.sql(_FIRST).fetchall()[0][0]
    if not len(closed) or began is None:
        return tuple(closed)
    first = min(closed[0], began.replace(day=1))
    return tuple(pl.date_range(first, closed[-1], interval="1mo", eager=True))


def _placed(rows: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Put the segment and the cohort of its account beside each row; empty where it has none."""
    found = rows.join(accounts.select("account", "segment", "cohort"), on="account", how="left")
    return found.with_columns(pl.col("segment", "cohort").fill_null(""))


def common_months(before: Reading, after: Reading) -> tuple[date, ...]:
    """Return the months that both ledgers have closed; of one log, those that one of them has.

    Of one log, a ledger that bills nothing in the last months has closed them all the same. Raises Problems
    where there is none.
    """
    if before.facts == after.facts:
        return max(before.months, after.months, key=len)
    months = tuple(month for month in before.months if month in set(after.months))
    if not months and (before.months or after.months):
        raise problem("comparison", "the ledgers have no month in common", "compare runs of the same time")
    return months


def within(reading: Reading, months: Sequence[date]) -> Reading:
    """Return what a ledger says of some months; what windows had used before is kept."""
    if tuple(months) == reading.months:
        return reading
    names = ("lines", "earned", "paid", "held", "spent")
    held = pl.col("month").is_in(list(months))
    return reading._replace(
        months=tuple(months), **{name: getattr(reading, name).filter(held) for name in names}
    )


def one_currency(readings: Sequence[Reading]) -> str:
    """Return the currency of some ledgers. Raises Problems where they have several."""
    found = sorted({reading.currency for reading in readings} - {""})
    if len(found) > 1:
        raise Problems(
            Problem(reading.name or "a ledger", f"is in {reading.currency}", "compare one currency at a time")
            for reading in readings
        )
    return found[0] if found else ""

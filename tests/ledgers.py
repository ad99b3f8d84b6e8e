"""Ledgers: a company told as a price book and a table of dated facts, recorded, billed and closed.

A table of facts has one line a fact: the day (or instant), the subject, the event's type and its fields in
their order or by name; `#` begins a comment:

    2026-01-10  acme    subscription.started  acme-1 pro seats=3   # 22 days of January
    2026-02-03  acme-1  usage.recorded        calls 62500
    2026-01-30>2026-02-02  acme-1  usage.recorded  calls 10        # it became known three days later

What is expected is a table too: one line a row, words divided by two spaces or more.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import duckdb
import polars as pl

from billing.bill import Billed, Carried, bill, bill_measured
from billing.close import close
from billing.ledger import Ledger
from billing.price_book import PriceBook, loads
from billing.subscription import Subscriptions
from metering.event import EVENTS, Event
from metering.frame import empty
from metering.log import USAGE_SCHEMA, Fact, Log, event_order
from metering.period import Period, months
from metering.usage import MEASURED_SCHEMA

FIRST = date(2026, 1, 1)
NOON = time(12)

Tables = Mapping[str, pl.DataFrame]

_READERS: dict[Any, Callable[[str], Any]] = {
    Decimal: Decimal,
    int: int,
    bool: {"true": True, "false": False}.__getitem__,
    date: date.fromisoformat,
}
_AMOUNTS = {"amount", "total", "basis", "earned", "posted", "balance", "revenue", "billed"}


def facts(table: str, *, source: str = "test") -> list[Event]:
    """Read a table of facts, in its order; each is named by its line."""
    lines = (line.partition("#")[0] for line in table.splitlines())
    return [_fact(shlex.split(line), source, str(n)) for n, line in enumerate(lines) if line.strip()]


def _fact(words: Sequence[str], source: str, key: str) -> Event:
    when, subject, kind, *given = words
    names = EVENTS[kind]._fields
    hints = get_type_hints(EVENTS[kind])
    fields = {}
    for name, word in zip(names, given, strict=False):
        named = re.match(r"([a-z_]+)=(.*)", word)
        field, text = (named[1], named[2]) if named else (name, word)
        fields[field] = _READERS.get(hints[field], str)(text)
    at, _, known_at = when.partition(">")
    told = instant(known_at) if known_at else None
    return Event(source, key, subject, instant(at), EVENTS[kind](**fields), told)


def instant(text: str) -> datetime:
    """Read an instant; a day alone means its noon."""
    return datetime.fromisoformat(text) if "T" in text else datetime.combine(date.fromisoformat(text), NOON)


def run_of(count: int, first: date | str = FIRST) -> list[Period]:
    """Return `count` months from the one that holds `first` (`2026-01` or a day)."""
    day = date.fromisoformat(f"{first}-01") if isinstance(first, str) else first
    return list(months(day, count))


def positions(events: Iterable[Event]) -> list[Fact]:
    """Give events the positions that a log would give them."""
    return [Fact(number, event) for number, event in enumerate(sorted(events, key=event_order))]


def record(directory: Path, told: str | Iterable[Event], count: int, *, first: date | str = FIRST) -> Log:
    """Write a log of `count` months in which the facts became known; every fact must lie in one of them."""
    events = facts(told) if isinstance(told, str) else list(told)
    log = Log.create(directory / "log")
    for period in run_of(count, first):
        here = [event for event in events if period.holds((event.recorded_at or event.occurred_at).date())]
        log.append(period, here, empty(USAGE_SCHEMA))
    recorded = sum(block.facts + block.usage for block in log.blocks)
    assert len(events) == recorded, f"{len(events) - recorded} facts lie in no month or are told twice"
    return log


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """Start DuckDB once for all tests: that takes longer than a small bill."""
    return duckdb.connect(config={"threads": 1})


@cache
def book(text: str) -> PriceBook:
    """Read a price book from its text; a test names only what it is about."""
    return loads(text if "name =" in text.partition("[")[0] else f'name = "Test"\n{text}')


def billed(text: str, told: str, count: int, *, first: date | str = FIRST) -> Billed:
    """Bill a company without usage, in memory."""
    carried = Carried(folded(text, told))
    return bill_measured(run_of(count, first), empty(MEASURED_SCHEMA), book=book(text), carried=carried)


def folded(text: str, told: str) -> Subscriptions:
    """Fold a table of facts into subscriptions."""
    subscriptions = Subscriptions()
    subscriptions.apply(positions(facts(told)), book(text))
    return subscriptions


def metered(directory: Path, text: str, told: str, count: int, *, first: date | str = FIRST) -> Billed:
    """Bill a company with usage: all months at once, from a log."""
    log = record(directory, told, count, first=first)
    return bill(log.periods, log=log, book=book(text), carried=Carried(), connection=engine())


def closed(
    directory: Path, text: str, told: str, count: int, *, first: date | str = FIRST, step: int = 0
) -> Tables:
    """Bill and close a company: every table of its ledger."""
    log = record(directory, told, count, first=first)
    return close(log, book=book(text), connection=engine(), step=step)


def posted(tables: Tables) -> duckdb.DuckDBPyConnection:
    """Put tables into a ledger in memory, to ask it questions."""
    ledger = Ledger.create()
    ledger.post(tables)
    return ledger.connection


def rows(frame: pl.DataFrame, columns: str, **where: Any) -> list[tuple[str, ...]]:
    """Return some columns of the rows where others have these values, as text, in the frame's order."""
    for name, value in where.items():
        frame = frame.filter(pl.col(name) == value)
    names = columns.split()
    return [tuple(map(word, names, row)) for row in frame.select(names).iter_rows()]


def lines(bill: Billed | Tables, columns: str, **where: Any) -> list[tuple[str, ...]]:
    """Return some columns of the invoice lines as text."""
    return rows(bill.lines if isinstance(bill, Billed) else bill["invoice_lines"], columns, **where)


def unbridged(tables: Tables) -> list[tuple[object, ...]]:
    """Return the (month, account) whose balance is not the sum of all movements so far."""
    months = tables["mrr_movements"].select("month").unique()
    accounts = tables["mrr_movements"].select("account").unique()
    moved = tables["mrr_movements"].group_by("month", "account").agg(pl.col("amount").sum())
    held = tables["mrr_balances"].group_by("month", "account").agg(held=pl.col("amount").sum())
    return (
        months.join(accounts, how="cross")
        .join(moved, on=["month", "account"], how="left")
        .join(held, on=["month", "account"], how="full", coalesce=True)
        .with_columns(pl.col("amount", "held").fill_null(0))
        .with_columns(total=pl.col("amount").sort_by("month").cum_sum().over("account", order_by="month"))
        .filter(pl.col("total") != pl.col("held"))
        .rows()
    )


def expected(table: str) -> list[tuple[str, ...]]:
    """Read a table of expected rows; `-` stands for nothing."""
    told = (line.partition("#")[0].strip() for line in table.splitlines())
    return [
        tuple("" if value == "-" else value for value in re.split(r"\s{2,}", line)) for line in told if line
    ]


def word(name: str, value: Any) -> str:
    """Write a value as a test tells it: money with two places, months as 2026-01, quantities plainly."""
    if value is None:
        return ""
    if name == "month":
        return f"{value:%Y-%m}"
    if isinstance(value, Decimal):
        if name in _AMOUNTS:
            cents = value.quantize(Decimal("0.01"))
            return f"{cents if cents == value else value:f}"
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)

"""Rebilling: a recorded log under one price book or several, without agents; nothing but the close.

`replay` is for people: a log and books in, tables and a ledger in memory out. What is metered for one book
serves every other book with the same meters, so that further books cost only their rating.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple, overload

import duckdb
import polars as pl

from billing import price_book
from billing.bill import Billed, spans
from billing.close import close
from billing.ledger import Ledger
from billing.price_book import PriceBook
from billing.schema import TABLES
from billing.subscription import Subscriptions
from billing.transition import Transition
from metering.document import did_you_mean, problem
from metering.excerpt import accounts_of
from metering.known import known as in_time
from metering.log import Log
from metering.meter import Meter
from metering.period import Period
from metering.selection import Selection
from metering.usage import measure

Book = PriceBook | Path | str
"""A price book, or the file that holds one."""


class Measured(NamedTuple):
    """What was metered of a log (`metering.usage.MEASURED_SCHEMA`), by which meters and for which phases."""

    meters: Mapping[str, Meter]
    spans: pl.DataFrame
    usage: pl.DataFrame

    def serves(self, meters: Mapping[str, Meter], lives: pl.DataFrame) -> bool:
        """Whether another book with these meters, under which phases last so long, would measure the same."""
        return dict(self.meters) == dict(meters) and self.spans.equals(lives)


class Replay:
    """A log under a price book: every table of its ledger, and the ledger itself to be asked in SQL.

    What was billed is there; what follows from it (payouts, the journal, committed MRR) is made when it is
    first asked for.
    """

    def __init__(
        self,
        book: PriceBook,
        tables: Mapping[str, pl.DataFrame],
        *,
        measured: Measured,
        transition: Transition | None = None,
        accounts: frozenset[str] | None = None,
        log: Log | None = None,
    ) -> None:
        """Use `replay`. `accounts` are those that were billed, None where that is everybody."""
        self.book = book
        self.tables = tables
        self.measured = measured
        self.transition = transition
        self.accounts = accounts
        self.log = log

    def __repr__(self) -> str:
        lines, months = self.tables["invoice_lines"], self.tables["invoices"]["month"].n_unique()
        billed = f"{self.totals['billed']:,.2f} {self.book.currency}"
        span = f"{months} month{'s' * (months != 1)}"
        return f"Replay({self.book.name!r}, {span}, {len(lines):,} lines, {billed})"

    def table(self, name: str) -> pl.DataFrame:
        """Return a table of the ledger (columns: `billing.schema`). Raises Problems where there is none."""
        if name not in self.tables:
            raise problem(name, "the ledger has no such table", did_you_mean(name, TABLES))
        return self.tables[name]

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The ledger in memory, with every table and view of a published one."""
        ledger = Ledger.create()
        ledger.post(self.tables)
        return ledger.connection

    def sql(self, query: str) -> pl.DataFrame:
        """Ask the ledger in SQL. Raises duckdb.Error for a question that it does not understand."""
        found: pl.DataFrame = self.connection.sql(query).pl()
        return found

    @property
    def totals(self) -> dict[str, Decimal]:
        """What was billed, earned and paid out in all, in the book's currency."""
        revenue = self.tables["postings"].filter(pl.col("ledger_account") == "revenue")
        return {
            "billed": Decimal(self.tables["invoice_lines"]["amount"].sum()),
            "revenue": -Decimal(revenue["amount"].sum()),
            "payouts": Decimal(self.tables["payouts"]["amount"].sum()),
        }


@overload
def replay(
    log: Log | Path | str,
    books: Book | None = None,
    *,
    transition: Transition | None = None,
    accounts: Iterable[str] | None = None,
    measured: Measured | None = None,
) -> Replay: ...


@overload
def replay(
    log: Log | Path | str,
    books: Sequence[PriceBook | Path] | list[str],
    *,
    transition: Transition | None = None,
    accounts: Iterable[str] | None = None,
    measured: Measured | None = None,
) -> list[Replay]: ...


def replay(
    log: Log | Path | str,
    books: Book | Sequence[PriceBook | Path] | list[str] | None = None,
    *,
    transition: Transition | None = None,
    accounts: Iterable[str] | None = None,
    measured: Measured | None = None,
) -> Replay | list[Replay]:
    """Bill a recorded log under a price book, or under each of several, in memory.

        after = replay("runs/dbgpt", "dearer.toml")
        after.sql("select plan, sum(amount) from invoice_lines group by plan")

    `log` is a run's directory, an imported log's, or a log; without `books` a run's own prices bill it.
    `transition` says which book holds before, and when which accounts come to the new one. With `accounts`
    only these are billed; a partner is then paid for these alone. `measured` is that of an earlier replay of
    the same log. Raises Problems for a log or a book that is not right, or that do not fit each other.
    """
    recorded = log if isinstance(log, Log) else opened(Path(log))
    if not recorded.blocks:
        raise problem(str(recorded.directory), "the log is empty", "record a month first")
    chosen: Sequence[Book]
    if books is None:
        chosen = [recorded.directory.parent / "prices.toml"]
    else:
        chosen = [books] if isinstance(books, PriceBook | Path | str) else books
    several = not (books is None or isinstance(books, PriceBook | Path | str))
    part = accounts_of(recorded.directory)
    if accounts is not None:
        wanted = frozenset(accounts)
        recorded, part = Selection(recorded, wanted), wanted if part is None else wanted & part
    read = [book if isinstance(book, PriceBook) else price_book.load(Path(book)) for book in chosen]
    known, folds = list[Measured](), [folded(recorded, book) for book in read]
    for book, fold in zip(read, folds, strict=True):
        with engine().cursor() as connection:
            last = known[-1] if known else measured
            known.append(metered(recorded, book, connection=connection, known=last, fold=fold))

    found = []
    for book, fold, metering in zip(read, folds, known, strict=True):
        with engine().cursor() as connection:
            tables = close(
                recorded,
                book=book,
                connection=connection,
                measured=metering.usage,
                folded=fold,
                transition=transition,
            )
        made = Replay(book, tables, measured=metering, transition=transition, accounts=part, log=recorded)
        found.append(made)
    return found if several else found[0]


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """Start DuckDB once a process: that takes longer than to bill a few accounts. Ask by a cursor of it."""
    connection = duckdb.connect(":memory:")
    connection.execute("set TimeZone = 'UTC'")
    return connection


def opened(directory: Path) -> Log:
    """Open the log of a run, of an imported log, or a bare one. Raises Problems where there is none."""
    inner = directory / "log"
    return Log.open(inner if inner.is_dir() else directory)


def folded(log: Log, book: PriceBook) -> Subscriptions:
    """Fold the facts of a log that came in time into subscriptions, as a book understands them."""
    subscriptions = Subscriptions()
    subscriptions.apply(in_time(log).facts(), book)
    return subscriptions


def metered(
    log: Log,
    book: PriceBook,
    *,
    connection: duckdb.DuckDBPyConnection,
    known: Measured | None = None,
    fold: Subscriptions | None = None,
) -> Measured:
    """Measure a log for a book, or take what is known where that would be the same.

    Of what is known of the whole log, a selection takes what its own subscriptions used.
    """
    subscriptions = fold or folded(log, book)
    lives = spans(subscriptions.frame(), log.periods, book.conventions)
    lives = lives.sort("subject", "phase_no", "starts_at")
    if known is not None and known.serves(book.meters, lives):
        return known
    if known is not None and isinstance(log, Selection):
        own = known.spans.join(lives.select("subject").unique(), on="subject", how="semi")
        if Measured(known.meters, own, known.usage).serves(book.meters, lives):
            used = known.usage.join(lives.select("subject").unique(), on="subject", how="semi")
            return Measured(book.meters, lives, used)
    usage = measure(connection, in_time(log), meters=book.meters, spans=lives, periods=log.periods)
    return Measured(book.meters, lives, usage)


def rebill(
    log: Log,
    ledger: Ledger,
    *,
    book: PriceBook,
    measured: pl.DataFrame | None = None,
    folded: Subscriptions | None = None,
    step: int = 0,
    transition: Transition | None = None,
    progress: Callable[[Period, Billed], None] | None = None,
) -> None:
    """Bill a whole log under a price book into an empty ledger. See `billing.close.close`."""
    tables = close(
        log,
        book=book,
        connection=ledger.connection,
        measured=measured,
        folded=folded,
        step=step,
        transition=transition,
        progress=progress,
    )
    ledger.post(tables)


def measure_log(log: Log, *, book: PriceBook, connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Measure a whole log's usage by the meters of a book: once for every book with the same meters."""
    return metered(log, book, connection=connection).usage

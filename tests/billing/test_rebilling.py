"""Rebilling: `from billing import replay`: a log and books in, tables and a ledger in memory out."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from billing import Replay, Transition, replay
from billing.close import close
from billing.rebilling import metered
from billing.schema import TABLES
from metering.document import Problems
from metering.log import Log
from tests.ledgers import book, engine, record, rows
from tests.stories import BOOK, FIRST, MONTHS, told

DEARER = BOOK.replace("unit_price = 211.33", "unit_price = 231.33")
OTHER_METERS = BOOK.replace(
    'meters.storage = { aggregation = "max" }', 'meters.storage = { aggregation = "latest" }'
)


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """Put rows in an order of their own."""
    return frame.sort(frame.columns)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Record a random company."""
    return record(tmp_path_factory.mktemp("rebilling"), told(1), MONTHS, first=FIRST)


@pytest.fixture(scope="module")
def whole(log: Log) -> Replay:
    """Replay it under its own book."""
    return replay(log, book(BOOK))


def test_a_replay_is_the_ledger_that_the_close_gives(log: Log, whole: Replay) -> None:
    """Every table is the one that a published run has, as a frame and in SQL."""
    tables = close(log, book=book(BOOK), connection=engine())

    assert [] == [name for name in TABLES if not ordered(tables[name]).equals(ordered(whole.table(name)))]
    counted = {name: whole.sql(f'select count(*) as n from "{name}"')["n"][0] for name in TABLES}
    assert {name: len(tables[name]) for name in TABLES} == counted


def test_totals_are_those_of_the_journal(whole: Replay) -> None:
    """What was billed, earned and paid out is what SQL over the postings says."""
    found = whole.sql("""
        select -sum(amount) filter (ledger_account = 'revenue') as revenue,
            sum(amount) filter (ledger_account = 'receivable' and starts_with(entry, 'INV-')) as billed,
            -sum(amount) filter (ledger_account = 'partner_payable' and starts_with(entry, 'PAY-')) as payouts
        from postings
    """)

    assert found.row(0, named=True) == whole.totals


def test_several_books_are_each_as_if_alone_and_metered_once(log: Log, whole: Replay) -> None:
    """A list of books gives a list of replays; where meters are the same, the usage is the same object."""
    first, second = replay(log, [book(BOOK), book(DEARER)])

    assert second.measured is first.measured
    assert first.totals == whole.totals
    assert second.totals == replay(log, book(DEARER)).totals
    assert first.totals["billed"] < second.totals["billed"]


def test_a_book_that_meters_otherwise_is_metered_anew(log: Log, whole: Replay) -> None:
    """What was measured by other meters is not taken for what this book would measure."""
    found = replay(log, book(OTHER_METERS), measured=whole.measured)

    assert found.measured is not whole.measured
    assert found.totals == replay(log, book(OTHER_METERS)).totals


def test_some_accounts_are_billed_as_they_are_among_all(log: Log, whole: Replay) -> None:
    """Lines, invoices and recurring revenue of these accounts are the same, and there are no others."""
    accounts = ["a1", "a4"]
    some = replay(log, book(BOOK), accounts=accounts, measured=whole.measured)
    names = ("invoices", "invoice_lines", "subscription_phases", "mrr_balances", "mrr_movements", "payments")

    for name in names:
        mine = whole.table(name).filter(whole.table(name)["account"].is_in(accounts))
        assert mine.equals(some.table(name)), name
    assert set(some.table("accounts")["account"]) == set(accounts)


def test_some_accounts_are_measured_alone_where_nothing_is_known(log: Log, whole: Replay) -> None:
    """Without what was measured before, the result is the same."""
    alone = replay(log, book(BOOK), accounts=["a2"])
    known = replay(log, book(BOOK), accounts=["a2"], measured=whole.measured)

    assert alone.totals == known.totals
    assert ordered(alone.table("usage")).equals(ordered(known.table("usage")))


def test_a_directory_is_enough(log: Log, whole: Replay, tmp_path: Path) -> None:
    """The directory of a run, of an imported log or of a bare log, and the file of a book."""
    prices = tmp_path / "prices.toml"
    prices.write_text(f'name = "Test"\n{BOOK}')

    found = [replay(place, prices).totals for place in (log.directory, str(log.directory.parent))]

    assert [whole.totals] * 2 == found


def test_a_run_is_billed_by_its_own_prices(log: Log, whole: Replay) -> None:
    """Without books, prices.toml of the run's directory holds."""
    (log.directory.parent / "prices.toml").write_text(f'name = "Test"\n{BOOK}')

    assert whole.totals == replay(log.directory.parent).totals


@pytest.mark.parametrize(
    ("place", "words"),
    [("nothing", "holds no log"), ("empty", "the log is empty")],
)
def test_what_is_no_log_is_said_to_be_none(place: str, words: str, tmp_path: Path) -> None:
    """A directory without a log, and a log without a month, are the user's mistakes."""
    Log.create(tmp_path / "empty" / "log")

    with pytest.raises(Problems, match=words):
        replay(tmp_path / place, book(BOOK))


def test_a_transition_goes_with_a_replay(log: Log, whole: Replay) -> None:
    """Before the day of the change the book before bills, then the new one."""
    change = Transition(book(BOOK), "now", date(2026, 6, 1))
    found = replay(log, book(DEARER), transition=change)
    after = replay(log, book(DEARER))

    def billed(one: Replay, months: str) -> Decimal:
        found = one.sql(f"select sum(amount) as billed from invoice_lines where month {months}")
        return Decimal(found["billed"][0])

    assert billed(whole, "< '2026-06-01'") == billed(found, "< '2026-06-01'")
    assert billed(whole, ">= '2026-06-01'") < billed(found, ">= '2026-06-01'")
    assert found.transition is change
    assert after.transition is None


def test_an_unknown_table_is_named(whole: Replay) -> None:
    """A slip of the pen gets the nearest name."""
    with pytest.raises(Problems, match="invoice_lines"):
        whole.table("invoice_line")


def test_a_replay_says_what_it_is(whole: Replay) -> None:
    """Its text has the book's name, the months, the lines and what was billed."""
    assert repr(whole).startswith("Replay('Test', ")
    assert f"{whole.totals['billed']:,.2f} USD" in repr(whole)


def test_meters_are_compared_by_what_they_count(log: Log) -> None:
    """Two books read from equal text meter alike."""
    with duckdb.connect() as connection:
        first = metered(log, book(BOOK), connection=connection)
        second = metered(log, book(DEARER), connection=connection, known=first)

    assert second is first
    assert rows(first.usage.sort("subject", "month", "meter").head(1), "subject") != []

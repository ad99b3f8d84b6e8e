"""The plugin: fixtures, markers, guards and golden ledgers for tests of prices, found by pytest as `saasim`.

    [tool.pytest]
    saasim_log = "runs/dbgpt"          # a run, or an imported log, relative to the root of the tests
    saasim_prices = "prices.toml"      # the price book of tests that name none

A log is metered once in a session, whatever number of books bill it. Everything heavy is imported when a test
asks for it, so that test suites that do not use the plugin pay nothing for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from analytics.comparison import Comparison
    from billing.price_book import PriceBook
    from billing.rebilling import Replay
    from metering.log import Log
    from simulator.testing.laboratory import Laboratory

BOOKS, LOG = "price_books", "event_log"
"""The markers: the books under which a test runs, and the log that it replays."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings, and the option that renews golden ledgers."""
    parser.addini("saasim_log", "the run or imported log that tests replay", default="")
    parser.addini("saasim_prices", "the price book of tests that name none", default="")
    parser.getgroup("saasim").addoption(
        "--update-golden", action="store_true", help="keep what ledgers are now as what they should be"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line("markers", f"{BOOKS}(path, ...): run the test under each of these price books")
    config.addinivalue_line("markers", f"{LOG}(path): replay this run or imported log in the test")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once under each book that its marker names; a marker that would do nothing fails."""
    marker = metafunc.definition.get_closest_marker(BOOKS)
    if marker is None:
        return
    where = metafunc.definition.nodeid
    if "price_book" in metafunc.fixturenames:
        names = _paths(marker, where)
        metafunc.parametrize("price_book", names, indirect=True, ids=[Path(name).stem for name in names])
    elif marker in metafunc.definition.own_markers:
        what = "asks for neither price_book nor ledger, so that it runs under none of them"
        pytest.fail(f"{where}: is marked with {BOOKS}, but {what}", pytrace=False)


@pytest.fixture
def price_book(request: pytest.FixtureRequest) -> PriceBook:
    """The price book of the test: one of its marker's, or that of the settings."""
    name = getattr(request, "param", None) or request.config.getini("saasim_prices")
    if not name:
        pytest.fail("no price book: mark the test with price_books(...), or set saasim_prices", pytrace=False)
    with _mistakes_in_short():
        return _laboratory(request).book(_found(request, str(name)))


@pytest.fixture
def event_log(request: pytest.FixtureRequest) -> Log:
    """The log of the test: that of its marker, or of the settings."""
    marker = request.node.get_closest_marker(LOG)
    name = _paths(marker, request.node.nodeid)[0] if marker else request.config.getini("saasim_log")
    if not name:
        pytest.fail("no log: mark the test with event_log(...), or set saasim_log", pytrace=False)
    with _mistakes_in_short():
        return _laboratory(request).log(_found(request, str(name)))


@pytest.fixture
def replay(request: pytest.FixtureRequest, event_log: Log) -> Callable[..., Replay]:
    """A function: bill the test's log under a book (a path, or one that was read), and return the replay."""
    laboratory = _laboratory(request)

    def replay_under(book: str | Path | PriceBook) -> Replay:
        with _mistakes_in_short():
            if isinstance(book, str | Path):
                book = laboratory.book(_found(request, str(book)))
            return laboratory.replay(event_log, book)

    return replay_under


@pytest.fixture
def ledger(replay: Callable[..., Replay], price_book: PriceBook) -> Iterator[DuckDBPyConnection]:
    """The ledger of the test's log under the test's price book, to be asked in SQL."""
    cursor = replay(price_book).connection.cursor()  # a result left half read then blocks nobody
    yield cursor
    cursor.close()


@pytest.fixture
def compare(request: pytest.FixtureRequest, replay: Callable[..., Replay]) -> Callable[..., Comparison]:
    """A function: what changes for the test's log from one book to another."""
    from analytics import compare as compare_ledgers

    def compare_books(before: str | Path | PriceBook, after: str | Path | PriceBook) -> Comparison:
        return compare_ledgers(replay(before), replay(after))

    return compare_books


@pytest.fixture
def guard() -> Callable[..., None]:
    """A function: fail where a comparison breaks a guard; the message names customers and lines."""
    from analytics.guard import check

    def hold(change: Comparison, *conditions: str) -> None:
        if not conditions:
            pytest.fail("guard was given no condition, and would always hold", pytrace=False)
        with _mistakes_in_short():
            verdicts = [check(change, condition) for condition in conditions]
        if broken := [str(verdict) for verdict in verdicts if not verdict]:
            pytest.fail("\n".join(broken), pytrace=False)

    return hold


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[..., None]:
    """A function: fail where a replay or a ledger is not as the golden ledger of a name keeps it.

    Golden ledgers stand in `golden/` beside the test's file; `--update-golden` renews them.
    """
    from billing.ledger import canonical
    from simulator.testing import golden as kept

    folder = request.path.parent / "golden"

    def compare_with(ledger: Any, name: str, tables: Sequence[str] = kept.TABLES) -> None:
        connection = getattr(ledger, "connection", ledger)
        with _mistakes_in_short():
            kept.check_names(name, tables)
        found = {table: canonical(connection, table) for table in tables}
        if request.config.getoption("--update-golden"):
            with _mistakes_in_short():
                _laboratory(request).keep(found, folder / name)
            return
        if lacking := [table for table in tables if not (folder / name / f"{table}.csv").is_file()]:
            what = f" with {', '.join(lacking)}" if (folder / name).is_dir() else ""
            remedy = "make it: pytest --update-golden"
            pytest.fail(f"there is no golden ledger {name!r}{what}; {remedy}", pytrace=False)
        if differ := kept.check(found, folder / name):
            pytest.fail(kept.report(differ, folder / name), pytrace=False)

    return compare_with


@pytest.fixture(scope="session")
def _saasim_laboratory() -> Laboratory:
    from simulator.testing.laboratory import Laboratory

    return Laboratory()


def _laboratory(request: pytest.FixtureRequest) -> Laboratory:
    found: Laboratory = request.getfixturevalue("_saasim_laboratory")
    return found


@contextmanager
def _mistakes_in_short() -> Iterator[None]:
    """Fail with what is wrong with a book, a log or a condition, and without a trace through saasim."""
    from metering.document import Problems

    try:
        yield
    except Problems as problems:
        raise pytest.fail.Exception(str(problems), pytrace=False) from None


def _paths(marker: pytest.Mark, where: str) -> list[str]:
    """Return the paths that a marker names; a marker without any, or with something else, fails."""
    if not marker.args or not all(isinstance(path, str | os.PathLike) for path in marker.args):
        told = ", ".join(map(repr, marker.args))
        pytest.fail(f"{where}: {marker.name}({told}) names no path; write {marker.name}(path)", pytrace=False)
    return [os.fspath(path) for path in marker.args]


def _found(request: pytest.FixtureRequest, name: str) -> Path:
    """Return a path: one beside the test's file, or relative to the root of the tests."""
    beside = request.path.parent / name
    return beside if beside.exists() else request.config.rootpath / name

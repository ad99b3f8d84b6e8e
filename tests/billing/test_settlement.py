"""The settlement: the tables of a ledger, each of which is made when it is asked for."""

from pathlib import Path

import polars as pl
import pytest

from billing.close import close
from billing.schema import TABLES, polars_schema
from billing.settlement import Settlement
from metering.document import Problems
from metering.log import Log
from tests.ledgers import book, engine, record
from tests.stories import BOOK, FIRST, MONTHS, told

ORDERS = [list(TABLES), list(reversed(TABLES)), sorted(TABLES)]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Record a random company."""
    return record(tmp_path_factory.mktemp("settlement"), told(3), MONTHS, first=FIRST)


def settled(log: Log) -> Settlement:
    """Close its books."""
    return close(log, book=book(BOOK), connection=engine())


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """Put rows in an order of their own."""
    return frame.sort(frame.columns)


@pytest.mark.parametrize("order", ORDERS)
def test_tables_are_the_same_in_whatever_order_they_are_asked_for(log: Log, order: list[str]) -> None:
    """What was asked for first does not matter, and every table has the columns of the schema."""
    expected, found = settled(log), settled(log)

    asked = {name: found[name] for name in order}
    assert [] == [name for name in TABLES if not ordered(asked[name]).equals(ordered(expected[name]))]
    assert {name: polars_schema(name) for name in TABLES} == {name: asked[name].schema for name in TABLES}


def test_a_settlement_holds_exactly_the_tables_of_the_ledger(log: Log) -> None:
    """No more and no fewer, and a table that is asked for twice is the same one."""
    found = settled(log)

    assert sorted(TABLES) == sorted(found)
    assert len(found) == len(TABLES)
    assert found["postings"] is found["postings"]
    with pytest.raises(KeyError):
        found["no_such_table"]


def test_what_cannot_be_booked_is_said_at_once(tmp_path: Path) -> None:
    """A deal under an agreement that the book does not have concerns no invoice, and is said all the same."""
    facts = """
        2026-01-01  acme  account.signed_up  acme a@example.com smb self_serve
        2026-01-05  acme  deal.referred  acme-partner no-such-agreement
    """
    log = record(tmp_path, facts, 1)

    with pytest.raises(Problems, match="has no agreement 'no-such-agreement'"):
        close(log, book=book(BOOK), connection=engine())


def test_invoices_add_up_before_anything_else_is_made(log: Log) -> None:
    """The lines are those of the invoices, whether or not the journal was ever written."""
    found = settled(log)

    totals = found["invoice_lines"].group_by("invoice").agg(total=pl.col("amount").sum()).sort("invoice")
    assert totals.rows() == found["invoices"].select("invoice", "total").sort("invoice").rows()

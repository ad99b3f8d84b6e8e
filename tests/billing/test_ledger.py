"""The ledger: declared tables and views in one DuckDB file, posted whole or not at all."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from billing.ledger import Ledger, canonical, connect, digests
from billing.schema import TABLES, comment, ddl, keys, polars_schema
from billing.views import VIEWS
from tests.ledgers import Tables, closed

ASKED_FOR = {
    "events",
    "accounts",
    "subscription_phases",
    "usage",
    "invoices",
    "invoice_lines",
    "payouts",
    "entries",
    "postings",
    "mrr_movements",
}

STATISTICS = {"customer_survival", "customer_value"}
"""Views of estimates and their errors: they are no sums of money."""

BOOK = """
    meters.courses = { event = "course.enrolled", quantity = "participants", dimensions = ["course"] }
    meters.orders = { event = "order.placed", quantity = "quantity" }
    meters.storage = { aggregation = "max" }
    meters.sales = { event = "listing.sold", quantity = "amount", dimensions = ["seller"] }
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.seat = { per = "seat", unit_price = 100 }
    prices.storage = { meter = "storage", unit_price = 31 }
    [plans.catalog]
    name = "Catalog"
    stream = "training"
    prices.basic = { meter = "courses", unit_price = 10, where = { course = "basic" } }
    prices.advanced = { meter = "courses", unit_price = 50, where = { course = "advanced" } }
    prices.sales = { meter = "sales", unit_price = 1, group_by = ["seller"], stream = "marketplace" }
    prices.packs = { meter = "orders", unit_price = 90 }
    [entitlements.pack]
    given_by = { meter = "orders" }
    covers = { meter = "courses", where = { course = "basic" } }
    quantity = 3
    months = 1
    deferred = true
    [agreements.listings]
    kind = "commission"
    payee = "seller"
    prices = ["sales"]
    model = "percentage"
    unit_price = 0.7
    revenue = "net"
    [agreements.tenth]
    kind = "referral"
    model = "percentage"
    unit_price = 0.1
"""

COMPANY = """
    2026-01-01            a  account.signed_up       Ann a@example.com smb web
    2026-01-01T13:00:00   a  subscription.started    s pro 2
    2026-01-02            p  account.signed_up       Pat p@example.com partner web kind=partner
    2026-01-02            a  deal.referred           p tenth
    2026-01-03            a  course.enrolled         basic public 3
    2026-01-04            a  course.enrolled         advanced public 1
    2026-01-05            s  usage.recorded          storage 4
    2026-01-06            a  order.placed            pack
    2026-02-02            a  course.enrolled         basic public 1
    2026-01-07            p  listing.sold            charts plugin a 1000
    2026-01-11            a  seats.changed           s 3
    2026-01-12            s  usage.recorded          storage 6
    2026-01-20            -  money.spent             adverts 12.5 channel=web segment=smb
    2026-02-09            a  invoice.paid            2026-01 8
    2026-02-10            a  subscription.cancelled  s 2026-03-01
    2026-03-03            a  payment.failed          2026-02 1
"""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Close a small company."""
    return closed(tmp_path_factory.mktemp("company"), BOOK, COMPANY, 3)


@pytest.fixture(scope="module")
def ledger(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write its ledger."""
    path = tmp_path_factory.mktemp("ledger") / "the company's ledger.duckdb"
    written = Ledger.create(path)
    written.post(tables)
    written.close()
    return path


@pytest.fixture(scope="module")
def connection(ledger: Path) -> duckdb.DuckDBPyConnection:
    """Open it to read."""
    return connect(ledger)


def ask(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    """Ask the ledger."""
    return connection.sql(query).fetchall()


def test_the_tables_are_those_that_are_declared(connection: duckdb.DuckDBPyConnection) -> None:
    """Each table of the schema is there with its columns and types, among them those asked for."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in ask(
        connection,
        "select table_name, column_name, data_type from duckdb_columns() where not internal "
        "order by column_index",
    ):
        found.setdefault(str(table), {})[str(column)] = str(kind)

    assert ASKED_FOR <= set(TABLES)
    assert set(TABLES) | set(VIEWS) == set(found)
    assert {name: polars_schema(name).names() for name in TABLES} == {
        name: list(found[name]) for name in TABLES
    }
    assert {"DECIMAL(18,4)", "DECIMAL(38,12)"} == {
        kind for name in TABLES for kind in found[name].values() if kind.startswith("DECIMAL")
    }
    assert not {"DOUBLE", "FLOAT", "TIMESTAMP WITH TIME ZONE"} & {
        kind for name in set(found) - STATISTICS for kind in found[name].values()
    }


def test_every_row_is_there(connection: duckdb.DuckDBPyConnection, tables: Tables) -> None:
    """What was posted is what is read, value by value."""
    for name in TABLES:
        columns = polars_schema(name).names()
        assert tables[name].select(columns).sort(columns).equals(canonical(connection, name).sort(columns)), (
            name
        )


@pytest.mark.parametrize("kind", ["tables", "views", "columns"])
def test_everything_is_explained_in_the_database(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    """Tables, their columns and views carry comments."""
    names = "table_name || '.' || column_name" if kind == "columns" else f"{kind[:-1]}_name"
    only = "where not internal"
    if kind == "columns":
        only += " and table_name in (select table_name from duckdb_tables())"

    assert [] == ask(connection, f"select {names} from duckdb_{kind}() {only} and coalesce(comment, '') = ''")
    assert ask(connection, f"select {names} from duckdb_{kind}() {only}")


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_can_be_asked(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Every view runs, has rows for a company in which everything happened, and says what it is."""
    assert ask(connection, f'from "{name}"')
    assert VIEWS[name].comment.endswith(".")


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_of_nothing_is_empty(name: str) -> None:
    """On an empty ledger every view runs, and has no rows."""
    assert [] == ask(Ledger.create().connection, f'from "{name}"')


ANSWERS = {  # a question to a view, and the answer worked out by hand
    "select subscription, plan, seats, started_on, ended_on, end_reason, phases from subscriptions": [
        ("a", "catalog", 1, date(2026, 1, 1), None, "", 1),
        ("p", "catalog", 1, date(2026, 1, 2), None, "", 1),
        ("s", "pro", 3, date(2026, 1, 1), date(2026, 3, 1), "voluntary", 2),
    ],
    # 200 x 10/31 = 64.52, 300 x 21/31 = 203.23; 4 x 31 x 10/31 = 40, 6 x 31 x 21/31 = 126
    "select month, stream, revenue, billed from revenue_by_stream_month": [
        (date(2026, 1, 1), "marketplace", Decimal(300), Decimal(1000)),
        (date(2026, 1, 1), "subscriptions", Decimal("433.75"), Decimal("433.75")),
        (date(2026, 1, 1), "training", Decimal(80), Decimal(170)),
        (date(2026, 2, 1), "subscriptions", Decimal(300), Decimal(300)),
        (date(2026, 2, 1), "training", Decimal(90), Decimal(0)),  # of the pack 30 are drawn, 60 expire
    ],
    "select month, opening, new, expansion, churn, closing, customers from mrr_by_month": [
        (date(2026, 1, 1), 0, 300, 0, 0, 300, 1),
        (date(2026, 2, 1), 300, 0, 0, 0, 300, 1),
        (date(2026, 3, 1), 300, 0, 0, -300, 0, 0),
    ],
    "select invoice, total, status, settled_on, failed_tries from invoice_status": [
        ("INV-2026-01-a", Decimal("603.75"), "paid", date(2026, 2, 9), 0),
        ("INV-2026-01-p", Decimal(1000), "open", None, 0),
        ("INV-2026-02-a", Decimal(300), "open", None, 1),
    ],
    "select month, partner, basis, amount, customers from payouts_by_partner_month": [
        (date(2026, 1, 1), "a", Decimal(1000), Decimal(700), 1),
        (date(2026, 1, 1), "p", Decimal("603.75"), Decimal("60.38"), 1),
        (date(2026, 2, 1), "p", Decimal(300), Decimal(30), 1),
    ],
    "select agreement, revenue, gmv, payouts, take, take_rate from take_by_agreement_month": [
        ("listings", "net", Decimal(1000), Decimal(700), Decimal(300), Decimal("0.3")),
        # 60.38 of 603.75; 30 of 300
        ("tenth", "gross", Decimal(300), Decimal(30), Decimal(270), Decimal("0.9")),
        ("tenth", "gross", Decimal("603.75"), Decimal("60.38"), Decimal("543.37"), Decimal("0.899991718427")),
    ],
    "select month, gmv, payouts, take, take_rate, sellers, buyers from marketplace_by_month": [
        (date(2026, 1, 1), Decimal(1000), Decimal(700), Decimal(300), Decimal("0.3"), 1, 1),
    ],
    "select * from customers_by_month where month < '2026-02-01'": [
        (date(2026, 1, 1), "smb", 1, Decimal(300))
    ],
    "select * from usage_by_meter_month": [
        (date(2026, 1, 1), "courses", Decimal(4), 2, 1),
        (date(2026, 1, 1), "orders", Decimal(1), 1, 1),
        (date(2026, 1, 1), "sales", Decimal(1000), 1, 1),
        (date(2026, 1, 1), "storage", Decimal(10), 2, 1),
        (date(2026, 2, 1), "courses", Decimal(1), 1, 1),
    ],
    "select * from costs_by_month": [(date(2026, 1, 1), "adverts", "smb", "web", "USD", Decimal("12.5"))],
}


@pytest.mark.parametrize("question", ANSWERS)
def test_a_view_answers(connection: duckdb.DuckDBPyConnection, question: str) -> None:
    """What people ask first, with answers worked out by hand."""
    assert ANSWERS[question] == ask(connection, f"{question} order by all")


def test_each_posting_of_a_line_can_be_traced_to_its_usage(connection: duckdb.DuckDBPyConnection) -> None:
    """From revenue back to the line and the usage that it rates: its own dimensions, its own phase."""
    assert [
        ("advanced", Decimal(1), '{"course":"advanced"}', Decimal(1), 1),
        ("basic", Decimal(3), '{"course":"basic"}', Decimal(3), 1),
        ("packs", Decimal(1), "", Decimal(1), 1),  # what was drawn
        ("packs", Decimal(1), "", Decimal(1), 1),  # and what expired
        ("sales", Decimal(1000), '{"seller":"a"}', Decimal(1000), 1),
        ("storage", Decimal(4), "", Decimal(4), 1),
        ("storage", Decimal(6), "", Decimal(6), 1),
    ] == ask(
        connection,
        """select price, line_quantity, dimensions, used, events from trace
        where ledger_account = 'revenue' and kind = 'usage' and posted < 0 order by all""",
    )


def test_a_published_ledger_cannot_be_written(connection: duckdb.DuckDBPyConnection) -> None:
    """It is opened to be read."""
    with pytest.raises(duckdb.InvalidInputException, match="read-only"):
        connection.execute("delete from invoices")


def test_a_ledger_is_one_file(ledger: Path) -> None:
    """No write-ahead log is left, and no other file."""
    assert [ledger] == list(ledger.parent.iterdir())


def test_a_ledger_is_in_the_format_of_older_clients(connection: duckdb.DuckDBPyConnection) -> None:
    """DuckDB 1.4 opens it."""
    assert [("v1.4.0+",)] == ask(
        connection,
        "select tags['storage_version'] from duckdb_databases() where database_name = current_database()",
    )


def test_a_reader_may_lock_the_connection(tables: Tables, tmp_path: Path) -> None:
    """`connect` takes DuckDB's settings, locked ones too."""
    ledger = Ledger.create(tmp_path / "ledger.duckdb")
    ledger.post(tables)
    ledger.close()
    locked = connect(
        tmp_path / "ledger.duckdb", {"lock_configuration": True, "enable_external_access": False}
    )

    with pytest.raises(duckdb.Error, match="locked"):
        locked.execute("set threads = 1")
    assert [(3,)] == ask(locked, "select count(*) from invoices")


def test_posting_is_all_or_none(tables: Tables) -> None:
    """A table that cannot be posted takes the others back."""
    ledger = Ledger.create()
    broken = tables["invoice_lines"].with_columns(invoice=pl.lit(None, pl.String))

    with pytest.raises(duckdb.ConstraintException):
        ledger.post({"invoices": tables["invoices"], "invoice_lines": broken})

    assert [(0,)] == ask(ledger.connection, "select count(*) from invoices")
    ledger.post(tables)
    assert [(3,)] == ask(ledger.connection, "select count(*) from invoices")


def test_a_table_that_is_not_declared_is_refused(tables: Tables) -> None:
    """And nothing is posted with it."""
    ledger = Ledger.create()

    with pytest.raises(KeyError, match="receipts"):
        ledger.post({"invoices": tables["invoices"], "receipts": tables["invoices"]})

    assert [(0,)] == ask(ledger.connection, "select count(*) from invoices")


def test_months_may_be_posted_one_by_one(tables: Tables) -> None:
    """Rows that are posted in two parts are the same ledger."""
    whole, parts = Ledger.create(), Ledger.create()
    whole.post({"invoice_lines": tables["invoice_lines"]})
    parts.post({"invoice_lines": tables["invoice_lines"].tail(3)})
    parts.post({"invoice_lines": tables["invoice_lines"].head(-3)})

    assert digests(whole.connection) == digests(parts.connection)


def test_one_cent_is_another_digest(tables: Tables) -> None:
    """Digests are those of every value, whatever the order of the rows."""
    one, two = Ledger.create(), Ledger.create()
    one.post({"invoices": tables["invoices"]})
    two.post({"invoices": tables["invoices"].with_columns(pl.col("total") + Decimal("0.01"))})
    first, second = digests(one.connection), digests(two.connection)

    assert ["invoices"] == [name for name in TABLES if first[name] != second[name]]


def test_a_ledger_does_not_write_over_a_file(ledger: Path) -> None:
    """An existing ledger is not made again."""
    with pytest.raises(duckdb.Error):
        Ledger.create(ledger)


def test_keys_are_columns_of_their_tables() -> None:
    """Each table names its rows by some of its columns."""
    for name in TABLES:
        assert keys(name)
        assert set(keys(name)) <= set(polars_schema(name).names())


def test_texts_with_quotes_can_be_comments() -> None:
    """A comment is quoted."""
    assert """comment on view "v" is 'a customer''s view'""" == comment("view", '"v"', "a customer's view")


def test_the_statements_can_be_run_elsewhere() -> None:
    """The DDL makes every table in any DuckDB."""
    fresh = duckdb.connect()
    for statement in ddl():
        fresh.execute(statement)

    assert [(len(TABLES),)] == ask(fresh, "select count(*) from duckdb_tables()")

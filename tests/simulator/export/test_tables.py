"""Tables as files: what is read back is what the ledger holds, in its order, whatever stands in it."""

import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from billing.schema import TABLES, polars_schema
from billing.views import VIEWS
from metering.document import Problems
from simulator.export.relation import Relation, chosen, relations, rows
from simulator.export.tables import write_csv, write_parquet
from tests.simulator.export.companies import random_ledger

SEED = 3
SOURCE: dict[str, Any] = {"kind": "saasim export", "run": {"name": "test"}}


def silent(_: str) -> None:
    """Say nothing of the progress."""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """Give the ledger of a random company."""
    return random_ledger(tmp_path_factory.mktemp("company"), SEED)[0]


@pytest.fixture(scope="module")
def held(ledger: duckdb.DuckDBPyConnection) -> dict[str, pl.DataFrame]:
    """Give everything that the ledger holds."""
    return {one.name: rows(ledger, one) for one in relations(ledger)}


def test_a_ledger_tells_all_its_tables_and_views(ledger: duckdb.DuckDBPyConnection) -> None:
    """Each with its kind, its columns in their order, and what they hold."""
    found = {one.name: one for one in relations(ledger)}

    assert [*TABLES, *VIEWS] == list(found)
    assert {"table": len(TABLES), "view": len(VIEWS)} == {
        kind: sum(one.kind == kind for one in found.values()) for kind in ("table", "view")
    }
    for name in TABLES:
        assert polars_schema(name).names() == [column.name for column in found[name].columns]
        assert all(column.comment for column in found[name].columns), name


def test_rows_come_in_the_order_of_their_keys(ledger: duckdb.DuckDBPyConnection) -> None:
    """Invoice lines by invoice and number; a view by all of its columns."""
    found = {one.name: one for one in relations(ledger)}
    named = rows(ledger, found["invoice_lines"]).select("invoice", "line_no")
    months = rows(ledger, found["revenue_by_stream_month"])

    assert named.equals(named.sort("invoice", "line_no"))
    assert months.equals(months.sort(months.columns))


def test_parquet_holds_what_the_ledger_holds(
    ledger: duckdb.DuckDBPyConnection, held: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """Every table and view: equal rows, equal types, every digit; a file says what its columns hold."""
    found = chosen(relations(ledger), ())
    made = write_parquet(ledger, found, tmp_path / "out", source=SOURCE, said=silent)
    contents = json.loads((tmp_path / "out" / "tables.json").read_text("utf-8"))

    assert len(found) == len(made) == len(contents["tables"])
    for name, frame in held.items():
        file = tmp_path / "out" / f"{name}.parquet"
        assert frame.equals(pl.read_parquet(file), null_equal=True), name
        assert frame.schema == pl.read_parquet_schema(file)
    told = pl.read_parquet_metadata(tmp_path / "out" / "invoices.parquet")
    assert json.loads(told["saasim"]) == SOURCE
    assert json.loads(told["columns"])["total"] == "sum of the lines"


def test_csv_makes_the_same_tables_again(
    ledger: duckdb.DuckDBPyConnection, held: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """`load.sql` knows the types: what DuckDB loads equals the ledger, and NULL is not an empty text."""
    found = chosen(relations(ledger), ())
    write_csv(ledger, found, tmp_path / "out", source=SOURCE, said=silent)
    again = loaded(tmp_path / "out")

    for relation in found:
        assert held[relation.name].equals(rows(again, relation), null_equal=True), relation.name


def test_an_export_is_the_same_bytes_each_time(ledger: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """No clock, and no order of chance."""
    found = chosen(relations(ledger), ["invoices", "invoice_lines", "mrr_by_month", "trace"])
    for write in (write_parquet, write_csv):
        one, two = (write(ledger, found, tmp_path / name, source=SOURCE, said=silent) for name in "ab")

        assert one == two
        assert [file.read_bytes() for file in sorted((tmp_path / "a").iterdir())] == [
            file.read_bytes() for file in sorted((tmp_path / "b").iterdir())
        ]


def test_hostile_text_is_kept(tmp_path: Path) -> None:
    """Quotes, commas, breaks of lines, nothing at all: every text comes back as it was."""
    connection = duckdb.connect()
    texts = ['"', ",", "a\nb", "a\r\nb", "", None, " x ", "NULL", "=1", "\u202e", "ü", "\\", "'"]
    frame = pl.DataFrame({"number": list(range(len(texts))), "a'b\"c": texts})
    connection.register("frame", frame)
    connection.execute("""create table "odd ""name" as select * from frame""")
    found = [one for one in relations(connection) if one.kind == "table"]
    write_csv(connection, found, tmp_path / "out", source=SOURCE, said=silent)

    assert rows(loaded(tmp_path / "out"), found[0]).equals(frame)


def test_an_earlier_export_is_replaced_whole(tmp_path: Path) -> None:
    """A table that is no longer there leaves no file behind; what is no export is not touched."""
    connection = duckdb.connect()
    connection.execute("create table one as select 1 as n")
    connection.execute("create table two as select 2 as n")
    found, out = relations(connection), tmp_path / "out"
    write_csv(connection, found, out, source=SOURCE, said=silent)
    write_csv(connection, found[:1], out, source=SOURCE, said=silent)
    assert ["load.sql", "one.csv", "tables.json"] == sorted(file.name for file in out.iterdir())

    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "diary.txt").write_text("dear diary")
    with pytest.raises(Problems, match="holds no export, and is not overwritten"):
        write_csv(connection, found, mine, source=SOURCE, said=silent)
    assert ["diary.txt"] == [file.name for file in mine.iterdir()]


def test_a_failure_leaves_the_earlier_export(tmp_path: Path) -> None:
    """Files change places when all of them are written."""
    connection = duckdb.connect()
    connection.execute("create table one as select 1 as n")
    found, out = relations(connection), tmp_path / "out"
    write_csv(connection, found, out, source=SOURCE, said=silent)
    missing = Relation("gone", "table", "", found[0].columns)

    with pytest.raises(duckdb.Error):
        write_csv(connection, [*found, missing], out, source={**SOURCE, "more": 1}, said=silent)
    assert ["out"] == [file.name for file in tmp_path.iterdir()]
    assert SOURCE == {key: json.loads((out / "tables.json").read_text())[key] for key in SOURCE}


def test_a_table_that_is_not_there_is_named_with_the_nearest(ledger: duckdb.DuckDBPyConnection) -> None:
    """Every wrong name at once."""
    with pytest.raises(Problems) as error:
        chosen(relations(ledger), ["invoice_line", "invoices", "mrr"])

    assert ["the ledger has no 'invoice_line'", "the ledger has no 'mrr'"] == [
        problem.message for problem in error.value.problems
    ]
    assert "invoice_lines" in str(error.value)


def loaded(directory: Path) -> duckdb.DuckDBPyConnection:
    """Load a directory of CSV as its `load.sql` says."""
    connection = duckdb.connect()
    for statement in connection.extract_statements((directory / "load.sql").read_text("utf-8")):
        text = statement.query.replace("from '", f"from '{directory}/")
        connection.execute(text)
    return connection

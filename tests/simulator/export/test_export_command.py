"""`saasim export`: one form at a time, what it says was written, and mistakes with what to do about them."""

import gzip
import json
from pathlib import Path

import duckdb
import openpyxl
import polars as pl
import pytest

from billing.ledger import connect, digests
from simulator import extra
from simulator.__main__ import answer
from tests.simulator import toy


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory in which the toy has been run."""
    place = tmp_path_factory.mktemp("exports")
    toy.publish(place / "scenario", place / "runs" / "toy")
    return place


@pytest.fixture(autouse=True)
def there(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where the toy has been run."""
    monkeypatch.chdir(place)
    return place


def test_a_run_is_exported_in_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    """Each to its own place under exports/, with a line that says how much and where."""
    told = {}
    for form in ("parquet", "csv", "xlsx", "cloudevents", "focus"):
        some = ["--only", "invoice_lines"] if form in {"parquet", "csv"} else []
        assert answer(["export", "toy", f"--{form}", *some]) == 0
        told[form] = capsys.readouterr().out.splitlines()[0]
    with connect(Path("runs/toy/ledger.duckdb")) as ledger:
        lines = ledger.execute("select count(*) from invoice_lines").fetchall()[0][0]

    assert pl.read_parquet("exports/toy-parquet/invoice_lines.parquet").height == lines
    assert len(Path("exports/toy-csv/invoice_lines.csv").read_text().splitlines()) == lines + 1
    assert openpyxl.load_workbook("exports/toy.xlsx")["Invoice lines"].max_row == lines + 1
    assert f"toy: {lines} charges, written to exports/toy-focus.csv" == told["focus"]
    assert "exports/toy.ndjson" in told["cloudevents"]
    schema = json.loads(Path("exports/toy-focus.schema.json").read_text())["Schema"]
    head = Path("exports/toy-focus.csv").read_text().splitlines()[0].split(",")
    assert head == [column["ColumnName"] for column in schema["ColumnDefinition"]]
    assert schema["FocusVersion"] == "1.2"


def test_a_log_goes_round(capsys: pytest.CaptureFixture[str]) -> None:
    """Exported, imported, replayed under the same prices: the same ledger, also what nobody is billed for."""
    assert answer(["export", "toy", "--cloudevents", "--out", "round.ndjson.gz"]) == 0
    assert "saasim import round.ndjson.gz --map saasim" in capsys.readouterr().out
    assert answer(["import", "round.ndjson.gz", "--map", "saasim", "--strict", "--out", "logs/toy"]) == 0
    assert answer(["replay", "logs/toy", "--prices", "runs/toy/prices.toml", "--out", "runs/back"]) == 0

    assert answer(["export", "logs/toy", "--cloudevents", "--out", "again.ndjson"]) == 0
    packed = gzip.decompress(Path("round.ndjson.gz").read_bytes())
    assert packed == Path("again.ndjson").read_bytes()  # an imported log is one, too

    with connect(Path("runs/toy/ledger.duckdb")) as one, connect(Path("runs/back/ledger.duckdb")) as two:
        assert digests(one) == digests(two)
        assert two.execute("select 1 from unrated_usage where subject = 'ghost-1'").fetchall()


def test_some_tables_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """Also the raw usage of the log, which is no table of the ledger."""
    words = ["export", "toy", "--parquet", "--only", "invoices", "--only", "usage_events", "--out", "some"]
    assert answer([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert ["invoices.parquet", "tables.json", "usage_events.parquet"] == sorted(
        file.name for file in Path("some").iterdir()
    )
    assert ["invoices", "usage_events"] == [part["name"] for part in told["written"]]
    assert 480 == told["written"][1]["rows"]  # 4 usages a day of 120 days


def test_an_export_can_be_a_pipe(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """`--out -` writes nothing but the data."""
    assert answer(["export", "toy", "--cloudevents", "--out", "-"]) == 0
    events = capfdbinary.readouterr().out.decode().splitlines()
    assert answer(["export", "toy", "--xlsx", "--out", "-"]) == 0
    book = capfdbinary.readouterr().out

    assert all(json.loads(line)["specversion"] == "1.0" for line in events)
    assert book.startswith(b"PK")


def test_the_csv_loads_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`load.sql`, read where it stands, makes the tables of the ledger."""
    assert answer(["export", "toy", "--csv", "--only", "accounts", "--out", str(tmp_path / "csv")]) == 0
    monkeypatch.chdir(tmp_path / "csv")
    loaded = duckdb.connect()
    loaded.execute(Path("load.sql").read_text("utf-8"))

    assert ("=Bolt\u202e",) in loaded.execute("select name from accounts").fetchall()
    comment = loaded.execute("select comment from duckdb_columns() where column_name = 'signed_up_on'")
    assert [("day of sign-up",)] == comment.fetchall()


MISTAKES = [
    (["--parquet", "--csv"], "choose one of --parquet, --csv, --xlsx, --cloudevents, --focus"),
    ([], "choose one of"),
    (["--parquet", "--only", "invoice"], "the ledger has no 'invoice'; did you mean 'invoices'"),
    (["--xlsx", "--only", "invoices"], "--xlsx has no tables to choose"),
    (["--focus", "--service-category", "Storages"], "FOCUS has no 'Storages'; did you mean 'Storage'"),
    (["--parquet", "--out", "-"], "takes one file"),
    (["--parquet", "--out", "runs/toy"], "holds no export, and is not overwritten"),
    (["--parquet", "--out", "runs/toy/prices.toml"], "is a file"),
    (["--xlsx", "--out", "runs"], "is a directory"),
]


@pytest.mark.parametrize(("words", "expected"), MISTAKES)
def test_a_mistake_is_explained(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, with what to do; the exit code is 2."""
    assert answer(["export", "toy", *words]) == 2
    assert expected in capsys.readouterr().err


def test_what_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A workbook needs a package that not everybody has; nothing is written."""
    monkeypatch.setattr(extra, "find_spec", lambda name: None)

    assert answer(["export", "toy", "--xlsx", "--out", "none.xlsx"]) == 2
    assert "pip install 'saasim[xlsx]'" in capsys.readouterr().err
    assert not Path("none.xlsx").exists()

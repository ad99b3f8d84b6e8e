"""`saasim import`: somebody's files become a log of their own, whole or not at all, that replay can bill."""

import csv
import hashlib
import json
import shutil
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from billing.ledger import connect
from metering.log import Log
from simulator import imported, manifest
from simulator.__main__ import answer
from simulator.imported import Refused, import_log
from simulator.verification import evidence_of, verify

MAPS = Path(__file__).parents[2] / "fixtures" / "maps"
EXCERPT = MAPS / "azure-llm-excerpt.csv"

SAMPLES: list[tuple[str, str, dict[str, int], dict[str, str], int]] = [
    # a sample; rows read, written and repeated; quantities of its meters; how many rows were set aside
    ("openmeter", "openmeter.ndjson", {"read": 7, "written": 5, "duplicates": 1},
     {"tokens": "125504", "gpu_seconds": "12.345", "requests": "2"}, 1),
    ("lago", "lago.json", {"read": 5, "written": 4, "duplicates": 0},
     {"storage": "10.5", "tokens": "70000", "api_calls": "2"}, 1),
    ("stripe", "stripe.csv", {"read": 7, "written": 4, "duplicates": 1},
     {"api_requests": "1029", "ai_search": "0.125"}, 2),
    ("orb", "orb.ndjson", {"read": 6, "written": 3, "duplicates": 0},
     {"transferred_bytes": "100000001048576.123456", "operations": "3"}, 3),
]  # fmt: skip


def usage_of(log: Path) -> pl.DataFrame:
    """Return the usage of a log."""
    return pl.concat([pl.read_parquet(path) for path in Log.open(log / "log").usage_files()])


def sums(log: Path) -> dict[str, Decimal]:
    """Add up the quantities of each meter."""
    return dict(usage_of(log).group_by("meter").agg(pl.col("quantity").sum()).iter_rows())


@pytest.mark.parametrize(
    ("name", "file", "rows", "meters", "aside"), SAMPLES, ids=[sample[0] for sample in SAMPLES]
)
def test_a_sample_of_each_map_is_imported(
    *, tmp_path: Path, name: str, file: str, rows: dict[str, int], meters: dict[str, str], aside: int
) -> None:
    """The quantities were added up by hand; every row is accounted for; the log is unharmed."""
    done = import_log([MAPS / file], name, tmp_path / "log")
    told = done.manifest["rows"]

    assert rows == {key: told[key] for key in rows}
    assert aside == sum(told["quarantined"].values())
    assert {meter: Decimal(number) for meter, number in meters.items()} == sums(done.out)
    assert all(verdict.holds for verdict in verify(evidence_of(done.out)))


def test_the_real_trace_is_imported_exactly(tmp_path: Path) -> None:
    """Each request makes three events; Python's own reading of the file adds up to the same."""
    with EXCERPT.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    done = import_log([EXCERPT], "azure-llm", tmp_path / "log")

    assert 3 * len(rows) == done.intake.events
    assert sums(done.out) == {
        "input_tokens": sum(int(row["ContextTokens"]) for row in rows),
        "output_tokens": sum(int(row["GeneratedTokens"]) for row in rows),
        "requests": len(rows),
    }
    first = usage_of(done.out).sort("position").row(0, named=True)
    assert "2023-11-16 18:15:46.680590" == str(first["occurred_at"])


def test_a_log_says_what_it_is_and_what_was_read(tmp_path: Path) -> None:
    """Its manifest is no run's, names no clock, path or host, and counts what became of every row."""
    done = import_log([MAPS / "stripe.csv"], "stripe", tmp_path / "log")
    told = json.loads((done.out / manifest.NAME).read_bytes())

    assert (manifest.LOG_KIND, False) == (told["kind"], told["synthetic"])
    assert {"conflict": 1, "no_account": 1} == told["rows"]["quarantined"]
    assert (4, 4, 1, 1) == tuple(told["log"][key] for key in ("facts", "usage", "duplicates", "conflicts"))
    assert (MAPS / "stripe.csv").stat().st_size == told["inputs"][0]["bytes"]
    assert str(tmp_path) not in json.dumps(told)
    assert (MAPS / "stripe.toml").read_bytes() == (done.out / manifest.MAP).read_bytes()
    assert not (done.out / "spill").exists()


def test_the_same_files_give_the_same_log(tmp_path: Path) -> None:
    """Every file that is published is the same, byte for byte."""
    one, two = (import_log([MAPS / "orb.ndjson"], "orb", tmp_path / name / "log") for name in ("a", "b"))

    assert one.manifest == two.manifest
    assert manifest.digests(one.out) == manifest.digests(two.out)


def test_strict_publishes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A repeated row or one that cannot be used ends with 1, and is named; an earlier log stays."""
    out = tmp_path / "log"
    words = ["import", str(MAPS / "stripe.csv"), "--map", "stripe", "--out", str(out)]

    assert 1 == answer([*words, "--strict"])
    assert not out.exists()
    assert [] == list(tmp_path.glob("*.partial"))
    said = capsys.readouterr().err
    assert "of 7 rows: 1 duplicate, 1 no_account, 1 conflict; nothing was published" in said
    assert "stripe.csv: row 8: nothing says whose usage it is" in said

    assert 0 == answer(["import", str(EXCERPT), "--map", "azure-llm", "--out", str(out), "--strict"])
    before = manifest.digests(out)
    assert 1 == answer([*words, "--strict"])
    assert before == manifest.digests(out)


@pytest.mark.parametrize("broken", ["a,b\n1,2\n", ""])
def test_a_mistake_publishes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: str) -> None:
    """A file that is not what the map says ends with 2."""
    (tmp_path / "x.csv").write_text(broken, "utf-8")
    words = ["import", str(tmp_path / "x.csv"), "--map", "stripe", "--out", str(tmp_path / "log")]

    assert 2 == answer(words)
    assert "x.csv" in capsys.readouterr().err
    assert ["x.csv"] == [path.name for path in tmp_path.iterdir()]


def test_a_log_does_not_take_the_place_of_a_run(tmp_path: Path) -> None:
    """What somebody simulated is not lost to a wrong --out, nor a log to a run."""
    out = tmp_path / "log"
    out.mkdir()
    (out / manifest.NAME).write_text(json.dumps({"kind": manifest.KIND}), "utf-8")

    with pytest.raises(Exception, match="holds no imported log, and is not overwritten"):
        import_log([EXCERPT], "azure-llm", out)


def test_the_command_says_what_became_of_every_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people a line a reason, for programs the manifest."""
    out = str(tmp_path / "log")
    words = ["import", str(MAPS / "orb.ndjson"), "--map", "orb", "--out", out]

    assert 0 == answer(words)
    shown = capsys.readouterr().out
    counts = Counter({line.split()[0]: int(line.split()[1]) for line in shown.splitlines()[2:8]})
    assert counts == {
        "written": 3,
        "duplicates": 0,
        "not_json": 1,
        "bad_time": 1,
        "bad_quantity": 1,
        "rows": 6,
    }

    assert 0 == answer([*words, "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (out, 6) == (told["log"], told["manifest"]["rows"]["read"])


def test_an_imported_log_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has no ledger: what asks for one says how to make one."""
    out = import_log([EXCERPT], "azure-llm", tmp_path / "log").out

    assert 2 == answer(["sql", str(out), "select 1"])
    assert f"saasim replay {out} --prices FILE" in capsys.readouterr().err


HARMS = [  # what is done to a published log, and the check that finds it
    (lambda out: (out / "quarantine" / "rows.parquet").write_bytes(b""), "files"),
    (lambda out: (out / manifest.MAP).write_text("name = 1", "utf-8"), "files"),
    (lambda out: shutil.copy(next((out / "log" / "events").iterdir()), out / "log" / "usage"), "chain"),
]


@pytest.mark.parametrize(("harm", "check"), HARMS, ids=["quarantine", "map", "usage"])
def test_verify_finds_what_was_changed(tmp_path: Path, harm: Any, check: str) -> None:
    """Every file has its hash; the chain holds the usage."""
    out = import_log([EXCERPT], "azure-llm", tmp_path / "log").out
    harm(out)

    assert check in {verdict.check for verdict in verify(evidence_of(out)) if not verdict.holds}


def test_verify_counts_the_quarantine(tmp_path: Path) -> None:
    """A manifest that hides rows is found, however its hashes are."""
    out = import_log([MAPS / "orb.ndjson"], "orb", tmp_path / "log").out
    told = manifest.read(out, (manifest.LOG_KIND,))
    log = Log.open(out / "log")

    assert imported.rows_account(out, told, log)[0]
    told["rows"]["quarantined"].pop("bad_time")
    assert "1 rows are lost" in imported.rows_account(out, told, log)[1]


def test_refused_is_a_mistake_to_a_program(tmp_path: Path) -> None:
    """From Python, strict raises."""
    with pytest.raises(Refused):
        import_log([MAPS / "lago.json"], "lago", tmp_path / "log", strict=True)


BOOK = """
name = "Test"
currency = "USD"
[meters]
input_tokens = {}
output_tokens = {}
requests = {}
[plans.standard]
name = "Standard"
stream = "inference"
"""
MODELS: list[tuple[str, Any]] = [  # a price of input tokens, and what so many of them cost
    ("unit_price = 0.00001", lambda tokens: tokens * Decimal("0.00001")),
    (
        'model = "graduated", tiers = [{ up_to = 25_000, unit_price = 0.001 }, { unit_price = 0.0007 }]',
        lambda tokens: min(tokens, 25_000) * Decimal("0.001") + max(tokens - 25_000, 0) * Decimal("0.0007"),
    ),
    (
        'model = "package", package_size = 10_000, unit_price = 1.10',
        lambda tokens: -(-tokens // 10_000) * Decimal("1.10"),
    ),
]


@pytest.mark.parametrize(("price", "cost"), MODELS, ids=["per token", "graduated", "package"])
def test_the_real_trace_is_billed_to_the_cent(tmp_path: Path, price: str, cost: Any) -> None:
    """From the rows of the file and MD5, in plain Python: what every account owes for its tokens."""
    with EXCERPT.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    used: Counter[str] = Counter()
    for row in rows:
        digits = hashlib.md5(row["TIMESTAMP"].encode(), usedforsecurity=False).hexdigest()[-15:]
        used[f"tenant-{int(digits, 16) % 20 + 1:02}"] += int(row["ContextTokens"])
    owed = {name: cost(tokens).quantize(Decimal("0.01"), ROUND_HALF_UP) for name, tokens in used.items()}

    book = tmp_path / "prices.toml"
    book.write_text(BOOK + f'prices.input = {{ meter = "input_tokens", {price} }}\n', "utf-8")
    out = import_log([EXCERPT], "azure-llm", tmp_path / "log").out
    assert 0 == answer(["replay", str(out), "--prices", str(book), "--out", str(tmp_path / "billed")])

    with connect(tmp_path / "billed" / manifest.LEDGER) as ledger:
        assert owed == dict(ledger.execute("select account, total from invoices").fetchall())


def test_a_replay_says_what_it_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A book that calls a meter otherwise than the log bills nothing of it, and must not do so in silence."""
    book = tmp_path / "prices.toml"
    price = 'prices.input = { meter = "input_tokens", unit_price = 0.01 }\n'
    book.write_text(BOOK.replace("requests = {}\n", "request = {}\n") + price, "utf-8")
    out = import_log([EXCERPT], "azure-llm", tmp_path / "log").out
    words = ["replay", str(out), "--prices", str(book), "--out", str(tmp_path / "billed")]

    assert 0 == answer(words)
    assert "760 events of requests are on no invoice: Test has no such meter" in capsys.readouterr().out
    assert 0 == answer([*words, "--json"])
    told = json.loads(capsys.readouterr().out)["unbilled"]
    assert [{"reason": "no_meter", "meter": "requests", "events": 760}] == told

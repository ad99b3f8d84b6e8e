"""Errors: whatever a user gets wrong ends with one line a problem that says place, value and remedy."""

import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import run as runs
from simulator.__main__ import answer
from tests.simulator import toy

MISTAKES: dict[str, tuple[str | list[str], str]] = {
    "no such verb": ("rnu toy", "saasim: No such command 'rnu'. Did you mean 'run'?; see saasim --help"),
    "no scenario": ("run", "saasim run: Missing argument 'SCENARIO'; see saasim run --help"),
    "no such option": ("run toy --month 3", "saasim run: No such option: --month...; see saasim run --help"),
    "limit that is no number": (
        "sql toy x --limit x",
        "saasim sql: Invalid value for '--limit': ... integer...",
    ),
    "scenario that does not exist": ("run dbgtp", "dbgtp: is no built-in scenario; did you mean 'dbgpt'?..."),
    "scenario file that does not exist": (
        "run nowhere/scenario.toml",
        "nowhere/scenario.toml: cannot be read (No such file or directory); ...",
    ),
    "months that are no number": (
        "run scenario/scenario.toml --months x",
        "--months: should be a valid integer, ... (got 'x')",
    ),
    "no months": ("run scenario/scenario.toml --months 0", "--months: should be greater ... 1 (got '0')"),
    "a century of months": ("run scenario/scenario.toml --months 1200", "--months: ... 240 (got '1200')"),
    "seed below zero": ("run scenario/scenario.toml --seed -1", "--seed: should be greater ... (got '-1')"),
    "setting without a value": (
        "run scenario/scenario.toml --set months",
        "--set: 'months' is not key=value; write it like agents.customers.smb.churn=0.02",
    ),
    "setting of nothing": ("run scenario/scenario.toml --set =3", "--set: '=3' is not key=value; ..."),
    "setting that does not exist": (
        "run scenario/scenario.toml --set segments.smb.nam=x",
        "--set segments.smb.nam: no key 'nam'; did you mean 'name'?",
    ),
    "setting that is wrong": (
        "run scenario/scenario.toml --set months=many",
        "--set months: should be a valid integer, ... (got 'many')",
    ),
    "scenario whose name is a path": (
        "run scenario/scenario.toml --set name=../../x",
        "--set name: ... should match pattern ... (got '../../x')",
    ),
    "place whose name is no slug": (
        "run scenario/scenario.toml --out runs/..",
        "--out runs/..: '..' cannot name a run; use up to 64 of ...",
    ),
    "place that is kept": (
        "run scenario/scenario.toml --out runs/x.partial",
        "--out runs/x.partial: 'x.partial' ends with '.partial', which is kept for runs at work; drop it",
    ),
    "place that is a file": (
        "run scenario/scenario.toml --out scenario/scenario.toml",
        "scenario/scenario.toml: is a file; choose another place with --out",
    ),
    "place that is no run": (
        "run scenario/scenario.toml --out scenario",
        "scenario: is a directory that holds no run, and is not overwritten; ...",
    ),
    "run that does not exist": ("sql tyo x", "tyo: there is no such run; did you mean 'toy'?"),
    "run that is a path": ("verify ../../etc", "../../etc: there is no such run; ..."),
    "directory that is no run": ("sql scenario x", "scenario: is no run: it has no manifest.json; ..."),
    "run that was not finished": (
        "metrics runs/unfinished",
        "runs/unfinished: is a run that was not finished; check its log: ...",
    ),
    "run with a damaged manifest": (
        "sql damaged x",
        "runs/damaged/manifest.json: is damaged ...; run it again",
    ),
    "run of a stranger": (
        "sql stranger x",
        "runs/stranger/manifest.json: is no run's manifest; name a run, ...",
    ),
    "run of the future": (
        "sql future x",
        "runs/future/manifest.json: has format 99, and this program reads 1; run it again, ...",
    ),
    "two formats": (
        "sql toy x --json --csv",
        "saasim sql: ...--json and --csv exclude each other; choose one; ...",
    ),
    "no question": (["sql", "toy", " "], 'query: is empty; give one: saasim sql dbgpt "select ..."'),
    "question that is no SQL": (
        "sql toy selec",
        'query line 1: Parser Error: syntax error at or near "selec"',
    ),
    "two questions as JSON": (
        ["sql", "toy", "select 1; select 2", "--json"],
        "query: --json takes one statement, and there are more; ask them one by one",
    ),
    "question about the machine": (
        ["sql", "toy", "from read_text('/etc/passwd')"],
        "query...: Permission Error: ...; the console only reads this run",
    ),
    "question that takes too long": (
        ["sql", "toy", "select count(*) from range(1_000_000) a, range(1_000_000) b", "--timeout", "0.3"],
        "query: stopped after 0.3 s; narrow it, or give --timeout",
    ),
    "split that does not exist": (
        "metrics toy --by segmant",
        "by: there is no 'segmant'; did you mean 'segment'?",
    ),
    "schema that does not exist": ("schema price", "schema: there is no 'price'; did you mean 'price-book'?"),
    "price book that does not exist": (
        "quote --prices none.toml",
        "none.toml: cannot be read (No such file or directory); ...",
    ),
    "convention that does not exist": (
        "quote --prices scenario/prices.toml --conventions half_dwon",
        "--conventions: there is no 'half_dwon'; did you mean '...'?",
    ),
    "month that is none": (
        "quote --prices scenario/prices.toml --month 2026-13",
        "--month: '2026-13' is not a month; write it like 2026-03",
    ),
    "replay of nothing": (
        "replay empty --prices scenario/prices.toml --out runs/x",
        "runs/empty/log: is empty; run it again",
    ),
    "replay of a damaged log": (
        "replay tampered --prices scenario/prices.toml --out runs/x",
        "runs/tampered/log: 2026-02: events file does not have the hash that the chain names; run it again",
    ),
    "replay onto itself": (
        "replay toy --prices scenario/prices.toml --out runs/toy",
        "--out runs/toy: is the run that is replayed; choose another place",
    ),
    "replay under a broken book": (
        "replay toy --prices scenario/broken.toml --out runs/x",
        "scenario/broken.toml: plans.team.prices.seats.unit_prize: unknown key; did you mean 'unit_price'?",
    ),
    "replay under a book that lacks a plan": (
        "replay toy --prices scenario/poorer.toml --out runs/x",
        "event ...: the price book 'Tiny' has no plan 'maker'; add it to the book; ...",
    ),
}
"""What a user may type, and the line that answers it (`...` stands for anything)."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a directory with a sound run, some sick ones, and some price books."""
    place, before = tmp_path_factory.mktemp("errors"), Path.cwd()
    os.chdir(place)
    toy.publish(Path("scenario"), Path("runs/toy"))
    for name in ("damaged", "stranger", "future", "empty", "tampered", "unfinished"):
        shutil.copytree("runs/toy", f"runs/{name}")
    Path("runs/damaged/manifest.json").write_text("{")
    Path("runs/stranger/manifest.json").write_text('{"name": "x"}')
    Path("runs/future/manifest.json").write_text('{"kind": "saasim run", "format": 99}')
    Path("runs/empty/log/chain.jsonl").write_text("")
    Path("runs/tampered/log/events/2026-02.parquet").write_bytes(b"x")
    Path("runs/unfinished/manifest.json").unlink()
    Path("scenario/broken.toml").write_text(toy.PRICES.replace("unit_price = 30", "unit_prize = 30", 1))
    Path("scenario/poorer.toml").write_text(toy.PRICES.replace("[plans.maker]", "[plans.baker]"))
    yield place
    os.chdir(before)


def matches(line: str, said: str) -> bool:
    """Tell whether one line, in which `...` stands for anything, is what was said."""
    return re.fullmatch(re.escape(line).replace(r"\.\.\.", ".*") + "\n", said) is not None


def contents(folder: Path) -> dict[Path, int]:
    """Return every file with its time of change."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered(folder: Path, capsys: pytest.CaptureFixture[str], mistake: str) -> None:
    """Exit code 2, one line on stderr, nothing on stdout, no file made or changed."""
    words, line = MISTAKES[mistake]
    before = contents(folder)
    code = answer(words if isinstance(words, list) else words.split())
    said = capsys.readouterr()

    assert matches(line, said.err), said.err
    assert 2 == code
    assert not said.out
    assert before == contents(folder)


def test_every_problem_is_reported_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each."""
    words = ["run", "scenario/scenario.toml", "--set", "months=x", "--set", "seed=y"]

    assert 2 == answer(words)
    assert ["--set months", "--set seed"] == sorted(
        line.partition(":")[0] for line in capsys.readouterr().err.splitlines()
    )


REQUESTS = {
    "no JSON": ("{", "line 1: is not valid JSON: ...; write one JSON object a line"),
    "no object": ("[1]", "line 1: is not a JSON object; write it like ..."),
    "a key twice": (
        '{"plan": "team", "plan": "maker"}',
        "line 1: is not valid JSON: 'plan' is given twice; ...",
    ),
    "not a number": ('{"plan": "team", "seats": NaN}', "line 1: is not valid JSON: NaN is no number; ..."),
    "an unknown plan": ('{"plan": "taem"}', "line 1...: ...'taem'...did you mean 'team'?..."),
    "neither plan nor price": ("{}", "line 1: ..."),
}
"""What a user may ask `quote`, and the line that answers it."""


@pytest.mark.parametrize("mistake", REQUESTS)
def test_a_request_that_is_wrong_is_answered(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    """The number of its line is named."""
    text, line = REQUESTS[mistake]
    monkeypatch.setattr("sys.stdin", io.StringIO(text + "\n"))
    code = answer(["quote", "--prices", "scenario/prices.toml"])
    said = capsys.readouterr()

    assert matches(line, said.err), said.err
    assert 2 == code
    assert not said.out


def test_a_wrong_request_does_not_stop_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can be answered is; what cannot is reported when all are read."""
    lines = ['{"plan": "team", "seats": 2}', "x", "", '{"plan": "maker"}', "y"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))

    assert 2 == answer(["quote", "--prices", "scenario/prices.toml", "--month", "2026-03"])
    said = capsys.readouterr()
    assert ["60", "1200"] == [
        json.loads(line)["amount"].removesuffix(".00") for line in said.out.splitlines()
    ]
    assert ["line 2", "line 5"] == [line.partition(":")[0] for line in said.err.splitlines()]


def _crash(*_: object, **__: object) -> None:
    raise AssertionError("entries that do not sum to zero:\n[('INV-1', 0.01)]")


def test_a_defect_ends_with_one_line_and_keeps_its_traceback(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A broken invariant names the thing; nothing is published; --debug shows the traceback at once."""
    monkeypatch.setattr(runs, "close", _crash)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    words = ["run", "scenario/scenario.toml", "--out", "runs/crash"]
    with toy.played():
        assert 70 == answer(words)
    first, second = capsys.readouterr().err.splitlines()[-2:]

    assert "AssertionError: entries that do not sum to zero: [('INV-1', 0.01)]" == first
    path = Path(second.removeprefix("this is a defect of saasim; the traceback is in "))
    assert "in _crash" in path.read_text()
    assert not Path("runs/crash").exists()
    with toy.played():
        assert 70 == answer(words, debug=True)
    assert "in _crash" in capsys.readouterr().err


def _full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device", "runs/full.partial/log")


def test_a_full_disk_is_no_defect(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the user's to mend, and named as such."""
    monkeypatch.setattr(runs, "close", _full)
    with toy.played():
        assert 2 == answer(["run", "scenario/scenario.toml", "--out", "runs/full"])

    expected = "runs/full.partial/log: No space left on device; make room for it, or allow it, and try again"
    assert expected == capsys.readouterr().err.splitlines()[-1]
    assert not Path("runs/full").exists()


def test_a_name_in_an_error_cannot_redraw_the_screen(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Control characters are shown as escapes."""
    assert 2 == answer(["schema", "\x1b[31m"])
    assert "\\x1b[31m" in capsys.readouterr().err


def test_errors_are_coloured_for_whoever_wants_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red on a terminal, unless NO_COLOR is set."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    answer(["schema", "x"])
    coloured = capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    answer(["schema", "x"])

    assert coloured == f"\x1b[31m{capsys.readouterr().err.strip()}\x1b[0m\n"

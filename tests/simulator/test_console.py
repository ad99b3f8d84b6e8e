"""The console: it answers questions about one run, and nothing that is asked of it does anything else."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console as Screen

from metering.document import Problems
from simulator.__main__ import answer
from simulator.console import Column, Console, refusal
from simulator.prompt import Prompt, history_file, line_reader
from simulator.publication import find
from simulator.tables import show, terminal
from tests.simulator import toy

REFUSED = [
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from glob('/etc/*')",
    "select * from '/etc/passwd'",
    "select * from 'runs/toy/log/events/2026-01.parquet'",
    "select * from read_parquet('runs/toy/log/events/2026-01.parquet')",
    "select * from read_json('runs/toy/manifest.json')",
    "select * from parquet_metadata('runs/toy/log/events/2026-01.parquet')",
    "select * from sniff_csv('/etc/passwd')",
    "select * from read_csv('https://example.com/x.csv')",
    "copy invoices to 'stolen.csv'",
    "copy (select 1) to 'stolen.parquet' (format parquet)",
    "copy invoices from '/etc/passwd'",
    "export database 'stolen'",
    "import database 'stolen'",
    "attach 'stolen.duckdb'",
    "attach ':memory:' as m; create table m.t as select 1; copy from database m to ledger",
    "install httpfs",
    "load httpfs",
    "load 'evil.duckdb_extension'",
    "create secret s (type s3, key_id 'a', secret 'b')",
    "create persistent secret s (type s3, key_id 'a', secret 'b')",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "set memory_limit = '100GB'",
    "set threads = 64",
    "set allowed_directories = ['/']",
    "set temp_directory = '/tmp'",
    "set log_query_path = 'log.txt'",
    "set enable_profiling = 'json'",
    "set profiling_output = 'profile.json'",
    "pragma enable_profiling = 'json'",
    "set custom_extension_repository = 'https://example.com'",
    "reset enable_external_access",
    "call enable_logging(storage = 'file', storage_path = 'logs')",
    "insert into invoices select * from invoices",
    "update invoices set total = 0",
    "delete from invoices",
    "truncate invoices",
    "drop table invoices",
    "drop view mrr_by_month",
    "alter table invoices add column x int",
    "create table t as select 1",
    "create view v as select 1",
    "create macro m() as 1",
    "create sequence s",
    "create schema s",
    "comment on table invoices is 'x'",
    "select * from sys",
    "select * from frame",
    "select repeat('x', 2000000000)",
    "select getenv('HOME')",
    "select 1; drop table invoices",
    "explain analyze insert into invoices select * from invoices",
    "with gone as (delete from invoices returning *) select * from gone",
    "merge into invoices using invoices as i on false when not matched then insert *",
]
"""Everything here is refused; the list grows with every way out that anybody thinks of."""

HARMLESS = [
    "checkpoint",
    "vacuum",
    "create temp table mine as select 1",
    "select count(*) from duckdb_settings()",
    "select count(*) from duckdb_databases()",
    "explain select * from invoices",
]
"""What the lock leaves open: it changes nothing outside of the console's own memory."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the toy company's run, in a directory of its own."""
    folder, before = tmp_path_factory.mktemp("console"), Path.cwd()
    os.chdir(folder)
    toy.publish(Path("scenario"), Path("runs/toy"))
    yield Path("runs/toy")
    os.chdir(before)


@pytest.fixture(scope="module")
def console(run: Path) -> Iterator[Console]:
    """Give a console on the run."""
    with Console(run) as opened:
        yield opened


def rows(console: Console, query: str, limit: int | None = None) -> list[list[object]]:
    """Return the rows of one answer."""
    found = [list(answer) for answer in console.ask(query, limit=limit)]
    assert len(found) == 1
    return found[0]


def drained(console: Console, query: str) -> None:
    """Read every answer to its end."""
    for reply in console.ask(query, limit=10):
        list(reply)


@pytest.mark.parametrize("attack", REFUSED)
def test_the_lock_holds(console: Console, run: Path, attack: str) -> None:
    """The question is refused with one line, no file appears or changes, and the console goes on."""
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    with pytest.raises(Problems) as refused:
        drained(console, attack)

    assert "\n" not in str(refused.value)
    assert before == {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    assert [[10]] == rows(console, "select count(*) from invoices")


@pytest.mark.parametrize("query", HARMLESS)
def test_what_the_lock_leaves_open_changes_nothing(console: Console, run: Path, query: str) -> None:
    """It works, and the run is as it was."""
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    drained(console, query)

    assert before == {path: path.stat().st_mtime_ns for path in Path().rglob("*")}


def test_a_refusal_says_what_the_console_is_for(console: Console) -> None:
    """It is not the question's spelling that is wrong."""
    with pytest.raises(Problems, match=r"; the console only reads this run$"):
        drained(console, "delete from invoices")


def test_a_mistake_in_sql_is_named_with_its_line(console: Console) -> None:
    """DuckDB's own hint comes with it."""
    with pytest.raises(Problems) as refused:
        drained(console, "select *\nfrom invoice")

    expected = 'query line 2: Catalog Error: Table with name invoice does not exist! Did you mean "invoices"?'
    assert expected == str(refused.value)


def test_raw_usage_can_be_asked(console: Console) -> None:
    """`usage_events` is the log's own Parquet, though no other file can be read."""
    query = "select meter, count(*), sum(quantity) from usage_events group by meter order by meter"

    assert [["calls", 360, Decimal("245220.000000000000")], ["mystery", 120, Decimal(120)]] == rows(
        console, query
    )


def test_a_question_that_takes_too_long_is_stopped(run: Path) -> None:
    """Its process is killed, whatever it does, and the next question has another."""
    with Console(run, timeout_s=0.5) as console:
        console.timeout_s = 20
        rows(console, "select 1")
        console.timeout_s = 0.5
        began = time.monotonic()
        with pytest.raises(Problems, match=r"query: stopped after 0.5 s; narrow it, or give --timeout"):
            drained(console, "select count(*) from range(1_000_000) a, range(1_000_000) b")

        assert time.monotonic() - began < 5
        console.timeout_s = 20
        assert [[1]] == rows(console, "select 1")


def test_a_console_that_dies_is_named(run: Path) -> None:
    """A crash of the engine is no crash of ours."""
    with Console(run) as console:
        rows(console, "select 1")
        assert console._child is not None
        console._child.kill()
        with pytest.raises((Problems, BrokenPipeError)):
            drained(console, "select 1")


def test_answers_keep_every_digit(console: Console) -> None:
    """Decimals stay decimals, large integers whole, and what is nothing is None."""
    query = (
        "select 0.1::decimal(38, 12), 2::hugeint ** 0 * 170141183460469231731687303715884105727, null, true"
    )

    assert "0.100000000000" == str(rows(console, query)[0][0])
    assert [[170141183460469231731687303715884105727]] == rows(
        console, "select 170141183460469231731687303715884105727"
    )
    assert [[None, True, "2026-01-31", 1.5]] == rows(
        console, "select null, true, date '2026-01-31', 1.5::double"
    )


def test_an_answer_can_be_cut(console: Console) -> None:
    """A limit says whether rows were left out."""
    for count, more in ((10, False), (11, True), (5000, True)):
        for reply in console.ask(f"from range({count})", limit=10):
            assert 10 == len(list(reply))
            assert more == reply.more


def test_an_answer_that_nobody_reads_does_not_stand_in_the_way(console: Console) -> None:
    """The next question gets its own answer."""
    for _ in console.ask("from range(5000)"):
        pass

    assert [[1]] == rows(console, "select 1")


def test_a_question_may_have_several_statements(console: Console) -> None:
    """Each has its answer."""
    assert [[[1]], [[2]]] == [list(reply) for reply in console.ask("select 1; select 2")]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what a command writes on stdout."""
    assert 0 == answer(list(words))
    return capsys.readouterr().out


def test_a_table_is_aligned_at_the_point(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Zeros that say nothing are left out, but money keeps its cents."""
    query = "select account, total, total / 3 as third, 12345 as n from invoices order by all limit 2"

    assert (
        """\
account    total    third        n
──────────────────────────────────
acme      285.00    95      12,345
acme      348.39   116.13   12,345
""".splitlines()
        == [line.rstrip() for line in said(capsys, "sql", "toy", query).splitlines()]
    )


def test_json_is_exact(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Decimals are JSON numbers with all their digits, lists are lists, and rows are objects."""
    query = "select 0.007::decimal(38, 12) as rate, [1, 2] as l, null as n, 'é' as t, 'nan'::double as f"
    text = said(capsys, "sql", "toy", query, "--json")

    assert '[{"rate": 0.007, "l": [1, 2], "n": null, "t": "é", "f": "nan"}\n]\n' == text
    assert [] == json.loads(said(capsys, "sql", "toy", "select 1 where false", "--json"))


def test_csv_runs_no_formula(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A text that a spreadsheet would run gets an apostrophe; a negative number stays a number."""
    query = """select name, -1.50 as n, 'a"b,c' as q, '@x' as at, null as nothing
        from accounts where account = 'bolt'"""

    assert 'name,n,q,at,nothing\n\'=Bolt\u202e,-1.5,"a""b,c",\'@x,\n' == said(
        capsys, "sql", "toy", query, "--csv"
    )


def test_a_name_cannot_redraw_the_screen(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Characters that move the cursor or turn the text around are shown as what they are."""
    assert "=Bolt\\u202e" in said(capsys, "sql", "toy", "select name from accounts where account = 'bolt'")
    assert "\\x1b[31m" in said(capsys, "sql", "toy", "select chr(27) || '[31m' as c")


def test_a_table_that_is_too_wide_becomes_records() -> None:
    """Numbers are never cut; texts are, down to a dozen letters; then rows become records."""
    columns = [Column("name", "text"), Column("amount", "decimal", 4)]
    row = ["a long name of a customer", Decimal("1234567.5")]
    shown = {}
    for width in (50, 32, 20):
        screen = Screen(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
        show(screen, columns, [row])
        shown[width] = screen.export_text().split()
        screen.file.close()

    assert ["a", "long", "name", "of", "a", "customer", "1,234,567.50"] == shown[50][-7:]
    assert "1,234,567.50" == shown[32][-1]
    assert "…" in shown[32][-2]
    assert "──" == shown[20][0]
    assert "1,234,567.50" == shown[20][-1]


def typed(console: Console, capsys: pytest.CaptureFixture[str], *lines: str | type[BaseException]) -> str:
    """Type lines at the prompt and return what it shows."""
    left = list(lines)

    def read(prompt: str) -> str:
        if not left:
            raise EOFError
        line = left.pop(0)
        if isinstance(line, str):
            return line
        raise line

    Prompt(console, terminal(sys.stdout), read=read, places=2).run()
    return capsys.readouterr().out


def test_the_prompt_answers_until_the_user_leaves(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    """A statement may span lines; a mistake does not end the session; `.quit` does."""
    shown = typed(console, capsys, "select 40 +", "  2 as answer;", "selec;", ".quit", "select 43;")

    assert "42" in shown
    assert "Parser Error" in shown
    assert "43" not in shown


def test_the_prompt_knows_its_own_commands(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    """What there is, what it holds, and what can be typed."""
    shown = typed(
        console, capsys, ".tables", ".schema invoices", ".help", ".what", ".schema x'; drop table invoices"
    )

    assert "mrr_by_month" in shown
    assert "usage_events" in shown
    assert "sum of the lines" in shown
    assert 2 == shown.count(".quit")


def test_ctrl_c_at_the_prompt_forgets_the_line(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    """What was typed so far is gone, the session is not."""
    shown = typed(console, capsys, "select", KeyboardInterrupt, "select 7 as seven;")

    assert "seven" in shown
    assert "Error" not in shown


def test_what_was_typed_is_kept_for_its_user_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The history is a file that nobody else may read."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with line_reader(["invoices"]) as read:
        assert read is input

    assert 0o600 == history_file().stat().st_mode & 0o777
    assert tmp_path in history_file().parents


def test_questions_can_be_piped_in(run: Path) -> None:
    """Without a keyboard, stdin is the question."""
    command = [sys.executable, "-m", "simulator", "sql", "toy", "--csv"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, input="select 1 as one;", capture_output=True, text=True, check=True, env=environment
    )

    assert "one\n1\n" == done.stdout
    assert not done.stderr


def test_an_error_of_the_engine_is_one_line() -> None:
    """Its caret and its excerpt are left out; the line number stays."""
    assert "query line 3: Binder Error: no x" == str(
        refusal("Binder Error: no x\n\nLINE 3: select x\n        ^")
    )
    assert "query: Out of Memory Error: failed" == str(refusal("Out of Memory Error: failed"))


def test_the_console_needs_a_finished_run(run: Path, tmp_path: Path) -> None:
    """A directory that holds no run, or half of one, is named as what it is."""
    (tmp_path / "log").mkdir()
    with pytest.raises(Problems, match="is a run that was not finished; check its log"):
        Console(tmp_path)
    with pytest.raises(Problems, match="is no run: it has no manifest"):
        Console(tmp_path / "log")
    assert find("toy") == run

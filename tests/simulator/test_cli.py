"""The command line: every verb, its help, its output for people and for programs, and how it stops."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from rich.console import Console

from analytics.metrics import METRICS
from analytics.policy import DEFAULT, PRESETS, named
from billing.ledger import connect, digests
from metering.log import Log
from metering.period import Period, months
from simulator import run as runs
from simulator.__main__ import answer
from simulator.progress import Progress
from simulator.run import Month
from simulator.verbs import app
from simulator.world import Lived
from tests.simulator import toy

VERBS = sorted(
    command.name or str(command.callback.__name__) for command in app.registered_commands if command.callback
)
SCENARIO = "scenario/scenario.toml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty directory with the toy's scenario, to work in."""
    monkeypatch.chdir(tmp_path)
    toy.write(Path("scenario"))
    return tmp_path


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory in which the toy has been run."""
    place = tmp_path_factory.mktemp("cli")
    toy.publish(place / "scenario", place / "runs" / "toy")
    return place


@pytest.fixture
def there(published: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where the toy has been run."""
    monkeypatch.chdir(published)
    return published


@pytest.fixture
def world() -> Iterator[None]:
    """Have the toy's script played."""
    with toy.played():
        yield


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what a command that is done writes on stdout."""
    assert 0 == answer(list(words))
    return capsys.readouterr().out


def test_help_imports_nothing_but_typer() -> None:
    """It is there before anyone gets impatient: no engine is loaded, nor pydantic, nor Rich."""
    code = "import sys; from simulator.__main__ import answer; answer(['run', '--help']); print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = {name.partition(".")[0] for name in shown.split()}

    assert "typer" in loaded
    assert not loaded & {"duckdb", "polars", "pyarrow", "sqlmodel", "pydantic", "rich", "simpy", "faker"}


def test_comparing_imports_nothing_that_writes() -> None:
    """Two ledgers are read and told without what defines tables, and without numpy: a third of the time."""
    code = "import sys; import simulator.commands.compare; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = {name.partition(".")[0] for name in shown.split()}

    assert "polars" in loaded
    assert not loaded & {"sqlmodel", "sqlalchemy", "pyarrow", "numpy", "simpy", "faker"}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    """And says how programs can read it."""
    shown = said(capsys, verb, "--help")

    assert f"Usage: saasim {verb} " in shown
    assert "--json" in shown
    assert f"saasim {verb}" in shown.partition("Example:")[2]


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_names_every_verb(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """Saying nothing asks for help, too."""
    shown = said(capsys, *words)

    assert [] == [verb for verb in VERBS if f"\n  {verb} " not in shown]


def test_the_versions_name_every_engine(capsys: pytest.CaptureFixture[str]) -> None:
    """What may change a result is named."""
    shown = said(capsys, "--version")

    assert ["saasim", "python", "duckdb", "polars"] == [line.split()[0] for line in shown.splitlines()][:4]


def test_a_run_says_what_it_came_to_and_what_to_type_next(
    folder: Path, world: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary is on stdout; progress, a line a year in a pipe, is on stderr."""
    assert 0 == answer(["run", SCENARIO])
    shown = capsys.readouterr()

    assert "Toy: 4 months from 2026-01, seed 7" in shown.out
    assert "$150  " not in shown.err
    assert "customers  smb" in shown.out
    assert "revenue  subscriptions" in shown.out
    assert "501 events in " in shown.out
    for command in ("sql", "metrics", "verify", "replay"):
        assert f"  saasim {command} toy" in shown.out
    assert shown.err.startswith("2026-04  4 of 4 months, 2 customers, $150 committed MRR, 501 events, ")
    assert 1 == shown.err.count("\n")


def test_a_run_can_be_read_by_programs(folder: Path, world: None, capsys: pytest.CaptureFixture[str]) -> None:
    """--json has the manifest, the years and the targets, and nothing else is on stdout."""
    told = json.loads(said(capsys, "run", SCENARIO, "--json"), parse_float=Decimal)

    assert "runs/toy" == told["run"]
    assert 501 == told["manifest"]["log"]["facts"] + told["manifest"]["log"]["usage"]
    assert [2] == [year["customers"] for year in told["years"]]
    assert {"customers", "revenue"} == {target["measure"] for target in told["targets"]}


def test_options_of_a_run_are_in_its_manifest(
    folder: Path, world: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is typed takes the place of what the scenario says, and is written down."""
    words = ["--months", "2", "--seed", "9", "--set", "title=Other", "--out", "runs/other", "--json"]
    made = json.loads(said(capsys, "run", SCENARIO, *words))["manifest"]

    assert {"count": 2, "first": "2026-01", "last": "2026-02"} == made["months"]
    assert 9 == made["seed"]
    assert "Other" == made["scenario"]["title"]
    assert {"title": "Other", "months": "2", "seed": "9"} == made["set"]


def test_the_same_seed_gives_the_same_run(there: Path, tmp_path: Path) -> None:
    """The same log, byte for byte, and the same rows in every table."""
    again = toy.publish(tmp_path / "scenario", tmp_path / "again").out

    assert Log.open(Path("runs/toy/log")).head == Log.open(again / "log").head
    assert tables("toy") == tables("again", tmp_path)


def tables(name: str, place: Path = Path("runs")) -> dict[str, str]:
    """Return the digest of every table of a run."""
    with connect(place / name / "ledger.duckdb") as ledger:
        return digests(ledger)


def test_a_replay_under_the_same_prices_is_the_run_itself(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Row for row, and as sound."""
    again = tmp_path / "again"
    shown = said(capsys, "replay", "toy", "--prices", "scenario/prices.toml", "--out", str(again))

    assert "4 months of runs/toy replayed" in shown
    assert tables("toy") == tables("again", tmp_path)
    assert 0 == answer(["verify", str(again)])


def test_a_replay_under_other_prices_bills_other_amounts(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only what the price touches changes."""
    prices = tmp_path / "dearer.toml"
    prices.write_text(toy.PRICES.replace("unit_price = 30,", "unit_price = 60,", 1))
    told = json.loads(
        said(capsys, "replay", "toy", "--prices", str(prices), "--out", str(tmp_path / "dearer"), "--json")
    )
    before, after = (
        json.loads(said(capsys, "sql", str(run), QUERY, "--json")) for run in ("toy", tmp_path / "dearer")
    )

    assert Log.open(Path("runs/toy/log")).head == told["manifest"]["replay_of"]
    assert 2 * before[0]["recurring"] == after[0]["recurring"]
    assert before[0]["usage"] == after[0]["usage"]


QUERY = """
    select sum(amount) filter (kind = 'recurring') as recurring, sum(amount) filter (kind = 'usage') as usage
    from invoice_lines where invoice = 'INV-2026-03-acme'"""


@pytest.mark.parametrize("by", [None, "segment", "plan", "stream", "channel"])
def test_metrics_can_be_split(there: Path, capsys: pytest.CaptureFixture[str], by: str | None) -> None:
    """A table for people, every metric for programs."""
    words = ["metrics", "toy", *(["--by", by] if by else [])]
    shown = said(capsys, *words)
    told = json.loads(said(capsys, *words, "--json"))

    assert "2026-04" in shown
    assert "$150" in shown
    assert {"2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"} == {row["month"] for row in told}
    assert 150 == sum(row["committed_mrr"] for row in told if row["month"] == "2026-04-01")
    assert by is None or all(by in row for row in told)
    assert all(set(row["missing"]) == {name for name, value in row.items() if value is None} for row in told)


def test_metrics_are_taken_by_a_policy(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its name and hash stand below the table, its hash in each row; --policies shows all presets."""
    words = ["metrics", "toy", "--policy", "strict-committed,discounts=none"]
    chosen = named(words[-1])
    told = json.loads(said(capsys, *words, "--json"))

    assert {chosen.hash} == {row["policy"] for row in told}
    assert chosen.hash in said(capsys, *words)
    assert DEFAULT.hash in said(capsys, "metrics", "toy")
    rows = json.loads(said(capsys, "metrics", "toy", "--policies", "--json"))
    assert [(name, policy.hash) for name, policy in PRESETS.items()] == [
        (row["preset"], row["policy"]) for row in rows
    ]
    shown = said(capsys, "metrics", "toy", "--policies")
    assert all(name in shown for name in PRESETS)


def test_one_month_shows_every_metric_and_why_one_has_no_value(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each metric of the registry; what is null names its reason, in words and as data."""
    shown = said(capsys, "metrics", "toy", "--month", "2026-04")
    rows = json.loads(said(capsys, "metrics", "toy", "--month", "last", "--json"))
    told = {row["metric"]: row for row in rows}

    assert [name for name, metric in METRICS.items() if "whole" in metric.splits] == list(told)
    assert all(f"{name} " in shown for name in told)
    assert (150, None) == (told["committed_mrr"]["value"], told["committed_mrr"]["missing"])
    assert (None, "fewer than 13 months of history") == (
        told["mrr_growth_12m"]["value"], told["mrr_growth_12m"]["missing"],
    )  # fmt: skip
    assert "none: fewer than 13 months of history" in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--month", "2026-13"), "has not closed '2026-13'"),
        (("--month", "2026-04", "--by", "plan"), "--month does not go with --by"),
        (("--month", "2026-04", "--policies"), "--policies goes with no --by, --month or --policy"),
    ],
)
def test_a_month_that_cannot_be_shown_is_the_users_mistake(
    there: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    """Exit code 2, and what to do."""
    assert answer(["metrics", "toy", *words]) == 2
    assert told in " ".join(capsys.readouterr().err.split())


def test_a_quote_answers_line_by_line(
    there: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the function that bills: 12,345 calls of the metered plan come to 10 + 100 + 11.725 -> 121.73."""
    asked = '{"plan": "metered", "usage": {"calls": 12345}}\n'
    amounts = []
    for conventions in ("", "down", "half_even,full"):
        monkeypatch.setattr("sys.stdin", io.StringIO(asked))
        words = [
            "quote",
            "--prices",
            "scenario/prices.toml",
            "--month",
            "2026-03",
            "--conventions",
            conventions,
        ]
        amounts.append(json.loads(said(capsys, *words))["amount"])

    assert ["121.73", "121.72", "121.72"] == amounts


@pytest.mark.parametrize("name", ["price-book", "scenario", "plan"])
def test_a_schema_is_for_editors(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """JSON Schema, with every key described by its model."""
    told = json.loads(said(capsys, "schema", name))

    assert "object" == told["type"]
    assert "name" in told["properties"]


class Interrupting(toy.ToyWorld):
    """The toy's world, in which somebody presses Ctrl-C in February."""

    presses = 1

    def live(self, period: Period) -> Lived:
        """Play a month; in February, the keys are pressed."""
        if period.label == "2026-02":
            for _ in range(self.presses):
                os.kill(os.getpid(), signal.SIGINT)
        return super().live(period)


class Impatient(Interrupting):
    """The same, pressed twice."""

    presses = 2


@pytest.mark.parametrize(("world", "months"), [(Interrupting, 2), (Impatient, 1)])
def test_ctrl_c_leaves_a_valid_log(
    folder: Path, capsys: pytest.CaptureFixture[str], world: type[Any], months: int
) -> None:
    """Once: the month ends first; twice: at once. The log holds whole months, the earlier run stays."""
    usual = signal.getsignal(signal.SIGINT)
    with toy.played():
        assert 0 == answer(["run", SCENARIO])
    before = Path("runs/toy/manifest.json").read_bytes()
    capsys.readouterr()
    with patch.object(runs, "World", world):
        assert 130 == answer(["run", SCENARIO])
    shown = capsys.readouterr()

    assert f"stopped after 2026-0{months}, {months} of 4 months; nothing was published" in shown.err
    assert not shown.out
    assert before == Path("runs/toy/manifest.json").read_bytes()
    assert usual is signal.getsignal(signal.SIGINT)
    *_, check, replay = (line.strip() for line in shown.err.splitlines())
    assert 0 == answer(check.removeprefix("saasim ").split())
    assert 0 == answer(replay.removeprefix("saasim ").split())
    assert 0 == answer(["verify", f"toy-{months}-months"])


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from unittest.mock import patch
from simulator import run
from simulator.__main__ import answer
from tests.simulator import toy

class Dying(toy.ToyWorld):
    def live(self, period):
        if period.label == "2026-03":
            os.kill(os.getpid(), 9)
        return super().live(period)

with patch.object(run, "World", Dying):
    answer(["run", "scenario/scenario.toml"])
"""


def test_kill_9_leaves_a_valid_log(folder: Path, world: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Up to the last whole month; the next run takes its place."""
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", KILLED, root], capture_output=True, check=False)

    assert -signal.SIGKILL == done.returncode
    assert "2 blocks" in said(capsys, "verify", "toy.partial")
    assert 0 == answer(["run", SCENARIO])
    assert ["toy"] == sorted(path.name for path in Path("runs").iterdir())


def test_progress_is_drawn_on_a_terminal() -> None:
    """How far, the figures, and committed MRR month by month; it is gone when the run is over."""
    screen = Console(force_terminal=True, width=100, file=io.StringIO(), no_color=True)
    times = iter(range(100))
    with Progress(screen, "Toy", months=4, currency="USD", clock=lambda: next(times)) as progress:
        pictures = []
        for number, period in enumerate(months(date(2026, 1, 1), 4), start=1):
            progress(Month(period, number, Decimal(1000 * number), Decimal(0), 500 * number))
            with screen.capture() as drawn:
                screen.print(progress.picture())
            pictures.append(drawn.get())

    assert "2026-02  2/4" in pictures[1]
    assert "$2,000" in pictures[1]
    assert "500" in pictures[1]
    assert "0:02" in pictures[1]
    assert "▅█" in pictures[1]
    assert "closing the books" in pictures[3]
    assert isinstance(screen.file, io.StringIO)
    assert "\x1b[2K" in screen.file.getvalue()


def test_it_runs_as_a_module_as_well() -> None:
    """`python -m simulator` is `saasim`."""
    done = subprocess.run(
        [sys.executable, "-m", "simulator", "schema", "nothing"], capture_output=True, text=True, check=False
    )

    assert 2 == done.returncode
    assert "schema: there is no 'nothing'; known: import-map, plan, price-book, scenario\n" == done.stderr


def test_a_reader_that_leaves_early_is_no_error(there: Path) -> None:
    """`saasim ... | head` ends quietly."""
    query = "select * from range(200000)"
    command = [sys.executable, "-m", "simulator", "sql", "toy", query, "--csv"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert b"range\n" == process.stdout.readline()
        process.stdout.close()
        assert b"" == process.stderr.read()
        assert 0 == process.wait()


def test_a_shell_can_complete_a_verb() -> None:
    """As typer does it, though help and the end of the process are our own."""
    asked = {"_SAASIM_COMPLETE": "complete_bash", "COMP_WORDS": "saasim r", "COMP_CWORD": "1"}
    code = "from simulator.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | asked
    )

    assert ["run", "report", "replay"] == done.stdout.split()

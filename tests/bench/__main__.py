"""`make bench`: the figures of the project, each as a ratio to a baseline that is measured in the same run.

Measures run in fresh processes, in turn with their baselines, and medians count. On a shared machine absolute
times drift by a factor of two; ratios hold.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

REPEATS = 5


class Goal(NamedTuple):
    """A ratio of two measures and where it should lie: `ours` / `theirs` (or the inverse, for rates)."""

    name: str
    ours: str
    theirs: str
    log: str
    inverse: bool
    bound: float
    at_most: bool


class Limit(NamedTuple):
    """A measure that is a number of seconds by itself, of what lies in `log` if it needs anything."""

    name: str
    ours: str
    seconds_max: float
    log: str = ""


GOALS = (
    Goal(
        "decision events, recorded and logged, per bare SimPy event (10,000 agents)",
        "decisions",
        "bare_simpy",
        "",
        True,
        0.5,
        False,
    ),
    Goal(
        "usage drawn and logged, per row of ready data to Parquet",
        "drawn_usage",
        "ready_usage",
        "",
        True,
        0.7,
        False,
    ),
    Goal(
        "10 M events metered and rated, to the bare scan and GROUP BY",
        "first_book",
        "scan",
        "large",
        False,
        1.4,
        True,
    ),
    Goal(
        "the next price book on the same log, to the first",
        "second_book",
        "first_book",
        "large",
        False,
        0.15,
        True,
    ),
    Goal(
        "the next price book rated, to metering 10 M events once",
        "second_book",
        "metering",
        "large",
        False,
        0.15,
        True,
    ),
    Goal(
        "saasim replay under three price books, to one: end to end, published",
        "three_commands",
        "one_command",
        "large",
        False,
        1.3,
        True,
    ),
    Goal(
        "three price books, to one: from the log to every invoice",
        "three_replays",
        "one_replay",
        "large",
        False,
        1.3,
        True,
    ),
    Goal(
        "three price books, to one: from the log to every table of the ledger",
        "three_ledgers",
        "one_ledger",
        "large",
        False,
        1.3,
        True,
    ),
    Goal(
        "1 % of the accounts re-rated under another book, to all: every invoice",
        "some_accounts",
        "one_replay",
        "large",
        False,
        0.03,
        True,
    ),
    Goal(
        "2 M rows of CSV imported, to DuckDB's own read of them into a table (CPU)",
        "import_rows",
        "read_rows",
        "told",
        True,
        0.5,
        False,
    ),
    Goal("2 M events re-rated, times faster than SQLite", "rerate", "sqlite", "small", True, 5.0, False),
)
LIMITS = (
    Limit("the default run, 36 months", "default_run", 10.0),
    Limit("saasim --help", "show_help", 0.3),
    Limit("compare of two ledgers of 36 months", "compare_runs", 2.0, "compared"),
)


def main() -> None:
    """Measure everything and print the table."""
    console = Console(width=118)
    with tempfile.TemporaryDirectory() as directory:
        console.print("preparing logs of 10 M and 2 M events ...")
        _child("prepare", directory)
        table = Table("what", "ours", "baseline", "ratio", "goal", "")
        for column in table.columns[1:5]:
            column.justify = "right"
        for goal in GOALS:
            ours, theirs = _paired(goal, Path(directory))
            ratio = theirs / ours if goal.inverse else ours / theirs
            is_met = ratio <= goal.bound if goal.at_most else ratio >= goal.bound
            sign = "≤" if goal.at_most else "≥"
            table.add_row(
                goal.name,
                f"{ours:.3f} s",
                f"{theirs:.3f} s",
                f"{ratio:.2f}",
                f"{sign} {goal.bound}",
                _mark(met=is_met),
            )
        for limit in LIMITS:
            where = [str(Path(directory) / limit.log)] if limit.log else []
            seconds = median(_child(limit.ours, *where)[0] for _ in range(REPEATS))
            met = seconds <= limit.seconds_max
            table.add_row(
                limit.name, f"{seconds:.2f} s", "", "", f"≤ {limit.seconds_max:g} s", _mark(met=met)
            )
    console.print(table)
    console.print(
        f"medians of {REPEATS} runs in fresh processes, baselines in turn; "
        f"Python {platform.python_version()}, {os.cpu_count()} cores"
    )


def _paired(goal: Goal, directory: Path) -> tuple[float, float]:
    where = [str(directory / goal.log)] if goal.log else []
    ours, theirs = list[float](), list[float]()
    said: set[str] = set()
    for _ in range(REPEATS):
        for measure, times in ((goal.ours, ours), (goal.theirs, theirs)):
            seconds, result = _child(measure, *where)
            times.append(seconds)
            said.add(result)
    assert len(said) == 1, f"{goal.ours} and {goal.theirs} come to different results: {sorted(said)}"
    return median(ours), median(theirs)


def _child(*arguments: str) -> tuple[float, str]:
    """Run a measure in a fresh process: its seconds, and the result that it says on standard error."""
    command = [sys.executable, "-m", "tests.bench.child", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)), done.stderr


def _mark(*, met: bool) -> str:
    return "[green]met[/green]" if met else "[red]missed[/red]"


if __name__ == "__main__":
    main()

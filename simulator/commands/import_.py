"""`saasim import`: make a log of files of usage that others recorded."""

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from metering.intake.quarantine import REASONS
from simulator import failure, tables
from simulator.imported import Imported, Refused, import_log
from simulator.values import to_json

FELT_S = 5
"""An import that takes longer says how fast it is."""


def import_files(
    files: Sequence[Path], map_name: str, *, out: Path, options: Mapping[str, Any], as_json: bool
) -> int:
    """Import files by a map, publish the log as `out`, and say what became of every row.

    `options` are those of `import_log`. Ends with 1, and publishes nothing, where it is to be strict and a
    row is repeated or cannot be used.
    """
    aside = tables.terminal(sys.stderr)
    began = time.monotonic()
    try:
        with aside.status(f"importing {_files(len(files))}") as status:
            done = import_log(files, map_name, out, progress=status.update, **options)
    except Refused as refused:
        for problem in refused.problems:
            failure.say(str(problem))
        return failure.FAILED
    seconds = time.monotonic() - began
    if as_json:
        told = {key: value for key, value in done.manifest.items() if key != "files"}
        sys.stdout.write(to_json({"log": str(out), "seconds": round(seconds, 3), "manifest": told}) + "\n")
    else:
        show(tables.terminal(sys.stdout), done, seconds)
    return 0


def show(screen: Console, done: Imported, seconds: float) -> None:
    """Show what became of every row, and what to do next."""
    taken, contents = done.intake, done.manifest
    months = contents["months"]
    screen.print(
        f"{contents['map']['name']}: {taken.rows:,} rows of {_files(len(taken.inputs))}, "
        f"{months['first']} to {months['last']}",
        style="bold",
    )
    screen.print()
    lines = [("written", taken.written, f"{taken.events:,} usage events")]
    if taken.corrections:
        lines[0] = (
            "written",
            taken.written,
            f"{taken.events:,} usage events, {taken.corrections:,} corrections",
        )
    lines.append(("duplicates", taken.duplicates, "told before with the same content, counted once"))
    lines += [(reason, count, REASONS[reason]) for reason, count in taken.quarantined.items()]
    lines.append(("rows", taken.rows, ""))
    wide, digits = max(len(line[0]) for line in lines), len(f"{taken.rows:,}")
    for name, count, note in lines:
        screen.print(Text.assemble("  ", f"{name:<{wide}}  {count:>{digits},}  ", (note, "dim")))
    log = contents["log"]
    late = f", {log['late']:,} late" if log["late"] else ""
    screen.print(
        f"\n  {log['facts']:,} facts{late}; imported in {seconds:.1f} s{_rate(taken.rows, seconds)}, "
        f"published as {done.out}"
    )
    if taken.quarantined:
        screen.print(f"  rows that were not used: {done.out}/quarantine/sample.csv", style="yellow")
    place = shlex.quote(str(done.out))
    screen.print(f"\n  next: saasim replay {place} --prices PRICES.toml --out runs/{done.out.name}\n")


def _files(count: int) -> str:
    return f"{count:,} file" if count == 1 else f"{count:,} files"


def _rate(rows: int, seconds: float) -> str:
    """Say how fast it went, where that means something."""
    return f" ({rows / seconds:,.0f} rows/s)" if seconds > FELT_S else ""

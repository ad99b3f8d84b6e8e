"""Imported logs: somebody's usage as a log of its own, published whole or not at all.

manifest.json           what it is, what was read, what became of every row, and the hash of every file
map.toml                what the columns meant
log/                    the facts and the usage, as in a run
quarantine/             rows.parquet: every row that could not be used; sample.csv: some of each kind
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from metering.document import Problem, Problems
from metering.intake.intake import Intake, take
from metering.intake.mapping import load
from metering.intake.quarantine import REASONS
from metering.intake.stage import MEMORY
from metering.log import Log
from simulator import manifest
from simulator.publication import Publication

SHOWN = 10
"""How many rows `--strict` names."""


class Imported(NamedTuple):
    """A log that was published: where, its manifest, and what became of the rows."""

    out: Path
    manifest: dict[str, Any]
    intake: Intake


class Refused(Problems):
    """A strict import met rows that are repeated or cannot be used; nothing was published."""


def import_log(
    files: Sequence[Path],
    map_name: str | Path,
    out: Path,
    *,
    accounts: Sequence[Path] = (),
    strict: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    memory: str = MEMORY,
) -> Imported:
    """Import files by a map (its file, or the name of a built-in one) and publish the log as `out`.

    Raises Problems for files that are not what the map says; Refused where `strict` and a row is repeated or
    cannot be used.
    """
    mapped, text = load(map_name)
    with Publication(out, manifest.LOG_KIND) as publication:
        made = publication.partial
        publication.write(manifest.MAP, text)
        taken = take(files, mapped, directory=made, accounts=accounts, progress=progress, memory=memory)
        shutil.rmtree(made / "spill", ignore_errors=True)
        if strict and (taken.duplicates or taken.quarantined):
            raise _refused(taken, made)
        contents = _contents(taken, mapped.name, made)
        progress("publishing")
        return Imported(out, publication.publish({"name": out.name, **contents}), taken)


def rows_account(directory: Path, contents: dict[str, Any], log: Log) -> tuple[bool, str]:
    """Say whether every row of an import is accounted for, and the figure that says so."""
    rows, quarantined = contents["rows"], contents["rows"]["quarantined"]
    kept = pl.scan_parquet(directory / manifest.QUARANTINE / "rows.parquet")
    found = dict(kept.group_by("reason").len().sort("reason").collect().iter_rows())
    left = rows["read"] - rows["written"] - rows["duplicates"] - sum(quarantined.values())
    wrong = [f"{left:,} rows are lost"] if left else []
    if found != quarantined:
        wrong.append(f"{sum(found.values()):,} rows lie in quarantine, not as the manifest says")
    usage = sum(block.usage for block in log.blocks)
    if usage != contents["log"]["usage"]:
        wrong.append(f"the log holds {usage:,} events")
    figure = f"{rows['read']:,} rows, {usage:,} events, {sum(quarantined.values()):,} rows in quarantine"
    return not wrong, "; ".join(wrong) or figure


def _contents(taken: Intake, map_name: str, made: Path) -> dict[str, Any]:
    blocks = taken.log.blocks
    return {
        "kind": manifest.LOG_KIND,
        "format": manifest.FORMAT,
        "synthetic": False,
        "made_by": manifest.versions(),
        "map": {"name": map_name, "sha256": manifest.digest(made / manifest.MAP)},
        "inputs": [one._asdict() for one in taken.inputs],
        "months": {"count": len(blocks), "first": blocks[0].month, "last": blocks[-1].month},
        "rows": {
            "read": taken.rows,
            "written": taken.written,
            "duplicates": taken.duplicates,
            "quarantined": taken.quarantined,
        },
        "log": {
            "facts": sum(block.facts for block in blocks),
            "usage": sum(block.usage for block in blocks),
            "late": sum(block.late for block in blocks),
            "corrections": sum(block.corrections for block in blocks),
            "duplicates": taken.duplicates,
            "conflicts": taken.quarantined.get("conflict", 0),
            "head": taken.log.head,
        },
    }


def _refused(taken: Intake, made: Path) -> Refused:
    """Name the first rows of each kind that a strict import does not take."""
    counts = {"duplicate": taken.duplicates, **taken.quarantined}
    said = ", ".join(f"{count:,} {reason}" for reason, count in counts.items() if count)
    head = Problem("--strict", f"of {taken.rows:,} rows: {said}", "nothing was published")
    rows = pl.read_parquet(made / manifest.QUARANTINE / "rows.parquet", n_rows=SHOWN)
    shown = [
        Problem(f"{row['file']}: row {row['row']}", f"{REASONS[row['reason']]} (got {row['value'] or ''!r})")
        for row in rows.iter_rows(named=True)
    ]
    return Refused([head, *shown])

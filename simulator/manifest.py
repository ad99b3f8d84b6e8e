"""The manifest: what a published run is, what made it, and the hash of every file in it.

It holds no clock, host or path, so that the same run on another machine differs only where it may: in the
versions and in the bytes of ledger.duckdb (DuckDB lays out the same rows differently each time).
"""

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from metering.document import problem

NAME = "manifest.json"
"""The file's name: a directory without it is no run, or one that is not finished."""

SCENARIO, PLAN, PRICES, LOG, LEDGER = "scenario.toml", "plan.toml", "prices.toml", "log", "ledger.duckdb"
"""What the other parts of a run are called."""

MAP, QUARANTINE = "map.toml", "quarantine"
"""What the other parts of an imported log are called, beside `LOG`."""

KIND, LOG_KIND = "saasim run", "saasim log"
"""What a directory holds: a run with its ledger, or a log that was imported and is not billed yet."""

FORMAT = 1
"""Raised when an older program could not read a newer run."""

PACKAGES = ("duckdb", "polars", "pyarrow", "sqlmodel", "simpy", "faker")
"""The packages whose version may change a run's bytes."""


def versions() -> dict[str, str]:
    """Return the versions of the program, of Python and of every engine."""
    found = {"saasim": version("saasim"), "python": platform.python_version()}
    return found | {name: version(name) for name in PACKAGES}


def digests(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the size and sha256 of every file of a run but the manifest, by its name in the run."""
    return {
        path.relative_to(directory).as_posix(): {"bytes": path.stat().st_size, "sha256": digest(path)}
        for path in files(directory)
    }


def files(directory: Path) -> list[Path]:
    """Return every file of a run but the manifest, in order."""
    found = (path for path in directory.rglob("*") if path.is_file() or path.is_symlink())
    return sorted(path for path in found if path != directory / NAME)


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    hashed = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()


def is_run(directory: Path, kind: str = KIND) -> bool:
    """Tell whether a directory holds a published run, or what else `kind` says."""
    try:
        contents = json.loads((directory / NAME).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(contents, dict) and contents.get("kind") == kind


def read(directory: Path, kinds: tuple[str, ...] = (KIND,)) -> dict[str, Any]:
    """Read a run's manifest, or one of another of `kinds`.

    Raises Problems where the directory holds no finished run.
    """
    place = str(directory)
    if not (directory / NAME).exists():
        if (directory / "log").is_dir():
            remedy = f"check its log: saasim verify {directory}; or bill it: saasim replay {directory} ..."
            raise problem(place, "is a run that was not finished", remedy)
        raise problem(place, "is no run: it has no manifest.json", "name a run, or its directory")
    try:
        contents = json.loads((directory / NAME).read_bytes())
    except ValueError as error:
        raise problem(f"{place}/{NAME}", f"is damaged ({error})", "run it again") from None
    if isinstance(contents, dict) and contents.get("kind") == LOG_KIND and LOG_KIND not in kinds:
        remedy = f"bill it first: saasim replay {directory} --prices FILE --out DIR"
        raise problem(place, "is an imported log, which no price book has billed", remedy)
    if not isinstance(contents, dict) or contents.get("kind") not in kinds:
        raise problem(f"{place}/{NAME}", "is no run's manifest", "name a run, or its directory")
    if contents.get("format") != FORMAT:
        message = f"has format {contents.get('format')!r}, and this program reads {FORMAT}"
        raise problem(f"{place}/{NAME}", message, "run it again, or use the program that made it")
    return contents

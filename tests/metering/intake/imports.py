"""Imports: files and a map told in a few words, and the log that comes of them as rows.

A map for tests is `MAP`, with what is other about it as lines of TOML put before or behind.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from metering.document import Problems
from metering.intake.intake import Intake, take
from metering.intake.mapping import Map, load

HEAD = """
name = "test"
format = "csv"
source = "test"
id = { columns = ["id"] }
account = { column = "account" }
subscription = { plan = "team" }
time = { column = "at", zone = "UTC" }
"""

COLUMNS = """
[columns]
id = "text"
account = "text"
at = "time"
calls = "decimal"
"""

RULES = """
[[usage]]
meter = "calls"
quantity = "calls"
"""

MAP = HEAD + COLUMNS + RULES

CSV = "id,account,at,calls\n"


def read_map(directory: Path, text: str) -> Map:
    """Read a map as a file would be read."""
    path = directory / "map.toml"
    path.write_text(text, "utf-8")
    return load(path)[0]


def imported(
    directory: Path,
    files: Mapping[str, str | bytes],
    text: str = MAP,
    *,
    accounts: Mapping[str, str] | None = None,
    memory: str = "500MB",
) -> Intake:
    """Import files, told by name, into `directory`/out."""
    directory.mkdir(exist_ok=True)
    out = directory / "out"
    out.mkdir()
    paths = [told(directory / name, content) for name, content in files.items()]
    others = [told(directory / name, content) for name, content in (accounts or {}).items()]
    mapped = read_map(directory, text)
    return take(paths, mapped, directory=out, accounts=others, memory=memory)


def told(path: Path, content: str | bytes) -> Path:
    """Write a file and return its path."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(taken: Intake, *columns: str) -> list[tuple[Any, ...]]:
    """Return columns of the log's usage, in the order of its positions."""
    frame = pl.concat([pl.read_parquet(path) for path in taken.log.usage_files()]).sort("position")
    return frame.select(columns).rows()


def set_aside(taken: Intake) -> list[tuple[Any, ...]]:
    """Return the quarantine as (file, row, reason, value), in the order of rows."""
    path = taken.log.directory.parent / "quarantine" / "rows.parquet"
    return pl.read_parquet(path).sort("file", "row").select("file", "row", "reason", "value").rows()


def problems(directory: Path, files: Mapping[str, str | bytes], text: str = MAP, **more: Any) -> str:
    """Return what is said about an import that is refused, without the directory's name."""
    with pytest.raises(Problems) as caught:
        imported(directory, files, text, **more)
    return str(caught.value).replace(f"{directory}/", "")

"""Tables: relations of a ledger as Parquet or CSV, one file each, typed, ordered and exact to the last digit.

CSV knows no types, so `load.sql` beside the files says them: DuckDB makes the same tables of it. An empty
field is NULL, an empty text is `""`. Text is written as it is, for programs; a workbook is for spreadsheets.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from duckdb import DuckDBPyConnection

from billing.schema import comment
from simulator.export.relation import Relation, rows
from simulator.export.target import folder

LOAD = "load.sql"
"""The statements that make tables of the files of CSV."""

Said = Callable[[str], object]


def write_parquet(
    connection: DuckDBPyConnection,
    chosen: Sequence[Relation],
    out: Path,
    *,
    source: dict[str, Any],
    said: Said,
) -> list[dict[str, Any]]:
    """Write relations as Parquet into a directory; each file carries the texts of its columns.

    `source` is put into every file's metadata as `saasim`. Returns what was written, a file each.
    """
    with folder(out, source) as made:
        for relation in chosen:
            said(f"writing {relation.name}")
            texts = {one.name: one.comment for one in relation.columns if one.comment}
            told = {"saasim": json.dumps(source), "comment": relation.comment, "columns": json.dumps(texts)}
            write = partial(_parquet, metadata=told)
            made.add(f"{relation.name}.parquet", rows(connection, relation), write, _told(relation))
    return made.files


def write_csv(
    connection: DuckDBPyConnection,
    chosen: Sequence[Relation],
    out: Path,
    *,
    source: dict[str, Any],
    said: Said,
) -> list[dict[str, Any]]:
    """Write relations as CSV (RFC 4180, UTF-8) into a directory, with `load.sql`; return what was written."""
    with folder(out, source) as made:
        for relation in chosen:
            said(f"writing {relation.name}")
            made.add(f"{relation.name}.csv", rows(connection, relation), _csv, _told(relation))
        made.write(LOAD, "".join(map(_loaded, chosen)))
    return made.files


def _told(relation: Relation) -> dict[str, Any]:
    columns = [{"name": one.name, "type": one.type, "comment": one.comment} for one in relation.columns]
    return {
        "name": relation.name,
        "kind": relation.kind,
        "comment": relation.comment,
        "columns": columns,
    }


def _parquet(frame: pl.DataFrame, place: Path, *, metadata: dict[str, str]) -> None:
    frame.write_parquet(place, compression="zstd", compression_level=3, metadata=metadata)


def _csv(frame: pl.DataFrame, place: Path) -> None:
    frame.write_csv(place, quote_style="necessary", null_value="", datetime_format="%Y-%m-%dT%H:%M:%S%.6f")


def _loaded(relation: Relation) -> str:
    """Return the statements that make a table of a file of CSV."""
    name = _quoted(relation.name)
    columns = ",\n".join(f"  {_quoted(one.name)} {one.type.lower()}" for one in relation.columns)
    notes = [comment("table", name, relation.comment)] if relation.comment else []
    notes += [
        comment("column", f"{name}.{_quoted(one.name)}", one.comment)
        for one in relation.columns
        if one.comment
    ]
    file = f"{relation.name}.csv".replace("'", "''")
    copied = f"copy {name} from '{file}' (format csv, header, auto_detect false, allow_quoted_nulls false)"
    return "".join(f"{one};\n" for one in (f"create table {name} (\n{columns}\n)", copied, *notes)) + "\n"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

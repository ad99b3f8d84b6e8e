"""Sources: the files that are imported, looked at before they are read, and read as text.

A file whose header, kind or structure is not what the map says is refused whole, with its name and line: what
follows a broken quote cannot be trusted. What is wrong with single values is for `stage` to find.
"""

import csv
import gzip
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Literal, NamedTuple

import duckdb

from metering.document import Problem, Problems, did_you_mean, problem
from metering.intake.mapping import Accounts, Map, steps
from metering.intake.reading import listed, literal

Shape = Literal["csv", "parquet", "lines", "array", "objects"]

LINE_BYTES_MAX = 16_000_000
"""A record of more bytes is refused: it is a file with a broken quote, or no table."""

_HEAD_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_NUMBER = "-?[0-9][0-9.eE+-]*"
_LONG_NUMBER = r":\s*-?[0-9][0-9.eE+-]{16}"

_WHOLE = "U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER"
_FITS: dict[str, str] = {
    "text": rf"VARCHAR|{_WHOLE}|UUID|BOOLEAN|ENUM\(.*\)|DECIMAL\(.*\)",
    "integer": rf"{_WHOLE}|VARCHAR",
    "decimal": rf"DECIMAL\(.*\)|{_WHOLE}|VARCHAR",
    "float": rf"DOUBLE|FLOAT|DECIMAL\(.*\)|{_WHOLE}|VARCHAR",
    "time": rf"TIMESTAMP.*|DATE|{_WHOLE}|DECIMAL\(.*\)|VARCHAR",
}
"""The types of Parquet, as DuckDB calls them, that a kind of column takes."""

_STORED = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "decimal": "DECIMAL",
    "float": "DOUBLE",
    "time": "TIMESTAMP",
}


class Source(NamedTuple):
    """A file: where it is, how it is read, its columns (none of JSON), and what tells it from others."""

    path: Path
    shape: Shape
    columns: tuple[str, ...]
    sha256: str
    size: int

    @property
    def first_row(self) -> int:
        """The number of the first row, as a spreadsheet counts them: a header is row 1."""
        return 2 if self.shape == "csv" else 1


def inspect(path: Path, mapped: Map | Accounts) -> Source:
    """Look at a file. Raises Problems where it is missing, empty, or has other columns than the map."""
    place = str(path)
    try:
        size = path.stat().st_size
        head = _head(path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, EOFError) as error:
        what = getattr(error, "strerror", None) or error
        raise problem(place, f"cannot be read ({what})", "check the name and permissions") from None
    if not head.strip():
        raise problem(place, "is empty", "leave it out, or look where it comes from")
    if mapped.format == "parquet":
        return Source(path, "parquet", _parquet_columns(path, head, mapped), sha256, size)
    if head.startswith((b"PAR1", b"PK\x03\x04", b"SQLite")):
        raise problem(place, f"is no {mapped.format}", "say in the map which format it has")
    if mapped.format == "csv":
        return Source(path, "csv", _csv_columns(place, head, mapped), sha256, size)
    return Source(path, _json_shape(head), (), sha256, size)


def scan(source: Source, mapped: Map | Accounts, columns: Sequence[str], exact: Sequence[str]) -> str:
    """Return SQL for a file's rows: `v0`, `v1`, ... for the columns, and `flaw` (NULL for a sound row).

    Numbers in the `exact` columns of JSON keep every digit; the others may be read through a float.
    """
    if source.shape == "csv":
        return _csv_scan(source, mapped, columns)
    if source.shape == "parquet":
        return _parquet_scan(source, columns)
    return _json_scan(source, mapped, columns, exact)


def broken(source: Source, error: duckdb.Error) -> Problems:
    """Return what DuckDB says about a file that it cannot read, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if "unicode" in line or "unterminated" in line), "")
    line = next((one.rpartition(":")[2].strip() for one in lines if "Error on Line" in one), "")
    place = f"{source.path}: line {line}" if line else str(source.path)
    message = (said or lines[0])[:200].rstrip(".")
    return problem(place, f"cannot be read: {message}", "mend the file, or the map's format and delimiter")


def rejected(source: Source, connection: duckdb.DuckDBPyConnection) -> list[Problem]:
    """Return the lines that are no rows, of the file that was read last."""
    rows = connection.execute(
        "select line, error_type, error_message, csv_line from reject_errors order by 1, 2 limit 20"
    ).fetchall()
    return [
        Problem(
            f"{source.path}: line {line}",
            f"{_said(kind, message)} (got {(text or '')[:60]!r})",
            "mend the line, or the map's delimiter",
        )
        for line, kind, message, text in rows
    ]


def _said(kind: str, message: str) -> str:
    words = {
        "UNQUOTED VALUE": "a quote is not closed, or something follows it",
        "INVALID ENCODING": "is not UTF-8 text",
        "LINE SIZE OVER MAXIMUM": f"has more than {LINE_BYTES_MAX:,} bytes",
    }
    return words.get(kind) or message.splitlines()[0][:120].lower()


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    opened: IO[bytes]
    with gzip.open(path, "rb") if packed else path.open("rb") as opened:  # type: ignore[assignment]
        return opened.read(_HEAD_BYTES)


def _csv_columns(place: str, head: bytes, mapped: Map | Accounts) -> tuple[str, ...]:
    line = head.removeprefix(b"\xef\xbb\xbf")
    try:
        text = line.decode() if len(head) < _HEAD_BYTES else line[: line.rfind(b"\n")].decode()
        names = next(csv.reader(io.StringIO(text, newline=""), delimiter=mapped.delimiter, strict=True))
    except UnicodeDecodeError:
        first = line.splitlines()[0] if line.splitlines() else b""
        try:
            names = next(csv.reader([first.decode()], delimiter=mapped.delimiter, strict=True))
        except (UnicodeDecodeError, csv.Error, StopIteration):
            raise problem(f"{place}: line 1", "is not UTF-8 text", "save the file as UTF-8") from None
    except (csv.Error, StopIteration) as error:
        raise problem(f"{place}: line 1", f"is no header ({error})", "mend it") from None
    _check_columns(place, names, mapped)
    return tuple(names)


def _check_columns(place: str, names: Sequence[str], mapped: Map | Accounts) -> None:
    """Raise Problems for columns that are missing, twice there, or not in the map."""
    known, optional = mapped.columns, getattr(mapped, "optional", ())
    found = []
    other = next((one for one in ",;\t|" if one != mapped.delimiter and one in "".join(names)), "")
    if len(names) == 1 and other and len(known) > 1:
        message = f"has one column, {names[0][:60]!r}"
        raise problem(f"{place}: line 1", message, f"say in the map: delimiter = {other!r}")
    for column, count in Counter(names).items():
        if count > 1:
            found.append(
                Problem(f"{place}: line 1", f"column {column!r} is there {count} times", "rename one")
            )
        if column not in known:
            remedy = f'{did_you_mean(column, known)} Or add it to [columns], perhaps as "ignored"'
            found.append(Problem(f"{place}: line 1", f"column {column[:80]!r} is not in the map", remedy))
    found += [
        Problem(f"{place}: line 1", f"column {column!r} is missing", "add it, or call it optional in the map")
        for column in known
        if column not in names and column not in optional
    ]
    if found:
        raise Problems(found)


def _parquet_columns(path: Path, head: bytes, mapped: Map | Accounts) -> tuple[str, ...]:
    if not head.startswith(b"PAR1"):
        raise problem(str(path), "is no Parquet file", "say in the map which format it has")
    try:
        with duckdb.connect() as connection:
            shape = f"describe select * from read_parquet({sql_path(path)})"
            rows = connection.execute(shape).fetchall()
    except duckdb.Error as error:
        raise problem(str(path), f"cannot be read: {str(error).splitlines()[0][:200]}", "mend it") from None
    types = {row[0]: row[1] for row in rows}
    nested = {steps(column)[0] for column in mapped.columns if len(steps(column)) > 1}
    flat = [column for column in mapped.columns if len(steps(column)) == 1]
    known = mapped.model_copy(update={"columns": {**dict.fromkeys([*flat, *nested], "text")}})
    _check_columns(str(path), list(types), known)
    if problems := list(_type_problems(path, types, mapped)):
        raise Problems(problems)
    return tuple(types)


def _type_problems(path: Path, types: dict[str, str], mapped: Map | Accounts) -> Iterator[Problem]:
    for column, kind in mapped.columns.items():
        stored = types.get(column)
        if stored is None or kind == "ignored" or re.fullmatch(_FITS[kind], stored):
            continue
        remedy = f"say another kind in the map, or store it as {_STORED[kind]}"
        if kind == "decimal" and stored in {"DOUBLE", "FLOAT"}:
            remedy = (
                'a float is inexact: say "float" in the map to take its shortest decimal, or store DECIMAL'
            )
        yield Problem(f"{path}: column {column!r}", f"is {stored} and not {kind}", remedy)


def _json_shape(head: bytes) -> Shape:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        return "array"
    for part in (text.partition(b"\n")[0], text):
        try:
            json.loads(part)
        except ValueError:
            continue
        return "lines" if part is not text or b"\n" not in text.strip() else "objects"
    return "objects" if text.partition(b"\n")[0].strip() == b"{" else "lines"


def _csv_scan(source: Source, mapped: Map | Accounts, columns: Sequence[str]) -> str:
    shape = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(source.columns)))
    options = f"header=true, delim={literal(mapped.delimiter)}, quote='\"', escape='\"', columns={{{shape}}}"
    values = [
        f"c{source.columns.index(column)} as v{number}" if column in source.columns else f"null as v{number}"
        for number, column in enumerate(columns)
    ]
    return f"select {', '.join([*values, 'null::varchar as flaw'])} from {_read_csv(source, options)}"


def _read_csv(source: Source, options: str) -> str:
    limits = f"max_line_size={LINE_BYTES_MAX}, store_rejects=true, rejects_limit=1000"
    packed = ", compression='gzip'" if _is_packed(source.path) else ""
    return f"read_csv({sql_path(source.path)}, auto_detect=false, {options}, {limits}{packed})"


def sql_path(path: Path) -> str:
    """Return a path as SQL that names this file alone; DuckDB takes `*`, `?` and `[` for a pattern."""
    return literal(re.sub(r"([*?\[])", r"[\1]", str(path)))


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def _parquet_scan(source: Source, columns: Sequence[str]) -> str:
    values = []
    for number, column in enumerate(columns):
        keys = [column] if column in source.columns else steps(column)
        place = ".".join('"' + key.replace('"', '""') + '"' for key in keys)
        there = keys[0] in source.columns
        values.append(f"{place}::varchar as v{number}" if there else f"null::varchar as v{number}")
    file = sql_path(source.path)
    return f"select {', '.join([*values, 'null::varchar as flaw'])} from read_parquet({file})"


def _json_scan(source: Source, mapped: Map | Accounts, columns: Sequence[str], exact: Sequence[str]) -> str:
    paths = ", ".join(literal("$" + "".join(f'."{key}"' for key in steps(column))) for column in columns)
    rows = f"select line, try(json_extract_string(line, [{paths}])) as found from ({_json_lines(source)})"
    values = [
        f"{_digits(number, column) if column in exact else f'found[{number + 1}]'} as v{number}"
        for number, column in enumerate(columns)
    ]
    flaws = [
        "when line is null or trim(line) = '' then 'blank'",
        "when found is null or not starts_with(ltrim(line), '{') then 'not_json'",
    ]
    if mapped.format == "json":
        known = listed(sorted({steps(column)[0] for column in mapped.columns}))
        flaws.append(
            f"when not coalesce(list_has_all([{known}], json_keys(line)), false) then 'unknown_column'"
        )
    return f"select {', '.join(values)}, case {' '.join(flaws)} end as flaw from ({rows})"


def _json_lines(source: Source) -> str:
    if source.shape == "lines":  # the character that parts columns may not stand in JSON
        options = "header=false, delim='\x01', quote='', escape='', columns={'line': 'VARCHAR'}"
        return f"select line from {_read_csv(source, options)}"
    form = "array" if source.shape == "array" else "unstructured"
    packed = ", compression='gzip'" if _is_packed(source.path) else ""
    options = f"format='{form}', maximum_object_size={LINE_BYTES_MAX}{packed}"
    return f"select json::varchar as line from read_json_objects({sql_path(source.path)}, {options})"


def _digits(number: int, column: str) -> str:
    """Read a number of JSON with every digit. DuckDB reads it through a float, which has 17.

    Lines with a longer number are read again, as text, for the field of that name; where there are two such
    fields nothing is read.
    """
    value = f"found[{number + 1}]"
    pattern = literal(f'"{steps(column)[-1]}"\\s*:\\s*({_NUMBER})')
    texts = f"regexp_extract_all(line, {pattern}, 1)"
    single = f"case when len({texts}) = 1 then {texts}[1] when len({texts}) = 0 then {value} end"
    return f"case when regexp_matches(line, '{_LONG_NUMBER}') then {single} else {value} end"

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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal, NamedTuple

import duckdb

from metering.document import Problem, Problems, did_you_mean, problem
from metering.intake import field
from metering.intake.mapping import Accounts, Map, steps
from metering.intake.reading import listed, literal

Shape = Literal["csv", "parquet", "lines", "array", "objects"]

LINE_BYTES_MAX = 16_000_000
"""A record of more bytes is refused: it is a file with a broken quote, or no table."""

_HEAD_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_STRING = r"VARCHAR|JSON"
_MALFORMED = re.compile(r"Malformed JSON .* at byte (\d+) in record/value (\d+): ([\w ,'-]+)")
_END = re.compile(rb"\r?\n|\r")
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
    """A file: where it is, how it is read, its columns (none of JSON), and what tells it from others.

    `fields` are the columns of the map that are fields of a structure in a column of Parquet.
    """

    path: Path
    shape: Shape
    columns: tuple[str, ...]
    sha256: str
    size: int
    fields: tuple[str, ...] = ()

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
        columns, fields = _parquet_columns(path, head, mapped)
        return Source(path, "parquet", columns, sha256, size, fields)
    if head.startswith((b"PAR1", b"PK\x03\x04", b"SQLite")):
        raise problem(place, f"is no {mapped.format}", "say in the map which format it has")
    if mapped.format == "csv":
        return Source(path, "csv", _csv_columns(place, head, mapped), sha256, size)
    shape: Shape = "lines" if getattr(mapped, "records", "") else _json_shape(head)
    return Source(path, shape, (), sha256, size)


def scan(source: Source, mapped: Map | Accounts, columns: Sequence[str], exact: Sequence[str]) -> str:
    """Return SQL for a file's rows: `v0`, `v1`, ... for the columns, `flaw` (NULL for a sound row), `hint`.

    `hint` shows what is wrong where the columns cannot. Numbers in the `exact` columns of JSON keep every
    digit; others may be read through a float.
    """
    if source.shape == "csv":
        return _csv_scan(source, mapped, columns, exact)
    if source.shape == "parquet":
        return _parquet_scan(source, columns, exact)
    return _json_scan(source, mapped, columns, exact)


def broken(source: Source, error: duckdb.Error) -> Problems:
    """Return what DuckDB says about a file that it cannot read, in one line."""
    if "invalid state" in str(error) and (number := _line_that_ends_otherwise(source)):
        place = f"{source.path}: line {number}"
        remedy = "end all with LF, or all with CR LF; quote what holds another"
        return problem(place, "ends otherwise than the lines before it", remedy)
    if found := _MALFORMED.search(str(error)):
        byte, following, what = found.groups()  # DuckDB counts the record that it would read next
        message = f"is no JSON: {what} at byte {byte} of it"
        return problem(
            f"{source.path}: row {int(following) - 1}", message, "mend it; what follows was not read"
        )
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if "unicode" in line or "unterminated" in line), "")
    line = next((one.rpartition(":")[2].strip() for one in lines if "Error on Line" in one), "")
    place = f"{source.path}: line {line}" if line else str(source.path)
    message = (said or lines[0])[:200].rstrip(".")
    return problem(place, f"cannot be read: {message}", "mend the file, or the map's format and delimiter")


def _line_that_ends_otherwise(source: Source) -> int:
    """Return the first line that ends otherwise (LF, CR LF, CR) than the first one; 0 for none."""
    with opened(source.path) as file:
        ends = (end for line in file for end in _END.findall(line))
        first = next(ends, b"")
        return next((number for number, end in enumerate(ends, start=2) if end != first), 0)


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
    with opened(path) as file:
        return file.read(_HEAD_BYTES)


def opened(path: Path) -> IO[bytes]:
    """Open a file to read what is packed in it, or what it is."""
    return gzip.open(path, "rb") if _is_packed(path) else path.open("rb")  # type: ignore[return-value]


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
    optional = getattr(mapped, "optional", ())
    known = {_head_of(column, names) or column: column for column in mapped.columns}
    other = next((one for one in ",;\t|" if one != mapped.delimiter and one in "".join(names)), "")
    if len(names) == 1 and other and len(known) > 1:
        message = f"has one column, {names[0][:60]!r}"
        raise problem(f"{place}: line 1", message, f"say in the map: delimiter = {other!r}")
    found = []
    for column, count in Counter(names).items():
        if count > 1:
            found.append(
                Problem(f"{place}: line 1", f"column {column!r} is there {count} times", "rename one")
            )
        if column not in known:
            near = did_you_mean(column, known.values())
            stop = "" if near.endswith("?") else "."
            remedy = f'{near}{stop} Or add it to [columns], perhaps as "ignored"'
            found.append(Problem(f"{place}: line 1", f"column {column[:80]!r} is not in the map", remedy))
    remedy = "add it, or call it optional in the map" if isinstance(mapped, Map) else "add it"
    found += [
        Problem(f"{place}: line 1", f"column {column!r} is missing", remedy)
        for head, column in known.items()
        if head not in names and column not in optional
    ]
    if found:
        raise Problems(found)


def _head_of(column: str, names: Sequence[str]) -> str:
    """Name the column of a table in which a column of the map stands; empty where there is none."""
    return next((name for name in (column, steps(column)[0] if steps(column) else "") if name in names), "")


def _parquet_columns(
    path: Path, head: bytes, mapped: Map | Accounts
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns of a file, and which of the map's are fields of structures in them."""
    if not head.startswith(b"PAR1"):
        raise problem(str(path), "is no Parquet file", "say in the map which format it has")
    try:
        with duckdb.connect() as connection:
            rows = connection.execute(f"describe select * from read_parquet({sql_path(path)})").fetchall()
            types = {row[0]: row[1] for row in rows}
            _check_columns(str(path), list(types), mapped)
            inside = [column for column in mapped.columns if _is_field(column, types)]
            nested = {column: _field_type(connection, path, column) for column in inside}
    except duckdb.Error as error:
        raise problem(str(path), f"cannot be read: {str(error).splitlines()[0][:200]}", "mend it") from None
    if problems := list(_type_problems(path, types | nested, mapped)):
        raise Problems(problems)
    return tuple(types), tuple(column for column, stored in nested.items() if stored)


def _is_field(column: str, types: Mapping[str, str]) -> bool:
    """Say whether a column of the map is a field of a structure, and not of JSON in a text."""
    head = _head_of(column, tuple(types))
    return head not in {"", column} and len(steps(column)) > 1 and not re.fullmatch(_STRING, types[head])


def _field_type(connection: duckdb.DuckDBPyConnection, path: Path, column: str) -> str:
    """Return the type of a field of a structure; empty where there is no such field."""
    try:
        shape = f"describe select {_dotted(steps(column))} from read_parquet({sql_path(path)})"
        return str(connection.execute(shape).fetchall()[0][1])
    except duckdb.BinderException:
        return ""


def _dotted(keys: Sequence[str]) -> str:
    return ".".join('"' + key.replace('"', '""') + '"' for key in keys)


def _type_problems(path: Path, types: dict[str, str], mapped: Map | Accounts) -> Iterator[Problem]:
    for column, kind in mapped.columns.items():
        stored = types.get(
            column, types.get(_head_of(column, tuple(types)) if len(steps(column)) == 1 else "")
        )
        if stored == "" and column not in getattr(mapped, "optional", ()):
            yield Problem(f"{path}: column {column!r}", "is no field of its column", "name one that it has")
        if not stored or kind == "ignored" or re.fullmatch(_FITS[kind], stored):
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
    first = text.partition(b"\n")[0].strip()
    try:
        json.loads(first)
    except ValueError:
        return "objects" if first == b"{" or _begins_with_lines_of_an_object(text) else "lines"
    return "lines"


def _begins_with_lines_of_an_object(text: bytes) -> bool:
    """Say whether an object of JSON stands at the beginning, over several lines."""
    told = text.decode(errors="replace")
    try:
        found, end = json.JSONDecoder().raw_decode(told)
    except ValueError:
        return False
    return isinstance(found, dict) and "\n" in told[:end]


def _csv_scan(source: Source, mapped: Map | Accounts, columns: Sequence[str], exact: Sequence[str]) -> str:
    shape = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(source.columns)))
    options = f"header=true, delim={literal(mapped.delimiter)}, quote='\"', escape='\"', columns={{{shape}}}"
    at = {name: f"c{number}" for number, name in enumerate(source.columns)}
    return _table_scan(at, columns, exact, _read_csv(source, options))


def _table_scan(at: Mapping[str, str], columns: Sequence[str], exact: Sequence[str], table: str) -> str:
    """Return SQL for the rows of a table; `at` is SQL for the text of a column. Cells may hold JSON."""
    heads = {column: _head_of(column, tuple(at)) for column in columns}
    values = {column: at[head] for column, head in heads.items() if head}
    within: dict[str, list[str]] = {}
    for column, head in heads.items():
        if head not in {"", column} and len(steps(column)) > 1:
            within.setdefault(head, []).append(column)
    cells, wrong = [], []
    for number, (head, held) in enumerate(within.items()):
        cell, keys = f"cell{number}", [steps(column)[1:] for column in held]
        cells.append(f"{field.texts(at[head], keys)} as {cell}")
        wrong.append(f"when {at[head]} is not null and not {field.is_object(at[head], cell)} then {at[head]}")
        values |= {column: f"{cell}[{place}]" for place, column in enumerate(held, start=1)}
        own = [column for column in held if column in exact]
        values |= {column: field.digits(at[head], values[column], column) for column in own}
    told = f"case {' '.join(wrong)} end" if wrong else "null::varchar"
    names = [f"{values.get(column, 'null::varchar')} as v{n}" for n, column in enumerate(columns)]
    rows = f"select *, {', '.join(cells)} from {table}" if cells else f"select * from {table}"
    flaw = "case when hint is not null then 'not_json' end as flaw, hint"
    return f"select * exclude (hint), {flaw} from (select {', '.join(names)}, {told} as hint from ({rows}))"


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


def _parquet_scan(source: Source, columns: Sequence[str], exact: Sequence[str]) -> str:
    at = {name: f"{_dotted([name])}::varchar" for name in source.columns}
    at |= {column: f"{_dotted(steps(column))}::varchar" for column in source.fields}
    return _table_scan(at, columns, exact, f"read_parquet({sql_path(source.path)})")


def _json_scan(source: Source, mapped: Map | Accounts, columns: Sequence[str], exact: Sequence[str]) -> str:
    found = field.texts("line", [steps(column) for column in columns])
    rows = f"select line, {found} as found from ({_json_lines(source)})"
    values = {column: f"found[{number}]" for number, column in enumerate(columns, start=1)}
    values |= {column: field.digits("line", values[column], column) for column in exact}
    flaws = [
        "when line is null or trim(line) = '' then 'blank'",
        f"when not {field.is_object('line', 'found')} then 'not_json'",
    ]
    others = "null"
    if mapped.format == "json":
        known = listed(sorted({steps(column)[0] for column in mapped.columns}))
        flaws.append(f"when not list_has_all([{known}], json_keys(line)) then 'unknown_column'")
        unknown = f"list_filter(json_keys(line), lambda k: not list_contains([{known}], k))"
        others = f"array_to_string({unknown}, ', ')"
    names = [f"{values[column]} as v{number}" for number, column in enumerate(columns)]
    hint = f"case flaw when 'not_json' then line when 'unknown_column' then {others} end as hint"
    read = f"select line, {', '.join(names)}, case {' '.join(flaws)} end as flaw from ({rows})"
    return f"select * exclude (line), {hint} from ({read})"


def _json_lines(source: Source) -> str:
    if source.shape == "lines":  # the character that parts columns may not stand in JSON
        options = "header=false, delim='\x01', quote='', escape='', columns={'line': 'VARCHAR'}"
        options += ", strict_mode=false"  # nothing is quoted; lines may end in several ways
        return f"select line from {_read_csv(source, options)}"
    form = "array" if source.shape == "array" else "unstructured"
    packed = ", compression='gzip'" if _is_packed(source.path) else ""
    options = f"format='{form}', maximum_object_size={LINE_BYTES_MAX}{packed}"
    return f"select json::varchar as line from read_json_objects({sql_path(source.path)}, {options})"

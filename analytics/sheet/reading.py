"""Reading sheets: CSV and JSON as typed frames, and every wrong cell named by its file and row.

A row's number is its line in the CSV file (the head is line 1), or its place in the JSON list, from 1.
"""

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from analytics.sheet.kind import KINDS, Column, Kind
from billing.money import EXACT
from metering.document import Problem, Problems, did_you_mean, problem
from metering.period import YEAR_MAX, YEAR_MIN

SHOWN = 5
"""How many wrong cells of a column are named one by one."""

FILE_BYTES_MAX = 500_000_000

DAY = r"^\d{4}-\d{2}-\d{2}(?:[T ][\d:.]+Z?)?$"
MONTH = r"^\d{4}-\d{2}(?:-\d{2}(?:[T ][\d:.]+Z?)?)?$"
NUMBER = r"^[+-]?\d{1,24}(?:\.\d{1,12}0*)?$"
INTERVAL = r"^(?:(\d{1,3}) )?(day|week|month|quarter|year)s?$"

_FORMS = {
    "day": (DAY, "is no day", "write it as 2026-01-31"),
    "month": (MONTH, "is no month", "write it as 2026-01 or 2026-01-31"),
    "amount": (NUMBER, "is no number", "write it as 1234.50, without signs and separators of thousands"),
    "rate": (NUMBER, "is no number", "write it as 1.085"),
    "interval": (INTERVAL, "is no interval", "write day, week, month, quarter, year or `3 months`"),
}

Sheets = dict[str, pl.DataFrame]
"""Frames by kind: the columns of the kind, with `file` and `row` before them."""


def read(arguments: Sequence[str]) -> Sheets:
    """Read files into sheets; several of a kind become one.

    An argument is a file, or `kind=FILE`. Raises Problems with everything that is wrong in any of them.
    """
    found: dict[str, list[pl.DataFrame]] = {}
    problems: list[Problem] = []
    for argument in arguments:
        try:
            for kind, frame in _sheets(argument):
                found.setdefault(kind, []).append(frame)
        except Problems as wrong:
            problems += wrong.problems
    if problems:
        raise Problems(problems)
    return {kind: pl.concat(found[kind]) for kind in KINDS if kind in found}


def _sheets(argument: str) -> Iterator[tuple[str, pl.DataFrame]]:
    word, _, name = argument.rpartition("=")
    if word and word not in KINDS:
        raise problem(argument, f"there is no kind {word!r}", did_you_mean(word, KINDS))
    path = Path(name)
    problems: list[Problem] = []
    for said, raw in _raw(path):
        kind = word or _kind(path, said, raw)
        frame, wrong = _typed(raw, kind, str(path) if not said else f"{path}: {said}")
        problems += wrong
        yield kind, frame
    if problems:
        raise Problems(problems)


def _raw(path: Path) -> list[tuple[str, pl.DataFrame]]:
    """Return the tables of a file, all texts: CSV has one, JSON may name several."""
    text = _text(path)
    if path.suffix.lower() in (".json", ".ndjson", ".jsonl"):
        return _json(text, path)
    try:
        rows = pl.read_csv(io.StringIO(text), separator=_separator(text), infer_schema=False)
    except pl.exceptions.NoDataError:
        raise problem(str(path), "is empty", "the first line names the columns") from None
    except pl.exceptions.PolarsError as error:
        what = str(error).partition("\n")[0]
        raise problem(
            str(path), f"is not CSV: {what}", "write as many cells in each row as in the head"
        ) from None
    return [("", rows.fill_null("").with_row_index("row", offset=2))]


def _separator(text: str) -> str:
    """Tell what separates the cells: what the head has, where it has no comma."""
    head = text.partition("\n")[0]
    return next((mark for mark in (",", ";", "\t") if mark in head), ",")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise problem(str(path), f"has more than {FILE_BYTES_MAX:,} bytes", "split it by kind or by year")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise problem(str(path), f"is not UTF-8 text ({error})", "save it as UTF-8") from None
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise problem(str(path), what, "check the name and permissions") from None


def _json(text: str, path: Path) -> list[tuple[str, pl.DataFrame]]:
    try:
        if path.suffix.lower() == ".json":
            told = json.loads(text, parse_float=str, parse_int=str)
        else:
            told = [json.loads(line, parse_float=str, parse_int=str) for line in text.splitlines() if line]
    except ValueError as error:
        raise problem(str(path), f"is not JSON: {error}", "mend that line") from None
    tables = told if isinstance(told, dict) else {"": told}
    return [(name, _rows(rows, f"{path}: {name}" if name else str(path))) for name, rows in tables.items()]


def _rows(rows: Any, place: str) -> pl.DataFrame:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise problem(place, "is no list of objects", 'write [{"customer": "ada", ...}, ...]')
    wrong = [
        Problem(f"{place}: row {number}", f"{name} holds {type(value).__name__}", "write a text or a number")
        for number, row in enumerate(rows, 1)
        for name, value in row.items()
        if not isinstance(value, str | None)
    ]
    if wrong:
        raise Problems(wrong[:SHOWN])
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = {name: [row.get(name) or "" for row in rows] for name in names}
    return pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String)).with_row_index("row", offset=1)


def _kind(path: Path, said: str, raw: pl.DataFrame) -> str:
    """Tell a sheet's kind by its name, or by its columns where these fit another kind alone."""
    word = _plain(said or path.name.partition(".")[0])
    named = next((name for name, own in KINDS.items() if word in (name, *own.names)), "")
    if said and not named:
        raise problem(str(path), f"there is no kind {said!r}", did_you_mean(said, KINDS))
    heads = [head for head in map(_plain, raw.columns) if head != "row"]
    fits = [name for name, own in KINDS.items() if _fits(heads, own)]
    if named and (named in fits or len(fits) != 1):
        return named
    if len(fits) == 1:
        return fits[0]
    which = f"may be {' or '.join(fits)}" if fits else "has the columns of no kind"
    kind = fits[0] if fits else "subscriptions"
    raise problem(str(path), which, f"say what it is: {kind}={path}; kinds: {', '.join(KINDS)}")


def _fits(heads: Sequence[str], kind: Kind) -> bool:
    known = _heads(kind)
    return set(heads) <= set(known) and set(kind.needed) <= {known[head] for head in heads}


def _heads(kind: Kind) -> dict[str, str]:
    """Return the column that each head means; a column's own name goes before the others' other names."""
    others = {other: name for name, column in kind.columns.items() for other in column.names}
    return others | {name: name for name in kind.columns}


def _plain(head: str) -> str:
    return re.sub(r"[\s-]+", "_", head.strip().lower())


def _typed(raw: pl.DataFrame, kind_name: str, place: str) -> tuple[pl.DataFrame, list[Problem]]:
    """Bring a table of texts to the columns of its kind, and say what is wrong with it."""
    kind, problems = KINDS[kind_name], []
    known = _heads(kind)
    given: dict[str, str] = {}
    for head in raw.columns[1:]:
        name = known.get(_plain(head), "")
        if not name:
            remedy = did_you_mean(_plain(head), known) or "remove it"
            problems.append(Problem(place, f"{kind_name} have no column {head!r}", remedy))
        elif name in given:
            problems.append(Problem(place, f"{given[name]!r} and {head!r} are the same column", "keep one"))
        else:
            given[name] = head
    problems += [
        Problem(place, f"{kind_name} need a column {name!r}", "add it")
        for name in kind.needed
        if name not in given
    ]
    if problems:
        return pl.DataFrame(), problems
    texts = raw.select(
        pl.lit(place).alias("file"),
        pl.col("row").cast(pl.Int64),
        *(
            pl.col(given[name]).str.strip_chars().replace("", column.default or "").alias(name)
            if name in given
            else pl.lit(column.default).alias(name)
            for name, column in kind.columns.items()
        ),
    )
    for name, column in kind.columns.items():
        problems += _wrong(texts, name, column, place)
    if problems:
        return texts, problems
    return texts.with_columns(_value(name, column) for name, column in kind.columns.items()), []


def _wrong(texts: pl.DataFrame, name: str, column: Column, place: str) -> Iterable[Problem]:
    """Name the cells of a column that do not hold what it should."""
    cell = pl.col(name)
    checks: list[tuple[pl.Expr, str, str]] = []
    if column.default is None:
        checks.append((cell == "", "is missing", "write it"))
    if column.type in _FORMS:
        form, what, remedy = _FORMS[column.type]
        checks.append(((cell != "") & ~cell.str.contains(form), what, remedy))
        if column.type in ("day", "month"):
            formed = cell.str.contains(form)
            day = _day(cell)
            lost = formed & (day.is_null() | ~day.dt.year().is_between(YEAR_MIN, YEAR_MAX))
            checks.append((lost, "is no day of the calendar", f"years go from {YEAR_MIN} to {YEAR_MAX}"))
    if column.type == "rate":
        checks.append((cell.str.contains(r"^-|^[+]?0*\.?0*$"), "is not above 0", "write units of the result"))
    if column.type == "choice":
        known = ", ".join(column.choices)
        checks.append(
            (~cell.is_in([*column.choices, column.default or ""]), "is not known", f"known: {known}")
        )
    for wrong, what, remedy in checks:
        rows = texts.filter(wrong).select("row", name).rows()
        for row, value in rows[:SHOWN]:
            shown = f" {value!r:.60}" if value else ""
            yield Problem(f"{place}: row {row}", f"{name}{shown} {what}", remedy)
        if len(rows) > SHOWN:
            yield Problem(place, f"{name} {what} in {len(rows) - SHOWN:,} more rows", remedy)


def _value(name: str, column: Column) -> pl.Expr:
    cell = pl.col(name)
    if column.type == "day":
        return _day(cell)
    if column.type == "month":
        return _day(cell).dt.truncate("1mo")
    if column.type in ("amount", "rate"):
        return cell.str.strip_prefix("+").cast(EXACT)
    return cell


def _day(cell: pl.Expr) -> pl.Expr:
    """Return the day of a text; a month alone means its first day, and nothing NULL."""
    day = pl.when(cell.str.len_chars() == len("2026-01")).then(cell + "-01").otherwise(cell.str.head(10))
    return day.str.to_date("%Y-%m-%d", strict=False)


def place_of(row: Mapping[str, Any]) -> str:
    """Name the place of a row of a sheet in a message."""
    return f"{row['file']}: row {row['row']}"


def refuse(rows: pl.DataFrame, what: Callable[[Mapping[str, Any]], str], remedy: str) -> None:
    """Raise Problems for rows that cannot be used, if there are any; `what` says what is wrong with one."""
    if len(rows):
        shown = [Problem(place_of(row), what(row), remedy) for row in rows.head(SHOWN).iter_rows(named=True)]
        if len(rows) > SHOWN:
            shown.append(Problem(rows["file"][0], f"{len(rows) - SHOWN:,} more rows like these", remedy))
        raise Problems(shown)

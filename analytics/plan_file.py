"""Plans in files: TOML as `analytics.plan` says, or a table in CSV.

The table has a row for each figure and period. Columns, in any order, in capitals or not: `figure`, `period`,
`printed`, `formula`, `source`, and `value` instead of `printed` for a driver. Columns may also be named as
the keys of a figure (`total_of` with names between spaces, `growth_of`, `share_of`, `adds_up`, `within`, ...)
and `claim` holds a comparison. Names and periods may be written as people do: "Managed revenue" is
managed_revenue, "Q1 2026" is q1_2026. A period is a year (2026, FY26, Y1, Year 1), a quarter or a month.
"""

import csv
import io
import re
from datetime import date
from pathlib import Path
from typing import Any

from analytics.derivation import derive
from analytics.plan import Figure, Plan
from metering.document import Problem, Problems, did_you_mean, parse, read_text, validate
from metering.period import YEAR_MAX, YEAR_MIN

_LISTS = ("total_of", "share_of")
_COLUMNS = ("figure", "period", "printed", "value", "formula", "claim", *Figure.model_fields)
_YEAR = re.compile(r"(?:fy|cy|year|y)?_?(\d{1,4})")
_QUARTER = re.compile(r"q([1-4])(?:_(.*))?|(.*)_q([1-4])")
_MONTH = re.compile(r"(\d{4})_(0[1-9]|1[0-2])")
_CENTURY = 100


def load(path: Path) -> Plan:
    """Read a plan: CSV if the name ends so, else TOML. Raises Problems with all that is wrong."""
    text = read_text(path)
    return from_csv(text, str(path)) if path.suffix.lower() == ".csv" else loads(text, str(path))


def loads(text: str, place: str = "plan") -> Plan:
    """Read a plan from TOML text. Raises Problems as `load` does."""
    return _checked(parse(text, place), place)


def from_csv(text: str, place: str = "plan") -> Plan:
    """Read a plan from a table in CSV. Raises Problems as `load` does."""
    try:
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True))
    except csv.Error as error:
        raise Problems([Problem(place, f"is not valid CSV: {error}", "mend that line")]) from None
    table = _Table(place)
    heads = [_key(head) for head in rows[0]] if rows else []
    for head in heads:
        if head not in _COLUMNS:
            table.complain(1, f"there is no column {head!r}", did_you_mean(head, _COLUMNS))
    if "figure" not in heads and not table.problems:
        table.complain(1, "there is no column 'figure'", "name the columns in the first line")
    if not table.problems:
        for number, row in enumerate(rows[1:], start=2):
            if len(row) > len(heads):
                table.complain(number, f"has {len(row)} cells under {len(heads)} heads", "quote commas")
            table.add(number, dict(zip(heads, map(str.strip, row), strict=False)))
    if table.problems:
        raise Problems(table.problems)
    return _checked(table.data, place)


def _checked(data: dict[str, Any], place: str) -> Plan:
    plan = validate(Plan, data, place)
    derive(plan, place)
    return plan


class _Table:
    """The rows of a table, put together as the data of a plan."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.problems: list[Problem] = []
        self.data: dict[str, Any] = {"name": Path(place).stem or "plan", "periods": {}, "drivers": {},
                                     "figures": {}, "claims": {}}  # fmt: skip

    def complain(self, line: int, message: str, remedy: str) -> None:
        """Keep a problem of a line."""
        self.problems.append(Problem(f"{self.place}:{line}", message, remedy))

    def add(self, line: int, cells: dict[str, str]) -> None:
        """Take a row."""
        cells = {column: cell for column, cell in cells.items() if cell}
        if not cells:
            return
        key, period = _key(cells.pop("figure", "")), cells.pop("period", "")
        source = cells.pop("source", f"{self.place}:{line}")
        if "claim" in cells:
            periods = [self._period(line, period)] if period else []
            name = key or f"line_{line}"
            self.data["claims"][name] = {"holds": cells["claim"], "periods": periods, "source": source}
        elif not key:
            self.complain(line, "has no figure", "name it in the column 'figure'")
        elif "value" in cells:
            self._value(line, key, period, cells["value"])
        else:
            self._figure(line, key, period, cells, source)

    def _figure(self, line: int, key: str, period: str, cells: dict[str, str], source: str) -> None:
        for column, cell in [*cells.items(), ("source", source)]:
            if column in ("printed", "formula", "source"):
                given = self.data["figures"].setdefault(key, {}).setdefault(column, {})
                self._put(line, given, key, period, cell)
            else:
                row = self.data["figures"].setdefault(key, {})
                value: Any = tuple(cell.split()) if column in _LISTS else cell
                row[column] = _key(cell) if column == "since" else value
                if column == "since":
                    self._period(line, cell)

    def _value(self, line: int, key: str, period: str, cell: str) -> None:
        row = self.data["drivers"].setdefault(key, {})
        if period:
            self._put(line, row.setdefault("values", {}), key, period, cell)
        elif row.setdefault("value", cell) != cell:
            self.complain(line, f"{key} is given twice", "remove one")

    def _put(self, line: int, given: dict[str, str], key: str, period: str, cell: str) -> None:
        where = self._period(line, period) if period else ""
        if given.setdefault(where, cell) != cell:
            self.complain(line, f"{key} is given twice{f' in {period}' if period else ''}", "remove one")

    def _period(self, line: int, text: str) -> str:
        key = _key(text)
        if key not in self.data["periods"]:
            found = _span(text)
            if found is None:
                remedy = "write it like 2026, Y1, Q1 2026 or 2026-03"
                self.complain(line, f"{text!r} is no period", remedy)
                return key
            starts_on, months = found
            self.data["periods"][key] = {"starts_on": starts_on, "months": months}
        return key


def _key(text: str) -> str:
    """Return a name as formulas can use it: small letters, digits and underscores."""
    key = re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")
    return f"y{key}" if key[:1].isdigit() else key


def _span(text: str) -> tuple[date, int] | None:
    """Return the first day and the months of a period that somebody wrote."""
    key = re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")
    if found := _MONTH.fullmatch(key):
        return _starting(int(found[1]), int(found[2]), 1)
    if found := _QUARTER.fullmatch(key):
        year = _year(found[2] or found[3] or "1")
        quarter = int(found[1] or found[4])
        return None if year is None else _starting(year, 3 * quarter - 2, 3)
    year = _year(key)
    return None if year is None else _starting(year, 1, 12)


def _year(key: str) -> int | None:
    """Return the calendar year; Y1, the first year of a plan, is 2001, and FY26 is 2026."""
    found = _YEAR.fullmatch(key)
    if found is None:
        return None
    year = int(found[1])
    return year + YEAR_MIN if year < _CENTURY else year


def _starting(year: int, month: int, months: int) -> tuple[date, int] | None:
    return (date(year, month, 1), months) if YEAR_MIN <= year < YEAR_MAX else None

"""Sheets: what a workbook shows, as frames with a format for each column.

A spreadsheet's numbers have 15 digits. Money that was posted and whole numbers are never rounded: one that
has more is written as text. Of an exact amount before rounding, such as a third of a fee, the spreadsheet
keeps the first 15 digits; Parquet and CSV have them all.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

ROWS_MAX = 1_048_576
"""How many rows a sheet of a workbook may have, its head included."""

LETTERS_MAX = 32_767
"""How many letters a cell may hold."""

DIGITS_MAX = 15
"""How many digits of a number a spreadsheet keeps."""

WIDTH_MIN, WIDTH_MAX = 8, 48
"""How wide a column may be, in letters."""

_SAMPLE = 500
_EPOCH = date(1899, 12, 30)
_DAY_S = 86_400
_MONEY_SCALE = 4  # what the ledger posts in


class Sheet(NamedTuple):
    """A sheet: its name, what it says, its rows, the format of each column that is not told by its type.

    `columns` says what columns hold. `fixed` columns stay in sight. `cells` has formats for single rows: a
    function of a row may not be of one kind, as the metrics of a month are not.
    """

    name: str
    text: str
    frame: pl.DataFrame
    formats: Mapping[str, str] = {}
    columns: Mapping[str, str] = {}
    fixed: int = 1
    row_formats: Sequence[str] = ()

    @property
    def rows(self) -> int:
        """How many rows it has, without its head."""
        return len(self.frame)

    def format_of(self, column: str) -> str:
        """Name the format of a column: money, exact, count, ratio, day, month, time or text."""
        return self.formats.get(column) or _format_of(column, self.frame.schema[column])

    def parts(self, rows_max: int = ROWS_MAX) -> Iterator["Sheet"]:
        """Yield the sheets that it takes: one, or more where it has more rows than a sheet may have."""
        room = rows_max - 1
        for number, first in enumerate(range(0, max(1, self.rows), room), start=1):
            name = self.name if number == 1 else f"{self.name} ({number})"
            kept = self.row_formats[first : first + room]
            yield self._replace(name=name, frame=self.frame.slice(first, room), row_formats=kept)


def width_of(sheet: Sheet, column: str) -> int:
    """Return how wide a column should be: enough for its head and for most of its values."""
    values = sheet.frame[column].head(_SAMPLE)
    longest = max([len(column), *(len(_shown(value)) for value in values)])
    return min(max(longest + 2, WIDTH_MIN), WIDTH_MAX)


def number(value: Any) -> float | None:
    """Return what a spreadsheet keeps of a number or a day; None for what it would round, and for text."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value) if len(str(abs(value))) <= DIGITS_MAX or isinstance(value, float) else None
    if isinstance(value, Decimal):
        is_exact = int(value.as_tuple().exponent) < -_MONEY_SCALE
        digits = len(f"{abs(value):.0f}") if is_exact else len(value.normalize().as_tuple().digits)
        return float(value) if digits <= DIGITS_MAX else None
    if isinstance(value, datetime):
        since = value - datetime.combine(_EPOCH, datetime.min.time())
        return since.days + since.seconds / _DAY_S
    if isinstance(value, date):
        return float((value - _EPOCH).days) if value >= date(1900, 3, 1) else None
    return None


def text(value: Any) -> str:
    """Return a value as text that a cell can hold."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    shown = str(value)
    return shown if len(shown) <= LETTERS_MAX else shown[: LETTERS_MAX - 1] + "…"


def _format_of(column: str, kind: pl.DataType) -> str:
    if isinstance(kind, pl.Decimal):
        return "money" if kind.scale == _MONEY_SCALE else "exact"
    if isinstance(kind, pl.Date):
        return "month" if column == "month" else "day"
    if isinstance(kind, pl.Datetime):
        return "time"
    return "count" if kind.is_integer() else "exact" if kind.is_float() else "text"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return f"{value:,.2f}"
    return str(value)

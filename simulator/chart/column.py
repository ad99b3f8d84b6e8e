"""Columns: what the numbers of a chart's data are, and how each is written on an axis, in a tip, in words."""

from calendar import month_name
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import altair as alt

from simulator.values import decimal_text, money_text, percent_text, short_money_text, visible

MONTH, QUARTER, TEXT, MONEY, COUNT, RATIO, MONTHS, NUMBER = (
    "month", "quarter", "text", "money", "count", "ratio", "months", "number",
)  # fmt: skip
"""The units of columns."""

Columns = Mapping[str, str]

_POINTED = {MONEY: "$,.2f", COUNT: ",d", RATIO: ".1%", MONTHS: ",.1f", NUMBER: ",.2f"}
_SHORT = ("arr", "mrr", "nrr", "grr", "cac", "ltv", "gmv", "rpo", "crpo", "fx", "cmrr", "arpa")


def number_label(unit: str, field: str = "datum.value") -> str:
    """Return the expression that writes a number of a unit in few letters: `$1.2M`, `80%`, `$0`."""
    if unit == RATIO:
        return f"format({field} * 100, '.0f') + ' %'"
    sign = "$" if unit == MONEY else ""
    small, large = f"format({field}, '{sign},.2~f')", f"replace(format({field}, '{sign}.3~s'), 'G', 'B')"
    return f"{field} == 0 ? '0' : abs({field}) < 1000 ? {small} : {large}"


def title(name: str) -> str:
    """Return what a column is called: `usage_mrr` is "usage MRR"."""
    return " ".join(word.upper() if word in _SHORT else word for word in name.split("_"))


def tooltip(name: str, unit: str, head: str = "") -> alt.Tooltip:
    """Return what is shown of a column when a mark is pointed at: the exact value."""
    head = head or title(name)
    if unit in (MONTH, QUARTER, TEXT):
        return alt.Tooltip(f"{name}:N", title=head)
    return alt.Tooltip(f"{name}:Q", format=_POINTED[unit], title=head)


def quoted(name: str) -> str:
    """Return a name as a string in the language of expressions, whatever is in it."""
    text = name.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + visible(text) + "'"


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, Decimal | float):
        number = float(value)
        number = round(number, 6 if abs(number) < 10 else 2)  # noqa: PLR2004 - shares need more places
        return int(number) if number == int(number) else number
    if isinstance(value, date):
        return month_label(value)
    return visible(value) if isinstance(value, str) else value


def month_label(month: date) -> str:
    """Write a month as charts name it: `Jan 2026`. No chart holds a date, so none has a time zone."""
    return f"{month_name[month.month][:3]} {month.year}"


def quarter_label(month: date) -> str:
    """Write the quarter that begins with a month as `Q1 2026`."""
    return f"Q{month.month // 3 + 1} {month.year}"


def month_text(month: date) -> str:
    """Write a month as a sentence does: `January 2026`."""
    return f"{month_name[month.month]} {month.year}"


def word(value: Any, unit: str, currency: str) -> str:
    """Write a value in few letters, as a sentence holds it: `$622.8k`, `97.4 %`."""
    if value is None:
        return "–"
    if unit == TEXT or isinstance(value, str):
        return visible(str(value))
    return _WORDS[unit](value, currency)


_WORDS: dict[str, Callable[[Any, str], str]] = {
    MONEY: lambda value, currency: short_money_text(Decimal(value), currency),
    RATIO: lambda value, _: percent_text(round(value, 6)),
    MONTH: lambda value, _: month_text(value),
    QUARTER: lambda value, _: quarter_label(value),
    COUNT: lambda value, _: f"{int(value):,}",
    MONTHS: lambda value, _: f"{float(value):,.1f}",
    NUMBER: lambda value, _: f"{float(value):,.1f}",
}


def cell(value: Any, unit: str, currency: str) -> str:
    """Write a value in full, as the table behind a chart holds it."""
    if unit == MONEY and value is not None:
        return money_text(round(Decimal(value), 2), currency)
    if unit == MONTH and value is not None:
        return f"{value:%Y-%m}"
    if unit == QUARTER and value is not None:
        return quarter_label(value)
    if unit in (MONTHS, NUMBER) and value is not None:
        return decimal_text(round(Decimal(str(value)), 2))
    return word(value, unit, currency)

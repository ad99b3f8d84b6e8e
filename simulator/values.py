"""Values as text: for people (grouped, aligned at the point), as exact JSON, and as CSV that is safe to open.

Nothing here rounds. A Decimal keeps every digit that is not a trailing zero.
"""

import json
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

GROUPED_FROM = 10_000
"""Whole numbers below this are written without separators, so that a year stays a year."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text cell that begins so is run as a formula by spreadsheets, so CSV puts an apostrophe before it."""

SHORT_FROM = 100
"""Of a short amount, no more than three digits are written where it is this large."""

SMALL = 10
"""Below this an amount is not told by whole units: they may be off by a twentieth of it and more."""

_PLACES_MAX = 6  # of an amount that is shown; less is nothing

SIGNS = {"": "", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
"""Currencies that are written with their sign; the others with their code."""

SPARKS = "▁▂▃▄▅▆▇█"
"""The bars of a sparkline, from nothing to the most."""


def decimal_text(value: Decimal, places_min: int = 0, *, grouped: bool = True) -> str:
    """Write a decimal without its trailing zeros, but with at least `places_min` places."""
    whole, _, places = f"{value.copy_abs():f}".partition(".")  # abs() would cut it to 28 digits
    places = places.rstrip("0").ljust(places_min, "0")
    whole = f"{int(whole):,}" if grouped else whole
    sign = "-" if value < 0 and (int(whole.replace(",", "")) or places.strip("0")) else ""
    return f"{sign}{whole}.{places}" if places else f"{sign}{whole}"


def money_text(value: Decimal, currency: str = "", places: int = 2) -> str:
    """Write an amount of money with its sign: `$1,015.00`, `EUR 12.50`, `¥1,200`."""
    text = decimal_text(value, places)
    sign = SIGNS.get(currency, f"{currency} ")
    return f"-{sign}{text[1:]}" if text.startswith("-") else f"{sign}{text}"


def whole_money_text(value: Decimal, currency: str = "") -> str:
    """Write an amount to the nearest whole unit, for an overview; of less than one, what there is of it."""
    places = 0 if abs(value) >= 1 else _places(value)
    return money_text(value.quantize(Decimal(1).scaleb(-places)), currency, places)


def money_texts(values: Iterable[Decimal | None], currency: str = "") -> list[str]:
    """Write amounts that are read together, a dash for None: in whole units, or all with cents.

    They have cents where one is so small that whole units would hide much of it.
    """
    known = list(values)
    small = [value for value in known if value and abs(value) < SMALL and value != value.to_integral_value()]
    places = max(map(_places, small), default=0)
    unit = Decimal(1).scaleb(-places)
    return ["–" if value is None else money_text(value.quantize(unit), currency, places) for value in known]


def _places(value: Decimal) -> int:
    """Return the decimals of a small amount: two, or more where it would be nothing with these."""
    if not value or value.adjusted() < -_PLACES_MAX:
        return 0
    return max(2, -value.adjusted())


def short_money_text(value: Decimal, currency: str = "") -> str:
    """Write an amount in the fewest letters: `$950`, `$84k`, `$7.5M`."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if abs(value) >= size:
            part = value / size
            places = 0 if abs(part) >= SHORT_FROM else 1
            return money_text(part.quantize(Decimal(1).scaleb(-places)), currency, places) + letter
    return whole_money_text(value, currency)


def integer_text(value: int) -> str:
    """Write a whole number, grouped in threes from ten thousand on."""
    return f"{value:,}" if abs(value) >= GROUPED_FROM else str(value)


def float_text(value: float) -> str:
    """Write a ratio with the digits that a float is good for."""
    return f"{value:,.12g}" if math.isfinite(value) else str(value)


def percent_text(value: Decimal | float | None) -> str:
    """Write a share as a percentage with one place, or a dash."""
    return "–" if value is None else f"{Decimal(str(value)) * 100:z,.1f} %"


def aligned(texts: Sequence[str]) -> list[str]:
    """Pad numbers on the right so that, set flush right, their points stand below each other."""
    tails = [len(text) - text.index(".") if "." in text else 0 for text in texts]
    longest = max(tails, default=0)
    return [text + " " * (longest - tail) for text, tail in zip(texts, tails, strict=True)]


def visible(text: str) -> str:
    """Show control and direction-changing characters as escapes, so that a name cannot redraw the screen."""
    if text.isprintable():
        return text
    return "".join(_escaped(letter) for letter in text)


def sparkline(numbers: Sequence[float]) -> str:
    """Draw numbers as a row of bars from zero to their maximum."""
    top = max(numbers, default=0)
    if top <= 0:
        return SPARKS[0] * len(numbers)
    return "".join(SPARKS[min(7, max(0, int(number / top * 8)))] for number in numbers)


def to_json(value: Any) -> str:
    """Write a value as JSON in which a Decimal is a number with all its digits; not finite is null."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{to_json(str(key))}: {to_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(to_json, value)) + "]"
    if isinstance(value, Decimal | float) and not math.isfinite(value):
        return "null"
    if isinstance(value, Decimal):
        return decimal_text(value, grouped=False)
    if isinstance(value, date):  # and datetime, which is one
        value = value.isoformat()
    plain = value is None or isinstance(value, bool | int | float | str)
    return json.dumps(value if plain else str(value), ensure_ascii=False)


def json_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterable[str]:
    """Yield the lines of a JSON array of objects, one row a line."""
    opening = "["
    for row in rows:
        yield opening + to_json(dict(zip(columns, row, strict=True)))
        opening = ","
    yield "]" if opening == "," else "[]"


def csv_cell(value: Any) -> str:
    """Write a cell of CSV: numbers bare, text quoted where it must be, and never as a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return decimal_text(value, grouped=False)
    if isinstance(value, int | float):
        return str(value)
    text = value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)
    if text.startswith(FORMULA):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in '",\n\r') else text


def duration_text(seconds: float) -> str:
    """Write a duration as `0:07` or `1:02:03`."""
    span = str(timedelta(seconds=max(0, round(seconds))))
    return span.removeprefix("0:").removeprefix("0") if span.startswith("0:0") else span.removeprefix("0:")


def _escaped(letter: str) -> str:
    hidden = unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return letter.encode("unicode_escape").decode() if hidden else letter

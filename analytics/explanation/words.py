"""Words: numbers, amounts and days as an explanation writes them, with every digit that they have."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from billing.money import minor_units

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
"""Currencies that are written with their sign; the others with their code."""

CODE_LETTERS = 3

RATIO = "ratio"
"""The unit of what is one amount over another."""


def number(value: Decimal | int, places: int = 0) -> str:
    """Write a number in groups of thousands, without zeros at its end but for so many places."""
    whole, _, rest = f"{abs(value) if isinstance(value, int) else value.copy_abs():f}".partition(".")
    rest = rest.rstrip("0").ljust(places, "0")
    text = f"{int(whole):,}" + (f".{rest}" if rest else "")
    return f"-{text}" if value < 0 else text


def money(value: Decimal, currency: str) -> str:
    """Write an amount of money with at least the places of its currency: `$5.00`, `$0.005`, `CHF 12.50`."""
    text = number(value, minor_units(currency))
    sign = SIGNS.get(currency, f"{currency} ")
    return f"-{sign}{text[1:]}" if text.startswith("-") else f"{sign}{text}"


def is_currency(unit: str) -> bool:
    """Tell a currency's code from the unit of a meter."""
    return len(unit) == CODE_LETTERS and unit.isupper() and unit.isascii()


def amount_text(value: Decimal, unit: str) -> str:
    """Write an amount with its unit."""
    if is_currency(unit):
        return money(value, unit)
    return number(value) if unit in ("", RATIO) else counted(value, unit)


def counted(value: Decimal | int, unit: str) -> str:
    """Write how many there are of something: `1 seat`, `1,700 calls`, `2 queries`."""
    return f"{number(value)} {unit if value == 1 else plural(unit)}"


def plural(unit: str) -> str:
    """Write more than one of a unit; one in capitals, such as GB or USD, is written as it is."""
    if unit.isupper():
        return unit
    if unit.endswith(("s", "x", "ch", "sh")):
        return unit if unit.endswith("s") and not unit.endswith("ss") else f"{unit}es"
    is_y = unit.endswith("y") and unit[-2:-1] not in ("a", "e", "i", "o", "u")
    return f"{unit[:-1]}ies" if is_y else f"{unit}s"


def percent(share: Decimal) -> str:
    """Write a share as a percentage with all its digits: 0.155 is `15.5 %`."""
    return f"{number(share * 100)} %"


def label(month: date) -> str:
    """Write a month as `2026-03`."""
    return f"{month:%Y-%m}"


def days_text(starts_on: date, ends_on: date) -> str:
    """Write a service period with its first and its last day; a whole month by its name."""
    last = ends_on - timedelta(days=1)
    if (
        starts_on.day == 1
        and ends_on.day == 1
        and (last.year, last.month) == (starts_on.year, starts_on.month)
    ):
        return label(starts_on)
    return f"{starts_on}" if last == starts_on else f"{starts_on} to {last}"


def instant(at: datetime) -> str:
    """Write an instant, UTC, to the second; midnight by its day alone."""
    return f"{at:%Y-%m-%d}" if at.time() == datetime.min.time() else f"{at:%Y-%m-%d %H:%M:%S}"

"""Free numbers: numbers of a price book that a search may change, named by their path in the file.

`plans.team.prices.calls.unit_price` is one number; `plans.team.prices.calls.tiers.2.unit_price` that of the
second tier. A path with `*` names several, and what is free is one factor on all of them.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, NamedTuple

from billing.money import minor_units
from metering.document import did_you_mean, problem
from simulator.solve.search import Span

ANY = "*"
"""Stands for every key, or every item of a list, at its place in a path."""

MONEY = frozenset({"unit_price", "flat_fee", "minimum", "maximum", "amount"})
"""Keys of numbers that are money: they are changed by the minor unit of the currency or less."""

FACTOR_TICK = Decimal("0.001")
TICKS_MAX = 10**9
"""A search over more steps than this needs a coarser tick."""

_DEFAULT_TIMES = 2
_DIGITS = 3
_PLACES_MAX = 9  # of a price book's numbers

Path = tuple[str, ...]


class Place(NamedTuple):
    """A number in the file: its path, what it is today, and the tick that it is rounded to."""

    path: Path
    value: Decimal
    tick: Decimal

    @property
    def text(self) -> str:
        """The path as it is written."""
        return ".".join(self.path)


class Free(NamedTuple):
    """A free number: a price, or a factor on several, between `low` and `high` in steps of `tick`."""

    name: str
    places: tuple[Place, ...]
    low: Decimal
    high: Decimal
    tick: Decimal
    is_factor: bool

    @property
    def today(self) -> Decimal:
        """What it is today."""
        return Decimal(1) if self.is_factor else self.places[0].value

    @property
    def span(self) -> Span:
        """The range in ticks; today's number is its nearest tick."""
        return Span(
            int(-(-self.low // self.tick)),
            int(self.high // self.tick),
            int((self.today / self.tick).to_integral_value(ROUND_HALF_EVEN)),
        )

    def value(self, ticks: int) -> Decimal:
        """Return the number that so many ticks are."""
        return self.tick * ticks

    def numbers(self, ticks: int) -> dict[Path, Decimal]:
        """Return what every number that it stands for becomes; today's factor leaves all as they are."""
        value = self.value(ticks)
        if not self.is_factor:
            return {self.places[0].path: value}
        return {place.path: rounded(place.value * value, place.tick) for place in self.places}


def free(text: str, data: Mapping[str, Any], *, currency: str, tick: Decimal | None = None) -> Free:
    """Read `PATH` or `PATH=LOW:HIGH`; without a range a number may be anything up to twice what it is.

    Raises Problems where the book has no such number, or the range is none.
    """
    name, has_range, ends = (part.strip() for part in text.partition("="))
    path = tuple(name.split("."))
    places = tuple(
        Place(found, value, _tick(found[-1], value, currency)) for found, value in _numbers(data, path, ())
    )
    if not places:
        raise problem(f"--free {name}", "names no number of the price book", _remedy(data, path))
    is_factor = ANY in path
    step = tick or (FACTOR_TICK if is_factor else places[0].tick)
    today = Decimal(1) if is_factor else places[0].value
    low, high = _range(name, ends) if has_range else (Decimal(0), _DEFAULT_TIMES * today)
    if not low < high:
        remedy = f"give a range: --free {name}=LOW:HIGH"
        raise problem(f"--free {text}", f"{low} to {high} is no range", remedy)
    if (high - low) / step > TICKS_MAX:
        raise problem(f"--free {text}", f"has too many steps of {step}", "give a coarser --tick")
    found = Free(name, places, low, high, step, is_factor)
    if found.span.low >= found.span.high:
        raise problem(
            f"--free {text}", f"has no two steps of {step}", "give a finer --tick, or a wider range"
        )
    return found


def changed(data: Mapping[str, Any], numbers: Mapping[Path, Decimal]) -> dict[str, Any]:
    """Return a copy of a book's data with other numbers."""
    copy: dict[str, Any] = deepcopy(dict(data))
    for path, value in numbers.items():
        table: Any = copy
        for part in path[:-1]:
            table = table[int(part) - 1] if isinstance(table, list) else table[part]
        table[int(path[-1]) - 1 if isinstance(table, list) else path[-1]] = _plain(value)
    return copy


def only(data: Mapping[str, Any], paths: Mapping[Path, Decimal]) -> dict[str, Any]:
    """Return the part of a book's data that a file which extends it needs for the numbers at some paths.

    Lists are replaced as a whole by what extends a file, so of a tier the whole list is returned.
    """
    whole = changed(data, paths)
    part: dict[str, Any] = {}
    for path in paths:
        source, target = whole, part
        for number, key in enumerate(path):
            value = source[key]
            if isinstance(value, list) or number == len(path) - 1:
                target[key] = value
                break
            source, target = value, target.setdefault(key, {})
    return part


def rounded(value: Decimal, tick: Decimal) -> Decimal:
    """Return the multiple of a tick that is nearest to a number, half to even."""
    return (value / tick).to_integral_value(ROUND_HALF_EVEN) * tick


def _numbers(table: Any, path: Path, done: Path) -> Iterator[tuple[Path, Decimal]]:
    """Yield the numbers that a path names, with their own paths."""
    if not path:
        if isinstance(table, int | Decimal) and not isinstance(table, bool):
            yield done, Decimal(table)
        return
    for key, value in _items(table):
        if path[0] in (ANY, key):
            yield from _numbers(value, path[1:], (*done, key))


def _items(table: Any) -> list[tuple[str, Any]]:
    """Return the parts of a table, or of a list by their numbers from 1."""
    if isinstance(table, Mapping):
        return list(table.items())
    if isinstance(table, list):
        return [(str(number), value) for number, value in enumerate(table, start=1)]
    return []


def _remedy(data: Mapping[str, Any], path: Path) -> str:
    """Name what is known at the first place where a path leads nowhere."""
    here: Any = data
    for part in path:
        known = dict(_items(here))
        if part not in known:
            break
        here = known[part]
    known = dict(_items(here))
    return did_you_mean(part if part not in known else "", known) or "name a number, such as a unit_price"


def _tick(key: str, value: Decimal, currency: str) -> Decimal:
    """Return the step of a number: its own last decimal or third digit; of money at most the minor unit."""
    places = max(0, -int(value.as_tuple().exponent), _DIGITS - 1 - value.adjusted() if value else 0)
    if key in MONEY:
        places = max(places, minor_units(currency))
    return Decimal(1).scaleb(-min(places, _PLACES_MAX))


def _range(name: str, ends: str) -> tuple[Decimal, Decimal]:
    try:
        low, high = (Decimal(end.strip().replace("_", "")) for end in ends.split(":"))
    except (InvalidOperation, ValueError):
        message = f"{ends!r} is no range"
        raise problem(f"--free {name}", message, f"write it like --free {name}=5:20") from None
    if not (low.is_finite() and high.is_finite()):
        raise problem(f"--free {name}", f"{ends!r} has no ends", f"write it like --free {name}=5:20")
    return low, high


def _plain(value: Decimal) -> Decimal | int:
    """Write a whole number as one."""
    whole = value.to_integral_value()
    return int(whole) if value == whole else value

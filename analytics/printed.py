"""Printed figures: numbers as a document writes them, `$1.3M`, `119,000`, `50.7%`, `3.6x`, `$3-5M`, `$10M+`.

A printed figure carries its own precision: `$1.3M` stands for everything that rounds to 1.3 million, so from
1.25 to 1.35 million; `119,000` for what rounds to a whole number. At a tie either neighbour is right.
"""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, WithJsonSchema

from analytics.interval import Interval, Range

TEXT_MAX = 60
"""A figure that takes more letters is no figure."""

DIGITS_MAX = 30
"""A number of more digits, before or behind the point, counts nothing."""

SCALES = {
    "k": 10**3, "thousand": 10**3, "m": 10**6, "mm": 10**6, "mn": 10**6, "million": 10**6,
    "b": 10**9, "bn": 10**9, "billion": 10**9, "t": 10**12, "tn": 10**12, "trillion": 10**12,
}  # fmt: skip
"""What the letters behind a number multiply it by; capital or small letters mean the same."""

PLACES_MORE = 2
"""How many places more than the printed figure a recomputed one is shown with, where it does not end."""

PLACES_MAX = 6
"""A recomputed figure that ends within so many places is shown whole."""

_NUMBER = (
    r"(?P<sign{0}>[-+]?)(?P<currency{0}>(?:[A-Z]{{3}} |[$€£¥])?)(?P<digits{0}>\d{{1,3}}(?:,\d{{3}})+|\d+)"
    r"(?P<places{0}>\.\d+)?(?P<scale{0}> ?(?:{1})\b)?(?P<unit{0}> ?%|x\b|:1\b)?"
)
_SCALE = "|".join(sorted(SCALES, key=len, reverse=True))
_TEXT = re.compile(
    rf"(?P<sense>[<>]=?|[≤≥~≈])? ?{_NUMBER.format(1, _SCALE)}"
    rf"(?: ?(?:-| to ) ?{_NUMBER.format(2, _SCALE)})?(?P<plus>\+)?(?: ?/ ?[a-zA-Z]+)?",
    re.IGNORECASE,
)
_AT_LEAST, _AT_MOST = {">", ">=", "≥"}, {"<", "<=", "≤"}
_FORMAT = {
    "anyOf": [{"type": "number"}, {"type": "string"}],
    "description": "a number, or as the document prints it",
}


class Printed(NamedTuple):
    """A figure as it is printed: its text, its ends (equal but for a range), what its last digit is worth.

    `sense` is "at least" for `$10M+` and `>5`, "at most" for `<$25,000`, otherwise "". `sign`, `scale`,
    `unit` and `places` say how it is written: currency sign, what K or M multiply by, `%`, `x` or `:1`.
    """

    text: str
    low: Fraction
    high: Fraction
    low_step: Fraction
    high_step: Fraction
    sense: Literal["", "at least", "at most"] = ""
    currency: str = ""
    scale: str = ""
    unit: str = ""
    places: int = 0

    @property
    def exact(self) -> Range:
        """The figure as if its digits were all there is."""
        return Range(Interval(self.low, self.low), Interval(self.high, self.high))

    @property
    def meant(self) -> Range:
        """Everything that the figure can stand for."""
        return Range(_around(self.low, self.low_step), _around(self.high, self.high_step))

    @property
    def number(self) -> Decimal:
        """The figure as one Decimal. Raises ValueError where it is a range or does not end."""
        if self.low != self.high:
            message = f"{self.text!r} is a range; name one of its ends"
            raise ValueError(message)
        return decimal(self.low)

    def fits(self, value: Range) -> bool:
        """Tell whether a value can be printed so: whether its ends round to the ends of the figure."""
        if self.sense == "at least":
            return value.low.most >= self.low - self.low_step / 2
        if self.sense == "at most":
            return value.high.least <= self.high + self.high_step / 2
        return self.meant.low.meets(value.low) and self.meant.high.meets(value.high)

    def equals(self, value: Range) -> bool:
        """Tell whether a value is just what is printed, to the last digit and beyond."""
        if self.sense:
            return value.low.least >= self.low if self.sense == "at least" else value.high.most <= self.high
        return value == self.exact

    def like(self, value: Range) -> str:
        """Write another value in the manner of this figure: with its currency, scale and unit."""
        low, high = (self._written(end.middle) for end in value)
        return low if low == high else f"{low} to {high}"

    def _written(self, number: Fraction) -> str:
        size = Fraction(SCALES.get(self.scale.strip().lower(), 1))
        size = size / 100 if "%" in self.unit else size
        text = shown(number / size, self.places + PLACES_MORE)
        sign = "-" if text.startswith("-") else ""
        return f"{sign}{self.currency}{text.removeprefix('-')}{self.scale}{self.unit}"


def parse(value: Any) -> Printed:
    """Read a figure as it is printed, or a plain number. Raises ValueError where it is none."""
    if isinstance(value, Printed):
        return value
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        message = "is no figure; write it like 119000, '$1.3M', '50.7%' or '$3M-5M'"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports ValueErrors as problems
    if isinstance(value, Decimal) and (not value.is_finite() or abs(value.adjusted()) > DIGITS_MAX):
        message = "is no figure; write a number that somebody could print"
        raise ValueError(message)
    text = value if isinstance(value, str) else f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    plain = re.sub(r"\s+", " ", text.strip()).translate(str.maketrans("–—−", "---"))
    found = _TEXT.fullmatch(plain) if len(plain) <= TEXT_MAX else None
    if found is None:
        message = "is no figure; write it like 119000, '$1.3M', '50.7%' or '$3M-5M'"
        raise ValueError(message)
    return _printed(text, found)


Figure = Annotated[Printed, BeforeValidator(parse), WithJsonSchema(_FORMAT)]
"""A figure in a document: a number, or a text as it is printed."""


def decimal(number: Fraction) -> Decimal:
    """Return a fraction as a Decimal. Raises ValueError where it does not end."""
    rest, twos, fives = number.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        message = f"{number} has no end as a decimal"
        raise ValueError(message)
    places = max(twos, fives)
    digits = tuple(map(int, str(abs(number.numerator) * 10**places // number.denominator)))
    return Decimal((int(number < 0), digits, -places))


def rounded(number: Fraction, places: int) -> Decimal:
    """Return a fraction as a Decimal with at most so many places, half to even."""
    return decimal(Fraction(round(number * 10**places), 10**places))


def shown(number: Fraction, places: int = PLACES_MORE) -> str:
    """Write a number for people: grouped in threes, whole where it ends soon, else with so many places."""
    short = Fraction(round(number * 10**PLACES_MAX), 10**PLACES_MAX)
    value = decimal(short if short == number else Fraction(round(number * 10**places), 10**places))
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _around(number: Fraction, step: Fraction) -> Interval:
    return Interval(number - step / 2, number + step / 2)


def _printed(text: str, found: re.Match[str]) -> Printed:
    part = {name: value or "" for name, value in found.groupdict().items()}
    last = "2" if part["digits2"] else "1"
    for name in ("scale", "unit", "currency"):  # in `$3-5M` and `15-25%` the sign of one end is that of both
        part[f"{name}1"] = part[f"{name}1"] or part[f"{name}{last}"]
        part[f"{name}2"] = part[f"{name}2"] or part[f"{name}1"]
    low, low_step = _end(part, "1")
    high, high_step = _end(part, last)
    if low > high:
        message = "is a range that ends before it begins; write the smaller end first"
        raise ValueError(message)
    at_least = part["sense"] in _AT_LEAST or bool(part["plus"])
    return Printed(
        text,
        low,
        high,
        low_step,
        high_step,
        sense="at least" if at_least else "at most" if part["sense"] in _AT_MOST else "",
        currency=part["currency1"],
        scale=part[f"scale{last}"],
        unit=part[f"unit{last}"],
        places=max(len(part["places1"]), len(part[f"places{last}"]), 1) - 1,
    )


def _end(part: dict[str, str], number: str) -> tuple[Fraction, Fraction]:
    """Return an end of a figure, and what its last digit is worth."""
    places = part[f"places{number}"]
    size = Fraction(SCALES.get(part[f"scale{number}"].strip().lower(), 1))
    size = size / 100 if "%" in part[f"unit{number}"] else size
    digits = Fraction(part[f"digits{number}"].replace(",", "") + places)
    sign = -1 if part[f"sign{number}"] == "-" else 1
    return sign * digits * size, size / 10 ** max(len(places) - 1, 0)

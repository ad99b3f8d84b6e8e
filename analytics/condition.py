"""Conditions: what a price change must meet, as a text that is read into a measure, a sign and a number.

    condition = measure sign number
    measure   = name [ "{" filter { "," filter } "}" ]
    filter    = dimension "=" text { "|" text }
    sign      = "<" | "<=" | ">" | ">=" | "==" | "!="
    number    = digits with a sign and a point at will, and "%" to divide by 100

A text stands in quotes. Nothing is ever run.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from analytics.comparison.bills import QUANTILES, RISES
from analytics.comparison.sums import DIMENSIONS, MEASURES, OF_ACCOUNTS, Where
from metering.document import Problems, did_you_mean, problem

TEXT_MAX = 1_000
"""A condition of more letters is a mistake."""

SUFFIXES = ("", "_before", "_change", "_delta")
"""How a measure is read: after, before, the change relative to what was before, the difference."""

INVOICE = "invoice"
"""The measure of what one account is billed in one month."""

UP: Mapping[str, Decimal] = {f"bills_up_{share * 100:.0f}": share for share in RISES}
"""The measures that count customers whose bills rise by more than a share, with that share."""

INCREASES = ("max_bill_increase", *(f"{name}_bill_increase" for name in QUANTILES), "max_invoice_increase")
"""The measures of how bills change, customer by customer: relative to what was billed before."""

MEASURED: tuple[str, ...] = (
    *(f"{name}{suffix}" for name in (*MEASURES, INVOICE) for suffix in SUFFIXES),
    *INCREASES,
    *UP,
)
"""Every name that a condition may begin with."""

OPPOSITES: Mapping[str, str] = {"<=": ">", ">=": "<", "==": "!=", "!=": "==", "<": ">=", ">": "<="}
"""Each sign, and the one that holds just where it does not."""

RATIO, MONEY, COUNT = "ratio", "money", "count"

_RATIOS = ("nrr", "gross_margin")
_LIKE = 'write it like max_bill_increase{segment="smb"} <= 15%'
_WORD = re.compile(
    r"""\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<number>[-+]?\d[\d_]*(?:\.\d+)?(?:\s*%)?)"""
    r"""|(?P<text>"[^"]*"|'[^']*')|(?P<sign><=|>=|==|!=|<|>)|(?P<mark>[{},=|]))"""
)


class Measure(NamedTuple):
    """A measure of a comparison, and the values that it is filtered by: `revenue{segment="smb"}`."""

    name: str
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __str__(self) -> str:
        texts = (f"{name}={'|'.join(map(_quoted, values))}" for name, values in self.filters)
        return f"{self.name}{{{', '.join(texts)}}}" if self.filters else self.name

    @property
    def where(self) -> Where:
        """The values that each dimension may have."""
        return dict(self.filters)

    @property
    def stem(self) -> str:
        """What is measured, without how it is read: `revenue` of `revenue_change`."""
        return self.name.removesuffix(self.suffix) if self.suffix else self.name

    @property
    def suffix(self) -> str:
        """How it is read: one of `SUFFIXES`."""
        if self.name in INCREASES or self.name in UP:
            return ""
        return next((one for one in SUFFIXES[1:] if self.name.endswith(one)), "")

    @property
    def unit(self) -> str:
        """Whether it is a ratio, an amount of money or a count."""
        if self.name in UP:
            return COUNT
        return RATIO if self.name in INCREASES or self.suffix == "_change" or self.stem in _RATIOS else MONEY


def _quoted(value: str) -> str:
    return f"'{value}'" if '"' in value else f'"{value}"'


class Condition(NamedTuple):
    """A measure compared with a number."""

    text: str
    measure: Measure
    sign: str
    bound: Decimal

    def opposite(self) -> "Condition":
        """Return the condition that holds just where this one does not."""
        return self._replace(sign=OPPOSITES[self.sign])


def parse(text: str) -> Condition:
    """Read a condition. Raises Problems that say what is wrong with it, and the remedy."""
    reader = _Reader(text)
    measure = reader.measure()
    sign = reader.take("sign")
    if sign is None:
        raise reader.wrong("compares nothing", f"go on with one of {' '.join(OPPOSITES)} and a number")
    number = reader.take("number")
    if number is None:
        raise reader.wrong(f"has no number after {sign!r}", f"write it like {measure} {sign} 15%")
    reader.end("write one comparison; several are several guards")
    value = Decimal(number.rstrip("% \t").replace("_", ""))
    return Condition(" ".join(text.split()), measure, sign, value / 100 if "%" in number else value)


def parse_measure(text: str) -> Measure:
    """Read a measure with its filters, such as `revenue{segment="smb"}`. Raises Problems where it is none."""
    reader = _Reader(text)
    measure = reader.measure()
    reader.end("write a measure and its filters only")
    return measure


class _Reader:
    """A text that is read word by word."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = list[tuple[str, str]]()
        at = 0
        if len(text) > TEXT_MAX:
            raise problem(f"{text[:40]!r}...", f"has more than {TEXT_MAX} letters", "write several guards")
        while text[at:].strip():
            match = _WORD.match(text, at)
            if match is None:
                raise self.wrong(f"cannot be read at {text[at:].strip()[:20]!r}", _LIKE)
            self.words.append((str(match.lastgroup), match[match.lastgroup or 0]))
            at = match.end()

    def wrong(self, message: str, remedy: str) -> Problems:
        return problem(repr(" ".join(self.text.split())), message, remedy)

    def take(self, kind: str, word: str | None = None) -> str | None:
        """Return the next word and go on, if it is of a kind (and this very word)."""
        if not self.words or self.words[0][0] != kind or word not in (None, self.words[0][1]):
            return None
        return self.words.pop(0)[1]

    def end(self, remedy: str) -> None:
        if self.words:
            raise self.wrong(f"goes on with {self.words[0][1]!r}", remedy)

    def measure(self) -> Measure:
        name = self.take("name")
        if name is None:
            raise self.wrong("begins with no measure", _LIKE)
        if name not in MEASURED:
            raise self.wrong(f"there is no measure {name!r}", did_you_mean(name, MEASURED))
        filters: dict[str, tuple[str, ...]] = {}
        if self.take("mark", "{") is not None:
            while True:
                key, values = self.filter()
                filters[key] = values
                if self.take("mark", ",") is None:
                    break
            if self.take("mark", "}") is None:
                raise self.wrong("has a brace that is not closed", "close it with }")
        return self.complete(Measure(name, tuple(filters.items())))

    def filter(self) -> tuple[str, tuple[str, ...]]:
        name = self.take("name")
        if name is None or name not in DIMENSIONS:
            shown = name or (self.words[0][1] if self.words else "")
            raise self.wrong(f"cannot filter by {shown!r}", did_you_mean(shown, DIMENSIONS))
        if self.take("mark", "=") is None:
            raise self.wrong(f"does not say which {name}", f'write {name}="..."')
        values = []
        while True:
            value = self.take("text")
            if value is None:
                raise self.wrong(f"does not say which {name}", f'write {name}="...", in quotes')
            values.append(value[1:-1])
            if self.take("mark", "|") is None:
                return name, tuple(values)

    def complete(self, measure: Measure) -> Measure:
        """Check that a measure can be filtered as it is."""
        where = measure.where
        if measure.stem == INVOICE and {"account", "month"} - where.keys():
            raise self.wrong(
                "does not say whose invoice, and of which month",
                'write invoice{account="acme", month="2026-03"}',
            )
        if measure.stem == "nrr" and (bad := [name for name in where if name not in OF_ACCOUNTS]):
            raise self.wrong(
                f"NRR is of accounts, and cannot be filtered by {bad[0]}", f"use {', '.join(OF_ACCOUNTS)}"
            )
        return measure

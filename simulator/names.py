"""Names: what accounts and people are called. A label only: nothing that anybody does depends on a name."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from faker import Faker

from simulator.chance import Chance

POOL = 400
"""How many words of each kind Faker draws once; a name is put together from them in a tenth of its time."""

DOMAINS = ("example.com", "example.org", "example.net")
"""Domains that nobody can own (RFC 2606)."""

TRADES = (
    "Analytics", "Biotech", "Capital", "Care", "Cloud", "Data", "Energy", "Foods", "Freight", "Health",
    "Insurance", "Labs", "Learning", "Logistics", "Media", "Mobility", "Motors", "Networks", "Optics",
    "Pharma", "Robotics", "Security", "Software", "Studios", "Systems", "Textiles", "Travel", "Works",
)  # fmt: skip
"""What companies do."""


class Names:
    """The names and mail addresses of a run, keyed by who is named: one account more renames nobody."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    def company(self, account: str) -> tuple[str, str]:
        """Return the name of an account's company, and the mail address of who buys for it."""
        words = self._words
        draw = self._chance.stream("name", account).octet("company")
        surname, trade = _one(words.last, draw[0]), _one(TRADES, draw[1])
        first, last = _one(words.first, draw[2]), _one(words.last, draw[3])
        host = f"{_slug(surname)}-{_slug(trade)}.{_one(DOMAINS, draw[5])}"
        return f"{surname} {trade} {_one(words.suffix, draw[4])}", f"{_slug(first)}.{_slug(last)}@{host}"

    def person(self, account: str) -> tuple[str, str]:
        """Return the name and the mail address of the person who is an account."""
        words = self._words
        draw = self._chance.stream("name", account).octet("person")
        first, last = _one(words.first, draw[0]), _one(words.last, draw[1])
        return f"{first} {last}", f"{_slug(first)}.{_slug(last)}@{_one(DOMAINS, draw[2])}"

    @cached_property
    def _words(self) -> "_Words":
        faker = Faker("en_US", use_weighting=False)
        faker.seed_instance(self._chance.seed)
        kinds = (faker.first_name, faker.last_name, faker.company_suffix)
        return _Words(*([draw() for _ in range(POOL)] for draw in kinds))


class _Words(NamedTuple):
    first: list[str]
    last: list[str]
    suffix: list[str]


def _one(words: Sequence[str], draw: float) -> str:
    return words[int(draw * len(words))]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z]+", "", text.lower())

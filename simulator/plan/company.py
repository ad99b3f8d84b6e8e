"""A company out of a plan: its counted things checked, its price book, and the months that it lives."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from billing import price_book
from billing.money import minor_units
from billing.price_book import PriceBook
from metering.document import Problems
from metering.period import Period
from metering.toml import to_toml
from simulator.plan.counted import Counted, problems
from simulator.plan.facts import Company, Happened
from simulator.plan.prices import book_of


class Compiled(NamedTuple):
    """A plan made into a company: the text of its price book, the book, its things, and all its months."""

    prices: str
    book: PriceBook
    things: tuple[Counted, ...]
    whole: Period

    def live(self) -> Iterator[tuple[Period, Happened]]:
        """Yield every month of the company with what happens in it."""
        currency = self.book.currency
        unit = Decimal(1).scaleb(-minor_units(currency))
        return Company(self.things, whole=self.whole, currency=currency, minor_unit=unit).live()


def compiled(
    name: str, currency: str, things: Sequence[Counted], whole: Period, *, place: str, sources: dict[str, str]
) -> Compiled:
    """Make a company of counted things. Raises Problems with everything that keeps it from being one."""
    if found := list(problems(things, place)):
        raise Problems(found)
    text = HEAD.format(name=name) + to_toml(book_of(name, currency, things, sources))
    return Compiled(text, price_book.loads(text, f"{place}: the price book made of it"), tuple(things), whole)


HEAD = """\
# The price book of {name}, made of its plan: every thing that is counted, at the price that it gives.

"""

"""Tariffs: what a year of a plan costs, as a curve of its seats or of one meter."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.lint.cliffs import is_whole
from billing.lint.curve import ONE, Curve, edges_of, slope_of, stairs
from billing.lint.purchase import MONTHS, SEATS, Order, Use, cost, counts
from billing.money import ZERO
from billing.price import Price, Rate
from billing.price_book import PriceBook

TWELVE = Decimal(MONTHS)


class Terms(NamedTuple):
    """Under which terms a plan is bought: the day, how it pays, and how many seats where usage varies."""

    day: date | None
    billing: str = "month"


def varied(key: str, terms: Terms, name: Use | str, quantity: Decimal, *, seats: int) -> Order:
    """Return a year's order of so many seats, or of so much usage a month."""
    if name == SEATS or isinstance(name, str):
        return Order(key, seats=int(quantity), billing=terms.billing)
    return Order(key, seats=seats, billing=terms.billing, usage={name: quantity})


def curve(book: PriceBook, key: str, terms: Terms, name: Use | str) -> Curve:
    """Return a year's cost of a plan by its seats, or by a meter's monthly usage with the fewest seats."""
    plan = book.plans[key]
    seats = plan.seats.minimum
    edges: list[Decimal] = []
    steps: list[tuple[Decimal, Decimal]] = []
    slope = ZERO
    for rate, allowance, times in _rates(book, key, terms, name):
        edges += [(edge + allowance) / times for edge in [ZERO, *edges_of(rate)]]
        steps += [((start + allowance) / times, size / times) for start, size in stairs(rate)]
        slope += slope_of(rate) * _a_year(rate, terms, times)
    whole = isinstance(name, str) or is_whole(book.meters[name.meter])
    floor = plan.commitment.in_year(0) if plan.commitment else ZERO
    loose = plan.model_copy(update={"commitment": None})
    bare = book.model_copy(update={"plans": {**book.plans, key: loose}})

    def billed(quantity: Decimal) -> Decimal:
        return cost(bare, varied(key, terms, name, quantity, seats=seats), terms.day)

    return Curve(billed, edges=edges, steps=steps, slope=slope, whole=whole, floor=floor)


def _a_year(rate: Rate, terms: Terms, times: Decimal) -> int:
    """Return how often a year charges one more unit (a month's, or a seat)."""
    if isinstance(rate, Price) and rate.meter is None:
        return MONTHS if rate.cadence == "billing" else 1
    return MONTHS if isinstance(rate, Price) else 1


def _rates(
    book: PriceBook, key: str, terms: Terms, name: Use | str
) -> Iterator[tuple[Rate, Decimal, Decimal]]:
    """Yield the rates that a quantity runs through: with the allowance, and how often its window holds it."""
    plan = book.plans[key]
    for price in plan.prices.values():
        if isinstance(name, str):
            if price.per == "seat":
                yearly = terms.billing == "year" and price.cadence == "billing" and price.annual is not None
                yield price.annual if yearly and price.annual else price, ZERO, ONE
        elif counts(price, name):
            free = price.allowance * (plan.seats.minimum if price.allowance_per == "seat" else 1)
            yield price, free, ONE if price.window == "period" else TWELVE


def top_of(book: PriceBook, key: str, name: Use | str, most: Decimal | None) -> Decimal | None:
    """Return up to where a plan is sold: its limit, or the last seat that its prices name; None: no end.

    Tiers of usage say nothing of the kind: they are discounts for those who use much.
    """
    if most is not None or not isinstance(name, str):
        return most
    edges = [ZERO]
    for price in book.plans[key].prices.values():
        if price.per == "seat":
            rates = (price, price.annual) if price.annual is not None else (price,)
            edges += [tier.up_to for rate in rates for tier in rate.tiers if tier.up_to]
    return max(edges) or None

"""Vocabularies: another price book in the words of a scenario, so that its agents can buy from it.

A scenario names the plans, add-ons and meters of its own book. Another book that renamed them says so in
`replaces`; what stands for a key is then known by that key as well. Facts keep the scenario's keys, and
billing renames them, as a replay does.
"""

from typing import Any, TypeVar

from billing.plan import AddOn
from billing.price_book import PriceBook
from metering.document import Problems, problem
from simulator import scenario
from simulator.scenario import Loaded

T = TypeVar("T")


def in_words_of(loaded: Loaded, book: PriceBook, place: str) -> PriceBook:
    """Return a book in which the agents of a scenario find what they know.

    Raises Problems where it has no plan, add-on or discount for what the scenario names, and where it is in
    another currency.
    """
    own = loaded.book
    if book.currency != own.currency:
        message = f"is in {book.currency}, the scenario's own in {own.currency}"
        raise problem(place, message, "use one currency")
    plans = _with_names(book.plans, book.replaces)
    add_ons = {key: _sold_with(one, book.replaces) for key, one in book.add_ons.items()}
    known = book.model_copy(
        update={
            "plans": plans,
            "add_ons": _with_names(add_ons, book.replaces),
            "discounts": _with_names(book.discounts, book.replaces),
            "agreements": _with_names(book.agreements, book.replaces),
            "meters": {**book.meters, **own.meters},  # what agents use is what the scenario says
        }
    )
    named = loaded.scenario.model_copy(update={"targets": ()})  # a stream may be expected that is not sold
    if found := scenario.problems(named, known, place):
        raise Problems(
            one._replace(remedy=f"{one.remedy or 'add it'}, or let 'replaces' say what stands for it")
            for one in found
        )
    return known


def _with_names(things: dict[str, T], replaces: dict[str, str]) -> dict[str, T]:
    """Add what stands for other keys under these as well."""
    return things | {old: things[new] for old, new in replaces.items() if new in things}


def _sold_with(add_on: AddOn, replaces: dict[str, str]) -> Any:
    others = tuple(old for old, new in replaces.items() if new in add_on.plans)
    return add_on.model_copy(update={"plans": (*add_on.plans, *others)})

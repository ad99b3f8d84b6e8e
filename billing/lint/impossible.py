"""The impossible: values that a rule waits for and that no event can have, so that nothing triggers it."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple, get_type_hints

from billing.lint.finding import Finding
from billing.price_book import PriceBook
from billing.rule import Where
from metering.document import did_you_mean
from metering.event import EVENTS

BOOLEANS = ("false", "true")
"""How a field that is true or false stands in a dimension."""


class Rule(NamedTuple):
    """Where a rule of a book picks values of a meter's dimensions."""

    place: str
    meter: str
    where: Where


def impossible(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find values of a dimension that is true or false, and that are neither."""
    for rule in rules(book):
        event = book.meters[rule.meter].event
        hints = get_type_hints(EVENTS[event])
        for name, picked in rule.where.items():
            values = (picked,) if isinstance(picked, str) else picked
            wrong = [value for value in values if hints.get(name) is bool and value not in BOOLEANS]
            for value in wrong:
                yield Finding(
                    "unused", "warning", f"{rule.place}.where.{name}", value,
                    f"{name!r} of {event} is true or false, never {value!r}: nothing triggers this",
                    did_you_mean(value, BOOLEANS),
                )  # fmt: skip


def rules(book: PriceBook) -> Iterator[Rule]:
    """Yield every place of a book where values of a meter's dimensions are picked."""
    for plan_key, plan in book.plans.items():
        for key, price in plan.prices.items():
            if price.meter is not None:
                yield Rule(f"plans.{plan_key}.prices.{key}", price.meter, price.where)
        for key, limit in plan.limits.items():
            yield Rule(f"plans.{plan_key}.limits.{key}", limit.meter, limit.where)
    for key, entitlement in book.entitlements.items():
        place, giver = f"entitlements.{key}", entitlement.given_by
        yield Rule(f"{place}.covers", entitlement.covers.meter, entitlement.covers.where)
        if giver.meter is not None:
            yield Rule(f"{place}.given_by", giver.meter, giver.where)
        if giver.after is not None:
            yield Rule(f"{place}.given_by.after", giver.after.meter, giver.after.where)
    for key, refund in book.refunds.items():
        yield Rule(f"refunds.{key}", refund.meter, refund.where)

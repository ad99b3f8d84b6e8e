"""The catalog: whether the price book sells by the piece what an agent would buy."""

from collections.abc import Iterator

from billing.price import CATALOG
from billing.price_book import PriceBook
from metering.document import Problem, did_you_mean


def missing(book: PriceBook, event: str, place: str, **fields: str) -> Iterator[Problem]:
    """Yield a problem where no price of the catalog counts facts of a type with these fields."""
    tables = _tables(book, event)
    if any(all(value in table.get(name, (value,)) for name, value in fields.items()) for table in tables):
        return
    for name, value in fields.items():
        known = {one for table in tables for one in table.get(name, ())}
        if tables and all(name in table for table in tables) and value not in known:
            yield Problem(place, f"the catalog has no {name} {value!r}", did_you_mean(value, known))
            return
    what = ", ".join(f"{name} {value!r}" for name, value in fields.items())
    yield Problem(place, f"the catalog has no price for {event} with {what}", "add it to the price book")


def _tables(book: PriceBook, event: str) -> list[dict[str, tuple[str, ...]]]:
    """Return, for each price of the catalog that counts the type, the values that it counts."""
    plan = book.plans.get(CATALOG)
    if plan is None:
        return []
    counted = [
        price.where
        for price in plan.prices.values()
        if price.meter and book.meters[price.meter].event == event
    ]
    return [
        {name: (values,) if isinstance(values, str) else tuple(values) for name, values in where.items()}
        for where in counted
    ]

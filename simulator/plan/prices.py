"""The price book of a plan: a plan for each thing that is held, a price of the catalog for each that is sold.

It is made as the data of a TOML file: what a run keeps as `prices.toml` can be read, changed and replayed.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from billing.price import CATALOG
from metering.meter import USAGE
from simulator.plan.counted import Counted, Span

QUANTITY = {
    "order.placed": "quantity",
    "course.enrolled": "participants",
    "milestone.delivered": "share",
    "devices.shipped": "devices",
    "hours.worked": "hours",
    "partner_revenue.reported": "amount",
    "listing.sold": "amount",
    "advert.clicked": "amount",
    "savings.reported": "amount",
}
"""The field of each event kind that holds the quantity; an event of another kind counts 1."""

NAMED_BY = {
    "order.placed": "item",
    "course.enrolled": "course",
    "exam.sat": "exam",
    "milestone.delivered": "offering",
    "devices.shipped": "product",
    "hours.worked": "offering",
    "listing.sold": "category",
    "advert.clicked": "placement",
    "savings.reported": "offering",
}
"""The field of each event kind that holds the thing's key."""

UNDER_SUBSCRIPTION = ("usage.recorded", "devices.shipped", "partner_revenue.reported")
"""What happens under a subscription of the buyer; all else its account does."""


def book_of(
    name: str, currency: str, things: Sequence[Counted], sources: Mapping[str, str]
) -> dict[str, Any]:
    """Return the price book of a plan's things as data of TOML."""
    sold = [counted for counted in things if counted.thing.cadence != "cost" and counted.spans]
    plans = {counted.key: _plan(counted) for counted in sold if counted.thing.is_held}
    streams = [str(counted.thing.stream) for counted in sold]
    catalog: dict[str, Any] = {
        "name": "Sold by the piece",
        "stream": streams[0] if streams else "none",
        "prices": {},
    }
    for counted in sold:
        if not counted.thing.is_held:
            under = plans.get(counted.thing.by or "", catalog) if is_under(counted) else catalog
            under["prices"][counted.key] = _usage_price(counted)
    return {
        "name": name,
        "currency": currency,
        "sources": dict(sources),
        "meters": _meters(sold),
        "plans": plans | {CATALOG: catalog},
        "agreements": {counted.key: _agreement(counted) for counted in sold if counted.thing.agent},
    }


def is_under(counted: Counted) -> bool:
    """Tell whether a thing is used under the subscriptions of those who buy it."""
    return counted.thing.by is not None and counted.thing.happens in UNDER_SUBSCRIPTION


def meter_of(counted: Counted) -> str:
    """Return the key of the meter that counts a thing: its own for usage, else one for the kind of event."""
    happens = counted.thing.happens
    return counted.key if happens == USAGE else happens.replace(".", "-").replace("_", "-")


def _plan(counted: Counted) -> dict[str, Any]:
    thing = counted.thing
    rhythm = {"cadence": "year"} if thing.cadence == "year" else {}
    price = {"per": "subscription", **rhythm, "unit_price": counted.spans[0].price}
    return {
        "name": thing.name or counted.key,
        "stream": thing.stream,
        "source": thing.source or None,
        "prices": {counted.key: price | _changes(counted.spans)},
    }


def _usage_price(counted: Counted) -> dict[str, Any]:
    """Return the price of what is sold: a price each, or a share of an amount; an agent bills all of it."""
    thing = counted.thing
    named = NAMED_BY.get(thing.happens)
    price: dict[str, Any] = {"name": thing.name or counted.key, "meter": meter_of(counted)}
    if named is not None:
        price["where"] = {named: counted.key}
    if thing.agent:
        price |= {"group_by": ["seller"], "model": "percentage", "unit_price": Decimal(1)}
    else:
        model = {"model": "percentage"} if thing.cadence == "amount" else {}
        price |= model | {"unit_price": counted.spans[0].price} | _changes(counted.spans)
    return price | {"stream": thing.stream, "source": thing.source or None}


def _changes(spans: Iterable[Span]) -> dict[str, Any]:
    """Return the dated changes of a price: one where a period has another price than the one before."""
    first, *rest = spans
    found, price = [], first.price
    for span in rest:
        if span.price != price:
            price = span.price
            found.append({"starts_on": span.period.starts_on, "unit_price": price})
    return {"changes": found} if found else {}


def _meters(sold: Iterable[Counted]) -> dict[str, Any]:
    """Return a meter for each kind of event, and one for each thing that is used."""
    meters: dict[str, Any] = {}
    for counted in sold:
        happens = counted.thing.happens
        if counted.thing.is_held:
            continue
        if happens == USAGE:
            meters[counted.key] = {"aggregation": "sum"}
            continue
        fields = [NAMED_BY[happens]] if happens in NAMED_BY else []
        fields += ["seller"] if happens == "listing.sold" else []
        quantity = {"quantity": QUANTITY[happens]} if happens in QUANTITY else {}
        dimensions = {"dimensions": fields} if fields else {}
        meters[meter_of(counted)] = {"event": happens} | quantity | dimensions
    return meters


def _agreement(counted: Counted) -> dict[str, Any]:
    """Return what an agent pays its sellers: all but what it keeps."""
    return {
        "kind": "commission",
        "prices": [counted.key],
        "payee": "seller",
        "revenue": "net",
        "model": "percentage",
        "unit_price": 1 - counted.spans[0].price,
        "source": counted.thing.source or None,
    }

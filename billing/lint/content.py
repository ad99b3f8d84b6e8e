"""Content: what a plan gives by what the book says, and which of two plans gives more.

A book says how much a plan serves (limits, seats), how much is in its fee (allowances), which other plans and
which entitlements come with it. Features that have no key stay unsaid, so a dearer plan is no defect by
itself: only one that gives less, or the same, for more.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from billing.lint.curve import is_free
from billing.lint.purchase import MONTHS, SEATS, Order, Use, cost, has_seats, uses
from billing.money import ZERO
from billing.plan import Plan
from billing.price import CATALOG
from billing.price_book import PriceBook
from billing.rule import Entitlement, Limit

DAYS = 30
"""Days of a month, where a limit by the day is compared with one by the month."""


class Content(NamedTuple):
    """What a plan gives: the most it serves, what its fee includes, what comes with it (None: no end).

    `services` are the list prices of included plans by their stream, for a year; `rights` how much
    entitlements cover a year (None: everything), by what they cover.
    """

    most: dict[Use | str, Decimal | None]
    included: dict[Use, Decimal | None]
    services: dict[str, Decimal]
    rights: dict[str, Decimal | None]


def content(book: PriceBook, key: str) -> Content:
    """Return what a plan gives."""
    plan = book.plans[key]
    served = {uses(price) for price in plan.prices.values() if price.meter is not None}
    served |= {_limited(limit) for limit in plan.limits.values()}
    most: dict[Use | str, Decimal | None] = {use: _most(plan, use) for use in sorted(served)}
    if has_seats(plan) or plan.seats.maximum is not None:
        most[SEATS] = None if plan.seats.maximum is None else Decimal(plan.seats.maximum)
    included: dict[Use, Decimal | None] = {}
    for price in plan.prices.values():
        if price.meter is not None and is_free(price):
            included[uses(price)] = most[uses(price)]
        elif price.meter is not None and price.allowance:
            seats = plan.seats.minimum if price.allowance_per == "seat" else 1
            included[uses(price)] = price.allowance * seats
    return Content(most, included, _services(book, plan), dict(_rights(book, key)))


def _limited(limit: Limit) -> Use:
    values = ((name, value if isinstance(value, str) else value[0]) for name, value in limit.where.items())
    return Use(limit.meter, tuple(sorted(values)))


def _most(plan: Plan, use: Use) -> Decimal | None:
    """Return the most of some usage that a plan serves in a month."""
    values = dict(use.values)
    limits = [
        monthly(limit, plan.seats.minimum)
        for limit in plan.limits.values()
        if limit.meter == use.meter
        and all(
            values.get(name) in ((picked,) if isinstance(picked, str) else picked)
            for name, picked in limit.where.items()
        )
    ]
    return min(limits, default=None)


def monthly(limit: Limit, seats: int) -> Decimal:
    """Return the most that a limit lets so many seats use in a month."""
    most = limit.quantity * (seats if limit.per == "seat" else 1)
    return most * DAYS if limit.window == "day" else most


def by_day(plan: Plan, use: Use) -> bool:
    """Tell whether usage is limited by the day, so that a month's quantity does not say what is billed."""
    return any(limit.meter == use.meter and limit.window == "day" for limit in plan.limits.values())


def _services(book: PriceBook, plan: Plan) -> dict[str, Decimal]:
    services: dict[str, Decimal] = {}
    for key in plan.includes:
        stream = book.plans[key].stream
        worth = cost(book, Order(key, seats=book.plans[key].seats.minimum), None)
        services[stream] = max(worth, services.get(stream, ZERO))
    return services


def _rights(book: PriceBook, plan: str) -> Iterator[tuple[str, Decimal | None]]:
    for entitlement in book.entitlements.values():
        if plan in entitlement.given_by.plans:
            yield covered(entitlement), _a_year(entitlement)


def covered(entitlement: Entitlement) -> str:
    """Name what an entitlement covers, and how: `exams developer free`."""
    values = [f"{name}={value}" for name, value in sorted(entitlement.covers.where.items())]
    off = "free" if entitlement.is_free else f"{entitlement.share or entitlement.amount} off"
    return " ".join([entitlement.covers.meter, *values, off])


def _a_year(entitlement: Entitlement) -> Decimal | None:
    if entitlement.quantity is None:
        return None
    return entitlement.quantity * (MONTHS if entitlement.given_by.renews == "month" else 1)


def _covers(more: Decimal | None, less: Decimal | None) -> bool:
    return more is None or (less is not None and more >= less)


def serves(one: Content, other: Content) -> bool:
    """Tell whether `one` serves as much of everything that `other` serves."""
    return all(_serves(one, name) and _covers(one.most.get(name), most) for name, most in other.most.items())


def _serves(one: Content, name: Use | str) -> bool:
    """Tell whether a plan serves some usage; seats it serves where it does not count them, too."""
    return name == SEATS or name in one.most


def as_much(one: Content, other: Content) -> bool:
    """Tell whether `one` gives at least as much of everything that comes with `other`."""
    services = all(one.services.get(stream, ZERO) >= worth for stream, worth in other.services.items())
    rights = all(
        name in one.rights and _covers(one.rights[name], held) for name, held in other.rights.items()
    )
    return serves(one, other) and services and rights


def includes_no_less(one: Content, other: Content) -> bool:
    """Tell whether no allowance of `other` is larger than that of `one`."""
    return all(_covers(one.included.get(use, ZERO), held) for use, held in other.included.items())


def serves_more(one: Content, other: Content) -> list[str]:
    """Name what `one` serves or includes more of than `other`."""
    found = [
        name if isinstance(name, str) else name.meter
        for name, most in other.most.items()
        if most is not None and _serves(one, name) and not _covers(most, one.most.get(name))
    ]
    found += [
        use.meter
        for use, held in one.included.items()
        if use in other.most and not _covers(other.included.get(use, ZERO), held)
    ]
    return list(dict.fromkeys(found))


def brings_more(one: Content, other: Content) -> list[str]:
    """Name what comes with `one` and not, or less of it, with `other`."""
    services = [stream for stream, worth in one.services.items() if worth > other.services.get(stream, ZERO)]
    rights = [
        name
        for name, held in one.rights.items()
        if name not in other.rights or not _covers(other.rights[name], held)
    ]
    return services + rights


class Pair(NamedTuple):
    """Two plans of a stream: `higher` serves as much as `lower`, and `more` names what it gives more of.

    `whole`: nothing that the book says of the lower plan is missing in the higher one.
    """

    lower: str
    higher: str
    less: Content
    much: Content
    more: list[str]
    whole: bool


def pairs(book: PriceBook) -> Iterator[Pair]:
    """Yield every pair of plans that sell the same, of which one gives as much as the other or more.

    They do in one stream, where both count seats or a common meter.
    """
    held = {key: content(book, key) for key in book.plans if key != CATALOG}
    for lower, less in held.items():
        for higher, much in held.items():
            if lower == higher or not _alike(book, lower, higher, less, much):
                continue
            if serves(much, less) and includes_no_less(much, less):
                whole = as_much(much, less)
                more = serves_more(much, less) + (brings_more(much, less) if whole else [])
                yield Pair(lower, higher, less, much, more, whole)


def _alike(book: PriceBook, one: str, other: str, less: Content, much: Content) -> bool:
    plans = book.plans[one], book.plans[other]
    if plans[0].stream != plans[1].stream:
        return False
    return all(map(has_seats, plans)) or any(isinstance(use, Use) and use in much.most for use in less.most)

"""Bundles against their parts: what comes with a purchase, and what that costs by itself."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from billing.lint.finding import Finding, Purchase, figure
from billing.lint.purchase import MONTHS, Order, is_monthly, of_plan, of_rate
from billing.money import ZERO
from billing.price import CATALOG, Price
from billing.price_book import PriceBook
from billing.pricing import charge
from billing.rule import Entitlement, Scope


def inclusions(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find plans that cost less than a plan that comes with them."""
    for key, plan in book.plans.items():
        for included in plan.includes:
            part, whole = (
                _least(book, name, day, months=1 if is_monthly(book, key, included) else MONTHS)
                for name in (included, key)
            )
            if part.amount > whole.amount:
                yield Finding(
                    "bundle", "error", f"plans.{key}.includes", included,
                    f"{key!r} includes {included!r}, and costs {figure(whole.amount)} where that alone costs"
                    f" {figure(part.amount)}",
                    f"raise the least price of {key!r}, include less, or sell {included!r} for less",
                    (part, whole),
                )  # fmt: skip


def _least(book: PriceBook, key: str, day: date | None, *, months: int) -> Purchase:
    return of_plan(book, Order(key, seats=book.plans[key].seats.minimum, months=months), day)


def overlap(price: Price, scope: Scope) -> bool:
    """Tell whether a price counts some of the units of a scope."""
    return price.meter == scope.meter and all(
        set(_values(picked)) & set(_values(scope.where[name]))
        for name, picked in price.where.items()
        if name in scope.where
    )


def _values(picked: str | tuple[str, ...]) -> tuple[str, ...]:
    return (picked,) if isinstance(picked, str) else picked


def sold_at(book: PriceBook, scope: Scope) -> list[tuple[str, Price]]:
    """Return the catalog's prices of the units of a scope that cost something: (key, price)."""
    catalog = book.plans.get(CATALOG)
    prices = catalog.prices if catalog else {}
    return [
        (key, price)
        for key, price in prices.items()
        if overlap(price, scope) and charge(price, price.allowance + 1, allowance=price.allowance)
    ]


def by_the_piece(book: PriceBook, scope: Scope, quantity: Decimal) -> list[Purchase]:
    """Return the ways to buy so many units of a scope by the piece, the cheapest first."""
    found = [
        of_rate(book, price.name or key, price, quantity, price.allowance)
        for key, price in sold_at(book, scope)
    ]
    return sorted(found, key=lambda purchase: purchase.amount)


def cheapest(book: PriceBook, scope: Scope, quantity: Decimal) -> Purchase | None:
    """Return the cheapest way to buy so many units of a scope by the piece; None where they are not sold."""
    return next(iter(by_the_piece(book, scope, quantity)), None)


def rights(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find plans and purchases that cost less than the units they entitle to, bought by the piece."""
    for key, entitlement in book.entitlements.items():
        if entitlement.quantity is None or not entitlement.is_free:
            continue
        for plan in entitlement.given_by.plans:
            yield from _by_plan(book, key, entitlement, plan, day)
        if entitlement.given_by.meter is not None and not entitlement.deferred:
            yield from _by_purchase(book, key, entitlement)


def _by_plan(
    book: PriceBook, key: str, entitlement: Entitlement, plan: str, day: date | None
) -> Iterator[Finding]:
    giver, seats = entitlement.given_by, book.plans[plan].seats.minimum
    given = (entitlement.quantity or ZERO) * (seats if giver.per == "seat" else 1)
    months = 1 if giver.renews == "month" and is_monthly(book, plan) else MONTHS
    given *= MONTHS if giver.renews == "month" and months == MONTHS else 1
    part = cheapest(book, entitlement.covers, given)
    whole = _least(book, plan, day, months=months)
    if part is not None and part.amount > whole.amount:
        yield Finding(
            "bundle", "error", f"entitlements.{key}", plan,
            f"{plan!r} for {figure(whole.amount)} comes with {figure(given)} {entitlement.covers.meter}"
            f" that cost {figure(part.amount)} by the piece",
            f"raise the least price of {plan!r}, give less, or sell the piece for less", (part, whole),
        )  # fmt: skip


def _by_purchase(book: PriceBook, key: str, entitlement: Entitlement) -> Iterator[Finding]:
    """Compare one piece that brings the entitlement with what that is worth."""
    giver = entitlement.given_by
    part = cheapest(book, entitlement.covers, entitlement.quantity or ZERO)
    whole = cheapest(book, Scope(meter=giver.meter or "", where=giver.where), Decimal(1))
    if part is not None and whole is not None and giver.after is None and part.amount > whole.amount:
        yield Finding(
            "bundle", "error", f"entitlements.{key}", "piece",
            f"{whole.text.rpartition(',')[0]!r} costs {figure(whole.amount)} and comes with units that cost"
            f" {figure(part.amount)} by the piece",
            "raise its price, or give less with it", (part, whole),
        )  # fmt: skip


def same_thing(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find what is sold under two prices that hold the same of one thing, and of which one is dearer.

    Of things that a meter counts there is a price by the piece: see `billing.lint.packs.contents`.
    """
    by_content: dict[tuple[str, Decimal], list[tuple[str, Price]]] = {}
    for plan_key, plan in book.plans.items():
        for key, price in plan.prices.items():
            if len(price.contains) == 1 and not price.contains.keys() & book.meters.keys():
                ((name, quantity),) = price.contains.items()
                by_content.setdefault((name, quantity), []).append((f"plans.{plan_key}.prices.{key}", price))
    for (name, quantity), prices in by_content.items():
        bought = [(place, of_rate(book, price.name or place.rpartition(".")[2], price, Decimal(1)))
                  for place, price in prices]  # fmt: skip
        low = min(bought, key=lambda item: item[1].amount)
        high = max(bought, key=lambda item: item[1].amount)
        if 0 < low[1].amount < high[1].amount:
            yield Finding(
                "same-thing", "error", high[0], f"{name} {quantity}",
                f"{figure(quantity)} {name} cost {figure(high[1].amount)} here and {figure(low[1].amount)} at"
                f" {low[0]}",
                "sell it at one price, or say what the dearer one has more", (high[1], low[1]),
            )  # fmt: skip

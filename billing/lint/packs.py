"""Packs against each other and against the piece: prepaid units, rate cards, fixed prices that hold units.

A pack is an order with a deferred entitlement: its price is earned as units are drawn, so it buys nothing
else. `contains` says what a fixed price or a retainer holds, in the units that meters name.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.lint.bundles import cheapest, sold_at
from billing.lint.finding import Finding, Purchase, figure
from billing.lint.purchase import of_rate
from billing.money import ZERO
from billing.price import CATALOG, Price
from billing.price_book import PriceBook
from billing.rule import Scope


class Pack(NamedTuple):
    """Prepaid units: the entitlement's key, what it covers, how many, and what buys them."""

    key: str
    covers: Scope
    quantity: Decimal
    name: str
    price: Price
    bought: Purchase

    @property
    def each(self) -> Decimal:
        """The price of one unit."""
        return self.bought.amount / self.quantity


def packs(book: PriceBook) -> list[Pack]:
    """Return the packs of a book, the smaller before the larger."""
    found = []
    for key, entitlement in book.entitlements.items():
        giver = entitlement.given_by
        if not entitlement.deferred or not entitlement.is_free or giver.meter is None or giver.after:
            continue
        sold = sold_at(book, Scope(meter=giver.meter, where=giver.where))
        if len(sold) == 1 and entitlement.quantity:
            name, price = sold[0]
            bought = of_rate(book, price.name or name, price, Decimal(1))
            found.append(Pack(key, entitlement.covers, entitlement.quantity, name, price, bought))
    return sorted(found, key=lambda pack: (pack.quantity, pack.key))


def pack_ladders(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find packs that smaller packs of the same units undercut, and larger ones that cost less."""
    held = packs(book)
    for pack in held:
        family = [other for other in held if other.covers == pack.covers and other.key != pack.key]
        for other in family:
            finding = _undercut(book, pack, other)
            if finding is not None:
                yield finding
                break


def _undercut(book: PriceBook, pack: Pack, other: Pack) -> Finding | None:
    """Compare a pack with as many of another as hold no less."""
    count = -(-pack.quantity // other.quantity)
    bought = of_rate(book, other.price.name or other.name, other.price, count)
    holds = count * other.quantity
    if bought.amount > pack.bought.amount or (bought.amount == pack.bought.amount and holds == pack.quantity):
        return None
    return Finding(
        "pack", "error", f"plans.{CATALOG}.prices.{pack.name}", other.name,
        f"{figure(pack.quantity)} {pack.covers.meter} in {pack.name!r} cost {figure(pack.bought.amount)};"
        f" {figure(count)} of {other.name!r} hold {figure(holds)} and cost {figure(bought.amount)}",
        "let the price of a unit fall with the size of the pack", (pack.bought, bought),
    )  # fmt: skip


def pack_discounts(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find packs whose units cost as much by the piece, or less."""
    for pack in packs(book):
        loose = cheapest(book, pack.covers, pack.quantity)
        if loose is not None and loose.amount <= pack.bought.amount:
            dearer = loose.amount < pack.bought.amount
            yield Finding(
                "pack", "error" if dearer else "warning", f"plans.{CATALOG}.prices.{pack.name}", "piece",
                f"{figure(pack.quantity)} {pack.covers.meter} prepaid in {pack.name!r} cost"
                f" {figure(pack.bought.amount)}, and {figure(loose.amount)} by the piece",
                "price the pack below its units, or drop it", (pack.bought, loose),
            )  # fmt: skip


class Way(NamedTuple):
    """A way to buy units: where it stands, the purchase, how many units it holds."""

    place: str
    bought: Purchase
    quantity: Decimal

    @property
    def each(self) -> Decimal:
        """The price of one unit."""
        return self.bought.amount / self.quantity


def _rate_card(book: PriceBook, unit: str) -> list[Way]:
    """Return what one unit costs by the piece, in every price that counts this unit."""
    catalog = book.plans.get(CATALOG)
    found = []
    for key, price in catalog.prices.items() if catalog else ():
        if price.meter and book.meters[price.meter].unit == unit and price.minimum is None:
            bought = of_rate(book, price.name or key, price, price.allowance + 1, price.allowance)
            if bought.amount:
                found.append(Way(f"plans.{CATALOG}.prices.{key}", bought, Decimal(1)))
    return found


def _prepaid(book: PriceBook, unit: str) -> list[Way]:
    """Return the packs of units of this name."""
    return [
        Way(f"plans.{CATALOG}.prices.{pack.name}", pack.bought, pack.quantity)
        for pack in packs(book)
        if book.meters[pack.covers.meter].unit == unit
    ]


def contents(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find fixed prices and retainers whose units cost more than the dearest, or less than the cheapest, apart."""
    for plan_key, plan in book.plans.items():
        for key, price in plan.prices.items():
            for unit, quantity in price.contains.items():
                card = _rate_card(book, unit)
                if len(price.contains) == 1 and card and quantity:
                    bought = of_rate(book, price.name or key, price, Decimal(1))
                    way = Way(f"plans.{plan_key}.prices.{key}", bought, quantity)
                    yield from _outside(book, unit, way, [*card, *_prepaid(book, unit)])


def _outside(book: PriceBook, unit: str, way: Way, apart: list[Way]) -> Iterator[Finding]:
    """Compare the unit of a fixed price with all ways to buy it apart, at the same quantity."""
    low, high = (pick(apart, key=lambda other: other.each) for pick in (min, max))
    for is_dear, other in ((way.each > high.each, high), (way.each < low.each, low)):
        if is_dear:
            dear = way.each > other.each
            word = "more than the dearest" if dear else "less than the cheapest"
            loose = other.bought._replace(
                text=f"{other.bought.text}, which makes {figure(_cents(other.each))} for one {unit}"
            )
            held = way.bought._replace(
                text=f"{way.bought.text}, which makes {figure(_cents(way.each))} for one {unit}"
            )
            yield Finding(
                "content", "warning", way.place, f"{unit} {word}",
                f"one {unit} of the {figure(way.quantity)} in it costs {figure(_cents(way.each))}, {word}"
                f" that is sold apart ({figure(_cents(other.each))})",
                "bring the fixed price nearer to its parts, or correct what it contains",
                (held, loose),
            )  # fmt: skip


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"))


def rates_undercut(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find discounts for subscribers on units that anybody buys as cheaply in the smallest pack."""
    for key, entitlement in book.entitlements.items():
        if entitlement.is_free or not entitlement.given_by.plans:
            continue
        unit = book.meters[entitlement.covers.meter].unit
        prepaid = _prepaid(book, unit)
        loose = cheapest(book, entitlement.covers, Decimal(1))
        if loose is None or not prepaid:
            continue
        pack = prepaid[0]
        off = (entitlement.amount or ZERO) or loose.amount * (entitlement.share or ZERO)
        net = max(ZERO, loose.amount - off)
        if net >= pack.each:
            many = cheapest(book, entitlement.covers, pack.quantity)
            assert many is not None, "one unit is sold, so are many"
            yield Finding(
                "discount", "warning", f"entitlements.{key}", "pack",
                f"one {unit} costs subscribers {figure(_cents(net))} after the discount, and anybody"
                f" {figure(_cents(pack.each))} in {pack.place.rpartition('.')[2]!r}",
                "take more off for subscribers, or raise the price of the pack", (many, pack.bought),
            )  # fmt: skip

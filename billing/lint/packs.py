"""Packs against each other and against the piece: prepaid units, rate cards, fixed prices that hold units.

A pack is an order with a deferred entitlement: its price is earned as units are drawn, so it buys nothing
else. `contains` says how much of a meter a fixed price or a retainer holds.
"""

from collections.abc import Iterator
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from billing.lint.bundles import by_the_piece, sold_at
from billing.lint.curve import pieces, slope_of
from billing.lint.finding import Finding, Purchase, Severity, figure
from billing.lint.purchase import of_rate
from billing.money import ZERO
from billing.price import CATALOG, Price, Rate
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
    givers = [entitlement.given_by for entitlement in book.entitlements.values()]
    for key, entitlement in book.entitlements.items():
        giver = entitlement.given_by
        alone = givers.count(giver) == 1  # what gives several things is a bundle of them
        if not alone or not entitlement.deferred or not entitlement.is_free or not giver.meter or giver.after:
            continue
        sold = sold_at(book, Scope(meter=giver.meter, where=giver.where))
        if len(sold) == 1 and entitlement.quantity:
            name, price = sold[0]
            bought = of_rate(book, price.name or name, price, Decimal(1))
            found.append(Pack(key, entitlement.covers, entitlement.quantity, name, price, bought))
    return sorted(found, key=lambda pack: (pack.quantity, pack.key))


def pack_ladders(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find packs that other packs of the same units undercut."""
    held = packs(book)
    for pack in held:
        family = [other for other in held if other.covers == pack.covers and other.key != pack.key]
        found = [finding for other in family for finding in _undercut(book, pack, other)]
        yield from found[:1]


def _undercut(book: PriceBook, pack: Pack, other: Pack) -> Iterator[Finding]:
    """Compare a pack with as many of another as hold no less, and a larger pack by the price of a unit."""
    count = upwards(pack.quantity / other.quantity)
    bought = _bought(book, other, count)
    holds = count * other.quantity
    if bought.amount < pack.bought.amount or (bought.amount == pack.bought.amount and holds > pack.quantity):
        yield _told(pack, other, (pack.bought, bought), count, holds, severity="error")
    elif other.quantity < pack.quantity and other.each < pack.each:
        both = _bought(book, pack, other.quantity), _bought(book, other, pack.quantity)
        yield _told(pack, other, both, pack.quantity, pack.quantity * other.quantity, severity="warning")


def _bought(book: PriceBook, pack: Pack, count: Decimal) -> Purchase:
    return of_rate(book, pack.price.name or pack.name, pack.price, count)


def _told(
    pack: Pack,
    other: Pack,
    both: tuple[Purchase, Purchase],
    count: Decimal,
    holds: Decimal,
    *,
    severity: Severity,
) -> Finding:
    return Finding(
        "pack", severity, f"plans.{CATALOG}.prices.{pack.name}", other.name,
        f"{figure(count)} of {other.name!r} hold {figure(holds)} {pack.covers.meter} and cost"
        f" {figure(both[1].amount)}; {pack.name!r} asks {figure(both[0].amount)} for"
        f" {figure(pack.quantity if severity == 'error' else holds)}",
        "let the price of a unit fall with the size of the pack", both,
    )  # fmt: skip


def upwards(number: Decimal) -> Decimal:
    """Return the least whole number that is no less."""
    return number.to_integral_value(ROUND_CEILING)


def pack_discounts(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find packs whose units cost as much by the piece, or less, whichever of them are drawn."""
    for pack in packs(book):
        ways = by_the_piece(book, pack.covers, pack.quantity)
        if ways and ways[-1].amount <= pack.bought.amount:
            loose = ways[-1]
            yield Finding(
                "pack", "error" if loose.amount < pack.bought.amount else "warning",
                f"plans.{CATALOG}.prices.{pack.name}", "piece",
                f"{figure(pack.quantity)} {pack.covers.meter} prepaid in {pack.name!r} cost"
                f" {figure(pack.bought.amount)}, and {figure(loose.amount)} by the piece",
                "price the pack below its units, or drop it", (pack.bought, loose),
            )  # fmt: skip


class Way(NamedTuple):
    """A way to buy units: where it stands, its price, and how many units one piece of it holds."""

    place: str
    name: str
    price: Price
    quantity: Decimal

    def bought(self, book: PriceBook, units: Decimal) -> Purchase:
        """Return the purchase of at least so many units."""
        count = upwards(units / self.quantity) if self.quantity != 1 else units
        return of_rate(book, self.name, self.price, self.price.allowance + count, self.price.allowance)


def _rate_card(book: PriceBook, name: str) -> list[Way]:
    """Return every price of the catalog that counts this meter, or this unit, and asks something for it."""
    catalog = book.plans.get(CATALOG)
    ways = [
        Way(f"plans.{CATALOG}.prices.{key}", price.name or key, price, Decimal(1))
        for key, price in (catalog.prices.items() if catalog else ())
        if price.meter and name in (price.meter, book.meters[price.meter].unit)
    ]
    return [way for way in ways if way.bought(book, Decimal(1)).amount]


def _prepaid(book: PriceBook, name: str) -> list[Way]:
    """Return the packs of this meter, or this unit, the smaller before the larger."""
    return [
        Way(f"plans.{CATALOG}.prices.{pack.name}", pack.price.name or pack.name, pack.price, pack.quantity)
        for pack in packs(book)
        if name in (pack.covers.meter, book.meters[pack.covers.meter].unit)
    ]


def contents(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find fixed prices and retainers that cost more than every way to buy apart, or less than any."""
    for plan_key, plan in book.plans.items():
        for key, price in plan.prices.items():
            if len(price.contains) != 1:
                continue
            ((unit, quantity),) = price.contains.items()
            name = (price.name or key) if price.meter else plan.name
            way = Way(f"plans.{plan_key}.prices.{key}", name, price, quantity)
            yield from _outside(book, unit, way)


def _outside(book: PriceBook, unit: str, way: Way) -> Iterator[Finding]:
    """Compare a fixed price with every way to buy its units apart."""
    card = _rate_card(book, unit)
    if not card:
        return
    held = way.bought(book, way.quantity)
    dearest = max((other.bought(book, way.quantity) for other in card), key=lambda bought: bought.amount)
    cheapest_apart = min(
        (other.bought(book, way.quantity) for other in [*card, *_prepaid(book, unit)]),
        key=lambda bought: bought.amount,
    )
    each = figure((held.amount / way.quantity).quantize(Decimal("0.01")))
    for other, word, is_outside in (
        (dearest, "more than the dearest", held.amount > dearest.amount),
        (cheapest_apart, "less than the cheapest", held.amount < cheapest_apart.amount),
    ):
        if is_outside:
            yield Finding(
                "content", "warning", way.place, f"{unit} {word}",
                f"the {figure(way.quantity)} {unit} in it cost {figure(held.amount)} ({each} each), {word}"
                f" way to buy them apart, {figure(other.amount)} ({other.text})",
                "bring the fixed price nearer to its parts, or correct what it contains",
                (held, other) if held.amount > other.amount else (other, held),
            )  # fmt: skip


def rates_undercut(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find discounts for subscribers on units that anybody buys as cheaply in the smallest pack."""
    for key, entitlement in book.entitlements.items():
        unit = book.meters[entitlement.covers.meter].unit
        prepaid = _prepaid(book, unit)
        listed = [slope for _, price in sold_at(book, entitlement.covers) if (slope := listed_price(price))]
        if entitlement.is_free or not entitlement.given_by.plans or not listed or not prepaid:
            continue
        pack, price = prepaid[0], min(listed)
        off = entitlement.amount if entitlement.amount is not None else price * (entitlement.share or ZERO)
        net = Rate(unit_price=max(ZERO, price - off))
        subscribers = of_rate(book, f"{unit}s after the discount", net, pack.quantity)
        anybody = pack.bought(book, pack.quantity)
        if subscribers.amount >= anybody.amount:
            yield Finding(
                "discount", "warning", f"entitlements.{key}", "pack",
                f"{figure(pack.quantity)} {unit}s cost subscribers {figure(subscribers.amount)} after the"
                f" discount, and anybody {figure(anybody.amount)} in {pack.name!r}",
                "take more off for subscribers, or raise the price of the pack", (subscribers, anybody),
            )  # fmt: skip


def listed_price(rate: Rate) -> Decimal:
    """Return what a unit costs by the list: in the first tier that asks something, without a minimum."""
    prices = [piece.slope for piece in pieces(rate)] or [slope_of(rate)]
    return next((price for price in prices if price), ZERO)

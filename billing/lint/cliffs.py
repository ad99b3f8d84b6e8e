"""Cliffs: quantities above which more costs less than before, within one price."""

import itertools
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.lint.content import monthly
from billing.lint.curve import FINEST, ONE, Piece, clamped, pieces
from billing.lint.finding import Finding, Purchase, figure
from billing.lint.purchase import Order, of_plan, of_rate, uses
from billing.money import ZERO
from billing.plan import Plan
from billing.price import CATALOG, Price, Rate
from billing.price_book import PriceBook
from billing.pricing import amount
from billing.rule import Agreement
from metering.event import EVENTS
from metering.meter import USAGE, Meter


class Cliff(NamedTuple):
    """Where a rate falls: `edge` costs more than the first quantity above it, and than all up to `until`."""

    edge: Decimal
    above: Decimal
    until: Decimal


class Sold(NamedTuple):
    """A rate of the book: where it stands, what it is the price of, and in what it is counted."""

    place: str
    name: str
    rate: Rate
    unit: str
    whole: bool
    allowance: Decimal = ZERO
    top: Decimal | None = None

    @property
    def text(self) -> str:
        """The name, and the unit where the name does not say it."""
        return self.name if self.name.endswith(self.unit) else f"{self.name}, {self.unit}"


def is_whole(meter: Meter) -> bool:
    """Tell whether a meter counts in whole units: calls of an event, participants, devices."""
    if meter.aggregation in {"count", "unique_count"} or (meter.event != USAGE and not meter.quantity):
        return True
    return meter.event != USAGE and EVENTS[meter.event].__annotations__.get(meter.quantity) is int


def rates(book: PriceBook) -> Iterator[Sold]:
    """Yield every rate at which something is sold."""
    for plan_key, plan in book.plans.items():
        for key, price in plan.prices.items():
            yield from _of_price(
                book, f"plans.{plan_key}.prices.{key}", price, plan, title(plan_key, plan, key)
            )
    for key, add_on in book.add_ons.items():
        yield from _of_price(book, f"add_ons.{key}.price", add_on.price, None, add_on.name)


def title(plan_key: str, plan: Plan, key: str) -> str:
    """Name a price for people."""
    name = plan.prices[key].name or key
    return name if plan_key == CATALOG else f"{plan.name}: {name}"


def _of_price(book: PriceBook, place: str, price: Price, plan: Plan | None, name: str) -> Iterator[Sold]:
    if price.meter is None:
        unit = {"seat": "seats", "add_on": "pieces"}.get(price.per or "", "subscriptions")
        top = Decimal(plan.seats.maximum) if plan and price.per == "seat" and plan.seats.maximum else None
        yield Sold(place, name, price, unit, whole=True, top=top)
        if price.annual is not None:
            yield Sold(f"{place}.annual", f"{name}, a year", price.annual, unit, whole=True, top=top)
        return
    meter = book.meters[price.meter]
    limits = [
        limit.quantity
        for limit in (plan.limits.values() if plan else ())
        if limit.meter == price.meter and limit.window == "month" and limit.per == "subscription"
    ]
    top = min(limits, default=None) if price.window == "period" else None
    whole = is_whole(meter)
    yield Sold(place, name, price, f"{price.meter}", whole=whole, allowance=price.allowance, top=top)


def falls(rate: Rate, *, whole: bool, top: Decimal | None = None) -> Iterator[Cliff]:
    """Yield the places where a rate falls; `top` is the most that can be bought."""
    stretches = pieces(rate)
    for number, (piece, beyond) in enumerate(itertools.pairwise(stretches)):
        edge = piece.high
        assert edge is not None, "only the last piece is open"
        if whole:
            edge //= 1
        if edge <= piece.low or (top is not None and top <= edge):
            continue
        cost = amount(rate, edge)
        above = next((more for more in _above(edge, beyond, whole=whole) if amount(rate, more) < cost), None)
        if above is not None and (top is None or above <= top):
            yield Cliff(edge, above, _until(rate, stretches[number + 1 :], cost, above, whole=whole))


def _above(edge: Decimal, beyond: Piece, *, whole: bool) -> Iterator[Decimal]:
    """Yield quantities just above an edge, the plainest first."""
    unit = ONE
    while unit >= FINEST:
        if beyond.high is None or edge + unit <= beyond.high:
            yield edge + unit
        if whole:
            return
        unit /= 10


def _until(rate: Rate, stretches: list[Piece], cost: Decimal, above: Decimal, *, whole: bool) -> Decimal:
    """Return the quantity up to which everything costs no more than `cost`."""
    until = above
    for piece in stretches:
        if clamped(rate, piece.at(max(above, piece.low))) > cost:
            break
        end = piece.high
        if piece.slope and (end is None or clamped(rate, piece.at(end)) > cost):
            end = (cost - piece.fixed) / piece.slope
            return max(until, end // 1 if whole else end.quantize(FINEST, rounding="ROUND_DOWN"))
        until = end or until
        if end is None:
            break
    return until


def cliffs(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find prices at which more costs less: all-units tiers, group prices, flat fees that end."""
    for sold in rates(book):
        for cliff in falls(sold.rate, whole=sold.whole, top=sold.top):
            less, more = sold.allowance + cliff.edge, sold.allowance + cliff.above
            dear = of_rate(book, sold.text, sold.rate, less, sold.allowance)
            cheap = of_rate(book, sold.text, sold.rate, more, sold.allowance)
            if cheap.amount < dear.amount:
                until = sold.allowance + cliff.until
                further = f", and no less than all up to {figure(until)}" if until > more else ""
                yield Finding(
                    "cliff", "error", sold.place, f"{figure(cliff.edge)}",
                    f"{figure(less)} {sold.unit} cost more than {figure(more)}{further}",
                    _MARGINAL, (dear, cheap),
                )  # fmt: skip


_MARGINAL = 'let each unit cost what its own tier says: model = "graduated"'


def payout_cliffs(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find agreements under which a partner who sells more is paid less."""
    for key, agreement in book.agreements.items():
        for cliff in falls(agreement, whole=False):
            dear, cheap = (_paid(book, agreement, key, amount) for amount in (cliff.edge, cliff.above))
            if cheap.amount < dear.amount:
                yield Finding(
                    "cliff", "error", f"agreements.{key}", figure(cliff.edge),
                    f"a partner is paid less for {figure(cliff.above)} than for {figure(cliff.edge)};"
                    f" everything up to {figure(cliff.until)} pays no more",
                    _MARGINAL, (dear, cheap),
                )  # fmt: skip


def _paid(book: PriceBook, agreement: Agreement, key: str, basis: Decimal) -> Purchase:
    return of_rate(book, f"payout of {agreement.name or key} on", agreement, basis)


def seat_allowances(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find seats that are cheaper than the usage that comes with them."""
    for plan_key, plan in book.plans.items():
        for key, price in plan.prices.items():
            if price.allowance_per == "seat" and price.allowance and price.window == "period":
                yield from _seat_allowance(book, plan_key, plan, key, day)


def _seat_allowance(
    book: PriceBook, plan_key: str, plan: Plan, key: str, day: date | None
) -> Iterator[Finding]:
    """Compare one seat that runs over its allowance by another's with two seats."""
    price = plan.prices[key]
    seats = plan.seats.minimum
    if plan.seats.maximum is not None and plan.seats.maximum <= seats:
        return
    used = {uses(price): price.allowance * (seats + 1)}
    limits = [limit for limit in plan.limits.values() if limit.meter == price.meter]
    if any(limit.window == "day" or monthly(limit, seats) < used[uses(price)] for limit in limits):
        return
    few, many = (of_plan(book, Order(plan_key, seats=count, usage=used), day) for count in (seats, seats + 1))
    if many.amount < few.amount:
        yield Finding(
            "cliff", "error", f"plans.{plan_key}.prices.{key}", "seat",
            f"a further seat costs less than the {figure(price.allowance)} {price.meter} that come with it",
            "raise the price of a seat or lower its allowance", (few, many),
        )  # fmt: skip

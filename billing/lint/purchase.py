"""Purchases: what a plan or a price comes to, month by month as it is billed, and the request to quote it.

The amounts come from `billing.pricing`, rounded line by line as invoices are; `billing.quote` answers the
requests with the same amounts, which a test makes sure of.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from billing.lint.finding import Purchase, figure
from billing.money import ZERO, round_money, times
from billing.plan import Plan
from billing.price import Price, Rate
from billing.price_book import PriceBook
from billing.pricing import amount, charge
from billing.quote import quote
from billing.rule import Discount
from metering.period import add_months

MONTHS = 12

SEATS = "seats"
"""The name under which seats are counted, beside the meters."""

ANY_MONTH = date(2026, 1, 1)
"""A month to quote where it does not matter which."""

_RATE = ("model", "unit_price", "flat_fee", "package_size", "packages", "tiers", "minimum", "maximum")


class Use(NamedTuple):
    """Units of a meter with these values of its dimensions: what a price with the same `where` counts."""

    meter: str
    values: tuple[tuple[str, str], ...] = ()


class Order(NamedTuple):
    """What is bought of a plan: how many seats, how it pays, for how long, and the usage of each month."""

    plan: str
    seats: int = 1
    billing: str = "month"
    months: int = MONTHS
    usage: Mapping[Use, Decimal] = {}
    discount: str = ""


def uses(price: Price) -> Use:
    """Return usage that a price counts."""
    values = ((name, value if isinstance(value, str) else value[0]) for name, value in price.where.items())
    return Use(price.meter or "", tuple(sorted(values)))


def counts(price: Price, use: Use) -> bool:
    """Tell whether a price counts some usage."""
    values = dict(use.values)
    return price.meter == use.meter and all(
        values.get(name) in ((picked,) if isinstance(picked, str) else picked)
        for name, picked in price.where.items()
    )


def cost(book: PriceBook, order: Order, day: date | None) -> Decimal:
    """Return what an order is billed that begins on a day (any, None, where prices never change)."""
    plan = book.plans[order.plan]
    if not _adds_up(book, order):
        told = quote(book, _request(book, order, day), month=day or ANY_MONTH)
        return Decimal(told["amount"])
    billed = sum((_billed(book, price, order, day) for price in plan.prices.values()), ZERO)
    if order.discount:
        share = book.discounts[order.discount].share or ZERO
        for price in plan.prices.values():
            if price.meter is None and price.cadence != "once":
                billed -= _billed(book, price, order, day, share=share)
    if plan.commitment is not None and order.months == MONTHS:
        billed += _rounded(book, max(ZERO, plan.commitment.in_year(0) - billed))
    return billed


def _adds_up(book: PriceBook, order: Order) -> bool:
    """Tell whether an order costs what its lines cost one by one, with nothing that is about all of them."""
    said = book.conventions
    by_line = said.rounding_place != "invoice" and not (order.discount and said.discount_place == "invoice")
    held = all(
        price.terms.has_minimum and price.terms.has_maximum
        for price in book.plans[order.plan].prices.values()
    )
    return by_line and held and book.plans[order.plan].maximum is None


def _rounded(book: PriceBook, exact: Decimal) -> Decimal:
    return round_money(exact, book.currency, book.conventions.rounding)


def _billed(
    book: PriceBook, price: Price, order: Order, day: date | None, *, share: Decimal | None = None
) -> Decimal:
    """Return what a price bills in an order, rounded line by line; or a share of each line, rounded too."""
    total = ZERO
    for line, times_billed in _lines(price, order, day):
        billed = _rounded(book, line)
        billed -= _rounded(book, times(billed, price.off or ZERO))
        billed = billed if share is None else _rounded(book, times(billed, share))
        total += billed * times_billed
    return total


def _lines(price: Price, order: Order, day: date | None) -> Iterator[tuple[Decimal, int]]:
    """Yield what a price charges in the months of an order, and in how many it charges that."""
    same = not price.changes or day is None
    if same:
        versions = [price]
    else:
        versions = [price.on(add_months(day, number)) for number in range(order.months)] if day else []
    repeated = order.months if same else 1
    if price.meter is not None:
        yield from _usage(versions, order, repeated)
        return
    count = Decimal(order.seats if price.per == "seat" else 1)
    first = versions[0]
    if price.cadence != "billing":
        yield amount(first, count), 1
    elif order.billing == "year":
        year = amount(first.annual, count) if first.annual else times(amount(first, count), Decimal(MONTHS))
        yield year, 1
    else:
        yield from ((amount(version, count), repeated) for version in versions)


def _usage(versions: list[Price], order: Order, repeated: int) -> Iterator[tuple[Decimal, int]]:
    first = versions[0]
    used = sum((quantity for use, quantity in order.usage.items() if counts(first, use)), ZERO)
    if not used:
        yield from ((idle, repeated) for price in versions for idle in [amount(price, ZERO)] if idle)
    elif first.window == "period":
        yield from ((_charged(price, used, order.seats), repeated) for price in versions)
    else:
        for number, price in enumerate(versions * repeated):
            yield _charged(price, used, order.seats, before=used * number), 1
    if first.commitment and order.months == MONTHS:
        yield _missing(versions[-1], used), 1


def _charged(price: Price, used: Decimal, seats: int, *, before: Decimal | None = None) -> Decimal:
    allowance = times(price.allowance, seats) if price.allowance_per == "seat" else price.allowance
    return charge(price, used, before=before, allowance=allowance)


def _missing(price: Price, used: Decimal) -> Decimal:
    """Return the true-up of a year's least quantity: it follows what the window has counted."""
    before = ZERO if price.window == "period" else used * MONTHS
    return charge(price, max(ZERO, price.commitment[0] - used * MONTHS), before=before)


def of_plan(book: PriceBook, order: Order, day: date | None) -> Purchase:
    """Return the purchase of a plan, with its request."""
    return Purchase(_told(book, order), _request(book, order, day), cost(book, order, day))


def _request(book: PriceBook, order: Order, day: date | None) -> dict[str, Any]:
    """Return the request that quotes an order."""
    plan = book.plans[order.plan]
    request: dict[str, Any] = {"plan": order.plan}
    if day is not None:
        request["period"] = f"{day:%Y-%m}"
    if order.months != 1:
        request["months"] = order.months
    if order.billing != "month":
        request["billing"] = order.billing
    if order.seats != 1 or has_seats(plan):
        request["seats"] = order.seats
    if order.discount:
        request["discount"] = order.discount
    usage = {use: quantity for use, quantity in order.usage.items() if quantity}
    if usage:
        request["usage"] = {use.meter: quantity for use, quantity in usage.items()}
        if dimensions := {use.meter: dict(use.values) for use in usage if use.values}:
            request["dimensions"] = dimensions
    return request


def is_share_of_fees(discount: Discount) -> bool:
    """Tell whether a discount is what an order reckons with: a share off every recurring fee."""
    return discount.share is not None and discount.on == ("recurring",) and not discount.prices


def has_seats(plan: Plan) -> bool:
    """Tell whether seats count in a plan's price."""
    return any(price.per == "seat" or price.allowance_per == "seat" for price in plan.prices.values())


def is_monthly(book: PriceBook, *keys: str) -> bool:
    """Tell whether a month of some plans says all of a year: nothing falls due by the year, or once."""
    plans = [book.plans[key] for key in keys]
    prices = [price for plan in plans for price in plan.prices.values()]
    return not any(plan.commitment for plan in plans) and all(
        price.cadence == "billing" and price.window == "period" and not price.commitment and not price.changes
        for price in prices
    )


def _told(book: PriceBook, order: Order) -> str:
    parts = [book.plans[order.plan].name]
    if has_seats(book.plans[order.plan]):
        parts.append(f"{order.seats} seat{'s' if order.seats != 1 else ''}")
    parts += [
        f"{figure(quantity)} {unit_of(book, use)}" + (" a month" if order.months > 1 else "")
        for use, quantity in order.usage.items()
        if quantity
    ]
    span = "a year in advance" if order.billing == "year" else "12 months" if order.months > 1 else "1 month"
    discount = (f"with {order.discount}",) if order.discount else ()
    return ", ".join([*parts, span, *discount])


def unit_of(book: PriceBook, use: Use) -> str:
    """Name the units of usage: the meter, with the values that are picked."""
    values = "/".join(value for _, value in use.values)
    return f"{use.meter} ({values})" if values else use.meter


def of_rate(book: PriceBook, text: str, rate: Rate, quantity: Decimal, allowance: Decimal = ZERO) -> Purchase:
    """Return the purchase of a quantity at a price alone, with its request."""
    given = {name: getattr(rate, name) for name in _RATE}
    price = {name: value for name, value in given.items() if value not in (None, ())}
    if rate.tiers:
        price["tiers"] = [_plain(tier.model_dump()) for tier in rate.tiers]
    if allowance:
        price["allowance"] = allowance
    request = {"price": price, "quantity": quantity}
    charged = _rounded(book, charge(rate, quantity, allowance=allowance))
    is_bounded = rate.minimum is not None or rate.maximum is not None
    if is_bounded and not _bounds_in_prices(book):
        charged = Decimal(quote(book, request, month=ANY_MONTH)["amount"])
    return Purchase(f"{text}, {figure(quantity)}", request, charged)


def _bounds_in_prices(book: PriceBook) -> bool:
    """Tell whether the least and the most of every price are reckoned in the price itself."""
    terms = book.conventions.terms(is_monthly=True, is_flow=True)
    return terms.has_minimum and terms.has_maximum


def _plain(tier: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in tier.items() if value or (name == "unit_price" and value is not None)
    }

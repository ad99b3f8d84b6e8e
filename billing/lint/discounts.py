"""Discounts that are none: years that cost twelve months, dearer seats, shares that a floor takes back."""

import itertools
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from billing.lint.cliffs import rates
from billing.lint.curve import ONE, Curve, cheaper_from, edges_of, points, stairs
from billing.lint.finding import Finding, Purchase, figure
from billing.lint.purchase import MONTHS, Order, is_share_of_fees, of_plan, of_rate
from billing.money import ZERO, times
from billing.price import Price, Rate
from billing.price_book import PriceBook
from billing.pricing import amount


def years(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find years paid in advance that cost more than twelve months, or as much."""
    for plan_key, plan in book.plans.items():
        for key, price in plan.prices.items():
            if price.annual is not None and price.cadence == "billing":
                top = plan.seats.maximum if price.per == "seat" else 1
                low = plan.seats.minimum if price.per == "seat" else 1
                yield from _year(book, f"plans.{plan_key}.prices.{key}", plan.name, price, (low, top))
    for key, add_on in book.add_ons.items():
        if add_on.price.annual is not None and add_on.price.cadence == "billing":
            yield from _year(book, f"add_ons.{key}.price", add_on.name, add_on.price, (1, None))


def _year(
    book: PriceBook, place: str, name: str, price: Price, counts: tuple[int, int | None]
) -> Iterator[Finding]:
    annual, (low, top) = price.annual, counts
    assert annual is not None, "the caller looked for it"
    in_advance = Curve(lambda count: amount(annual, count), edges=_edges(annual), steps=stairs(annual))
    by_month = Curve(
        lambda count: times(amount(price, count), MONTHS), edges=_edges(price), steps=stairs(price)
    )
    high = max(in_advance.far, by_month.far) if top is None else Decimal(top)
    least = Decimal(low)
    count = cheaper_from(in_advance, by_month, least, max(high, least))
    if count is not None:
        yield Finding(
            "discount", "error", f"{place}.annual", "dearer",
            f"a year in advance costs more than twelve months, from {figure(count)} on",
            "lower the annual price below twelve months",
            _both(book, name, price, annual, count),
        )  # fmt: skip
    elif all(
        in_advance.at(point) == by_month.at(point) for point in points(in_advance, by_month, least, high)
    ):
        yield Finding(
            "discount", "warning", f"{place}.annual", "none",
            "a year in advance costs exactly twelve months: nobody gains by paying early",
            "lower the annual price, or leave it out", _both(book, name, price, annual, least),
        )  # fmt: skip


def _edges(rate: Rate) -> list[Decimal]:
    return edges_of(rate)


def _both(book: PriceBook, name: str, price: Price, annual: Rate, count: Decimal) -> tuple[Purchase, ...]:
    per = {"per": price.per}
    months = of_rate(book, f"{name}, twelve months", price, count)
    request = {"price": months.request["price"] | per, "quantity": count, "months": MONTHS}
    if price.per == "add_on":  # a bare price cannot be an add-on: so many seats cost the same
        request["price"]["per"] = "seat"
    return (
        of_rate(book, f"{name}, a year in advance", annual, count),
        months._replace(request=request, amount=months.amount * MONTHS),
    )


def rising(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find further seats that are dearer than the first, and group prices that are no lower."""
    for sold in rates(book):
        stretch = sold.rate.tiers
        for number, (tier, beyond) in enumerate(itertools.pairwise(stretch), start=1):
            counts_people = sold.unit == "seats" or sold.rate.model == "volume"
            if not counts_people or not 0 < tier.unit_price < beyond.unit_price or tier.up_to is None:
                continue
            if number > 1 and stretch[number - 2].unit_price > tier.unit_price:
                continue  # tiers that fall and rise again are found as such
            edge = tier.up_to // 1
            if sold.top is not None and sold.top <= edge:
                continue
            bought = [of_rate(book, sold.text, sold.rate, count + sold.allowance,
                              sold.allowance) for count in (edge + 1, edge)]  # fmt: skip
            yield Finding(
                "discount", "warning", sold.place, f"rising {number}",
                f"{sold.unit} above {figure(edge)} cost {figure(beyond.unit_price)} each, more than the"
                f" {figure(tier.unit_price)} of those before",
                "let the price of more be no higher", tuple(bought),
            )  # fmt: skip


def taken_back(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find plans whose commitment takes back every discount, at the least purchase."""
    for key, plan in book.plans.items():
        if plan.commitment is None or not book.discounts:
            continue
        order = Order(key, seats=plan.seats.minimum)
        whole = of_plan(book, order, day)
        bare = plan.model_copy(update={"commitment": None})
        loose = of_plan(book.model_copy(update={"plans": {**book.plans, key: bare}}), order, day)
        lost = []
        for name in (key for key, one in book.discounts.items() if is_share_of_fees(one)):
            off = of_plan(book, order._replace(discount=name), day)
            if off.amount == whole.amount and loose.amount:
                lost.append((name, off))
        if lost:
            yield Finding(
                "discount", "warning", f"plans.{key}.commitment", "taken back",
                f"the commitment takes back {', '.join(name for name, _ in lost)}: the least purchase costs"
                f" {figure(whole.amount)} with and without",
                "lower the commitment by the discount, or do not promise it with this plan",
                (whole, lost[0][1]),
            )  # fmt: skip


def changes(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find dated changes that change nothing."""
    places = [(f"plans.{plan_key}.prices.{key}", price) for plan_key, plan in book.plans.items()
              for key, price in plan.prices.items()]  # fmt: skip
    places += [(f"add_ons.{key}.price", add_on.price) for key, add_on in book.add_ons.items()]
    for place, price in places:
        before = price
        for number, change in enumerate(price.changes, start=1):
            later = before.model_copy(update=change.update())
            if later == before:
                yield Finding(
                    "discount", "warning", f"{place}.changes[{number}]", "change",
                    f"the change of {change.starts_on} changes nothing", "remove it, or give it its numbers",
                )  # fmt: skip
            before = later


_SALE = Decimal(1000)
"""A sale that shows what shares come to."""


def shares(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find lines of which agreements that can meet pay out more than the line; of many alike, the worst."""
    worst: dict[str, tuple[Decimal, str, list[tuple[str, Decimal]]]] = {}
    for stream in sorted(book.streams()):
        for key in [*_payee_prices(book, stream), ""]:
            parts = _parts(book, stream, key)
            total = sum((share for _, share in parts), ZERO)
            if total > max(ONE, worst.get(parts[0][0], (ONE,))[0] if parts else ONE):
                worst[parts[0][0]] = (total, key or stream, parts)
    for first, (total, what, parts) in worst.items():
        names = " + ".join(f"{name} {figure(share * 100)} %" for name, share in parts)
        paid, whole = (Rate(model="percentage", unit_price=share) for share in (total, ONE))
        yield Finding(
            "payout", "warning", f"agreements.{first}", names,
            f"of {what!r} {figure(total * 100)} % can be paid out: {names}",
            "name the streams or prices of each agreement, or lower the shares",
            (of_rate(book, "paid out of", paid, _SALE), of_rate(book, "billed", whole, _SALE)),
        )  # fmt: skip


def _payee_prices(book: PriceBook, stream: str) -> Iterator[str]:
    """Yield the price keys of a stream that agreements with a payee are about."""
    named = {key for agreement in book.agreements.values() if agreement.payee for key in agreement.prices}
    for plan_key, plan in book.plans.items():
        for key, price in plan.prices.items():
            if key in named and book.stream_of(plan_key, price) == stream:
                yield key


def _parts(book: PriceBook, stream: str, price: str) -> list[tuple[str, Decimal]]:
    """Return the greatest share of each kind of agreement on a line: those of a kind are alternatives."""
    best: dict[tuple[str, bool], tuple[str, Decimal]] = {}
    for key, agreement in book.agreements.items():
        applies = not agreement.streams or stream in agreement.streams
        applies &= price in agreement.prices if agreement.prices else not agreement.payee
        if applies and agreement.model in {"percentage", "graduated", "volume"}:
            given = [tier.unit_price for tier in agreement.tiers] or [agreement.unit_price or ZERO]
            share = max(*given, *agreement.by_plan.values(), ZERO)
            kind = (agreement.kind, bool(agreement.payee))
            if share > best.get(kind, ("", ZERO))[1]:
                best[kind] = (key, share)
    return list(best.values())

"""The auditor's prices: small steps in plain Decimal, from nothing of the product but the form of a rate."""

import math
from datetime import date
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
    localcontext,
)
from fractions import Fraction
from typing import NamedTuple

from billing.price import Change, Price, Rate, Tier
from billing.price_book import PriceBook
from metering.period import add_months

WIDE = Context(prec=90, rounding=ROUND_HALF_EVEN)
"""No sum or product of the auditor is ever cut."""

PLACES = {"JPY": 0, "USD": 2, "EUR": 2, "KWD": 3}
MODES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "up": ROUND_UP, "down": ROUND_DOWN}
ZERO = Decimal(0)


def twelve(number: Decimal) -> Decimal:
    """Keep 12 decimals, half to even, as after each product and quotient."""
    return number.quantize(Decimal("1e-12"), ROUND_HALF_EVEN)


def part(amount: Decimal, days: int, of: int) -> Decimal:
    """The part of an amount that falls on some days of a span."""
    return twelve(twelve(amount * days) / of)


def cents(amount: Decimal, book: PriceBook) -> Decimal:
    """Round to the currency as the book's conventions say."""
    return amount.quantize(Decimal(1).scaleb(-PLACES[book.currency]), MODES[book.conventions.rounding])


class Reading(NamedTuple):
    """How the book's biller reads a rate."""

    inclusive: bool = True
    flat_at_zero: bool = False
    minimum_at_zero: bool = False
    minimum: bool = True
    maximum: bool = True


PLAIN = Reading()


def reading(book: PriceBook, plan: str = "", price: Price | None = None) -> Reading:
    """How a price is read: usage of a month may be due at zero, and be bounded after discounts.

    Our reading: what is sold by the piece is due for pieces only, and so is what is priced event by event,
    whose least and most are those of the event.
    """
    said = book.conventions
    edge = said.tier_edge == "inclusive"
    if price is None or price.meter is None:
        return Reading(edge)
    meter = book.meters[price.meter]
    by_month = price.window == "period"
    standing = by_month and plan != "catalog" and not meter.each
    flow = by_month and meter.aggregation not in ("max", "latest") and not meter.each
    return Reading(
        edge,
        standing and said.first_flat == "at_zero",
        standing and said.minimum_due == "at_zero",
        not flow or (said.minimum == "before_discounts" and said.minimum_part == "whole"),
        not flow or said.maximum == "before_discounts",
    )


def money(amount: Decimal, book: PriceBook) -> Decimal:
    """The amount of a line before its invoice is rounded: rounded, where lines are."""
    return amount if book.conventions.rounding_place == "invoice" else cents(amount, book)


def cost(rate: Rate, quantity: Decimal, how: Reading = PLAIN) -> Decimal:
    """What the first `quantity` units cost: no less than a least engagement, no more than a cap."""
    found = uncapped(rate, quantity, how)
    if quantity <= 0 and how.flat_at_zero and rate.tiers:
        found += rate.tiers[0].flat_fee
    due = how.minimum and (quantity > 0 or how.minimum_at_zero)
    if due and rate.minimum is not None and found < rate.minimum:
        found = rate.minimum
    if how.maximum and rate.maximum is not None and found > rate.maximum:
        found = rate.maximum
    return found


def uncapped(rate: Rate, quantity: Decimal, how: Reading) -> Decimal:
    """What the first `quantity` units cost by the model alone."""
    with localcontext(WIDE):
        if quantity <= 0:
            return ZERO
        if rate.model == "flat":
            return rate.flat_fee or ZERO
        if rate.model == "graduated":
            return walk(rate, quantity)
        if rate.model == "volume":
            return reach(rate, quantity, how)
        counted = quantity
        if rate.model == "package":
            counted = packs(quantity, rate.package_size or Decimal(1), rate.packages)
        return twelve(counted * (rate.unit_price or ZERO)) + (rate.flat_fee or ZERO)


def packs(quantity: Decimal, size: Decimal | None, mode: str | None) -> Decimal:
    """How many packages that makes; without a size, each unit is one."""
    if size is None:
        return quantity
    exactly = Fraction(quantity) / Fraction(size)
    if mode == "exact":
        return twelve(quantity / size)
    return Decimal(math.floor(exactly) if mode == "down" else math.ceil(exactly))


def walk(rate: Rate, quantity: Decimal) -> Decimal:
    """Count the units of each tier by walking through them: one by one, or in a thousand steps if many."""
    units = [ZERO for _ in rate.tiers]
    stride = max(Decimal(1), twelve(quantity / 1000))
    done = ZERO
    while done < quantity:
        number = next(n for n, tier in enumerate(rate.tiers) if tier.up_to is None or done < tier.up_to)
        after = min(done + stride, quantity, rate.tiers[number].up_to or quantity)
        units[number] += after - done
        done = after
    counted = zip(units, rate.tiers, strict=True)
    return sum((in_tier(tier, q, rate) for q, tier in counted if q), ZERO)


def in_tier(tier: Tier, quantity: Decimal, rate: Rate) -> Decimal:
    """What some units cost at a tier's prices."""
    found = twelve(packs(quantity, tier.package_size, rate.packages) * tier.unit_price) + tier.flat_fee
    return found if tier.maximum is None else min(found, tier.maximum)


def reach(rate: Rate, quantity: Decimal, how: Reading) -> Decimal:
    """Price all units by the one tier that the total reaches."""
    for tier in rate.tiers:
        if tier.up_to is None or quantity < tier.up_to or (how.inclusive and quantity == tier.up_to):
            return in_tier(tier, quantity, rate)
    raise AssertionError(f"{quantity} has no tier")


def version(
    price: Price, day: date, since: date = date.max, anchor: date = date.max
) -> tuple[Rate, Rate | None, Decimal]:
    """The rate, the annual rate and the allowance in force on a day, for who came to the plan on `since`."""
    rate: Rate = price
    annual, allowance = price.annual, price.allowance
    for change in price.changes:
        if change.starts_on <= day and reaches(change, day, since, anchor):
            named = {name: getattr(change, name) for name in Rate.model_fields}
            named = {name: value for name, value in named.items() if value not in (None, ())}
            rate = Rate(**named) if named else rate
            annual = change.annual or annual
            allowance = allowance if change.allowance is None else change.allowance
    return rate, annual, allowance


def reaches(change: Change, day: date, since: date, anchor: date) -> bool:
    """Whether the change is for this customer: for all, for who came after it, or for who has renewed."""
    if change.applies == "now" or change.starts_on <= since:
        return True
    renewals = (add_months(anchor, 12 * year) for year in range(100))
    return change.applies == "renewal" and next(one for one in renewals if one >= change.starts_on) <= day


def share_out(whole: Decimal, weights: list[Decimal], book: PriceBook) -> list[Decimal]:
    """Split a rounded amount by weight: first whole smallest units, then one to each largest remainder."""
    smallest = Decimal(1).scaleb(-PLACES[book.currency])
    if whole < 0:
        return [-share for share in share_out(-whole, weights, book)]
    if whole == 0:
        return [ZERO for _ in weights]
    all_weights = sum(map(Fraction, weights))
    exact = [Fraction(whole) / Fraction(smallest) * Fraction(weight) / all_weights for weight in weights]
    units = [math.floor(share) for share in exact]
    while sum(units) * smallest < whole:
        # `max` takes the first of equals; who has got his rounding up has a negative remainder.
        neediest = max(range(len(units)), key=lambda number: exact[number] - units[number])
        units[neediest] += 1
    return [number * smallest for number in units]

"""The auditor: a second, slow, plain way to bill a company, which shares no code with the product.

It looks at every day of every subscription and at every event by itself, and prices in small steps. It may use
the form of the price book and of the log, and nothing of what bills. Where the rules leave a choice, it takes
what a customer would expect, and says so with the words "Our reading".
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
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
from typing import Any, NamedTuple

from billing.price_book import CATALOG, Agreement, Plan, Price, PriceBook, Rate
from metering.event import (
    AccountSignedUp,
    AddOnBought,
    AddOnDropped,
    DealReferred,
    Event,
    PlanChanged,
    SeatsChanged,
    SoldThroughPartner,
    SubscriptionCancelled,
    SubscriptionReactivated,
    SubscriptionStarted,
)
from metering.meter import USAGE, Meter
from metering.period import Period, add_months

WIDE = Context(prec=90, rounding=ROUND_HALF_EVEN)
ONE_DAY = timedelta(days=1)
PLACES = {"JPY": 0, "USD": 2, "EUR": 2, "KWD": 3}
MODES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "up": ROUND_UP, "down": ROUND_DOWN}
ZERO = Decimal(0)


class Line(NamedTuple):
    """One line of an invoice."""

    account: str
    month: date
    subscription: str
    plan: str
    price: str
    kind: str
    starts_on: date
    ends_on: date
    dimensions: str
    stream: str
    amount: Decimal


class Audit(NamedTuple):
    """What must be billed, paid out and reported.

    `lines` by (account, month, subscription, plan, price, kind, starts_on, ends_on), the values of a `group_by`
    added up (`detail` has each line); `invoices` by (account, month); `payouts` by (month, partner, agreement,
    customer); `mrr` by (month, subscription) where it is not 0; `movements` by (month, account, kind).
    """

    lines: dict[tuple[str, date, str, str, str, str, date, date], Decimal]
    invoices: dict[tuple[str, date], Decimal]
    payouts: dict[tuple[date, str, str, str], Decimal]
    mrr: dict[tuple[date, str], Decimal]
    movements: dict[tuple[date, str, str], Decimal]
    detail: list[Line]


class Day(NamedTuple):
    """What a subscription is on one day, as it stands when the day is over."""

    account: str
    plan: str
    billing: str
    seats: int
    add_ons: dict[str, int]
    discount: str
    trial: bool
    anchor: date
    started_on: date
    phase: int


class Used(NamedTuple):
    """Measured usage of one phase, meter, set of dimensions and month."""

    phase: int
    meter: str
    dimensions: dict[str, str]
    quantity: Decimal


class Paid(NamedTuple):
    """A yearly price that is paid until the end of a term."""

    quantity: Decimal
    yearly: Decimal
    starts_on: date
    ends_on: date
    stream: str


def audit(events: list[Event], book: PriceBook, months: list[Period]) -> Audit:
    """Bill the months from the events, each of which lies in them, in the order of the log."""
    with localcontext(WIDE):
        events = sorted(events, key=lambda event: event.occurred_at)  # equal times keep the log's order
        lives = live(events, book, months)
        used = measure(events, book, lives)
        lines: list[Line] = []
        mrr: dict[tuple[date, str], Decimal] = {}
        for name, days in lives.items():
            biller = Biller(name, days, book, months)
            lines += biller.bill(used)
            mrr |= biller.mrr()
        return Audit(
            lines=total(lines, lambda line: line[:8]),
            invoices=total(lines, lambda line: (line.account, line.month)),
            payouts=pay_out(events, book, months, lines),
            mrr=mrr,
            movements=move(mrr, lives, months),
            detail=lines,
        )


def total(lines: Iterable[Line], key: Any) -> dict[Any, Decimal]:
    """Add up amounts by a key."""
    amounts: dict[Any, Decimal] = defaultdict(Decimal)
    for line in lines:
        amounts[key(line)] += line.amount
    return dict(amounts)


# Arithmetic: 12 decimals, half to even, after each product and quotient.


def twelve(number: Decimal) -> Decimal:
    """Keep 12 decimals."""
    return number.quantize(Decimal("1e-12"), ROUND_HALF_EVEN)


def part(amount: Decimal, days: int, of: int) -> Decimal:
    """The part of an amount that falls on some days of a span."""
    return twelve(twelve(amount * days) / of)


def cents(amount: Decimal, book: PriceBook) -> Decimal:
    """Round as the book's conventions say."""
    return amount.quantize(Decimal(1).scaleb(-PLACES[book.currency]), MODES[book.conventions.rounding])


def cost(rate: Rate, quantity: Decimal) -> Decimal:
    """What the first `quantity` units cost."""
    with localcontext(WIDE):
        if quantity <= 0:
            return ZERO
        if rate.model == "flat":
            return rate.flat_fee or ZERO
        if rate.model == "package":
            started = math.ceil(Fraction(quantity) / Fraction(rate.package_size or 1))
            return twelve(started * (rate.unit_price or ZERO))
        if rate.model in ("graduated", "volume"):
            return walk(rate, quantity) if rate.model == "graduated" else reach(rate, quantity)
        return twelve(quantity * (rate.unit_price or ZERO))


def walk(rate: Rate, quantity: Decimal) -> Decimal:
    """Count the units of each tier by walking through them, one by one or in a thousand small steps."""
    units = [ZERO for _ in rate.tiers]
    stride = max(Decimal(1), quantity / 1000)
    done = ZERO
    while done < quantity:
        number = next(n for n, tier in enumerate(rate.tiers) if tier.up_to is None or done < tier.up_to)
        after = min(done + stride, quantity, rate.tiers[number].up_to or quantity)
        units[number] += after - done
        done = after
    counted = zip(units, rate.tiers, strict=True)
    return sum((twelve(q * tier.unit_price) + tier.flat_fee for q, tier in counted if q), ZERO)


def reach(rate: Rate, quantity: Decimal) -> Decimal:
    """Price all units by the one tier that the total reaches."""
    for tier in rate.tiers:
        if tier.up_to is None or quantity <= tier.up_to:
            return twelve(quantity * tier.unit_price) + tier.flat_fee
    raise AssertionError(f"{quantity} has no tier")


def version(price: Price, day: date) -> tuple[Rate, Rate | None, Decimal]:
    """The rate, the annual rate and the allowance in force on a day."""
    rate: Rate = price
    annual, allowance = price.annual, price.allowance
    for change in price.changes:
        if change.starts_on <= day:
            rate, annual = change, change.annual or annual
            allowance = allowance if change.allowance is None else change.allowance
    return rate, annual, allowance

"""The auditor's entitlements: who holds which, until when, and what is drawn from it day by day."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.price import Price
from billing.price_book import PriceBook
from billing.rule import Entitlement, Giver, Scope
from metering.period import add_months
from tests.auditor.life import ONE_DAY, Bit, Day, Lives, Usage, Used
from tests.auditor.limit import text
from tests.auditor.line import Line, first
from tests.auditor.price import ZERO, money, twelve
from tests.auditor.usage import group, matches

Row = tuple[str, date, int, str, str]
"""A row of usage: subscription, month, phase, meter, dimensions."""


@dataclass
class Grant:
    """A right to some units; `left` is None where there is no end of them."""

    key: str
    account: str
    name: str
    given: int
    granted_on: date
    expires_on: date
    left: Decimal | None


class Drawn(NamedTuple):
    """What of which usage was covered by which entitlement."""

    key: str
    row: Row
    quantity: Decimal


def drawn(bits: list[Bit], lives: Lives, book: PriceBook) -> list[Drawn]:
    """Go through the days, and let each row of usage draw on what its account holds then."""
    holdings = held_by_account(bits, lives, book)
    taken: dict[tuple[str, Row], Decimal] = defaultdict(Decimal)
    for day in sorted({bit.day for bit in bits}):
        today: dict[tuple[str, int, str, str], list[Bit]] = defaultdict(list)
        for bit in bits:
            if bit.day == day and not lives[bit.name][day].trial:
                today[bit.name, bit.phase, bit.text, bit.meter].append(bit)
        for (name, phase, values, meter), together in sorted(today.items()):
            quantity = sum((bit.quantity for bit in together), ZERO)
            row = name, first(day), phase, meter, values
            for grant in in_turn(holdings[lives[name][day].account], day, book):
                covers = book.entitlements[grant.key].covers
                if meter == covers.meter and fits(together[0], covers) and quantity > 0:
                    units = quantity if grant.left is None else min(quantity, grant.left)
                    quantity -= units
                    grant.left = None if grant.left is None else grant.left - units
                    if units:
                        taken[grant.key, row] += units
    return [Drawn(key, row, quantity) for (key, row), quantity in taken.items()]


def held_by_account(bits: list[Bit], lives: Lives, book: PriceBook) -> dict[str, list[Grant]]:
    """Everything that the accounts are ever given."""
    holdings: dict[str, list[Grant]] = defaultdict(list)
    for key, entitlement in book.entitlements.items():
        found = [*by_events(key, entitlement, bits, lives), *by_plans(key, entitlement, lives)]
        for grant in found:
            holdings[grant.account].append(grant)
    return holdings


def in_turn(grants: list[Grant], day: date, book: PriceBook) -> list[Grant]:
    """What can be drawn on that day: what is free first, then what ends first, unless the biller differs."""
    order, by = list(book.entitlements), book.conventions.drawdown
    return sorted(
        (grant for grant in grants if grant.granted_on <= day < grant.expires_on),
        key=lambda grant: (
            book.entitlements[grant.key].priority if by == "priority" else 0,
            not is_free(book.entitlements[grant.key]),
            grant.granted_on if by == "granted" else grant.expires_on,
            grant.expires_on if by == "granted" else grant.granted_on,
            order.index(grant.key), grant.given, grant.name,
        ),
    )  # fmt: skip


def is_free(entitlement: Entitlement) -> bool:
    """Whether what it covers costs nothing."""
    return entitlement.share is None and entitlement.amount is None


def fits(bit: Bit, scope: Scope | Giver) -> bool:
    """Whether the event has the values that are asked for."""
    wanted = {name: [value] if isinstance(value, str) else value for name, value in scope.where.items()}
    return bit.meter == scope.meter and all(bit.dimensions[name] in wanted[name] for name in wanted)


def by_events(key: str, entitlement: Entitlement, bits: list[Bit], lives: Lives) -> Iterator[Grant]:
    """Each event that gives: a pack that is bought, an exam that is passed."""
    giver = entitlement.given_by
    for bit in bits:
        if giver.meter is None or not fits(bit, giver) or bit.quantity <= 0:
            continue
        account = lives[bit.name][bit.day].account
        if giver.after and not any(
            fits(other, giver.after)
            and lives[other.name][other.day].account == account
            and 0 <= (bit.day - other.day).days <= giver.after.days
            and all(other.dimensions[name] == bit.dimensions[name] for name in giver.after.same)
            for other in bits
        ):
            continue
        ends = add_months(bit.day, entitlement.months) if entitlement.months else date.max
        left = None if entitlement.quantity is None else entitlement.quantity * bit.quantity
        begins = bit.day + giver.wait * ONE_DAY
        yield Grant(key, account, bit.name, bit.number, begins, ends, left)


def by_plans(key: str, entitlement: Entitlement, lives: Lives) -> Iterator[Grant]:
    """Each subscription to one of the plans: on its first paid day, and whenever it renews."""
    giver = entitlement.given_by
    for name, days in lives.items():
        held: Grant | None = None
        for day, today in days.items():
            if today.trial or today.plan not in giver.plans:
                ended(held, day)
                continue
            fresh = day - ONE_DAY not in days or not on(days[day - ONE_DAY], giver)
            if fresh or (giver.renews != "never" and day in renewals(today.anchor, giver.renews)):
                ended(held, day)
                units = entitlement.quantity
                if units is not None and giver.per == "seat":
                    units *= today.seats
                ends = add_months(day, entitlement.months) if entitlement.months else date.max
                held = Grant(key, today.account, name, -1, day, ends, units)
                if units is None or units:
                    yield held
            if day + ONE_DAY not in days:
                ended(held, day + ONE_DAY)


def on(today: Day, giver: Giver) -> bool:
    """Whether the subscription pays for one of the plans that day."""
    return not today.trial and today.plan in giver.plans


def ended(held: Grant | None, day: date) -> None:
    """Let a grant end, if it has not before."""
    if held is not None:
        held.expires_on = min(held.expires_on, day)


def renewals(anchor: date, renews: str) -> list[date]:
    """The days on which it is given anew."""
    step = 1 if renews == "month" else 12
    return [add_months(anchor, step * number) for number in range(1, 400)]


def without(usage: Usage, coverage: list[Drawn], book: PriceBook) -> Usage:
    """The usage that is left to rate when what costs nothing is taken off."""
    free: dict[Row, Decimal] = defaultdict(Decimal)
    for key, row, quantity in coverage:
        if is_free(book.entitlements[key]):
            free[row] += quantity
    return {
        (name, month): [
            used._replace(quantity=used.quantity - free[name, month, used.phase, used.meter, text(used)])
            for used in found
        ]
        for (name, month), found in usage.items()
    }


def discounts(lines: list[Line], coverage: list[Drawn], lives: Lives, book: PriceBook) -> Iterator[Line]:
    """What coupons and certificates take off the lines that rate the covered usage."""
    covered: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for key, (name, month, phase, meter, dimensions), quantity in coverage:
        if is_free(book.entitlements[key]):
            continue
        used = Used(phase, meter, json.loads(dimensions or "{}"), quantity)
        plan = next(today.plan for today in lives[name].values() if today.phase == phase)
        for number, line in enumerate(lines):
            price = book.plans[line.plan].prices.get(line.price) if line.kind == "usage" else None
            place = line.subscription, line.month, line.plan
            if price and place == (name, month, plan) and rates(line, price, used):
                covered[number, key] += quantity
    for (number, key), units in covered.items():
        line, entitlement = lines[number], book.entitlements[key]
        part_of_line = twelve(twelve(line.amount * units) / line.quantity)
        off = twelve(part_of_line * (entitlement.share or ZERO))
        if entitlement.amount is not None:
            off = min(twelve(entitlement.amount * units), part_of_line)
        yield line._replace(kind="discount", amount=money(-off, book), quantity=units)


def rates(line: Line, price: Price, used: Used) -> bool:
    """Whether the line is the one of its price that rates this usage."""
    return matches(used, price) and group(used, price) == line.dimensions

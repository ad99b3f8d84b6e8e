"""The auditor's payouts: what partners earn out of their customers' invoice lines."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.price import Rate
from billing.price_book import PriceBook
from billing.rule import Agreement
from metering.event import DealReferred, Event, SoldThroughPartner
from metering.period import Period, add_months
from tests.auditor.life import ONE_DAY, Lives
from tests.auditor.line import Line
from tests.auditor.price import ZERO, cents, cost, reading, share_out


class Books(NamedTuple):
    """What all shares are computed from."""

    book: PriceBook
    months: list[Period]
    lines: list[Line]
    lives: Lives


def payouts(events: list[Event], books: Books) -> dict[tuple[date, str, str, str], Decimal]:
    """What each partner is paid, by (month, partner, agreement, customer)."""
    deals: dict[tuple[str, str], dict[str, date]] = defaultdict(dict)
    for event in events:
        if isinstance(event.data, DealReferred | SoldThroughPartner):
            deal = deals[event.data.partner, event.data.agreement]
            deal.setdefault(event.subject, event.occurred_at.date().replace(day=1))
    named = {key: one for key, one in books.book.agreements.items() if one.payee}
    amounts = {}
    for (partner, key), customers in deals.items():
        if key not in named:
            for month, customer, amount in by_team(key, partner, customers, books):
                amounts[month, partner, key, customer] = amount
    for key, agreement in named.items():
        for payee in dict.fromkeys(payee_of(line, agreement) for line in books.lines):
            sales = [line for line in books.lines if payee and payee_of(line, agreement) == payee]
            buyers = {
                line.account: line.month for line in sorted(sales, key=lambda line: line.month, reverse=True)
            }
            for month, customer, amount in by_team(key, payee, buyers, books._replace(lines=sales)):
                amounts[month, payee, key, customer] = amount
    return amounts


def by_team(
    key: str, partner: str, since: dict[str, date], books: Books
) -> Iterator[tuple[date, str, Decimal]]:
    """What a partner earns, of all its customers together or of each alone."""
    agreement = books.book.agreements[key]
    alone = [{customer: day} for customer, day in since.items()]
    for team in alone if agreement.per == "account" else [since] if since else []:
        yield from shared(agreement, partner, team, books)


def payee_of(line: Line, agreement: Agreement) -> str:
    """Whom the line names, if the agreement is about it."""
    ours = line.price in agreement.prices and line.dimensions
    return str(json.loads(line.dimensions).get(agreement.payee, "")) if ours else ""


def rate_of(agreement: Agreement, partner: str, month: date, books: Books) -> Rate:
    """The share of a payee in a month: by a plan that it is on at the month's end, if that has its own."""
    last = add_months(month, 1) - ONE_DAY
    plans = [
        days[last].plan for days in books.lives.values() if last in days and days[last].account == partner
    ]
    own = [share for plan, share in agreement.by_plan.items() if plan in plans]
    return Rate(model="percentage", unit_price=own[0]) if own else agreement


def shared(
    agreement: Agreement, partner: str, since: dict[str, date], books: Books
) -> list[tuple[date, str, Decimal]]:
    """What customers who count together earn their partner, month by month.

    A window of a year begins with the month of the first deal. Our reading: of customers with equal
    remainders the first by name gets the odd cent.
    """
    earned = []
    carried: list[tuple[date, Decimal]] = []
    for month in (period.starts_on for period in books.months):
        basis: dict[str, Decimal] = {}
        for customer in sorted(since):
            ends = agreement.months and add_months(since[customer], agreement.months)
            if since[customer] <= month and not (ends and month >= ends):
                basis[customer] = sum(
                    (line.amount for line in books.lines if counted(line, customer, month, agreement)), ZERO
                )
        window = window_start(agreement, min(since.values()), month)
        before = sum((amount for then, amount in carried if then >= window), ZERO)
        together = sum(basis.values(), ZERO)
        carried.append((month, together))
        if any(basis.values()):
            own = rate_of(agreement, partner, month, books)
            how = reading(books.book)
            whole = cents(cost(own, before + together, how) - cost(own, before, how), books.book)
            earned += [
                (month, customer, share)
                for customer, share in zip(
                    basis, share_out(whole, list(basis.values()), books.book), strict=True
                )
            ]
    return earned


def counted(line: Line, customer: str, month: date, agreement: Agreement) -> bool:
    """Whether the partner has a share in the line."""
    ours = not agreement.streams or line.stream in agreement.streams
    ours = ours and (not agreement.prices or line.price in agreement.prices)
    return ours and (line.account, line.month) == (customer, month)


def window_start(agreement: Agreement, deal: date, month: date) -> date:
    """The first month of the window that holds `month`."""
    if agreement.window == "life":
        return date.min
    if agreement.window == "period":
        return month
    start = deal
    while add_months(start, 12) <= month:
        start = add_months(start, 12)
    return start

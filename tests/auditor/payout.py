"""The auditor's payouts: what partners earn out of their customers' invoice lines."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from billing.price_book import PriceBook
from billing.rule import Agreement
from metering.event import DealReferred, Event, SoldThroughPartner
from metering.period import Period, add_months
from tests.auditor.line import Line
from tests.auditor.price import ZERO, cents, cost, share_out


def payouts(
    events: list[Event], book: PriceBook, months: list[Period], lines: Iterable[Line]
) -> dict[tuple[date, str, str, str], Decimal]:
    """What each partner is paid, by (month, partner, agreement, customer)."""
    deals: dict[tuple[str, str], dict[str, date]] = defaultdict(dict)
    for event in events:
        if isinstance(event.data, DealReferred | SoldThroughPartner):
            deal = deals[event.data.partner, event.data.agreement]
            deal.setdefault(event.subject, event.occurred_at.date().replace(day=1))
    billed = list(lines)
    amounts = {}
    for (partner, key), customers in deals.items():
        agreement = book.agreements[key]
        if agreement.per == "account":
            teams = [{customer: since} for customer, since in customers.items()]
        else:
            teams = [customers]
        for team in teams:
            for month, customer, amount in shared(agreement, team, book, months, billed):
                amounts[month, partner, key, customer] = amount
    return amounts


def shared(
    agreement: Agreement, since: dict[str, date], book: PriceBook, months: list[Period], lines: list[Line]
) -> list[tuple[date, str, Decimal]]:
    """What customers who count together earn their partner, month by month.

    A window of a year begins with the month of the first deal. Our reading: of customers with equal
    remainders the first by name gets the odd cent.
    """
    earned = []
    carried: list[tuple[date, Decimal]] = []
    for month in (period.starts_on for period in months):
        basis: dict[str, Decimal] = {}
        for customer in sorted(since):
            ends = agreement.months and add_months(since[customer], agreement.months)
            if since[customer] <= month and not (ends and month >= ends):
                basis[customer] = sum(
                    (line.amount for line in lines if counted(line, customer, month, agreement)), ZERO
                )
        window = window_start(agreement, min(since.values()), month)
        before = sum((amount for then, amount in carried if then >= window), ZERO)
        together = sum(basis.values(), ZERO)
        carried.append((month, together))
        if any(basis.values()):
            whole = cents(cost(agreement, before + together) - cost(agreement, before), book)
            earned += [
                (month, customer, share)
                for customer, share in zip(basis, share_out(whole, list(basis.values()), book), strict=True)
            ]
    return earned


def counted(line: Line, customer: str, month: date, agreement: Agreement) -> bool:
    """Whether the partner has a share in the line."""
    ours = not agreement.streams or line.stream in agreement.streams
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

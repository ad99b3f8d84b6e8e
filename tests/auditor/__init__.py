"""The auditor: a second, slow, plain way to bill a company, which shares no code with what it checks.

It looks at every day of every subscription and at every event by itself, and prices in small steps. Of
billing it knows just the form of the price book. Where the rules leave a choice, it takes what a customer
would expect, and says so with the words "Our reading".
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from billing.price_book import PriceBook
from metering.event import Event
from metering.period import Period
from tests.auditor import entitlement
from tests.auditor.commitment import committed, movements, taken_or_paid, true_ups
from tests.auditor.discount import discounted, settled
from tests.auditor.entitlement import drawn, without
from tests.auditor.life import bits, live, measure
from tests.auditor.limit import served
from tests.auditor.line import Line
from tests.auditor.payout import Books, payouts
from tests.auditor.price import WIDE, cost
from tests.auditor.recurring import monthly, once, yearly
from tests.auditor.refund import refunds
from tests.auditor.usage import used_up

__all__ = ["Audit", "Line", "audit", "cost"]


class Audit(NamedTuple):
    """What must be billed, paid out and reported.

    `lines` by (account, month, subscription, plan, price, kind, starts_on, ends_on), where the lines of a
    `group_by` are added up (`detail` has each); `invoices` by (account, month); `payouts` by (month, partner,
    agreement, customer); `mrr` by (month, subscription); `movements` by (month, account, kind). Months are
    their first days. An `mrr` of 0 is left out; lines, invoices and payouts of 0 are there.
    """

    lines: dict[tuple[str, date, str, str, str, str, date, date], Decimal]
    invoices: dict[tuple[str, date], Decimal]
    payouts: dict[tuple[date, str, str, str], Decimal]
    mrr: dict[tuple[date, str], Decimal]
    movements: dict[tuple[date, str, str], Decimal]
    detail: list[Line]


def audit(events: list[Event], book: PriceBook, months: list[Period]) -> Audit:
    """Bill the months from the events, all of which happened in them, in the order of the log."""
    with localcontext(WIDE):
        events = sorted(events, key=lambda event: event.occurred_at)  # equal times keep the order of the log
        lives = live(events, book, months[-1].ends_on)
        each = bits(events, book, lives)
        usage = served(measure(events, book, lives), each, lives, book, months)
        coverage = drawn(each, lives, book)
        usage = without(usage, coverage, book)
        charges: list[Line] = []
        mrr: dict[tuple[date, str], Decimal] = {}
        for name, days in lives.items():
            years, paid = yearly(name, days, book, months[-1].ends_on)
            own = [*years, *monthly(name, days, book, months)]
            own += [*once(name, days, book), *used_up(name, days, book, months, usage)]
            own += [*entitlement.discounts(own, coverage, lives, book)]
            charges += [*own, *discounted(own, days, book)]
            mrr |= committed(name, days, book, months, paid)
        lines: list[Line] = []
        billed = settled(charges, book)
        for name, days in lives.items():
            own = [line for line in billed if line.subscription == name]
            own += refunds(name, book, months, [*own], each)
            own += taken_or_paid(name, days, book, months, [*own])
            lines += [*own, *true_ups(name, days, book, months, own)]
        return Audit(
            lines=added_up(lines, lambda line: line[:8]),
            invoices=added_up(lines, lambda line: (line.account, line.month)),
            payouts=payouts(events, Books(book, months, lines, lives)),
            mrr=mrr,
            movements=movements(mrr, lives, months),
            detail=lines,
        )


def added_up(lines: Iterable[Line], key: Callable[[Line], Any]) -> dict[Any, Decimal]:
    """Add up amounts by a key."""
    amounts: dict[Any, Decimal] = defaultdict(Decimal)
    for line in lines:
        amounts[key(line)] += line.amount
    return dict(amounts)

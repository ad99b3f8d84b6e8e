"""The auditor's recurring prices: monthly in arrears, yearly in advance, once."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.price_book import PriceBook
from metering.period import Period
from tests.auditor.life import ONE_DAY, Day
from tests.auditor.line import Item, Line, first, in_force, is_yearly, items, line_of, phases, year_of
from tests.auditor.price import Reading, cents, cost, money, part, reading, twelve


class Paid(NamedTuple):
    """A yearly price that is paid for a term."""

    item: Item
    yearly: Decimal
    starts_on: date
    ends_on: date

    def rest(self, day: date, book: PriceBook) -> Decimal:
        """What of the year's amount falls on the days from `day` on."""
        length = (self.ends_on - self.starts_on).days
        return some(self.yearly, self.item.quantity, ((self.ends_on - day).days, length), book)


def some(amount: Decimal, quantity: Decimal, days: tuple[int, int], book: PriceBook) -> Decimal:
    """The part of what so many cost; the part of one is rounded first, where the biller rounds unit prices.

    Our reading: only where each costs the same, and only where there is less than all of it.
    """
    one = twelve(amount / quantity)
    if book.conventions.rounding_place != "unit" or days[0] == days[1] or one * quantity != amount:
        return part(amount, *days)
    return cents(part(one, *days), book) * quantity


def monthly(name: str, days: dict[date, Day], book: PriceBook, months: list[Period]) -> Iterator[Line]:
    """In arrears, for each phase its days of the month."""
    for month in months:
        for today, starts_on, ends_on in phases(days, month):
            for item in items(today, book):
                if today.trial or item.price.cadence == "once" or is_yearly(item, today):
                    continue
                amount = cost(
                    in_force(item.price, month.starts_on, days, starts_on)[0],
                    item.quantity,
                    reading(book),
                )
                if item.price.prorate is not False:
                    lengths = (ends_on - starts_on).days, month.days
                    amount = some(amount, item.quantity, lengths, book)
                span = starts_on, ends_on
                yield line_of(name, today, item, kind="recurring", span=span, amount=money(amount, book))


def yearly(name: str, days: dict[date, Day], book: PriceBook) -> tuple[list[Line], dict[date, list[Paid]]]:
    """In advance, day by day: bought at the start of a term, credited and bought anew at a change within it.

    Also returns what is paid for on each day.
    """
    lines: list[Line] = []
    paid: dict[tuple[str, str], Paid] = {}
    paid_on: dict[date, list[Paid]] = {}
    for day, today in days.items():
        yesterday = days.get(day - ONE_DAY)
        if yesterday is None:
            paid = {}  # it was cancelled, and what was left of the year is not refunded
        paid = {place: kept for place, kept in paid.items() if kept.ends_on > day}
        starts_on, ends_on = year_of(today.anchor, day)
        if not today.trial and (day == starts_on or yesterday is None or yesterday.phase != today.phase):
            due = [item for item in items(today, book) if is_yearly(item, today)]
            wanted = {
                (i.owner, i.key): Paid(i, a_year(i, day, days, reading(book)), starts_on, ends_on)
                for i in due
            }
            for place in dict.fromkeys([*paid, *wanted]):
                old, new = paid.get(place), wanted.get(place)
                if old and new and stays(old, new):
                    wanted[place] = old
                    continue
                for kind, sign, bought in (("credit", -1, old), ("recurring", 1, new)):
                    if bought:
                        span, amount = (day, bought.ends_on), money(sign * bought.rest(day, book), book)
                        lines.append(line_of(name, today, bought.item, kind=kind, span=span, amount=amount))
            paid = wanted
        paid_on[day] = list(paid.values())
    return lines, paid_on


def a_year(item: Item, day: date, days: dict[date, Day], how: Reading) -> Decimal:
    """What a whole year costs at the prices of this day."""
    rate, annual, _ = in_force(item.price, day, days, day)
    if item.price.cadence == "year":
        return cost(rate, item.quantity, how)
    return cost(annual, item.quantity, how) if annual else twelve(12 * cost(rate, item.quantity, how))


def stays(old: Paid, new: Paid) -> bool:
    """Whether what is paid simply goes on.

    Our reading: a year that is paid keeps its price until its quantity changes or the year ends. One that a
    new anchor cuts short is credited and bought anew: nobody pays twice for the same days.
    """
    same = old.item.quantity == new.item.quantity or old.yearly == new.yearly
    return same and (old.starts_on, old.ends_on) == (new.starts_on, new.ends_on)


def once(name: str, days: dict[date, Day], book: PriceBook) -> Iterator[Line]:
    """On the day when the subscription first comes to the plan.

    Our reading: a trial is free, so who starts with one pays on the first day after it.
    """
    seen: set[tuple[str, str]] = set()
    for day, today in days.items():
        for item in items(today, book):
            if item.price.cadence == "once" and not today.trial and (item.plan, item.key) not in seen:
                seen.add((item.plan, item.key))
                amount = cost(in_force(item.price, first(day), days, day)[0], item.quantity, reading(book))
                span = day, day + ONE_DAY
                yield line_of(name, today, item, kind="once", span=span, amount=money(amount, book))

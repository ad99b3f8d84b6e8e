"""The auditor's recurring prices: monthly in arrears, yearly in advance, once."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.price_book import PriceBook
from metering.period import Period, add_months
from tests.auditor.length import lengths, prorated
from tests.auditor.life import ONE_DAY, Day
from tests.auditor.line import Item, Line, first, in_force, is_yearly, items, line_of, phases, year_of
from tests.auditor.price import ZERO, Reading, cents, cost, money, reading, twelve


class Paid(NamedTuple):
    """A price that is paid in advance, for a term of a year or a month."""

    item: Item
    amount: Decimal
    starts_on: date
    ends_on: date
    months: int = 12

    @property
    def yearly(self) -> Decimal:
        """What it costs a year."""
        return self.amount * 12 / self.months

    def rest(self, day: date, book: PriceBook, *, is_new: bool) -> Decimal:
        """What of the term's amount falls on the days from `day` on.

        Our reading: without proration who comes pays for all of a term, and what changes within it is free.
        """
        is_part = day != self.starts_on
        prorates = book.conventions.proration != "none" and (
            self.months == 12 or self.item.price.prorate is not False
        )
        if is_part and not prorates:
            return self.amount if is_new else ZERO
        term = self.starts_on, self.ends_on
        days = lengths((day, self.ends_on), term, book, months=self.months)
        return some(self.amount, self.item.quantity, days, book)


Purse = dict[tuple[str, str], Paid]
"""What is paid in advance, by the plan that owns a price and its key."""


def some(amount: Decimal, quantity: Decimal, days: tuple[int, int], book: PriceBook) -> Decimal:
    """The part of what so many cost; the part of one is rounded first, where the biller rounds unit prices.

    Our reading: only where each costs the same, and only where there is less than all of it.
    """
    one = twelve(amount / quantity)
    if book.conventions.rounding_place != "unit" or days[0] == days[1] or one * quantity != amount:
        return prorated(amount, days, book)
    return cents(prorated(one, days, book), book) * quantity


def monthly(name: str, days: dict[date, Day], book: PriceBook, months: list[Period]) -> Iterator[Line]:
    """In arrears, for each phase its days of the month."""
    for month in months if book.conventions.recurring == "arrears" else ():
        here = [phase for phase in phases(days, month) if not phase[0].trial]
        for today, starts_on, ends_on in here:
            for item in items(today, book):
                if today.trial or item.price.cadence == "once" or is_yearly(item, today):
                    continue
                amount = cost(
                    in_force(item.price, month.starts_on, days, starts_on)[0],
                    item.quantity,
                    reading(book),
                )
                if item.price.prorate is not False:
                    is_last = today is here[-1][0]
                    counted = lengths((starts_on, ends_on), month, book, is_last=is_last)
                    amount = some(amount, item.quantity, counted, book)
                span = starts_on, ends_on
                yield line_of(name, today, item, kind="recurring", span=span, amount=money(amount, book))


def yearly(
    name: str, days: dict[date, Day], book: PriceBook, until: date
) -> tuple[list[Line], dict[date, list[Paid]]]:
    """In advance, day by day: bought at the start of a term, credited and bought anew at a change within it.

    Also returns what is paid by the year on each day.
    """
    lines: list[Line] = []
    paid: Purse = {}
    paid_on: dict[date, list[Paid]] = {}
    for day, today in days.items():
        yesterday = days.get(day - ONE_DAY)
        if yesterday is None:
            paid = {}  # it was cancelled
        is_new = not paid
        paid = {place: kept for place, kept in paid.items() if kept.ends_on > day}
        wanted = {} if today.trial else wanted_on(day, days, book)
        begins = any(new.starts_on == day for new in wanted.values())
        if not today.trial and (begins or yesterday is None or yesterday.phase != today.phase):
            lines += settled(name, day, today, book, (paid, wanted), is_new=is_new)
            paid = wanted
        paid_on[day] = [bought for bought in paid.values() if bought.months == 12]
        if day + ONE_DAY not in days and day + ONE_DAY < until:
            lines += given_back(name, day, days, book, paid.values())
    return lines, paid_on


def settled(
    name: str, day: date, today: Day, book: PriceBook, change: tuple[Purse, Purse], *, is_new: bool
) -> Iterator[Line]:
    """Credit what does not go on, and charge what begins; what goes on keeps its place among the wanted."""
    paid, wanted = change
    for place in dict.fromkeys([*paid, *wanted]):
        old, new = paid.get(place), wanted.get(place)
        if old and new and stays(old, new):
            wanted[place] = old
            continue
        for kind, sign, bought in (("credit", -1, old), ("recurring", 1, new)):
            if bought:
                rest = bought.rest(day, book, is_new=is_new and kind == "recurring")
                span, amount = (day, bought.ends_on), money(sign * rest, book)
                yield line_of(name, today, bought.item, kind=kind, span=span, amount=amount)


def given_back(
    name: str, last: date, days: dict[date, Day], book: PriceBook, paid: Iterable[Paid]
) -> Iterator[Line]:
    """What a biller gives back who does not keep what was paid for the time after the last day."""
    end = last + ONE_DAY
    for bought in paid if book.conventions.cancellation == "credited" else ():
        if bought.ends_on > end:
            span, amount = (end, bought.ends_on), money(-bought.rest(end, book, is_new=False), book)
            yield line_of(name, days[last], bought.item, kind="credit", span=span, amount=amount)


def wanted_on(day: date, days: dict[date, Day], book: PriceBook) -> Purse:
    """What a subscription pays in advance on a day, each for the term that holds it."""
    today, wanted = days[day], {}
    for item in items(today, book):
        place = item.owner, item.key
        if is_yearly(item, today):
            wanted[place] = Paid(item, a_year(item, day, days, reading(book)), *year_of(today.anchor, day))
        elif item.price.cadence == "billing" and book.conventions.recurring == "advance":
            month = first(day), add_months(first(day), 1)
            rate = in_force(item.price, month[0], days, day)[0]
            wanted[place] = Paid(item, cost(rate, item.quantity, reading(book)), *month, 1)
    return wanted


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
    same = old.item.quantity == new.item.quantity or old.amount == new.amount
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

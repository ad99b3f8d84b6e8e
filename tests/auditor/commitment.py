"""What customers are committed to: yearly minimums with their true-ups, and monthly recurring revenue."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from billing.price_book import PriceBook
from metering.period import Period, add_months
from tests.auditor.discount import worth_less, worth_of
from tests.auditor.life import ONE_DAY, Day, Lives
from tests.auditor.line import Line, first, in_force, items, year_of
from tests.auditor.price import ZERO, cents, cost, reading, twelve
from tests.auditor.recurring import Paid


def true_ups(
    name: str, days: dict[date, Day], book: PriceBook, months: list[Period], lines: list[Line]
) -> Iterator[Line]:
    """What is missing of a commitment when its contract year of twelve billing months closes.

    Our reading: the last day decides about the plan; a subscription ends in the month of its `effective_on`;
    a year that a new anchor cuts short is not trued up, as the new one has its own commitment.
    """
    for anchor, starts_on, closes, today in closings(days, months):
        commitment = book.plans[today.plan].commitment
        if commitment:
            billed = [line.amount for line in lines if starts_on <= line.month <= closes]
            missing = least(commitment.amount, anchor, starts_on) - sum(billed, ZERO)
            if missing > 0:
                amount, span = cents(missing, book), (starts_on, add_months(closes, 1))
                place = today.account, closes, name, today.plan, "commitment", "true_up"
                yield Line(*place, *span, "", book.plans[today.plan].stream, amount)


def closings(days: dict[date, Day], months: list[Period]) -> Iterator[tuple[date, date, date, Day]]:
    """Each contract year that closes: its anchor, its first month, the month that closes it, its last day."""
    last_days: dict[tuple[date, date], date] = {}
    for day, today in days.items():
        if not today.trial:
            last_days[today.anchor, year_of(first(today.anchor), day)[0]] = day
    for (anchor, starts_on), day in last_days.items():
        today, after = days[day], days.get(day + ONE_DAY)
        closes = add_months(starts_on, 11)
        if after is None:
            closes = min(closes, first(day + ONE_DAY))
        if closes <= months[-1].starts_on and (after is None or after.anchor == anchor):
            yield anchor, starts_on, closes, today


def least(amounts: tuple[Decimal, ...], anchor: date, day: date) -> Decimal:
    """The commitment of the contract year that holds the day; the last one holds for all later years."""
    number = 0
    while add_months(first(anchor), 12 * (number + 1)) <= day:
        number += 1
    return amounts[number] if number < len(amounts) else amounts[-1]


def taken_or_paid(
    name: str, days: dict[date, Day], book: PriceBook, months: list[Period], lines: list[Line]
) -> Iterator[Line]:
    """Take or pay: what of a least quantity was not used is paid for when the contract year closes."""
    for anchor, starts_on, closes, today in closings(days, months):
        for key, price in book.plans[today.plan].prices.items():
            if price.commitment:
                used = [
                    line for line in lines
                    if line[2:6] == (name, today.plan, key, "usage") and line.month <= closes
                ]  # fmt: skip
                year = sum((line.quantity for line in used if line.month >= starts_on), ZERO)
                missing = least(price.commitment, anchor, starts_on) - year
                before = {"period": ZERO, "year": year, "life": sum((line.quantity for line in used), ZERO)}
                if missing > 0:
                    last = max(day for day in days if first(day) <= closes and days[day].anchor == anchor)
                    rate = in_force(price, closes, days, last)[0]
                    how = reading(book, today.plan, price)._replace(flat_at_zero=False, minimum_at_zero=False)
                    already = before[price.window]
                    exact = cost(rate, already + missing, how) - cost(rate, already, how)
                    place = today.account, closes, name, today.plan, key, "true_up"
                    span = starts_on, add_months(closes, 1)
                    stream = price.stream or book.plans[today.plan].stream
                    yield Line(*place, *span, "", stream, cents(exact, book), missing)


def committed(
    name: str, days: dict[date, Day], book: PriceBook, months: list[Period], paid: dict[date, list[Paid]]
) -> dict[tuple[date, str], Decimal]:
    """What the subscription pays a month, whatever it uses, as it stands on the last day of each month."""
    amounts = {}
    for month in months:
        last = month.ends_on - ONE_DAY
        today = days.get(last)
        if today is None or today.trial:
            continue
        worth = [(kept.item.price, kept.item.key, twelve(kept.yearly / 12)) for kept in paid[last]]
        for item in items(today, book):
            if item.price.cadence == "billing" and today.billing == "month":
                rate = in_force(item.price, month.starts_on, days, last)[0]
                worth.append((item.price, item.key, cost(rate, item.quantity, reading(book))))
        amount = worth_less(worth, today, book, worth_of(days, month.starts_on, book))
        commitment = book.plans[today.plan].commitment
        if commitment:
            amount = max(amount, twelve(least(commitment.amount, today.anchor, month.starts_on) / 12))
        most = book.plans[today.plan].maximum
        if most is not None:
            amount = min(amount, most)
        if amount:
            amounts[month.starts_on, name] = amount
    return amounts


def movements(
    mrr: dict[tuple[date, str], Decimal], lives: Lives, months: list[Period]
) -> dict[tuple[date, str, str], Decimal]:
    """How the committed revenue of each account moves from month to month."""
    moved = {}
    holders = {name: next(iter(days.values())).account for name, days in lives.items()}
    for account in dict.fromkeys(holders.values()):
        before, ever = ZERO, False
        for month in months:
            own = [mrr.get((month.starts_on, name), ZERO) for name in lives if holders[name] == account]
            now = sum(own, ZERO)
            rising = "expansion" if before else "reactivation" if ever else "new"
            if now != before:
                kind = rising if now > before else "contraction" if now else "churn"
                moved[month.starts_on, account, kind] = now - before
            before, ever = now, ever or now > 0
    return moved

"""What customers are committed to: yearly minimums with their true-ups, and monthly recurring revenue."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from billing.price_book import PriceBook
from metering.period import Period, add_months
from tests.auditor.life import ONE_DAY, Day, Lives
from tests.auditor.line import Line, discount_on, first, items, year_of
from tests.auditor.price import ZERO, cents, cost, twelve, version
from tests.auditor.recurring import Paid


def true_ups(
    name: str, days: dict[date, Day], book: PriceBook, months: list[Period], lines: list[Line]
) -> Iterator[Line]:
    """What is missing of a commitment when its contract year of twelve billing months closes.

    Our reading: the last day decides about the plan; a subscription ends in the month of its `effective_on`;
    a year that a new anchor cuts short is not trued up, as the new one has its own commitment.
    """
    last_days: dict[tuple[date, date], date] = {}
    for day, today in days.items():
        if not today.trial:
            last_days[today.anchor, year_of(first(today.anchor), day)[0]] = day
    for (anchor, starts_on), day in last_days.items():
        today, after = days[day], days.get(day + ONE_DAY)
        plan, closes = book.plans[today.plan], add_months(starts_on, 11)
        if after is None:
            closes = min(closes, first(day + ONE_DAY))
        if plan.commitment and closes <= months[-1].starts_on and (after is None or after.anchor == anchor):
            billed = [line.amount for line in lines if starts_on <= line.month <= closes]
            missing = plan.commitment.amount[0] - sum(billed, ZERO)
            if missing > 0:
                amount, span = cents(missing, book), (starts_on, add_months(closes, 1))
                place = today.account, closes, name, today.plan, "commitment", "true_up"
                yield Line(*place, *span, "", plan.stream, amount)


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
        amount = sum((twelve(kept.yearly / 12) for kept in paid[last]), ZERO)
        for item in items(today, book):
            if item.price.cadence == "billing" and today.billing == "month":
                amount += cost(version(item.price, month.starts_on)[0], item.quantity)
        amount -= twelve(amount * discount_on(today, month.starts_on, book))
        commitment = book.plans[today.plan].commitment
        amount = max(amount, twelve(commitment.amount[0] / 12)) if commitment else amount
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

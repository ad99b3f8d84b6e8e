"""The auditor's usage prices: levels phase by phase, flows together, each in its window."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from billing.price import Price
from billing.price_book import PriceBook
from metering.period import Period
from tests.auditor.life import Day, Usage, Used
from tests.auditor.line import Item, Line, first, line_of, phases, year_of
from tests.auditor.price import ZERO, cents, cost, part, version

Pool = list[tuple[Day, date, date]]
ByMonth = dict[date, list[Used]]
Rated = Iterator[tuple[Decimal, tuple[date, date], Decimal]]


def used_up(
    name: str, days: dict[date, Day], book: PriceBook, months: list[Period], usage: Usage
) -> Iterator[Line]:
    """What usage costs, month by month, for the phases of a plan together. Our reading: a trial's is free."""
    for month in months:
        here = [phase for phase in phases(days, month) if not phase[0].trial]
        for plan in dict.fromkeys(today.plan for today, _, _ in here):
            pool = [phase for phase in here if phase[0].plan == plan]
            own = {
                then: found for (who, then), found in usage.items() if who == name and then < month.ends_on
            }
            paying = {today.phase for today in days.values() if today.plan == plan and not today.trial}
            for key, price in book.plans[plan].prices.items():
                stream = price.stream or book.plans[plan].stream
                for dimensions, seen in counted(price, paying, own).items():
                    rated = levels if book.meters[str(price.meter)].aggregation in ("max", "latest") else flow
                    for quantity, span, exact in rated(price, pool, month, seen, book):
                        item, amount = Item(plan, key, price, stream, quantity), cents(exact, book)
                        line = line_of(name, pool[-1][0], item, kind="usage", span=span, amount=amount)
                        yield line._replace(dimensions=dimensions)


def counted(price: Price, paying: set[int], own: ByMonth) -> dict[str, ByMonth]:
    """The usage that the price counts in these phases, by the values that make a line, and by month."""
    seen: dict[str, ByMonth] = defaultdict(lambda: defaultdict(list))
    for then, found in own.items():
        for used in found:
            if used.phase in paying and matches(used, price):
                seen[group(used, price)][then].append(used)
    return seen


def matches(used: Used, price: Price) -> bool:
    """Whether the price counts this usage."""
    wanted = {name: [value] if isinstance(value, str) else value for name, value in price.where.items()}
    return used.meter == price.meter and all(used.dimensions[name] in wanted[name] for name in wanted)


def group(used: Used, price: Price) -> str:
    """The values that make a line of their own."""
    values = {name: used.dimensions[name] for name in sorted(price.group_by)}
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False) if values else ""


def allowed(price: Price, today: Day, month: Period) -> Decimal:
    """The allowance of a phase."""
    return version(price, month.starts_on)[2] * (today.seats if price.allowance_per == "seat" else 1)


def levels(price: Price, pool: Pool, month: Period, seen: ByMonth, book: PriceBook) -> Rated:
    """A level is rated for each phase by itself, for its days. Our reading: several dimensions add up."""
    rate = version(price, month.starts_on)[0]
    for today, starts_on, ends_on in pool:
        level = sum((used.quantity for used in seen[month.starts_on] if used.phase == today.phase), ZERO)
        exact = cost(rate, level - allowed(price, today, month))
        if price.prorate is not False:
            exact = part(exact, (ends_on - starts_on).days, month.days)
        if level:
            yield level, (starts_on, ends_on), exact


def flow(price: Price, pool: Pool, month: Period, seen: ByMonth, book: PriceBook) -> Rated:
    """A flow is rated for all phases of the plan together, within its window.

    Our reading: the service period goes from the first day of these phases to the last; in a window of a year
    or a life, seats and contract year are those of the last phase.
    """
    rate = version(price, month.starts_on)[0]
    quantity = sum((used.quantity for used in seen[month.starts_on]), ZERO)
    before, last = ZERO, pool[-1][0]
    if price.window == "period":
        whole = [(allowed(price, today, month), (until - since).days) for today, since, until in pool]
        allowance = sum((part(units, days, month.days) for units, days in whole), ZERO)
        if book.conventions.allowance == "full":
            allowance = max(units for units, _ in whole)
    else:
        allowance = allowed(price, last, month)
        since = year_of(first(last.anchor), month.starts_on)[0] if price.window == "year" else date.min
        for then, found in seen.items():
            if since <= then < month.starts_on:
                before += sum((used.quantity for used in found), ZERO)
    exact = cost(rate, before + quantity - allowance) - cost(rate, before - allowance)
    if quantity:
        yield quantity, (pool[0][1], pool[-1][2]), exact

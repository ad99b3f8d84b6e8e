"""The auditor's usage prices: levels phase by phase, flows together, each in its window."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.price import Price, Rate
from billing.price_book import PriceBook
from metering.period import Period
from tests.auditor.length import lengths, prorated
from tests.auditor.life import Day, Usage, Used
from tests.auditor.line import Item, Line, first, in_force, line_of, phases, year_of
from tests.auditor.price import ZERO, Reading, cost, money, reading

Pool = list[tuple[Day, date, date]]


class Pools(NamedTuple):
    """The phases of a plan in a month, and those whose span its lines have."""

    own: Pool
    span_of: Pool
    all: Pool
    month: Period
    days: dict[date, Day]
    how: Reading
    idle: set[int]


ByMonth = dict[date, list[Used]]
Rated = Iterator[tuple[Decimal, tuple[date, date], Decimal]]


def used_up(
    name: str, days: dict[date, Day], book: PriceBook, months: list[Period], usage: Usage
) -> Iterator[Line]:
    """What usage costs, month by month, for the phases of a plan together. Our reading: a trial's is free.

    A plan may rate what is above another's limit: without an allowance, unless it has phases itself. Our
    reading: its lines' service period then also holds the phases that the usage came from.
    """
    for month in months:
        here = [phase for phase in phases(days, month) if not phase[0].trial]
        own = {then: found for (who, then), found in usage.items() if who == name and then < month.ends_on}
        stepped = [used.plan for used in own.get(month.starts_on, []) if used.plan]
        for plan in dict.fromkeys([*(today.plan for today, _, _ in here), *stepped]):
            pool = [phase for phase in here if phase[0].plan == plan]
            came = {used.phase for used in own.get(month.starts_on, []) if used.plan == plan}
            plans = {plan, *(today.plan for today, _, _ in here if today.phase in came)}
            span_of = [phase for phase in here if phase[0].plan in plans]
            paying = {today.phase for today in days.values() if today.plan == plan and not today.trial}
            metered = [(key, one) for key, one in book.plans[plan].prices.items() if one.meter]
            for key, price in metered:
                stream = price.stream or book.plans[plan].stream
                how = reading(book, plan, price)
                found = counted(price, plan, paying, own)
                is_level = book.meters[str(price.meter)].aggregation in ("max", "latest")
                unused = idle(pool, found, month.starts_on, by_phase=is_level)
                found.setdefault("", defaultdict(list))  # where what is due at zero is written
                for dimensions, seen in found.items():
                    rated = levels if is_level else flow
                    pools = Pools(pool, span_of, here, month, days, how, set() if dimensions else unused)
                    for quantity, span, exact in rated(price, pools, seen, book):
                        item, amount = Item(plan, key, price, stream, quantity), money(exact, book)
                        line = line_of(name, span_of[-1][0], item, kind="usage", span=span, amount=amount)
                        yield line._replace(dimensions=dimensions, meter=str(price.meter))


def counted(price: Price, plan: str, paying: set[int], own: ByMonth) -> dict[str, ByMonth]:
    """The usage that the price counts in these phases, by the values that make a line, and by month."""
    seen: dict[str, ByMonth] = defaultdict(lambda: defaultdict(list))
    for then, found in own.items():
        for used in found:
            ours = used.plan == plan if used.plan else used.phase in paying
            if ours and matches(used, price):
                seen[group(used, price)][then].append(used)
    return seen


def idle(pool: Pool, found: dict[str, ByMonth], month: date, *, by_phase: bool) -> set[int]:
    """The phases of the plan in which the price counted nothing; all of them or none, if it is no level."""
    used: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for values, seen in found.items():
        for one in seen[month]:
            used[values, one.phase if by_phase else 0] += one.quantity
    busy = {phase for (_, phase), quantity in used.items() if quantity}
    return {today.phase for today, _, _ in pool if (today.phase if by_phase else 0) not in busy}


def owed(rate: Rate, how: Reading) -> bool:
    """Whether there is something to pay, or to be bounded, when nothing is used."""
    later = how.minimum_at_zero and not how.minimum and rate.minimum
    return bool(cost(rate, ZERO, how) or later)


def matches(used: Used, price: Price) -> bool:
    """Whether the price counts this usage."""
    wanted = {name: [value] if isinstance(value, str) else value for name, value in price.where.items()}
    return used.meter == price.meter and all(used.dimensions[name] in wanted[name] for name in wanted)


def group(used: Used, price: Price) -> str:
    """The values that make a line of their own."""
    names = {*price.group_by, *(["event"] if "event" in used.dimensions else [])}
    values = {name: used.dimensions[name] for name in sorted(names)}
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False) if values else ""


def per(price: Price, today: Day) -> int:
    """How many times the allowance is given."""
    return today.seats if price.allowance_per == "seat" else 1


def levels(price: Price, pools: Pools, seen: ByMonth, book: PriceBook) -> Rated:
    """A level is rated for each phase by itself, for its days. Our reading: several dimensions add up."""
    month = pools.month
    for today, starts_on, ends_on in pools.all:
        rate, _, units = in_force(price, month.starts_on, pools.days, starts_on)
        units = units if today in [own for own, _, _ in pools.own] else ZERO
        level = sum((used.quantity for used in seen[month.starts_on] if used.phase == today.phase), ZERO)
        exact = cost(rate, level - units * per(price, today), pools.how)
        if price.prorate is not False:
            is_last = today is pools.all[-1][0]
            exact = prorated(exact, lengths((starts_on, ends_on), month, book, is_last=is_last), book)
        if level or (today.phase in pools.idle and owed(rate, pools.how)):
            yield level, (starts_on, ends_on), exact


def flow(price: Price, pools: Pools, seen: ByMonth, book: PriceBook) -> Rated:
    """A flow is rated for all phases of the plan together, within its window.

    Our reading: the service period goes from the first day of these phases to the last; in a window of a year
    or a life, seats and contract year are those of the last phase.
    """
    month, (last, last_on, _) = pools.month, pools.span_of[-1]
    rate, _, units = in_force(price, month.starts_on, pools.days, last_on)
    quantity = sum((used.quantity for used in seen[month.starts_on]), ZERO)
    before = allowance = ZERO
    if price.window == "period":
        whole = [
            (units * per(price, today), lengths((since, until), month, book))
            for today, since, until in pools.own
        ]
        allowance = sum((prorated(units, counted, book) for units, counted in whole), ZERO)
        if book.conventions.allowance == "full" or book.conventions.proration == "none":
            allowance = max((units for units, _ in whole), default=ZERO)
    else:
        allowance = units * per(price, last) if pools.own else ZERO
        start = year_of(first(last.anchor), month.starts_on)[0] if price.window == "year" else date.min
        for then, found in seen.items():
            if start <= then < month.starts_on:
                before += sum((used.quantity for used in found), ZERO)
    exact = cost(rate, before + quantity - allowance, pools.how)
    if price.window != "period":
        exact -= cost(rate, before - allowance, pools.how)
    if quantity or (pools.idle and owed(rate, pools.how)):
        yield quantity, (pools.span_of[0][1], pools.span_of[-1][2]), exact

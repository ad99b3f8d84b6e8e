"""The auditor's limits: what is above one was refused, or is for another plan to rate."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.price_book import PriceBook
from billing.rule import Limit
from metering.period import Period
from tests.auditor.life import Bit, Day, Lives, Usage, Used
from tests.auditor.line import first, phases
from tests.auditor.price import ZERO


class Here(NamedTuple):
    """A subscription in a month: its phases, its days' usage by phase and row, and the meters of levels."""

    plans: dict[int, Day]
    daily: dict[tuple[int, str], dict[date, Decimal]]
    levels: set[str]


class Row(NamedTuple):
    """Usage of one day, or of a month where it does not add up day by day."""

    used: Used
    plan: str
    quantity: Decimal
    day: date = date.min


def served(usage: Usage, bits: list[Bit], lives: Lives, book: PriceBook, months: list[Period]) -> Usage:
    """The usage that is within the limits, or that another plan rates; what was refused is gone."""
    kept: Usage = {}
    levels = {key for key, meter in book.meters.items() if meter.aggregation in ("max", "latest")}
    for (name, month), found in usage.items():
        daily: dict[tuple[int, str], dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for bit in bits:
            if (bit.name, first(bit.day)) == (name, month):
                daily[bit.phase, bit.meter + bit.text][bit.day] += bit.quantity
        period = next(one for one in months if one.starts_on == month)
        plans = {today.phase: today for today, _, _ in phases(lives[name], period)}
        here = Here(plans, daily, levels)
        rows = [row for used in found if not plans[used.phase].trial for row in by_day(used, here)]
        for plan in by_depth(book):
            for limit in book.plans[plan].limits.values():
                rows = cut(rows, plan, limit, here)
        kept[name, month] = [used for used in found if plans[used.phase].trial] + together(rows, here)
    return kept


def by_day(used: Used, here: Here) -> list[Row]:
    """The usage day by day, where it adds up so."""
    plan, days = here.plans[used.phase].plan, here.daily.get((used.phase, used.meter + text(used)))
    if days is None or used.meter in here.levels:
        return [Row(used, plan, used.quantity)]
    return [Row(used, plan, quantity, day) for day, quantity in days.items()]


def together(rows: list[Row], here: Here) -> list[Used]:
    """The usage of a month, added up again by the plan that rates it."""
    found: dict[tuple[int, str, str, str], Used] = {}
    for row in rows:
        own = row.plan == here.plans[row.used.phase].plan
        key = row.used.phase, row.used.meter, text(row.used), row.plan
        empty = row.used._replace(quantity=ZERO, plan="" if own else row.plan)
        before = found.get(key, empty)
        found[key] = before._replace(quantity=before.quantity + row.quantity)
    return list(found.values())


def by_depth(book: PriceBook) -> list[str]:
    """Plans, those first whose limits step through the most others."""

    def depth(plan: str) -> int:
        return max((1 + depth(one.then) for one in book.plans[plan].limits.values() if one.then), default=0)

    return sorted(book.plans, key=depth, reverse=True)


def cut(rows: list[Row], plan: str, limit: Limit, here: Here) -> list[Row]:
    """Take what is above one limit off the rows of a plan, from the last one backwards.

    A level counts phase by phase, a limit of the day day by day.
    """
    ours = [row for row in rows if row.plan == plan and fits(row.used, limit)]
    pools: dict[object, list[Row]] = defaultdict(list)
    for row in sorted(ours, key=lambda row: (row.used.phase, text(row.used), row.day), reverse=True):
        is_level = limit.meter in here.levels
        pools[row.used.phase if is_level else row.day if limit.window == "day" else ""].append(row)
    for pool in pools.values():
        of = pool if limit.meter in here.levels else ours
        seats = here.plans[max(row.used.phase for row in of)].seats if limit.per == "seat" else 1
        above = taken_off([row.quantity for row in pool], limit.quantity * seats)
        for row, taken in zip(pool, above, strict=True):
            rows[rows.index(row)] = row._replace(quantity=row.quantity - taken)
            if taken and limit.then:
                rows.append(row._replace(quantity=taken, plan=limit.then))
    return rows


def fits(row: Used, limit: Limit) -> bool:
    """Whether the limit is on this usage."""
    wanted = {name: [value] if isinstance(value, str) else value for name, value in limit.where.items()}
    return row.meter == limit.meter and all(row.dimensions[name] in wanted[name] for name in wanted)


def taken_off(quantities: list[Decimal], most: Decimal) -> list[Decimal]:
    """What goes off each quantity, the first one first, until no more than the most is left."""
    over, taken = max(ZERO, sum(quantities, ZERO) - most), []
    for quantity in quantities:
        taken.append(min(over, quantity))
        over -= taken[-1]
    return taken


def text(row: Used) -> str:
    """The dimensions as the ledger writes them."""
    return Bit(date.min, 0, "", 0, "", row.dimensions, ZERO).text

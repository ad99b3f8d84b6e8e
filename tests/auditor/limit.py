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
        rows = [used._replace(plan=plans[used.phase].plan) for used in found if not plans[used.phase].trial]
        for plan in by_depth(book):
            for limit in book.plans[plan].limits.values():
                rows = cut(rows, plan, limit, here)
        kept[name, month] = [used for used in found if plans[used.phase].trial]
        for row in rows:
            own = row.plan == plans[row.phase].plan
            kept[name, month].append(row._replace(plan="" if own else row.plan))
    return kept


def by_depth(book: PriceBook) -> list[str]:
    """Plans, those first whose limits step through the most others."""

    def depth(plan: str) -> int:
        return max((1 + depth(one.then) for one in book.plans[plan].limits.values() if one.then), default=0)

    return sorted(book.plans, key=depth, reverse=True)


def cut(rows: list[Used], plan: str, limit: Limit, here: Here) -> list[Used]:
    """Take what is above one limit off the rows of a plan, from the last one backwards."""
    ours = [row for row in rows if row.plan == plan and fits(row, limit)]
    phases_apart = [[row for row in ours if row.phase == phase] for phase in {row.phase for row in ours}]
    for pool in phases_apart if limit.meter in here.levels else [ours] if ours else []:
        backwards = sorted(pool, key=lambda row: (row.phase, text(row)), reverse=True)
        for row, taken in zip(backwards, above(backwards, limit, here), strict=True):
            rows[rows.index(row)] = row._replace(quantity=row.quantity - taken)
            if taken and limit.then:
                rows.append(row._replace(quantity=taken, plan=limit.then))
    return rows


def fits(row: Used, limit: Limit) -> bool:
    """Whether the limit is on this usage."""
    wanted = {name: [value] if isinstance(value, str) else value for name, value in limit.where.items()}
    return row.meter == limit.meter and all(row.dimensions[name] in wanted[name] for name in wanted)


def above(backwards: list[Used], limit: Limit, here: Here) -> list[Decimal]:
    """How much of each row is above the limit: in the month, or in each of its days by itself."""
    seats = here.plans[max(row.phase for row in backwards)].seats if limit.per == "seat" else 1
    most = limit.quantity * seats
    if limit.window == "month":
        return taken_off([row.quantity for row in backwards], most)
    daily = [here.daily[row.phase, row.meter + text(row)] for row in backwards]
    days = dict.fromkeys(day for own in daily for day in own)
    parts = [taken_off([own.get(day, ZERO) for own in daily], most) for day in days]
    return [sum(own, ZERO) for own in zip(*parts, strict=True)]


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

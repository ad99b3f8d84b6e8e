"""Limits: what a plan serves at most; what is above was refused, or is usage of the next plan.

Nothing is done for books without limits, and usage is looked at by the day only where a limit is by the day.
"""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from billing.dimension import among
from billing.money import EXACT, ZERO, literal, times
from billing.price_book import PriceBook
from billing.pricing import between
from billing.rule import Limit

_POOL = ["month", "subscription"]
_ROWS = ["phase_no", "dimensions", "day", "step"]
"""The order of the rows of a pool: what is above a limit is taken off the last ones."""


class Limited(NamedTuple):
    """Usage as plans serve it: what they served, what they refused, and the parts of months that they served.

    `served` has the usage's columns: what stepped to another plan has that `plan`, and `step` one higher. For
    such a plan `slices` holds the slices from which the usage stepped, with `is_step`.
    """

    served: pl.DataFrame
    refused: pl.DataFrame
    slices: pl.DataFrame


def looks_at_days(book: PriceBook) -> list[tuple[str, str]]:
    """Return each (plan, meter) with a limit by the day, or from which usage can step to such a plan."""
    return [
        (plan, meter)
        for meter in _limited_meters(book)
        for plan in book.plans
        if any(limit.window == "day" for step in _path(book, plan, meter) for limit in _limits(book, step, meter))
    ]


def limited(usage: pl.DataFrame, slices: pl.DataFrame, book: PriceBook) -> Limited:
    """Hold usage against the limits of the plans, in the order of the book.

    `usage` has the columns of the ledger's `usage`, `step` and `day` (null where months are enough); `slices`
    are the phases' parts of the months. Raises AssertionError for usage that should be known by the day.
    """
    refused = usage.clear()
    for meter in _limited_meters(book):
        of_meter = pl.col("meter") == meter
        rows, others = usage.filter(of_meter), usage.filter(~of_meter)
        for plan in _in_steps(book, meter):
            for limit in _limits(book, plan, meter):
                is_level = book.meters[meter].is_level
                rows, above = _cut(rows, slices, limit, plan=plan, is_level=is_level)
                if limit.then is None:
                    refused = pl.concat([refused, above])
                elif len(above):
                    moved = above.with_columns(plan=pl.lit(limit.then), step=pl.col("step") + 1)
                    rows = pl.concat([rows, moved])
                    slices = _stepped(slices, above, limit.then)
        usage = pl.concat([others, rows])
    return Limited(usage, refused, slices)


def _limited_meters(book: PriceBook) -> list[str]:
    limits = [limit for plan in book.plans.values() for limit in plan.limits.values()]
    return list(dict.fromkeys(limit.meter for limit in limits))


def _limits(book: PriceBook, plan: str, meter: str) -> Iterator[Limit]:
    return (limit for limit in book.plans[plan].limits.values() if limit.meter == meter)


def _path(book: PriceBook, plan: str, meter: str) -> list[str]:
    """Return a plan and the plans to which usage of a meter steps from it, each after those before it."""
    later = [path for limit in _limits(book, plan, meter) if limit.then for path in _path(book, limit.then, meter)]
    return [plan, *dict.fromkeys(later)]


def _in_steps(book: PriceBook, meter: str) -> list[str]:
    """Return the plans with limits on a meter, so that usage steps only to plans that come later."""
    plans = [plan for plan in book.plans if any(_limits(book, plan, meter))]
    depth = {plan: max(len(_path(book, other, meter)) for other in plans if plan in _path(book, other, meter)) for plan in plans}
    return plans

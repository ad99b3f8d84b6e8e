"""Limits: what a plan serves at most; what is above was refused, or is usage of the next plan.

Nothing is done for books without limits, and usage is looked at by the day only where a limit is by the day.
"""

from collections.abc import Iterator
from graphlib import TopologicalSorter
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
    found: list[tuple[str, str]] = []
    for meter in _limited_meters(book):
        for plan in reversed(_in_steps(book, meter)):
            limits = list(_limits(book, plan, meter))
            by_day = any(limit.window == "day" for limit in limits)
            if by_day or any((limit.then, meter) in found for limit in limits):
                found.append((plan, meter))
    return found


def limited(usage: pl.DataFrame, slices: pl.DataFrame, book: PriceBook) -> Limited:
    """Hold usage against the limits of the plans, in the order of the book.

    `usage` has the columns of the ledger's `usage`, `step` and `day` (null where months are enough); `slices`
    are the phases' parts of the months. Raises AssertionError for usage that should be known by the day.
    """
    refused = usage.clear()
    used = set(usage["meter"].unique())
    for meter in _limited_meters(book):
        if meter not in used:
            continue
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
                    rows = _together(pl.concat([rows, moved]))
                    slices = _stepped(slices, above, limit.then)
        usage = pl.concat([others, rows])
    return Limited(usage, refused, slices)


def _limited_meters(book: PriceBook) -> list[str]:
    limits = [limit for plan in book.plans.values() for limit in plan.limits.values()]
    return list(dict.fromkeys(limit.meter for limit in limits))


def _limits(book: PriceBook, plan: str, meter: str) -> Iterator[Limit]:
    return (limit for limit in book.plans[plan].limits.values() if limit.meter == meter)


def _in_steps(book: PriceBook, meter: str) -> list[str]:
    """Return the plans with limits on a meter, and those they step to, each after those before it."""
    before: dict[str, list[str]] = {}
    for plan in book.plans:
        for limit in _limits(book, plan, meter):
            before.setdefault(plan, [])
            if limit.then is not None:
                before.setdefault(limit.then, []).append(plan)
    return list(TopologicalSorter(before).static_order())


def _cut(
    usage: pl.DataFrame, slices: pl.DataFrame, limit: Limit, *, plan: str, is_level: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part usage of a meter into what stays below a limit of a plan (and of others), and what is above it."""
    pool = [*_POOL, "phase_no"] if is_level else [*_POOL, "day"] if limit.window == "day" else _POOL
    rows = among(usage.filter(pl.col("plan") == plan), limit.where)
    assert limit.window == "month" or is_level or not rows["day"].null_count(), (
        "usage is not known by the day"
    )
    pools = rows.group_by(pool).agg(used=pl.col("quantity").sum())
    if limit.per == "subscription":  # most months of most subscriptions stay below: they need no second look
        pools = pools.filter(pl.col("used") > literal(limit.quantity))
    if not len(pools):
        return usage, usage.clear()
    pools = pools.join(_most(slices, limit, plan, is_level=is_level), on=pool[: 3 if is_level else 2])
    pools = pools.with_columns(over=between(pl.col("used") - pl.col("most"), ZERO, None))
    pools = pools.filter(pl.col("over") > 0).select(*pool, "over")
    if not len(pools):
        return usage, usage.clear()
    rows = rows.join(pools, on=pool).sort(*pool, *_ROWS)
    counted = between(pl.col("quantity"), ZERO, None)
    later = counted.cum_sum(reverse=True).over(pool) - counted
    left = between(pl.col("over") - later, ZERO, None)
    rows = rows.with_columns(above=pl.when(left < counted).then(left).otherwise(counted))
    rows = rows.filter(pl.col("above") > 0)
    same = [name for name in usage.columns if name not in {"quantity", "events", "account"}]
    below = usage.join(rows.select(*same, "above"), on=same, how="left", nulls_equal=True)
    whole = pl.col("above") == pl.col("quantity")
    below = below.filter(whole.is_null() | ~whole)
    below = below.with_columns(quantity=pl.col("quantity") - pl.col("above").fill_null(literal(ZERO)))
    return below.select(usage.columns), rows.with_columns(quantity="above").select(usage.columns)


def _most(slices: pl.DataFrame, limit: Limit, plan: str, *, is_level: bool) -> pl.DataFrame:
    """Return the most that a plan serves each subscription (each phase, of a level) in the window."""
    keys = [*_POOL, "phase_no"] if is_level else _POOL
    last = slices.filter(pl.col("plan") == plan).group_by(keys).agg(pl.col("seats").sort_by("from_on").last())
    most = pl.lit(limit.quantity, EXACT)
    if limit.per == "seat":
        most = times(most, pl.col("seats").cast(EXACT))
    return last.select(*keys, most=most)


def _together(rows: pl.DataFrame) -> pl.DataFrame:
    """Add up what several limits moved to the same plan."""
    keys = [name for name in rows.columns if name != "quantity"]
    return rows.group_by(keys).agg(pl.col("quantity").sum()).select(rows.columns)


def _stepped(slices: pl.DataFrame, above: pl.DataFrame, then: str) -> pl.DataFrame:
    """Add the slices of a plan for the subscriptions whose usage steps to it, as its own are not there."""
    keys = [*_POOL, "plan"]
    parts = slices.join(above.select(keys).unique(), on=keys, how="semi")
    more = parts.with_columns(plan=pl.lit(then), is_step=pl.lit(value=True))
    return pl.concat([slices, more]).unique([*keys, "phase_no"], keep="first", maintain_order=True)

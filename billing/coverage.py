"""Coverage: what of the usage is to be paid for, once limits are held against it and grants are drawn down.

Usage is parted by the day where days matter, cut at the limits, covered by what was given, and put together
by the month again, so that prices see months only. A book without limits and entitlements costs nothing here.
"""

from typing import NamedTuple

import polars as pl

from billing.day import with_days
from billing.limit import limited
from billing.price_book import PriceBook

_MONTHS = ["month", "subscription", "phase_no", "meter", "dimensions", "account", "plan", "events"]


class Covered(NamedTuple):
    """Usage that is to be paid for, by the month; what was refused; and the slices that bring allowances."""

    payable: pl.DataFrame
    refused: pl.DataFrame
    slices: pl.DataFrame


def cover(
    usage: pl.DataFrame, days: pl.DataFrame, phases: pl.DataFrame, slices: pl.DataFrame, book: PriceBook
) -> Covered:
    """Say what is to be paid for of usage outside of trials; `days` is what is known by the day of it."""
    if not any(plan.limits for plan in book.plans.values()):
        return Covered(usage, usage.clear(), slices)
    served, refused, slices = limited(with_days(usage, days, phases), slices, book)
    return Covered(_by_month(served), _by_month(refused), slices)


def _by_month(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by(_MONTHS).agg(pl.col("quantity").sum())

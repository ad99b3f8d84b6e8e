"""Coverage: what of the usage is to be paid for, once limits are held against it and grants are drawn down.

Usage is parted by the day where days matter, cut at the limits, covered by what was given, and put together
by the month again, so that prices see months only. A book without limits and entitlements costs nothing here.
"""

from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from billing.day import with_days
from billing.drawdown import DRAWN_SCHEMA, Open, draw
from billing.limit import Limited, limited
from billing.money import ZERO, literal
from billing.price_book import PriceBook
from billing.schema import as_table, polars_schema
from metering.frame import empty

_USAGE = ["month", "subscription", "phase_no", "meter", "dimensions", "plan"]


class Covered(NamedTuple):
    """What became of usage: to be paid for, refused, drawn (`billing.drawdown.DRAWN_SCHEMA`), by the month.

    `slices` are those that bring allowances to what is payable; `left` is what the grants have left.
    """

    payable: pl.DataFrame
    refused: pl.DataFrame
    drawn: pl.DataFrame
    slices: pl.DataFrame
    left: list[Open]

    def drawdowns(self) -> pl.DataFrame:
        """Return what was drawn as the ledger's `drawdowns`."""
        if not len(self.drawn):
            return empty(polars_schema("drawdowns"))
        columns = polars_schema("drawdowns").names()
        keys = [name for name in columns if name != "quantity"]
        return as_table(self.drawn.group_by(keys).agg(pl.col("quantity").sum()).sort(keys), "drawdowns")


def cover(
    usage: pl.DataFrame,
    days: pl.DataFrame,
    grants: Iterable[Open],
    *,
    phases: pl.DataFrame,
    slices: pl.DataFrame,
    book: PriceBook,
) -> Covered:
    """Say what is to be paid for of usage outside of trials.

    `days` is what is known of it by the day; `slices` are the parts of months that are no trial.
    """
    grants = list(grants)
    has_limits = any(plan.limits for plan in book.plans.values())
    if not has_limits and not grants:
        return Covered(usage, usage.clear(), empty(DRAWN_SCHEMA), slices, [])
    held = limited(with_days(usage, days, slices), slices, book)
    drawn, left = draw(held.served, grants, book)
    return covered_by(held, drawn, left, book)


def covered_by(held: Limited, drawn: pl.DataFrame, left: list[Open], book: PriceBook) -> Covered:
    """Say what is to be paid for of usage that was held against limits, and of which some was drawn."""
    payable = _by_month(held.served)
    if len(drawn):
        payable = _without(payable, drawn, book)
    return Covered(payable, _by_month(held.refused), drawn, held.slices, left)


def _by_month(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by(*_USAGE, "account", "events").agg(pl.col("quantity").sum())


def _without(usage: pl.DataFrame, drawn: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Take away the units that free grants cover."""
    free = [key for key, entitlement in book.entitlements.items() if entitlement.is_free]
    covered = drawn.filter(pl.col("entitlement").is_in(free)).group_by(_USAGE)
    rows = usage.join(covered.agg(covered=pl.col("quantity").sum()), on=_USAGE, how="left")
    rows = rows.filter(pl.col("covered").is_null() | (pl.col("covered") != pl.col("quantity")))
    left = pl.col("quantity") - pl.col("covered").fill_null(literal(ZERO))
    return rows.with_columns(quantity=left).select(usage.columns)

"""Bounds: the least and the most that a price of usage, or a plan's month, comes to.

Where they hold before discounts, and whole, the bounds of a price are in the price itself
(`billing.pricing`). The most of a plan is nowhere but here.
"""

from collections.abc import Iterator

import polars as pl

from billing.discount import MONTH, Taking, provisional
from billing.lines import by_version
from billing.money import EXACT, literal
from billing.price import Price
from billing.proration import amount_column

_PLAN = [*MONTH, "plan"]
_SINCE = ["month", "subscription", "plan"]


def take_above_plans(bill: Taking) -> None:
    """Take off the lines of a plan's month what they come to above the plan's maximum."""
    most = [(key, plan.maximum) for key, plan in bill.book.plans.items() if plan.maximum is not None]
    if not most:
        return
    caps = pl.DataFrame(most, schema={"plan": pl.String, "most": EXACT}, orient="row")
    part = bill.rows.join(caps, on="plan", maintain_order="left")
    over = pl.col("net").sum().over(_PLAN) - pl.col("most")
    bill.spread(part.with_columns(whole=over.cast(EXACT)), _PLAN)


def take_above_prices(bill: Taking, slices: pl.DataFrame) -> None:
    """Take off usage lines what they come to above their price's maximum, where it is not in the price.

    `slices` say since when a subscription is on its plan, which tells the version of a price.
    """
    for version, part in _versions(bill, slices, "has_maximum"):
        if version.maximum is not None:
            _bound(bill, part, pl.col("net") - literal(version.maximum), "discount")


def fill_up_prices(bill: Taking, slices: pl.DataFrame) -> None:
    """Add to usage lines what is missing of their price's minimum, where it is not in the price.

    The minimum of a part of a month is all of it, or its part, as the conventions say.
    """
    conventions = bill.book.conventions
    for version, part in _versions(bill, slices, "has_minimum"):
        if version.minimum is None:
            continue
        least, due = literal(version.minimum), part
        if not version.terms.minimum_at_zero:
            due = part.filter(pl.col("quantity") > 0)
        if conventions.minimum_part == "part":
            # What steps to the plan above another's limit has its part, unless the plan has its own already.
            own = pl.col("is_step").all() | ~pl.col("is_step")
            of_plan = slices.group_by(_SINCE).agg(least=amount_column(least, conventions).filter(own).sum())
            due, least = due.join(of_plan, on=_SINCE, how="left", maintain_order="left"), pl.col("least")
        _bound(bill, due, pl.col("net") - least, "true_up")


def _versions(bill: Taking, slices: pl.DataFrame, held: str) -> Iterator[tuple[Price, pl.DataFrame]]:
    """Yield the usage lines of prices that do not hold a bound themselves, by version of the price."""
    since = slices.group_by(_SINCE).agg(
        pl.col("anchor_on", "since_on", "period_starts_on").sort_by("from_at").last()
    )
    for plan, key, price in bill.book.usage_prices():
        if not getattr(price.terms, held):
            own = (pl.col("plan") == plan) & (pl.col("price") == key) & (pl.col("kind") == "usage")
            rows = bill.rows.filter(own).join(since, on=_SINCE, how="left", maintain_order="left")
            yield from by_version(price, rows)


def _bound(bill: Taking, part: pl.DataFrame, over: pl.Expr, kind: str) -> None:
    """Take what is above a maximum off, or add what is missing to a minimum."""
    found = part.with_columns(exact=over.cast(EXACT))
    found = found.filter(pl.col("exact") > 0 if kind == "discount" else pl.col("exact") < 0)
    if len(found):
        whole = pl.lit(1, EXACT) if kind == "true_up" else pl.col("quantity")
        bill.take(found.with_columns(less=provisional(pl.col("exact"), bill.book), quantity=whole), kind)

"""Bounds: the least and the most that a price of usage, or a plan's month, comes to once discounts are off.

Before discounts the bounds of a price are in the price itself (`billing.pricing`); the most of a plan is
nowhere but here.
"""

import polars as pl

from billing.discount import MONTH, Taking, provisional
from billing.lines import by_version
from billing.money import EXACT, literal

_PLAN = [*MONTH, "plan"]


def take_above_plans(bill: Taking) -> None:
    """Take off the lines of a plan's month what they come to above the plan's maximum."""
    most = [(key, plan.maximum) for key, plan in bill.book.plans.items() if plan.maximum is not None]
    if not most:
        return
    caps = pl.DataFrame(most, schema={"plan": pl.String, "most": EXACT}, orient="row")
    part = bill.rows.join(caps, on="plan", maintain_order="left")
    over = pl.col("net").sum().over(_PLAN) - pl.col("most")
    bill.spread(part.with_columns(whole=over.cast(EXACT)), _PLAN)


def bound_prices(bill: Taking, slices: pl.DataFrame) -> None:
    """Hold the prices of usage within their bounds, where these hold after discounts: first the most.

    `slices` say since when a subscription is on its plan, which tells the version of a price.
    """
    since = slices.group_by("month", "subscription", "plan").agg(
        pl.col("anchor_on", "since_on").sort_by("from_on").last()
    )
    for plan, key, price in bill.book.usage_prices():
        terms = price.terms
        if terms.has_minimum and terms.has_maximum:
            continue
        rows = bill.rows.filter(pl.col("plan") == plan, pl.col("price") == key, pl.col("kind") == "usage")
        for version, part in by_version(
            price, rows.join(since, on=["month", "subscription", "plan"], how="left")
        ):
            most, least = version.maximum, version.minimum
            kept = pl.col("net")
            if most is not None and not terms.has_maximum:
                _bound(bill, part, kept - literal(most), "discount")
                kept = pl.min_horizontal(kept, literal(most))
            if least is not None and not terms.has_minimum:
                due = part if terms.minimum_at_zero else part.filter(pl.col("quantity") > 0)
                _bound(bill, due, kept - literal(least), "true_up")


def _bound(bill: Taking, part: pl.DataFrame, over: pl.Expr, kind: str) -> None:
    """Take what is above a maximum off, or add what is missing to a minimum."""
    found = part.with_columns(exact=over.cast(EXACT))
    found = found.filter(pl.col("exact") > 0 if kind == "discount" else pl.col("exact") < 0)
    if len(found):
        whole = pl.lit(1, EXACT) if kind == "true_up" else pl.col("quantity")
        bill.take(found.with_columns(less=provisional(pl.col("exact"), bill.book), quantity=whole), kind)

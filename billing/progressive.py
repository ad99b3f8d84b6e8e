"""Progressive bills: within a month, once usage has come to an amount, it is billed that day.

A plan lists amounts. On the first day at whose end the usage since the month began costs as much, or more, an
invoice bills the usage so far less what was billed of it before; the invoice that closes the month bills the
rest. So the parts of a line always add up to it. What is free counts first, by the phases of the whole month.
"""

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from billing.coverage import Covered
from billing.day import with_days
from billing.invoice import closing
from billing.lines import months_of
from billing.money import EXACT, POSTED, ZERO, literal, round_money
from billing.price_book import PriceBook
from billing.rating import CARRIED_SCHEMA, rate
from billing.schema import as_table
from metering.frame import empty, shaped
from metering.period import Period

LINE = ["month", "subscription", "plan", "price", "dimensions"]
_USAGE = ["month", "subscription", "phase_no", "meter", "dimensions", "plan"]
_OF_PLAN = ["month", "subscription", "plan"]
_SUMS = ("quantity", "allowance", "exact", "amount")
_MARK = "\n"
"""Between a subscription and a day, while every day of it is rated like a subscription of its own."""


def early(
    usage: pl.DataFrame,
    days: pl.DataFrame,
    covered: Covered,
    *,
    slices: pl.DataFrame,
    book: PriceBook,
    periods: Sequence[Period],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what lines of usage come to at the end of each day (`until`) on which a plan bills.

    The second frame says how much of which usage they rate by then. `usage` is that outside of trials, `days`
    what is known of it by the day, `slices` are the parts of months.
    """
    plans = {key: plan.progressive for key, plan in book.plans.items() if plan.progressive}
    some = usage.filter(pl.col("plan").is_in(list(plans)))
    rows = with_days(some, days, slices).filter(pl.col("day").is_not_null())
    last = months_of(periods).select("month", last_on=pl.col("month_ends_on").dt.offset_by("-1d"))
    ends = rows.select("month", "subscription", until="day").unique().join(last, on="month")
    ends = ends.filter(pl.col("until") < pl.col("last_on")).drop("last_on")
    so_far = _payable(rows, ends, covered, book)
    name = pl.concat_str("subscription", pl.lit(_MARK), "until")
    lives = covered.slices.join(ends, on=["month", "subscription"]).with_columns(subscription=name)
    virtual = so_far.with_columns(subscription=name).select(usage.columns)
    rated = rate(virtual, lives, book, empty(CARRIED_SCHEMA))
    sums = _named(rated.charges).with_columns(
        amount=round_money(pl.col("exact"), book.currency, book.conventions.rounding).cast(POSTED)
    )
    due = _crossed(sums, plans)
    used = _named(rated.counted.select(*_USAGE, "price", "grouped", "quantity"))
    return (
        sums.join(due, on=[*_OF_PLAN, "until"], how="semi").select(*LINE, "until", *_SUMS),
        used.join(due, on=[*_OF_PLAN, "until"], how="semi"),
    )


def _payable(rows: pl.DataFrame, ends: pl.DataFrame, covered: Covered, book: PriceBook) -> pl.DataFrame:
    """Return what had to be paid for by the end of each day, as usage with its last day as `until`."""
    free = [key for key, one in book.entitlements.items() if one.is_free]
    drawn = covered.drawn.filter(pl.col("entitlement").is_in(free)).group_by(_USAGE)
    whole = covered.payable.group_by(_USAGE).agg(payable=pl.col("quantity").sum())
    counted = (
        rows.join(ends, on=["month", "subscription"])
        .filter(pl.col("day") <= pl.col("until"))
        .group_by(*_USAGE, "account", "until")
        .agg(pl.col("quantity", "events").sum())
        .join(whole, on=_USAGE)
        .join(drawn.agg(free=pl.col("quantity").sum()), on=_USAGE, how="left")
    )
    left = pl.max_horizontal(pl.col("quantity") - pl.col("free").fill_null(literal(ZERO)), literal(ZERO))
    most = pl.max_horizontal("payable", literal(ZERO))
    return counted.with_columns(quantity=pl.min_horizontal(left, most).cast(EXACT))


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    """Part the name of a subscription's day into the two."""
    both = pl.col("subscription").str.split_exact(_MARK, 1)
    return frame.with_columns(
        subscription=both.struct.field("field_0"), until=both.struct.field("field_1").str.to_date("%Y-%m-%d")
    )


def _crossed(sums: pl.DataFrame, plans: dict[str, tuple[Decimal, ...]]) -> pl.DataFrame:
    """Return the first day on which each amount was reached."""
    totals = sums.group_by(*_OF_PLAN, "until").agg(total=pl.col("amount").sum())
    amounts = [(plan, amount) for plan, listed in plans.items() for amount in listed]
    limits = pl.DataFrame(amounts, schema={"plan": pl.String, "limit": POSTED}, orient="row")
    reached = totals.join(limits, on="plan").filter(pl.col("total") >= pl.col("limit"))
    return reached.group_by(*_OF_PLAN, "limit").agg(pl.col("until").min()).drop("limit").unique()


def parted(lines: pl.DataFrame, sums: pl.DataFrame) -> pl.DataFrame:
    """Part lines of usage at the days of `sums`; `part` numbers an account's bills, 0 is the closing one.

    A day on or after the last of a line's service leaves the line to the closing bill.
    """
    ends = sums.select(*_OF_PLAN, "until").unique()
    is_usage = pl.col("kind") == "usage"
    grid = (
        lines.filter(is_usage)
        .join(sums.select(LINE).unique(), on=LINE, how="semi")
        .join(ends, on=_OF_PLAN)
        .filter(pl.col("until").dt.offset_by("1d").is_between("starts_on", "ends_on", closed="none"))
        .sort(*LINE, "until")
    )
    so_far = grid.select(*LINE, "until").join(sums, on=[*LINE, "until"], how="left", maintain_order="left")
    filled = [pl.col(name).fill_null(0).alias(f"{name} so far") for name in _SUMS]
    steps = grid.with_columns(so_far.select(filled))
    before = {name: pl.col(f"{name} so far").shift(1).over(LINE).fill_null(0) for name in _SUMS}
    begun = pl.col("until").shift(1).over(LINE).dt.offset_by("1d")
    bills = steps.with_columns(
        **{name: pl.col(f"{name} so far") - one for name, one in before.items()},
        starts_on=pl.coalesce(begun, "starts_on"),
        ends_on=pl.col("until").dt.offset_by("1d"),
        part=pl.col("until").rank("dense").over("month", "account").cast(pl.Int64),
    ).filter((pl.col("quantity") != 0) | (pl.col("amount") != 0))
    last = steps.unique(LINE, keep="last", maintain_order=True).with_columns(
        **{name: pl.col(name) - pl.col(f"{name} so far") for name in _SUMS},
        starts_on=pl.col("until").dt.offset_by("1d"),
        part=pl.lit(0, pl.Int64),
    )
    cut = steps.select(*LINE, "kind").unique()
    whole = lines.join(cut, on=[*LINE, "kind"], how="anti")
    schema = pl.Schema({**lines.schema, "part": pl.Int64()})
    return pl.concat(shaped(rows, schema) for rows in (whole.with_columns(part=pl.lit(0)), bills, last))


def rated_in_parts(rated: pl.DataFrame, lines: pl.DataFrame, used: pl.DataFrame) -> pl.DataFrame:
    """Say how much of usage each part of a line rates: `rated` names it in full for each."""
    if not len(used):
        return rated
    parts = lines.filter(pl.col("kind") == "usage").select(
        "invoice", "line_no", "plan", "price", "starts_on", "ends_on", grouped="dimensions",
        is_last=pl.col("invoice") == closing(),
    )  # fmt: skip
    keys = ["month", "subscription", "phase_no", "meter", "dimensions", "plan", "price", "grouped"]
    known = used.group_by(*keys, "until").agg(pl.col("quantity").sum())
    rows = rated.join(parts, on=["invoice", "line_no"], maintain_order="left")
    for name, day in (("before", "starts_on"), ("by then", "ends_on")):
        at = known.with_columns(pl.col("until").dt.offset_by("1d")).rename({"quantity": name, "until": day})
        rows = rows.join(at, on=[*keys, day], how="left", maintain_order="left")
    until = pl.when("is_last").then("quantity").otherwise(pl.col("by then").fill_null(0))
    rows = rows.with_columns(quantity=(until - pl.col("before").fill_null(0)).cast(EXACT))
    return as_table(rows.filter(pl.col("is_last") | (pl.col("quantity") != 0)), "rated_usage")

"""Adjustments: what happens to charges once usage and plans are priced, in one fixed order.

price -> round -> discount -> commitment. Each adjustment is lines of its own, never an edit of another line.
"""

from collections.abc import Sequence

import polars as pl

from billing.lines import CHARGE_SCHEMA, charges, months_of, months_since, year_start
from billing.money import EXACT, round_money, times
from billing.price_book import PriceBook
from billing.schema import POSTED
from metering.frame import empty, shaped
from metering.period import Period, add_months

BILLED_SCHEMA = pl.Schema({"subscription": pl.String(), "month": pl.Date(), "billed": POSTED})
"""What subscriptions with a commitment were billed in each month."""


def rounded(lines: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Round each charge once, by the book's convention, to the currency's minor unit."""
    return lines.with_columns(
        amount=round_money(pl.col("exact"), book.currency, book.conventions.rounding).cast(POSTED)
    )


def discounts(lines: pl.DataFrame, phases: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Return a line for each discount off a recurring line or its credit."""
    if not book.discounts or not len(lines):
        return empty(CHARGE_SCHEMA)
    named = phases.filter(pl.col("discount") != "").select("subscription", "phase_no", "discount", "begun_on")
    found = lines.filter(pl.col("kind").is_in(["recurring", "credit"])).join(
        named, on=["subscription", "phase_no"], maintain_order="left"
    )
    frames = []
    for key, discount in book.discounts.items():
        part = found.filter(pl.col("discount") == key)
        if discount.months is not None:
            part = part.filter(months_since(pl.col("begun_on"), pl.col("month")) < discount.months)
        exact = -times(pl.col("amount").cast(EXACT), discount.share)
        frames.append(part.with_columns(kind=pl.lit("discount"), allowance=pl.lit(0, EXACT), exact=exact))
    return charges(frames)


def true_ups(
    lines: pl.DataFrame,
    slices: pl.DataFrame,
    book: PriceBook,
    *,
    phases: pl.DataFrame,
    periods: Sequence[Period],
    billed: pl.DataFrame,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what is missing to the commitments of contract years that end, and what was billed so far.

    `billed` has the columns of `BILLED_SCHEMA`: what was billed before the months at hand.
    """
    least = {key: plan.commitment.in_year(0) for key, plan in book.plans.items() if plan.commitment}
    if not least:
        return empty(CHARGE_SCHEMA), billed
    # What a subscription paid before it came to a plan with a commitment counts in its contract year as well.
    fresh = lines.group_by("subscription", "month").agg(billed=pl.col("amount").sum())
    year_ago = add_months(periods[0].starts_on, -12)
    billed = pl.concat([billed.filter(pl.col("month") >= year_ago), shaped(fresh, BILLED_SCHEMA)])
    bound = phases.filter(pl.col("plan").is_in(list(least)), ~pl.col("trial"))
    over = _years_over(slices.filter(~pl.col("trial")), bound, periods)
    over = over.filter(pl.col("plan").is_in(list(least)))
    paid = (
        over.join(billed.rename({"month": "billed_month"}), on="subscription")
        .filter(pl.col("billed_month").is_between("year_starts_on", "month"))
        .group_by("subscription", "month")
        .agg(pl.col("billed").sum())
    )
    due = pl.DataFrame(
        {"plan": list(least), "due": list(least.values())}, schema={"plan": pl.String, "due": EXACT}
    )
    short = over.join(paid, on=["subscription", "month"], how="left").join(due, on="plan")
    missing = pl.col("due") - pl.col("billed").fill_null(0)
    streams = {key: plan.stream for key, plan in book.plans.items()}
    return charges([
        short.with_columns(exact=missing.cast(EXACT)).filter(pl.col("exact") > 0).with_columns(
            price=pl.lit("commitment"),
            stream=pl.col("plan").replace_strict(streams),
            kind=pl.lit("true_up"),
            meter=pl.lit(""),
            dimensions=pl.lit(""),
            quantity=pl.lit(1, EXACT),
            allowance=pl.lit(0, EXACT),
            starts_on="year_starts_on",
        )
    ]), billed  # fmt: skip


def _years_over(slices: pl.DataFrame, phases: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Pick the months in which a contract year is over, or the subscription's last day has passed.

    A subscription that ends is closed in the month that holds the first day after it: only then is it known.
    """
    columns = ["month", "account", "subscription", "phase_no", "plan", "year_starts_on", "ends_on"]
    since = months_since(pl.col("anchor_on"), pl.col("month"))
    full = (
        slices.filter(since % 12 == _TWELFTH)
        .sort("subscription", "month", "from_on")
        .unique(["subscription", "month"], keep="last", maintain_order=True)
        .with_columns(
            year_starts_on=year_start(pl.col("anchor_on"), pl.col("month")), ends_on="month_ends_on"
        )
    )
    last_day = pl.col("ends_on").dt.offset_by("-1d")
    ended = (
        phases.filter(pl.col("end_reason").is_in(["voluntary", "involuntary"]))
        .filter(months_since(pl.col("anchor_on"), last_day) % 12 != _TWELFTH)
        .with_columns(
            month=pl.col("ends_on").dt.truncate("1mo"),
            year_starts_on=year_start(pl.col("anchor_on"), last_day),
        )
        .drop("ends_on")
        .join(months_of(periods).rename({"month_ends_on": "ends_on"}), on="month")
    )
    return pl.concat([full.select(columns), ended.select(columns)])


_TWELFTH = 11
"""The number, from 0, of the last month of a contract year."""

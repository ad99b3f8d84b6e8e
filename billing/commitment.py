"""Commitments: what is missing to the least that a contract year pays or takes, once the year is over.

A price may commit to a quantity (take or pay), and a plan to an amount: what a quantity is trued up by counts
toward the amount. A contract year is twelve billing months from the month of the anchor; it is over with the
last of them, or in the month in which the subscription ends.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from billing.adjustments import rounded
from billing.lines import (
    CHARGE_SCHEMA,
    by_version,
    charges,
    months_after,
    months_of,
    months_since,
    year_start,
)
from billing.money import EXACT, POSTED, literal
from billing.price import Price
from billing.price_book import PriceBook
from billing.pricing import charge
from metering.frame import empty, shaped
from metering.period import Period, add_months

BILLED_SCHEMA = pl.Schema({"subscription": pl.String(), "month": pl.Date(), "billed": POSTED})
"""What subscriptions were billed in each month; or for services that began on each day, as `month`."""

COUNTED_SCHEMA = pl.Schema(
    {
        "subscription": pl.String(),
        "plan": pl.String(),
        "price": pl.String(),
        "month": pl.Date(),
        "counted": EXACT,
    }
)
"""What a price with a commitment counted in each month."""


class Known(NamedTuple):
    """What later months have to know: `BILLED_SCHEMA` of the year before, `COUNTED_SCHEMA` of all months."""

    billed: pl.DataFrame
    counted: pl.DataFrame


def nothing() -> Known:
    """Return what is known before the first month."""
    return Known(empty(BILLED_SCHEMA), empty(COUNTED_SCHEMA))


def least(amounts: Sequence[Decimal], number: pl.Expr) -> pl.Expr:
    """Return the least of the contract year of a number, from 0; the last holds for all later years."""
    last = len(amounts) - 1
    due = literal(amounts[last])
    for year, amount in enumerate(amounts[:last]):
        due = pl.when(number == year).then(literal(amount)).otherwise(due)
    return due


def true_ups(
    lines: pl.DataFrame,
    slices: pl.DataFrame,
    book: PriceBook,
    *,
    phases: pl.DataFrame,
    periods: Sequence[Period],
    known: Known,
) -> tuple[pl.DataFrame, Known]:
    """Return rounded lines of what is missing in contract years that end, and what is known then."""
    takes = {(plan, key): price for plan, key, price in book.usage_prices() if price.commitment}
    plans = {key for key, plan in book.plans.items() if plan.commitment}
    bound = plans | {plan for plan, _ in takes}
    if not bound:
        return rounded(empty(CHARGE_SCHEMA), book), known
    by_anchor = book.conventions.periods == "anniversary"
    found = _anchored_years_over(slices) if by_anchor else _years_over(slices, phases, periods)
    over = found.filter(pl.col("plan").is_in(sorted(bound)))
    counted = pl.concat([known.counted, _counted(lines, takes)])
    taken = rounded(charges(list(_missing_quantities(over, counted, takes, book))), book)
    # What a subscription paid before it came to a plan with a commitment counts in its contract year as well.
    billed = _billed(pl.concat([lines, taken]), book)
    year_ago = add_months(periods[0].starts_on, -13 if by_anchor else -12)
    billed = pl.concat([known.billed.filter(pl.col("month") >= year_ago), billed])
    paid = rounded(charges(list(_missing_amounts(over, billed, book))), book)
    return pl.concat([taken, paid]), Known(billed if plans else known.billed, counted)


def bound_prices(book: PriceBook) -> list[tuple[str, str]]:
    """Return each (plan, price) of a book with a commitment; that of a plan as a whole is `commitment`."""
    takes = [(plan, key) for plan, key, price in book.usage_prices() if price.commitment]
    return takes + [(key, "commitment") for key, plan in book.plans.items() if plan.commitment]


def known_of(lines: pl.DataFrame, book: PriceBook) -> Known:
    """Return what a book has to know of the lines of earlier months, whichever book billed them."""
    takes = {(plan, key): price for plan, key, price in book.usage_prices() if price.commitment}
    plain = lines.filter((pl.col("kind") != "true_up") | (pl.col("price") != "commitment"))
    return Known(_billed(plain, book), _counted(lines, takes))


def _billed(lines: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Add up what was billed (`BILLED_SCHEMA`).

    Where years begin within a month, it counts for the day on which the service of a line began.
    """
    by_anchor = book.conventions.periods == "anniversary"
    when = pl.col("starts_on" if by_anchor else "month").alias("month")
    billed = lines.group_by("subscription", when).agg(billed=pl.col("amount").sum())
    return shaped(billed, BILLED_SCHEMA)


def _counted(lines: pl.DataFrame, takes: dict[tuple[str, str], Price]) -> pl.DataFrame:
    keys = pl.DataFrame(list(takes), schema={"plan": pl.String, "price": pl.String}, orient="row")
    usage = lines.filter(pl.col("kind") == "usage").join(keys, on=["plan", "price"], how="semi")
    sums = usage.group_by("subscription", "plan", "price", "month").agg(counted=pl.col("quantity").sum())
    return shaped(sums, COUNTED_SCHEMA)


def _missing_quantities(
    over: pl.DataFrame, counted: pl.DataFrame, takes: dict[tuple[str, str], Price], book: PriceBook
) -> Iterator[pl.DataFrame]:
    """Price the quantities that are missing as if they came after what was counted in the window."""
    if not len(over):
        return
    quantity, in_year = pl.col("counted"), pl.col("counted_month") >= pl.col("year_starts_on")
    sums = (
        over.join(counted.rename({"month": "counted_month"}), on=["subscription", "plan"])
        .filter(pl.col("counted_month") <= pl.col("month"))
        .group_by("subscription", "month", "price")
        .agg(life=quantity.sum(), year=quantity.filter(in_year).sum())
    )
    for (plan, key), price in takes.items():
        rows = over.filter(pl.col("plan") == plan).join(
            sums.filter(pl.col("price") == key), on=["subscription", "month"], how="left"
        )
        rows = rows.with_columns(pl.col("life", "year").fill_null(0).cast(EXACT), period=pl.lit(0, EXACT))
        missing = least(price.commitment, pl.col("year_no")) - pl.col("year")
        rows = rows.with_columns(quantity=missing.cast(EXACT)).filter(pl.col("quantity") > 0)
        for version, part in by_version(price, rows):
            exact = charge(version, pl.col("quantity"), before=pl.col(price.window))
            yield _lines(
                part.with_columns(exact=exact),
                price=key,
                meter=price.meter or "",
                stream=book.stream_of(plan, price),
            )


def _missing_amounts(over: pl.DataFrame, billed: pl.DataFrame, book: PriceBook) -> Iterator[pl.DataFrame]:
    """Compare what the lines of contract years come to with the least of these years."""
    if not len(over):
        return
    paid = (
        over.join(billed.rename({"month": "billed_month"}), on="subscription")
        .filter(pl.col("billed_month").is_between("year_starts_on", "ends_on", closed="left"))
        .group_by("subscription", "month")
        .agg(pl.col("billed").sum())
    )
    rows = over.join(paid, on=["subscription", "month"], how="left").with_columns(quantity=pl.lit(1, EXACT))
    for key, plan in book.plans.items():
        if plan.commitment is not None:
            due = least(plan.commitment.amount, pl.col("year_no")) - pl.col("billed").fill_null(0)
            short = rows.filter(pl.col("plan") == key).with_columns(exact=due.cast(EXACT))
            short = short.filter(pl.col("exact") > 0)
            yield _lines(short, price="commitment", meter="", stream=plan.stream)


def _lines(rows: pl.DataFrame, *, price: str, meter: str, stream: str) -> pl.DataFrame:
    return rows.with_columns(
        price=pl.lit(price),
        stream=pl.lit(stream),
        kind=pl.lit("true_up"),
        meter=pl.lit(meter),
        dimensions=pl.lit(""),
        allowance=pl.lit(0, EXACT),
        starts_on="year_starts_on",
    )


def _anchored_years_over(slices: pl.DataFrame) -> pl.DataFrame:
    """Pick the billing periods with which a contract year is over, or in which the subscription ended."""
    year_no = pl.col("period_no") // 12
    is_cancelled = pl.col("end_reason").is_in(["voluntary", "involuntary"])
    has_ended = is_cancelled & (pl.col("until_at") == pl.col("ends_at"))
    return (
        slices.filter(~pl.col("trial"), (pl.col("period_no") % 12 == _TWELFTH) | has_ended)
        .sort("subscription", "month", "from_at")
        .unique(["subscription", "month"], keep="last", maintain_order=True)
        .with_columns(
            year_no=year_no,
            year_starts_on=months_after(pl.col("anchor_on"), year_no * 12),
            ends_on="period_ends_on",
        )
        .select(_OVER)
    )


def _years_over(slices: pl.DataFrame, phases: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Pick the months in which a contract year is over, or the subscription's last day passed.

    The plan of the last day counts. A subscription that ends is closed in the month that holds the first day
    after it: only then is it known. `year_no` counts the contract years from 0.
    """
    since = months_since(pl.col("anchor_on"), pl.col("month"))
    full = (
        slices.filter(~pl.col("trial"), since % 12 == _TWELFTH)
        .sort("subscription", "month", "from_on")
        .unique(["subscription", "month"], keep="last", maintain_order=True)
        .with_columns(
            year_starts_on=year_start(pl.col("anchor_on"), pl.col("month")),
            year_no=since // 12,
            ends_on="month_ends_on",
        )
    )
    last_day = pl.col("ends_on").dt.offset_by("-1d")
    since = months_since(pl.col("anchor_on"), last_day)
    ended = (
        phases.filter(~pl.col("trial"), pl.col("end_reason").is_in(["voluntary", "involuntary"]))
        .filter(since % 12 != _TWELFTH)
        .with_columns(
            month=pl.col("ends_on").dt.truncate("1mo"),
            year_starts_on=year_start(pl.col("anchor_on"), last_day),
            year_no=since // 12,
        )
        .drop("ends_on")
        .join(months_of(periods).rename({"month_ends_on": "ends_on"}), on="month")
    )
    return pl.concat([full.select(_OVER), ended.select(_OVER)])


_OVER = [
    *("month", "account", "subscription", "phase_no", "plan", "year_starts_on", "ends_on", "year_no"),
    *("anchor_on", "since_on"),
]

_TWELFTH = 11
"""The number, from 0, of the last month of a contract year."""

"""Lines: the charges of a month before and after rounding, and how a book's dated prices meet its months."""

from collections.abc import Iterator, Sequence

import polars as pl

from billing.money import EXACT
from billing.price import Change, Price
from metering.frame import empty
from metering.period import Period

CHARGE_SCHEMA = pl.Schema(
    {
        "month": pl.Date(),
        "account": pl.String(),
        "subscription": pl.String(),
        "phase_no": pl.Int64(),
        "plan": pl.String(),
        "price": pl.String(),
        "stream": pl.String(),
        "kind": pl.String(),
        "meter": pl.String(),
        "dimensions": pl.String(),
        "quantity": EXACT,
        "allowance": EXACT,
        "exact": EXACT,
        "starts_on": pl.Date(),
        "ends_on": pl.Date(),
    }
)
"""A charge: an invoice line that is not rounded yet and on no invoice yet."""


def slices(phases: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Cut phases at the months' ends: one row for each phase and month in which it lives.

    `is_step` tells parts that usage above a limit adds (`billing.limit`) from these.
    """
    until_on = pl.min_horizontal(pl.col("ends_on").fill_null(pl.col("month_ends_on")), "month_ends_on")
    return (
        phases.join(months_of(periods), how="cross")
        .with_columns(from_on=pl.max_horizontal("starts_on", "month"), until_on=until_on)
        .filter(pl.col("from_on") < pl.col("until_on"))
        .with_columns(
            days=(pl.col("until_on") - pl.col("from_on")).dt.total_days(),
            month_days=(pl.col("month_ends_on") - pl.col("month")).dt.total_days(),
            is_step=pl.lit(value=False),
        )
    )


def by_version(price: Price, frame: pl.DataFrame) -> Iterator[tuple[Price, pl.DataFrame]]:
    """Part a frame by the version of the price that is in force on the month's first day.

    The frame has a `month`, and `since_on` and `anchor_on` where the price keeps old customers apart.
    """
    if not price.changes:
        yield price, frame
        return
    names = [f"change {number}" for number in range(len(price.changes))]
    held = [_holds(change).alias(name) for name, change in zip(names, price.changes, strict=True)]
    for holding, part in frame.with_columns(held).partition_by(names, as_dict=True).items():
        yield price.changed(bool(holds) for holds in holding), part.drop(names)


def _holds(change: Change) -> pl.Expr:
    """Say where a change is in force on the month's first day, as `Change.holds` does for one customer."""
    begun = pl.col("month") >= change.starts_on
    if change.applies == "now":
        return begun
    reached = pl.col("since_on") >= change.starts_on
    if change.applies == "renewal":
        anchor = pl.col("anchor_on")
        years = (change.starts_on.year - anchor.dt.year()).clip(0)
        start, after = _years_later(anchor, years), _years_later(anchor, years + 1)
        first = pl.when(start >= change.starts_on).then(start).otherwise(after)
        reached |= first <= pl.col("month")
    return begun & reached


def _years_later(day: pl.Expr, years: pl.Expr) -> pl.Expr:
    return day.dt.offset_by((years * 12).cast(pl.String) + "mo")


def charges(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Put charges of several kinds into one frame of `CHARGE_SCHEMA`."""
    names = CHARGE_SCHEMA.names()
    whole = [frame.select(names) for frame in frames if len(frame)]
    return pl.concat(whole, how="vertical_relaxed").cast(CHARGE_SCHEMA) if whole else empty(CHARGE_SCHEMA)


def months_of(periods: Sequence[Period]) -> pl.DataFrame:
    """Return months as a frame of `month` and `month_ends_on`."""
    rows = [(period.starts_on, period.ends_on) for period in periods]
    return pl.DataFrame(rows, schema={"month": pl.Date(), "month_ends_on": pl.Date}, orient="row")


def months_since(first: pl.Expr, month: pl.Expr) -> pl.Expr:
    """Return how many calendar months lie between the month of `first` and `month`."""
    years = month.dt.year() - first.dt.year()
    return years * 12 + month.dt.month().cast(pl.Int32) - first.dt.month().cast(pl.Int32)


def year_start(first: pl.Expr, month: pl.Expr) -> pl.Expr:
    """Return the first month of the year, counted from the month of `first`, that holds `month`."""
    begins = first.dt.truncate("1mo")
    return begins.dt.offset_by(pl.format("{}mo", months_since(begins, month) // 12 * 12))

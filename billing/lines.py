"""Lines: the charges of a month before and after rounding, and how a book's dated prices meet its months."""

from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from billing.convention import Conventions
from billing.money import EXACT
from billing.price import Change, Price
from billing.proration import part_columns
from metering.frame import empty
from metering.period import Period, add_months

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


CALENDAR = Conventions()
"""Calendar months that are counted by the day."""


def since_of(periods: Sequence[Period], conventions: Conventions) -> date:
    """Return from when on phases matter to some months: a period may have begun a month before."""
    first = periods[0].starts_on
    return first if conventions.periods == "calendar" else add_months(first, -1)


def slices(
    phases: pl.DataFrame, periods: Sequence[Period], conventions: Conventions = CALENDAR
) -> pl.DataFrame:
    """Cut phases at the ends of their billing periods: one row for each phase and period in which it lives.

    The rows are those of the periods that are billed in the months `periods`: the `month`, the period
    (`period_starts_on`, `period_ends_on`, `period_no` since the anchor), the slice (`from_on`, `until_on`),
    and their instants; `part` and `whole` say in the units of the conventions what of the period it is.
    `is_step` tells parts that usage above a limit adds (`billing.limit`) from these.
    """
    by_anchor = conventions.periods == "anniversary"
    found = _anchored(phases, periods) if by_anchor else _by_month(phases, periods)
    far = pl.col("ends_at").fill_null(pl.col("period_ends_at"))
    cut = (
        found.with_columns(
            from_at=pl.max_horizontal("starts_at", "period_starts_at"),
            until_at=pl.min_horizontal(far, "period_ends_at"),
        )
        .filter(pl.col("from_at") < pl.col("until_at"))
        .with_columns(
            from_on=pl.col("from_at").cast(pl.Date),
            until_on=pl.col("until_at").cast(pl.Date),
            period_starts_on=pl.col("period_starts_at").cast(pl.Date),
            period_ends_on=pl.col("period_ends_at").cast(pl.Date),
            is_step=pl.lit(value=False),
        )
        .with_columns(part_columns(conventions))
    )
    if conventions.proration != "none":
        return cut
    last = pl.col("from_at") == pl.col("from_at").filter(~pl.col("trial")).max().over(
        "subscription", "period_starts_at"
    )
    return cut.with_columns(part=pl.when(last).then("whole").otherwise(0))


def _by_month(phases: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Put every phase beside every month in which it may live."""
    spans = [(one.starts_on.replace(day=1), one.ends_on, one.starts_at, one.ends_at) for one in periods]
    schema = {"month": pl.Date, "month_ends_on": pl.Date} | dict.fromkeys(
        ("period_starts_at", "period_ends_at"), pl.Datetime("us")
    )
    months = pl.DataFrame(spans, schema=schema, orient="row")
    lives = (pl.col("starts_on") <= pl.col("month_ends_on")) & (
        pl.col("ends_on").is_null() | (pl.col("ends_on") >= pl.col("month"))
    )
    found = phases.join(months, how="cross").filter(lives)
    return found.with_columns(period_no=months_since(pl.col("anchor_on"), pl.col("month")))


def _anchored(phases: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Put every phase beside the period from its anchor that is billed in each month: whose last day it has.

    One that the end of the subscription or a new anchor cuts short is billed when it would have been.
    """
    anchor = pl.col("anchor_at")
    on_first = (anchor.dt.truncate("1mo") == anchor).cast(pl.Int32)
    lives = (pl.col("starts_on") <= pl.col("month_ends_on")) & (
        pl.col("ends_on").is_null() | (pl.col("ends_on") >= pl.col("month").dt.offset_by("-1mo"))
    )
    near = phases.join(months_of(periods), how="cross").filter(lives)
    found = near.with_columns(period_no=months_since(pl.col("anchor_on"), pl.col("month")) + on_first - 1)
    return found.with_columns(
        period_starts_at=months_after(anchor, pl.col("period_no")),
        period_ends_at=months_after(anchor, pl.col("period_no") + 1),
    )


def by_version(price: Price, frame: pl.DataFrame) -> Iterator[tuple[Price, pl.DataFrame]]:
    """Part a frame by the version of the price that is in force on the first day of the month, or period.

    The frame has a `month` or `period_starts_on`, and `since_on` and `anchor_on` where the price keeps old
    customers apart.
    """
    if not price.changes:
        yield price, frame
        return
    names = [f"change {number}" for number in range(len(price.changes))]
    day = pl.col("period_starts_on" if "period_starts_on" in frame.columns else "month")
    held = [_holds(change, day).alias(name) for name, change in zip(names, price.changes, strict=True)]
    for holding, part in frame.with_columns(held).partition_by(names, as_dict=True).items():
        yield price.changed(bool(holds) for holds in holding), part.drop(names)


def _holds(change: Change, day: pl.Expr) -> pl.Expr:
    """Say where a change is in force on a day, as `Change.holds` does for one customer."""
    begun = day >= change.starts_on
    if change.applies == "now":
        return begun
    reached = pl.col("since_on") >= change.starts_on
    if change.applies == "renewal":
        anchor = pl.col("anchor_on")
        years = (change.starts_on.year - anchor.dt.year()).clip(0)
        start, after = _years_later(anchor, years), _years_later(anchor, years + 1)
        first = pl.when(start >= change.starts_on).then(start).otherwise(after)
        reached |= first <= day
    return begun & reached


def _years_later(day: pl.Expr, years: pl.Expr) -> pl.Expr:
    return months_after(day, years * 12)


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


def periods_since(first: pl.Expr, conventions: Conventions) -> pl.Expr:
    """Return how many billing periods lie between a day and a line: whole months, where they are anchored."""
    if conventions.periods == "calendar":
        return months_since(first, pl.col("month"))
    number = months_since(first, pl.col("starts_on"))
    return number - (months_after(first, number) > pl.col("starts_on")).cast(pl.Int32)


def months_after(anchor: pl.Expr, number: pl.Expr) -> pl.Expr:
    """Return the day or instant so many months after an anchor, clipped to the end of a shorter month."""
    return anchor.dt.offset_by(pl.format("{}mo", number))


def year_start(first: pl.Expr, month: pl.Expr) -> pl.Expr:
    """Return the first month of the year, counted from the month of `first`, that holds `month`."""
    begins = first.dt.truncate("1mo")
    return begins.dt.offset_by(pl.format("{}mo", months_since(begins, month) // 12 * 12))

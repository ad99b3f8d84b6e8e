"""Recognition: a year paid in advance becomes revenue by the day; the parts sum to the line to the cent."""

from collections.abc import Sequence

import polars as pl

from billing.lines import months_of
from billing.money import EXACT, over, round_money, times
from billing.price_book import PriceBook
from billing.schema import POSTED
from metering.period import Period


def recognise(lines: pl.DataFrame, book: PriceBook, periods: Sequence[Period]) -> pl.DataFrame:
    """Return what each month earns of lines whose service reaches beyond the month in which they are billed.

    The result has the lines' columns, with the earning `month` and the amount `earned`.

    What a line has earned by the end of a month is rounded from its amount, days passed and days in all; the
    month's part is the difference, so the parts of a line sum to it exactly.
    """
    deferred = lines.filter(is_deferred()).rename({"month": "billed_month"})
    spans = deferred.join(months_of(periods), how="cross").filter(
        pl.col("month") >= pl.col("billed_month"),
        pl.col("starts_on") < pl.col("month_ends_on"),
        pl.col("ends_on") > pl.col("month"),
    )
    earned = _earned_by(pl.col("month_ends_on"), book) - _earned_by(pl.col("month"), book)
    return spans.with_columns(earned=earned.cast(POSTED)).filter(pl.col("earned") != 0)


def is_deferred() -> pl.Expr:
    """Tell of each line whether its service reaches beyond the month in which it is billed."""
    return pl.col("ends_on") > pl.col("month").dt.offset_by("1mo")


def _earned_by(day: pl.Expr, book: PriceBook) -> pl.Expr:
    total = (pl.col("ends_on") - pl.col("starts_on")).dt.total_days()
    passed = (day - pl.col("starts_on")).dt.total_days().clip(0).clip(upper_bound=total)
    exact = over(times(pl.col("amount").cast(EXACT), passed.cast(EXACT)), total.cast(EXACT))
    return round_money(exact, book.currency, book.conventions.rounding)

"""Rates: amounts of several currencies in one, month by month."""

from collections.abc import Sequence

import polars as pl

from analytics.sheet.reading import Sheets, place_of
from billing.money import EXACT
from metering.document import Problem, Problems, problem
from metering.period import Period

USUAL = "USD"
"""The currency of a company whose tables name none."""

RATE_SCHEMA = pl.Schema({"currency": pl.String(), "month": pl.Date(), "rate": EXACT})
"""What one unit of a currency was worth in a month, in the currency of the metrics."""


def reporting(sheets: Sheets) -> str:
    """Return the currency of the metrics: the only one that the tables use, or the one without rates.

    Raises Problems where several would do.
    """
    used = _used(sheets)
    rated = set(sheets["rates"]["currency"].to_list()) if "rates" in sheets else set()
    left = [currency for currency in used if currency not in rated]
    if not used or (len(left) == 1):
        return left[0] if left else USUAL
    if not left:
        what = f"every currency ({', '.join(used)}) has rates"
        raise problem("rates", what, "leave out the one that the metrics are to be in")
    raise problem("the tables", f"use {', '.join(left)}", "add a `rates` table for all but one of them")


def rates(sheets: Sheets, currency: str, periods: Sequence[Period]) -> pl.DataFrame:
    """Return the rate of each currency in each month (`RATE_SCHEMA`); that of the metrics is 1.

    Raises Problems where two rows disagree, or a currency has no rate in the first month.
    """
    months = pl.DataFrame({"month": [period.starts_on for period in periods]}, schema={"month": pl.Date})
    own = months.select(pl.lit(currency).alias("currency"), "month", pl.lit(1).cast(EXACT).alias("rate"))
    if "rates" not in sheets:
        return own
    told = sheets["rates"].sort("currency", "month")
    if len(twice := told.filter(pl.struct("currency", "month").is_duplicated())):
        rows = twice.head(5).iter_rows(named=True)
        raise Problems(
            Problem(place_of(row), f"{row['currency']} has {row['month']:%Y-%m} twice", "keep one")
            for row in rows
        )
    every = told.select("currency").unique().sort("currency").join(months, how="cross")
    dated = told.select("currency", "month", "rate").sort("month")
    found = every.sort("month").join_asof(dated, on="month", by="currency", check_sortedness=False)
    needed = set(_used(sheets))
    if len(gaps := found.filter(pl.col("rate").is_null(), pl.col("currency").is_in(sorted(needed)))):
        first = gaps.sort("currency", "month").row(0, named=True)
        what = f"{first['currency']} has no rate for {first['month']:%Y-%m}"
        raise problem("rates", what, "add the rate of that month or of one before")
    return pl.concat([own, found.select(RATE_SCHEMA.names())]).drop_nulls()


def converted(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return rows with a `month`, `currency` and `amount`, their amounts at the rate of the month."""
    found = rows.join(known, on=["currency", "month"], how="left", maintain_order="left")
    assert not found["rate"].null_count(), "a month or currency has no rate"
    return found.with_columns(amount=(pl.col("amount").cast(EXACT) * pl.col("rate")).cast(EXACT)).drop("rate")


def in_one(sheets: Sheets, currency: str) -> Sheets:
    """Return the sheets with the currency of the metrics where a row names none."""
    return {
        kind: frame.with_columns(pl.col("currency").replace("", currency)) if "currency" in frame.columns
        else frame
        for kind, frame in sheets.items()
    }  # fmt: skip


def _used(sheets: Sheets) -> list[str]:
    """Return every currency that amounts are in, by name."""
    found = {
        currency
        for kind, frame in sheets.items()
        if kind != "rates" and "currency" in frame.columns
        for currency in frame["currency"].unique().to_list()
    }
    return sorted(found - {""})

"""Windows: how much a year or a life had used before a line, worked out from the lines and the usage.

A month of an account that owes nothing has no invoice, but what was used in it counts all the same.
"""

import json
from collections.abc import Mapping

import polars as pl

from analytics.comparison.reading import Reading
from billing.dimension import among, written
from billing.lines import months_after, months_since
from billing.money import EXACT
from billing.price import Price, Window
from billing.price_book import PriceBook

COUNTED = ["subscription", "plan", "price", "dimensions"]
"""What a window counts for itself."""

Windows = Mapping[tuple[str, str], Window]
"""The window of each price that goes by more than its billing period, by plan and price."""


def windows_of(book: PriceBook | None) -> dict[tuple[str, str], Window]:
    """Return the windows of a book's usage prices that last longer than a period."""
    prices = book.usage_prices() if book else ()
    return {(plan, key): price.window for plan, key, price in prices if price.window != "period"}


def used_before(rows: pl.DataFrame, reading: Reading, windows: Windows, book: PriceBook) -> pl.Series:
    """Return for each row (`COUNTED`, `month`, `anchor_on`) what its window had used before its month.

    NULL where the price has no such window. `reading` says what was used, under the names of `book`.
    """
    keys = pl.DataFrame(
        [(*key, window) for key, window in windows.items()],
        schema={"plan": pl.String, "price": pl.String, "window": pl.String},
        orient="row",
    )
    numbered = rows.select(*COUNTED, "month", "anchor_on").with_row_index("row_no")
    asked = numbered.join(keys, on=["plan", "price"])
    if not len(asked):
        return pl.Series("before", [None] * len(rows), dtype=EXACT)
    used = pl.concat([_billed(reading, keys), _free(reading, keys, book)])
    found = (
        asked.join(used, on=COUNTED, how="left", suffix="_used")
        .with_columns(_start("month", "start"), _start("month_used", "start_used"))
        .filter(pl.col("month_used") < pl.col("month"), pl.col("start") == pl.col("start_used"))
        .group_by("row_no")
        .agg(before=pl.col("quantity").sum())
    )
    asked = asked.join(found, on="row_no", how="left").with_columns(pl.col("before").fill_null(0).cast(EXACT))
    return numbered.join(asked.select("row_no", "before"), on="row_no", how="left", maintain_order="left")[
        "before"
    ]


def _start(month: str, name: str) -> pl.Expr:
    """Return the first month of the window that holds a month; of a life, always the same."""
    begins = pl.col("anchor_on").dt.truncate("1mo")
    years = months_since(begins, pl.col(month)) // 12
    first = months_after(begins, years * 12)
    return (
        pl.when(pl.col("window") == "life")
        .then(pl.lit(None, pl.Date))
        .otherwise(first)
        .fill_null(pl.date(2000, 1, 1))
        .alias(name)
    )


def _billed(reading: Reading, keys: pl.DataFrame) -> pl.DataFrame:
    usage = reading.history.join(keys, on=["plan", "price"], how="semi")
    return usage.group_by(*COUNTED, "month").agg(pl.col("quantity").sum().cast(EXACT))


def _free(reading: Reading, keys: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Return what was used in months without an invoice, as the prices of a book count it."""
    parts = [_billed(reading, keys).clear()]
    for plan, key in keys.select("plan", "price").iter_rows():
        price = book.plans[plan].prices.get(key) if plan in book.plans else None  # a book may drop it
        if price is None or not len(reading.unbilled):
            continue
        own = pl.col("plan") == plan, pl.col("meter") == price.meter
        rows = among(reading.unbilled.filter(*own), price.where)
        rows = rows.with_columns(price=pl.lit(key), dimensions=_grouped(rows, price))
        parts.append(rows.group_by(*COUNTED, "month").agg(pl.col("quantity").sum().cast(EXACT)))
    return pl.concat(parts)


def _grouped(rows: pl.DataFrame, price: Price) -> pl.Series:
    """Write down the dimensions of usage that the price makes lines by."""
    texts = {
        text: written({name: values[name] for name in price.group_by if name in values})
        for text in rows["dimensions"].unique().sort()
        for values in [json.loads(text) if text else {}]
    }
    return rows["dimensions"].replace_strict(texts, return_dtype=pl.String) if texts else rows["dimensions"]

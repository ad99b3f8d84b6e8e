"""Recurring charges that are billed monthly in arrears, and the monthly value of every live phase."""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from billing.lines import by_version, charges
from billing.money import over, times
from billing.price_book import CATALOG, AddOn, Price, PriceBook
from billing.pricing import amount
from billing.schema import EXACT


class Item(NamedTuple):
    """A recurring price as a subscription meets it: a price of its plan, or an add-on."""

    key: str
    price: Price
    stream: str


def monthly_charges(slices: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Charge each phase's part of each month for what its plan and its add-ons cost a month."""
    frames = []
    for item, rows in _items(slices.filter(pl.col("billing") == "month", ~pl.col("trial")), book):
        for price, part in by_version(item.price, rows):
            whole = amount(price, pl.col("quantity"))
            exact = whole
            if price.prorate is not False:
                partial = over(times(whole, pl.col("days").cast(EXACT)), pl.col("month_days").cast(EXACT))
                exact = pl.when(pl.col("days") == pl.col("month_days")).then(whole).otherwise(partial)
            frames.append(
                part.with_columns(
                    price=pl.lit(item.key),
                    stream=pl.lit(item.stream),
                    kind=pl.lit("recurring"),
                    meter=pl.lit(""),
                    dimensions=pl.lit(""),
                    allowance=pl.lit(0, EXACT),
                    exact=exact,
                    starts_on="from_on",
                    ends_on="until_on",
                )
            )
    return charges(frames).filter(pl.col("exact") != 0)


def monthly_value(slices: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Value each phase that lives at a month's last instant: (month, subscription, plan, key, stream, value).

    The value is what the price costs in a whole month; prices that are paid by the year are not among these.
    """
    alive = slices.filter(
        pl.col("until_on") == pl.col("month_ends_on"), pl.col("billing") == "month", ~pl.col("trial")
    )
    columns = ["month", "subscription", "plan", "key", "stream", "value"]
    frames = [
        part.select(
            "month", "subscription", "plan", key=pl.lit(item.key), stream=pl.lit(item.stream), value=value
        )
        for item, rows in _items(alive, book)
        for price, part in by_version(item.price, rows)
        for value in [amount(price, pl.col("quantity"))]
    ]
    empty = pl.LazyFrame(schema=dict(zip(columns, [pl.Date, *[pl.String] * 4, EXACT], strict=True)))
    return pl.concat([empty, *frames]).filter(pl.col("value") != 0).collect()


def plan_items(plan_key: str, book: PriceBook) -> Iterator[Item]:
    """Yield the recurring and one-time prices of a plan (not those of usage)."""
    plan = book.plans[plan_key]
    for key, price in plan.prices.items():
        if price.meter is None:
            yield Item(key, price, book.stream_of(plan_key, price))


def add_on_item(key: str, add_on: AddOn, plan_key: str, book: PriceBook) -> Item:
    """Return an add-on as a subscription to a plan meets it."""
    return Item(key, add_on.price, add_on.stream or book.stream_of(plan_key, add_on.price))


def quantity_of(price: Price, *, seats: int, add_ons: int = 0) -> int:
    """Return how many a recurring price counts."""
    return {"subscription": 1, "seat": seats, "add_on": add_ons}[price.per or "subscription"]


def _items(slices: pl.DataFrame, book: PriceBook) -> Iterator[tuple[Item, pl.LazyFrame]]:
    """Yield each price of a monthly rhythm with the slices that pay it and the quantity they pay for."""
    for (plan_key,), rows in slices.partition_by("plan", as_dict=True).items():
        if plan_key == CATALOG:
            continue
        for item in plan_items(str(plan_key), book):
            if item.price.cadence == "billing":
                counted = pl.col("seats") if item.price.per == "seat" else pl.lit(1)
                yield item, rows.lazy().with_columns(quantity=counted.cast(EXACT))
        held = rows.filter(pl.col("add_ons") != "{}")
        for key, add_on in book.add_ons.items() if len(held) else ():
            if add_on.price.cadence == "billing":
                counted = pl.col("add_ons").str.json_path_match(f"$.{key}").cast(pl.Int64)
                part = held.lazy().with_columns(quantity=counted.cast(EXACT)).drop_nulls("quantity")
                yield add_on_item(key, add_on, str(plan_key), book), part

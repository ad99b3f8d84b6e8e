"""Recurring charges that are billed by the period in arrears, and the monthly value of every live phase."""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from billing.lines import CHARGE_SCHEMA, by_version, charges
from billing.money import EXACT
from billing.plan import AddOn
from billing.price import CATALOG, Price
from billing.price_book import PriceBook
from billing.pricing import amount
from billing.unit_price import part_of_units_column
from metering.frame import empty, shaped

VALUE_SCHEMA = pl.Schema(
    {
        "month": pl.Date(),
        "subscription": pl.String(),
        "plan": pl.String(),
        "key": pl.String(),
        "stream": pl.String(),
        "value": EXACT,
    }
)
"""What a price of a subscription is worth a month, at the last instant of a month."""


class Item(NamedTuple):
    """A recurring price as a subscription meets it: a price of its plan, or an add-on."""

    key: str
    price: Price
    stream: str


def charged(slices: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Charge each phase's part of each period, once it is over, for what its plan and its add-ons cost."""
    return _charged(_priced(slices, book), book)


def charged_and_valued(slices: pl.DataFrame, book: PriceBook) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return `charged` and `values` of slices of calendar months, each of which is priced once for both."""
    priced = _priced(slices, book)
    return _charged(priced, book), _valued(priced)


def _charged(priced: pl.DataFrame | None, book: PriceBook) -> pl.DataFrame:
    if priced is None or book.conventions.recurring != "arrears":
        return empty(CHARGE_SCHEMA)
    part = part_of_units_column(pl.col("full"), pl.col("quantity"), book)
    due = priced.filter(pl.col("is_whole") | (pl.col("part") > 0)).with_columns(
        kind=pl.lit("recurring"),
        meter=pl.lit(""),
        dimensions=pl.lit(""),
        allowance=pl.lit(0, EXACT),
        exact=pl.when("is_whole").then("full").otherwise(part),
        starts_on="from_on",
        ends_on=pl.max_horizontal("until_on", pl.col("from_on").dt.offset_by("1d")),
    )
    return charges([due])


def values(slices: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Say what each monthly price is worth a month where it lives at a month's last instant (`VALUE_SCHEMA`).

    `slices` are those of calendar months. What is worth nothing is left out.
    """
    return _valued(_priced(slices, book))


def _valued(priced: pl.DataFrame | None) -> pl.DataFrame:
    if priced is None:
        return empty(VALUE_SCHEMA)
    last = priced.filter(pl.col("until_on") == pl.col("month_ends_on"))
    return shaped(last.rename({"price": "key", "full": "value"}), VALUE_SCHEMA)


def _priced(slices: pl.DataFrame, book: PriceBook) -> pl.DataFrame | None:
    """Put beside each slice each price that it pays by the month: what a whole month costs (`full`)."""
    paying = slices.filter(pl.col("billing") == "month", ~pl.col("trial"))
    frames = [
        part.with_columns(
            price=pl.lit(item.key),
            stream=pl.lit(item.stream),
            full=amount(price, pl.col("quantity")),
            is_whole=pl.lit(price.prorate is False),
        )
        for item, rows in _items(paying, book)
        for price, part in by_version(item.price, rows)
    ]
    return pl.concat(frames).filter(pl.col("full") != 0) if frames else None


def plan_items(plan_key: str, book: PriceBook) -> Iterator[Item]:
    """Yield the recurring and one-time prices of a plan (not those of usage)."""
    plan = book.plans[plan_key]
    for key, price in plan.prices.items():
        if price.meter is None:
            yield Item(key, price, book.stream_of(plan_key, price))


def add_on_item(key: str, add_on: AddOn, plan_key: str, book: PriceBook) -> Item:
    """Return an add-on as a subscription to a plan meets it."""
    return Item(key, add_on.price, add_on.price.stream or add_on.stream or book.plans[plan_key].stream)


def quantity_of(price: Price, *, seats: int, add_ons: int = 0) -> int:
    """Return how many a recurring price counts."""
    return {"subscription": 1, "seat": seats, "add_on": add_ons}[price.per or "subscription"]


def _items(slices: pl.DataFrame, book: PriceBook) -> Iterator[tuple[Item, pl.DataFrame]]:
    """Yield each price of a monthly rhythm with the slices that pay it and the quantity they pay for."""
    for (plan_key,), rows in slices.partition_by("plan", as_dict=True).items():
        if plan_key == CATALOG:
            continue
        for item in plan_items(str(plan_key), book):
            if item.price.cadence == "billing":
                counted = pl.col("seats") if item.price.per == "seat" else pl.lit(1)
                yield item, rows.with_columns(quantity=counted.cast(EXACT))
        held = rows.filter(pl.col("add_ons") != "{}")
        for key, add_on in book.add_ons.items() if len(held) else ():
            if add_on.price.cadence == "billing" and plan_key in add_on.plans:
                counted = pl.col("add_ons").str.json_path_match(f"$.{key}").cast(pl.Int64)
                part = held.with_columns(quantity=counted.cast(EXACT)).drop_nulls("quantity")
                if add_on.price.per != "add_on":
                    per_seat = add_on.price.per == "seat"
                    count = pl.col("seats") if per_seat else pl.lit(1)
                    part = part.with_columns(quantity=count.cast(EXACT))
                yield add_on_item(key, add_on, str(plan_key), book), part

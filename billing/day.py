"""Days: usage by the day, for the few subscriptions and meters of which months are not enough.

A limit by the day, or a grant that begins or ends within a month, has to know on which days something was
used. All other usage stays in months.
"""

import json
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise

import polars as pl

from billing.limit import looks_at_days
from billing.money import EXACTLY, over
from billing.price_book import PriceBook
from metering.frame import empty
from metering.query import EACH
from metering.usage import DAY_SCHEMA

WANTED_SCHEMA = pl.Schema({"subject": pl.String(), "meter": pl.String()})
"""Whose usage of which meter has to be known by the day."""

_KEYS = ["month", "subscription", "phase_no", "meter", "dimensions"]


def wanted(phases: pl.DataFrame, book: PriceBook, entitled: Iterable[tuple[str, str]]) -> pl.DataFrame:
    """Return what has to be known by the day (`WANTED_SCHEMA`), in no order.

    `phases` are those of the months at hand; `entitled` names each (account, meter) with a grant.
    """
    progressive = [
        (plan, price.meter or "")
        for plan, _, price in book.usage_prices()
        if plan in book.plans and book.plans[plan].progressive and _adds_up(book, price.meter)
    ]
    by_plan = dict.fromkeys([*looks_at_days(book), *progressive])
    limits = pl.DataFrame(list(by_plan), schema={"plan": pl.String, "meter": pl.String}, orient="row")
    grants = pl.DataFrame(list(entitled), schema={"account": pl.String, "meter": pl.String}, orient="row")
    paid = phases.filter(~pl.col("trial")).rename({"subscription": "subject"})
    found = [paid.join(frame, on=frame.columns[0]) for frame in (limits, grants) if len(frame)]
    if not found:
        return empty(WANTED_SCHEMA)
    return pl.concat(frame.select(WANTED_SCHEMA.names()) for frame in found).unique()


def _adds_up(book: PriceBook, meter: str | None) -> bool:
    return book.meters[meter or ""].aggregation in {"sum", "count"}


def with_days(usage: pl.DataFrame, days: pl.DataFrame, slices: pl.DataFrame) -> pl.DataFrame:
    """Put days (`DAY_SCHEMA`) in the place of the periods that they make up, as column `day`.

    `slices` say which phase and which period holds a day, where days are not told apart by these already.
    Raises AssertionError where the days of a period do not make it up.
    """
    usage = usage.with_columns(day=pl.lit(None, pl.Date), step=pl.lit(0))
    if not len(days):
        return usage
    known = days.rename({"subject": "subscription"})
    if "phase_no" not in days.columns:
        lives = slices.select("subscription", "phase_no", "month", "from_on", "until_on")
        known = known.join(lives, on="subscription")
        known = known.filter(pl.col("day").is_between("from_on", "until_on", closed="left"))
    finer = usage.drop("day", "quantity").join(known.select(*_KEYS, "day", "quantity"), on=_KEYS)
    finer = finer.select(usage.columns)
    coarser = usage.join(finer, on=_KEYS, how="semi")
    whole, parts = coarser["quantity"].sum(), finer["quantity"].sum()
    assert whole == parts, f"usage of {whole} in months is {parts} by the day"
    return pl.concat([usage.join(finer, on=_KEYS, how="anti"), finer])


def spread(measured: pl.DataFrame, wanted: pl.DataFrame, slices: pl.DataFrame) -> pl.DataFrame:
    """Spread usage that has to be known by the day evenly over the days of its slice of a period.

    A single event (of a meter with `each`) is whole on the first day. The columns are those of `DAY_SCHEMA`,
    `phase_no` and `month`.
    """
    names = ("subscription", "phase_no", "month", "from_on", "until_on")
    lives = {row[:3]: row[3:] for row in slices.select(names).iter_rows()}
    rows = []
    some = measured.join(wanted, on=["subject", "meter"], how="semi")
    for row in some.iter_rows(named=True):
        first, end = lives[row["subject"], row["phase_no"], row["month"]]
        is_event = EACH in json.loads(row["dimensions"] or "{}")
        parts = [row["quantity"]] if is_event else _parts(row["quantity"], (end - first).days)
        for day, part in enumerate(parts):
            on = first.fromordinal(first.toordinal() + day)
            place = row["subject"], row["meter"], row["dimensions"], on, part
            rows.append((*place, row["phase_no"], row["month"]))
    schema = pl.Schema({**DAY_SCHEMA, "phase_no": pl.Int64(), "month": pl.Date()})
    return pl.DataFrame(rows, schema=schema, orient="row")


def _parts(quantity: Decimal, days: int) -> list[Decimal]:
    """Part a quantity into as many equal parts, but for the last digit."""
    bounds = [over(EXACTLY.multiply(quantity, Decimal(day)), days) for day in range(days + 1)]
    return [EXACTLY.subtract(after, before) for before, after in pairwise(bounds)]

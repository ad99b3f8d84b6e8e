"""Adjustments: what happens to charges once usage and plans are priced, in one fixed order.

price -> round -> discount -> refund (`billing.refund`) -> commitment (`billing.commitment`). Each adjustment
is lines of its own, never an edit of another line.
"""

import polars as pl

from billing.lines import CHARGE_SCHEMA, charges, months_since
from billing.money import EXACT, round_money, times
from billing.price_book import PriceBook
from billing.schema import POSTED
from metering.frame import empty


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

"""Refunds: what is given back of fees when a guarantee was missed, never more than a cap on these fees.

Fees are added up on columns. Misses are few, and each knows what those before it gave back: they are walked
through one by one, in the order of months and of the book.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from billing.dimension import among, with_value, written
from billing.lines import CHARGE_SCHEMA, charges
from billing.money import EXACT, POSTED, ZERO, round_money, times
from billing.price_book import PriceBook
from billing.rule import Refund
from metering.frame import empty, shaped

FEES_SCHEMA = pl.Schema(
    {
        "subscription": pl.String(),
        "by": pl.String(),
        "value": pl.String(),
        "plan": pl.String(),
        "price": pl.String(),
        "stream": pl.String(),
        "billed_month": pl.Date(),
        "billed": POSTED,
    }
)
"""What was billed for each value of the dimension `by`, and in which month last."""

Purse = tuple[str, frozenset[str], str, str, date | None]
"""What a cap is on: subscription, prices, dimension, its value; without a dimension, the month."""


class Known(NamedTuple):
    """What later months have to know: what was billed (`FEES_SCHEMA`) and what was given back."""

    fees: pl.DataFrame
    given: dict[Purse, Decimal]


def nothing() -> Known:
    """Return what is known before the first month."""
    return Known(empty(FEES_SCHEMA), {})


def known_of(lines: pl.DataFrame, book: PriceBook, known: Known) -> Known:
    """Return what a book has to know of the rounded lines of earlier months; `known` is what another knew."""
    return Known(_fees(lines, book) if book.refunds else empty(FEES_SCHEMA), known.given)


def refunds(
    lines: pl.DataFrame, usage: pl.DataFrame, book: PriceBook, known: Known
) -> tuple[pl.DataFrame, Known]:
    """Return the charges (negative) that give back fees of some months' rounded lines, and what is known.

    Misses are measured `usage` of the refunds' meters; those for one value of a dimension give one refund.
    """
    if not book.refunds:
        return empty(CHARGE_SCHEMA), known
    fees = pl.concat([known.fees, _fees(lines, book)])
    missed = [
        found
        for order, refund in enumerate(book.refunds.values())
        if len(found := _missed(usage, refund, order, fees))
    ]
    given = dict(known.given)
    rows = list(_walk(pl.concat(missed), book, given)) if missed else []
    lasting = {purse: amount for purse, amount in given.items() if purse[-1] is None}
    return _charges(rows), Known(_added_up(fees.filter(pl.col("by") != "")), lasting)


def _fees(lines: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Add up what lines billed, once for each dimension that a refund goes by."""
    frames = [empty(FEES_SCHEMA)]
    for by in sorted({refund.by for refund in book.refunds.values()}):
        prices = {price for refund in book.refunds.values() if refund.by == by for price in refund.prices}
        found = lines.filter(pl.col("price").is_in(sorted(prices)), pl.col("amount") != 0)
        found = with_value(found, by).with_columns(by=pl.lit(by), billed_month="month", billed="amount")
        frames.append(_added_up(shaped(found, FEES_SCHEMA), "billed_month"))
    return pl.concat(frames)


def _added_up(fees: pl.DataFrame, *also: str) -> pl.DataFrame:
    """Add up what was billed of each price; of each month, where `also` says so."""
    keys = ["subscription", "by", "value", "plan", "price", "stream", *also]
    last = [] if also else [pl.col("billed_month").max()]
    return shaped(fees.group_by(keys).agg(*last, pl.col("billed").sum()), FEES_SCHEMA)


def _missed(usage: pl.DataFrame, refund: Refund, order: int, fees: pl.DataFrame) -> pl.DataFrame:
    """Return the misses of a refund that have fees, with these fees and the price that was billed first."""
    keys = ["month", "account", "subscription", "value"]
    misses = with_value(among(usage.filter(pl.col("meter") == refund.meter), refund.where), refund.by)
    misses = misses.group_by(keys).agg(pl.col("phase_no").max(), pl.col("quantity").sum())
    rank = pl.DataFrame({"price": refund.prices, "rank": range(len(refund.prices))})
    paid = fees.filter(pl.col("by") == refund.by).join(rank, on="price")
    so_far, now = pl.col("billed_month") <= pl.col("month"), pl.col("billed_month") == pl.col("month")
    return (
        misses.join(paid, on=["subscription", "value"])
        .filter(so_far if refund.by else now)
        .sort("rank", "billed_month", "plan", descending=[False, True, False])
        .group_by(*keys, "phase_no", "quantity", maintain_order=True)
        .agg(pl.col("billed").sum(), pl.col("price", "plan", "stream").first())
        .with_columns(refund_no=pl.lit(order), meter=pl.lit(refund.meter))
    )


def _walk(missed: pl.DataFrame, book: PriceBook, given: dict[Purse, Decimal]) -> Iterator[dict[str, Any]]:
    """Give back for each miss what its cap leaves, and note it in `given`."""
    rules = list(book.refunds.values())
    order = ["month", "refund_no", "subscription", "value"]
    for row in missed.sort(order).iter_rows(named=True):
        refund: Refund = rules[row["refund_no"]]
        month = None if refund.by else row["month"]
        purse = (row["subscription"], frozenset(refund.prices), refund.by, row["value"], month)
        before = given.get(purse, ZERO)
        due = times(times(row["billed"], refund.share), row["quantity"])
        exact = min(due, times(row["billed"], refund.cap) - before)
        if exact > 0:
            given[purse] = before + round_money(exact, book.currency, book.conventions.rounding)
            yield row | {
                "exact": -exact,
                "dimensions": written({refund.by: row["value"]} if refund.by else {}),
            }


def _charges(rows: list[dict[str, Any]]) -> pl.DataFrame:
    if not rows:
        return empty(CHARGE_SCHEMA)
    names = [name for name in CHARGE_SCHEMA.names() if name in rows[0]]
    frame = pl.DataFrame(
        [tuple(row[name] for name in names) for row in rows],
        schema={name: CHARGE_SCHEMA[name] for name in names},
        orient="row",
    )
    return charges([
        frame.with_columns(
            kind=pl.lit("refund"),
            allowance=pl.lit(0, EXACT),
            starts_on="month",
            ends_on=pl.col("month").dt.offset_by("1mo"),
        )
    ])  # fmt: skip

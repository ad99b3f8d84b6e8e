"""Coupons: discounts that end by what they took. Amounts that are used up, and so many times.

What is taken in a month depends on what was taken before, so months are looked at in their order, and what
later months have to know is kept. A discount that belongs to the account as a whole is here too: it is one
for all subscriptions that name it. Books without such discounts do nothing of this.
"""

from decimal import Decimal
from typing import NamedTuple

import polars as pl

from billing.money import EXACT, ZERO, literal
from billing.price_book import PriceBook
from billing.rule import Discount
from metering.frame import empty, shaped

TAKEN_SCHEMA = pl.Schema(
    {
        "holder": pl.String(),
        "discount": pl.String(),
        "number": pl.Int64(),
        "month": pl.Date(),
        "taken": EXACT,
    }
)
"""What a discount took from a holder (a subscription, or an account) in a month.

`number` tells those apart that a subscription names twice.
"""


class Named(NamedTuple):
    """A discount as a subscription names it: its key, and the how manieth of that key it is, from 0."""

    key: str
    number: int
    rule: Discount

    @property
    def holder(self) -> str:
        """The column of who has it: the subscription, or the account."""
        return self.rule.per

    @property
    def pool(self) -> list[str]:
        """What it is off at once: the lines of its holder's month."""
        return ["month", "account"] if self.rule.per == "account" else ["month", "account", "subscription"]


def nothing() -> pl.DataFrame:
    """Return what was taken before the first month."""
    return empty(TAKEN_SCHEMA)


def is_kept(rule: Discount) -> bool:
    """Tell whether somebody else has to know what a discount took: later months, or another book."""
    return rule.window == "life" or rule.times is not None or rule.per == "account"


def still_due(part: pl.DataFrame, named: Named, taken: pl.DataFrame) -> pl.DataFrame:
    """Keep the lines that a discount may still be off, with the most that it takes in their month.

    `part` are lines with their `net` so far; `most` is null for a share. `taken` is what was taken before
    (`TAKEN_SCHEMA`): in earlier months, or in the same month under another book.
    """
    rule, holder = named.rule, named.holder
    own = taken.filter(pl.col("discount") == named.key, pl.col("number") == named.number)
    pools = part.group_by("month", holder=pl.col(holder)).agg(base=pl.col("net").sum())
    pools = pools.filter(pl.col("base") > 0).sort("holder", "month")
    before = own.group_by("holder").agg(used=pl.col("taken").sum(), uses=pl.col("month").n_unique())
    now = own.group_by("holder", "month").agg(now=pl.col("taken").sum())
    pools = pools.join(before, on="holder", how="left").join(now, on=["holder", "month"], how="left")
    pools = pools.sort("holder", "month")
    if rule.times is not None:
        earlier = pl.col("uses").fill_null(0).cast(pl.Int64) - pl.col("now").is_not_null().cast(pl.Int64)
        number = earlier + pl.int_range(1, pl.len() + 1).over("holder")
        pools = pools.filter(number <= rule.times)
    pools = pools.with_columns(pl.col("used", "now").fill_null(literal(ZERO)))
    pools = pools.with_columns(most=_most(rule)).filter(pl.col("most").is_null() | (pl.col("most") > 0))
    keys = pools.select("month", pl.col("holder").alias(holder), "most")
    return part.join(keys, on=["month", holder], how="inner", maintain_order="left")


def _most(rule: Discount) -> pl.Expr:
    """Return the most of each of a holder's months, which are in order."""
    if rule.amount is None:
        return pl.lit(None, EXACT)
    if rule.window == "period":
        return (literal(rule.amount) - pl.col("now")).cast(EXACT)
    left = (literal(rule.amount) - pl.col("used")).clip(literal(ZERO), None)
    until = pl.min_horizontal(pl.col("base").cum_sum().over("holder"), left)
    return (until - until.shift(1, fill_value=Decimal(0)).over("holder")).cast(EXACT)


def kept(part: pl.DataFrame, made: list[pl.DataFrame], named: Named) -> pl.DataFrame:
    """Return what a discount took (`less` of lines `made`) of a part of the lines, as `TAKEN_SCHEMA`."""
    keys = ["month", named.holder]
    taken = [frame.select(*keys, "less") for frame in made]
    none = part.select(*keys, less=pl.lit(0, EXACT))
    sums = pl.concat([none, *taken], how="vertical_relaxed").group_by(keys).agg(taken=pl.col("less").sum())
    told = sums.rename({named.holder: "holder"}).with_columns(
        discount=pl.lit(named.key), number=pl.lit(named.number, pl.Int64)
    )
    return shaped(told.sort("holder", "month"), TAKEN_SCHEMA)


def known_of(taken: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Return what a book has to know of what another took: by discounts of the same keys."""
    keys = [key for key, rule in book.discounts.items() if is_kept(rule)]
    return taken.filter(pl.col("discount").is_in(keys)) if len(taken) else taken

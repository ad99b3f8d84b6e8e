"""Bills: what each customer pays before and after, and how these changes spread.

A relative change is by what was billed before; it is NULL where that is nothing. Somebody who paid nothing
and now does is up by more than any share.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import polars as pl

from analytics.comparison.reading import Reading
from analytics.comparison.sums import PLACES, Where, sums
from analytics.formula import ratio
from billing.money import POSTED, literal

QUANTILES = {
    "p5": Fraction(1, 20),
    "p25": Fraction(1, 4),
    "p50": Fraction(1, 2),
    "p75": Fraction(3, 4),
    "p95": Fraction(19, 20),
}
"""Which customers stand for all: of a hundred, the fifth from below, ..."""

RISES = (Decimal("0.1"), Decimal("0.2"), Decimal("0.5"))
"""Bills that rise by more than these shares are counted."""

ENDLESS = Decimal("Infinity")
"""The relative change of a bill from nothing."""


def bills(
    before: Reading, after: Reading, by: Sequence[str] = (), *, where: Where | None = None
) -> pl.DataFrame:
    """Return what was billed by account (and by more), and its change; who owes nothing is left out.

    The columns are account, segment, those in `by`, before, after, change, relative, name and cohort.
    """
    keys = ["account", *by]
    old, new = (sums(reading, keys, where=where, names=["billed"]) for reading in (before, after))
    both = old.join(new, on=keys, how="full", coalesce=True, suffix="_after").with_columns(
        before=pl.col("billed").fill_null(0).cast(POSTED),
        after=pl.col("billed_after").fill_null(0).cast(POSTED),
    )
    # In two logs an account may be another one: it is told as it was before.
    accounts = pl.concat([before.accounts, after.accounts]).unique(
        "account", keep="first", maintain_order=True
    )
    found = (
        compared(both)
        .join(accounts, on="account", how="left")
        .with_columns(pl.col("name", "segment", "cohort").fill_null(""))
    )
    columns = ["account", "segment", *by, "before", "after", "change", "relative", "name", "cohort"]
    return found.select(columns).sort("account", *by)


def compared(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the change from `before` to `after`, and that relative to the amount before."""
    change = pl.col("after") - pl.col("before")
    relative = ratio(change, pl.col("before").abs()).round(PLACES, mode="half_to_even")
    return frame.with_columns(change=change, relative=relative)


def spread(customers: pl.DataFrame) -> dict[str, Decimal | None]:
    """Return the quantiles of the relative changes: those of the nearest customer."""
    found = customers["relative"].drop_nulls().sort()
    last = len(found) - 1
    return {name: found[round(last * at)] if len(found) else None for name, at in QUANTILES.items()}


def up_by(customers: pl.DataFrame, share: Decimal) -> pl.DataFrame:
    """Return the customers whose bills rise by more than a share, or from nothing."""
    from_nothing = (pl.col("before") <= 0) & (pl.col("after") > 0) & (pl.col("change") > 0)
    return customers.filter((pl.col("relative") > literal(share)).fill_null(value=False) | from_nothing)


def rises(customers: pl.DataFrame) -> dict[Decimal, int]:
    """Count the customers whose bills rise by more than each share of `RISES`."""
    return {share: len(up_by(customers, share)) for share in RISES}


def largest(customers: pl.DataFrame, count: int, *, sign: int = 0) -> pl.DataFrame:
    """Return the customers whose bills changed most: either way, only upwards (1) or only downwards (-1)."""
    side = pl.col("change") != 0 if not sign else pl.col("change") * sign > 0
    order = [pl.col("change").abs(), pl.col("account")]
    return customers.filter(side).sort(order, descending=[True, False]).head(count)

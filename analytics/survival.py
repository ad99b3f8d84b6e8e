"""Survival: how many customers are still there at each age, those whose end nobody has seen yet included.

The estimator is Kaplan and Meier's (1958) with Greenwood's standard errors and a band on the scale of
log(-log S) (Kalbfleisch and Prentice), which stays within 0 and 1. A customer who still pays when the ledger
ends is censored: known to have reached an age, and not known to have left.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from math import exp, log, sqrt
from statistics import NormalDist

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.dimension import Dimension, joined_account, of_account
from analytics.figures import closed_months
from analytics.selection import select
from analytics.student import CONFIDENCE

CURVE = pl.Schema(
    {
        "age": pl.Int64(),
        "at_risk": pl.Int64(),
        "ended": pl.Int64(),
        "censored": pl.Int64(),
        "survival": pl.Float64(),
        "std_error": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
    }
)
"""A survival curve, one row an age from 0 on: who could end at it, who did, and the share still there after.

`std_error`, `low` and `high` are NULL where nobody has ended yet or nobody is left: then they say nothing.
"""

_LIVES = """
with paying as (select distinct month, account from mrr_balances where amount > 0),
    aged as (
        select account, month, min(month) over (partition by account) as began,
            row_number() over (partition by account order by month) as nth
        from paying
    ),
    unbroken as (
        select account, began, count(*) as months
        from aged where datediff('month', began, month) = nth - 1 group by all
    )
select t.account, {part} as part, t.began, t.months
from unbroken t {join} order by t.account"""


def kaplan_meier(
    ages: Sequence[int],
    ended: Sequence[bool],
    *,
    entered: Sequence[int] | None = None,
    confidence: float = CONFIDENCE,
) -> pl.DataFrame:
    """Return the survival curve (`CURVE`) of lives that were seen until these ages.

    `ended` says which of them ended there; the others are censored: at risk at that age, and unknown after.
    `entered` holds the ages from which lives were under observation (left truncation), 0 without it: who
    entered at an age can be seen to end at later ones only. Ages are whole numbers of any unit.
    """
    starts = sorted(entered) if entered is not None else [0] * len(ages)
    assert len(ages) == len(ended) == len(starts), "each life has an age, an end or none, and an entry"
    ends = Counter(age for age, over in zip(ages, ended, strict=True) if over)
    cuts = Counter(age for age, over in zip(ages, ended, strict=True) if not over)
    gone, survival, spread = 0, 1.0, 0.0
    rows = []
    for age in range(max(ages, default=-1) + 1):
        at_risk = bisect_left(starts, age) - gone if age else bisect_left(starts, 1)
        over = ends[age]
        if over:
            survival *= 1 - over / at_risk
            spread += over / (at_risk * (at_risk - over)) if at_risk > over else 0.0
        gone += over + cuts[age]
        rows.append((age, at_risk, over, cuts[age], survival, *_band(survival, spread, confidence)))
    return pl.DataFrame(rows, schema=CURVE, orient="row")


def _band(
    survival: float, spread: float, confidence: float
) -> tuple[float | None, float | None, float | None]:
    """Return the standard error and the ends of the band; `spread` is Greenwood's sum."""
    if not 0 < survival < 1:
        return None, None, None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    apart = exp(z * sqrt(spread) / -log(survival))
    return survival * sqrt(spread), survival**apart, survival ** (1 / apart)


def lives(con: DuckDBPyConnection, by: Dimension = "whole") -> pl.DataFrame:
    """Return the life of every customer: (account, part, began, age, ended).

    A life goes from the first month end with committed MRR to the first one without; `age` is in months. Who
    came back later has ended all the same: the curve says how long customers stay, not whether they return.
    Of a life without an end, `age` is how long it has lasted by the last closed month.
    """
    found = select(con, _LIVES.format(part=of_account(by), join=joined_account(by)))
    closed = closed_months(con)
    if closed.is_empty():
        return found.drop("months").with_columns(age=pl.lit(0, pl.Int64), ended=pl.lit(False)).clear()
    last = pl.lit(closed[-1])
    year, month = last.dt.year() - pl.col("began").dt.year(), last.dt.month() - pl.col("began").dt.month()
    known = (year * 12 + month).cast(pl.Int64)
    return found.select(
        "account",
        "part",
        "began",
        age=pl.min_horizontal(pl.col("months"), known),
        ended=pl.col("months") <= known,
    )


def survival(
    con: DuckDBPyConnection, by: Dimension = "whole", *, confidence: float = CONFIDENCE
) -> pl.DataFrame:
    """Return the survival curve of the customers of each part: `part` and the columns of `CURVE`."""
    curves = [pl.DataFrame(schema={"part": pl.String(), **CURVE})]
    for (part,), life in lives(con, by).group_by("part", maintain_order=True):
        curve = kaplan_meier(life["age"].to_list(), life["ended"].to_list(), confidence=confidence)
        curves.append(curve.select(pl.lit(part, pl.String).alias("part"), pl.all()))
    return pl.concat(curves).sort("part", "age")


def median(curve: pl.DataFrame) -> int | None:
    """Return the age by which a half has ended; None where more than a half is still there at the end."""
    reached = curve.filter(pl.col("survival") <= 1 / 2)
    return None if reached.is_empty() else int(reached["age"][0])

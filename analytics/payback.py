"""Payback: when the gross profit of the customers won in a month has earned back what winning them cost.

A cohort holds the customers whose first month end with committed MRR lies in the same month (or quarter, or
year). Its cost is the acquisition cost of the months that it was won with: its own, but for the lag of sales.
What is spent in a month in which nobody is won counts for the next cohort, so that no spending is lost. Its
profit is all that its customers bring, whatever they buy; what they brought before their first committed
month end counts at age 0. Nothing is assumed of the future: who has not earned the cost has no payback.
"""

from decimal import Decimal

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.acquisition import acquisition_cost
from analytics.dimension import OF_ACCOUNTS, Dimension
from analytics.figures import closed_months, figures
from analytics.formula import allocated, earlier, ratio
from analytics.policy import DEFAULT, MetricPolicy
from analytics.profit import profits
from analytics.survival import lives
from billing.money import EXACT
from metering.document import did_you_mean, problem

UNKNOWN = "cost unknown: the spending lies before the ledger's first month"
UNSPENT = "nothing was spent"
NOT_YET = "not yet: at age {age} it has earned {share} of its cost"

PLACES = 6


CURVES = pl.Schema(
    {
        "part": pl.String(),
        "cohort": pl.Date(),
        "age": pl.Int64(),
        "customers": pl.Int64(),
        "cost": EXACT,
        "profit": EXACT,
        "cumulative": EXACT,
        "recovered": EXACT,
    }
)
"""What a cohort has earned by each age: `profit` at this age, `cumulative` by it, `recovered` of its cost.

`cohort` is its first month, `age` the months since the one in which each customer was won. `recovered` is
NULL where the cost is 0 or unknown.
"""


def payback_curves(
    con: DuckDBPyConnection, by: Dimension = "whole", *, every: int = 1, policy: MetricPolicy = DEFAULT
) -> pl.DataFrame:
    """Return what each cohort of `every` months has earned by each age, and what it cost (`CURVES`).

    Only ages that all customers of a cohort have reached are there. Raises Problems for a dimension that
    accounts do not lie in.
    """
    if by not in OF_ACCOUNTS:
        raise problem("by", f"customers do not belong to one {by!r}", did_you_mean(by, OF_ACCOUNTS))
    months = closed_months(con)
    if months.is_empty():
        return pl.DataFrame(schema=CURVES)
    won = lives(con, by).select("account", "part", month=pl.col("began"))
    grown = _earned(profits(con), won, months)
    index = _since(pl.col("month"), months)
    cohort = (index // every) * every
    sized = won.group_by("part", cohort=cohort).agg(customers=pl.len().cast(pl.Int64))
    last = len(months) - 1
    youngest = pl.min_horizontal(pl.col("cohort") + (every - 1), last)
    ages = pl.int_range(last + 1, dtype=pl.Int64, eager=True).alias("age").to_frame()
    grid = sized.join(ages, how="cross").filter(pl.col("age") <= last - youngest)
    sums = grown.group_by("part", "age", cohort=cohort).agg(profit=pl.col("gross_profit").sum())
    rows = grid.join(sums, on=["part", "cohort", "age"], how="left").with_columns(
        pl.col("profit").fill_null(0)
    )
    rows = rows.join(
        _costs(figures(con, by, policy), sized, every=every, policy=policy), on=["part", "cohort"], how="left"
    )
    return (
        rows.sort("part", "cohort", "age")
        .with_columns(cumulative=pl.col("profit").cum_sum().over("part", "cohort"))
        .with_columns(recovered=ratio(pl.col("cumulative"), pl.col("cost")).round(PLACES))
        .with_columns(cohort=pl.lit(months[0], pl.Date).dt.offset_by(pl.format("{}mo", "cohort")))
        .select(CURVES.names())
        .cast(CURVES)
    )


def paybacks(
    con: DuckDBPyConnection, by: Dimension = "whole", *, every: int = 1, policy: MetricPolicy = DEFAULT
) -> pl.DataFrame:
    """Return each cohort's payback: the first age at which its cumulative gross profit has reached its cost.

    Columns: part, cohort, customers, cost, cac (cost of one), observed (the oldest age seen), cumulative,
    payback_months (NULL where it has not been reached) and reason, which says why there is none. It counts
    from the month in which the customer was won; add the policy's lag of sales to count from the spending.
    """
    curves = payback_curves(con, by, every=every, policy=policy)
    reached = (pl.col("cumulative") >= pl.col("cost")) & (pl.col("cost") > 0)
    first = pl.col("age").filter(reached).min()
    table = curves.group_by("part", "cohort", maintain_order=True).agg(
        pl.col("customers", "cost").first(),
        observed=pl.col("age").max(),
        cumulative=pl.col("cumulative").last(),
        recovered=pl.col("recovered").last(),
        payback_months=first,
    )
    reasons = [_reason(row) for row in table.iter_rows(named=True)]
    cac = ratio(pl.col("cost"), pl.col("customers"))
    return table.with_columns(cac=cac, reason=pl.Series(reasons, dtype=pl.String)).select(
        "part", "cohort", "customers", "cost", "cac", "observed", "cumulative", "payback_months", "reason"
    )


def _reason(row: dict[str, object]) -> str:
    cost, share = row["cost"], row["recovered"]
    if row["payback_months"] is not None:
        return ""
    if cost is None:
        return UNKNOWN
    if cost == 0:
        return UNSPENT
    assert isinstance(share, Decimal), "a cost that is not 0 has a share that was earned"
    return NOT_YET.format(age=row["observed"], share=f"{share:.1%}")


def _earned(found: pl.DataFrame, won: pl.DataFrame, months: pl.Series) -> pl.DataFrame:
    """Return the profits of customers by the age that they had; `month` is the one in which they were won."""
    mine = found.rename({"month": "earned_in"}).join(won, on="account")
    age = _since(pl.col("earned_in"), months) - _since(pl.col("month"), months)
    return mine.select("account", "part", "month", "gross_profit", age=pl.max_horizontal(age, 0))


def _costs(measured: pl.DataFrame, sized: pl.DataFrame, *, every: int, policy: MetricPolicy) -> pl.DataFrame:
    """Return the cost of each cohort; NULL where some of it was spent before the ledger begins."""
    frame = measured.select("part", "month", "age", "mrr_new", spent=acquisition_cost(policy))
    frame = frame.with_columns(spent=earlier(pl.col("spent"), policy.sales_lag))
    frame = _unnamed_carried(frame)
    frame = frame.with_columns(cost=allocated(pl.col("spent"), pl.col("mrr_new")))
    costs = frame.group_by("part", cohort=(pl.col("age") // every) * every).agg(
        pl.col("cost").sum().cast(EXACT), known=(pl.col("age") >= policy.sales_lag).all()
    )
    taking = costs.join(sized, on=["part", "cohort"], how="left").sort("part", "cohort")
    has = pl.col("customers").is_not_null()
    taker = pl.when(has).then("cohort").fill_null(strategy="backward").over("part")
    taken = (
        taking.with_columns(cohort=taker)
        .drop_nulls("cohort")
        .group_by("part", "cohort")
        .agg(pl.col("cost").sum(), pl.col("known").last())
    )
    return taken.select("part", "cohort", cost=pl.when("known").then("cost"))


def _unnamed_carried(frame: pl.DataFrame) -> pl.DataFrame:
    """Move what was spent for no part to the next month in which any part won somebody who can carry it."""
    won = pl.col("mrr_new").clip(lower_bound=0).sum().over("month") > 0
    frame = frame.with_columns(won_at=pl.when(won).then("age"))
    frame = frame.with_columns(taker=pl.col("won_at").fill_null(strategy="backward").over("part"))
    gathered = pl.col("spent").sum().over("part", "taker")
    carried = pl.when(pl.col("age") == pl.col("taker")).then(gathered).otherwise(0)
    moves = (pl.col("part") == "") & pl.col("taker").is_not_null()
    return frame.with_columns(spent=pl.when(moves).then(carried).otherwise("spent"))


def _since(month: pl.Expr, months: pl.Series) -> pl.Expr:
    """Return how many months a month lies after the first closed one."""
    first = months[0]
    since: pl.Expr = (month.dt.year() - first.year) * 12 + (month.dt.month() - first.month)
    return since.cast(pl.Int64)

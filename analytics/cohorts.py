"""Cohorts: how many customers of one month are still there, and how much they pay, month after month."""

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.figures import closed_months
from analytics.formula import ratio
from analytics.lens import seen
from analytics.policy import DEFAULT, MetricPolicy
from analytics.selection import select

PLACES = 6

_PAID = """
with paying as (
    select month, account, sum(amount) as amount from mrr_balances where amount > 0 group by all
),
    start as (select account, min(month) as cohort, arg_min(amount, month) as amount from paying group by all)
select s.cohort, datediff('month', s.cohort, p.month) as age, count(*) as customers, sum(p.amount) as mrr,
    sum(least(p.amount, s.amount)) as mrr_kept
from paying p join start s on s.account = p.account
group by all"""


def cohorts(con: DuckDBPyConnection, policy: MetricPolicy = DEFAULT) -> pl.DataFrame:
    """Return, for the customers who first paid in each month, what is left of them at each age in months.

    Retention is against the cohort's first month end: of customers, of their MRR (`net_retention`), and of
    their MRR without what any of them pays more than then (`gross_retention`). A customer who comes back
    still belongs to its cohort. Ages that the ledger has not reached have no row: nothing is known of them.
    """
    with seen(con, policy):
        found = select(con, _PAID)
    months = closed_months(con)
    first = found.filter(pl.col("age") == 0).select(
        "cohort", pl.col("customers").alias("customers_start"), pl.col("mrr").alias("mrr_start")
    )
    ages = first.join(months.to_frame(), how="cross").filter(pl.col("month") >= pl.col("cohort"))
    month, cohort = pl.col("month").dt, pl.col("cohort").dt
    age = (month.year() - cohort.year()) * 12 + month.month() - cohort.month()
    grid = ages.with_columns(age=age.cast(pl.Int64)).join(found, on=["cohort", "age"], how="left")
    grid = grid.with_columns(pl.col("customers", "mrr", "mrr_kept").fill_null(0))
    return grid.sort("cohort", "age").select(
        "cohort",
        "age",
        "customers",
        "mrr",
        logo_retention=ratio(pl.col("customers"), pl.col("customers_start")).round(PLACES),
        net_retention=ratio(pl.col("mrr"), pl.col("mrr_start")).round(PLACES),
        gross_retention=ratio(pl.col("mrr_kept"), pl.col("mrr_start")).round(PLACES),
    )

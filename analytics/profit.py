"""Profit of a customer: its recognised revenue, less what partners got of it and what it cost to deliver.

A cost of delivery that names a stream, a segment or a channel is shared out by the month's revenue of the
customers there; one that names nothing, by all revenue of the month. So the gross profits of customers add up
to the company's; what nobody's revenue can carry stays with the account "".
"""

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.formula import ratio
from analytics.revenue import DELIVERY, REFERRAL
from analytics.selection import select

_REVENUE = """
select t.month, t.account, t.stream, coalesce(a.segment, '') as segment, coalesce(a.channel, '') as channel,
    -sum(t.amount)::decimal(38, 12) as revenue
from postings t left join accounts a on a.account = t.account
where t.ledger_account = 'revenue' group by all"""

_SHARES = f"""
select t.month, t.account, sum(t.amount)::decimal(38, 12) as partner_share
from payouts t where t.revenue <> 'net' and t.kind <> '{REFERRAL}' group by all"""

_COSTS = f"""
select t.month, t.stream as on_stream, t.segment as on_segment, t.channel as on_channel,
    sum(t.amount)::decimal(38, 12) as cost
from postings t where t.ledger_account = 'expense' and t.cost_centre like '{DELIVERY}' group by all"""

_KEYS = ("stream", "segment", "channel")
_OF_COST = ("month", "on_stream", "on_segment", "on_channel")


def profits(con: DuckDBPyConnection) -> pl.DataFrame:
    """Return what each customer brought in each month: (month, account, net_revenue, gross_profit).

    Both are exact and add up to the company's figures of the month.
    """
    revenue = select(con, _REVENUE)
    earned = revenue.group_by("month", "account").agg(pl.col("revenue").sum())
    frames = [earned, select(con, _SHARES), _delivery(revenue, select(con, _COSTS))]
    whole = (
        pl.concat(frames, how="diagonal")
        .group_by("month", "account")
        .agg(pl.exclude("month", "account").sum())
    )
    net = pl.col("revenue") - pl.col("partner_share")
    return (
        whole.with_columns(net_revenue=net)
        .with_columns(gross_profit=pl.col("net_revenue") - pl.col("delivery"))
        .select("month", "account", "net_revenue", "gross_profit")
        .sort("month", "account")
    )


def _delivery(revenue: pl.DataFrame, costs: pl.DataFrame) -> pl.DataFrame:
    """Share every cost out to the customers that it was for; what finds none goes by all revenue."""
    named, left = _shared(revenue, costs)
    rest = left.select("month", *(pl.lit("").alias(f"on_{key}") for key in _KEYS), "cost")
    rest = rest.group_by(*_OF_COST).agg(pl.col("cost").sum())
    whole, nobody = _shared(revenue, rest)
    nobody = nobody.select("month", pl.lit("").alias("account"), pl.col("cost").alias("delivery"))
    return pl.concat([named, whole, nobody]).group_by("month", "account").agg(pl.col("delivery").sum())


def _shared(revenue: pl.DataFrame, costs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (month, account, delivery) of the costs that somebody's revenue carries, and the other costs.

    A share is the difference of two running totals, of which the last is the whole cost: nothing is left.
    """
    numbered = costs.with_row_index("cost_no")
    meets = [(pl.col(f"on_{key}") == "") | (pl.col(f"on_{key}") == pl.col(key)) for key in _KEYS]
    pairs = numbered.join(revenue.filter(pl.col("account") != ""), on="month").filter(*meets)
    weights = pairs.group_by("cost_no", "month", "account").agg(
        pl.col("cost").first(), weight=pl.col("revenue").sum()
    )
    weights = weights.filter(pl.col("weight") > 0).sort("cost_no", "account")
    weight = pl.col("weight")
    weights = weights.with_columns(whole=weight.sum().over("cost_no"), sofar=weight.cum_sum().over("cost_no"))
    part = ratio(pl.col("cost") * pl.col("sofar"), pl.col("whole"))
    weights = weights.with_columns(
        reached=pl.when(pl.col("sofar") == pl.col("whole")).then("cost").otherwise(part)
    )
    before = pl.col("reached").shift(fill_value=0).over("cost_no")
    shared = weights.select("month", "account", delivery=pl.col("reached") - before)
    return shared, numbered.join(weights, on="cost_no", how="anti").drop("cost_no")

"""Acquisition: what winning a customer costs, what the customer brings, and when the cost is earned back.

The cost is fully loaded: every expense of a cost centre of sales or marketing, and the referrals paid to
partners. It is matched with the customers won some months later. What names no segment (or channel) is shared
out by the new MRR that was won with it, so that the parts add up to the blended cost.
"""

from decimal import Decimal

import polars as pl

from analytics.dimension import Dimension
from analytics.formula import allocated, exact, power, ratio, trailing
from analytics.policy import MetricPolicy

ONE = pl.lit(Decimal(1))


def matched(figures: pl.DataFrame, policy: MetricPolicy, by: Dimension = "whole") -> pl.DataFrame:
    """Add what was won over the window, what was spent to win it, and who could have left.

    Only months whose spending lies in the history count: before it begins, nobody knows what was spent.
    By segment, each is looked at with the lag of its own sales cycle, where the policy has one.
    """
    lags = policy.sales_lags if by == "segment" else ()
    known = pl.col("age") >= policy.sales_lag
    spent = trailing(acquisition_cost(policy), policy.sales_window, lag=policy.sales_lag)
    for segment, lag in lags:
        own = pl.col("part") == segment
        known = pl.when(own).then(pl.col("age") >= lag).otherwise(known)
        cost = trailing(acquisition_cost(policy), policy.sales_window, lag=lag)
        spent = pl.when(own).then(cost).otherwise(spent)
    lost = pl.col("customers_1m_ago") - pl.col("customers_1m_kept")
    return figures.with_columns(
        spent=spent,
        won_customers=_won("customers_new", known, policy),
        won_mrr=_won("mrr_new", known, policy),
        exposed=trailing(pl.col("customers_1m_ago"), policy.churn_window),
        lost=trailing(lost, policy.churn_window),
    )


def acquisition_cost(policy: MetricPolicy) -> pl.Expr:
    """Return what was spent on winning customers this month: sales, marketing, referrals of partners."""
    return pl.col("selling_cost") + pl.col("referral_payouts")


def matched_cost(policy: MetricPolicy) -> pl.Expr:
    """Return what the customers of the sales window cost: the spending of those months, but for the lag."""
    return allocated(pl.col("spent"), pl.col("won_mrr"))


def cac(policy: MetricPolicy) -> pl.Expr:
    """Return the matched cost per customer won in the sales window."""
    return ratio(_known_cost(), pl.col("won_customers"))


def recurring_margin(policy: MetricPolicy) -> pl.Expr:
    """Return the gross margin of the streams that hold committed MRR, over the churn window."""
    profit = trailing(pl.col("recurring_gross_profit"), policy.churn_window)
    return ratio(profit, trailing(pl.col("recurring_net_revenue"), policy.churn_window))


def payback_months(policy: MetricPolicy) -> pl.Expr:
    """Return after how many months the new MRR's gross margin has earned back its matched cost."""
    earned = pl.col("won_mrr") * pl.col("recurring_margin")
    return ratio(_known_cost(), pl.when(earned > 0).then(earned).otherwise(0))


def trailing_churn(policy: MetricPolicy) -> pl.Expr:
    """Return the share of paying customers lost in a month, over the churn window together."""
    return ratio(pl.col("lost"), pl.col("exposed"))


def ltv(policy: MetricPolicy) -> pl.Expr:
    """Return the gross profit that a customer brings until it leaves."""
    return ratio(_monthly_profit() * exact(pl.col("exposed")), pl.col("lost"))


def ltv_capped(policy: MetricPolicy) -> pl.Expr:
    """Return the gross profit that a customer brings within the horizon, leaving at the trailing churn."""
    churn = pl.col("trailing_churn")
    months = ratio(ONE - power(ONE - churn, policy.horizon), churn)
    return _monthly_profit() * pl.when(churn == 0).then(exact(pl.lit(policy.horizon))).otherwise(months)


def ltv_to_cac(policy: MetricPolicy) -> pl.Expr:
    """Return the LTV over the CAC."""
    return ratio(pl.col("ltv"), pl.col("cac"))


def ltv_capped_to_cac(policy: MetricPolicy) -> pl.Expr:
    """Return the capped LTV over the CAC."""
    return ratio(pl.col("ltv_capped"), pl.col("cac"))


def _known_cost() -> pl.Expr:
    """Return the matched cost; NULL where the whole company spent nothing: then nobody recorded it."""
    return pl.when(pl.col("spent").sum().over("month") != 0).then(pl.col("matched_cost"))


def _monthly_profit() -> pl.Expr:
    return pl.col("arpa") * pl.col("recurring_margin")


def _won(name: str, known: pl.Expr, policy: MetricPolicy) -> pl.Expr:
    return trailing(pl.when(known).then(pl.col(name)).otherwise(0), policy.sales_window)

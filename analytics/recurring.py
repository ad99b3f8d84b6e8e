"""Recurring revenue: the formulas of MRR, its growth, and how much of it is kept."""

from collections.abc import Callable

import polars as pl

from analytics.formula import annualised, ratio, trailing
from analytics.policy import MetricPolicy

MONTHS_OF_YEAR = 12

Formula = Callable[[MetricPolicy], pl.Expr]


def figure(name: str) -> Formula:
    """Return the formula of a metric that is a figure of the ledger as it stands."""
    return lambda _: pl.col(name)


def running(name: str) -> Formula:
    """Return the formula of a metric that is a figure added up since the history began."""
    return lambda _: pl.col(name).cum_sum().over("part")


def quotient(numerator: str, denominator: str) -> Formula:
    """Return the formula of a metric that is one figure over another."""
    return lambda _: ratio(pl.col(numerator), pl.col(denominator))


def share_lost(before: str, kept: str) -> Formula:
    """Return the formula of a metric that is the share of what was there before and is not kept."""
    return lambda _: ratio(pl.col(before) - pl.col(kept), pl.col(before))


def a_year_of(rate: str) -> Formula:
    """Return the formula of a metric that is what 12 months of such a loss add up to."""
    return lambda _: annualised(pl.col(rate))


def usage_mrr(policy: MetricPolicy) -> pl.Expr:
    """Return the mean of the metered revenue of the last closed months."""
    months = pl.min_horizontal(pl.col("age") + 1, pl.lit(policy.usage_window))
    return ratio(trailing(pl.col("usage_revenue"), policy.usage_window), months)


def total_run_rate(policy: MetricPolicy) -> pl.Expr:
    """Return committed and usage MRR together, which a policy may have put together already."""
    if policy.usage == "included":
        return pl.col("committed_mrr")
    return pl.col("committed_mrr") + pl.col("usage_mrr")


def arr(policy: MetricPolicy) -> pl.Expr:
    """Return 12 times committed MRR."""
    return pl.col("committed_mrr") * MONTHS_OF_YEAR


def cmrr(policy: MetricPolicy) -> pl.Expr:
    """Return committed MRR with all changes of the next 12 months that are known."""
    return pl.col("committed_mrr") + pl.col("mrr_ahead")


def carr(policy: MetricPolicy) -> pl.Expr:
    """Return 12 times committed MRR with all that customers have said already: starts, changes and ends."""
    return (pl.col("committed_mrr") + pl.col("mrr_contracted")) * MONTHS_OF_YEAR


def logo_churn(policy: MetricPolicy) -> pl.Expr:
    """Return the share of customers who left: of the opening, or of who came in the month as well."""
    lost = pl.col("customers_1m_ago") - pl.col("customers_1m_kept")
    if policy.same_month == "counted":
        lost = pl.col("customers_churned")
    of_whom = pl.col("customers_1m_ago")
    if policy.logo_churn_denominator == "opening_and_new":
        of_whom += pl.col("customers_new")
    return ratio(lost, of_whom)


def net_revenue_churn(policy: MetricPolicy) -> pl.Expr:
    """Return what opening customers took away, less what they added and former customers brought back."""
    left = pl.col("mrr_1m_ago") - pl.col("mrr_1m_now") - pl.col("mrr_reactivation")
    return ratio(left, pl.col("mrr_1m_ago"))


def quick_ratio(policy: MetricPolicy) -> pl.Expr:
    """Return what was won over what was lost."""
    gained = pl.col("mrr_new") + pl.col("mrr_expansion") + pl.col("mrr_reactivation")
    return ratio(gained, -pl.col("mrr_contraction") - pl.col("mrr_churn"))

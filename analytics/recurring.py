"""Recurring revenue: the formulas of MRR, its growth, and how much of it is kept."""

from collections.abc import Callable

import polars as pl

from analytics.formula import annualised, ratio, trailing
from analytics.policy import Policy

MONTHS_OF_YEAR = 12

Formula = Callable[[Policy], pl.Expr]


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


def usage_mrr(policy: Policy) -> pl.Expr:
    """Return the mean of the metered revenue of the last closed months."""
    months = pl.min_horizontal(pl.col("age") + 1, pl.lit(policy.usage_window))
    return ratio(trailing(pl.col("usage_revenue"), policy.usage_window), months)


def total_run_rate(policy: Policy) -> pl.Expr:
    """Return committed and usage MRR together."""
    return pl.col("committed_mrr") + pl.col("usage_mrr")


def arr(policy: Policy) -> pl.Expr:
    """Return 12 times committed MRR."""
    return pl.col("committed_mrr") * MONTHS_OF_YEAR


def net_revenue_churn(policy: Policy) -> pl.Expr:
    """Return what opening customers took away, less what they added and former customers brought back."""
    left = pl.col("mrr_1m_ago") - pl.col("mrr_1m_now") - pl.col("mrr_reactivation")
    return ratio(left, pl.col("mrr_1m_ago"))


def quick_ratio(policy: Policy) -> pl.Expr:
    """Return what was won over what was lost."""
    gained = pl.col("mrr_new") + pl.col("mrr_expansion") + pl.col("mrr_reactivation")
    return ratio(gained, -pl.col("mrr_contraction") - pl.col("mrr_churn"))

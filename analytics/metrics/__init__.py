"""Metrics: every figure that a SaaS company is judged by, from one ledger, in one registry.

`monthly` gives one row a month, `monthly_by` one a month and part, `summary` one a year. Each metric is one
formula from the policy to a Polars expression over the figures and the metrics above it in `METRICS`. Sums
of money are exact; ratios and months are rounded to 6 decimals, half to even; NULL means that there is
nothing to divide by, and `null_when` says when that is so.
"""

from typing import NamedTuple

import polars as pl
from duckdb import DuckDBPyConnection

from analytics import acquisition as won
from analytics import recurring
from analytics.dimension import OF_ACCOUNTS, OF_SALES, SPLITS, Dimension
from analytics.figures import figures, run_year
from analytics.formula import ratio
from analytics.policy import DEFAULT, Policy
from analytics.recurring import Formula, a_year_of, figure, quotient, running, share_lost
from metering.document import did_you_mean, problem

PLACES = 6
"""Decimals of a ratio: a rate of 0.0001 % still shows."""

MONEY, COUNT, RATIO, MONTHS = "money", "count", "ratio", "months"

LEDGER = "the ledger's own sums"
BOARD = "SaaS Metrics Standards Board"
CHARTMOGUL = "ChartMogul's help pages"
STRIPE = "Stripe's glossary of billing analytics"
IFRS = "IFRS 15, principal and agent"

ALL: tuple[Dimension, ...] = (*OF_ACCOUNTS, *OF_SALES)
WITH_COSTS: tuple[Dimension, ...] = (*OF_ACCOUNTS, "stream")
WHOLE: tuple[Dimension, ...] = ("whole",)

NO_MRR = "no committed MRR at the opening"
NO_YEAR = "fewer than 12 months before, or nobody paid then"
NOBODY_WON = "nobody was won in the sales window, or nothing was spent for it"
NO_CHURN = "nobody left in the churn window"
NO_BASIS = "either is NULL, or CAC is 0"


class Metric(NamedTuple):
    """One metric: how it is derived, what it measures, whose definition it is, and where it can be split."""

    function: Formula
    unit: str
    description: str
    source: str
    splits: tuple[Dimension, ...] = ALL
    null_when: str = ""


METRICS: dict[str, Metric] = {
    # committed MRR and its bridge
    "mrr_opening": Metric(figure("mrr_opening"), MONEY, "committed MRR a month before", CHARTMOGUL),
    "mrr_new": Metric(figure("mrr_new"), MONEY, "from customers who never paid before", CHARTMOGUL),
    "mrr_expansion": Metric(figure("mrr_expansion"), MONEY, "more from paying customers", CHARTMOGUL),
    "mrr_contraction": Metric(figure("mrr_contraction"), MONEY, "less from those who stay; ≤ 0", CHARTMOGUL),
    "mrr_churn": Metric(figure("mrr_churn"), MONEY, "lost with those who left; ≤ 0", CHARTMOGUL),
    "mrr_reactivation": Metric(figure("mrr_reactivation"), MONEY, "from those who came back", CHARTMOGUL),
    "mrr_entering": Metric(
        figure("mrr_entering"), MONEY, "brought by those who paid elsewhere before", CHARTMOGUL, OF_SALES
    ),
    "mrr_leaving": Metric(
        figure("mrr_leaving"), MONEY, "taken by those who go on paying elsewhere; ≤ 0", CHARTMOGUL, OF_SALES
    ),
    "committed_mrr": Metric(figure("committed_mrr"), MONEY, "recurring charges of a month at its end", BOARD),
    "usage_mrr": Metric(
        recurring.usage_mrr, MONEY, "mean metered revenue of the last 3 months, without catalog sales", BOARD
    ),
    "total_run_rate": Metric(recurring.total_run_rate, MONEY, "committed MRR + usage MRR, a month", BOARD),
    "arr": Metric(recurring.arr, MONEY, "12 × committed MRR", BOARD),
    # customers
    "customers_opening": Metric(
        figure("customers_opening"), COUNT, "paying customers a month before", STRIPE, OF_ACCOUNTS
    ),
    "customers_new": Metric(
        figure("customers_new"), COUNT, "who pay for the first time", STRIPE, OF_ACCOUNTS
    ),
    "customers_reactivated": Metric(
        figure("customers_reactivated"), COUNT, "who came back", STRIPE, OF_ACCOUNTS
    ),
    "customers_churned": Metric(
        figure("customers_churned"), COUNT, "who stopped paying", STRIPE, OF_ACCOUNTS
    ),
    "customers": Metric(figure("customers"), COUNT, "accounts with committed MRR at the month's end", STRIPE),
    "subscriptions": Metric(figure("subscriptions"), COUNT, "subscriptions with committed MRR", STRIPE),
    "billed_customers": Metric(figure("billed_customers"), COUNT, "accounts billed more than 0", LEDGER),
    "arpa": Metric(
        quotient("committed_mrr", "customers"), MONEY, "committed MRR / customers", STRIPE, ALL, "no customer"
    ),
    # retention
    "logo_churn": Metric(
        share_lost("customers_1m_ago", "customers_1m_kept"),
        RATIO, "share of the opening customers who do not pay at the end", CHARTMOGUL, OF_ACCOUNTS, NO_MRR,
    ),
    "logo_churn_annualised": Metric(
        a_year_of("logo_churn"), RATIO, "1 − (1 − logo churn)^12", BOARD, OF_ACCOUNTS, NO_MRR
    ),
    "revenue_churn": Metric(
        share_lost("mrr_1m_ago", "mrr_1m_kept"),
        RATIO, "share of the opening MRR lost to churn and contraction", BOARD, OF_ACCOUNTS, NO_MRR,
    ),
    "revenue_churn_annualised": Metric(
        a_year_of("revenue_churn"), RATIO, "1 − (1 − revenue churn)^12", BOARD, OF_ACCOUNTS, NO_MRR
    ),
    "net_revenue_churn": Metric(
        recurring.net_revenue_churn,
        RATIO, "the same less expansion and reactivation; below 0 in growth", CHARTMOGUL, OF_ACCOUNTS, NO_MRR,
    ),
    "logo_churn_12m": Metric(
        share_lost("customers_12m_ago", "customers_12m_kept"),
        RATIO, "share of the customers of 12 months ago who do not pay now", BOARD, OF_ACCOUNTS, NO_YEAR,
    ),
    "nrr": Metric(
        quotient("mrr_12m_now", "mrr_12m_ago"),
        RATIO, "what customers of 12 months ago pay now, of what they paid then", BOARD, OF_ACCOUNTS, NO_YEAR,
    ),
    "grr": Metric(
        quotient("mrr_12m_kept", "mrr_12m_ago"),
        RATIO, "the same, each customer at most what it paid then", BOARD, OF_ACCOUNTS, NO_YEAR,
    ),
    "quick_ratio": Metric(
        recurring.quick_ratio,
        RATIO, "(new + expansion + reactivation) / (churn + contraction)", "Mamoon Hamid, with reactivation",
        OF_ACCOUNTS, "nothing was lost",
    ),
    # revenue
    "billed": Metric(figure("billed"), MONEY, "invoice lines of the month", LEDGER),
    "revenue": Metric(figure("revenue"), MONEY, "recognised revenue, net of discounts and credits", LEDGER),
    "payouts": Metric(figure("payouts"), MONEY, "what partners earned", LEDGER),
    "net_revenue": Metric(
        figure("net_revenue"), MONEY, "revenue − payouts that are an expense, but for referrals", IFRS
    ),
    "cost_of_revenue": Metric(
        figure("cost_of_revenue"), MONEY, "expenses of the cost centres cogs…", BOARD, WITH_COSTS
    ),
    "gross_profit": Metric(
        figure("gross_profit"), MONEY, "net revenue − cost of revenue", BOARD, WITH_COSTS
    ),
    "gross_margin": Metric(
        quotient("gross_profit", "net_revenue"),
        RATIO, "gross profit / net revenue", BOARD, WITH_COSTS, "no net revenue",
    ),
    "deferred_revenue": Metric(
        running("deferred_revenue"), MONEY, "billed and not yet recognised, at the month's end", LEDGER, WHOLE
    ),
    "receivable": Metric(running("receivable"), MONEY, "billed and not yet paid", LEDGER, WHOLE),
    "cash": Metric(running("cash"), MONEY, "cash since the first month, from 0", LEDGER, WHOLE),
    # acquisition
    "acquisition_cost": Metric(
        won.acquisition_cost,
        MONEY, "expenses of the cost centres sales… and marketing…, and referrals", BOARD, OF_ACCOUNTS,
    ),
    "matched_cost": Metric(
        won.matched_cost, MONEY, "acquisition cost of the sales window, lagged", BOARD, OF_ACCOUNTS
    ),
    "cac": Metric(
        won.cac, MONEY, "matched cost / customers won in the sales window", BOARD, OF_ACCOUNTS, NOBODY_WON
    ),
    "recurring_margin": Metric(
        won.recurring_margin,
        RATIO, "gross margin of the streams with committed MRR, over the churn window", BOARD, OF_ACCOUNTS,
        "no such revenue",
    ),
    "payback_months": Metric(
        won.payback_months,
        MONTHS, "matched cost / (new MRR of the sales window × recurring margin)", BOARD, OF_ACCOUNTS,
        "as CAC, or the margin is not above 0",
    ),
    "trailing_churn": Metric(
        won.trailing_churn, RATIO, "logo churn of the churn window", CHARTMOGUL, OF_ACCOUNTS, "nobody paid"
    ),
    "ltv": Metric(
        won.ltv, MONEY, "ARPA × recurring margin / trailing churn", CHARTMOGUL, OF_ACCOUNTS, NO_CHURN
    ),
    "ltv_capped": Metric(
        won.ltv_capped, MONEY, "the same over at most 60 months", BOARD, OF_ACCOUNTS, "nobody paid"
    ),
    "ltv_to_cac": Metric(
        won.ltv_to_cac, RATIO, "LTV / CAC", BOARD, OF_ACCOUNTS, NO_BASIS
    ),
    "ltv_capped_to_cac": Metric(
        won.ltv_capped_to_cac, RATIO, "capped LTV / CAC", BOARD, OF_ACCOUNTS, NO_BASIS
    ),
}  # fmt: skip
"""Every metric by its column name, in the order in which they are derived and shown."""

YEARLY = {
    "committed_mrr": "last", "usage_mrr": "last", "total_run_rate": "last", "arr": "last",
    "mrr_new": "sum", "mrr_expansion": "sum", "mrr_contraction": "sum", "mrr_churn": "sum",
    "mrr_reactivation": "sum",
    "customers": "last", "customers_new": "sum", "customers_reactivated": "sum", "customers_churned": "sum",
    "arpa": "last", "nrr": "last", "grr": "last", "logo_churn_12m": "last",
    "billed": "sum", "revenue": "sum", "payouts": "sum", "net_revenue": "sum", "cost_of_revenue": "sum",
    "gross_profit": "sum", "acquisition_cost": "sum",
    "cac": "last", "payback_months": "last", "trailing_churn": "last", "ltv": "last", "ltv_capped": "last",
    "ltv_to_cac": "last", "ltv_capped_to_cac": "last",
    "deferred_revenue": "last", "receivable": "last", "cash": "last",
}  # fmt: skip
"""How a metric of months becomes one of a year: added up, or as it stands at the end."""


def monthly(con: DuckDBPyConnection, policy: Policy = DEFAULT) -> pl.DataFrame:
    """Return every metric of the company, one row for each closed month."""
    return derive(figures(con), "whole", policy).drop("part")


def monthly_by(con: DuckDBPyConnection, dimension: str, policy: Policy = DEFAULT) -> pl.DataFrame:
    """Return the metrics of each part, one row for each closed month and part; the parts add up to the whole.

    The part "" holds what names none: expenses without a segment, above all. Raises Problems for a dimension
    that is not one of `SPLITS`.
    """
    if dimension not in SPLITS:
        raise problem("by", f"there is no {dimension!r}", did_you_mean(dimension, SPLITS))
    frame = derive(figures(con, dimension), dimension, policy)
    idle = pl.all_horizontal(pl.exclude("month", "part").fill_null(0) == 0).all().over("part")
    frame = frame.filter(~((pl.col("part") == "") & idle))
    return frame.rename({"part": dimension}).sort("month", dimension)


def summary(con: DuckDBPyConnection, policy: Policy = DEFAULT) -> pl.DataFrame:
    """Return the figures of each year of the run: 12 months each from its first one, the last maybe fewer.

    CAC, payback and LTV:CAC take the whole year's customers together; all else is as in `monthly`.
    """
    months = monthly(con, policy._replace(sales_window=12))
    sums = [pl.col(name).sum() for name, how in YEARLY.items() if how == "sum"]
    lasts = [pl.col(name).last() for name, how in YEARLY.items() if how == "last"]
    years = months.group_by(year=run_year(), maintain_order=True).agg(
        *(pl.len().cast(pl.Int64).alias("months"), pl.col("month").last()), *sums, *lasts
    )
    margin = ratio(pl.col("gross_profit"), pl.col("net_revenue")).round(PLACES)
    years = years.with_columns(gross_margin=margin)
    return years.select("year", "months", "month", *(name for name in METRICS if name in years.columns))


def derive(frame: pl.DataFrame, by: Dimension, policy: Policy) -> pl.DataFrame:
    """Derive every metric that can be split so, in the order of the registry, and round the ratios."""
    names = [name for name, metric in METRICS.items() if by in metric.splits]
    plan = _worked(frame, by, policy)
    rounded = [name for name in names if METRICS[name].unit in (RATIO, MONTHS)]
    return plan.select("month", "part", *names).with_columns(pl.col(rounded).round(PLACES)).collect()


def workings(con: DuckDBPyConnection, by: Dimension, policy: Policy = DEFAULT) -> pl.DataFrame:
    """Return every figure and every metric that can be split so, none of them rounded.

    One row for each closed month and part, by part and month: what explains a metric by the others.
    """
    return _worked(figures(con, by), by, policy).collect()


def _worked(frame: pl.DataFrame, by: Dimension, policy: Policy) -> pl.LazyFrame:
    plan = (won.matched(frame, policy) if by in OF_ACCOUNTS else frame).lazy()
    for name, metric in METRICS.items():
        if by in metric.splits:
            # One after the other, so that a metric may use the ones above it, at full precision.
            plan = plan.with_columns(metric.function(policy).alias(name))
    return plan

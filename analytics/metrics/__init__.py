"""Metrics: every figure that a SaaS company is judged by, from one ledger, in one registry.

`monthly` gives one row a month, `monthly_by` one a month and part, `summary` one a year. Each metric is one
formula from the policy to a Polars expression over the figures and other metrics. Sums of money are exact;
ratios, months, days and hours are rounded to 6 decimals, half to even; NULL means that there is nothing to
divide by: `null_when` says when that is so, and `missing` why in a month at hand.
"""

from collections.abc import Collection

import polars as pl
from duckdb import DuckDBPyConnection

from analytics import acquisition as won
from analytics.dimension import OF_ACCOUNTS, SPLITS, Dimension
from analytics.figures import figures, run_year
from analytics.formula import ratio
from analytics.metrics import acquisition, delivery, efficiency, income, recurring, retention
from analytics.metrics.metric import COUNT, DAYS, HOURS, MONEY, MONTHS, RATIO, ROUNDED, Metric
from analytics.policy import DEFAULT, MetricPolicy
from metering.document import did_you_mean, problem

__all__ = [
    "COUNT", "DAYS", "FAMILIES", "HOURS", "MARGIN", "METRICS", "MONEY", "MONTHS", "PLACES", "RATIO",
    "ROUNDED", "YEARLY", "Metric", "missing", "monthly", "monthly_by", "summary", "workings",
]  # fmt: skip

PLACES = 6
"""Decimals of a ratio: a rate of 0.0001 % still shows."""

FAMILIES: dict[str, dict[str, Metric]] = {
    "recurring": recurring.METRICS,
    "retention": retention.METRICS,
    "income": income.METRICS,
    "acquisition": acquisition.METRICS,
    "efficiency": efficiency.METRICS,
    "delivery": delivery.METRICS,
}
"""The metrics by what they are about."""

METRICS: dict[str, Metric] = {name: metric for family in FAMILIES.values() for name, metric in family.items()}
"""Every metric by its column name, in the order in which they are shown."""

YEARLY = {
    "committed_mrr": "last", "usage_mrr": "last", "total_run_rate": "last", "arr": "last",
    "mrr_new": "sum", "mrr_expansion": "sum", "mrr_contraction": "sum", "mrr_churn": "sum",
    "mrr_reactivation": "sum", "mrr_growth_12m": "last", "expansion_share": "last",
    "customers": "last", "customers_new": "sum", "customers_reactivated": "sum", "customers_churned": "sum",
    "arpa": "last", "nrr": "last", "grr": "last", "nrr_total": "last", "logo_churn_12m": "last",
    "renewal_rate": "last",
    "billed": "sum", "revenue": "sum", "recurring_revenue": "sum", "payouts": "sum", "net_revenue": "sum",
    "revenue_growth_12m": "last", "revenue_per_customer": "last", "revenue_top_10_share": "last",
    "cross_sell_rate": "last", "partner_sourced_share": "last", "refunds": "sum", "sla_credit_rate": "last",
    "gmv": "sum", "take": "sum", "partners": "last", "devices": "sum", "royalty": "sum",
    "royalty_per_device": "last", "cost_of_revenue": "sum",
    "gross_profit": "sum", "leads": "sum", "signups": "sum", "cost_per_lead": "last",
    "sales_cycle_days": "last", "acquisition_cost": "sum",
    "cac": "last", "payback_months": "last", "trailing_churn": "last", "ltv": "last", "ltv_capped": "last",
    "ltv_to_cac": "last", "ltv_capped_to_cac": "last",
    "research_cost": "sum", "general_cost": "sum", "bad_debt": "sum", "operating_profit": "sum",
    "operating_margin": "last", "deferred_revenue": "last", "calculated_billings": "sum",
    "rpo": "last", "crpo": "last",
    "receivable": "last", "dso": "last", "cash": "last", "net_burn": "sum", "runway_months": "last",
    "burn_multiple": "last", "magic_number": "last", "rule_of_40": "last",
    "hours_billable": "sum", "utilisation": "last", "realisation": "last",
    "revenue_per_consultant": "last", "effective_rate": "last",
    "projects_started": "sum", "repeat_project_rate": "last", "services_conversion": "last",
    "sla_compliance": "last", "tickets": "sum", "enrolments": "sum", "completion_rate": "last",
    "exams_passed": "sum", "pass_rate": "last", "recertification_rate": "last",
}  # fmt: skip
"""How a metric of months becomes one of a year: added up, or as it stands at the end."""

MARGIN = "gross_margin"
"""The metric of a year that is neither, but worked out of the year's sums."""


def monthly(
    con: DuckDBPyConnection, policy: MetricPolicy = DEFAULT, names: Collection[str] | None = None
) -> pl.DataFrame:
    """Return every metric of the company, or those of some names, one row for each closed month."""
    return _derived(con, "whole", policy, names).drop("part")


def monthly_by(
    con: DuckDBPyConnection,
    dimension: str,
    policy: MetricPolicy = DEFAULT,
    names: Collection[str] | None = None,
) -> pl.DataFrame:
    """Return the metrics of each part, one row for each closed month and part; the parts add up to the whole.

    The part "" holds what names none: expenses without a segment, above all. Raises Problems for a dimension
    that is not one of `SPLITS`.
    """
    by = _split(dimension)
    frame = _derived(con, by, policy, names)
    return frame.filter(~_idle(frame)).rename({"part": by}).sort("month", by)


def missing(
    con: DuckDBPyConnection, dimension: str = "whole", policy: MetricPolicy = DEFAULT
) -> pl.DataFrame:
    """Return why metrics have no value: (month, part, metric, code, reason), a row for each that has none.

    The codes are those of `analytics.quotient.Reason`. Raises Problems for a dimension that is not one of
    `SPLITS`, or "whole".
    """
    by = "whole" if dimension == "whole" else _split(dimension)
    frame = workings(con, by, policy)
    names = [name for name, metric in METRICS.items() if by in metric.splits]
    if by != "whole":
        frame = frame.filter(~_idle(frame.select("month", "part", *names)))
    rows = [_reasons(frame, name, policy) for name in names]
    return pl.concat(rows).sort("month", "part", maintain_order=True)


def summary(
    con: DuckDBPyConnection, policy: MetricPolicy = DEFAULT, names: Collection[str] | None = None
) -> pl.DataFrame:
    """Return the figures of each year of the run: 12 months each from its first one, the last maybe fewer.

    All of `YEARLY` and the gross margin, or those of some names. CAC, payback and LTV:CAC take the whole
    year's customers together, margins and efficiency its 12 months; all else is as in `monthly`.
    """
    kept = [name for name in (*YEARLY, MARGIN) if names is None or name in names]
    wanted = {*kept, "gross_profit", "net_revenue"} if MARGIN in kept else {*kept}
    months = monthly(con, policy._replace(sales_window=12, efficiency_window=12), wanted)
    how = {"sum": pl.Expr.sum, "last": pl.Expr.last}
    yearly = [how[YEARLY[name]](pl.col(name)) for name in months.columns if name in YEARLY]
    years = months.group_by(year=run_year(), maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("months"), pl.col("month").last(), *yearly
    )
    if MARGIN in kept:
        margin = ratio(pl.col("gross_profit"), pl.col("net_revenue")).round(PLACES)
        years = years.with_columns(margin.alias(MARGIN))
    return years.select("year", "months", "month", *(name for name in METRICS if name in kept))


def workings(con: DuckDBPyConnection, by: Dimension, policy: MetricPolicy = DEFAULT) -> pl.DataFrame:
    """Return every figure and every metric that can be split so, none of them rounded.

    One row for each closed month and part, by part and month: what explains a metric by the others.
    """
    return _worked(figures(con, by, policy), by, _formulas(by, policy, None), policy).collect()


def _derived(
    con: DuckDBPyConnection, by: Dimension, policy: MetricPolicy, names: Collection[str] | None
) -> pl.DataFrame:
    """Derive the metrics that can be split so, or some of them, and round the ratios."""
    formulas = _formulas(by, policy, names)
    wanted = None if names is None else {root for one in formulas.values() for root in one.meta.root_names()}
    plan = _worked(figures(con, by, policy, wanted), by, formulas, policy)
    kept = [name for name in METRICS if name in formulas and (names is None or name in names)]
    rounded = [name for name in kept if METRICS[name].unit in ROUNDED]
    return plan.select("month", "part", *kept).with_columns(pl.col(rounded).round(PLACES)).collect()


def _formulas(by: Dimension, policy: MetricPolicy, names: Collection[str] | None) -> dict[str, pl.Expr]:
    """Return the formulas of the metrics that can be split so; or of some, and of those that they use."""
    every = {name: metric.function(policy) for name, metric in METRICS.items() if by in metric.splits}
    if names is None:
        return every
    found: dict[str, pl.Expr] = {}
    waiting = [name for name in names if name in every]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = every[name]
            waiting += [root for root in every[name].meta.root_names() if root in every]
    return found


def _worked(
    frame: pl.DataFrame, by: Dimension, formulas: dict[str, pl.Expr], policy: MetricPolicy
) -> pl.LazyFrame:
    """Derive metrics layer by layer, so that one may use others, at full precision."""
    plan = (won.matched(frame, policy, by) if by in OF_ACCOUNTS else frame).lazy()
    left = dict(formulas)
    while left:
        ready = [
            name
            for name, formula in left.items()
            if not any(used in left and used != name for used in formula.meta.root_names())
        ]
        assert ready, f"metrics that use each other: {', '.join(left)}"
        plan = plan.with_columns(left[name].alias(name) for name in ready)
        left = {name: formula for name, formula in left.items() if name not in ready}
    return plan


def _reasons(frame: pl.DataFrame, name: str, policy: MetricPolicy) -> pl.DataFrame:
    code, text = pl.lit("", pl.String), pl.lit("", pl.String)
    for condition, reason in reversed(list(METRICS[name].reasons(policy))):
        code = pl.when(condition).then(pl.lit(reason.code)).otherwise(code)
        text = pl.when(condition).then(pl.lit(reason.text)).otherwise(text)
    told = frame.with_columns(metric=pl.lit(name), code=code, reason=text)
    return told.filter(pl.col(name).is_null()).select("month", "part", "metric", "code", "reason")


def _split(dimension: str) -> Dimension:
    if dimension not in SPLITS:
        raise problem("by", f"there is no {dimension!r}", did_you_mean(dimension, SPLITS))
    return next(by for by in SPLITS if by == dimension)


def _idle(frame: pl.DataFrame) -> pl.Series:
    """Tell of which rows nothing can be said: those of the part without a name, where it holds nothing."""
    empty = pl.all_horizontal(pl.exclude("month", "part").fill_null(0) == 0).all().over("part")
    return frame.select((pl.col("part") == "") & empty).to_series()

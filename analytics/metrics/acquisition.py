"""Metrics of acquisition: the funnel, what a customer costs, what it brings, and when that pays."""

from analytics import acquisition as won
from analytics.dimension import OF_ACCOUNTS
from analytics.metrics.metric import (
    BOARD,
    CHARTMOGUL,
    COUNT,
    DAYS,
    LEDGER,
    MONEY,
    MONTHS,
    RATIO,
    Metric,
    quotient,
)
from analytics.quantile import quantile
from analytics.quotient import WINDOW, Quotient, Term, over
from analytics.recurring import figure

NOBODY_WON = "nobody was won in the sales window, or nothing was spent for it"
NO_CHURN = "nobody left in the churn window"
NO_BASIS = "either is NULL, or CAC is 0"

METRICS: dict[str, Metric] = {
    # the funnel
    "leads": Metric(figure("leads"), COUNT, "who showed interest", CHARTMOGUL, OF_ACCOUNTS),
    "signups": Metric(
        figure("signups"), COUNT, "customers who signed up, free or not", CHARTMOGUL, OF_ACCOUNTS
    ),
    "lead_conversion": quotient(
        Quotient(
            (Term("leads_converted"),), (Term("leads_due"),),
            needs=("conversion_window",), nothing="no lead in that month",
        ),
        RATIO, "of the leads of the conversion window ago, who became customers since", CHARTMOGUL,
    ),
    "signup_conversion": quotient(
        Quotient(
            (Term("signups_converted"),), (Term("signups_due"),),
            needs=("conversion_window",), nothing="nobody signed up in that month",
        ),
        RATIO, "of the sign-ups of the conversion window ago, who became customers since", CHARTMOGUL,
    ),
    "sales_cycle_days": Metric(
        quantile("sales_cycle_days"),
        DAYS, "median days from lead to customer, of those won in the sales window", CHARTMOGUL, OF_ACCOUNTS,
        "nobody who was a lead was won in the sales window",
    ),
    "cost_per_lead": quotient(
        over("marketing_cost", "leads", "no lead in the efficiency window", months=WINDOW),
        MONEY, "expenses of the cost centres marketing… / leads, over the efficiency window", LEDGER,
    ),
    # unit economics
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
"""Metrics of winning customers, by name."""

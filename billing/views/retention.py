"""Retention in SQL: which of the customers of some months ago still pay, and how much.

Cohorts are closed, and followed customer by customer from one month's end to the other; who joined later
does not count, and who shrank and recovered counts whole.
"""

from billing.views.split import Split

_KEPT = """
    select b.part, (b.month + interval {age} month)::date as month,
        count(*) as customers_{name}_ago, count(n.account) as customers_{name}_kept,
        sum(b.amount) as mrr_{name}_ago, sum(coalesce(n.amount, 0)) as mrr_{name}_now,
        sum(least(b.amount, coalesce(n.amount, 0))) as mrr_{name}_kept
    from paying b
    left join paying n on n.account = b.account and n.month = b.month + interval {age} month
    group by all"""

_RETENTION = """
    select r.part, r.month,
        coalesce(lag(customers) over (partition by r.part order by r.month), 0) as customers_opening,
        coalesce(customers_new, 0) as customers_new,
        coalesce(customers_reactivated, 0) as customers_reactivated,
        coalesce(customers_churned, 0) as customers_churned,
        ((customers_month_ago - customers_month_kept) / customers_month_ago)::decimal(38, 12) as logo_churn,
        (1 - pow(1 - logo_churn, 12))::decimal(38, 12) as logo_churn_annualised,
        ((mrr_month_ago - mrr_month_kept) / mrr_month_ago)::decimal(38, 12) as revenue_churn,
        (1 - pow(1 - revenue_churn, 12))::decimal(38, 12) as revenue_churn_annualised,
        ((mrr_month_ago - mrr_month_now - r.mrr_reactivation) / mrr_month_ago)::decimal(38, 12)
            as net_revenue_churn,
        ((customers_year_ago - customers_year_kept) / customers_year_ago)::decimal(38, 12) as logo_churn_12m,
        (mrr_year_now / mrr_year_ago)::decimal(38, 12) as nrr,
        (mrr_year_kept / mrr_year_ago)::decimal(38, 12) as grr,
        ((r.mrr_new + r.mrr_expansion + r.mrr_reactivation)
            / nullif(-r.mrr_contraction - r.mrr_churn, 0))::decimal(38, 12) as quick_ratio,
        coalesce(customers_month_ago, 0) as exposed,
        coalesce(customers_month_ago - customers_month_kept, 0) as lost,
        customers_month_ago as at_risk, mrr_month_ago as mrr_at_risk
    from recurring r
    left join moved using (part, month)
    left join kept_a_month using (part, month) left join kept_a_year using (part, month)"""


def steps(split: Split) -> dict[str, str]:
    """Return the queries of retention by name; only parts that keep their accounts have one."""
    if not split.by_account:
        return {}
    return {
        "kept_a_month": _KEPT.format(age=1, name="month"),
        "kept_a_year": _KEPT.format(age=12, name="year"),
        "retention": _RETENTION,
    }

"""Acquisition in SQL: what customers cost, what they bring, and when the cost is earned back.

The windows are those of the default policy: the customers of three months against what was spent in the three
months that ended three months before; churn and margin over six months; the capped LTV over 60. Spending that
names no part is shared out by the new MRR that was won with it.
"""

from billing.views.split import Split

_MARGIN = """
    select month, sum(net_revenue) over six as net_revenue, sum(gross_profit) over six as gross_profit
    from (
        select i.month, coalesce(sum(net_revenue) filter (committed_mrr > 0), 0) as net_revenue,
            coalesce(sum(gross_profit) filter (committed_mrr > 0), 0) as gross_profit
        from stream_income i join stream_recurring using (part, month) group by i.month
    )
    window six as (order by month rows 5 preceding)"""

_MATCHED = """
    with window_sums as (
        select part, month, r.arpa,
            coalesce(sum(i.acquisition_cost) over (of_part rows between 5 preceding and 3 preceding), 0)
                as spent,
            sum(if(r.age >= 3, mrr_new, 0)) over (of_part rows 2 preceding) as won_mrr,
            sum(if(r.age >= 3, customers_new, 0)) over (of_part rows 2 preceding) as won,
            sum(exposed) over (of_part rows 5 preceding) as exposed,
            sum(lost) over (of_part rows 5 preceding) as lost
        from recurring r join retention using (part, month) join income i using (part, month)
        window of_part as (partition by part order by month)
    ), weighed as (
        select *, greatest(won_mrr, 0) as weight, sum(weight) over (partition by month) as whole,
            coalesce(sum(spent) filter (part = '') over (partition by month), 0) as unnamed,
            sum(spent) over (partition by month) <> 0 as known
        from window_sums
    )
    select *, (case when whole = 0 then spent
        else if(part = '', 0, spent) + unnamed * (weight / whole) end)::decimal(38, 12) as matched_cost
    from weighed"""

_ACQUISITION = """
    select m.part, m.month, i.acquisition_cost, m.matched_cost,
        if(known, matched_cost / nullif(won, 0), null)::decimal(38, 12) as cac,
        (g.gross_profit / nullif(g.net_revenue, 0))::decimal(38, 12) as recurring_margin,
        if(known and won_mrr * recurring_margin > 0, matched_cost / (won_mrr * recurring_margin), null)
            ::decimal(38, 12) as payback_months,
        (lost / nullif(exposed, 0))::decimal(38, 12) as trailing_churn,
        (m.arpa * recurring_margin * (exposed / nullif(lost, 0)))::decimal(38, 12) as ltv,
        (m.arpa * recurring_margin * if(trailing_churn = 0, 60,
            (1 - pow(1 - trailing_churn, 60)) / nullif(trailing_churn, 0)))::decimal(38, 12) as ltv_capped,
        (ltv / nullif(cac, 0))::decimal(38, 12) as ltv_to_cac,
        (ltv_capped / nullif(cac, 0))::decimal(38, 12) as ltv_capped_to_cac
    from matched m join income i using (part, month) left join margin g using (month)"""


def steps(split: Split) -> dict[str, str]:
    """Return the queries of acquisition by name; they read `stream_income` and `stream_recurring` too."""
    if not split.by_account:
        return {}
    return {"margin": _MARGIN, "matched": _MATCHED, "acquisition": _ACQUISITION}

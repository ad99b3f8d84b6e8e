"""Efficiency in SQL: profit and burn of the whole company, what growth costs, and what is deferred.

Windows are those of the default policy: a quarter, and the quarter before it.
"""

from billing.views.split import Split

_OTHER_COSTS = """
    select month,
        sum(amount) filter (ledger_account = 'bad_debt') as lost,
        sum(amount) filter (ledger_account = 'expense' and cost_centre like 'research%') as research,
        sum(amount) filter (ledger_account = 'expense' and not (cost_centre like 'cogs%'
            or cost_centre like 'sales%' or cost_centre like 'marketing%' or cost_centre like 'research%'))
            as general,
        -sum(amount) filter (ledger_account = 'deferred_revenue' and amount < 0) as added,
        -sum(amount) filter (ledger_account = 'deferred_revenue' and amount > 0) as released
    from postings group by month"""

_BACKLOG = """
    with contract as (
        select distinct b.month, b.subscription, b.amount, p.anchor_on,
            datesub('month', p.anchor_on, last_day(b.month)) // 12 + 1 as year_no
        from mrr_balances b join subscription_phases p on p.subscription = b.subscription
        where p.billing = 'year' and not p.trial and p.anchor_on <= last_day(b.month)
            and p.starts_on <= last_day(b.month) and (p.ends_on is null or p.ends_on > last_day(b.month))
    ), ahead as (
        select l.subscription, p.month, -sum(p.amount) as amount
        from postings p join invoice_lines l using (invoice, line_no)
        where p.ledger_account = 'deferred_revenue' group by all
    ), deferred as (
        select c.month, c.subscription, coalesce(sum(a.amount), 0) as amount
        from (select distinct month, subscription from contract) c
        left join ahead a on a.subscription = c.subscription and a.month <= c.month group by all
    )
    select c.month, sum(c.amount * datediff('month', c.month + interval 1 month,
            c.anchor_on + to_months(12 * c.year_no::integer)))::decimal(38, 12) as backlog
    from contract c join deferred d using (month, subscription) where d.amount <= 0 group by all"""

_LATER = """
    with line as (
        select invoice, line_no, starts_on, ends_on from invoice_lines
        where ends_on > starts_on + interval 12 month
    ), held as (
        select c.month, (c.month + interval 1 month)::date as next_month,
            (c.month + interval 13 month)::date as next_year, l.starts_on, l.ends_on, -sum(p.amount) as amount
        from line l join postings p using (invoice, line_no) join closed c on c.month >= p.month
        where p.ledger_account = 'deferred_revenue'
        group by c.month, l.invoice, l.line_no, l.starts_on, l.ends_on
    )
    select month, sum(amount * (ends_on - next_year) / (ends_on - greatest(starts_on, next_month)))
        ::decimal(38, 12) as later
    from held where ends_on > next_year group by month"""

_PROFIT = """
    select '' as part, i.month, r.age, i.revenue, i.net_revenue, i.billed, i.acquisition_cost,
        r.committed_mrr, r.mrr_new, r.mrr_expansion, m.recurring_revenue, m.revenue_growth_12m,
        coalesce(o.research, 0)::decimal(38, 12) as research_cost,
        coalesce(o.general, 0)::decimal(38, 12) as general_cost,
        coalesce(o.lost, 0)::decimal(38, 12) as bad_debt,
        gross_profit - acquisition_cost - research_cost - general_cost - bad_debt as operating_profit,
        coalesce(lag(b.deferred_revenue) over (order by i.month), 0) as deferred_opening,
        coalesce(o.added, 0)::decimal(38, 12) as deferred_added,
        coalesce(o.released, 0)::decimal(38, 12) as deferred_released,
        b.deferred_revenue, b.receivable, b.cash, b.deferred_revenue + coalesce(backlog, 0) as rpo,
        b.deferred_revenue + coalesce(backlog, 0) - coalesce(later, 0) as crpo,
        i.revenue + b.deferred_revenue - deferred_opening as calculated_billings,
        coalesce(lag(b.cash) over (order by i.month), 0) - b.cash as net_burn,
        12 * (r.committed_mrr - coalesce(lag(r.committed_mrr, 3) over (order by i.month), 0)) as new_arr
    from income i join recurring r using (month) join balances b using (month) join mix m using (month)
    left join other_costs o using (month) left join backlog using (month) left join later using (month)"""

_EFFICIENCY = """
    select part, month, research_cost, general_cost, bad_debt, operating_profit,
        sum(operating_profit) over quarter / nullif(sum(net_revenue) over quarter, 0) as operating_margin,
        deferred_opening, deferred_added, deferred_released,
        deferred_revenue, calculated_billings, rpo, crpo, receivable,
        if(age >= 2 and sum(billed) over quarter > 0, 90 * receivable / sum(billed) over quarter, null)
            as dso,
        if(sum(billed) over year > 0, sum(bad_debt) over year / sum(billed) over year, null) as bad_debt_rate,
        cash, net_burn,
        if(age >= 2 and cash > 0 and sum(net_burn) over quarter > 0,
            cash / (sum(net_burn) over quarter / 3), null) as runway_months,
        if(age >= 2 and sum(net_burn) over quarter > 0 and new_arr > 0,
            sum(net_burn) over quarter / new_arr, null) as burn_multiple,
        if(age >= 5 and sum(acquisition_cost) over before > 0,
            4 * (sum(recurring_revenue) over quarter - sum(recurring_revenue) over before)
                / sum(acquisition_cost) over before, null) as magic_number,
        if(age >= 5 and sum(acquisition_cost) over before > 0,
            new_arr / sum(acquisition_cost) over before, null) as magic_number_arr,
        if(age >= 5 and sum(acquisition_cost) over before > 0
            and sum(mrr_new + mrr_expansion) over quarter > 0,
            sum(acquisition_cost) over before / (12 * sum(mrr_new + mrr_expansion) over quarter), null)
            as cac_ratio,
        revenue_growth_12m + operating_margin as rule_of_40,
        2 * revenue_growth_12m + operating_margin as rule_of_x
    from profit
    window quarter as (order by month rows 2 preceding), year as (order by month rows 11 preceding),
        before as (order by month rows between 5 preceding and 3 preceding)"""


def steps(split: Split) -> dict[str, str]:
    """Return the queries of efficiency by name: only the company as a whole has a cash account."""
    if split.name:
        return {}
    return {
        "other_costs": _OTHER_COSTS,
        "backlog": _BACKLOG,
        "later": _LATER,
        "profit": _PROFIT,
        "efficiency": _EFFICIENCY,
    }

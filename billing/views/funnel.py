"""The funnel in SQL: leads and sign-ups, who of them was won within six months, and how soon."""

from billing.views.split import Split

_LEADS_TOLD = """
    select date_trunc('month', occurred_at)::date as month, occurred_at::date as day, subject as account,
        coalesce(data ->> '$.segment', '') as segment, coalesce(data ->> '$.channel', '') as channel
    from events where type = 'lead.created'"""

_LEADS = "select {of_cost} as part, t.month, count(*) as leads from leads_told t group by all"

_WON = """
    select account, min(month) as won_month, min(effective_on) as won_on
    from mrr_movements where kind = 'new' group by account"""

_LEADS_DUE = """
    select {of_cost} as part, (t.month + interval 6 month)::date as month, count(*) as due,
        count(*) filter (w.won_month between t.month and t.month + interval 6 month) as converted
    from leads_told t left join won w on w.account = t.account group by all"""

_SIGNUPS_TOLD = """
    select date_trunc('month', signed_up_on)::date as month, account from accounts where kind = 'customer'"""

_SIGNUPS = """
    select {of_account} as part, t.month, count(*) as signups from signups_told t {account} group by all"""

_SIGNUPS_DUE = """
    select {of_account} as part, (t.month + interval 6 month)::date as month, count(*) as due,
        count(*) filter (w.won_month between t.month and t.month + interval 6 month) as converted
    from signups_told t left join won w on w.account = t.account {account} group by all"""

_CYCLES = """
    with began as (select account, min(day) as day from leads_told group by account)
    select {of_account} as part, (t.won_month + to_months(n::integer))::date as month,
        quantile_cont(datediff('day', b.day, t.won_on), 0.5) as sales_cycle_days
    from won t join began b on b.account = t.account and b.day <= t.won_on
    cross join range(3) ahead(n) {account} group by all"""

_MARKETING = """
    select {of_cost} as part, t.month, sum(t.amount) as amount
    from postings t where t.ledger_account = 'expense' and t.cost_centre like 'marketing%' group by all"""

_MARKETED = """
    with known as (
        select g.part, g.month, coalesce(leads, 0) as leads, coalesce(amount, 0) as amount,
            sum(leads) over (partition by g.month) as whole,
            coalesce(sum(amount) filter (g.part = '') over (partition by g.month), 0) as unnamed
        from grid g left join leads using (part, month) left join marketing using (part, month)
    )
    select part, month, leads, case when coalesce(whole, 0) = 0 then amount
        else if(part = '', 0, amount) + unnamed * (leads / whole) end as amount
    from known"""

_FUNNEL = """
    select g.part, g.month, m.leads, coalesce(signups, 0) as signups,
        if(g.age >= 6, l.converted / nullif(l.due, 0), null) as lead_conversion,
        if(g.age >= 6, s.converted / nullif(s.due, 0), null) as signup_conversion,
        sales_cycle_days,
        (sum(m.amount) over quarter / nullif(sum(m.leads) over quarter, 0))::decimal(38, 12) as cost_per_lead
    from grid g join marketed m using (part, month) left join signups using (part, month)
    left join leads_due l using (part, month) left join signups_due s using (part, month)
    left join cycles using (part, month)
    window quarter as (partition by g.part order by g.month rows 2 preceding)"""


def steps(split: Split) -> dict[str, str]:
    """Return the queries of the funnel by name. A lead has its own segment: it may be no account yet."""
    if not split.by_account:
        return {}
    return {
        "leads_told": _LEADS_TOLD,
        "leads": _LEADS,
        "won": _WON,
        "leads_due": _LEADS_DUE,
        "signups_told": _SIGNUPS_TOLD,
        "signups": _SIGNUPS,
        "signups_due": _SIGNUPS_DUE,
        "cycles": _CYCLES,
        "marketing": _MARKETING,
        "marketed": _MARKETED,
        "funnel": _FUNNEL,
    }

"""Income in SQL: what was billed, earned, shared with partners and spent on delivering it.

Net revenue is recognised revenue without the partners' shares that are an expense; referrals buy customers,
so they are none. What names no part is shared out: delivery by the month's recognised revenue, a partner's
share of a customer's bill by the lines in it.
"""

from billing.views.split import Split

_BILLED = """
    select {of_sale} as part, t.month, sum(t.amount)::decimal(38, 12) as billed
    from invoice_lines t {sale} group by all"""

_BILLED_CUSTOMERS = """
    select part, month, count(*) as billed_customers from (
        select {of_sale} as part, t.month, t.account from invoice_lines t {sale}
        group by all having sum(t.amount) > 0
    ) group by all"""

_RECOGNISED = """
    select {of_revenue} as part, t.month, -sum(t.amount)::decimal(38, 12) as revenue
    from postings t {revenue} where t.ledger_account = 'revenue' group by all"""

_PAID_OUT = """
    select {of_account} as part, t.month, t.account, sum(t.amount)::decimal(38, 12) as payouts,
        coalesce(sum(t.amount) filter (t.revenue <> 'net' and t.kind <> 'referral'), 0) as shares,
        coalesce(sum(t.amount) filter (t.revenue <> 'net' and t.kind = 'referral'), 0) as referrals
    from payouts t {account} group by all"""

_SHARED = """
    select part, month, sum(payouts) as payouts, sum(shares)::decimal(38, 12) as shares,
        sum(referrals)::decimal(38, 12) as referrals
    from paid_out group by all"""

_SHARED_BY_LINES = """
    with line as (
        select {of_sale} as part, t.month, t.account, greatest(sum(t.amount), 0) as weight
        from invoice_lines t {sale} semi join paid_out p on p.month = t.month and p.account = t.account
        group by all
    ), share as (
        select *, weight / nullif(sum(weight) over (partition by month, account), 0) as share from line
    )
    select coalesce(s.part, '') as part, p.month,
        sum(p.payouts * coalesce(s.share, 1))::decimal(38, 12) as payouts,
        sum(p.shares * coalesce(s.share, 1))::decimal(38, 12) as shares,
        sum(p.referrals * coalesce(s.share, 1))::decimal(38, 12) as referrals
    from paid_out p
    left join share s on s.month = p.month and s.account = p.account and s.share > 0
    group by all"""

_SPENT = """
    select {of_cost} as part, t.month,
        sum(t.amount) filter (t.cost_centre like 'cogs%')::decimal(38, 12) as delivery,
        sum(t.amount) filter (t.cost_centre like 'sales%' or t.cost_centre like 'marketing%')
            ::decimal(38, 12) as selling
    from postings t where t.ledger_account = 'expense' group by all"""

_INCOME = """
    with known as (
        select g.part, g.month, coalesce(billed, 0) as billed,
            coalesce(billed_customers, 0) as billed_customers, coalesce(revenue, 0) as revenue,
            coalesce(payouts, 0) as payouts, coalesce(shares, 0) as shares,
            coalesce(referrals, 0) as referrals, coalesce(delivery, 0) as delivery,
            coalesce(selling, 0) as selling,
            greatest(coalesce(revenue, 0), 0) as weight, sum(weight) over (partition by g.month) as whole,
            coalesce(sum(delivery) filter (g.part = '') over (partition by g.month), 0) as unnamed
        from grid g
        left join billed using (part, month) left join billed_customers using (part, month)
        left join recognised using (part, month) left join shared using (part, month)
        left join spent using (part, month)
    )
    select part, month, billed, billed_customers, revenue, payouts, revenue - shares as net_revenue,
        (case when whole = 0 then delivery
            else if(part = '', 0, delivery) + unnamed * (weight / whole) end)
            ::decimal(38, 12) as cost_of_revenue,
        net_revenue - cost_of_revenue as gross_profit,
        (gross_profit / nullif(net_revenue, 0))::decimal(38, 12) as gross_margin,
        selling + referrals as acquisition_cost
    from known"""

_BALANCES = """
    with moved_money as (
        select month, sum(amount) filter (ledger_account = 'cash') as cash,
            sum(amount) filter (ledger_account = 'receivable') as receivable,
            -sum(amount) filter (ledger_account = 'deferred_revenue') as deferred_revenue
        from postings group by month
    )
    select g.part, g.month,
        coalesce(sum(m.deferred_revenue) over so_far, 0)::decimal(38, 12) as deferred_revenue,
        coalesce(sum(m.receivable) over so_far, 0)::decimal(38, 12) as receivable,
        coalesce(sum(m.cash) over so_far, 0)::decimal(38, 12) as cash
    from grid g left join moved_money m using (month)
    window so_far as (order by g.month)"""


def steps(split: Split) -> dict[str, str]:
    """Return the queries of income by name; only the whole company has balances."""
    found = {
        "billed": _BILLED,
        "billed_customers": _BILLED_CUSTOMERS,
        "recognised": _RECOGNISED,
        "paid_out": _PAID_OUT,
        "shared": _SHARED if split.by_account else _SHARED_BY_LINES,
        "spent": _SPENT,
        "income": _INCOME,
    }
    return found if split.name else {**found, "balances": _BALANCES}

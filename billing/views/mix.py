"""Mix in SQL: which revenue recurs, how it grows, of whom it comes, and what was given back of it."""

from billing.views.split import Split

_SOURCED = """
    with t as (select p.* from postings p semi join (from accounts where partner <> '') b using (account))
    select {of_revenue} as part, t.month, -sum(t.amount)::decimal(38, 12) as partner_sourced_revenue
    from t {revenue} where t.ledger_account = 'revenue' group by all"""

_REFUNDED = """
    select {of_sale} as part, t.month, -sum(t.amount)::decimal(38, 12) as refunds
    from invoice_lines t {sale} where t.kind = 'refund' group by all"""

_LARGEST = """
    with earned as (
        select account, month, -sum(amount) as amount from postings where ledger_account = 'revenue'
        group by all
    ), year as (
        select {of_account} as part, (t.month + to_months(n::integer))::date as month, t.account,
            sum(t.amount) as amount
        from earned t cross join range(12) ahead(n) {account} group by all
    )
    select part, month, sum(amount) as of_year, max(amount) as of_first,
        list_sum(max(amount, 10))::decimal(38, 4) as of_ten
    from year group by all"""

_HOLDING = "select distinct month, account, stream from mrr_balances where amount > 0"

_BOUGHT = """
    select distinct account, stream, (month + to_months(n::integer))::date as month
    from (select distinct month, account, stream from invoice_lines where amount > 0)
    semi join holding using (account) cross join range(12) ahead(n)"""

_BOUGHT_ELSE = """
    select b.month, b.account, b.stream from bought b
    semi join holding p on p.month = b.month and p.account = b.account
    anti join holding h on h.month = b.month and h.account = b.account and h.stream = b.stream"""

_CROSSED = """
    select {of_account} as part, t.month, count(*) as payers, count(c.account) as crossed
    from (select distinct month, account from holding) t
    left join (select distinct month, account from bought_else) c
        on c.month = t.month and c.account = t.account
    {account} group by all"""

_CROSSED_BY_STREAM = """
    select s.stream as part, p.month, any_value(p.payers) as payers, count(c.account) as crossed
    from (select month, count(distinct account) as payers from holding group by month) p
    cross join (select distinct stream from invoice_lines where amount > 0) s
    left join bought_else c on c.month = p.month and c.stream = s.stream group by all"""

_MIX = """
    select i.part, i.month,
        coalesce(recurring_revenue, 0) as recurring_revenue,
        net_revenue / nullif(sum(net_revenue) over (partition by i.month), 0) as revenue_share,
        if(g.age >= 2, 12 * sum(net_revenue) over quarter / 3, null)::decimal(38, 12) as annualised_revenue,
        if(g.age >= 14 and sum(net_revenue) over before > 0,
            sum(net_revenue) over quarter / sum(net_revenue) over before - 1, null) as revenue_growth_12m,
        coalesce(partner_sourced_revenue, 0) as partner_sourced_revenue,
        coalesce(partner_sourced_revenue, 0) / nullif(i.revenue, 0) as partner_sourced_share,
        coalesce(refunds, 0) as refunds,
        coalesce(sum(refunds) over year, 0)
            / nullif(sum(billed) over year + coalesce(sum(refunds) over year, 0), 0) as sla_credit_rate{more}
    from income i join grid g using (part, month) left join recurring_revenue using (part, month)
    left join sourced using (part, month) left join refunded using (part, month) {join}
    window quarter as (partition by i.part order by i.month rows 2 preceding),
        before as (partition by i.part order by i.month rows between 14 preceding and 12 preceding),
        year as (partition by i.part order by i.month rows 11 preceding)"""

_OF_ACCOUNTS = """,
        if(g.age >= 11, sum(i.revenue) over year / nullif(customers, 0), null)::decimal(38, 12)
            as revenue_per_customer,
        if(of_year > 0, of_first / of_year, null) as revenue_top_1_share,
        if(of_year > 0, of_ten / of_year, null) as revenue_top_10_share"""

_CROSS_SELL = """,
        crossed / nullif(payers, 0) as cross_sell_rate"""


def steps(split: Split) -> dict[str, str]:
    """Return the queries of the mix by name: what customers bought beside has no parts by plan."""
    found = {"sourced": _SOURCED, "refunded": _REFUNDED}
    more, join = "", ""
    if split.name != "plan":
        found |= {"holding": _HOLDING, "bought": _BOUGHT, "bought_else": _BOUGHT_ELSE}
        found["crossed"] = _CROSSED if split.by_account else _CROSSED_BY_STREAM
        more, join = _CROSS_SELL, "left join crossed using (part, month)"
    if split.by_account:
        found["largest"] = _LARGEST
        more += _OF_ACCOUNTS
        join += " left join largest using (part, month) join recurring using (part, month)"
    return found | {"mix": _MIX.replace("{more}", more).replace("{join}", join)}

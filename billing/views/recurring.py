"""Recurring revenue in SQL: committed MRR, its bridge, its customers, and what usage adds to it."""

from billing.views.split import Split

_PAYING = """
    select t.month, t.account, {of_sale} as part, sum(t.amount) as amount, count(*) as subscriptions
    from mrr_balances t {sale} where t.amount > 0 group by all"""

_HELD = """
    select part, month, sum(amount) as committed_mrr, count(distinct account) as customers,
        sum(subscriptions)::bigint as subscriptions
    from paying group by all"""

_MOVED = """
    select {of_account} as part, t.month,
        sum(t.amount) filter (t.kind = 'new') as mrr_new,
        sum(t.amount) filter (t.kind = 'expansion') as mrr_expansion,
        sum(t.amount) filter (t.kind = 'contraction') as mrr_contraction,
        sum(t.amount) filter (t.kind = 'churn') as mrr_churn,
        sum(t.amount) filter (t.kind = 'reactivation') as mrr_reactivation,
        sum(t.amount) filter (t.kind = 'fx') as mrr_fx,
        0::decimal(38, 12) as mrr_entering, 0::decimal(38, 12) as mrr_leaving,
        count(distinct t.account) filter (t.kind = 'new') as customers_new,
        count(distinct t.account) filter (t.kind = 'reactivation') as customers_reactivated,
        count(distinct t.account) filter (t.kind = 'churn') as customers_churned
    from mrr_movements t {account} group by all"""

_ACCOUNT_MONTHS = """
    select account, month, sum(amount) as amount from paying group by all"""

_PAID_BEFORE = """
    select account, min(month) as first_month from paying group by all"""

_REVALUED = """
    select {of_sale} as part, t.month, t.account, sum(t.amount) as fx
    from mrr_changes t {sale} where t.cause = 'fx' and not t.scheduled group by all"""

_STEPS = """
    select part, account, month, coalesce(b.amount, 0) as before, coalesce(n.amount, 0) as now,
        coalesce(f.fx, 0) as fx, now - before - coalesce(f.fx, 0) as change
    from (select part, account, (month + interval 1 month)::date as month, amount from paying) b
    full join paying n using (part, account, month)
    left join revalued f using (part, account, month)"""

_CROSSED = """
    select s.part, s.month,
        sum(change) filter (before = 0 and was.account is null and s.month = p.first_month) as mrr_new,
        sum(change) filter (before > 0 and now > 0 and change > 0) as mrr_expansion,
        sum(change) filter (before > 0 and now > 0 and change < 0) as mrr_contraction,
        sum(change) filter (now = 0 and "is".account is null) as mrr_churn,
        sum(change) filter (before = 0 and was.account is null and s.month > p.first_month)
            as mrr_reactivation,
        sum(fx) as mrr_fx,
        sum(change) filter (before = 0 and was.account is not null) as mrr_entering,
        sum(change) filter (now = 0 and "is".account is not null) as mrr_leaving,
        0 as customers_new, 0 as customers_reactivated, 0 as customers_churned
    from steps s join first_paid p on p.account = s.account
    left join account_months was on was.account = s.account and s.month = was.month + interval 1 month
    left join account_months "is" on "is".account = s.account and "is".month = s.month
    group by all"""

_METERED = """
    select {of_sale} as part, t.month, sum(t.amount)::decimal(38, 12) as usage_revenue
    from invoice_lines t {sale} where t.kind = 'usage' and t.plan <> 'catalog' group by all"""

_RECURRING = """
    select g.part, g.month, g.age,
        coalesce(lag(committed_mrr) over of_part, 0) as mrr_opening,
        coalesce(mrr_new, 0) as mrr_new, coalesce(mrr_expansion, 0) as mrr_expansion,
        coalesce(mrr_contraction, 0) as mrr_contraction, coalesce(mrr_churn, 0) as mrr_churn,
        coalesce(mrr_reactivation, 0) as mrr_reactivation, coalesce(mrr_fx, 0) as mrr_fx,
        coalesce(mrr_entering, 0) as mrr_entering, coalesce(mrr_leaving, 0) as mrr_leaving,
        coalesce(committed_mrr, 0) as committed_mrr,
        (coalesce(sum(usage_revenue) over (of_part rows 2 preceding), 0) / least(g.age + 1, 3))
            ::decimal(38, 12) as usage_mrr,
        coalesce(committed_mrr, 0) + usage_mrr as total_run_rate,
        12 * coalesce(committed_mrr, 0) as arr,
        coalesce(customers, 0) as customers, coalesce(subscriptions, 0) as subscriptions,
        (committed_mrr / nullif(customers, 0))::decimal(38, 12) as arpa
    from grid g
    left join held using (part, month) left join moved using (part, month)
    left join metered using (part, month)
    window of_part as (partition by g.part order by g.month)"""


def steps(split: Split) -> dict[str, str]:
    """Return the queries of recurring revenue by name, each after those it reads; the last is the family."""
    moved = {"moved": _MOVED}
    if not split.by_account:
        moved = {
            "account_months": _ACCOUNT_MONTHS,
            "first_paid": _PAID_BEFORE,
            "revalued": _REVALUED,
            "steps": _STEPS,
            "moved": _CROSSED,
        }
    return {"paying": _PAYING, "held": _HELD, **moved, "metered": _METERED, "recurring": _RECURRING}

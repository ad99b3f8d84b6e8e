"""Contracts in SQL: losses to failed payments, renewals and trials, and retention of all that recurs."""

from billing.views.split import Split

_INVOLUNTARY = """
    select {of_account} as part, t.month, count(*) as customers, sum(t.amount) as amount
    from mrr_movements t {account} where t.kind = 'churn' and t.cause = 'involuntary' group by all"""

_RENEWALS = """
    with due as (
        select distinct p.account, p.subscription, (p.anchor_on + to_months(12 * y.n::integer))::date as day
        from subscription_phases p cross join range(1, 40) y(n)
        where p.billing = 'year' and not p.trial and p.starts_on < day
            and (p.ends_on is null or p.ends_on >= day)
    ), t as (
        select date_trunc('month', day)::date as month, account,
            exists (
                select 1 from subscription_phases q where q.subscription = due.subscription
                and q.starts_on <= due.day and (q.ends_on is null or q.ends_on > due.day)
            ) as is_won
        from due
    )
    select {of_account} as part, t.month, count(*) as renewals_due, count(*) filter (is_won) as renewals_won
    from t {account} group by all"""

_TRIALS = """
    select {of_account} as part, c.month, count(*) as trials
    from subscription_phases t join closed c on t.starts_on <= last_day(c.month)
        and (t.ends_on is null or t.ends_on > last_day(c.month)) {account}
    where t.trial group by all"""

_TRIALS_ENDED = """
    with t as (
        select date_trunc('month', p.ends_on)::date as month, p.account, bool_or(not q.trial) as is_converted
        from subscription_phases p left join subscription_phases q on q.subscription = p.subscription
            and q.starts_on <= p.ends_on and (q.ends_on is null or q.ends_on > p.ends_on)
        where p.trial and p.ends_on is not null
        group by p.subscription, p.account, p.ends_on having not coalesce(bool_or(q.trial), false)
    )
    select {of_account} as part, t.month, count(*) as trials_ended,
        count(*) filter (is_converted) as trials_converted
    from t {account} group by all"""

_RECURS = """
    select p.month, p.account, p.stream, l.plan, -sum(p.amount) as amount
    from postings p join invoice_lines l using (invoice, line_no)
    where p.ledger_account = 'revenue' and l.plan not in ('', 'catalog') and l.kind <> 'once' group by all"""

_RECURS_BY_PART = """
    select {of_sale} as part, t.month, sum(t.amount)::decimal(38, 12) as recurring_revenue
    from recurs t {sale} group by all"""

_QUARTERS = """
    select account, (month + to_months(n::integer))::date as month, sum(amount) as amount
    from recurs cross join range(3) ahead(n) group by all"""

_KEPT_IN_ALL = """
    select {of_account} as part, (t.month + interval 12 month)::date as month, sum(t.amount) as then,
        sum(coalesce(n.amount, 0)) as now, sum(greatest(least(t.amount, coalesce(n.amount, 0)), 0)) as kept
    from quarters t
    left join quarters n on n.account = t.account and n.month = t.month + interval 12 month
    {account} where t.amount > 0 group by all"""

_ACTIVE = """
    with used as (
        select distinct account, month from usage where quantity > 0 and plan <> 'catalog'
    ), t as (
        select s.account, (s.month + interval 1 month)::date as month,
            bool_or(u.account is not null) as is_active
        from signups_told s left join used u
            on u.account = s.account and u.month in (s.month, (s.month + interval 1 month)::date)
        group by s.account, s.month
    )
    select {of_account} as part, t.month, count(*) as signed_up, count(*) filter (is_active) as active
    from t {account} group by all"""

_CONTRACTS = """
    select g.part, g.month,
        coalesce(i.customers, 0) as customers_churned_involuntary,
        (customers_churned - coalesce(i.customers, 0)) / nullif(at_risk, 0) as logo_churn_voluntary,
        coalesce(i.customers, 0) / nullif(at_risk, 0) as logo_churn_involuntary,
        coalesce(i.amount, 0) as mrr_churn_involuntary,
        -coalesce(i.amount, 0) / nullif(mrr_at_risk, 0) as revenue_churn_involuntary,
        if(g.age >= 14, k.now / nullif(k.then, 0), null) as nrr_total,
        if(g.age >= 14, k.kept / nullif(k.then, 0), null) as grr_total,
        coalesce(renewals_due, 0) as renewals_due, coalesce(renewals_won, 0) as renewals_won,
        sum(renewals_won) over (of_part rows 11 preceding)
            / nullif(sum(renewals_due) over (of_part rows 11 preceding), 0) as renewal_rate,
        coalesce(trials, 0) as trials, coalesce(trials_ended, 0) as trials_ended,
        coalesce(trials_converted, 0) as trials_converted,
        sum(trials_converted) over (of_part rows 2 preceding)
            / nullif(sum(trials_ended) over (of_part rows 2 preceding), 0) as trial_conversion,
        active / nullif(signed_up, 0) as activation_rate
    from grid g join retention using (part, month)
    left join involuntary i using (part, month) left join kept_in_all k using (part, month)
    left join renewals using (part, month) left join trials using (part, month)
    left join trials_ended using (part, month) left join active using (part, month)
    window of_part as (partition by g.part order by g.month)"""


def steps(split: Split) -> dict[str, str]:
    """Return the queries of contracts by name; revenue that recurs has parts of every kind."""
    found = {"recurs": _RECURS, "recurring_revenue": _RECURS_BY_PART}
    if not split.by_account:
        return found
    return found | {
        "involuntary": _INVOLUNTARY,
        "renewals": _RENEWALS,
        "trials": _TRIALS,
        "trials_ended": _TRIALS_ENDED,
        "quarters": _QUARTERS,
        "kept_in_all": _KEPT_IN_ALL,
        "active": _ACTIVE,
        "contracts": _CONTRACTS,
    }

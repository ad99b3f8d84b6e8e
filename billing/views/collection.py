"""Collection in SQL: which bills are overdue, how soon others are paid, what becomes of tries that fail."""

from billing.views.split import Split

_SETTLED = """
    select invoice, account, kind, occurred_on, date_trunc('month', occurred_on)::date as month
    from payments where kind in ('paid', 'written_off')"""

_DUE = """
    with t as (
        select i.account, date_trunc('month', i.due_on)::date as month, i.total as amount
        from invoices i where i.total > 0
        union all
        select i.account, date_trunc('month', greatest(i.due_on, s.occurred_on))::date, -i.total
        from invoices i join settled s on s.invoice = i.invoice where i.total > 0
    )
    select {of_account} as part, t.month, sum(t.amount) as amount from t {account} group by all"""

_PAID_IN = """
    select {of_account} as part, t.month,
        quantile_cont(datediff('day', i.issued_on, t.occurred_on), 0.5) as days_to_pay
    from settled t join invoices i on i.invoice = t.invoice {account} where t.kind = 'paid' group by all"""

_TRIED = """
    with t as (
        select invoice, account, date_trunc('month', occurred_on)::date as month,
            bool_or(kind = 'failed') as has_failed
        from payments where kind in ('paid', 'failed') group by all
    )
    select {of_account} as part, t.month, count(*) as tried, count(*) filter (has_failed) as failed
    from t {account} group by all"""

_DUNNED = """
    select {of_account} as part, t.month, count(*) as dunned, count(*) filter (t.kind = 'paid') as recovered
    from settled t {account}
    where t.invoice in (select invoice from payments where kind = 'failed') group by all"""

_COLLECTION = """
    select g.part, g.month,
        coalesce(sum(d.amount) over (of_part), 0)::decimal(38, 12) as overdue,
        days_to_pay, failed / nullif(tried, 0) as payment_failure_rate,
        sum(recovered) over (of_part rows 2 preceding)
            / nullif(sum(dunned) over (of_part rows 2 preceding), 0) as dunning_recovery_rate
    from grid g left join due d using (part, month) left join paid_in using (part, month)
    left join tried using (part, month) left join dunned using (part, month)
    window of_part as (partition by g.part order by g.month)"""


def steps(split: Split) -> dict[str, str]:
    """Return the queries of collection by name."""
    if not split.by_account:
        return {}
    return {
        "settled": _SETTLED,
        "due": _DUE,
        "paid_in": _PAID_IN,
        "tried": _TRIED,
        "dunned": _DUNNED,
        "collection": _COLLECTION,
    }

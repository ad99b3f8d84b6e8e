"""Growth in SQL: how fast committed MRR grows, where, and how much of it is expansion."""

from billing.views.split import Split

_PAID = """
    select account, month, sum(amount) as amount from mrr_balances where amount > 0 group by all"""

_EXPANDED = """
    with began as (select account, arg_min(amount, month) as amount from paid group by account)
    select {of_account} as part, t.month, sum(greatest(t.amount - b.amount, 0)) as expanded
    from paid t join began b on b.account = t.account {account} group by all"""

_GROWTH = """
    select r.part, r.month,
        committed_mrr / nullif(lag(committed_mrr) over of_part, 0) - 1 as mrr_growth,
        committed_mrr / nullif(lag(committed_mrr, 12) over of_part, 0) - 1 as mrr_growth_12m,
        committed_mrr / nullif(sum(committed_mrr) over (partition by r.month), 0) as mrr_share,
        usage_mrr / nullif(total_run_rate, 0) as usage_share{more}
    from recurring r {join}
    window of_part as (partition by r.part order by r.month)"""

_OF_ACCOUNTS = """,
        (mrr_new / nullif(customers_new, 0))::decimal(38, 12) as asp,
        if(r.age >= 11, sum(mrr_expansion) over (of_part rows 11 preceding) / nullif(committed_mrr, 0), null)
            as expansion_share,
        coalesce(expanded, 0) / nullif(committed_mrr, 0) as expanded_share"""


def steps(split: Split) -> dict[str, str]:
    """Return the queries of growth by name; what customers expanded by has parts of accounts only."""
    if not split.by_account:
        return {"growth": _GROWTH.replace("{more}", "").replace("{join}", "")}
    join = "left join expanded using (part, month) join retention using (part, month)"
    growth = _GROWTH.replace("{more}", _OF_ACCOUNTS).replace("{join}", join)
    return {"paid": _PAID, "expanded": _EXPANDED, "growth": growth}

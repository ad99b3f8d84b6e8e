"""Lens: the ledger's committed MRR as another policy sees it.

`seen` puts temporary tables `mrr_balances` and `mrr_movements` before those of the ledger, made from the
changes of MRR, payments, usage and refunds by the choices of a policy. Every query over the two then gives
that policy's figures. A policy that differs in windows alone sees the ledger as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from duckdb import DuckDBPyConnection

from analytics.policy import DEFAULT, MetricPolicy
from billing.price import CATALOG

CHOICES = (
    "discounts", "usage", "churn_recognition", "past_due_grace", "paused", "free_downgrade", "refunds",
    "same_month", "reactivation_window", "fx", "timing",
)  # fmt: skip
"""The choices that change what MRR there is, or how it is called."""

TABLES = ("mrr_balances", "mrr_movements")

_MONTHS = """
select unnest(generate_series(min(month), max(month), interval 1 month))::date as month from (
    select month from mrr_balances union all select month from mrr_movements
    union all select month from invoice_lines union all select month from payouts
    union all select month from entries where kind in ('cost', 'recognition')
)"""

_AMOUNT = {
    "all": "amount",
    "lasting": "list_price - lasting_discount + commitment",
    "none": "list_price + commitment",
}

_HOLDS_ON = {
    "end": "c.effective_on",
    "term": "if(c.cause in ('voluntary', 'involuntary'), c.paid_until_on, c.effective_on)",
    "scheduled": "if(e.known_on < c.effective_on, greatest(c.recorded_on, e.known_on), c.effective_on)",
}
"""The day from which a change counts, of late facts apart."""

_CHANGES = """
with ending as (
    select subscription, effective_on as ends_on, min(recorded_on) as known_on from mrr_changes
    where cause in ('voluntary', 'involuntary') group by all
), dated as (
    select c.*, {holds_on} as holds_on from mrr_changes c
    asof left join ending e on e.subscription = c.subscription and c.effective_on <= e.ends_on
), resumed as (
    select c.*, (
        select min(r.effective_on) from mrr_changes r where r.subscription = c.subscription
            and r.cause = 'resume' and r.effective_on >= c.effective_on
    ) as resumes_on from dated c
)
select account, segment, subscription, plan, stream, cause, {amount} as amount,
    {counts_on} as counts_on, date_trunc('month', counts_on)::date as month
from resumed where {kept}"""

_HELD = """
with moved as (
    select account, segment, subscription, plan, stream, month, sum(amount) as amount
    from lens_changes group by all
), summed as (
    select * replace (sum(amount) over running as amount), lead(month) over running as next_month from moved
    window running as (partition by account, segment, subscription, plan, stream order by month)
), closed as (select min(month) as first, max(month) as last from lens_months)
select unnest(generate_series(
        greatest(month, first), least(coalesce(next_month - interval 1 month, last), last), interval 1 month
    ))::date as month, subscription, account, segment, plan, stream, amount
from summed cross join closed where amount <> 0"""
"""A balance stands from the month of a change until that before the next; nothing else is written out."""

_METERED = """
with sold as (
    select l.month, l.subscription, l.account, coalesce(a.segment, '') as segment, l.plan, l.stream,
        sum(l.amount)::decimal(38, 12) as amount
    from invoice_lines l left join accounts a on a.account = l.account
    where l.kind = 'usage' and l.plan <> '{catalog}' group by all
)
select m.month, s.subscription, s.account, s.segment, s.plan, s.stream,
    (sum(s.amount) / least({window}, any_value(datediff('month', f.month, m.month)) + 1))::decimal(38, 12)
        as amount
from sold s join lens_months m on s.month between (m.month - interval {before} month)::date and m.month
cross join (select min(month) as month from lens_months) f
group by m.month, s.subscription, s.account, s.segment, s.plan, s.stream"""

_REFUNDED = """
select l.month, l.subscription, l.account, coalesce(a.segment, '') as segment, l.plan, l.stream,
    sum(l.amount)::decimal(38, 12) as amount
from invoice_lines l left join accounts a on a.account = l.account
where l.kind = 'refund' and l.plan <> '{catalog}' group by all"""

_OWING = """
select distinct m.month, i.account from invoices i join lens_months m
    on i.due_on + {days} <= last_day(m.month) and i.total > 0
left join payments p on p.invoice = i.invoice and p.kind in ('paid', 'written_off')
where (p.occurred_on is null or p.occurred_on > last_day(m.month))
    and exists (select 1 from payments)"""

_LIVE = """
select m.month, s.account, s.subscription, s.plan from subscription_phases s join lens_months m
    on s.starts_on <= last_day(m.month) and (s.ends_on is null or s.ends_on > last_day(m.month))
where not s.trial and s.plan <> '{catalog}'"""

_RESTING = """
select m.month, s.account, s.subscription, s.plan from (
    select *, lead(starts_on) over (partition by subscription order by phase_no) as returns_on
    from subscription_phases
) s join lens_months m on s.ends_on <= last_day(m.month)
    and (s.returns_on is null or s.returns_on > last_day(m.month))
where s.end_reason = 'paused'"""

_DORMANT = """
with first as (select account, min(month) as month from lens_paying group by all)
select d.month, min(d.subscription) as subscription, d.account, coalesce(any_value(a.segment), '') as segment,
    min(d.plan) as plan, coalesce(any_value(s.stream), '') as stream, 0::decimal(38, 12) as amount
from ({found}) d join first on first.account = d.account and first.month < d.month
left join accounts a on a.account = d.account
left join (select plan, any_value(stream) as stream from mrr_changes group by plan) s on s.plan = d.plan
where not exists (select 1 from lens_paying p where p.account = d.account and p.month = d.month)
group by d.month, d.account"""

_MOVEMENTS = """
with held as (
    select month, account, any_value(segment) as segment, sum(amount) as amount from {balances} group by all
), pair as (
    select coalesce(c.month, (p.month + interval 1 month)::date) as month,
        coalesce(c.account, p.account) as account, coalesce(c.segment, p.segment) as segment,
        coalesce(p.amount, 0) as opening, coalesce(c.amount, 0) as closing,
        p.account is not null as stood, c.account is not null as stands
    from held c full join held p on p.account = c.account and c.month = (p.month + interval 1 month)::date
), known as (
    select pair.*, (
        select max(h.month) from held h where h.account = pair.account and h.month < pair.month
    ) as last_on from pair where month in (select month from lens_months)
), rated as (
    select month, account, sum(amount) as amount from lens_changes where cause = 'fx' and {is_line}
    group by all
), told as (
    select month, account, cause, sum(amount) as amount, min(counts_on) as counts_on
    from lens_changes where cause <> 'fx' group by all
), why as (
    select month, account, arg_max(cause, abs(amount)) as cause, arg_max(counts_on, abs(amount)) as counts_on
    from told group by all
), classed as (
    select k.*, coalesce(if(stood and stands, rated.amount, 0), 0) as fx, case
        when not stood and stands and last_on is null then 'new'
        when not stood and stands and datediff('month', last_on, k.month) - 1 > {window} then 'new'
        when not stood and stands then 'reactivation'
        when stood and not stands then 'churn'
        when closing - opening - fx > 0 then 'expansion'
        else 'contraction' end as kind
    from known k left join rated using (month, account)
), split as (
    select month, account, segment, kind, closing - opening - fx as amount, stood, stands from classed
    where stood <> stands or closing - opening - fx <> 0
    union all
    select month, account, segment, 'fx', fx, stood, stands from classed where fx <> 0
    {brief}
)
select s.month, s.account, s.kind, s.segment, case
        when s.kind = 'fx' then 'fx'
        when owing.account is not null and s.kind = 'churn' then 'involuntary'
        else coalesce(why.cause, {otherwise}) end as cause,
    coalesce(why.counts_on, s.month) as effective_on, s.amount::decimal(38, 12) as amount
from split s left join why on why.month = s.month and why.account = s.account
left join lens_owing owing on owing.month = s.month and owing.account = s.account"""

_BRIEF = """
    union all
    select month, account, segment, kind, amount, false, false from (
        select c.month, c.account, any_value(c.segment) as segment,
            sum(c.amount) filter (c.amount > 0) as gained,
            exists (select 1 from held h where h.account = c.account and h.month < c.month) as has_paid
        from lens_changes c
        where not exists (select 1 from held h where h.account = c.account
            and (h.month = c.month or h.month = (c.month - interval 1 month)::date))
        group by c.month, c.account having gained > 0
    ), lateral (
        select if(has_paid, 'reactivation', 'new') as kind, gained as amount union all select 'churn', -gained
    )
"""


@contextmanager
def seen(con: DuckDBPyConnection, policy: MetricPolicy = DEFAULT) -> Iterator[None]:
    """Let queries over the tables of MRR see them as a policy does, within a `with`.

    `closed` months and parts stay those of the ledger; nothing is written to it. Within another such `with`
    of the same policy there is nothing to do.
    """
    mark = f"lens_{policy.hash}"
    if sees_the_ledger(policy) or _is_there(con, mark):
        yield
        return
    made: list[str] = []
    try:
        for name, query in {mark: "select 1 as there", **_tables(policy)}.items():
            con.execute(f"create or replace temp table {name} as {query}")
            made.append(name)
        yield
    finally:
        for name in made:
            con.execute(f"drop table temp.{name}")


def _is_there(con: DuckDBPyConnection, name: str) -> bool:
    """Tell whether a connection has a temporary table."""
    asked = "select count(*) from duckdb_tables() where temporary and table_name = ?"
    return bool(con.execute(asked, [name]).fetchall()[0][0])


def sees_the_ledger(policy: MetricPolicy) -> bool:
    """Tell whether a policy leaves the ledger's MRR as it is."""
    return all(getattr(policy, name) == getattr(DEFAULT, name) for name in CHOICES)


def paying(policy: MetricPolicy) -> str:
    """Return the SQL condition that a row `t` of `mrr_balances` makes its account a customer."""
    return "true" if "dormant" in (policy.free_downgrade, policy.paused) else "t.amount > 0"


def _tables(policy: MetricPolicy) -> dict[str, str]:
    """Return the queries of the temporary tables, each after those that it reads."""
    extra = []
    if policy.usage == "included":
        window = policy.usage_window
        extra.append(_METERED.format(catalog=CATALOG, window=window, before=window - 1))
    if policy.refunds == "reduce":
        extra.append(_REFUNDED.format(catalog=CATALOG))
    owing = "select null::date as month, null::varchar as account where false"
    if policy.past_due_grace is not None:
        owing = _OWING.format(days=policy.past_due_grace)
    resting = [_LIVE.format(catalog=CATALOG)] if policy.free_downgrade == "dormant" else []
    resting += [_RESTING] if policy.paused == "dormant" else []
    held = " union all ".join([_HELD, *(f"({query})" for query in extra)])
    together = f"""
        select month, subscription, account, segment, plan, stream, sum(amount)::decimal(38, 12) as amount
        from ({held}) anti join lens_owing using (month, account) group by all having sum(amount) > 0"""
    balances = "select * from lens_paying"
    if resting:
        balances += f" union all ({_DORMANT.format(found=' union all '.join(resting))})"
    return {
        "lens_months": _MONTHS,
        "lens_changes": _changes(policy),
        "lens_owing": owing,
        "lens_paying": together,
        "mrr_balances": balances,
        "mrr_movements": _movements(policy),
    }


def _changes(policy: MetricPolicy) -> str:
    holds_on = _HOLDS_ON[policy.churn_recognition]
    counts_on = "holds_on" if policy.timing == "restated" else _REPORTED
    kept = ["month <= (select max(month) from lens_months)"]
    if policy.paused == "counts":
        counts_on = f"if(cause = 'pause', resumes_on, {counts_on})"
        kept.append("counts_on is not null")
    if policy.fx == "excluded":
        kept.append("cause <> 'fx'")
    return _CHANGES.format(
        holds_on=holds_on, counts_on=counts_on, amount=_AMOUNT[policy.discounts], kept=" and ".join(kept)
    )


_REPORTED = "if(booked_on > effective_on, greatest(booked_on, holds_on), holds_on)"
"""What became known late counts from the day on which it did."""


def _movements(policy: MetricPolicy) -> str:
    window = policy.reactivation_window
    return _MOVEMENTS.format(
        balances="mrr_balances",
        window="1000000" if window is None else window,
        is_line="true" if policy.fx == "line" else "false",
        brief="" if policy.same_month == "ignored" else _BRIEF,
        otherwise="'usage'" if policy.usage == "included" else "'price'",
    )

"""Bridges: the invariants of committed MRR as SQL, which finds the rows that break them.

What changed adds up to what is held, for every subscription, plan and stream, and so for each customer,
segment and company; and each change is classed as what its customer's day comes to.
"""

from simulator.invariants import LAST, Invariant

CHANGES = Invariant(
    f"""
    with held as (select month, subscription, plan, stream, amount from mrr_balances),
    changed as (select month, subscription, plan, stream, amount from mrr_changes where not scheduled),
    bridge as (
        select month, subscription, plan, stream, amount from held
        union all select month, subscription, plan, stream, -amount from changed
        union all select (month + interval 1 month)::date, subscription, plan, stream, -amount
        from held where month < {LAST}
    ), moved as (
        select month, account, amount from mrr_movements
        union all select month, account, -amount from mrr_changes where not scheduled
    )
    select 'changes of a subscription on a plan' as what, month::varchar || ' ' || subscription as row
    from bridge group by month, subscription, plan, stream having sum(amount) <> 0
    union all
    select 'movement and changes of an account', month::varchar || ' ' || account
    from moved group by month, account having sum(amount) <> 0
    union all
    select 'parts of a change', change_no::varchar from mrr_changes
    where amount <> list_price - lasting_discount - limited_discount + commitment
        or month <> date_trunc('month', booked_on) or booked_on < greatest(effective_on, recorded_on)
        or paid_until_on < effective_on or (scheduled and booked_on <= last_day({LAST}))
    """,
    """
    select count(*) filter (not scheduled), count(*) filter (recorded_on > effective_on),
        count(*) filter (scheduled) from mrr_changes
    """,
    "{} changes of subscriptions = movements = balances; {} known late, {} ahead",
)

KINDS = Invariant(
    """
    with days as (
        select account, booked_on, min(kind) filter (amount <> 0 and kind <> 'fx') as kind,
            max(kind) filter (amount <> 0 and kind <> 'fx') as other, sum(amount) as net
        from mrr_changes group by account, booked_on
    ), reaching as (
        select *, sum(net) over (partition by account order by booked_on) as reached from days
    ), known as (
        select *, reached - net as opening, coalesce(max(reached) over (
            partition by account order by booked_on rows between unbounded preceding and 1 preceding
        ), 0) > 0 as has_paid from reaching
    )
    select account, booked_on, kind, opening, net from known
    where kind is not null and (kind <> other or kind <> case
        when opening = 0 and reached = 0 then 'none'
        when opening = 0 then if(has_paid, 'reactivation', 'new')
        when reached = 0 then 'churn'
        when net > 0 then 'expansion'
        when net < 0 then 'contraction'
        else 'transfer' end)
    """,
    """
    select count(*) filter (kind = 'new'), count(*) filter (kind = 'reactivation'),
        count(*) filter (kind = 'expansion'), count(*) filter (kind = 'contraction'),
        count(*) filter (kind = 'churn') from mrr_changes
    """,
    "{} new + {} reactivated + {} more - {} less - {} gone",
)

MRR = Invariant(
    f"""
    with held as (select month, account, sum(amount) as amount from mrr_balances group by month, account),
    moved as (select month, account, sum(amount) as amount from mrr_movements group by month, account),
    bridge as (
        select month, account, amount from held
        union all select month, account, -amount from moved
        union all select (month + interval 1 month)::date, account, -amount from held where month < {LAST}
    )
    select month, account, sum(amount) as gap from bridge group by month, account having sum(amount) <> 0
    union all
    select month, account || ' ' || kind, amount from mrr_movements
    where (amount < 0) <> (kind in ('churn', 'contraction'))
    """,
    f"""
    select (select count(*) from mrr_movements),
        (select sum(amount)::decimal(38, 2) from mrr_balances where month = {LAST})
    """,
    "{} movements = committed MRR {}",
)

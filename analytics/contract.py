"""Contracts: which yearly ones were due and renewed, how trials ended, who was lost to failed payments."""

from analytics.tally import Tally, month_of

YEARS_MAX = 40

_RENEWALS = f"""
with due as (
    select distinct p.subscription, p.account, (p.anchor_on + to_months(12 * n.years::integer))::date as day
    from subscription_phases p cross join range(1, {YEARS_MAX}) n(years)
    where p.billing = 'year' and not p.trial and p.anchor_on is not null
        and p.starts_on < (p.anchor_on + to_months(12 * n.years::integer))::date
        and (p.ends_on is null or p.ends_on >= (p.anchor_on + to_months(12 * n.years::integer))::date)
)
select {month_of("d.day")} as month, d.account, d.subscription || ', ' || d.day as what, 1 as renewals_due,
    coalesce(max(1) filter (q.subscription is not null), 0) as renewals_won
from due d left join subscription_phases q on q.subscription = d.subscription
    and q.starts_on <= d.day and (q.ends_on is null or q.ends_on > d.day)
group by d.day, d.account, d.subscription"""

_TRIALS = """
select m.month, p.account, p.subscription as what, 1 as trials
from subscription_phases p join (select unnest({months}::date[]) as month) m
    on p.starts_on < (m.month + interval 1 month)::date
    and (p.ends_on is null or p.ends_on >= (m.month + interval 1 month)::date)
where p.trial"""

_TRIALS_ENDED = f"""
select {month_of("p.ends_on")} as month, p.account, p.subscription as what, 1 as trials_ended,
    coalesce(max(1) filter (not q.trial), 0) as trials_converted
from subscription_phases p left join subscription_phases q on q.subscription = p.subscription
    and q.starts_on <= p.ends_on and (q.ends_on is null or q.ends_on > p.ends_on)
where p.trial and p.ends_on is not null
group by p.ends_on, p.account, p.subscription having not coalesce(bool_or(q.trial), false)"""

_INVOLUNTARY = """
select m.month, m.account, m.account as what, 1 as customers_churned_involuntary,
    m.amount as mrr_churn_involuntary
from mrr_movements m where m.kind = 'churn' and m.cause = 'involuntary'"""


def tallies(months: list[str]) -> list[Tally]:
    """Return the figures of contracts; `months` are the closed ones, as text."""
    closed = "[" + ", ".join(f"'{month}'" for month in months) + "]"
    lost = "customers_churned_involuntary"
    return [
        Tally(_RENEWALS, ("renewals_due", "renewals_won"), needs=("yearly",)),
        Tally(_TRIALS.format(months=closed), ("trials",), needs=("trials",)),
        Tally(_TRIALS_ENDED, ("trials_ended", "trials_converted"), needs=("trials",)),
        Tally(_INVOLUNTARY, (lost,), ("mrr_churn_involuntary",), ("involuntary",)),
    ]

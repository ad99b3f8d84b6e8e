"""Outlook: list prices, trials, and what committed MRR will be by what is known already.

A change of MRR that became known by a month's end and takes effect after it is ahead of that month: an end
that was announced, a discount that runs out, a step of a commitment, a dated price. Trials that may convert
are not: nobody has committed to pay.
"""

from analytics.dimension import OF_ACCOUNTS, OF_SALES, Dimension
from analytics.tally import Tally

MONTHS = 12
"""So many months ahead are looked at."""

ALL: tuple[Dimension, ...] = (*OF_ACCOUNTS, *OF_SALES)

_MOVED = """
select c.month, c.account, c.subscription || ', ' || c.effective_on as what, c.plan, c.stream, c.segment,
    c.list_price as list_moved, c.lasting_discount + c.limited_discount as discount_moved,
    c.trial as trial_moved
from mrr_changes c where not c.scheduled"""

_AHEAD = """
with known as (
    select m.month, last_day(m.month) as day, c.* exclude (month) from mrr_changes c
    join (select unnest({months}::date[]) as month) m
        on c.recorded_on <= last_day(m.month) and c.effective_on > last_day(m.month)
), tried as (select distinct month, subscription from known where cause = 'trial' and amount <> 0)
select k.month, k.account, k.subscription || ', ' || k.effective_on as what, k.plan, k.stream, k.segment,
    if(k.effective_on <= last_day(k.day + interval {ahead} month), k.amount, 0) as mrr_ahead,
    if(k.event is not null, k.amount, 0) as mrr_contracted
from known k anti join tried using (month, subscription)"""

_TERMED = """
select b.month, b.account, b.subscription as what, b.plan, b.stream, b.segment, b.amount as termed_mrr
from mrr_balances b semi join subscription_phases p on p.subscription = b.subscription
    and p.billing = 'year' and p.starts_on <= last_day(b.month)
    and (p.ends_on is null or p.ends_on > last_day(b.month))"""


def tallies(months: list[str]) -> list[Tally]:
    """Return the figures of list prices, trials and what is ahead; `months` are the closed ones, as text."""
    closed = "[" + ", ".join(f"'{month}'" for month in months) + "]"
    return [
        Tally(_MOVED, amounts=("list_moved", "discount_moved", "trial_moved"), splits=ALL),
        Tally(
            _AHEAD.format(months=closed, ahead=MONTHS), amounts=("mrr_ahead", "mrr_contracted"), splits=ALL
        ),
        Tally(_TERMED, amounts=("termed_mrr",), splits=ALL),
    ]

"""The funnel: who showed interest, who signed up, who of them became customers, and how long that took."""

from analytics.dimension import Dimension
from analytics.policy import MetricPolicy
from analytics.tally import Sums, Tally, event, events_of, field, later, month_of, quantiles

_LEADS = events_of("lead.created", f"{field('segment')} as segment, {field('channel')} as channel")

_SIGNUPS = f"""
select {month_of("s.signed_up_on")} as month, s.account,
    s.account || ', ' || strftime(s.signed_up_on, '%Y-%m-%d') as what
from accounts s where s.kind = 'customer'"""

_WON = "select account, min(month) as won from mrr_movements where kind = 'new' group by account"
_USED = "select distinct account, month from usage where quantity > 0 and plan <> 'catalog'"

_OF_LEADS = f"""
select {later("f.month", "n.months")} as month, f.account, f.what, f.segment, f.channel,
    (n.step = 0)::integer as leads, (n.step = 1)::integer as leads_due,
    (n.step = 1 and coalesce(w.won between f.month and {later("f.month", "n.months")}, false))::integer
        as leads_converted
from ({_LEADS}) f left join ({_WON}) w on w.account = f.account
cross join (values (0, 0), (1, {{window}})) n(step, months)"""

_OF_SIGNUPS = f"""
with active as (
    select distinct f.account from ({_SIGNUPS}) f join ({_USED}) u
        on u.account = f.account and u.month between f.month and {later("f.month", 1)}
)
select {later("f.month", "n.months")} as month, f.account, f.what,
    (n.step = 0)::integer as signups, (n.step = 1)::integer as signups_before,
    (n.step = 1 and a.account is not null)::integer as signups_active,
    (n.step = 2)::integer as signups_due,
    (n.step = 2 and coalesce(w.won between f.month and {later("f.month", "n.months")}, false))::integer
        as signups_converted
from ({_SIGNUPS}) f left join ({_WON}) w on w.account = f.account left join active a on a.account = f.account
cross join (values (0, 0), (1, 1), (2, {{window}})) n(step, months)"""

_CYCLES = f"""
with lead as (
    select e.subject as account, min(e.occurred_at)::date as began_on from events e
    where e.type = 'lead.created' group by all
),
    won as (select account, month, effective_on from mrr_movements where kind = 'new')
select {later("w.month", "n.ahead")} as month, w.account, datediff('day', l.began_on, w.effective_on) as days
from won w join lead l on l.account = w.account and l.began_on <= w.effective_on
cross join range({{months}}) n(ahead)"""


def tallies(policy: MetricPolicy) -> list[Tally]:
    """Return the figures of the funnel that count rows; who is `due` is counted when the time is over."""
    window, lead = policy.conversion_window, event("lead.created")
    of_signups = ("signups", "signups_before", "signups_active", "signups_due", "signups_converted")
    return [
        Tally(
            _OF_LEADS.format(window=window), ("leads", "leads_due", "leads_converted"), needs=lead, own=True
        ),
        Tally(_OF_SIGNUPS.format(window=window), of_signups, needs=("customers",)),
    ]


def quantities(by: Dimension, policy: MetricPolicy) -> list[Sums]:
    """Return the query of how long it took to win a customer."""
    cycles = _CYCLES.format(months=policy.sales_window)
    return [
        quantiles(
            cycles, by, "days", "sales_cycle_days_behind", needs=event("lead.created"), sales_cycle_days="0.5"
        )
    ]

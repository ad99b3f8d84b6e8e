"""Composition: of whom and of what revenue is made: what recurs, who is largest, who buys several things.

Also what is sold for others, and what is earned by the devices that others ship.
"""

from datetime import date

from analytics.dimension import OF_ACCOUNTS, Dimension, joined_account, of_account
from analytics.policy import MetricPolicy
from analytics.tally import Sums, Tally, beginning, field, later, month_of

YEAR, QUARTER = 12, 3
EVERYWHERE: tuple[Dimension, ...] = (*OF_ACCOUNTS, "plan", "stream")

_RECURS = "coalesce(l.plan, 'catalog') <> 'catalog' and coalesce(l.kind, 'once') <> 'once'"
_EARNED = """
from postings p left join invoice_lines l on l.invoice = p.invoice and l.line_no = p.line_no
"""

_REVENUE = f"""
select p.month, p.account, p.entry as what, p.stream, coalesce(l.plan, '') as plan,
    if({_RECURS}, -p.amount, 0) as recurring_revenue,
    if(s.partner <> '', -p.amount, 0) as partner_sourced_revenue,
    if({{services}}, -p.amount, 0) as services_revenue
{_EARNED} left join accounts s on s.account = p.account where p.ledger_account = 'revenue'"""

_OF_LINES = f"""
select l.month, l.account, l.invoice || '/' || l.line_no as what, l.stream, l.plan,
    if(l.kind = 'refund', -l.amount, 0) as refunds, if(l.kind = 'usage', l.amount, 0) as royalty
from invoice_lines l
where l.kind = 'refund' or l.kind = 'usage' and l.subscription in (
    select {field("subscription")} from events e where e.type = 'devices.shipped'
)"""

_SOLD = """
select o.month, o.account, o.partner || ' for ' || o.account as what, o.basis as gmv,
    o.basis - o.amount as take
from payouts o where o.revenue = 'net'"""

_PARTNERS = f"""
select greatest({month_of("s.signed_up_on")}, '{{first}}'::date) as month, s.account, s.account as what,
    1 as partners
from accounts s where s.kind = 'partner'"""

_LARGEST = f"""
with year as (
    select {later("t.month", "n.ahead")} as month, {{part}} as part, t.account, sum(t.amount) as amount
    from (
        select month, account, -sum(amount) as amount from postings
        where ledger_account = 'revenue' group by all
    ) t {{join}} cross join range({YEAR}) n(ahead) group by all
),
    ranked as (
        select *, row_number() over (partition by month, part order by amount desc, account) as place
        from year
    )
select month, part, sum(amount)::decimal(38, 12) as revenue_of_year,
    sum(amount) filter (place = 1)::decimal(38, 12) as revenue_top_1,
    sum(amount) filter (place <= 10)::decimal(38, 12) as revenue_top_10
from ranked group by all"""

_COHORT = f"""
with earned as (
    select p.month, p.account, -sum(p.amount) as amount {_EARNED}
    where p.ledger_account = 'revenue' and {_RECURS} group by all
),
    quarter as materialized (
        select {later("t.month", "n.ahead")} as month, t.account, sum(t.amount) as amount
        from earned t cross join range({QUARTER}) n(ahead) group by all
    )
select {later("t.month", YEAR)} as month, {{part}} as part,
    sum(t.amount)::decimal(38, 12) as recurring_12m_ago,
    sum(coalesce(c.amount, 0))::decimal(38, 12) as recurring_12m_now,
    sum(greatest(least(t.amount, coalesce(c.amount, 0)), 0))::decimal(38, 12) as recurring_12m_kept
from quarter t left join quarter c on c.account = t.account and c.month = {later("t.month", YEAR)}
{{join}} where t.amount > 0 group by all"""

_EXPANDED = """
with paying as (select month, account, sum(amount) as amount from mrr_balances where amount > 0 group by all),
    began as (select account, arg_min(amount, month) as amount from paying group by all)
select t.month, {part} as part, sum(greatest(t.amount - b.amount, 0))::decimal(38, 12) as mrr_expanded
from paying t join began b on b.account = t.account {join} group by all"""

_CROSSED = f"""
with held as (select distinct month, account, stream from mrr_balances where amount > 0),
    paying as (select distinct month, account from held),
    lines as (select distinct month, account, stream from invoice_lines where amount > 0),
    bought as (
        select distinct {later("l.month", "n.ahead")} as month, l.account, l.stream
        from lines l cross join range({YEAR}) n(ahead)
    ),
    crossed as materialized (
        select b.month, b.account, b.stream from bought b
        semi join paying p on p.month = b.month and p.account = b.account
        anti join held h on h.month = b.month and h.account = b.account and h.stream = b.stream
    )
"""

_CROSSED_OF_ACCOUNTS = f"""{_CROSSED}
select t.month, {{part}} as part, count(*) as customers_to_cross, count(c.account) as customers_crossed
from paying t left join (select distinct month, account from crossed) c
    on c.month = t.month and c.account = t.account
{{join}} group by all"""

_CROSSED_OF_STREAMS = f"""{_CROSSED},
    streams as (select distinct stream from lines),
    counted as (select month, count(*) as customers from paying group by all)
select n.month, s.stream as part, any_value(n.customers) as customers_to_cross,
    count(c.account) as customers_crossed
from counted n cross join streams s left join crossed c on c.month = n.month and c.stream = s.stream
group by all"""


def tallies(first: date, policy: MetricPolicy) -> list[Tally]:
    """Return the figures of composition that count or add up rows; `first` is the first closed month."""
    revenue = _REVENUE.format(services=beginning("p.stream", policy.services))
    of_revenue = ("recurring_revenue", "partner_sourced_revenue", "services_revenue")
    partners = _PARTNERS.format(first=first)
    return [
        Tally(revenue, amounts=of_revenue, splits=EVERYWHERE),
        Tally(_OF_LINES, amounts=("refunds", "royalty"), splits=EVERYWHERE),
        Tally(_SOLD, amounts=("gmv", "take"), needs=("payouts",)),
        Tally(partners, ("partners",), needs=("partners",), splits=("whole",)),
    ]


def quantities(by: Dimension) -> list[Sums]:
    """Return the queries of who is largest, who stays on the total basis, who expanded, who crossed over."""
    crossed = ("customers_to_cross", "customers_crossed")
    if by == "stream":
        return [Sums(_CROSSED_OF_STREAMS, crossed)]
    if by == "plan":
        return []
    part, join = of_account(by), joined_account(by)
    return [
        Sums(_LARGEST.format(part=part, join=join),
             amounts=("revenue_of_year", "revenue_top_1", "revenue_top_10")),
        Sums(_COHORT.format(part=part, join=join),
             amounts=("recurring_12m_ago", "recurring_12m_now", "recurring_12m_kept")),
        Sums(_EXPANDED.format(part=part, join=join), amounts=("mrr_expanded",)),
        Sums(_CROSSED_OF_ACCOUNTS.format(part=part, join=join), crossed),
    ]  # fmt: skip

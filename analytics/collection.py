"""Collection: what is due and not paid, how long payers take, and what becomes of tries that fail."""

from analytics.dimension import Dimension
from analytics.tally import Sums, Tally, later, month_of, quantiles

_SETTLED = """
select invoice, account, kind, occurred_on from payments where kind in ('paid', 'written_off')"""

_OVERDUE = f"""
with due as (
    select i.invoice, i.account, i.due_on, i.total, s.occurred_on as settled_on
    from invoices i left join ({_SETTLED}) s on s.invoice = i.invoice where i.total > 0
)
select {month_of("d.due_on")} as month, d.account, d.invoice || ' falls due' as what, d.total as overdue
from due d
union all
select {month_of("greatest(d.due_on, d.settled_on)")}, d.account, d.invoice || ' is settled', -d.total
from due d where d.settled_on is not null"""

_TRIED = f"""
select {month_of("p.occurred_on")} as month, p.account, p.invoice as what, 1 as invoices_tried,
    max((p.kind = 'failed')::integer) as invoices_failed
from payments p where p.kind in ('paid', 'failed') group by all"""

_DUNNED = f"""
select {month_of("s.occurred_on")} as month, s.account, s.invoice as what, 1 as invoices_dunned,
    (s.kind = 'paid')::integer as invoices_recovered
from ({_SETTLED}) s
semi join (select invoice from payments where kind = 'failed') f on f.invoice = s.invoice"""

_PAID = f"""
select {month_of("s.occurred_on")} as month, s.account, datediff('day', i.issued_on, s.occurred_on) as days
from ({_SETTLED}) s join invoices i on i.invoice = s.invoice where s.kind = 'paid'"""

_BACKLOG = f"""
with month as (select unnest({{months}}::date[]) as month),
    term as (
        select distinct b.month, b.subscription, b.account, b.amount, p.anchor_on,
            {later("b.month", 1)} as until_on
        from mrr_balances b join month using (month) join subscription_phases p
            on p.subscription = b.subscription and p.billing = 'year' and not p.trial
            and p.starts_on < {later("b.month", 1)}
            and (p.ends_on is null or p.ends_on >= {later("b.month", 1)})
    ),
    left_over as (
        select t.*, datediff('month', until_on, (anchor_on + to_months(
            12 * (1 + (datesub('month', anchor_on, until_on - 1) // 12))::integer
        ))::date) as months
        from term t where t.anchor_on < t.until_on
    ),
    deferred as (
        select l.subscription, p.month, -sum(p.amount) as amount from postings p
        join invoice_lines l on l.invoice = p.invoice and l.line_no = p.line_no
        where p.ledger_account = 'deferred_revenue' group by all
    )
select t.month, t.account, t.subscription as what, t.amount * t.months as backlog
from left_over t left join deferred d on d.subscription = t.subscription and d.month <= t.month
group by t.month, t.account, t.subscription, t.amount, t.months having coalesce(sum(d.amount), 0) <= 0"""

_LATER = f"""
with month as (select unnest({{months}}::date[]) as month),
    line as (
        select l.invoice, l.line_no, l.account, l.starts_on, l.ends_on from invoice_lines l
        where l.ends_on > l.starts_on + interval 12 month
    ),
    held as (
        select m.month, {later("m.month", 1)} as until_on, line.*, -sum(p.amount) as amount
        from line join postings p on p.invoice = line.invoice and p.line_no = line.line_no
            and p.ledger_account = 'deferred_revenue'
        join month m on m.month >= p.month group by all
    )
select month, account, invoice || '/' || line_no as what,
    amount * greatest(0, ends_on - {later("until_on", 12)}) / (ends_on - greatest(starts_on, until_on))
        as deferred_later
from held where ends_on > {later("until_on", 12)}"""

TALLIES = (
    Tally(_OVERDUE, amounts=("overdue",), needs=("invoices",)),
    Tally(_TRIED, ("invoices_tried", "invoices_failed"), needs=("payments",)),
    Tally(_DUNNED, ("invoices_dunned", "invoices_recovered"), needs=("failures",)),
)
"""The figures that count or add up what is due and what was tried."""


def tallies(months: list[str]) -> list[Tally]:
    """Return the figures of collection and of what is left to deliver; `months` are those closed, as text."""
    closed = "[" + ", ".join(f"'{month}'" for month in months) + "]"
    return [
        *TALLIES,
        Tally(_BACKLOG.format(months=closed), amounts=("backlog",), needs=("yearly",), splits=("whole",)),
        Tally(_LATER.format(months=closed), amounts=("deferred_later",), needs=("long",), splits=("whole",)),
    ]


def quantities(by: Dimension) -> list[Sums]:
    """Return the query of how long payers take."""
    return [quantiles(_PAID, by, "days", "days_to_pay_behind", needs=("payments",), days_to_pay="0.5")]

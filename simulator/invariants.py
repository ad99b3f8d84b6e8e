"""Invariants of the ledger as SQL: each finds the rows that break it, of which there must be none.

`{unit}` stands for the minor unit of the book's currency: 0.01 for USD; `{signals}` for the meters that only
signal something to other rules of the book, so that nobody pays for them.
"""

from typing import NamedTuple


class Invariant(NamedTuple):
    """A query for the rows that are wrong, a query for what was looked at, and the words for its figures."""

    wrong: str
    looked_at: str
    figure: str


LAST = "(select max(month) from (select month from entries union all select month from mrr_balances))"

PARENTS = Invariant(
    """
    select 'posting of no entry' as what, entry as row from postings anti join entries using (entry)
    union all
    select 'entry without postings', entry from entries anti join postings using (entry)
    union all
    select 'payment of no invoice', invoice from payments anti join invoices using (invoice)
    union all
    select 'invoice of no account', account from invoices anti join accounts using (account)
    union all
    select 'line of no phase', subscription || ' ' || phase_no
    from invoice_lines anti join subscription_phases using (subscription, phase_no)
    where account not in (select account from adjustments join invoice_lines using (invoice, line_no))
    union all
    select 'adjustment of no line', invoice || ' ' || line_no
    from adjustments anti join (from invoice_lines where kind = 'adjustment') using (invoice, line_no)
    union all
    select 'line that adjusts nothing', invoice || ' ' || line_no
    from invoice_lines anti join adjustments using (invoice, line_no) where kind = 'adjustment'
    union all
    select 'usage of no phase', subscription || ' ' || phase_no
    from usage anti join subscription_phases using (subscription, phase_no)
    union all
    select 'draw-down of no grant', "grant" from drawdowns anti join grants using ("grant")
    union all
    select 'draw-down of no usage', "grant"
    from drawdowns anti join usage using (month, subscription, phase_no, meter, dimensions)
    """,
    "select (select count(*) from entries), (select count(*) from accounts), (select count(*) from usage)",
    "{} entries, {} accounts, {} usage totals",
)

USED = Invariant(
    """
    with used as (
        select month, subscription, account, meter, sum(quantity) as used
        from usage where meter not in ({signals}) group by all
    ), priced as (
        select r.month, r.subscription, r.phase_no, r.meter, r.dimensions, l.plan, l.price,
            sum(r.quantity) as quantity
        from rated_usage r join invoice_lines l on l.invoice = r.invoice and l.line_no = r.line_no
        group by all
    ), parts as (
        select month, subscription, phase_no, meter, dimensions, plan, max(quantity) as quantity
        from priced group by all
    ), rated as (
        select month, subscription, meter, sum(quantity) as rated from parts group by all
    ), drawn as (
        select d.month, d.subscription, d.meter, sum(d.quantity) as drawn
        from drawdowns d join grants g on g."grant" = d."grant" and g.free group by all
    ), unrated as (
        select month, subject as subscription, meter, sum(quantity) as unrated,
            bool_or(reason = 'no_meter') as odd
        from unrated_usage where reason not in ('no_subscription', 'not_due') group by all
    ), billed as (
        select month, account from invoices
        union select service_month, account from adjustments join invoice_lines using (invoice, line_no)
    ), sums as (
        select u.*, coalesce(rated, 0) as rated, coalesce(drawn, 0) as drawn, coalesce(unrated, 0) as unrated,
            i.account is not null as is_billed, coalesce(odd, false) as odd
        from used u left join rated using (month, subscription, meter)
        left join drawn using (month, subscription, meter)
        left join unrated using (month, subscription, meter)
        left join billed i on i.month = u.month and i.account = u.account
    )
    select * from sums where not odd and is_billed and used <> rated + drawn + unrated
    union all
    select * from sums where not odd and not is_billed and rated <> 0
    """,
    """
    select (select count(*) from usage), (select count(*) from rated_usage), (select count(*) from drawdowns),
        (select count(*) from unrated_usage)
    """,
    "{} usage totals: {} ratings, {} draw-downs, {} unrated",
)

RATED = Invariant(
    """
    select l.invoice, l.line_no, l.quantity, r.quantity from invoice_lines l full join (
        select invoice, line_no, sum(quantity) as quantity from rated_usage group by all
    ) r on r.invoice = l.invoice and r.line_no = l.line_no
    where (l.kind = 'usage' and l.quantity <> coalesce(r.quantity, 0))
        or (r.invoice is not null and coalesce(l.kind, '') not in ('usage', 'adjustment'))
        or (l.kind = 'adjustment' and r.invoice is not null and l.quantity <> r.quantity)
    """,
    "select count(*) from invoice_lines where kind = 'usage'",
    "{} lines",
)

GRANTS = Invariant(
    """
    select g."grant", 'drawn beside its draw-downs' as what, g.drawn, coalesce(d.quantity, 0) as quantity
    from grants g left join (select "grant", sum(quantity) as quantity from drawdowns group by all) d
        on d."grant" = g."grant" where g.drawn <> coalesce(d.quantity, 0)
    union all
    select "grant", 'drawn beyond its quantity', drawn, quantity from grants where drawn > quantity
    union all
    select d."grant", 'drawn outside of its life', d.quantity, 0
    from drawdowns d join grants g using ("grant")
    where d.month < date_trunc('month', g.granted_on) or d.month >= g.expires_on or d.quantity <= 0
    union all
    select any_value(d."grant"), 'more drawn than used', sum(d.quantity), any_value(u.quantity)
    from drawdowns d join usage u using (month, subscription, phase_no, meter, dimensions)
    group by month, subscription, phase_no, meter, dimensions having sum(d.quantity) > any_value(u.quantity)
    """,
    "select count(*), sum(drawn) from grants",
    "{} grants, {} units drawn",
)

PACKS = Invariant(
    f"""
    with last as (select ({LAST} + interval 1 month)::date as day), held as (
        select invoice, line_no, -sum(amount) as amount from postings
        where ledger_account = 'deferred_revenue' group by invoice, line_no
    ), sold as (
        select invoice, line_no, sum(quantity) as granted,
            sum(case when expires_on <= last.day then 0 else quantity - drawn end) as owed
        from grants cross join last where invoice <> '' group by all
    ), lines as (
        select s.*, l.amount, coalesce(h.amount, 0) as held
        from sold s join invoice_lines l on l.invoice = s.invoice and l.line_no = s.line_no
        left join held h on h.invoice = s.invoice and h.line_no = s.line_no
    )
    select * from lines where abs(held * granted - amount * owed) >= {{unit}} * granted
    """,
    "select count(distinct (invoice, line_no)), sum(drawn), sum(quantity) from grants where invoice <> ''",
    "{} lines sold packs, {} of {} units drawn",
)

PHASES = Invariant(
    """
    select subscription, phase_no, starts_on, ends_on from (
        select *, lead(starts_on) over phases as next_on, row_number() over phases as number
        from subscription_phases window phases as (partition by subscription order by phase_no)
    ) where ends_on <= starts_on or phase_no <> number
        or (next_on is not null and (ends_on is null or next_on < ends_on))
    """,
    "select count(*), count(distinct subscription) from subscription_phases",
    "{} phases of {} subscriptions",
)

LINES = Invariant(
    """
    select i.invoice, i.total, l.total, i.line_count, l.line_count from invoices i full join (
        select invoice, sum(amount) as total, count(*) as line_count from invoice_lines group by invoice
    ) l on l.invoice = i.invoice
    where i.total is distinct from l.total or i.line_count is distinct from l.line_count
    """,
    "select (select count(*) from invoice_lines), count(*), sum(total) from invoices",
    "{} lines in {} invoices = {}",
)

ROUNDING = Invariant(
    """
    select invoice, line_no, exact, amount from (
        select *, {parts} * case kind when 'adjustment' then 2 else 1 end as roundings from invoice_lines
    ) where abs(amount - exact) >= {unit} * roundings or amount % {unit} <> 0
    """,
    "select sum(amount - exact) from invoice_lines",
    "in units of {unit}; {} in all",
)

ONCE = Invariant(
    """
    with named as (  -- two discounts of a subscription may take as much off a line
        select subscription, max(len(string_split(discount, ','))) as discounts
        from subscription_phases group by subscription
    )
    select subscription, phase_no, plan, price, kind, meter, dimensions, starts_on,
        case when kind = 'discount' then exact end as rule, count(*) as lines
    from invoice_lines left join named using (subscription)
    where kind not in ('refund', 'adjustment') and not (kind = 'discount' and exact = 0)
    group by all
    having count(*) > case when kind = 'discount' then coalesce(any_value(discounts), 1) else 1 end
    """,
    "select count(*), count(distinct subscription) from invoice_lines",
    "{} lines of {} subscriptions, none twice",
)

ADJUSTED = Invariant(
    """
    with whole as (
        select *, case when is_parted then min(starts_on) over g else starts_on end as from_on,
            case when is_parted then max(ends_on) over g else ends_on end as until_on
        from (
            select *, bool_or(invoice <> 'INV-' || strftime(month, '%Y-%m') || '-' || account) over g
                as is_parted
            from invoice_lines
            where subscription in (
                select subscription from adjustments join invoice_lines using (invoice, line_no)
            )
            window g as (partition by month, subscription, plan, price, dimensions, kind)
        ) window g as (partition by month, subscription, plan, price, dimensions, kind)
    ), about as (
        select account, subscription, plan, price, stream, meter, dimensions, l.from_on, l.until_on,
            l.month, coalesce(a.service_month, l.month) as service_month,
            coalesce(a.adjusts, l.kind) as adjusts, l.quantity, l.amount, a.quantity_before, a.quantity_after,
            a.amount_before, a.amount_after
        from whole l left join adjustments a on a.invoice = l.invoice and a.line_no = l.line_no
    ), sums as (
        select a.*, sum(b.quantity) as quantity_so_far, sum(b.amount) as amount_so_far
        from about a join about b using (account, subscription, plan, price, stream, meter, dimensions,
            from_on, until_on, service_month, adjusts)
        where a.amount_after is not null and b.month <= a.month group by all
    )
    select * from sums where amount_after <> amount_so_far or amount_after - amount_before <> amount
        or quantity_after <> quantity_so_far or quantity_after - quantity_before <> quantity
    """,
    """
    select count(*), count(distinct invoice), coalesce(sum(amount_after - amount_before), 0) from adjustments
    """,
    "{} adjustments on {} invoices = {}",
)

ENTRIES = Invariant(
    """
    select entry, currency, sum(amount) as sum from postings
    group by entry, currency having sum(amount) <> 0
    """,
    "select count(*), count(distinct entry) from postings",
    "{} postings in {} entries",
)

TRIAL_BALANCE = Invariant(
    """
    select month, currency, sum(amount) as sum from postings
    group by month, currency having sum(amount) <> 0
    """,
    "select sum(amount) filter (amount > 0), -sum(amount) filter (amount < 0) from postings",
    "debits {} = credits {}",
)

RECEIVABLE = Invariant(
    """
    select i.invoice, i.total, p.amount from invoices i full join (
        select p.entry as invoice, sum(p.amount) as amount from postings p join entries e using (entry)
        where e.kind = 'invoice' and p.ledger_account = 'receivable' group by p.entry
    ) p on p.invoice = i.invoice
    where i.invoice is null or i.total <> coalesce(p.amount, 0)
    """,
    "select count(*), sum(total) from invoices",
    "{} invoices = {} posted",
)

PAYMENTS = Invariant(
    """
    select invoice, p.kind, p.amount from payments p join invoices i using (invoice)
    where p.amount <> i.total
    union all
    select invoice, 'settled ' || count(*) || ' times', sum(amount) from payments where kind <> 'failed'
    group by invoice having count(*) > 1
    """,
    """
    select count(*) filter (kind = 'paid'), count(*) filter (kind = 'failed'),
        count(*) filter (kind = 'written_off') from payments
    """,
    "{} paid, {} failed tries, {} written off",
)

OPEN_INVOICES = Invariant(
    """
    select * from (
        select (select coalesce(sum(total), 0) from invoice_status where status = 'open') as open,
            (select coalesce(sum(amount), 0) from postings where ledger_account = 'receivable') as receivable
    ) where open <> receivable
    """,
    "select count(*), sum(total) from invoice_status where status = 'open'",
    "{} open invoices = {} receivable",
)

REVENUE = Invariant(
    """
    select l.invoice, l.line_no, l.amount, p.amount from invoice_lines l full join (
        select invoice, line_no, -sum(amount) as amount from postings
        where ledger_account in ('revenue', 'deferred_revenue') and not starts_with(entry, 'PAY-')
        group by invoice, line_no
    ) p on p.invoice = l.invoice and p.line_no = l.line_no
    where coalesce(l.amount, 0) <> coalesce(p.amount, 0)
    """,
    """
    select (select sum(amount) from invoice_lines), -sum(amount) filter (ledger_account = 'revenue'),
        -sum(amount) filter (ledger_account = 'deferred_revenue')
    from postings where not starts_with(entry, 'PAY-')
    """,
    "{} billed = {} earned + {} deferred",
)

DEFERRED = Invariant(
    f"""
    with last as (select {LAST} + interval 1 month as day), held as (
        select invoice, line_no, -sum(amount) as amount from postings
        where ledger_account = 'deferred_revenue' group by invoice, line_no
    ), lines as (
        select l.invoice, l.line_no, l.amount, l.ends_on - l.starts_on as days, coalesce(h.amount, 0) as held,
            greatest(0, least(l.ends_on - l.starts_on, l.ends_on - last.day::date)) as days_left
        from invoice_lines l cross join last
        left join held h on h.invoice = l.invoice and h.line_no = l.line_no
        where l.ends_on > l.month + interval 1 month
    )
    select * from lines where abs(held * days - amount * days_left) >= {{unit}} * days
    """,
    """
    select -sum(amount) filter (amount < 0), sum(amount) filter (amount > 0), -sum(amount)
    from postings where ledger_account = 'deferred_revenue'
    """,
    "{} billed ahead - {} earned or credited = {}",
)

PAYOUTS = Invariant(
    """
    select o.payout, o.amount, p.amount from payouts o full join (
        select p.entry as payout, -sum(p.amount) as amount from postings p join entries e using (entry)
        where e.kind = 'payout' and p.ledger_account = 'partner_payable' group by p.entry
    ) p on p.payout = o.payout
    where o.payout is null or o.amount <> coalesce(p.amount, 0)
    """,
    "select count(*), count(distinct partner), sum(amount) from payouts",
    "{} payouts to {} partners = {} posted",
)

SHARES = Invariant(
    """
    with posted as (
        select p.entry as payout, l.account,
            sum(p.amount) filter (p.ledger_account = 'partner_share') as gross,
            sum(p.amount) filter (p.ledger_account = 'revenue') as net,
            count(*) filter (p.ledger_account = 'revenue'
                and (l.stream is distinct from p.stream or l.account is distinct from p.account)) as astray
        from postings p left join invoice_lines l on l.invoice = p.invoice and l.line_no = p.line_no
        where starts_with(p.entry, 'PAY-') and p.ledger_account <> 'partner_payable' group by all
    )
    select o.payout, o.revenue, o.amount, p.gross, p.net from payouts o left join posted p using (payout)
    where (o.amount <> 0 or p.payout is not null) and (
        coalesce(p.gross, 0) <> case when o.revenue = 'gross' then o.amount else 0 end
        or coalesce(p.net, 0) <> case when o.revenue = 'net' then o.amount else 0 end
        or p.astray > 0 or (o.revenue = 'net' and p.account is distinct from o.account)
    )
    """,
    """
    select coalesce(sum(amount) filter (revenue = 'gross'), 0),
        coalesce(sum(basis) filter (revenue = 'net'), 0), coalesce(sum(amount) filter (revenue = 'net'), 0),
        coalesce(sum(basis - amount) filter (revenue = 'net'), 0) from payouts
    """,
    "{} an expense; of {} sold for others, {} is theirs and {} revenue",
)

PAYABLE = Invariant(
    f"""
    select * from (
        select (select coalesce(sum(amount), 0) from payouts where month = {LAST}) as owed,
            (select -coalesce(sum(amount), 0) from postings
                where ledger_account = 'partner_payable') as payable
    ) where owed <> payable
    """,
    f"select count(*), sum(amount) from payouts where month = {LAST}",
    "{} payouts of the last month = {} payable",
)

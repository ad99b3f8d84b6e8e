"""The books: what people ask a ledger first, from subscriptions to postings and back to their usage.

Amounts of money are sums only: nothing here is rounded.
"""

from billing.views.view import View

BOOKS: dict[str, View] = {
    "subscriptions": View(
        "Every subscription with its last known terms, and whether it still lives.",
        """
        select subscription, arg_max(account, phase_no) as account, arg_max(plan, phase_no) as plan,
            arg_max(billing, phase_no) as billing, arg_max(seats, phase_no) as seats,
            arg_max(add_ons, phase_no) as add_ons, min(starts_on) as started_on,
            case when count(*) = count(ends_on) then max(ends_on) end as ended_on,
            arg_max(end_reason, phase_no) as end_reason, count(*) as phases
        from subscription_phases group by subscription
        """,
    ),
    "revenue_by_stream_month": View(
        "Recognised revenue and billings of each stream and month; of partners' shares only those of net "
        "agreements are taken off the revenue.",
        """
        with earned as (
            select month, stream, -sum(amount) as revenue from postings
            where ledger_account = 'revenue' group by all
        ), billed as (select month, stream, sum(amount) as billed from invoice_lines group by all)
        select coalesce(e.month, b.month) as month, coalesce(e.stream, b.stream) as stream,
            coalesce(revenue, 0) as revenue, coalesce(billed, 0) as billed
        from earned e full join billed b on e.month = b.month and e.stream = b.stream
        """,
    ),
    "mrr_by_month": View(
        "Committed MRR at each month's end, what moved it, and how many customers pay it.",
        """
        with moved as (
            select month, sum(amount) filter (kind = 'new') as new,
                sum(amount) filter (kind = 'reactivation') as reactivation,
                sum(amount) filter (kind = 'expansion') as expansion,
                sum(amount) filter (kind = 'contraction') as contraction,
                sum(amount) filter (kind = 'churn') as churn, sum(amount) filter (kind = 'fx') as fx
            from mrr_movements group by month
        ), held as (
            select month, sum(amount) as closing, count(distinct account) as customers
            from mrr_balances group by month
        ), months as (select month from moved union select month from held)
        select m.month, coalesce(lag(closing) over (order by m.month), 0) as opening,
            coalesce(new, 0) as new, coalesce(reactivation, 0) as reactivation,
            coalesce(expansion, 0) as expansion, coalesce(contraction, 0) as contraction,
            coalesce(churn, 0) as churn, coalesce(fx, 0) as fx, coalesce(closing, 0) as closing,
            coalesce(customers, 0) as customers
        from months m left join moved on moved.month = m.month left join held on held.month = m.month
        """,
    ),
    "mrr_restated_by_month": View(
        "Committed MRR at each month's end as it was reported, and with all that is known by now: late facts "
        "move the month in which they became known, or the one in which they hold.",
        """
        with months as (
            select unnest(generate_series(min(effective_on), max(booked_on), interval 1 month))::date as day
            from (select date_trunc('month', effective_on) as effective_on, booked_on
                from mrr_changes where not scheduled)
        )
        select m.day as month,
            coalesce(sum(c.amount) filter (c.booked_on <= last_day(m.day)), 0) as reported,
            coalesce(sum(c.amount) filter (c.effective_on <= last_day(m.day)), 0) as restated
        from months m left join mrr_changes c on not c.scheduled
        group by m.day order by month
        """,
    ),
    "mrr_ahead_by_month": View(
        "Committed MRR at each of the next 12 months' ends by what is known at the ledger's end: what was "
        "announced, and what the price book does by itself. Trials that may convert are left out.",
        """
        with last as (select max(month) as month, sum(amount) filter (month = (
                select max(month) from mrr_balances)) as amount from mrr_balances),
        tried as (select distinct subscription from mrr_changes where scheduled and cause = 'trial'),
        ahead as (select * from mrr_changes c anti join tried using (subscription) where c.scheduled)
        select (last.month + to_months(n::integer))::date as month, last.amount + coalesce((
            select sum(a.amount) from ahead a
            where a.effective_on <= last_day(last.month + to_months(n::integer))
        ), 0) as cmrr
        from last cross join range(13) r(n) where last.month is not null order by month
        """,
    ),
    "invoice_status": View(
        "Every invoice with what became of it: open, paid or written off, when, after how many failed tries.",
        """
        select i.*, coalesce(max(p.kind) filter (p.kind <> 'failed'), 'open') as status,
            max(p.occurred_on) filter (p.kind <> 'failed') as settled_on,
            count(*) filter (p.kind = 'failed') as failed_tries
        from invoices i left join payments p on p.invoice = i.invoice group by all
        """,
    ),
    "trial_balance": View(
        "The sum of every ledger account at each month's end; each month's sums add up to zero per currency.",
        """
        with kinds as (select distinct currency, ledger_account from postings),
        months as (select distinct month from postings),
        moved as (
            select month, currency, ledger_account, sum(amount) as amount from postings group by all
        )
        select m.month, k.currency, k.ledger_account,
            sum(coalesce(amount, 0)) over (
                partition by k.currency, k.ledger_account order by m.month
            ) as balance
        from months m cross join kinds k left join moved on moved.month = m.month
            and moved.currency = k.currency and moved.ledger_account = k.ledger_account
        """,
    ),
    "payouts_by_partner_month": View(
        "What each partner or seller earned, out of what, in each month.",
        """
        select month, partner, agreement, kind, revenue, currency, sum(basis) as basis,
            sum(amount) as amount, count(distinct account) as customers
        from payouts group by all
        """,
    ),
    "take_by_agreement_month": View(
        "What was billed under each agreement in each month (GMV), what partners got of it, and what the "
        "company kept: its take, and that as a rate.",
        """
        select month, agreement, kind, revenue, currency, sum(basis) as gmv, sum(amount) as payouts,
            sum(basis - amount) as take,
            (sum(basis - amount) / nullif(sum(basis), 0))::decimal(38, 12) as take_rate,
            count(distinct partner) as partners, count(distinct account) as customers
        from payouts group by all
        """,
    ),
    "marketplace_by_month": View(
        "What others sold through the company in each month (GMV of the agreements whose revenue is net), "
        "what they got of it, and what the company kept: its revenue.",
        """
        select month, currency, sum(basis) as gmv, sum(amount) as payouts, sum(basis - amount) as take,
            (sum(basis - amount) / nullif(sum(basis), 0))::decimal(38, 12) as take_rate,
            count(distinct partner) as sellers, count(distinct account) as buyers
        from payouts where revenue = 'net' group by all
        """,
    ),
    "customers_by_month": View(
        "Paying customers of each segment at each month's end, and their committed MRR.",
        """
        select month, segment, count(distinct account) as customers, sum(amount) as mrr
        from mrr_balances group by month, segment
        """,
    ),
    "usage_by_meter_month": View(
        "How much was used of each meter in each month, by how many subscriptions.",
        """
        select month, meter, sum(quantity) as quantity, sum(events)::bigint as events,
            count(distinct subscription) as subscriptions
        from usage group by month, meter
        """,
    ),
    "entitlement_use": View(
        "How much each entitlement gave (NULL for no end of units), how much was drawn, how much expired.",
        """
        with last as (select max(month) + interval 1 month as day from entries)
        select entitlement, meter, count(*) as grants, count(distinct account) as accounts,
            sum(quantity) as granted, sum(drawn) as drawn,
            sum(quantity - drawn) filter (expires_on <= last.day) as expired
        from grants cross join last group by entitlement, meter
        """,
    ),
    "breakage_by_month": View(
        "Revenue from what was sold ahead and expired before it was drawn.",
        """
        select p.month, p.stream, p.currency, -sum(p.amount) as amount
        from postings p join entries e using (entry)
        where e.kind = 'breakage' and p.ledger_account = 'revenue' group by all
        """,
    ),
    "costs_by_month": View(
        "What the company spent, by cost centre, segment and channel.",
        """
        select month, cost_centre, segment, channel, currency, sum(amount) as amount
        from postings where ledger_account = 'expense' group by all
        """,
    ),
    "trace": View(
        "From a posting back: its entry, the invoice line that caused it, the usage that the line rates; the "
        "events behind it are those of the same subject, meter and month (in usage_events; facts in events).",
        """
        select p.entry, p.posting_no, p.ledger_account, p.amount as posted, l.invoice, l.line_no, l.account,
            l.subscription, l.plan, l.price, l.kind, l.quantity as line_quantity, l.allowance, l.exact,
            l.amount as line_amount, u.meter, u.dimensions, u.month, u.quantity as used, u.events
        from postings p
        join invoice_lines l on l.invoice = p.invoice and l.line_no = p.line_no
        left join rated_usage r on r.invoice = l.invoice and r.line_no = l.line_no
        left join usage u on u.month = r.month and u.subscription = r.subscription
            and u.phase_no = r.phase_no and u.meter = r.meter and u.dimensions = r.dimensions
        """,
    ),
}
"""Every view of what was sold, billed, booked and paid, by its name."""

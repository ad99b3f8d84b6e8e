"""Questions: the SQL of the tables of a report; a page shows it beside each."""

SNOWBALL = """
select date_trunc('quarter', month)::date as quarter,
    12 * arg_min(mrr_opening, month) as opening_arr, 12 * sum(mrr_new) as new,
    12 * sum(mrr_expansion) as expansion, 12 * sum(mrr_reactivation) as reactivation,
    12 * sum(mrr_contraction) as contraction, 12 * sum(mrr_churn) as churn,
    12 * arg_max(committed_mrr, month) as closing_arr, arg_max(customers, month) as customers
from metrics_by_month group by quarter order by quarter"""
"""A row a quarter: how ARR got from its opening to its closing."""

MOVERS = """
with ends as (
    select max(month) as last, greatest(min(month), (max(month) - interval 12 month)::date) as first
    from mrr_balances
), held as (
    select b.account, any_value(b.segment) as segment,
        coalesce(sum(b.amount) filter (b.month = e.first), 0) as before,
        coalesce(sum(b.amount) filter (b.month = e.last), 0) as after
    from mrr_balances b cross join ends e group by b.account
), ranked as (
    select *, after - before as change,
        row_number() over (partition by after > before order by abs(after - before) desc, account) as rank
    from held where after <> before
)
select r.account, coalesce(a.name, '') as name, r.segment, before, after, change
from ranked r left join accounts a on a.account = r.account where rank <= 8
order by change > 0 desc, abs(change) desc, r.account"""
"""The eight customers each whose committed MRR rose and fell the most in 12 months."""

PAYOUTS = """
with earned as (
    select partner, array_to_string(list_sort(list(distinct replace(kind, '_', ' '))), ', ') as kind,
        count(distinct account) as customers, sum(basis) as billed, sum(amount) as paid_out
    from payouts group by partner
), ranked as (
    select *, row_number() over (order by paid_out desc, partner) as rank from earned
)
select case when rank <= 12 then coalesce(a.name, '') else 'all others' end as name,
    case when rank <= 12 then r.partner else '' end as partner,
    case when rank <= 12 then r.kind else '' end as kind,
    sum(customers)::bigint as customers, sum(billed) as billed, sum(paid_out) as paid_out
from ranked r left join accounts a on a.account = r.partner
group by 1, 2, 3, least(rank, 13) order by least(rank, 13)"""
"""The twelve partners who earned the most, and all others together."""

AGEING = """
with closed as (select (max(month) + interval 1 month)::date as day from entries),
owed as (
    select total, day - due_on as days from invoice_status cross join closed where status = 'open'
), aged as (
    select total, case when days <= 0 then '0 not due yet' when days <= 30 then '1 up to 30 days late'
        when days <= 60 then '2 31 to 60 days late' when days <= 90 then '3 61 to 90 days late'
        else '4 more than 90 days late' end as age
    from owed
)
select substr(age, 3) as age, count(*) as invoices, sum(total) as amount
from aged group by aged.age order by aged.age"""
"""Open invoices by how long they were overdue when the last month was closed."""

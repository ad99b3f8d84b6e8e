"""Lifetimes in SQL: what each customer brings, how long customers stay, and when cohorts have paid back.

They say once more, from the definitions, what `analytics.survival`, `analytics.profit`, `analytics.lifetime`
and `analytics.payback` say; a test holds them equal. The policy is the default one: acquisition cost is
matched with the customers won three months later. Floats are shares and statistics only.
"""

from billing.views.view import View

Z = "1.959963984540054"
"""The normal quantile of a band that holds the truth 95 times in 100."""

_CLOSED = """
    select min(month) as first, max(month) as last from (
        select month from mrr_balances union all select month from mrr_movements
        union all select month from invoice_lines union all select month from payouts
        union all select month from entries where kind in ('cost', 'recognition')
    )"""

_PROFIT = """
with revenue as (
    select p.month, p.account, p.stream, coalesce(a.segment, '') as segment,
        coalesce(a.channel, '') as channel, -sum(p.amount)::decimal(38, 12) as revenue
    from postings p left join accounts a on a.account = p.account
    where p.ledger_account = 'revenue' group by all
),
    cost as (
        select month, stream as of_stream, segment as of_segment, channel as of_channel,
            sum(amount)::decimal(38, 12) as cost
        from postings where ledger_account = 'expense' and cost_centre like 'cogs%' group by all
    ),
    named as (
        select c.month, of_stream, of_segment, of_channel, cost, r.account, sum(r.revenue) as weight
        from cost c join revenue r on r.month = c.month and r.account <> ''
            and of_stream in ('', r.stream) and of_segment in ('', r.segment)
            and of_channel in ('', r.channel)
        group by all having weight > 0
    ),
    unnamed as (
        select c.month, sum(c.cost) as cost
        from cost c anti join named n using (month, of_stream, of_segment, of_channel) group by all
    ),
    earning as (
        select month, account, sum(revenue) as weight
        from revenue where account <> '' group by all having weight > 0
    ),
    delivery as (
        select month, account, cost * (weight / sum(weight) over (
            partition by month, of_stream, of_segment, of_channel
        )) as cost from named
        union all
        select month, account, cost * (weight / sum(weight) over (partition by month)) as cost
        from unnamed join earning using (month)
        union all
        select month, '', cost from unnamed u anti join earning using (month)
    ),
    shares as (
        select month, account, sum(amount) as share from payouts
        where revenue <> 'net' and kind <> 'referral' group by all
    ),
    parts as (
        select month, account, revenue, 0 as share, 0 as cost from revenue
        union all select month, account, 0, share, 0 from shares
        union all select month, account, 0, 0, cost from delivery
    )
select month, account, (sum(revenue) - sum(share))::decimal(38, 12) as net_revenue,
    (sum(revenue) - sum(share) - sum(cost))::decimal(38, 12) as gross_profit
from parts group by month, account"""

_LIVES = f"""
closed as ({_CLOSED}),
    paying as (select distinct month, account from mrr_balances where amount > 0),
    aged as (
        select account, month, min(month) over (partition by account) as began,
            row_number() over (partition by account order by month) - 1 as nth
        from paying
    ),
    unbroken as (
        select account, began, count(*) as months, datediff('month', began, last) as known
        from aged, closed where datediff('month', began, month) = nth group by account, began, last
    ),
    lives as (
        select account, began, known, least(months, known) as age, months <= known as ended, segment
        from unbroken u join (
            select account, segment from accounts where segment <> ''
            union all select distinct account, '' from paying
        ) s using (account)
    )"""

_SURVIVAL = f"""
with {_LIVES},
    ages as (
        select segment, unnest(generate_series(0, oldest)) as age
        from (select segment, max(age) as oldest from lives group by segment)
    ),
    counted as (
        select a.segment, a.age, count(*) as at_risk, count(*) filter (l.age = a.age and ended) as ended,
            count(*) filter (l.age = a.age and not ended) as censored
        from ages a join lives l on l.segment = a.segment and l.age >= a.age group by all
    ),
    kept as (
        select *, product(1 - ended / at_risk) over upto as survival,
            sum(if(at_risk > ended, ended / (at_risk * (at_risk - ended)), 0)) over upto as spread
        from counted window upto as (partition by segment order by age)
    ),
    inside as (select *, if(survival > 0 and survival < 1, survival, null) as share from kept)
select segment, age, at_risk, ended, censored, survival, share * sqrt(spread) as std_error,
    pow(share, exp({Z} * sqrt(spread) / -ln(share))) as low,
    pow(share, exp(-{Z} * sqrt(spread) / -ln(share))) as high
from inside"""

# Sums are exact, or in one order: the same rows give the same digits, whatever the threads.
_VALUE = f"""
with {_LIVES},
    earned as (
        select p.account, greatest(datediff('month', l.began, p.month), 0) as age,
            sum(gross_profit) as profit
        from customer_profit p join lives l on l.account = p.account and l.segment = '' group by all
    ),
    ages as (select account, segment, unnest(generate_series(0, known)) as age from lives),
    seen as (
        select a.*, coalesce(profit, 0)::double as profit,
            (sum(coalesce(profit, 0)) over alike)::double / count(*) over alike as mean,
            count(*) over alike as customers
        from ages a left join earned e on e.account = a.account and e.age = a.age
        window alike as (partition by a.segment, a.age)
    ),
    apart as (
        select *, sum((profit - mean) / customers) over (partition by segment, account order by age) as error
        from seen
    ),
    steps as (
        select segment, age, count(*) as customers, any_value(mean) as step,
            sum(error * error order by account) as spread
        from apart group by all
    ),
    summed as (
        select segment, age, customers, sum(step) over (partition by segment order by age) as profit,
            if(customers > 1, sqrt(spread), null) as std_error
        from steps
    )
select *, profit - {Z} * std_error as low, profit + {Z} * std_error as high from summed"""

_PAYBACK = f"""
with {_LIVES},
    months as (
        select unnest(generate_series(first, last, interval 1 month))::date as month from closed
    ),
    spent as (
        select month, sum(amount) as amount from (
            select month, amount from postings where ledger_account = 'expense'
                and (cost_centre like 'sales%' or cost_centre like 'marketing%')
            union all
            select month, amount from payouts where kind = 'referral' and revenue <> 'net'
        ) group by all
    ),
    won as (
        select account, began as cohort, min(known) over (partition by began) as oldest
        from lives where segment = ''
    ),
    size as (select cohort, oldest, count(*) as customers from won group by all),
    matched as (
        select m.month, row_number() over (order by m.month) > 3 as known,
            coalesce(lag(s.amount, 3) over (order by m.month), 0) as cost,
            min(z.cohort) over (order by m.month rows between current row and unbounded following) as cohort
        from months m left join spent s using (month) left join size z on z.cohort = m.month
    ),
    costs as (
        select cohort, if(bool_or(known and month = cohort), sum(cost), null)::decimal(38, 12) as cost
        from matched where cohort is not null group by cohort
    ),
    earned as (
        select cohort, greatest(datediff('month', cohort, p.month), 0) as age, sum(gross_profit) as profit
        from customer_profit p join won using (account) group by all
    ),
    ages as (select *, unnest(generate_series(0, oldest)) as age from size),
    steps as (
        select cohort, age, customers, cost, coalesce(profit, 0)::decimal(38, 12) as profit,
            sum(coalesce(profit, 0)) over (partition by cohort order by age)::decimal(38, 12) as cumulative
        from ages join costs using (cohort) left join earned using (cohort, age)
    )
select *, (cumulative / nullif(cost, 0))::decimal(38, 12) as recovered from steps"""

LIFETIMES: dict[str, View] = {
    "customer_profit": View(
        "What each customer brought in each month: recognised revenue less partners' shares, and less what "
        "it cost to deliver, which is shared out by revenue.",
        _PROFIT,
    ),
    "customer_survival": View(
        "How many customers are still there at each age in months after they first paid (Kaplan and Meier, "
        "with Greenwood's standard errors and a band of 95 %), by segment; all where the segment is empty.",
        _SURVIVAL,
    ),
    "customer_value": View(
        "The mean gross profit that a customer has brought by each age in months, of those who were won so "
        "long ago, with a band of 95 %, by segment; all customers where the segment is empty.",
        _VALUE,
    ),
    "cohort_payback": View(
        "What the customers won in each month have earned by each age, and which part of what winning them "
        "cost that is; NULL where the cost is 0, or was spent before the ledger begins.",
        _PAYBACK,
    ),
}
"""The views of lifetimes, each after those that it reads."""

"""Retention: what became of the customers who were paying some months ago, and of nobody else.

Closed cohorts, point to point and per customer: a customer who shrank and recovered counts whole, and one who
joined or left in between moves nothing. The last month of the ledger ends no subscription, so it ends no
customer either.
"""

from analytics.dimension import Dimension, joined_account, of_account
from analytics.lens import paying
from analytics.policy import DEFAULT, MetricPolicy

AGES = (1, 12)
"""After how many months customers are looked at again: for the churn of a month, and for NRR and GRR."""

_RETAINED = """
with paying as materialized (
    select t.month, t.account, {part} as part, sum(t.amount) as amount
    from mrr_balances t {join} where {paying} group by all
), aged as ({aged})
select month, part, {figures} from aged group by all"""

_AGED = """
select {age} as age, (b.month + interval {age} month)::date as month, b.part,
    count(*) as customers_ago, count(c.account) as customers_kept, sum(b.amount) as mrr_ago,
    sum(coalesce(c.amount, 0)) as mrr_now, sum(least(b.amount, coalesce(c.amount, 0))) as mrr_kept
from paying b
left join paying c on c.account = b.account and c.month = (b.month + interval {age} month)::date
group by all"""


def retained(by: Dimension, policy: MetricPolicy = DEFAULT) -> str:
    """Return the query that follows the customers who paid at the end of each month to the ages.

    `customers_12m_ago` and `mrr_12m_ago` are the cohort, `customers_12m_kept` those of it who still pay,
    `mrr_12m_now` what they pay now, `mrr_12m_kept` the same without what any of them pays more.
    """
    return _RETAINED.format(
        part=of_account(by),
        join=joined_account(by),
        paying=paying(policy),
        aged=" union all ".join(_AGED.format(age=age) for age in AGES),
        figures=", ".join(_figures(age) for age in AGES),
    )


def _figures(age: int) -> str:
    counts = [
        f"(sum(customers_{what}) filter (age = {age}))::bigint as customers_{age}m_{what}"
        for what in ("ago", "kept")
    ]
    sums = [f"sum(mrr_{what}) filter (age = {age}) as mrr_{age}m_{what}" for what in ("ago", "now", "kept")]
    return ", ".join(counts + sums)

"""The outlook in SQL: list prices and discounts, trials, and committed MRR by what is known already."""

from billing.views.split import Split

_LISTED = """
    select {of_sale} as part, t.month, sum(t.list_price) as list, sum(t.trial) as trial,
        sum(t.lasting_discount + t.limited_discount) as discounts
    from mrr_changes t {sale} where not t.scheduled group by all"""

_AHEAD = """
    with known as (
        select c.month as at, m.*,
            bool_or(m.cause = 'trial' and m.amount <> 0) over (partition by c.month, m.subscription)
                as is_tried
        from closed c join mrr_changes m
            on m.recorded_on <= last_day(c.month) and m.effective_on > last_day(c.month)
    )
    select {of_sale} as part, t.at as month,
        sum(t.amount) filter (t.effective_on <= last_day(t.at + interval 12 month)) as within_a_year,
        sum(t.amount) filter (t.event is not null) as agreed
    from known t {sale} where not t.is_tried group by all"""

_TERMED = """
    select {of_sale} as part, t.month, sum(t.amount) as amount
    from mrr_balances t {sale} where exists (
        select 1 from subscription_phases p where p.subscription = t.subscription and p.billing = 'year'
        and p.starts_on <= last_day(t.month) and (p.ends_on is null or p.ends_on > last_day(t.month))
    ) group by all"""

_OUTLOOK = """
    select r.part, r.month,
        coalesce(sum(list) over so_far, 0) as mrr_list,
        coalesce(sum(discounts) over so_far, 0) as mrr_discounts,
        coalesce(sum(trial) over so_far, 0) as trial_mrr,
        committed_mrr + coalesce(within_a_year, 0) as cmrr,
        12 * (committed_mrr + coalesce(agreed, 0)) as carr,
        coalesce(t.amount, 0) / nullif(committed_mrr, 0) as termed_mrr_share
    from recurring r left join listed using (part, month) left join ahead using (part, month)
    left join termed t using (part, month)
    window so_far as (partition by r.part order by r.month)"""


def steps(split: Split) -> dict[str, str]:
    """Return the queries of the outlook by name."""
    return {"listed": _LISTED, "ahead": _AHEAD, "termed": _TERMED, "outlook": _OUTLOOK}

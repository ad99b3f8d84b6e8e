"""Trade in SQL: what is sold for others, who partners are, and what the devices that they ship bring."""

from billing.views.split import Split

_SOLD = """
    select {of_account} as part, t.month, sum(t.basis)::decimal(38, 12) as gmv,
        sum(t.basis - t.amount)::decimal(38, 12) as take
    from payouts t {account} where t.revenue = 'net' group by all"""

_SHIPPED = """
    select date_trunc('month', occurred_at)::date as month, subject as account,
        data ->> '$.subscription' as subscription, (data ->> '$.devices')::bigint as devices
    from events where type = 'devices.shipped'"""

_DEVICES = """
    select {of_account} as part, t.month, sum(t.devices)::bigint as devices
    from shipped t {account} group by all"""

_ROYALTIES = """
    select {of_account} as part, t.month, sum(t.amount)::decimal(38, 12) as royalty
    from invoice_lines t {account}
    where t.kind = 'usage' and t.subscription in (select subscription from shipped) group by all"""

_TRADE = """
    select g.part, g.month, coalesce(gmv, 0) as gmv, coalesce(take, 0) as take,
        take / nullif(gmv, 0) as take_rate, coalesce(devices, 0) as devices,
        coalesce(royalty, 0) as royalty,
        (coalesce(sum(royalty) over quarter, 0) / nullif(sum(devices) over quarter, 0))::decimal(38, 12)
            as royalty_per_device{more}
    from grid g left join sold using (part, month) left join devices using (part, month)
    left join royalties using (part, month)
    window quarter as (partition by g.part order by g.month rows 2 preceding)"""

_PARTNERS = """,
        (select count(*) from accounts s where s.kind = 'partner' and s.signed_up_on <= last_day(g.month))
            as partners"""


def steps(split: Split) -> dict[str, str]:
    """Return the queries of trade by name; only the company as a whole has partners."""
    if not split.by_account:
        return {}
    trade = _TRADE.replace("{more}", "" if split.name else _PARTNERS)
    sources = {"sold": _SOLD, "shipped": _SHIPPED, "devices": _DEVICES, "royalties": _ROYALTIES}
    return {**sources, "trade": trade}

"""Charts of partners: what is sold through them and for them, what they get, and licensed devices."""

import polars as pl

from simulator.chart import stack
from simulator.chart.chart import PARTNERS, Chart, Drawing, Drawn
from simulator.chart.column import COUNT, MONEY, MONTH, RATIO, TEXT
from simulator.chart.line import Overlay, lines
from simulator.chart.row import Row, rows
from simulator.chart.sentence import growth, largest, listed
from simulator.chart.series import columns, series
from simulator.chart.theme import Style

_DEVICES = """
select date_trunc('month', e.occurred_at)::date as month, coalesce(a.name, e.subject) as maker,
    sum(json_extract(e.data, '$.devices')::bigint)::bigint as devices
from events e left join accounts a on a.account = e.subject
where e.type = 'devices.shipped' group by all order by month, maker"""

_ROYALTIES = """
with makers as (
    select distinct json_extract_string(data, '$.subscription') as subscription from events
    where type = 'devices.shipped'
)
select l.month, coalesce(a.name, l.account) as maker, sum(l.amount) as royalty
from invoice_lines l semi join makers m on m.subscription = l.subscription
left join accounts a on a.account = l.account
where l.kind = 'usage' group by all having sum(l.amount) <> 0 order by month, maker"""

_PAYOUTS = """
select p.partner, coalesce(a.name, p.partner) as name,
    string_agg(distinct p.kind, ', ' order by p.kind) as kind, sum(p.basis) as basis, sum(p.amount) as amount
from payouts p left join accounts a on a.account = p.partner
group by all having sum(p.amount) <> 0 order by amount desc, p.partner limit 15"""


def _by_maker(value: str, unit: str) -> Drawing:
    def draw(frame: pl.DataFrame, style: Style) -> Drawn:
        return stack.bars(series(frame, value, "maker"), style, unit)

    return draw


def _market(frame: pl.DataFrame, style: Style) -> Drawn:
    found = columns(frame, ["payouts", "take"])._replace(names=["sellers' part", "our take"])
    hues = {"sellers' part": style.theme.series[4], "our take": style.theme.series[0]}
    return stack.bars(found, style, MONEY, hues=hues)


def _take(frame: pl.DataFrame, style: Style) -> Drawn:
    return lines(series(frame, "take_rate", "agreement"), style, RATIO)


def _payouts(frame: pl.DataFrame, style: Style) -> Drawn:
    found = [
        Row(
            name, float(amount), style.theme.more, kind.replace("_", " "),
            (("of billed", f"{basis:,.2f}"), ("kind", kind), ("partner", partner)),
        )
        for partner, name, kind, basis, amount in frame.iter_rows()
    ]  # fmt: skip
    return rows(found, style, MONEY)


def _by_kind(frame: pl.DataFrame, style: Style) -> Drawn:
    return stack.bars(series(frame, "amount", "kind"), style, MONEY)


CHARTS = (
    Chart(
        "marketplace",
        "Marketplace volume and take",
        "What others sold through the company in each month (GMV): the part that is theirs, and the part "
        "that is kept as revenue.",
        PARTNERS,
        "select month, sum(payouts) as payouts, sum(take) as take, sum(gmv) as gmv\n"
        "from marketplace_by_month group by month order by month",
        {"month": MONTH, "payouts": MONEY, "take": MONEY, "gmv": MONEY},
        _market,
        growth("gmv", MONEY, "Marketplace volume a month"),
        Overlay("gmv", MONEY),
    ),
    Chart(
        "take_rate",
        "Take rate by agreement",
        "The share of what is sold under each marketplace agreement that the company keeps.",
        PARTNERS,
        "select month, agreement, take_rate from take_by_agreement_month\n"
        "where revenue = 'net' and take_rate is not null order by month, agreement",
        {"month": MONTH, "agreement": TEXT, "take_rate": RATIO},
        _take,
        largest("take_rate", "agreement", RATIO, "Take rate", adds_up=False),
    ),
    Chart(
        "payouts",
        "Payouts by partner",
        "Who earned most of what the company sold with or through them, over the whole run, and by what "
        "kind of agreement.",
        PARTNERS,
        _PAYOUTS.strip(),
        {"partner": TEXT, "name": TEXT, "kind": TEXT, "basis": MONEY, "amount": MONEY},
        _payouts,
        listed("name", "amount", MONEY, "Paid out most"),
    ),
    Chart(
        "payouts_by_kind",
        "Payouts by kind",
        "What partners, sellers and licensors earned in each month, by kind of agreement.",
        PARTNERS,
        "select month, replace(kind, '_', ' ') as kind, sum(amount) as amount from payouts group by all\n"
        "having sum(amount) <> 0 order by month, kind",
        {"month": MONTH, "kind": TEXT, "amount": MONEY},
        _by_kind,
        largest("amount", "kind", MONEY, "Payouts"),
        Overlay("amount", MONEY),
    ),
    Chart(
        "devices",
        "Devices shipped",
        "Devices that carry the licensed software, by maker, in the month in which they were reported.",
        PARTNERS,
        _DEVICES.strip(),
        {"month": MONTH, "maker": TEXT, "devices": COUNT},
        _by_maker("devices", COUNT),
        largest("devices", "maker", COUNT, "Devices shipped"),
        Overlay("devices", COUNT),
    ),
    Chart(
        "royalties",
        "Royalties",
        "What the makers of devices were billed by device, in the month of the bill.",
        PARTNERS,
        _ROYALTIES.strip(),
        {"month": MONTH, "maker": TEXT, "royalty": MONEY},
        _by_maker("royalty", MONEY),
        largest("royalty", "maker", MONEY, "Royalties"),
        Overlay("royalty", MONEY),
    ),
)

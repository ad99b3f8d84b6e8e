"""Charts of billing and cash: what is billed, when it is paid, what is overdue and what is in the bank."""

import polars as pl

from simulator.chart import stack
from simulator.chart.chart import CASH, Chart, Drawn
from simulator.chart.column import COUNT, MONEY, MONTH, NUMBER, RATIO, TEXT
from simulator.chart.line import Level, Overlay, lines, named
from simulator.chart.sentence import growth, largest, split
from simulator.chart.series import columns, series
from simulator.chart.theme import Style

BUCKETS = ("not due", "1-30 days", "31-60 days", "61-90 days", "over 90 days")
"""How long invoices are overdue."""

OUTCOMES = ("paid in time", "paid late", "paid after a failed try", "written off", "open")
"""What becomes of invoices."""

_AGEING = """
with months as (select distinct month, (month + interval 1 month)::date as day from entries),
    settled as (
        select invoice, min(occurred_on) as settled_on from payments where kind <> 'failed' group by all
    ),
    standing as (
        select m.month, i.total, date_diff('day', i.due_on, m.day) as late
        from months m join invoices i on i.month <= m.month
        left join settled s on s.invoice = i.invoice
        where i.total > 0 and (s.settled_on is null or s.settled_on >= m.day)
    )
select month, case when late <= 0 then 'not due' when late <= 30 then '1-30 days'
        when late <= 60 then '31-60 days' when late <= 90 then '61-90 days' else 'over 90 days' end
        as overdue,
    count(*) as invoices, sum(total) as amount
from standing group by all order by month, min(late)"""

_DUNNING = """
with outcome as (
    select month, total, case
        when status = 'written_off' then 'written off'
        when status = 'open' then 'open'
        when failed_tries > 0 then 'paid after a failed try'
        when settled_on > due_on then 'paid late'
        else 'paid in time' end as outcome
    from invoice_status where total > 0
)
select month, outcome, count(*) as invoices, sum(total) as amount
from outcome group by all order by month, outcome"""

_CASH = """
select month, greatest(-net_burn, 0) as earned, least(-net_burn, 0) as burned, cash
from metrics_by_month where exists (from postings where ledger_account = 'cash') order by month"""


def _ageing(frame: pl.DataFrame, style: Style) -> Drawn:
    theme = style.theme
    hues = dict(
        zip(
            BUCKETS,
            (theme.other, theme.series[4], theme.series[0], theme.series[1], theme.series[6]),
            strict=True,
        )
    )
    return stack.bars(series(frame, "amount", "overdue", names=BUCKETS), style, MONEY, hues=hues)


def _dunning(frame: pl.DataFrame, style: Style) -> Drawn:
    theme = style.theme
    order = (theme.series[0], theme.series[4], theme.series[1], theme.series[6], theme.other)
    found = stack.as_shares(series(frame, "amount", "outcome", names=OUTCOMES))
    hues = dict(zip(OUTCOMES, order, strict=True))
    return stack.bars(found, style, RATIO, hues=hues, ends=(0.0, 1.0))


def _cash(frame: pl.DataFrame, style: Style) -> Drawn:
    hues = {"earned": style.theme.more, "burned": style.theme.less}
    found = columns(frame, ["earned", "burned"])
    return stack.bars(
        found, style, MONEY, hues=hues, net=named({"cash": "cash since the start"}, columns(frame, ["cash"]))
    )


def _dso(frame: pl.DataFrame, style: Style) -> Drawn:
    return lines(series(frame, "dso")._replace(names=["days"]), style, NUMBER)


CHARTS = (
    Chart(
        "cash",
        "Cash",
        "What came in less what was paid in each month, and the mark: what that adds up to since the first "
        "month, from nothing.",
        CASH,
        _CASH.strip(),
        {"month": MONTH, "earned": MONEY, "burned": MONEY, "cash": MONEY},
        _cash,
        growth("cash", MONEY, "Cash since the start"),
        Overlay("cash", MONEY, rule=Level(0.0, "")),
    ),
    Chart(
        "ageing",
        "Unpaid invoices by age",
        "What customers owe for everything up to each month's end, by how many days it is overdue then.",
        CASH,
        _AGEING.strip(),
        {"month": MONTH, "overdue": TEXT, "invoices": COUNT, "amount": MONEY},
        _ageing,
        largest("amount", "overdue", MONEY, "Unpaid invoices"),
        Overlay("amount", MONEY),
    ),
    Chart(
        "dunning",
        "What becomes of invoices",
        "The invoices of each month, by amount: paid by the due day, later, only after a failed try, given "
        "up, or still open. The last months are not over.",
        CASH,
        _DUNNING.strip(),
        {"month": MONTH, "outcome": TEXT, "invoices": COUNT, "amount": MONEY},
        _dunning,
        split("amount", "outcome", MONEY, "Invoices of all months"),
    ),
    Chart(
        "dso",
        "Days of sales outstanding",
        "What is owed at the month's end over the bills of three months, in days.",
        CASH,
        "select month, dso from metrics_by_month where dso is not null order by month",
        {"month": MONTH, "dso": NUMBER},
        _dso,
        growth("dso", NUMBER, "Days of sales outstanding"),
        Overlay("dso", NUMBER),
    ),
)

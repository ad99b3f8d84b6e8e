"""Charts of revenue: what is earned with what, what it costs to deliver, and what is still to be earned."""

import polars as pl

from simulator.chart import stack
from simulator.chart.chart import REVENUE, Chart, Drawing, Drawn
from simulator.chart.column import MONEY, MONTH, RATIO, TEXT
from simulator.chart.line import Overlay, lines, named
from simulator.chart.sentence import growth, largest, went
from simulator.chart.series import apart, columns, parts, series
from simulator.chart.theme import Style

_BY_PART = """
select month, {part}, net_revenue from metrics_by_{part}_month where net_revenue <> 0
order by month, {part}"""

_DEFERRED = """
select month, deferred_added as added, deferred_released as released, deferred_revenue as deferred
from metrics_by_month where deferred_revenue <> 0 or deferred_added <> 0 or deferred_released <> 0
order by month"""


def _revenue(frame: pl.DataFrame, style: Style) -> Drawn:
    found = series(frame, "net_revenue", "stream")
    hues = dict(zip(found.names, parts(found.names, "stream", style), strict=True))
    return stack.bars(found, style, MONEY, hues=hues, at_side=True)


def _mix(part: str, *, shares: bool = True) -> Drawing:
    def draw(frame: pl.DataFrame, style: Style) -> Drawn:
        found = series(frame, "net_revenue", part)
        return stack.areas(found, style, MONEY, shares=shares, hues=parts(found.names, part, style))

    return draw


def _shares(name: str, part: str) -> Chart:
    return Chart(
        name,
        f"Revenue mix by {part}",
        f"The share of each {part} in the net revenue of the month.",
        REVENUE,
        _BY_PART.format(part=part).strip(),
        {"month": MONTH, part: TEXT, "net_revenue": MONEY},
        _mix(part),
        largest("net_revenue", part, MONEY, "Net revenue"),
    )


def _margin(frame: pl.DataFrame, style: Style) -> Drawn:
    found = apart(frame, "gross_margin", "stream", style)
    return lines(found, style, RATIO, hues=parts(found.names, "stream", style))


def _deferred(frame: pl.DataFrame, style: Style) -> Drawn:
    found = named({"added": "billed ahead", "released": "earned"}, columns(frame, ["added", "released"]))
    hues = {"billed ahead": style.theme.series[0], "earned": style.theme.series[1]}
    net = named({"deferred": "deferred revenue"}, columns(frame, ["deferred"]))
    return stack.bars(found, style, MONEY, hues=hues, net=net)


def _rpo(frame: pl.DataFrame, style: Style) -> Drawn:
    found = named({"crpo": "within 12 months", "later": "later"}, columns(frame, ["crpo", "later"]))
    return stack.areas(found, style, MONEY, total="RPO")


CHARTS = (
    Chart(
        "revenue",
        "Revenue by stream",
        "Recognised revenue of each month, less what partners get of it; referrals are a cost of winning "
        "customers.",
        REVENUE,
        _BY_PART.format(part="stream").strip(),
        {"month": MONTH, "stream": TEXT, "net_revenue": MONEY},
        _revenue,
        largest("net_revenue", "stream", MONEY, "Net revenue"),
        Overlay("net_revenue", MONEY),
    ),
    _shares("revenue_mix", "stream"),
    _shares("revenue_mix_by_segment", "segment"),
    Chart(
        "gross_margin",
        "Gross margin by stream",
        "Net revenue less what delivering it cost (cost centres cogs…), over net revenue, three months "
        "together. Costs that name no stream are shared out by revenue.",
        REVENUE,
        """with quarter as (
    select month, stream, sum(gross_profit) over three as profit, sum(net_revenue) over three as net_revenue
    from metrics_by_stream_month
    window three as (partition by stream order by month rows 2 preceding)
)
select month, stream, (profit / net_revenue)::decimal(38, 12) as gross_margin
from quarter where stream <> '' and net_revenue > 0 and profit >= -net_revenue order by month, stream""",
        {"month": MONTH, "stream": TEXT, "gross_margin": RATIO},
        _margin,
        largest("gross_margin", "stream", RATIO, "Gross margin", adds_up=False),
    ),
    Chart(
        "deferred_revenue",
        "Deferred revenue",
        "What was billed ahead of its service in each month, what of earlier bills was earned, and the "
        "mark: what remains to be earned at the month's end.",
        REVENUE,
        _DEFERRED.strip(),
        {"month": MONTH, "added": MONEY, "released": MONEY, "deferred": MONEY},
        _deferred,
        growth("deferred", MONEY, "Deferred revenue"),
        Overlay("deferred", MONEY),
    ),
    Chart(
        "rpo",
        "Remaining performance obligations",
        "What customers are bound to pay and the company has not yet earned: deferred revenue and backlog, "
        "by whether it will be earned within twelve months.",
        REVENUE,
        "select month, crpo, rpo - crpo as later from metrics_by_month where rpo <> 0 order by month",
        {"month": MONTH, "crpo": MONEY, "later": MONEY},
        _rpo,
        went({"crpo": "RPO within twelve months", "later": "Later RPO"}, MONEY),
        Overlay("crpo", MONEY),
    ),
)

"""Charts of recurring revenue: what there is, what moved it, and where it sits."""

import polars as pl

from simulator.chart import stack
from simulator.chart.bridge import Step, bridge
from simulator.chart.chart import RECURRING, Chart, Drawing, Drawn, Saying
from simulator.chart.column import MONEY, MONTH, QUARTER, TEXT
from simulator.chart.line import Overlay, lines, named
from simulator.chart.sentence import bridged, growth, largest, moved
from simulator.chart.series import REST, columns, joined, parts, series
from simulator.chart.theme import Style

FAR = 1.5
"""Where one balance is so many times the other, a bridge between them is drawn from 0."""

KINDS = ("new", "expansion", "reactivation", "contraction", "churn", "fx")
"""The kinds of movements, in the order in which they are shown."""

_BRIDGE = """
with last as (select max(month) as month from mrr_by_month),
    year as (
        select m.* from mrr_by_month m, last where m.month > last.month - interval 12 month
    )
select 'MRR before' as step, arg_min(opening, month) as amount from year having count(*) > 0
union all select 'new', sum(new) from year having count(*) > 0
union all select 'expansion', sum(expansion) from year having count(*) > 0
union all select 'reactivation', sum(reactivation) from year having count(*) > 0
union all select 'contraction', sum(contraction) from year having count(*) > 0
union all select 'churn', sum(churn) from year having count(*) > 0
union all select 'MRR now', arg_max(closing, month) from year having count(*) > 0"""

_FORECAST = """
with last as (select max(month) as month, last_day(max(month)) as day from mrr_by_month),
    known as (
        select c.* from mrr_changes c, last where c.recorded_on <= last.day and c.effective_on > last.day
            and c.effective_on <= last_day(last.month + interval 12 month)
    ),
    tried as (select distinct subscription from known where cause = 'trial' and amount <> 0),
    ahead as (
        select date_trunc('month', effective_on)::date as month, sum(amount) filter (amount > 0) as more,
            sum(amount) filter (amount < 0) as less
        from known anti join tried using (subscription) group by all
    ),
    months as (
        select unnest(range(month, month + interval 13 month, interval 1 month))::date as month from last
    )
select m.month, m.closing as committed_mrr, if(m.month = last.month, m.closing, null) as forecast,
    null as more, null as less
from mrr_by_month m, last where m.month > last.month - interval 12 month
union all
select m.month, null, (select arg_max(closing, month) from mrr_by_month)
        + sum(coalesce(more, 0) + coalesce(less, 0)) over (order by m.month), more, less
from months m join last on m.month > last.month left join ahead on ahead.month = m.month
where exists (from ahead)
order by 1"""

_SNOWBALL = """
select date_trunc('quarter', month)::date as month, 12 * arg_min(opening, month) as opening,
    12 * sum(new) as new, 12 * sum(expansion) as expansion, 12 * sum(reactivation) as reactivation,
    12 * sum(contraction) as contraction, 12 * sum(churn) as churn, 12 * arg_max(closing, month) as closing
from mrr_by_month group by 1 order by 1"""


def _mrr(frame: pl.DataFrame, style: Style) -> Drawn:
    found = named(
        {"committed_mrr": "committed", "usage_mrr": "usage"}, columns(frame, ["committed_mrr", "usage_mrr"])
    )
    return stack.areas(found, style, MONEY, total="total")


def _movements(frame: pl.DataFrame, style: Style) -> Drawn:
    found = series(frame, "amount", "kind", names=KINDS)
    net = series(frame.group_by("month").agg(pl.col("amount").sum()), "amount")
    return stack.bars(found, style, MONEY, hues=style.theme.moves, net=named({"amount": "net change"}, net))


def _bridge(frame: pl.DataFrame, style: Style) -> Drawn:
    hues = style.theme.moves
    steps = [
        Step(step, float(amount), hues.get(step, style.theme.other), is_balance=step not in hues)
        for step, amount in frame.iter_rows()
        if amount or step not in hues
    ]
    return bridge(steps, style, MONEY)


def _bridge_between(frame: pl.DataFrame, style: Style) -> Drawn:
    """Draw the way from what one run has in the end to what the last one has, by what moved more or less."""
    runs = joined(frame["run"])
    first, last = (
        dict(frame.filter(run=run).select("step", "amount").iter_rows()) for run in (runs[0], runs[-1])
    )
    now = "MRR now"
    steps = [Step(f"{runs[0]}", float(first[now]), style.theme.other, is_balance=True)]
    for step in [one for one in first if one != now]:
        change = float(last.get(step) or 0) - float(first[step] or 0)
        if change:
            hue = style.theme.moves.get(step, style.theme.rule)
            steps.append(Step(step, change, hue))
    steps.append(Step(f"{runs[-1]}", float(last[now]), style.theme.other, is_balance=True))
    reached = [float(one[now]) for one in (first, last)]
    return bridge(steps, style, MONEY, zero=max(reached) > FAR * min(reached))


def _by(part: str) -> Drawing:
    """Return the drawing of committed MRR by part, each with its usage MRR on top of it, paler."""

    def draw(frame: pl.DataFrame, style: Style) -> Drawn:
        both = frame.with_columns(mrr=pl.col("committed_mrr") + pl.col("usage_mrr"))
        order = series(both, "mrr", part).names
        shown = [name for name in order if name != REST]
        committed, used = (
            series(frame, column, part, names=shown, keep=True) for column in ("committed_mrr", "usage_mrr")
        )
        return stack.areas(
            committed, style, MONEY, total="total", hues=parts(committed.names, part, style), pale=used
        )

    return draw


def _with_usage(part: str) -> Saying:
    """Return the sentence of what the parts have, usage included, as the drawing has it."""
    say = largest("mrr", part, MONEY, "MRR with usage")
    return lambda frame, currency: say(
        frame.with_columns(mrr=pl.col("committed_mrr") + pl.col("usage_mrr")), currency
    )


def _parts(part: str, plural: str) -> Chart:
    return Chart(
        f"mrr_by_{part}",
        f"MRR by {part}",
        f"MRR of the {plural} at each month's end: what is committed, and on top of it, paler, what is used: "
        "the mean of the last three months' metered revenue.",
        RECURRING,
        f"select month, {part}, committed_mrr, usage_mrr from metrics_by_{part}_month\n"
        f"where committed_mrr <> 0 or usage_mrr <> 0 order by month, {part}",
        {"month": MONTH, part: TEXT, "committed_mrr": MONEY, "usage_mrr": MONEY},
        _by(part),
        _with_usage(part),
    )


def _forecast(frame: pl.DataFrame, style: Style) -> Drawn:
    found = named({"committed_mrr": "committed"}, columns(frame, ["committed_mrr", "forecast"]))
    return lines(
        found, style, MONEY, dashed=("forecast",), hues=[style.theme.series[0], style.theme.series[4]]
    )


def _snowball(frame: pl.DataFrame, style: Style) -> Drawn:
    kept = frame.with_columns(kept=pl.col("opening") + pl.col("contraction") + pl.col("churn"))
    names = ["kept", "expansion", "reactivation", "new", "contraction", "churn"]
    hues = {**style.theme.moves, "kept": style.theme.other}
    return stack.bars(columns(kept, names, 3), style, MONEY, hues=hues)


CHARTS = (
    Chart(
        "mrr",
        "Monthly recurring revenue",
        "Committed MRR is what subscriptions charge a month at the month's end, net of discounts, a year "
        "divided by 12. Usage MRR is the mean of the last three months' metered revenue.",
        RECURRING,
        "select month, committed_mrr, usage_mrr from metrics_by_month order by month",
        {"month": MONTH, "committed_mrr": MONEY, "usage_mrr": MONEY},
        _mrr,
        growth("committed_mrr", MONEY, "Committed MRR"),
        Overlay("committed_mrr", MONEY),
    ),
    Chart(
        "mrr_movements",
        "MRR movements",
        "What changed committed MRR in each month: what was won goes up, what was lost goes down. The mark "
        "across each bar is the net change.",
        RECURRING,
        "select month, kind, sum(amount) as amount from mrr_movements group by all order by month, kind",
        {"month": MONTH, "kind": TEXT, "amount": MONEY},
        _movements,
        moved,
        Overlay("amount", MONEY),
    ),
    Chart(
        "mrr_bridge",
        "MRR bridge of the last 12 months",
        "How committed MRR got from what it was twelve months ago to what it is now, by kind of movement.",
        RECURRING,
        _BRIDGE.strip(),
        {"step": TEXT, "amount": MONEY},
        _bridge,
        bridged,
        _bridge_between,
    ),
    _parts("segment", "segments"),
    _parts("stream", "streams"),
    _parts("plan", "plans"),
    Chart(
        "cmrr_forecast",
        "Committed MRR ahead",
        "What committed MRR will be over the next twelve months by what is known already: subscriptions "
        "that were cancelled and have not ended, discounts that run out, steps of commitments. Trials are "
        "left out, and so is everything that nobody has signed yet.",
        RECURRING,
        _FORECAST.strip(),
        {"month": MONTH, "committed_mrr": MONEY, "forecast": MONEY, "more": MONEY, "less": MONEY},
        _forecast,
        growth("forecast", MONEY, "By what is known, committed MRR"),
        Overlay("forecast", MONEY),
    ),
    Chart(
        "arr_snowball",
        "ARR snowball",
        "Annual recurring revenue at the end of each quarter, 12 × committed MRR: what was kept of the "
        "opening, what was added to it, and below the line what was lost.",
        RECURRING,
        _SNOWBALL.strip(),
        {"month": QUARTER, "opening": MONEY, "new": MONEY, "expansion": MONEY, "reactivation": MONEY,
         "contraction": MONEY, "churn": MONEY, "closing": MONEY},
        _snowball,
        growth("closing", MONEY, "ARR", quarters=True),
        Overlay("closing", MONEY, step=3),
    ),
)  # fmt: skip

"""Charts of retention: what is kept of customers and their revenue, and why the rest is lost."""

import polars as pl

from simulator.chart import heat, stack
from simulator.chart.chart import RETENTION, Chart, Drawn
from simulator.chart.column import COUNT, MONEY, MONTH, RATIO, TEXT
from simulator.chart.line import Level, Overlay, lines, named
from simulator.chart.sentence import by_cause, kept_after, largest, went
from simulator.chart.series import apart, columns, parts, series
from simulator.chart.theme import Style

WHOLE = Level(1.0, "100 %")

_COHORTS = """
with paying as (
        select month, account, sum(amount) as amount from mrr_balances where amount > 0 group by all
    ),
    start as (select account, min(month) as cohort, arg_min(amount, month) as amount from paying group by 1),
    size as (select cohort, count(*) as customers_start, sum(amount) as mrr_start from start group by all),
    kept as (
        select s.cohort, datediff('month', s.cohort, p.month) as age, count(*) as customers,
            sum(p.amount) as mrr, sum(least(p.amount, s.amount)) as mrr_kept
        from paying p join start s on s.account = p.account group by all
    ),
    ages as (
        select size.*, unnest(range(datediff('month', cohort, last.month) + 1)) as age
        from size, (select max(month) as month from metrics_by_month) last
    )
select cohort, age, customers_start, {base}, coalesce({kept}, 0) as {kept}
from ages left join kept using (cohort, age) order by cohort, age"""

_CAUSES = """
select month, case when kind = 'churn' then 'churn, ' || cause
        when cause in ('voluntary', 'involuntary') then 'one of several ended'
        when cause = 'subscription' then 'one more begun'
        else replace(cause, '_', '-') end as cause, sum(amount) as amount
from mrr_movements where kind in ('expansion', 'contraction', 'churn')
group by all having sum(amount) <> 0 order by month, cause"""

_WHY_LEFT = """
select month, logo_churn_voluntary as voluntary, logo_churn_involuntary as involuntary
from metrics_by_month where logo_churn_voluntary is not null order by month"""


def _retention(frame: pl.DataFrame, style: Style) -> Drawn:
    found = named(
        {"nrr": "NRR", "grr": "GRR", "nrr_total": "NRR with usage"},
        columns(frame, ["nrr", "grr", "nrr_total"]),
    )
    return lines(found, style, RATIO, rule=WHOLE, zero=False)


def _churn(frame: pl.DataFrame, style: Style) -> Drawn:
    found = apart(frame, "logo_churn_12m", "segment", style)
    return lines(found, style, RATIO, hues=parts(found.names, "segment", style))


def _why_left(frame: pl.DataFrame, style: Style) -> Drawn:
    hues = {"voluntary": style.theme.moves["contraction"], "involuntary": style.theme.moves["churn"]}
    return stack.bars(columns(frame, ["voluntary", "involuntary"]), style, RATIO, hues=hues)


def _causes(frame: pl.DataFrame, style: Style) -> Drawn:
    return stack.bars(series(frame, "amount", "cause"), style, MONEY)


def _cohorts(name: str, title: str, meaning: str, *, kept: str, base: str, what: str) -> Chart:
    unit = COUNT if kept == "customers" else MONEY
    first = "" if base == "customers_start" else f", {base}"
    sql = _COHORTS.replace(", {base}", first).format(kept=kept)
    return Chart(
        name,
        title,
        f"{meaning} A row is the customers who first paid in one month (n), a column their age in "
        "months; the first row is all cohorts that reached the age. Grey has not happened yet.",
        RETENTION,
        sql.strip(),
        {
            "cohort": MONTH,
            "age": COUNT,
            "customers_start": COUNT,
            **({base: MONEY} if first else {}),
            kept: unit,
        },
        heat.cohorts(kept, base, beyond=kept == "mrr"),
        kept_after(kept, base, what),
        heat.averages(kept, base),
    )


CHARTS = (
    Chart(
        "retention",
        "Net and gross revenue retention",
        "What the customers of twelve months ago pay now, of what they paid then (NRR); and the same, each "
        "customer at most what it paid then (GRR). With usage, revenue of three months is compared.",
        RETENTION,
        "select month, nrr, grr, nrr_total from metrics_by_month where nrr is not null order by month",
        {"month": MONTH, "nrr": RATIO, "grr": RATIO, "nrr_total": RATIO},
        _retention,
        went({"nrr": "NRR", "grr": "GRR"}, RATIO),
        Overlay("nrr", RATIO, rule=WHOLE, zero=False),
    ),
    Chart(
        "logo_churn",
        "Customer churn over 12 months",
        "Of the customers of twelve months ago, the share that does not pay now, by segment.",
        RETENTION,
        "select month, segment, logo_churn_12m from metrics_by_segment_month where logo_churn_12m is not "
        "null order by month, segment",
        {"month": MONTH, "segment": TEXT, "logo_churn_12m": RATIO},
        _churn,
        largest("logo_churn_12m", "segment", RATIO, "Customer churn over 12 months", adds_up=False),
    ),
    Chart(
        "monthly_churn",
        "Customer churn by month",
        "Of the customers at a month's opening, the share that left in it: by their own decision, or "
        "because a payment failed for good.",
        RETENTION,
        _WHY_LEFT.strip(),
        {"month": MONTH, "voluntary": RATIO, "involuntary": RATIO},
        _why_left,
        went({"voluntary": "Voluntary churn a month", "involuntary": "Involuntary churn a month"}, RATIO),
        Overlay("voluntary", RATIO),
    ),
    Chart(
        "causes",
        "Why MRR of customers changed",
        "Expansion, contraction and churn of committed MRR by what caused them: seats, plans, add-ons, "
        "prices, discounts, customers who leave or do not pay.",
        RETENTION,
        _CAUSES.strip(),
        {"month": MONTH, "cause": TEXT, "amount": MONEY},
        _causes,
        by_cause,
        Overlay("amount", MONEY),
    ),
    _cohorts(
        "cohort_net", "Net revenue retention by cohort",
        "What each cohort pays of what it paid at the start, expansion included.",
        kept="mrr", base="mrr_start", what="net revenue retention",
    ),
    _cohorts(
        "cohort_gross", "Gross revenue retention by cohort",
        "What each cohort pays of what it paid at the start, each customer at most what it paid then.",
        kept="mrr_kept", base="mrr_start", what="gross revenue retention",
    ),
    _cohorts(
        "cohort_logos", "Customer retention by cohort",
        "How many customers of each cohort still pay.",
        kept="customers", base="customers_start", what="customer retention",
    ),
)  # fmt: skip

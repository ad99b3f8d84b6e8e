"""Charts of unit economics: what a customer costs, brings and stays."""

from decimal import Decimal

import polars as pl

from simulator.chart.chart import ECONOMICS, Chart, Drawing, Drawn
from simulator.chart.column import (
    COUNT,
    MONEY,
    MONTH,
    MONTHS,
    NUMBER,
    QUARTER,
    RATIO,
    TEXT,
    quarter_label,
    word,
)
from simulator.chart.curve import curves
from simulator.chart.line import Level, Overlay, lines
from simulator.chart.row import Row, rows
from simulator.chart.sentence import growth, largest, ltv_by_segment, recovered, survived, valued
from simulator.chart.series import apart, joined, parts, series
from simulator.chart.theme import Style

EVERYBODY = "all customers"

FEW = 5
"""Where fewer customers than this are left, a curve says nothing about the others, and ends."""

_PAYBACK = """
with quarters as (
        select *, date_trunc('quarter', cohort)::date as quarter from cohort_payback where cost > 0
    ),
    size as (select quarter, count(distinct cohort) as cohorts from quarters group by all)
select q.quarter, age, sum(customers)::bigint as customers, sum(cost) as cost, sum(cumulative) as profit,
    (sum(cumulative) / sum(cost))::decimal(38, 12) as recovered
from quarters q join size on size.quarter = q.quarter
group by q.quarter, age, cohorts having count(*) = cohorts order by q.quarter, age"""

_LTV = """
select segment, cac, ltv_capped, ltv_capped_to_cac from metrics_by_segment_month
where month = (select max(month) from metrics_by_segment_month) and ltv_capped_to_cac is not null
order by ltv_capped_to_cac desc, segment"""

_SURVIVAL = f"""
select if(segment = '', '{EVERYBODY}', segment) as segment, age, at_risk, ended, survival, low, high
from customer_survival where at_risk >= {FEW}
qualify max(age) over (partition by segment) > 0 order by segment, age"""

_VALUE = f"""
select if(segment = '', '{EVERYBODY}', segment) as segment, age, customers, profit, low, high
from customer_value where customers >= {FEW}
qualify max(age) over (partition by segment) > 0 order by segment, age"""

BREAK_EVEN = Level(1.0, "earned back")
THREE = Level(3.0, "3×")


def _cac(frame: pl.DataFrame, style: Style) -> Drawn:
    found = apart(frame, "cac", "segment", style)
    return lines(found, style, MONEY, log=True, hues=parts(found.names, "segment", style))


def _payback(frame: pl.DataFrame, style: Style) -> Drawn:
    """Draw the curves of the cohorts of each quarter, the older the darker."""
    shown = frame.with_columns(cohort=pl.col("quarter").map_elements(quarter_label, return_dtype=pl.String))
    names = joined(shown["cohort"])
    hues = [_shade(style, at, len(names)) for at in range(len(names))]
    return curves(
        shown, style, RATIO, x="age", y="recovered", by="cohort", names=names, rule=BREAK_EVEN, hues=hues,
        top=3.0, told={"customers": COUNT, "cost": MONEY, "profit": MONEY},
    )  # fmt: skip


def _shade(style: Style, at: int, count: int) -> str:
    """Return the colour of a cohort: of the ramp, the last of it for the oldest."""
    ramp = style.theme.ramp[1:]
    return ramp[len(ramp) - 1 - at * len(ramp) // count]


def _ltv(frame: pl.DataFrame, style: Style) -> Drawn:
    hues = parts(frame["segment"].to_list(), "segment", style)
    found = [
        Row(
            segment,
            float(ratio),
            hue,
            _words(ratio, ltv, cac, style),
            (("LTV", _money(ltv)), ("CAC", _money(cac))),
        )
        for (segment, cac, ltv, ratio), hue in zip(frame.iter_rows(), hues, strict=True)
    ]
    return rows(found, style, NUMBER, rule=THREE, head="capped LTV over CAC", log=True)


def _words(ratio: Decimal, ltv: Decimal, cac: Decimal, style: Style) -> str:
    places = 0 if ratio >= 10 else 1 if ratio >= 1 else 2  # noqa: PLR2004 - three digits at most
    return f"{ratio:,.{places}f}×  {word(ltv, MONEY, style.currency)} for {word(cac, MONEY, style.currency)}"


def _money(value: object) -> str:
    return f"{value:,.0f}"


def _survival(frame: pl.DataFrame, style: Style) -> Drawn:
    return _banded(
        frame,
        style,
        RATIO,
        "survival",
        {"at_risk": COUNT, "ended": COUNT},
        steps=True,
    )


def _value(frame: pl.DataFrame, style: Style) -> Drawn:
    return _banded(frame, style, MONEY, "profit", {"customers": COUNT}, steps=False)


def _banded(
    frame: pl.DataFrame, style: Style, unit: str, y: str, told: dict[str, str], *, steps: bool
) -> Drawn:
    """Draw the curve of everybody with its band, and those of the larger segments."""
    old = joined(frame["segment"])
    ranked = [name for name in style.ranks.get("segment", joined(frame["segment"])) if name in old]
    own = [name for name in ranked if name != EVERYBODY][: len(style.theme.series) - 1]
    everybody = [EVERYBODY] if EVERYBODY in old else []
    return curves(
        frame, style, unit, x="age", y=y, by="segment", names=[*own, *everybody], band=("low", "high"),
        hues=[*parts(own, "segment", style), *(style.theme.ink for _ in everybody)], steps=steps, told=told,
        banded=EVERYBODY,
    )  # fmt: skip


def _everybody(y: str, unit: str, *, steps: bool) -> Drawing:
    def draw(frame: pl.DataFrame, style: Style) -> Drawn:
        whole = frame.filter(segment=EVERYBODY)
        return curves(
            whole,
            style,
            unit,
            x="age",
            y=y,
            by="run",
            names=joined(frame["run"]),
            band=("low", "high"),
            steps=steps,
        )

    return draw


CHARTS = (
    Chart(
        "cac",
        "Customer acquisition cost",
        "What sales, marketing and referrals spent three months before, per customer won (over three months "
        "together), by segment. Costs that name no segment are shared out by the MRR won.",
        ECONOMICS,
        "select month, segment, cac from metrics_by_segment_month where cac > 0 order by month, segment",
        {"month": MONTH, "segment": TEXT, "cac": MONEY},
        _cac,
        largest("cac", "segment", MONEY, "CAC", adds_up=False),
    ),
    Chart(
        "cac_payback",
        "CAC payback",
        "After how many months the gross margin of the new MRR has earned back what winning it cost, over "
        "three months together.",
        ECONOMICS,
        "select month, payback_months from metrics_by_month where payback_months is not null order by month",
        {"month": MONTH, "payback_months": MONTHS},
        lambda frame, style: lines(series(frame, "payback_months")._replace(names=["months"]), style, MONTHS),
        growth("payback_months", MONTHS, "CAC payback in months"),
        Overlay("payback_months", MONTHS),
    ),
    Chart(
        "payback_curves",
        "Payback by cohort",
        "What the customers won in each quarter have brought in gross profit at each age, of what winning "
        "them cost. Dark curves are older cohorts; above 100 % they have paid for themselves.",
        ECONOMICS,
        _PAYBACK.strip(),
        {
            "quarter": QUARTER,
            "age": COUNT,
            "customers": COUNT,
            "cost": MONEY,
            "profit": MONEY,
            "recovered": RATIO,
        },
        _payback,
        recovered,
    ),
    Chart(
        "ltv_to_cac",
        "LTV to CAC",
        "What a customer brings in gross profit within 60 months at the churn of the last six, over what "
        "one costs to win, by segment. Three is the rule of thumb.",
        ECONOMICS,
        _LTV.strip(),
        {"segment": TEXT, "cac": MONEY, "ltv_capped": MONEY, "ltv_capped_to_cac": RATIO},
        _ltv,
        ltv_by_segment,
    ),
    Chart(
        "survival",
        "Customer survival",
        "The share of customers that still pays at each age (Kaplan-Meier: customers who are still there "
        "count as long as they have been seen), with its 95 % band. A curve ends where fewer than five are "
        "left.",
        ECONOMICS,
        _SURVIVAL.strip(),
        {
            "segment": TEXT,
            "age": COUNT,
            "at_risk": COUNT,
            "ended": COUNT,
            "survival": RATIO,
            "low": RATIO,
            "high": RATIO,
        },
        _survival,
        survived,
        _everybody("survival", RATIO, steps=True),
    ),
    Chart(
        "customer_value",
        "What a customer has brought",
        "Mean gross profit that a customer has brought by each age, of customers who are old enough, with "
        "its 95 % band.",
        ECONOMICS,
        _VALUE.strip(),
        {"segment": TEXT, "age": COUNT, "customers": COUNT, "profit": MONEY, "low": MONEY, "high": MONEY},
        _value,
        valued,
        _everybody("profit", MONEY, steps=False),
    ),
)

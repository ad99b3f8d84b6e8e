"""Charts of efficiency: what growth costs, and whether it pays."""

import polars as pl

from simulator.chart import stack
from simulator.chart.chart import EFFICIENCY, Chart, Drawn
from simulator.chart.column import MONTH, NUMBER, RATIO
from simulator.chart.line import Level, Overlay, lines, named
from simulator.chart.sentence import growth, went
from simulator.chart.series import columns, series
from simulator.chart.theme import Style


def _line(column: str, head: str, meaning: str, rule: Level) -> Chart:
    def draw(frame: pl.DataFrame, style: Style) -> Drawn:
        return lines(series(frame, column)._replace(names=[""]), style, NUMBER, rule=rule, log=True)

    return Chart(
        column, head, meaning, EFFICIENCY,
        f"select month, {column} from metrics_by_month where {column} is not null order by month",
        {"month": MONTH, column: NUMBER}, draw, growth(column, NUMBER, head),
        Overlay(column, NUMBER, rule=rule),
    )  # fmt: skip


def _magic(frame: pl.DataFrame, style: Style) -> Drawn:
    found = columns(frame, ["magic_number", "magic_number_arr"])
    told = named({"magic_number": "by revenue", "magic_number_arr": "by ARR"}, found)
    return lines(told, style, NUMBER, rule=Level(0.75, "0.75: good"))


def _rule_of_40(frame: pl.DataFrame, style: Style) -> Drawn:
    found = named(
        {"revenue_growth_12m": "growth", "operating_margin": "operating margin"},
        columns(frame, ["revenue_growth_12m", "operating_margin"]),
    )
    whole = named({"rule_of_40": "together"}, columns(frame, ["rule_of_40"]))
    hues = {"growth": style.theme.series[0], "operating margin": style.theme.series[2]}
    return stack.bars(found, style, RATIO, hues=hues, net=whole)


CHARTS = (
    _line(
        "quick_ratio", "Quick ratio",
        "MRR won (new, expansion, reactivation) over MRR lost (contraction, churn) in the month. There is "
        "none where nothing was lost. Four is the rule of thumb.",
        Level(4.0, "4: good"),
    ),
    Chart(
        "magic_number", "Magic number",
        "The recurring revenue (or ARR) that a quarter added, as of a year, over what sales and marketing "
        "spent in the quarter before.",
        EFFICIENCY,
        "select month, magic_number, magic_number_arr from metrics_by_month\n"
        "where magic_number is not null or magic_number_arr is not null order by month",
        {"month": MONTH, "magic_number": NUMBER, "magic_number_arr": NUMBER},
        _magic,
        went({"magic_number": "Magic number", "magic_number_arr": "Magic number by ARR"}, NUMBER),
        Overlay("magic_number", NUMBER),
    ),
    _line(
        "burn_multiple", "Burn multiple",
        "Cash burned over net new ARR, three months together. There is none where no cash was burned or no "
        "ARR won. Below one is excellent, above two is a warning.",
        Level(1.0, "1: good"),
    ),
    Chart(
        "rule_of_40", "Rule of 40",
        "Growth of revenue over a year plus operating margin, three months together; 40 % is the rule of "
        "thumb.",
        EFFICIENCY,
        "select month, revenue_growth_12m, operating_margin, rule_of_40 from metrics_by_month\n"
        "where rule_of_40 is not null order by month",
        {"month": MONTH, "revenue_growth_12m": RATIO, "operating_margin": RATIO, "rule_of_40": RATIO},
        _rule_of_40,
        growth("rule_of_40", RATIO, "Growth plus operating margin"),
        Overlay("rule_of_40", RATIO, rule=Level(0.4, "40 %")),
    ),
)  # fmt: skip

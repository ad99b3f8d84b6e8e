"""Charts of services and training: how busy consultants are, what they bring, what training comes to."""

import polars as pl

from simulator.chart import stack
from simulator.chart.chart import SERVICES, Chart, Drawn
from simulator.chart.column import COUNT, MONEY, MONTH, NUMBER, RATIO
from simulator.chart.line import Overlay, lines, named
from simulator.chart.sentence import growth, went
from simulator.chart.series import columns, series
from simulator.chart.theme import Style


def _hours(frame: pl.DataFrame, style: Style) -> Drawn:
    return stack.bars(columns(frame, ["billable", "other"]), style, NUMBER)


def _line(column: str, head: str, meaning: str, unit: str, said: str, *, words: str = "") -> Chart:
    def draw(frame: pl.DataFrame, style: Style) -> Drawn:
        return lines(series(frame, column)._replace(names=[words]), style, unit)

    return Chart(
        column, head, meaning, SERVICES,
        f"select month, {column} from metrics_by_month where {column} is not null order by month",
        {"month": MONTH, column: unit}, draw, growth(column, unit, said), Overlay(column, unit),
    )  # fmt: skip


def _training(frame: pl.DataFrame, style: Style) -> Drawn:
    names = {"pass_rate": "exams passed", "completion_rate": "courses completed"}
    return lines(named(names, columns(frame, [*names])), style, RATIO)


def _tickets(frame: pl.DataFrame, style: Style) -> Drawn:
    names = {"resolution_hours": "median", "resolution_hours_p90": "nine of ten within"}
    return lines(named(names, columns(frame, [*names])), style, NUMBER)


CHARTS = (
    _line(
        "utilisation", "Utilisation of consultants",
        "Billable hours over available hours (1,920 a year for each consultant who worked in the last three "
        "months).",
        RATIO, "Utilisation",
    ),
    Chart(
        "hours", "Hours worked",
        "Hours that consultants worked on projects in each month, billable or not.",
        SERVICES,
        "select month, hours_billable as billable, hours_worked - hours_billable as other\n"
        "from metrics_by_month where hours_worked > 0 order by month",
        {"month": MONTH, "billable": NUMBER, "other": NUMBER},
        _hours,
        went({"billable": "Billable hours a month", "other": "Other hours a month"}, NUMBER),
        Overlay("billable", NUMBER),
    ),
    _line(
        "revenue_per_consultant", "Revenue per consultant",
        "Revenue of services over twelve months, per consultant at work in them.",
        MONEY, "Revenue per consultant a year", words="a year",
    ),
    Chart(
        "training", "Training",
        "Of the exams sat in three months, the share passed; of the course places taken in twelve, the "
        "share completed.",
        SERVICES,
        "select month, pass_rate, completion_rate from metrics_by_month\n"
        "where pass_rate is not null or completion_rate is not null order by month",
        {"month": MONTH, "pass_rate": RATIO, "completion_rate": RATIO},
        _training,
        went({"pass_rate": "Exams passed", "completion_rate": "Courses completed"}, RATIO),
        Overlay("pass_rate", RATIO),
    ),
    Chart(
        "resolution", "Hours to resolve a ticket",
        "Hours from a support ticket to its resolution: half take less than the median.",
        SERVICES,
        "select month, resolution_hours, resolution_hours_p90, tickets from metrics_by_month\n"
        "where resolution_hours is not null order by month",
        {"month": MONTH, "resolution_hours": NUMBER, "resolution_hours_p90": NUMBER, "tickets": COUNT},
        _tickets,
        went({"resolution_hours": "Median hours to resolve a ticket"}, NUMBER),
        Overlay("resolution_hours", NUMBER),
    ),
)  # fmt: skip

"""Chart of targets: what a plan promised for each year, beside what the company reached."""

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
from duckdb import DuckDBPyConnection

from analytics import plan_file
from analytics.attainment import Row, attained
from analytics.plan import Plan
from simulator.chart.chart import TARGETS, Chart, Drawn, layered
from simulator.chart.column import NUMBER, RATIO, TEXT, tooltip
from simulator.chart.series import joined
from simulator.chart.theme import Style

SHOWN = 40
"""So many figures are drawn at most: the first of the plan."""

TALL = 20
"""Pixels of a figure's row."""

YEAR = 12

SCHEMA = pl.Schema({
    "figure": pl.String(), "period": pl.String(), "goal": pl.String(), "ledger": pl.Float64(),
    "reached": pl.Float64(),
})  # fmt: skip


def reached(plan: Path, con: DuckDBPyConnection) -> pl.DataFrame:
    """Return the figures of a plan that the ledger can be held against, of its years and in its order.

    `goal` is the printed figure, or what its drivers come to where that is another; `reached` is the ledger's
    over the nearer end of the goal.
    """
    loaded = plan_file.load(plan)
    return held(loaded, attained(loaded, con, str(plan)))


def held(plan: Plan, rows: Sequence[Row]) -> pl.DataFrame:
    """Return the same of the rows of `analytics.attainment.attained`."""
    drawn = [_row(plan, row) for row in rows if _is_drawn(plan, row)]
    return pl.DataFrame(drawn, schema=SCHEMA, orient="row")


def _is_drawn(plan: Plan, row: Row) -> bool:
    period = plan.periods.get(row.period)
    is_year = period is None or period.months >= YEAR
    low, high = (end.middle for end in row.goal)
    return is_year and row.ledger is not None and low > 0 and high > 0 and row.state != "not over"


def _row(plan: Plan, row: Row) -> tuple[Any, ...]:
    assert row.ledger is not None
    low, high = (end.middle for end in row.goal)
    value = Fraction(row.ledger)
    nearer = low if value < low else min(value, high)
    printed = row.printed.text if row.printed else ""
    goal = printed if row.recomputed is None or not row.why else f"{float(low):,.6g}"
    name = plan.periods[row.period].name or row.period if row.period in plan.periods else row.period
    return row.name, name, goal, float(row.ledger), float(value / nearer) if nearer else 1.0


def _draw(frame: pl.DataFrame, style: Style) -> Drawn:
    figures = joined(frame["figure"])[:SHOWN]
    rows = [
        {
            "figure": figure, "period": period, "goal": goal, "ledger": ledger,
            "reached": round(share, 4), "text": f"{share * 100:,.0f} %",
        }
        for figure, period, goal, ledger, share in frame.filter(pl.col("figure").is_in(figures)).iter_rows()
    ]  # fmt: skip
    whole = style.of(rows)
    periods = sorted(joined(frame["period"]), key=_natural)
    x = alt.X(
        "period:N", scale=alt.Scale(domain=periods, paddingInner=0.04), sort=None,
        axis=alt.Axis(orient="top", domain=False, labelAngle=0, title=None),
    )  # fmt: skip
    y = alt.Y(
        "figure:N", scale=alt.Scale(domain=figures, paddingInner=0.1), sort=None,
        axis=alt.Axis(grid=False, title=None, labelLimit=190, labelColor=style.theme.ink),
    )  # fmt: skip
    scale = alt.Scale(
        domain=[0, 0.7, 1, 1.3, 2], range=list(style.theme.diverging), clamp=True, interpolate="lab"
    )
    colour = alt.Color("reached:Q", scale=scale, legend=None)
    told = [
        tooltip("figure", TEXT), tooltip("period", TEXT), tooltip("goal", TEXT),
        tooltip("ledger", NUMBER, "simulated"), tooltip("reached", RATIO),
    ]  # fmt: skip
    cells = whole.mark_rect().encode(x=x, y=y, color=colour, tooltip=told)
    strong = alt.condition(
        "datum.reached < 0.4 || datum.reached > 1.6", alt.value(style.theme.paper), alt.value(style.theme.ink)
    )
    words = whole.mark_text().encode(x=x, y=y, text="text:N", color=strong, tooltip=told)
    return layered(cells, words).properties(height=TALL * len(figures) + 40)


def _natural(name: str) -> list[tuple[int, str]]:
    """Return what sorts `Year 2` before `Year 10`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _say(frame: pl.DataFrame, currency: str) -> str:
    near = len(frame.filter((pl.col("reached") - 1).abs() <= 0.1))  # noqa: PLR2004 - a tenth, as it says
    return f"Of {len(frame)} yearly figures of the plan, {near} were reached within 10 %."


CHARTS = (
    Chart(
        "targets",
        "Plan and simulation",
        "What was reached of the plan's yearly figures: 100 % is the plan. Where a printed figure does not "
        "follow from the plan's own drivers, what they come to is the goal.",
        TARGETS,
        "select figure, period, goal, ledger, reached from targets",
        {"figure": TEXT, "period": TEXT, "goal": TEXT, "ledger": NUMBER, "reached": RATIO},
        _draw,
        _say,
        None,
        "targets",
    ),
)

"""Heat: what is left of each cohort at each age, as colour; what no cohort has lived to yet stays grey."""

from typing import Any

import altair as alt
import polars as pl

from simulator.chart.chart import Drawing, Drawn, layered
from simulator.chart.column import COUNT, RATIO, TEXT, month_label, tooltip
from simulator.chart.curve import curves
from simulator.chart.series import joined
from simulator.chart.theme import Style

AVERAGE = "all cohorts"

ROW = 16
"""Pixels of a cohort's height."""

AROUND = 84
"""Pixels of what stands above the cohorts: the colours, and the ages."""

SPELT = 13
"""Up to so many ages, every cell says its number."""


def cohorts(kept: str, base: str, *, beyond: bool) -> Drawing:
    """Return the drawing of column `kept` over column `base` by cohort and age.

    With `beyond` a cohort may keep more than it began with: 100 % is then the middle of the colours.
    """

    def draw(frame: pl.DataFrame, style: Style) -> Drawn:
        rows = _cells(frame, kept, base)
        names = [row["cohort"] for row in rows if row["age"] == 0]
        names.insert(1, "")  # a gap, for the first row is not one of those below it
        ages = sorted({row["age"] for row in rows})
        y = alt.Y(
            "cohort:N",
            scale=alt.Scale(domain=names, paddingInner=0.06),
            sort=None,
            axis=alt.Axis(grid=False, title=None, labelLimit=150, labelOverlap="parity", labelFontSize=11),
        )
        x = alt.X(
            "age:O",
            scale=alt.Scale(domain=ages, paddingInner=0.06),
            axis=alt.Axis(
                title="months since the first payment", titleAnchor="start", labelOverlap="parity",
                labelAngle=0, domain=False, orient="top", titlePadding=4,
            ),
        )  # fmt: skip
        told = [
            tooltip("cohort", TEXT), tooltip("age", COUNT, "month"), tooltip("kept", RATIO),
            tooltip("customers", COUNT, "customers then"),
        ]  # fmt: skip
        whole = style.of(rows)
        ground = style.of([{"cohort": name, "age": age} for name in names if name for age in ages])
        unripe = ground.mark_rect(color=style.theme.unripe).encode(x=x, y=y)
        cells = whole.mark_rect().encode(x=x, y=y, color=_colour(rows, style, beyond=beyond), tooltip=told)
        words = whole.mark_text(fontSize=10 if len(ages) <= SPELT else 9).encode(
            x=x, y=y, text=alt.Text("kept:Q", format=".0%"), color=_ink(rows, style, beyond=beyond)
        )
        # A number in each cell where there is room; else only in the row of all cohorts, on a wide page.
        spelt = len(ages) <= SPELT
        least = 34 * len(ages) if spelt else 18 * len(ages)
        words = words.transform_filter("true" if spelt else f"datum.cohort == '{AVERAGE}'").transform_filter(
            f"width >= {least}"
        )
        if not spelt:
            words = words.encode(text=alt.Text("percent:N"))
        return layered(unripe, cells, words).properties(height=ROW * len(names) + AROUND)

    return draw


def averages(kept: str, base: str) -> Drawing:
    """Return the drawing of several runs: what is left of all their cohorts together, a line for each run."""

    def draw(frame: pl.DataFrame, style: Style) -> Drawn:
        lived = frame.group_by("run", "age", maintain_order=True).agg(
            pl.col(kept).sum() / pl.col(base).sum().cast(pl.Float64),
            pl.col("customers_start").sum().alias("n"),
        )
        lived = lived.rename({kept: "kept"}).drop_nulls("kept").sort("age", maintain_order=True)
        return curves(lived, style, RATIO, x="age", y="kept", by="run", names=joined(frame["run"]))

    return draw


def _cells(frame: pl.DataFrame, kept: str, base: str) -> list[dict[str, Any]]:
    """Return a row for each cell: cohorts by age, and above them all that reached the age, together."""
    sums = frame.group_by("age").agg(pl.col(kept, base, "customers_start").sum()).sort("age")
    found = [_cell(AVERAGE, row, row[kept], row[base]) for row in sums.iter_rows(named=True)]
    for row in frame.sort("cohort", "age").iter_rows(named=True):
        name = f"{month_label(row['cohort'])}  n {row['customers_start']}"
        found.append(_cell(name, row, row[kept], row[base]))
    return [row for row in found if row]


def _cell(name: str, row: dict[str, Any], kept: Any, base: Any) -> dict[str, Any]:
    if not base:
        return {}
    share = round(float(kept) / float(base), 4)
    cell = {"cohort": name, "age": row["age"], "kept": share, "customers": row["customers_start"]}
    return cell | ({"percent": f"{share * 100:.0f}"} if name == AVERAGE else {})


def _colour(rows: list[dict[str, Any]], style: Style, *, beyond: bool) -> alt.Color:
    """Return the colours of shares: from little to all, or from less than all to more."""
    legend = alt.Legend(
        format=".0%",
        gradientLength=160,
        gradientThickness=8,
        orient="top",
        direction="horizontal",
        title=None,
    )
    if not beyond:
        return alt.Color(
            "kept:Q",
            scale=alt.Scale(domain=[0, 1], range=list(style.theme.ramp), interpolate="lab"),
            legend=legend,
        )
    top = _top(rows)
    scale = alt.Scale(
        domain=[0, 0.5, 1, (1 + top) / 2, top],
        range=list(style.theme.diverging),
        clamp=True,
        interpolate="lab",
    )
    return alt.Color("kept:Q", scale=scale, legend=legend)


def _top(rows: list[dict[str, Any]]) -> float:
    """Return the share from which on everything has the strongest colour: few cells lie above it."""
    shares = sorted(row["kept"] for row in rows)
    return float(min(max(1.5, shares[int(len(shares) * 0.95)]), 3))


def _ink(rows: list[dict[str, Any]], style: Style, *, beyond: bool) -> Any:
    """Return the colour of a number, readable on the colour of its cell: strong colours turn it round."""
    strong = "datum.kept > 0.6"
    if beyond:
        strong = f"datum.kept > {(1 + _top(rows)) / 2 + 0.1:.3f} || datum.kept < 0.3"
    return alt.condition(strong, alt.value(style.theme.paper), alt.value(style.theme.ink))

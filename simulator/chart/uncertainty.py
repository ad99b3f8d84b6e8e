"""Charts of uncertainty: where other histories of the same company lie, and which of its rates matter."""

from typing import Any

import altair as alt
import polars as pl

from simulator.chart.axis import around, time_x, value_y
from simulator.chart.chart import UNCERTAINTY, Chart, Drawing, Drawn, layered
from simulator.chart.column import COUNT, MONEY, MONTH, RATIO, TEXT, number_label, plain, tooltip, word
from simulator.chart.label import at_end
from simulator.chart.line import Overlay
from simulator.chart.sentence import Saying
from simulator.chart.series import Series, columns
from simulator.chart.theme import Style

BANDS = {
    "committed_mrr": ("Committed MRR", MONEY),
    "revenue": ("Revenue", MONEY),
    "customers": ("Customers", COUNT),
    "nrr": ("Net revenue retention", RATIO),
    "cash": ("Cash", MONEY),
}
"""The metrics whose bands are drawn."""

MOST = 12
"""So many drivers are drawn at most."""


def _band(unit: str) -> Drawing:
    """Return the drawing of the band between the 10th and 90th percentile, the median, and the run itself."""

    def draw(frame: pl.DataFrame, style: Style) -> Drawn:
        found = columns(frame, ["p10", "p50", "p90", "own"])
        ends = around(found.values())
        theme, whole = style.theme, style.of(_rows(found))
        x = time_x(found.labels)
        told = [
            tooltip("month", TEXT),
            *(tooltip(name, unit, name.upper()) for name in ("p10", "p50", "p90")),
        ]
        told.append(tooltip("own", unit, "this run"))
        band = whole.mark_area(color=theme.series[4], opacity=0.3).encode(
            x=x, y=value_y("p10", unit, ends), y2="p90:Q", tooltip=told
        )
        middle = whole.mark_line(color=theme.series[0]).encode(x=x, y="p50:Q", tooltip=told)
        own = whole.mark_line(color=theme.series[1], strokeDash=[5, 4], strokeWidth=1.8).encode(
            x=x, y="own:Q", tooltip=told
        )
        hues = {
            "p90": theme.series[4],
            "p50": theme.series[0],
            "p10": theme.series[4],
            "own": theme.series[1],
        }
        last = {name: numbers[-1] for name, numbers in zip(found.names, found.numbers, strict=True)}
        words = [
            (
                f"{'this run' if name == 'own' else name.upper()} {word(last[name], unit, style.currency)}",
                last[name],
                hue,
            )
            for name, hue in hues.items()
            if last.get(name) is not None
        ]
        return layered(band, middle, own, at_end(words, ends, style))  # type: ignore[arg-type]

    return draw


def _rows(found: Series) -> list[dict[str, Any]]:
    rows = []
    for at, label in enumerate(found.labels):
        known = {name: numbers[at] for name, numbers in zip(found.names, found.numbers, strict=True)}
        rows.append(
            {"month": label, **{name: plain(value) for name, value in known.items() if value is not None}}
        )
    return rows


def _say_band(what: str, unit: str) -> Saying:
    def say(frame: pl.DataFrame, currency: str) -> str:
        last = frame.row(-1, named=True)
        low, middle, high = (word(last[name], unit, currency) for name in ("p10", "p50", "p90"))
        month = word(last["month"], MONTH, currency)
        spread = f"half below {middle}, four of five from {low} to {high}"
        return f"{what} in {month}, of {last['seeds']} histories: {spread}."

    return say


def _tornado(frame: pl.DataFrame, style: Style) -> Drawn:
    """Draw what each driver does to committed MRR: one end with the rate lower, one with it higher."""
    top = frame.head(MOST)
    base = float(top["base"][0])
    rows = [
        {
            "driver": plain(title),
            "setting": setting,
            "value": plain(value),
            "base": plain(base),
            "change": plain(change),
        }
        for title, low, high, less, more in top.select(
            "title", "low_value", "high_value", "low_change", "high_change"
        ).iter_rows()
        for setting, value, change in (("lower", low, less), ("higher", high, more))
    ]
    whole, theme = style.of(rows), style.theme
    ends = around([row["value"] for row in rows], zero=False, room=0.1)
    names = list(dict.fromkeys(row["driver"] for row in rows))
    y = alt.Y(
        "driver:N", scale=alt.Scale(domain=names, paddingInner=0.3), sort=None,
        axis=alt.Axis(grid=False, title=None, labelLimit=240, labelColor=theme.ink),
    )  # fmt: skip
    axis = alt.Axis(labelExpr=number_label(MONEY), tickCount=5, grid=True, domain=False, title=None)
    x = alt.X("value:Q", scale=alt.Scale(domain=list(ends), nice=False), axis=axis)
    settings = alt.Scale(domain=["lower", "higher"], range=[theme.series[1], theme.series[0]])
    colour = alt.Color("setting:N", scale=settings, legend=alt.Legend(title=None))
    told = [
        tooltip("driver", TEXT),
        tooltip("setting", TEXT),
        tooltip("value", MONEY),
        tooltip("change", MONEY),
    ]
    bars = whole.mark_bar(cornerRadius=1).encode(x=x, x2="base:Q", y=y, color=colour, tooltip=told)
    rule = style.of([{"value": base}]).mark_rule(color=theme.ink).encode(x="value:Q")
    return layered(bars, rule).properties(height=24 * len(names) + 70)


def _say_tornado(frame: pl.DataFrame, currency: str) -> str:
    told = [
        f"{title} ({word(low, MONEY, currency)} to {word(high, MONEY, currency)})"
        for title, low, high in frame.head(3).select("title", "low_value", "high_value").iter_rows()
    ]
    return f"What moves committed MRR of the last month most: {', '.join(told)}."


def _bands(metric: str, head: str, unit: str) -> Chart:
    sql = (
        f"with own as (select month, {metric}::double as own from seed_metrics\n"
        "    where seed = (select seed from seed_metrics limit 1))\n"
        "select month, seeds, p10, p50, p90, own from seed_bands left join own using (month)\n"
        f"where metric = '{metric}' and p50 is not null order by month"
    )
    return Chart(
        f"seeds_{metric}",
        f"{head} in other histories",
        "The same company with other chances: of all seeds, one in ten lies below the band and one in ten "
        "above it. The line is the median, the dashed line is this run.",
        UNCERTAINTY,
        sql,
        {"month": MONTH, "seeds": COUNT, "p10": unit, "p50": unit, "p90": unit, "own": unit},
        _band(unit),
        _say_band(head, unit),
        Overlay("p50", unit),
    )


CHARTS = (
    *(_bands(metric, head, unit) for metric, (head, unit) in BANDS.items()),
    Chart(
        "tornado",
        "What moves committed MRR most",
        "Committed MRR of the last month with one rate of the scenario a little lower or higher, and all "
        "chances the same.",
        UNCERTAINTY,
        "select driver, title, low_value, high_value, base, low_change, high_change from tornado\n"
        "where metric = 'committed_mrr' order by swing desc, driver",
        {"driver": TEXT, "title": TEXT, "low_value": MONEY, "high_value": MONEY, "base": MONEY,
         "low_change": MONEY, "high_change": MONEY},
        _tornado,
        _say_tornado,
    ),
)  # fmt: skip

"""Targets: what a plan promised for each year, beside what the simulated company reached.

A printed target may be wrong in itself. Where its own drivers come to another figure, the plan gives that one
under `recomputed`, and the simulated figure is held against it.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.dimension import Dimension
from analytics.figures import YEAR, figures, run_year
from analytics.formula import ratio
from analytics.metrics import METRICS, PLACES, YEARLY, summary
from billing.money import EXACT
from metering.document import Problem, Problems, did_you_mean

Number = int | Decimal
Rows = Mapping[str, Sequence[Number | None]]
Targets = Mapping[str, Any]

RECOMPUTED = "recomputed"
TOTAL = "total"
FIGURES = "figures"

_KEY = ["measure", "row", "year"]
_SCHEMA = pl.Schema({"measure": pl.String(), "row": pl.String(), "year": pl.Int64(), "target": EXACT})


class Measure(NamedTuple):
    """What targets are set for: a figure and its split; a year adds it up or is left with it."""

    figure: str
    by: Dimension
    adds_up: bool


MEASURES: dict[str, Measure] = {
    "customers": Measure("customers", "segment", adds_up=False),
    "customers_by_plan": Measure("customers", "plan", adds_up=False),
    "revenue": Measure("revenue", "stream", adds_up=True),
    "revenue_by_segment": Measure("revenue", "segment", adds_up=True),
}
"""The measures that are split into rows. Beside them, `figures` are metrics of the whole company, by name."""

FIGURE_NAMES = (*YEARLY, "gross_margin")
"""What targets under `figures` can be set for: the metrics of `summary`."""


def compare(con: DuckDBPyConnection, targets: Targets) -> pl.DataFrame:
    """Hold what the ledger reached against the targets, one row for each year, measure and row of it.

    `targets` is `{"customers": {"smb": [75, 200, 450]}, "revenue": {...}, "figures": {"arr": [...]},
    "recomputed": {...}}`: a list holds one figure a year, None where there is none; `recomputed` is built
    like the rest. `difference` is simulated - recomputed (- target where nothing was recomputed), `reached`
    is simulated over the same; both are NULL in a year that is not over. A part that the plan leaves out has
    no target. `total` adds up the rows that have one; where the plan prints a total, it covers all rows.
    Raises Problems for a measure or figure that does not exist.
    """
    problems = [
        *_problems(targets, "targets"),
        *_problems(targets.get(RECOMPUTED, {}), f"targets.{RECOMPUTED}"),
    ]
    if problems:
        raise Problems(problems)
    printed = {measure: rows for measure, rows in targets.items() if measure != RECOMPUTED}
    recomputed = _rows(targets.get(RECOMPUTED, {})).rename({"target": RECOMPUTED})
    plan = _rows(printed).join(recomputed, on=_KEY, how="full", coalesce=True)
    yearly = summary(con, names=_named(targets))
    simulated = [_figures(yearly) if measure == FIGURES else _parts(con, measure) for measure in printed]
    schema = {**_SCHEMA, "simulated": EXACT}
    del schema["target"]
    table = plan.join(
        pl.concat([pl.DataFrame(schema=schema), *simulated]), on=_KEY, how="full", coalesce=True
    )
    table = table.join(yearly.select("year", "months"), on="year")
    split = pl.col("measure") != FIGURES
    table = table.with_columns(
        simulated=pl.when(split).then(pl.col("simulated").fill_null(0)).otherwise("simulated")
    )
    return _finished(_with_totals(table, [name for name in MEASURES if _has_total(printed.get(name, {}))]))


def _problems(targets: Targets, place: str) -> Iterator[Problem]:
    for measure, rows in targets.items():
        if measure not in (*MEASURES, FIGURES, RECOMPUTED):
            remedy = did_you_mean(measure, (*MEASURES, FIGURES))
            yield Problem(f"{place}.{measure}", "there is no such measure", remedy)
        if measure == FIGURES:
            for row in rows:
                if row not in FIGURE_NAMES:
                    yield Problem(
                        f"{place}.{FIGURES}.{row}", "there is no such figure", did_you_mean(row, FIGURE_NAMES)
                    )


def _named(targets: Targets) -> list[str]:
    """Name the figures that targets are set for."""
    return [row for told in (targets, targets.get(RECOMPUTED, {})) for row in told.get(FIGURES, {})]


def _rows(targets: Mapping[str, Rows]) -> pl.DataFrame:
    rows = [
        (measure, row, year, None if number is None else Decimal(number))
        for measure, numbers_of in targets.items()
        for row, numbers in numbers_of.items()
        for year, number in enumerate(numbers, start=1)
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _parts(con: DuckDBPyConnection, measure: str) -> pl.DataFrame:
    """Return what each part of a measure came to in each year."""
    figure, by, adds_up = MEASURES[measure]
    value = pl.col(figure).sum() if adds_up else pl.col(figure).sort_by("month").last()
    key = (pl.lit(measure).alias("measure"), pl.col("part").alias("row"), run_year().alias("year"))
    return figures(con, by, wanted=()).group_by(key).agg(simulated=value.cast(EXACT))


def _figures(yearly: pl.DataFrame) -> pl.DataFrame:
    """Return the metrics of each year as rows."""
    names = [name for name in METRICS if name in yearly.columns]
    rows = yearly.select("year", pl.col(names).cast(EXACT)).unpivot(
        names, index="year", variable_name="row", value_name="simulated"
    )
    return rows.select(pl.lit(FIGURES).alias("measure"), "row", "year", "simulated")


def _has_total(rows: Rows) -> bool:
    return len(rows) > 1 or TOTAL in rows


def _with_totals(table: pl.DataFrame, measures: Sequence[str]) -> pl.DataFrame:
    """Add the totals: of the rows with a target, or of all where the plan prints a total itself."""
    parts = table.filter(pl.col("row") != TOTAL, pl.col("measure").is_in(measures))
    told = pl.col("target").is_not_null()
    sums = parts.group_by("measure", "year", "months").agg(
        pl.col("target").sum(),
        (pl.col(RECOMPUTED) - pl.col("target")).sum().alias("mended"),
        pl.col(RECOMPUTED).is_not_null().any().alias("is_mended"),
        pl.col("simulated").filter(told).sum(),
        pl.col("simulated").sum().alias("simulated_of_all"),
        told.any().alias("told"),
    )
    printed = table.filter(pl.col("row") == TOTAL).select("measure", "year", "target", RECOMPUTED)
    totals = sums.join(printed, on=["measure", "year"], how="left", suffix="_printed").with_columns(
        row=pl.lit(TOTAL),
        target=pl.coalesce("target_printed", pl.when("told").then("target")),
        simulated=pl.when(pl.col("target_printed").is_not_null())
        .then("simulated_of_all")
        .otherwise("simulated"),
    )
    mended = pl.when("is_mended").then(pl.col("target") + pl.col("mended"))
    totals = totals.with_columns(pl.coalesce(RECOMPUTED, mended).alias(RECOMPUTED))
    return pl.concat([table.filter(pl.col("row") != TOTAL), totals.select(table.columns)])


def _finished(table: pl.DataFrame) -> pl.DataFrame:
    goal = pl.coalesce(RECOMPUTED, "target")
    over = pl.col("months") == YEAR
    untold = pl.col("target").is_null() & (
        (pl.col("simulated") == 0) | (pl.col("measure") == FIGURES) | (pl.col("row") == TOTAL)
    )
    return (
        table.filter(~untold)
        .with_columns(
            difference=pl.when(over).then(pl.col("simulated") - goal),
            reached=pl.when(over).then(ratio(pl.col("simulated"), goal).round(PLACES)),
        )
        .sort("measure", pl.col("row") == TOTAL, "row", "year")
        .select(
            "year", "measure", "row", "target", RECOMPUTED, "simulated", "difference", "reached", "months"
        )
    )

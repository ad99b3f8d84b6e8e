"""The summary: what a run came to, year by year, beside what its scenario expected."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from duckdb import DuckDBPyConnection
from rich.console import Console
from rich.text import Text

from analytics import metrics, targets
from analytics.figures import YEAR
from simulator.publication import RUNS
from simulator.tables import plain_table
from simulator.values import percent_text, sparkline, whole_money_text

MEASURES = ("customers", "revenue")
"""The measures that a scenario sets targets for, as `analytics.targets` calls them."""


class Summary(NamedTuple):
    """The figures of a run: one row a year, committed MRR a month, and targets beside what was reached."""

    years: pl.DataFrame
    mrr: list[Decimal]
    targets: pl.DataFrame
    currency: str


def summarise(ledger: DuckDBPyConnection, currency: str, years: Sequence[Any]) -> Summary:
    """Gather a run's figures from its ledger; `years` are the targets of its scenario."""
    committed = ledger.execute("select closing from mrr_by_month order by month").fetchall()
    return Summary(
        metrics.summary(ledger),
        [amount for (amount,) in committed],
        targets.compare(ledger, expected(years)),
        currency,
    )


def expected(years: Sequence[Any]) -> dict[str, Any]:
    """Return a scenario's targets in the form that `analytics.targets` compares: a list of years each."""
    printed, recomputed = _by_year(years, "printed"), _by_year(years, "recomputed")
    return printed | ({targets.RECOMPUTED: recomputed} if recomputed else {})


def _by_year(years: Sequence[Any], which: str) -> dict[str, dict[str, list[Decimal | None]]]:
    found: dict[str, dict[str, list[Decimal | None]]] = {}
    for measure in MEASURES:
        told_in: list[Mapping[str, Any]] = [getattr(year, measure) for year in years]
        rows = {row: None for year in told_in for row in year}
        numbers = {row: [getattr(year.get(row), which, None) for year in told_in] for row in rows}
        told = {row: of_years for row, of_years in numbers.items() if any(n is not None for n in of_years)}
        if told:
            found[measure] = told
    return found


def show(screen: Console, summary: Summary) -> None:
    """Print a summary."""
    _show_years(screen, summary)
    if len(summary.targets):
        _show_targets(screen, summary)


YEARS = (
    "customers", "customers_new", "customers_churned", "committed_mrr", "nrr", "grr", "billed", "revenue",
    "gross_margin", "cac", "ltv_to_cac",
)  # fmt: skip
"""The metrics of the summary, in the order of its columns."""

TITLES = {
    "customers_new": "new", "customers_churned": "churned", "committed_mrr": "committed MRR",
    "mrr_new": "new MRR", "mrr_expansion": "expansion", "mrr_contraction": "contraction",
    "mrr_churn": "churn", "nrr": "NRR", "grr": "GRR", "gross_margin": "margin", "cac": "CAC",
    "ltv_to_cac": "LTV:CAC",
}  # fmt: skip
"""What metrics are called above a column, where that is not their own name."""

MULTIPLES = ("ltv_to_cac", "ltv_capped_to_cac", "quick_ratio")
"""Ratios that are spoken of as "three times", not as "300 %"."""


def title(metric: str) -> str:
    """Return what a metric is called above a column."""
    return TITLES.get(metric, metric.replace("_", " "))


def figure(metric: str, value: Any, currency: str) -> str:
    """Write the value of a metric by its unit, rounded for the eye; a dash where there is none."""
    unit = metrics.METRICS[metric].unit
    if value is None:
        return "–"
    if unit == metrics.MONEY:
        return whole_money_text(Decimal(value), currency)
    if unit == metrics.RATIO and metric not in MULTIPLES:
        return percent_text(value)
    return f"{value:,}" if unit == metrics.COUNT else f"{value:,.1f}"


def _show_years(screen: Console, summary: Summary) -> None:
    table = plain_table()
    table.add_column("year")
    for name in YEARS:
        table.add_column(title(name), justify="right")
    for row in summary.years.iter_rows(named=True):
        whole = row["months"] == YEAR
        table.add_row(
            f"{row['year']}" if whole else f"{row['year']} ({row['months']} months)",
            *(figure(name, row[name], summary.currency) for name in YEARS),
        )
    screen.print(table)
    if not summary.mrr:
        return
    curve = sparkline([float(amount) for amount in summary.mrr])
    first, last = (whole_money_text(summary.mrr[n], summary.currency) for n in (0, -1))
    screen.print(Text.assemble("\n  committed MRR  ", (first, "dim"), "  ", (curve, "green"), "  ", last))


def _show_targets(screen: Console, summary: Summary) -> None:
    """Print target beside simulated, a column a year; a target that was recomputed stands for the printed."""
    years = summary.targets["year"].unique().sort().to_list()
    table = plain_table()
    table.add_column("target against simulated")
    for year in years:
        for head in (f"year {year}", "simulated", "reached"):
            table.add_column(head, justify="right")
    told = summary.targets.to_dicts()
    for measure, row in dict.fromkeys((one["measure"], one["row"]) for one in told):
        cells: list[Text] = []
        for year in years:
            found = [one for one in told if (one["measure"], one["row"], one["year"]) == (measure, row, year)]
            cells += _target(found[0], measure, summary.currency) if found else [Text("–")] * 3
        table.add_row(f"{measure}  {row}", *cells)
    screen.print()
    screen.print(table)


def _target(one: Mapping[str, Any], measure: str, currency: str) -> list[Text]:
    goal = one["target"] if one[targets.RECOMPUTED] is None else one[targets.RECOMPUTED]
    write = _count if measure == "customers" else lambda amount: whole_money_text(amount, currency)
    reached = one["reached"]
    return [
        Text("–" if goal is None else write(goal), style="dim"),
        Text("–" if one["simulated"] is None else write(one["simulated"])),
        Text(percent_text(reached)),
    ]


def _count(amount: Decimal) -> str:
    return f"{int(amount):,}"


def next_steps(out: Path) -> Sequence[tuple[str, str]]:
    """Return the commands that a user may type next, and what for."""
    name = out.name if out.parent == RUNS else str(out)
    return (
        (f"saasim sql {name}", "ask the ledger"),
        (f"saasim metrics {name}", "see every metric month by month"),
        (f"saasim verify {name}", "check every invariant and every file"),
        (f"saasim replay {name} --prices FILE --out {RUNS}/what-if", "bill the same log under other prices"),
    )


def show_next(screen: Console, out: Path) -> None:
    """Print what to type next."""
    steps = next_steps(out)
    wide = max(len(command) for command, _ in steps)
    for command, reason in steps:
        screen.print(Text.assemble("  ", (f"{command:<{wide}}", "bold"), "   ", (reason, "dim")))

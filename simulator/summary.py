"""The summary: what a run came to, year by year, beside what its scenario expected."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from duckdb import DuckDBPyConnection
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics import metrics, targets
from analytics.figures import YEAR
from simulator.manifest import PLAN
from simulator.publication import RUNS
from simulator.tables import plain_table, show_fitting
from simulator.values import percent_text, short_money_text, sparkline, whole_money_text

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
        screen.print()
        _show_targets(screen, summary)


YEARS = (
    "customers", "customers_new", "customers_churned", "committed_mrr", "nrr", "grr", "billed", "revenue",
    "gross_margin", "cac", "ltv_to_cac",
)  # fmt: skip
"""The metrics of the summary, in the order of its columns."""

COMPARED = (
    "committed_mrr", "arr", "customers", "arpa", "mrr_new", "mrr_expansion", "mrr_contraction", "mrr_churn",
    "mrr_reactivation", "logo_churn", "revenue_churn", "logo_churn_12m", "nrr", "grr", "quick_ratio",
    "gross_margin", "cac", "ltv", "ltv_capped",
)  # fmt: skip
"""The metrics that stand under every policy beside each other."""

TITLES = {
    "customers_new": "new", "customers_churned": "churned", "committed_mrr": "committed MRR",
    "mrr_new": "new MRR", "mrr_expansion": "expansion", "mrr_contraction": "contraction",
    "mrr_churn": "churn", "nrr": "NRR", "grr": "GRR", "gross_margin": "margin", "cac": "CAC",
    "ltv_to_cac": "LTV:CAC",
}  # fmt: skip
"""What metrics are called above a column, where that is not their own name."""

MULTIPLES = (
    "ltv_to_cac", "ltv_capped_to_cac", "quick_ratio", "burn_multiple", "magic_number", "magic_number_arr",
    "cac_ratio", "tickets_per_customer",
)  # fmt: skip
"""Ratios that are spoken of as "three times", not as "300 %"."""


def title(metric: str) -> str:
    """Return what a metric is called above a column."""
    return TITLES.get(metric, metric.replace("_", " "))


Writer = Callable[[Decimal, str], str]
"""A way to write an amount in a currency: whole, or short where there is no room."""


def figure(metric: str, value: Any, currency: str, write: Writer = whole_money_text) -> str:
    """Write the value of a metric by its unit, rounded for the eye; a dash where there is none."""
    unit = metrics.METRICS[metric].unit
    if value is None:
        return "–"
    if unit == metrics.MONEY:
        return write(Decimal(value), currency)
    if unit == metrics.RATIO and metric not in MULTIPLES:
        return percent_text(value)
    return f"{value:,}" if unit == metrics.COUNT else f"{value:,.1f}"


def _show_years(screen: Console, summary: Summary) -> None:
    show_fitting(screen, (_years(summary, write) for write in (whole_money_text, short_money_text)))
    if summary.mrr:
        curve = sparkline([float(amount) for amount in summary.mrr])
        first, last = (whole_money_text(summary.mrr[n], summary.currency) for n in (0, -1))
        drawn = Text.assemble("\n  committed MRR  ", (first, "dim"), "  ", (curve, "green"), "  ", last)
        screen.print(drawn, soft_wrap=True)


def _years(summary: Summary, write: Writer) -> Table:
    """Set the metrics of every year, a column each."""
    table = plain_table()
    table.add_column("")
    rows = summary.years.to_dicts()
    for row in rows:
        count = row["months"]
        part = "" if count == YEAR else f" ({count} month{'s' * (count != 1)})"
        table.add_column(f"year {row['year']}{part}", justify="right")
    for name in YEARS:
        table.add_row(title(name), *(figure(name, row[name], summary.currency, write) for row in rows))
    return table


def _show_targets(screen: Console, summary: Summary) -> None:
    show_fitting(screen, (_targets(summary, form) for form in (_in_full, _in_short, _in_one)))


def _targets(summary: Summary, form: "Form") -> Table:
    """Set targets beside what was simulated; a target that was recomputed stands for the printed one."""
    told = {(one["measure"], one["row"], one["year"]): one for one in summary.targets.to_dicts()}
    years = sorted({year for *_, year in told})
    table = plain_table()
    table.add_column("\ntarget against simulated")
    heads = form(None, "", summary.currency)
    for year in years:
        for number, head in enumerate(heads):
            table.add_column(f"{'' if number else f'year {year}'}\n{head}", justify="right")
    for measure, row in dict.fromkeys((measure, row) for measure, row, _ in told):
        cells = []
        for year in years:
            one = told.get((measure, row, year))
            cells += form(one, measure, summary.currency) if one else ["–"] * len(heads)
        table.add_row(f"{measure}  {row}", *cells, style="bold" if row == targets.TOTAL else "")
    return table


Told = Mapping[str, Any] | None
Form = Callable[[Told, str, str], list[str]]
"""A way to write a target: its cells, or its heads where there is no target."""


def _in_full(one: Told, measure: str, currency: str) -> list[str]:
    if one is None:
        return ["target", "simulated", "reached"]
    goal, simulated = _amounts(one, measure, currency, whole_money_text)
    return [goal, simulated, percent_text(one["reached"])]


def _in_short(one: Told, measure: str, currency: str) -> list[str]:
    if one is None:
        return ["target", "simulated"]
    goal, simulated = _amounts(one, measure, currency, short_money_text)
    return [goal, f"{simulated} {_share(one):>6}"]


def _in_one(one: Told, measure: str, currency: str) -> list[str]:
    return ["simulated"] if one is None else _in_short(one, measure, currency)[1:]


def _share(one: Mapping[str, Any]) -> str:
    return "–" if one["reached"] is None else f"{one['reached'] * 100:.0f} %"


def _amounts(one: Mapping[str, Any], measure: str, currency: str, write: Writer) -> list[str]:
    goal = one["target"] if one[targets.RECOMPUTED] is None else one[targets.RECOMPUTED]
    return [
        "–" if amount is None else f"{int(amount):,}" if measure == "customers" else write(amount, currency)
        for amount in (goal, one["simulated"])
    ]


def next_steps(out: Path) -> Sequence[tuple[str, str]]:
    """Return the commands that a user may type next, and what for."""
    name = out.name if out.parent == RUNS else str(out)
    targets = [(f"saasim targets {name}", "hold it against its plan")] if (out / PLAN).exists() else []
    return (
        (f"saasim sql {name}", "ask the ledger"),
        (f"saasim metrics {name}", "see every month"),
        (f"saasim report {name}", "make a page to show"),
        *targets,
        (f"saasim verify {name}", "check every invariant"),
        (f"saasim replay {name} --prices FILE --out {RUNS}/what-if", "bill it at other prices"),
    )


def show_next(screen: Console, out: Path) -> None:
    """Print what to type next."""
    steps = next_steps(out)
    wide = max(len(command) for command, _ in steps)
    for command, reason in steps:
        screen.print(Text.assemble("  ", (f"{command:<{wide}}", "bold"), "   ", (reason, "dim")))

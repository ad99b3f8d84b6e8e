"""The worked examples of the metrics: small companies whose figures are reckoned by hand on a page."""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analytics.metrics import METRICS, monthly, monthly_by
from analytics.sheet import fill
from tests.analytics import test_reference
from tests.analytics.company import plain
from tests.ledgers import closed, posted
from tests.reference.page import DOCS, blocks_of

PAGE = DOCS / "reference" / "metrics-examples.md"

SECTIONS = ("Growth and what it costs", "Plans and currencies", "What happens")


def rows(section: str) -> list[list[str]]:
    """Return the cells of a section's table: month, maybe a plan, metric, reckoning and value."""
    text = PAGE.read_text("utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def ledger(section: str, directory: Path) -> duckdb.DuckDBPyConnection:
    """Make the ledger of a section from the blocks that it shows."""
    start = PAGE.read_text("utf-8").partition(f"\n## {section}\n")[0].count("\n")
    end = start + PAGE.read_text("utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0].count("\n")
    shown = [block for block in blocks_of(PAGE) if start < block.line <= end + 2]
    tables = [block for block in shown if block.file]
    if tables:
        for block in tables:
            path = directory / block.file
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text, "utf-8")
        con = fill([str(directory / block.file) for block in tables]).connection
    else:
        book, facts = (block.text for block in shown)
        con = posted(closed(directory, book, facts, 27, first="2024-01"))
    con.execute("pragma disable_optimizer")  # for few rows it takes longer than the query
    return con


def shown(frame: pl.DataFrame, wanted: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return the values of (month, plan, metric) as texts of six decimals."""
    found = []
    for month, plan, metric in wanted:
        row = frame.filter(pl.col("month") == date.fromisoformat(f"{month}-01"))
        row = row.filter(pl.col("plan") == plan) if plan else row
        value = row.select(pl.col(metric).cast(pl.Decimal(38, 12)).round(6)).item()
        found.append(str(plain(value)))
    return found


@pytest.mark.parametrize("section", SECTIONS)
def test_a_worked_example_comes_to_the_figures_of_the_page(section: str, tmp_path: Path) -> None:
    """Each line is one metric of one month, the same in the formulas and in the views."""
    con = ledger(section, tmp_path)
    cells = [row if len(row) == 5 else [row[0], "", *row[1:]] for row in rows(section)]
    for plan in sorted({row[1] != "" for row in cells}):
        some = [row for row in cells if (row[1] != "") == plan]
        wanted = [(month, of, metric) for month, of, metric, *_ in some]
        expected = [row[-1].replace(",", "") for row in some]
        view = "metrics_by_plan_month" if plan else "metrics_by_month"

        assert expected == shown(monthly_by(con, "plan") if plan else monthly(con), wanted)
        assert expected == shown(con.sql(f"from {view}").pl(), wanted)


def test_every_metric_has_a_worked_example() -> None:
    """Whoever doubts a figure finds one like it that can be reckoned by hand."""
    here = {row[-3] for section in SECTIONS for row in rows(section)}
    there = {row[0] for row in test_reference.table("### Month 13")}

    assert set() == set(METRICS) - here - there


def test_the_reckonings_say_something() -> None:
    """A line without a reckoning explains nothing."""
    assert all(re.search(r"\w", row[-2]) for section in SECTIONS for row in rows(section))

"""The reference page of the metrics: it lists each as the registry has it, and its example is worked here."""

import re
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from analytics.cohorts import cohorts
from analytics.dimension import SPLITS
from analytics.metrics import METRICS, monthly, monthly_by
from analytics.policy import PRESETS, MetricPolicy, named
from tests.analytics.company import Company, at, plain

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
EXAMPLE_MONTH = 12  # month 13, counted from 0


def table(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading of the page, without its head."""
    text = PAGE.read_text("utf-8")
    assert f"\n{heading}\n" in text, f"{PAGE.name} has no heading {heading!r}"
    lines = text.partition(f"\n{heading}\n")[2].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return rows


def amounts(text: str) -> list[Decimal]:
    """Read `12 × 100, 1 × 0` as 13 amounts."""
    return [
        Decimal(amount.replace(",", ""))
        for times, amount in re.findall(r"(\d+) × ([\d,]*\d)", text)
        for _ in range(int(times))
    ]


def example() -> Company:
    """Build the company of the worked example from the page's tables."""
    made = Company()
    for name, segment, channel, path in table("### What happened"):
        made.account(name, segment, channel).mrr(name, *amounts(path))
        for number, amount in enumerate(amounts(path)):
            if amount:
                made.bill(name, number, amount)
    for name, path in table("### Usage"):
        for number, amount in enumerate(amounts(path)):
            if amount:
                made.bill(name, number, amount, kind="usage")
    for centre, segment, cost in table("### Costs of each month"):
        for number in range(EXAMPLE_MONTH + 1):
            made.spend(number, centre, cost.replace(",", ""), segment=segment)
    return made.pay_out("gus", EXAMPLE_MONTH, Decimal(10))


def test_the_page_lists_every_metric_as_the_registry_has_it() -> None:
    """A metric that is added, renamed or defined otherwise must change the page."""
    expected = [
        [
            name,
            metric.unit,
            metric.description,
            metric.source,
            ", ".join(by for by in SPLITS if by in metric.splits) or "–",
            metric.null_when or "–",
        ]
        for name, metric in METRICS.items()
    ]
    lines = "\n".join(f"| `{row[0]}` | {' | '.join(row[1:])} |" for row in expected)

    assert expected == table("## Every metric"), f"the table should be:\n{lines}"


def test_the_page_lists_every_choice_with_its_default() -> None:
    """The numbers of the policy are what the page says."""
    assert [[name, str(value)] for name, value in MetricPolicy()._asdict().items()] == [
        row[:2] for row in table("## Choices")
    ]


def test_the_page_lists_every_preset_with_what_it_changes() -> None:
    """Each preset is what its words say, read as `--policy` reads them."""
    shown = table("### Presets")

    assert [row[0].strip("`") for row in shown] == list(PRESETS)
    for name, words in shown[1:]:
        assert PRESETS[name.strip("`")] == named(words.replace("`", "").replace(", ", ","))


def test_the_worked_example_comes_to_the_figures_of_the_page() -> None:
    """Each line of the example is a metric of month 13, to six decimals."""
    frame = monthly(example().ledger())
    shown = {name: value for name, _, value in table("### Month 13")}

    seen = {
        name: at(frame.with_columns(pl.selectors.decimal().round(6)), EXAMPLE_MONTH, name)[0]
        for name in shown
    }
    assert {name: str(value) for name, value in seen.items()} == {
        name: value.replace(",", "") for name, value in shown.items()
    }


def test_the_worked_example_splits_as_the_page_says() -> None:
    """The CAC of the segments, whose costs add up to the blended one."""
    frame = monthly_by(example().ledger(), "segment").with_columns(pl.selectors.decimal().round(6))

    for segment, _, cost, cac in table("### Month 13 by segment"):
        assert (cost, cac) == tuple(map(str, at(frame, EXAMPLE_MONTH, "matched_cost", "cac", part=segment)))


def test_the_cohort_of_the_worked_example_is_that_of_the_page() -> None:
    """Who first paid in month 1, after 12 months."""
    frame = cohorts(example().ledger())
    row = frame.filter(pl.col("cohort") == frame["cohort"][0], pl.col("age") == EXAMPLE_MONTH)

    assert [list(map(str, map(plain, row.row(0)[1:])))] == table("### The first cohort")


@pytest.mark.parametrize("name", ["monthly", "monthly_by", "summary", "cohorts", "compare"])
def test_the_page_names_every_function(name: str) -> None:
    """Whoever reads the page finds the Python twin of each command."""
    assert f"`{name}(" in PAGE.read_text("utf-8")

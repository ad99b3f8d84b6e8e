"""Pages of companies at the edge: paid by use alone, and as wide and as long as any that is built in."""

import re
from pathlib import Path

import pytest

from simulator.report.report import report
from tests.simulator.report import wide
from tests.simulator.report.conftest import Opened
from tests.simulator.report.reader import Reader

SIZE_MAX = 3_000_000


@pytest.fixture(scope="module")
def metered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the page of a company without committed MRR."""
    out = tmp_path_factory.mktemp("metered") / "page.html"
    with wide.subject(wide.metered(), "metered") as one:
        out.write_text(report([one]), "utf-8")
    return out


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the page of two companies over 36 months with many segments, plans and streams."""
    out = tmp_path_factory.mktemp("wide") / "page.html"
    with (
        wide.subject(wide.wide(), "as it is") as one,
        wide.subject(wide.wide(factor=2), "at twice the price") as other,
    ):
        out.write_text(report([one, other]), "utf-8")
    return out


def test_a_company_without_recurring_revenue_has_a_page(metered: Path) -> None:
    """What it has is there, what it has not is left out, and no word of it is a missing value."""
    read = Reader(metered.read_text("utf-8"))
    words = " ".join(read.words)
    drawn = {str(given["data-chart"]) for given, _ in read.all("figure")}

    assert {"revenue", "cash", "largest_customers", "mrr"} <= drawn
    assert not {"mrr_bridge", "mrr_movements", "cohort_net", "survival", "retention"} & drawn
    assert not re.search(r"\b(None|nan|NaN|inf|Infinity)\b", words)
    # In the last month 100 + 7 · 23, 60 and 900 - 30 · 23 are used: times 12 that is 6,372.
    assert "is $0 as this report takes it, and $6.4k by chartmogul." in words.replace("\u00a0", " ")


def test_two_runs_of_three_years_stay_below_three_megabytes(both: Path) -> None:
    """Each has more parts than the companies that are built in; no table holds more rows than are read."""
    markup = both.read_text("utf-8")
    read = Reader(markup)

    assert len(markup.encode()) < SIZE_MAX
    assert max(len(one["rows"]) for one in read.data("rows")) <= 200
    assert "36 months" in " ".join(read.words)


@pytest.mark.parametrize("name", ["metered", "both"])
def test_it_is_drawn_and_nothing_is_said_or_asked(
    name: str, opened: Opened, request: pytest.FixtureRequest
) -> None:
    """Every picture of the page has marks, and the browser's console stays empty."""
    page: Path = request.getfixturevalue(name)
    shown = opened(page)
    drawn = shown.evaluate("""() => [...document.querySelectorAll('.plot')].map(place => [place.id,
        [...place.querySelectorAll('.role-mark path, .role-mark text, .role-mark rect')].length])""")

    assert len(drawn) == len(Reader(page.read_text("utf-8")).data("spec")) > 5
    assert not [name for name, marks in drawn if not marks]

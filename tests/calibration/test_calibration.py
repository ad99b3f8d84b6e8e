"""The calibration's own arithmetic: percentiles over seeds, the table, and the page it is written into."""

from collections.abc import Sequence
from decimal import Decimal
from statistics import median, quantiles

import pytest

from tests.calibration.__main__ import main, replaced
from tests.calibration.history import Figure, Key
from tests.calibration.spread import Spread, percentile, spreads
from tests.calibration.table import table

SMB, MANAGED = Key("customers", "smb", 1), Key("revenue", "managed", 2)


@pytest.mark.parametrize("values", [[5], [1, 2], [3, 1, 2], [9, 7, 7, 1, 4], list(range(20))])
def test_percentiles_are_those_of_the_standard_library(values: Sequence[int]) -> None:
    """The median is the median; the tenth percentile is the first of ten inclusive quantiles."""
    numbers = [Decimal(value) for value in values]

    assert percentile(numbers, Decimal("0.5")) == median(numbers)
    if len(numbers) > 1:
        cuts = quantiles(map(float, numbers), n=10, method="inclusive")
        assert float(percentile(numbers, Decimal("0.1"))) == pytest.approx(cuts[0])
        assert float(percentile(numbers, Decimal("0.9"))) == pytest.approx(cuts[-1])


def test_a_seed_without_a_figure_counts_as_zero() -> None:
    """No hosting customer in one of three years is no reason to leave the year out."""
    found = spreads(
        [
            {SMB: Figure(Decimal(75), Decimal(70)), MANAGED: Figure(None, Decimal(12))},
            {SMB: Figure(Decimal(75), Decimal(90))},
            {SMB: Figure(Decimal(75), Decimal(60))},
        ]
    )

    assert found[SMB] == Spread(Decimal(75), Decimal(62), Decimal(70), Decimal(86))
    assert found[MANAGED].median == 0
    assert found[MANAGED].share is None
    assert found[SMB].share == Decimal(70) / 75


def test_the_table_sets_scenarios_side_by_side() -> None:
    """A row for each figure, what is expected once, two columns for each scenario."""
    spread = Spread(Decimal(75), Decimal(62), Decimal(70), Decimal(86))
    money = Spread(Decimal(2_520_000), Decimal(900_000), Decimal(2_000_000), Decimal(3_000_000))

    written = table({"shop": {SMB: spread, MANAGED: money}, "shop-market": {SMB: spread}})
    heads, _, smb, managed = (line[2:-2].split(" | ") for line in written.splitlines())
    assert heads[1:] == ["year", "expected", *both("`shop`"), *both("`shop-market`")]
    assert smb == ["customers, smb", "1", "75", *["70 (62 to 86)", "93 %"] * 2]
    assert managed == ["revenue, managed", "2", "2.52M", "2.00M (900K to 3.00M)", "79 %", "–", "–"]


def both(name: str) -> list[str]:
    """Return the heads of a scenario's columns."""
    return [f"{name}: median (P10 to P90)", "of expected"]


def test_only_the_text_between_a_companys_markers_is_replaced() -> None:
    """The other company's table and all prose stay as they are."""
    end = "<!-- end calibration -->"
    page = f"a\n<!-- calibration one -->\nold\n{end}\nb\n<!-- calibration two -->\n\n{end}"
    written = replaced(page, "one", "new \\1")

    assert written == page.replace("\nold\n", "\n\nnew \\1\n\n")
    with pytest.raises(ValueError, match="no <!-- calibration three -->"):
        replaced(page, "three", "new")


def test_a_company_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the names that are known."""
    assert main(["nobody"]) == 2
    assert "nobody is no company; known: dbgpt, dbgpt-market" in capsys.readouterr().err

"""Targets: yearly figures of a plan beside the simulated ones. D is the DB-GPT document, with its line."""

import pytest

from analytics.targets import compare
from metering.document import Problems
from tests.analytics.company import Company, plain

PLAN = {
    "customers": {"smb": [75, 200], "mid_market": [20, 80]},  # D:1675
    "revenue": {"subscriptions": [2_400_000, 22_200_000], "managed": [700_000, 2_520_000]},  # D:1961
    "figures": {"arr": [6_000_000, 24_000_000]},  # D:1594
    "recomputed": {"revenue": {"subscriptions": [2_547_000], "managed": [164_700]}},  # the drivers of D:1837
}
COLUMNS = ("year", "measure", "row", "target", "recomputed", "simulated", "difference")


def company(months: int = 12) -> Company:
    """Run a small company for some months: 2 customers of smb, 1 partner, and a stream nobody planned."""
    made = Company().account("ada", "smb").account("bob", "smb").account("pat", "partner")
    for name, amount in (("ada", 100), ("bob", 200), ("pat", 50)):
        made.mrr(name, *[amount] * months)
    for number in range(months):
        made.bill("ada", number, 1_000).bill("bob", number, 10, stream="services")
    return made


def rows(targets: object, months: int = 12, columns: tuple[str, ...] = COLUMNS) -> list[tuple[object, ...]]:
    """Compare the small company with targets."""
    frame = compare(company(months).ledger(), targets)  # type: ignore[arg-type]
    return [tuple(map(plain, row)) for row in frame.select(columns).rows()]


def test_each_year_reached_is_held_against_the_recomputed_target() -> None:
    """The difference is to what the document's own drivers give, where they were recomputed."""
    assert [
        (1, "customers", "mid_market", 20, None, 0, -20),
        (1, "customers", "partner", None, None, 1, None),
        (1, "customers", "smb", 75, None, 2, -73),
        (1, "customers", "total", 95, None, 2, -93),
        (1, "figures", "arr", 6_000_000, None, 4_200, -5_995_800),
        (1, "revenue", "managed", 700_000, 164_700, 0, -164_700),
        (1, "revenue", "services", None, None, 120, None),
        (1, "revenue", "subscriptions", 2_400_000, 2_547_000, 12_000, -2_535_000),
        (1, "revenue", "total", 3_100_000, 2_711_700, 12_000, -2_699_700),
    ] == rows(PLAN)


def test_a_year_that_is_not_over_has_no_difference() -> None:
    """Half a year of revenue says nothing about the year."""
    found = rows(
        {"revenue": {"subscriptions": [24_000, 24_000]}}, 18, ("year", "months", "simulated", "reached")
    )

    assert [(1, 12, 12_000, "0.5"), (2, 6, 6_000, None)] == found[2:4]


def test_a_printed_total_covers_everything_and_carries_the_corrections_of_its_rows() -> None:
    """The plan's own total is kept: 30,000 printed, 1,000 of them found to be too much."""
    plan = {
        "revenue": {"subscriptions": [13_000], "total": [30_000]},
        "recomputed": {"revenue": {"subscriptions": [12_000]}},
    }

    assert (1, "revenue", "total", 30_000, 29_000, 12_120, -16_880) == rows(plan)[-1]


def test_a_figure_that_is_null_stays_null() -> None:
    """Year 1 has no NRR: there is nobody of 12 months before."""
    assert [(1, "figures", "nrr", 1, None, None, None)] == rows({"figures": {"nrr": [1]}})


def test_every_measure_that_does_not_exist_is_named_at_once() -> None:
    """Two mistakes, two lines, each with what was meant."""
    plan = {"revenues": {"support": [1]}, "figures": {"ar": [1]}, "recomputed": {"customer": {}}}

    with pytest.raises(Problems) as caught:
        rows(plan)

    assert [
        "targets.revenues: there is no such measure; did you mean 'revenue'?",
        "targets.figures.ar: there is no such figure; did you mean 'arr'?",
        "targets.recomputed.customer: there is no such measure; did you mean 'customers'?",
    ] == [str(problem) for problem in caught.value.problems]

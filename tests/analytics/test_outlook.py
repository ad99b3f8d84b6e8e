"""The outlook: what committed MRR will be by what is known, list prices, and trials that may convert."""

from pathlib import Path

import duckdb
import pytest

from analytics.metrics import monthly, monthly_by
from analytics.policy import PRESETS
from tests.analytics.company import Company, at
from tests.ledgers import closed, posted

BOOK = """
    [discounts.half]
    share = 0.5
    months = 3
    [plans.pro]
    name = "Pro"
    stream = "software"
    prices.seat = { per = "seat", unit_price = 100, changes = [{ starts_on = 2026-09-01, unit_price = 110 }] }
    [plans.oem]
    name = "OEM"
    stream = "licences"
    commitment = { amount = [1200, 2400] }
    prices.license = { per = "subscription", unit_price = 50, annual = { unit_price = 600 } }
"""

CASES = {  # what is known: the story, and in March: committed MRR, CMRR, CARR
    "nothing, but for the price of September": (
        "2026-01-05  a  subscription.started  s pro 1", (100, 110, 1200),
    ),
    "an end that was announced": (
        """
        2026-01-05  a  subscription.started    s pro 1
        2026-03-10  a  subscription.cancelled  s 2026-06-01
        """, (100, 0, 0),
    ),
    "an end that nobody has announced yet": (
        """
        2026-01-05  a  subscription.started    s pro 1
        2026-04-10  a  subscription.cancelled  s 2026-06-01
        """, (100, 100, 1200),
    ),
    "a discount that runs out": (
        "2026-02-05  a  subscription.started  s pro 1 discount=half", (50, 110, 600),
    ),
    "a commitment that doubles": (
        "2026-01-05  a  subscription.started  s oem 1 year", (100, 200, 1200),
    ),
    "a trial that may convert": (
        """
        2026-01-05  b  subscription.started  t pro 1
        2026-03-20  a  subscription.started  s pro 1 trial_days=30
        """, (100, 110, 1200),
    ),
    "a trial that is to end, and so brings nothing": (
        """
        2026-01-05  b  subscription.started    t pro 1
        2026-03-20  a  subscription.started    s pro 1 trial_days=30
        2026-03-25  a  subscription.cancelled  s 2026-06-01
        """, (100, 110, 1200),
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=CASES)
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[duckdb.DuckDBPyConnection, tuple[int, ...]]:
    """Close the first four months of a story."""
    story, figures = CASES[request.param]
    return posted(closed(tmp_path_factory.mktemp("outlook"), BOOK, story, 4)), figures


def test_cmrr_has_what_is_known_of_the_next_year(
    case: tuple[duckdb.DuckDBPyConnection, tuple[int, ...]],
) -> None:
    """At the end of March, also once April is closed; CARR leaves out what the price book does by itself.

    The price of September is not foreseen for whom the ledger knows to be gone by then.
    """
    con, figures = case
    ahead = con.sql("select cmrr from mrr_ahead_by_month order by month").fetchall()

    assert monthly(con)["cmrr"][-1] == ahead[-1][0]
    assert monthly(con)["committed_mrr"][-1] == ahead[0][0]
    assert figures == at(monthly(con), 2, "committed_mrr", "cmrr", "carr")


def test_list_price_less_discounts_and_trials_stand_beside_mrr(tmp_path: Path) -> None:
    """Two seats at half the price, one on trial, and a year: 200 - 100 + 100 of 200 committed by the year."""
    story = """
        2026-01-05  a  subscription.started  s pro 2 discount=half
        2026-01-20  b  subscription.started  t pro 1 trial_days=30
        2026-01-20  c  subscription.started  u oem 1 year
    """
    frame = monthly(posted(closed(tmp_path, BOOK, story, 1)))

    names = ("committed_mrr", "mrr_list", "mrr_discounts", "trial_mrr", "termed_mrr_share")
    assert (200, 250, 100, 100, "0.5") == at(frame, 0, *names)
    split = monthly_by(posted(closed(tmp_path / "again", BOOK, story, 1)), "plan")
    assert (100, 200, 100, 100, 0) == at(split, 0, *names, part="pro")


def test_the_two_churn_rates_that_are_published_for_one_company() -> None:
    """Ten of 100 leave and ten come: 10 % of the opening, and 9.1 % where the newcomers count as well."""
    company = Company()
    for number in range(100):
        company.mrr(f"old {number}", 10, 0 if number < 10 else 10)
    for number in range(10):
        company.mrr(f"fresh {number}", 0, 10)
    con = company.ledger()

    assert ("0.1",) == at(monthly(con), 1, "logo_churn")
    assert ("0.090909",) == at(monthly(con, PRESETS["stripe"]), 1, "logo_churn")


def test_a_seat_in_mid_month_counts_whole(tmp_path: Path) -> None:
    """The stub invoice is for half a month; MRR rises by the full price of the seat, and not by its half."""
    story = "2026-03-01  a  subscription.started  s pro 1\n2026-04-16  a  seats.changed  s 2"
    con = posted(closed(tmp_path, BOOK, story, 2, first="2026-03"))
    frame = monthly(con)

    assert (100, 200, 150) == (*frame["committed_mrr"], frame["billed"][1])
    assert 100 == frame["mrr_expansion"][1]

"""Break-even churn: how many of the customers whom a price change touches may leave."""

from decimal import Decimal
from pathlib import Path

import pytest

from analytics.break_even import BreakEven, break_even
from tests.ledgers import closed, posted

FOUR = """
    2026-01-01  a  account.signed_up  A a@example.com smb web
    2026-01-01  b  account.signed_up  B b@example.com smb web
    2026-01-01  c  account.signed_up  C c@example.com smb web
    2026-01-01  d  account.signed_up  D d@example.com smb web
    2026-01-01  a  subscription.started  a-1 pro
    2026-01-01  b  subscription.started  b-1 pro
    2026-01-01  c  subscription.started  c-1 pro
    2026-01-01  d  subscription.started  d-1 max
"""


def book(pro: str) -> str:
    """Return a book with two plans, one at a price."""
    return f"""
        [plans.pro]
        name = "Pro"
        stream = "subscriptions"
        prices.base = {{ per = "subscription", unit_price = {pro} }}
        [plans.max]
        name = "Max"
        stream = "subscriptions"
        prices.base = {{ per = "subscription", unit_price = 500 }}
    """


def found(folder: Path, before: str, after: str, months: int = 3) -> BreakEven | None:
    """Bill the four customers at two prices, and return the break-even churn."""
    ledgers = [
        posted(closed(folder / name, book(price), FOUR, months))
        for name, price in (("before", before), ("after", after))
    ]
    return break_even(*ledgers)


@pytest.mark.parametrize(
    ("price", "share"), [("105", 0.048), ("110", 0.091), ("120", 0.167), ("130", 0.231), ("200", 0.5)]
)
def test_a_rise_pays_while_fewer_leave_than_the_formula_says(
    tmp_path: Path, price: str, share: float
) -> None:
    """The printed table of 1 − 1 / (1 + Δ): +5 % 4.8 %, +10 % 9.1 %, +20 % 16.7 %, +30 % 23.1 %."""
    one = found(tmp_path, "100", price)

    assert one is not None
    assert one.share == pytest.approx(share, abs=0.0005)
    assert (one.customers, one.before) == (3, Decimal(900))
    assert one.leavers == pytest.approx(3 * share, abs=0.002)


def test_the_churn_of_a_month_loses_just_what_the_rise_brings(tmp_path: Path) -> None:
    """After three months of it the new bills are worth what the old ones were."""
    one = found(tmp_path, "100", "110")

    assert one is not None
    assert one.monthly is not None
    kept = sum(330 * (1 - one.monthly) ** month for month in (1, 2, 3))
    assert kept == pytest.approx(900)


def test_a_cut_says_how_many_more_must_come(tmp_path: Path) -> None:
    """At -20 % a quarter more customers make up for it, and there is no churn to bear."""
    one = found(tmp_path, "100", "80")

    assert one is not None
    assert one.share == pytest.approx(-0.25)
    assert one.monthly is None


def test_no_change_has_no_break_even(tmp_path: Path) -> None:
    """Where no bill differs there is nothing to break even."""
    assert found(tmp_path, "100", "100") is None

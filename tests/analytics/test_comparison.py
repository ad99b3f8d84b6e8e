"""Comparison: two ledgers of one log, worked by hand, and laws that hold whatever the prices."""

from decimal import Decimal
from pathlib import Path

import pytest

from analytics.comparison import SPLITS, Comparison, compare
from billing.price_book import loads
from tests.ledgers import closed, posted

BOOK = """
name = "prices"
[meters.calls]
[plans.pro]
name = "Pro"
stream = "subs"
[plans.pro.prices.seats]
per = "seat"
unit_price = 100
[plans.pro.prices.calls]
meter = "calls"
allowance = 1000
unit_price = 0.01
[discounts]
early = { share = 0.10 }
[agreements.referral]
kind = "referral"
model = "percentage"
unit_price = 0.1
"""
FACTS = """
2026-01-01  small  account.signed_up     Small s@example.com smb self_serve
2026-01-01  small  subscription.started  small-1 pro
2026-01-01  large  account.signed_up     Large l@example.com enterprise partner
2026-01-01  large  subscription.started  large-1 pro seats=10 discount=early
2026-01-01  large  deal.referred         north referral
2026-01-15  small-1  usage.recorded      calls 3000
2026-01-15  large-1  usage.recorded      calls 900
"""


def compared(directory: Path, before: str, after: str, facts: str = FACTS) -> Comparison:
    """Bill one log under two books, and compare."""
    ledgers = [
        posted(closed(directory / name, text, facts, 2)) for name, text in (("a", before), ("b", after))
    ]
    return compare(*ledgers, books=(loads(before), loads(after)))


def test_the_same_prices_differ_in_nothing(tmp_path: Path) -> None:
    """A = B: every difference is exactly zero, and nobody is to explain."""
    found = compared(tmp_path, BOOK, BOOK)

    assert {0} == set(found.totals["change"].drop_nulls())
    assert not len(found.lines)
    assert not len(found.causes)
    assert not len(found.largest(10))


def test_a_changed_seat_price_is_told_by_customer_and_cause(tmp_path: Path) -> None:
    """$100 -> $120 a seat over two months: small +$40 of $220, large +$360 net of 10 % of $1,800."""
    found = compared(tmp_path, BOOK, BOOK.replace("unit_price = 100", "unit_price = 120"))

    assert [row[:5] for row in found.customers.rows()] == [
        ("large", "enterprise", Decimal(1800), Decimal(2160), Decimal(360)),
        ("small", "smb", Decimal(220), Decimal(260), Decimal(40)),
    ]
    assert found.causes.rows() == [
        ("price", Decimal(440)),  # 11 seats, two months, $20
        ("discount", Decimal(-40)),
        ("partner share", Decimal(-36)),
    ]
    assert found.rises() == {Decimal("0.1"): 2, Decimal("0.2"): 0, Decimal("0.5"): 0}
    assert found.spread()["p50"] in {Decimal("0.2"), Decimal("0.181818")}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (("allowance = 1000", "allowance = 500"), "allowance"),
        (("unit_price = 0.01", "unit_price = 0.02"), "price"),
        (("unit_price = 0.01", 'model = "package"\npackage_size = 100\nunit_price = 2'), "tier"),
        (("allowance = 1000", "allowance = 1000\nminimum = 50"), "price"),
    ],
)
def test_a_cause_says_what_of_a_usage_price_changed(
    change: tuple[str, str], cause: str, tmp_path: Path
) -> None:
    """Fewer included calls, a dearer call, and calls by the hundred are different stories."""
    found = compared(tmp_path, BOOK, BOOK.replace(*change))

    assert cause == found.causes["cause"][0]
    assert {cause, "partner share"} >= set(found.causes["cause"])


def test_parts_customers_lines_and_causes_add_up(tmp_path: Path) -> None:
    """Whatever the split, its changes add up to the change of the whole."""
    found = compared(tmp_path, BOOK, BOOK.replace("unit_price = 100", "unit_price = 70"))
    totals = dict(found.totals.select("measure", "change").iter_rows())

    for split in SPLITS:
        own = found.parts.filter(found.parts["split"] == split)
        assert totals["billed"] == own["change"].sum()
    assert totals["billed"] == found.customers["change"].sum() == found.lines["change"].sum()
    assert totals["billed"] - totals["payouts"] == found.causes["change"].sum()


def test_who_is_billed_under_one_book_only_has_no_relative_change(tmp_path: Path) -> None:
    """From nothing to $2,000 is no percentage: NULL, and not infinite."""
    free = BOOK.replace("unit_price = 100", "unit_price = 0")
    found = compared(tmp_path, free, BOOK)

    assert [None] == found.customers.filter(found.customers["account"] == "large")["relative"].to_list()

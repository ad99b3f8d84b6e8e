"""Composition: shares add up to all of it, who is largest, who buys more, and retention on revenue."""

from decimal import Decimal

import pytest

from analytics.dimension import SPLITS
from analytics.metrics import monthly, monthly_by
from tests.analytics.company import Company, at, month

SMALL = Decimal("0.000005")


def test_the_shares_of_a_month_add_up_to_one() -> None:
    """Whatever the split, the shares of net revenue and MRR are all there is (a plan once said 107 %)."""
    made = Company().account("acme", "smb", "direct").account("bolt", "enterprise", "partner")
    made.mrr("acme", 100, 100).mrr("bolt", 50, 200, plan="hosting", stream="managed")
    made.bill("acme", 1, 100).bill("bolt", 1, 300, plan="hosting", stream="managed")
    made.bill("acme", 1, 77, plan="catalog", stream="training", kind="usage")
    con = made.ledger()

    for by in SPLITS:
        frame = monthly_by(con, by, names=["revenue_share", "mrr_share"]).filter(month=month(1))
        for name in ("revenue_share", "mrr_share"):
            assert abs(sum(frame[name]) - 1) < SMALL, (by, name)
    stream = monthly_by(con, "stream")
    assert at(stream, 1, "revenue_share", "mrr_share", part="managed") == ("0.628931", "0.666667")
    assert at(stream, 0, "revenue_share", part="managed") == (None,)


def test_the_largest_accounts_are_those_of_twelve_months() -> None:
    """Twelve accounts bring 100 to 1,200: the first 1,200, the first ten 7,500 of 7,800; no older revenue."""
    made = Company()
    for number in range(12):
        made.bill(f"account-{number}", 12, 100 * (number + 1))
    made.bill("account-0", 0, 1_000_000)
    frame = monthly(made.ledger(), names=["revenue_top_1_share", "revenue_top_10_share"])

    assert at(frame, 12, "revenue_top_1_share", "revenue_top_10_share") == ("0.153846", "0.961538")
    assert at(frame, 11, "revenue_top_1_share", "revenue_top_10_share") == (1, 1)


def test_cross_sell_counts_customers_who_were_billed_for_something_else_within_a_year() -> None:
    """Of four customers one bought training, one services long ago, and one buys what it subscribes to."""
    made = Company()
    for name in ("ada", "bob", "cyd", "dee"):
        made.mrr(name, *[100] * 14)
    made.bill("ada", 5, 10, plan="catalog", stream="training", kind="usage")
    made.bill("bob", 1, 10, plan="catalog", stream="services", kind="usage")
    made.bill("cyd", 5, 10, plan="catalog", stream="subscriptions", kind="usage")
    made.bill("eve", 5, 10, plan="catalog", stream="training", kind="usage")  # no customer
    con = made.ledger()
    names = ["cross_sell_rate"]

    assert [at(monthly(con, names=names), number, *names)[0] for number in (0, 4, 5, 12, 13)] == [
        0, "0.25", "0.5", "0.5", "0.25",
    ]  # fmt: skip
    by = monthly_by(con, "stream", names=["cross_sell_rate", "billed"])
    assert at(by, 5, "cross_sell_rate", part="training") == ("0.25",)
    assert at(by, 5, "cross_sell_rate", part="subscriptions") == (0,)


def test_nrr_on_the_total_basis_follows_the_revenue_of_who_was_there_a_year_before() -> None:
    """Twilio: ada's quarter grows from 300 to 450, bob's goes to 0, cyd is new: 450 / 600, and 300 / 600."""
    made = Company()
    for number in range(15):
        made.bill("ada", number, 100 if number < 12 else 120)
        if number >= 12:
            made.bill("ada", number, 30, kind="usage").bill("cyd", number, 1000)
        if number < 3:
            made.bill("bob", number, 100).bill("bob", number, 999, plan="catalog", kind="usage")
    frame = monthly(made.ledger(), names=["nrr_total", "grr_total"])

    assert at(frame, 14, "nrr_total", "grr_total") == ("0.75", "0.5")
    assert at(frame, 13, "nrr_total", "grr_total") == (None, None)


def test_committed_nrr_does_not_see_usage_and_the_total_basis_does() -> None:
    """Usage doubles: NRR on committed MRR stays 100 %, on revenue it is 150 %."""
    made = Company().mrr("ada", *[100] * 15)
    for number in range(15):
        made.bill("ada", number, 100).bill("ada", number, 100 if number < 12 else 200, kind="usage")

    assert at(monthly(made.ledger()), 14, "nrr", "nrr_total", "grr_total") == (1, "1.5", 1)


@pytest.mark.parametrize(
    ("before", "now", "nrr", "grr"),
    [
        ((100, 100), (110, 75), "0.925", "0.875"),
        ((100,), (85,), "0.85", "0.85"),
        ((60, 40), (100, 10), "1.1", "0.7"),
    ],
)
def test_expansion_adds_to_grr_and_does_not_multiply(
    before: tuple[int, ...], now: tuple[int, ...], nrr: str, grr: str
) -> None:
    """NRR = GRR + expansion share: 85 % and 25 % are 110 %, not 106 %."""
    made = Company()
    for number, (old, new) in enumerate(zip(before, now, strict=True)):
        made.mrr(f"account-{number}", *[old] * 12, new)
    row = monthly(made.ledger(), names=["nrr", "grr"]).filter(month=month(12)).row(0, named=True)
    gained = sum(max(new - old, 0) for old, new in zip(before, now, strict=True)) / Decimal(sum(before))

    assert (row["nrr"], row["grr"]) == (Decimal(nrr), Decimal(grr))
    assert row["nrr"] == row["grr"] + gained


def test_expansion_as_a_flow_and_as_a_stock() -> None:
    """From 100 to 150 in the year, back to 140: 50 / 140 flowed in, and 40 / 140 is there."""
    made = Company().mrr("ada", *[100] * 4, 150, *[140] * 7)
    frame = monthly(made.ledger(), names=["expansion_share", "expanded_share"])

    assert at(frame, 11, "expansion_share", "expanded_share") == ("0.357143", "0.285714")
    assert at(frame, 10, "expansion_share") == (None,)


def test_partners_and_asp() -> None:
    """New customers of 100 and 300 are an average sale of 200; an account knows who sourced it."""
    made = Company().mrr("ada", 100).mrr("bob", 300).bill("ada", 0, 100).bill("bob", 0, 300)
    next(row for row in made.rows["accounts"] if row["account"] == "bob")["partner"] = "north"
    names = ["asp", "partner_sourced_revenue", "partner_sourced_share"]

    assert at(monthly(made.ledger(), names=names), 0, *names) == (200, 300, "0.75")


def test_what_is_sold_for_others_is_gmv_and_what_stays_is_the_take() -> None:
    """Net agreements only: 1,000 sold, 700 paid on: a take of 30 %."""
    made = Company().bill("ada", 0, 1000)
    made.pay_out("ada", 0, Decimal(700), "revenue_share")
    made.rows["payouts"][-1] |= {"revenue": "net", "basis": Decimal(1000)}
    made.pay_out("ada", 0, Decimal(50), "resale")
    made.rows["payouts"][-1] |= {"revenue": "gross", "basis": Decimal(500)}

    assert at(monthly(made.ledger()), 0, "gmv", "take", "take_rate") == (1000, 300, "0.3")


def test_growth_needs_something_to_grow_from() -> None:
    """From 0 nothing grows; from 100 to 150 it is 50 %; shares of nothing are NULL."""
    frame = monthly(
        Company().mrr("ada", 0, 100, 150).spend(0, "rent", 1).ledger(), names=["mrr_growth", "usage_share"]
    )

    assert [at(frame, number, "mrr_growth")[0] for number in range(3)] == [None, None, "0.5"]
    assert at(frame, 0, "usage_share") == (None,)

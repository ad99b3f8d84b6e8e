"""Movements: the bridge from one month's committed MRR to the next, whole and by part."""

import pytest

from analytics.metrics import monthly, monthly_by
from tests.analytics.company import Company, at, month

BRIDGE = ("mrr_opening", "mrr_new", "mrr_expansion", "mrr_contraction", "mrr_churn", "mrr_reactivation")
CROSSING = (*BRIDGE, "mrr_entering", "mrr_leaving", "committed_mrr")
PEOPLE = ("customers_opening", "customers_new", "customers_reactivated", "customers_churned", "customers")


def test_a_customer_who_comes_grows_shrinks_leaves_and_comes_back_makes_each_movement_once() -> None:
    """The five kinds, each in its month, and the customers that go with them."""
    frame = monthly(Company().mrr("ada", 100, 150, 90, 0, 40).ledger())

    assert [
        ((0, 100, 0, 0, 0, 0), 100, (0, 1, 0, 0, 1)),
        ((100, 0, 50, 0, 0, 0), 150, (1, 0, 0, 0, 1)),
        ((150, 0, 0, -60, 0, 0), 90, (1, 0, 0, 0, 1)),
        ((90, 0, 0, 0, -90, 0), 0, (1, 0, 0, 1, 0)),
        ((0, 0, 0, 0, 0, 40), 40, (0, 0, 1, 0, 1)),
    ] == [
        (at(frame, number, *BRIDGE), *at(frame, number, "committed_mrr"), at(frame, number, *PEOPLE))
        for number in range(5)
    ]


def test_two_subscriptions_of_one_account_are_one_customer() -> None:
    """Dropping one of two subscriptions is a contraction; a customer is an account, not a subscription."""
    company = Company().mrr("ada", 100, 100).mrr("ada", 50, 0, plan="support")
    frame = monthly(company.ledger())

    assert (1, 2, 150) == at(frame, 0, "customers", "subscriptions", "arpa")
    assert (1, -50, 0) == at(frame, 1, "customers", "mrr_contraction", "mrr_churn")


def test_a_subscription_that_is_worth_nothing_makes_no_customer() -> None:
    """A free plan is a balance of 0: it counts nowhere, and its end is no churn."""
    con = Company().mrr("ada", 100, 100).mrr("bob", 5, 0, plan="free").ledger()
    con.execute("update mrr_balances set amount = 0 where plan = 'free'").fetchall()
    con.execute("delete from mrr_movements where account = 'bob'").fetchall()
    frame = monthly(con)

    assert (1, 1, 100) == at(frame, 0, "customers", "subscriptions", "arpa")
    assert (0, 0) == at(frame, 1, "customers_churned", "logo_churn")


def test_a_customer_who_came_and_went_in_one_month_shows_in_the_bridge_and_in_no_rate() -> None:
    """The ledger may book new and churn in the same month: the waterfall shows both, churn counts nobody."""
    company = Company().mrr("ada", 100, 100)
    con = company.ledger()
    for kind, amount in (("new", 30), ("churn", -30)):
        con.execute(
            "insert into mrr_movements by name select ?::date as month, 'bob' as account, ? as kind,"
            " 'smb' as segment, '' as cause, ?::date as effective_on, ? as amount",
            [month(1), kind, month(1), amount],
        ).fetchall()
    frame = monthly(con)

    assert (30, -30, 1, 1) == at(frame, 1, "mrr_new", "mrr_churn", "customers_new", "customers_churned")
    assert (0, 0, 1) == at(frame, 1, "logo_churn", "revenue_churn", "quick_ratio")


def test_a_change_of_plan_leaves_one_and_enters_the_other_at_full_value() -> None:
    """From 50 to 30 is a contraction of 20 for the company; 50 left the old plan and 30 entered the new."""
    company = Company().mrr("ada", 50, 0, plan="business").mrr("ada", 0, 30, plan="pro").mrr("bob", 10, 0)
    con = company.ledger()
    frame = monthly_by(con, "plan")

    assert (50, 0, 0, 0, 0, 0, 0, -50, 0) == at(frame, 1, *CROSSING, part="business")
    assert (10, 0, 0, 0, -10, 0, 30, 0, 30) == at(frame, 1, *CROSSING, part="pro")
    assert (60, 0, 0, -20, -10, 0) == at(monthly(con), 1, *BRIDGE)


def test_a_second_product_enters_its_stream_and_a_former_customer_reactivates_it() -> None:
    """Cross-selling enters; coming back to another stream than before is a reactivation, not new."""
    company = Company().mrr("ada", 50, 50, 50).mrr("ada", 0, 20, 25, plan="hosting", stream="managed")
    company.mrr("bob", 40, 0, 0).mrr("bob", 0, 0, 60, plan="hosting", stream="managed")
    frame = monthly_by(company.ledger(), "stream")

    assert (0, 0, 0, 0, 0, 0, 20, 0, 20) == at(frame, 1, *CROSSING, part="managed")
    assert (20, 0, 5, 0, 0, 60, 0, 0, 85) == at(frame, 2, *CROSSING, part="managed")


def test_segments_and_channels_have_bridges_of_their_own() -> None:
    """Each part opens, moves and closes for itself, and a month without a part shows it at 0."""
    company = Company().account("ada", "smb", "self_serve").account("eve", "enterprise", "partner")
    con = company.mrr("ada", 100, 80).mrr("eve", 0, 5000).ledger()

    for by, small, large in (("segment", "smb", "enterprise"), ("channel", "self_serve", "partner")):
        frame = monthly_by(con, by)
        assert (100, 0, 0, -20, 0, 0) == at(frame, 1, *BRIDGE, part=small)
        assert (0, 5000, 0, 0, 0, 0) == at(frame, 1, *BRIDGE, part=large)
        assert (0, 0) == at(frame, 0, "committed_mrr", "customers", part=large)


@pytest.mark.parametrize("table", ["mrr_movements", "mrr_balances"])
def test_a_bridge_that_does_not_close_is_refused(table: str) -> None:
    """A ledger whose movements and balances disagree is broken, and no metric is derived from it."""
    con = Company().mrr("ada", 100, 150).ledger()
    con.execute(f"update {table} set amount = amount + 1 where month = ?", [month(1)]).fetchall()

    with pytest.raises(AssertionError, match="do not reach its closing balance"):
        monthly(con)

"""Committed MRR: balances at month ends, and movements that bridge them."""

from collections import defaultdict
from decimal import Decimal

import pytest

from tests.billing.recurring_book import BOOK
from tests.ledgers import Tables, closed, expected, rows, unbridged

STORIES = {  # account: its story, its balances at months' ends, its movements
    "started": (
        "2026-01-20  {0}  subscription.started  {0}-1 plain",
        "40 40 40 40",
        "2026-01  new  subscription  2026-01-20  40",
    ),
    "on-the-last-day": (
        "2026-02-28  {0}  subscription.started  {0}-1 plain",
        "0 40 40 40",
        "2026-02  new  subscription  2026-02-28  40",
    ),
    "yearly": (  # 2 x 1000 / 12
        "2026-01-20  {0}  subscription.started  {0}-1 pro 2 year",
        "166.666666666667 166.666666666667 166.666666666667 166.666666666667",
        "2026-01  new  subscription  2026-01-20  166.666666666667",
    ),
    "trial": (
        "2026-01-20  {0}  subscription.started  {0}-1 plain trial_days=15",
        "0 40 40 40",
        "2026-02  new  subscription  2026-02-04  40",
    ),
    "trial-cancelled": (
        """
        2026-01-20  {0}  subscription.started    {0}-1 plain trial_days=15
        2026-01-25  {0}  subscription.cancelled  {0}-1 2026-02-04
        """,
        "0 0 0 0",
        "",
    ),
    "more-seats": (
        """
        2026-01-01  {0}  subscription.started  {0}-1 pro 2
        2026-02-10  {0}  seats.changed         {0}-1 5
        2026-03-10  {0}  seats.changed         {0}-1 3
        """,
        "200 500 300 300",
        """
        2026-01  new          subscription  2026-01-01  200
        2026-02  expansion    seats         2026-02-10  300
        2026-03  contraction  seats         2026-03-10  -200
        """,
    ),
    "within-a-month": (
        """
        2026-01-01  {0}  subscription.started  {0}-1 pro 2
        2026-02-10  {0}  seats.changed         {0}-1 5
        2026-02-20  {0}  seats.changed         {0}-1 2
        """,
        "200 200 200 200",
        "2026-01  new  subscription  2026-01-01  200",
    ),
    "another-plan": (
        """
        2026-01-01  {0}  subscription.started  {0}-1 pro 1
        2026-03-31  {0}  plan.changed          {0}-1 plain 1
        """,
        "100 100 40 40",
        """
        2026-01  new          subscription  2026-01-01  100
        2026-03  contraction  plan          2026-03-31  -60
        """,
    ),
    "paying-by-the-year": (  # 83.333333333333 - 100
        """
        2026-01-01  {0}  subscription.started  {0}-1 pro 1
        2026-03-31  {0}  plan.changed          {0}-1 pro 1 year
        """,
        "100 100 83.333333333333 83.333333333333",
        """
        2026-01  new          subscription  2026-01-01  100
        2026-03  contraction  price         2026-03-31  -16.666666666667
        """,
    ),
    "add-on": (  # a monthly one of 5, a yearly one of 60 / 12
        """
        2026-01-01  {0}  subscription.started  {0}-1 plain
        2026-02-10  {0}  add_on.bought         {0}-1 llm 2
        2026-03-10  {0}  add_on.bought         {0}-1 audit
        2026-04-10  {0}  add_on.dropped        {0}-1 llm
        """,
        "40 50 55 45",
        """
        2026-01  new          subscription  2026-01-01  40
        2026-02  expansion    add_on        2026-02-10  10
        2026-03  expansion    add_on        2026-03-10  5
        2026-04  contraction  add_on        2026-04-10  -10
        """,
    ),
    "gone": (
        """
        2026-01-01  {0}  subscription.started    {0}-1 plain
        2026-02-10  {0}  subscription.cancelled  {0}-1 2026-03-20
        """,
        "40 40 0 0",
        """
        2026-01  new    subscription  2026-01-01  40
        2026-03  churn  voluntary     2026-03-20  -40
        """,
    ),
    "dunned": (
        """
        2026-01-01  {0}  subscription.started    {0}-1 plain
        2026-02-10  {0}  subscription.cancelled  {0}-1 2026-02-10 involuntary
        """,
        "40 0 0 0",
        """
        2026-01  new    subscription  2026-01-01  40
        2026-02  churn  involuntary   2026-02-10  -40
        """,
    ),
    "gone-with-the-month": (  # alive at March's last instant
        """
        2026-01-01  {0}  subscription.started    {0}-1 plain
        2026-02-10  {0}  subscription.cancelled  {0}-1 2026-04-01
        """,
        "40 40 40 0",
        """
        2026-01  new    subscription  2026-01-01  40
        2026-04  churn  voluntary     2026-04-01  -40
        """,
    ),
    "one-of-two": (
        """
        2026-01-01  {0}  subscription.started    {0}-1 plain
        2026-01-01  {0}  subscription.started    {0}-2 pro 1
        2026-02-10  {0}  subscription.cancelled  {0}-1 2026-02-20
        """,
        "140 100 100 100",
        """
        2026-01  new          subscription  2026-01-01  140
        2026-02  contraction  voluntary     2026-02-20  -40
        """,
    ),
    "moved": (  # one subscription ends and a dearer one begins: one account, one net movement
        """
        2026-01-01  {0}  subscription.started    {0}-1 plain
        2026-02-10  {0}  subscription.cancelled  {0}-1 2026-02-10
        2026-02-10  {0}  subscription.started    {0}-2 pro 1
        """,
        "40 100 100 100",
        """
        2026-01  new        subscription  2026-01-01  40
        2026-02  expansion  subscription  2026-02-10  60
        """,
    ),
    "within-one-month": (  # began and ended between two month ends
        """
        2026-02-05  {0}  subscription.started    {0}-1 plain
        2026-02-10  {0}  subscription.cancelled  {0}-1 2026-02-20
        """,
        "0 0 0 0",
        "",
    ),
    "discounted": (  # half for January and February; the price comes back in March
        "2026-01-20  {0}  subscription.started  {0}-1 plain discount=half",
        "20 20 40 40",
        """
        2026-01  new        subscription  2026-01-20  20
        2026-03  expansion  discount      2026-03-01  20
        """,
    ),
    "committed": (  # 600 / 12 + 10 = 60 is less than 1200 / 12
        "2026-01-20  {0}  subscription.started  {0}-1 oem",
        "100 100 100 100",
        "2026-01  new  subscription  2026-01-20  100",
    ),
    "above-its-commitment": (
        "2026-01-20  {0}  subscription.started  {0}-1 rich",
        "11 11 11 11",
        "2026-01  new  subscription  2026-01-20  11",
    ),
    "upgraded-from-free": (
        """
        2026-01-01  {0}  subscription.started  {0}-1 free
        2026-02-10  {0}  plan.changed          {0}-1 plain 1
        """,
        "0 40 40 40",
        "2026-02  new  subscription  2026-02-10  40",
    ),
    "usage-never-counts": (
        """
        2026-01-01   {0}    subscription.started  {0}-1 pro 1
        2026-02-10   {0}-1  usage.recorded        calls 5000
        2026-02-10   {0}    account.signed_up     U u@example.com enterprise web
        """,
        "100 100 100 100",
        "2026-01  new  subscription  2026-01-01  100",
    ),
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Close all the stories as accounts of one company."""
    table = "\n".join(story.format(account) for account, (story, _, _) in STORIES.items())
    return closed(tmp_path_factory.mktemp("mrr"), BOOK, table, 4)


@pytest.mark.parametrize("account", STORIES)
def test_balances_are_what_recurs_at_a_months_end(company: Tables, account: str) -> None:
    """The sum over an account's subscriptions at the last instant of four months, worked out by hand."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    for month, amount in (
        company["mrr_balances"].filter(account=account).select("month", "amount").iter_rows()
    ):
        held[f"{month:%Y-%m}"] += amount

    assert list(map(Decimal, STORIES[account][1].split())) == [held[f"2026-0{n}"] for n in range(1, 5)]


@pytest.mark.parametrize("account", STORIES)
def test_a_movement_has_its_kind_its_cause_and_its_day(company: Tables, account: str) -> None:
    """Each month's change of an account, classed once."""
    found = rows(
        company["mrr_movements"].with_columns(change="amount"),
        "month kind cause effective_on change",
        account=account,
    )

    assert expected(STORIES[account][2]) == found


def test_movements_bridge_the_balances(company: Tables) -> None:
    """Opening + movements = closing, for every account and month, to the last digit."""
    assert [] == unbridged(company)


def test_a_balance_carries_the_terms_of_that_instant(company: Tables) -> None:
    """Plan and the plan's stream, and the segment of the account where it signed up."""
    held = company["mrr_balances"]

    assert [("pro", "subscriptions", ""), ("pro", "subscriptions", ""), ("plain", "managed", "")] == rows(
        held.filter(account="another-plan"), "plan stream segment"
    )[:3]
    assert ("enterprise",) == rows(held, "segment", account="usage-never-counts")[0]

"""Changes of MRR: when each holds, when it became known, and that sums of them are every balance."""

import random
from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from analytics.figures import figures
from analytics.policy import PRESETS
from billing.close import close
from metering.event import Event
from metering.period import Period
from simulator.bridge import CHANGES, KINDS, MRR
from tests.billing.late import delayed, told
from tests.billing.recurring_book import BOOK
from tests.ledgers import Tables, book, closed, engine, expected, posted, rows
from tests.random_company import company

OF = ["subscription", "plan", "stream"]
SEEDS = (3, 5)
"""Random companies whose MRR changes, and of which something becomes known late."""

STORIES = {  # a claim: a story, and its changes: booked, known, plan, kind, cause, amount
    "what goes up and down within a month is two changes": (
        """
        2026-01-01  a  subscription.started  s pro 2
        2026-02-10  a  seats.changed         s 5
        2026-02-20  a  seats.changed         s 2
        """,
        """
        2026-01-01  2026-01-01  pro  new          subscription  200
        2026-02-10  2026-02-10  pro  expansion    seats         300
        2026-02-20  2026-02-20  pro  contraction  seats         -300
        """,
    ),
    "who comes and leaves within a month was there": (
        """
        2026-02-05  a  subscription.started    s plain
        2026-02-10  a  subscription.cancelled  s 2026-02-20
        """,
        """
        2026-02-05  2026-02-05  plain  new    subscription  40
        2026-02-20  2026-02-10  plain  churn  voluntary     -40
        """,
    ),
    "a change of plan leaves the one at its full value and enters the other": (
        """
        2026-01-01  a  subscription.started  s pro 1
        2026-03-31  a  plan.changed          s plain 1
        """,
        """
        2026-01-01  2026-01-01  pro    new          subscription  100
        2026-03-31  2026-03-31  pro    contraction  plan          -100
        2026-03-31  2026-03-31  plain  contraction  plan          40
        """,
    ),
    "a change of plan that costs the same is a transfer": (
        """
        2026-01-01  a  subscription.started  s pro 1
        2026-02-01  a  plan.changed          s dear 1
        """,
        """
        2026-01-01  2026-01-01  pro   new       subscription  100
        2026-02-01  2026-02-01  dear  transfer  plan          100
        2026-02-01  2026-02-01  pro   transfer  plan          -100
        """,
    ),
    "of an end, each part is known since the later of the cancellation and what it takes away": (
        """
        2026-01-01  a  subscription.started    s pro 2
        2026-02-10  a  subscription.cancelled  s 2026-03-20
        2026-02-20  a  seats.changed           s 5
        """,
        """
        2026-01-01  2026-01-01  pro  new        subscription  200
        2026-02-20  2026-02-20  pro  expansion  seats         300
        2026-03-20  2026-02-10  pro  churn      voluntary     -200
        2026-03-20  2026-02-20  pro  churn      voluntary     -300
        """,
    ),
    "who pauses and resumes says so": (
        """
        2026-01-01  a  subscription.started      s plain
        2026-02-10  a  subscription.cancelled    s 2026-02-10 paused
        2026-04-05  a  subscription.reactivated  s plain
        """,
        """
        2026-01-01  2026-01-01  plain  new           subscription  40
        2026-02-10  2026-02-10  plain  churn         pause         -40
        2026-04-05  2026-04-05  plain  reactivation  resume        40
        """,
    ),
    "a discount that runs out is known from the start": (
        "2026-01-20  a  subscription.started  s plain discount=half",
        """
        2026-01-20  2026-01-20  plain  new        subscription  20
        2026-03-01  2026-01-20  plain  expansion  discount      20
        """,
    ),
    "a dated price and an announced end lie ahead": (
        """
        2026-01-01  a  subscription.started    s pro 1
        2026-04-10  a  subscription.cancelled  s 2026-08-20
        """,
        """
        2026-01-01  2026-01-01  pro  new        subscription  100
        2026-07-01  2026-01-01  pro  expansion  price         10
        2026-08-20  2026-04-10  pro  churn      voluntary     -110
        """,
    ),
    "seats that become known late are booked on that day": (
        """
        2026-01-01             a  subscription.started  s pro 2
        2026-01-30>2026-02-02  a  seats.changed         s 3
        """,
        """
        2026-01-01  2026-01-01  pro  new        subscription  200
        2026-02-02  2026-02-02  pro  expansion  seats         100
        """,
    ),
    "two subscriptions of one day are one new customer": (
        """
        2026-01-05  a  subscription.started  s plain
        2026-01-05  a  subscription.started  t pro 1
        2026-01-09  a  subscription.started  u plain
        """,
        """
        2026-01-05  2026-01-05  plain  new        subscription  40
        2026-01-05  2026-01-05  pro    new        subscription  100
        2026-01-09  2026-01-09  plain  expansion  subscription  40
        """,
    ),
}

MORE = """
    [plans.dear]
    name = "Dear"
    stream = "managed"
    prices.base = { per = "subscription", unit_price = 100 }
"""


@pytest.mark.parametrize("claim", STORIES)
def test_each_change_says_when_it_holds_when_it_was_known_and_why(claim: str, tmp_path: Path) -> None:
    """Of one customer over four months, worked out by hand; prices known to come stand at the end."""
    story, wanted = STORIES[claim]
    changes = closed(tmp_path, BOOK + MORE, story, 4)["mrr_changes"]
    if "price" not in wanted:
        changes = changes.filter(pl.col("cause") != "price")

    found = changes.with_columns(change="amount").sort("booked_on", "recorded_on", "subscription")
    columns = "booked_on recorded_on plan kind cause change"
    assert sorted(expected(wanted)) == sorted(rows(found, columns))


def test_a_late_change_holds_from_its_own_day(tmp_path: Path) -> None:
    """Booked in February, it belongs to January: the restated balance has it, the reported one has not."""
    changes = closed(tmp_path, BOOK, STORIES["seats that become known late are booked on that day"][0], 2)
    late = changes["mrr_changes"].filter(pl.col("recorded_on") > pl.col("effective_on"))

    assert [("2026-02", "2026-01-30")] == rows(late, "month effective_on")
    assert rows(changes["mrr_balances"], "month amount") == [("2026-01", "200.00"), ("2026-02", "300.00")]


def test_the_parts_of_a_change_are_list_price_discounts_and_commitment(tmp_path: Path) -> None:
    """40 less half for two months; 600 a year and 10 a month are filled up to 1,200 a year."""
    story = """
        2026-01-20  a  subscription.started  s plain discount=half
        2026-01-20  b  subscription.started  t oem
        2026-01-20  c  subscription.started  u plain discount=loyal
    """
    text = BOOK + "\n[discounts.loyal]\nshare = 0.25\n"
    changes = closed(tmp_path, text, story, 1)["mrr_changes"].filter(~pl.col("scheduled"))

    parts = "list_price lasting_discount limited_discount commitment amount"
    assert rows(changes.sort("account"), parts) == [
        ("40", "0", "20", "0", "20.00"),
        ("60", "0", "0", "40", "100.00"),
        ("40", "10", "0", "0", "30.00"),
    ]


def test_a_trial_is_worth_nothing_and_shows_what_it_would_be(tmp_path: Path) -> None:
    """By the month and by the year; one converts, one is cancelled, and neither moved MRR before."""
    story = """
        2026-01-20  a  subscription.started    s plain trial_days=15
        2026-01-20  b  subscription.started    t pro 2 year trial_days=15
        2026-01-25  b  subscription.cancelled  t 2026-02-04
    """
    changes = closed(tmp_path, BOOK, story, 2)["mrr_changes"].with_columns(change="amount", tried="trial")

    assert expected("""
        2026-01-20  s  none  trial      0   40
        2026-01-20  t  none  trial      0   166.666666666667
        2026-02-04  s  new   trial      40  -40
        2026-02-04  t  none  voluntary  0   -166.666666666667
    """) == rows(changes.sort("booked_on", "subscription"), "booked_on subscription kind cause change tried")


def test_an_end_says_until_when_it_is_paid(tmp_path: Path) -> None:
    """A year that is cancelled in March is paid until January; who comes back in May pays anew from then."""
    story = """
        2026-01-15  a  subscription.started      s pro 1 year
        2026-03-10  a  subscription.cancelled    s 2026-03-10
        2026-01-15  b  subscription.started      t pro 1 year
        2026-03-10  b  subscription.cancelled    t 2026-03-10
        2026-05-02  b  subscription.reactivated  t pro 1 year
        2026-01-15  c  subscription.started      u pro 1
        2026-03-10  c  subscription.cancelled    u 2026-03-10
    """
    ends = closed(tmp_path, BOOK, story, 6)["mrr_changes"].filter(pl.col("cause") == "voluntary")

    assert [("a", "2027-01-15"), ("b", "2026-05-02"), ("c", "2026-03-10")] == rows(
        ends.sort("account"), "account paid_until_on"
    )


def test_the_event_is_the_fact_that_did_it(tmp_path: Path) -> None:
    """Its position leads back to the log; what the price book does by the calendar has none."""
    story = (
        "2026-01-20  a  subscription.started  s plain discount=half\n2026-02-10  a  add_on.bought  s llm 2"
    )
    tables = closed(tmp_path, BOOK, story, 3)
    named = tables["mrr_changes"].join(
        tables["events"].select("type", event="position"), on="event", how="left", maintain_order="left"
    )

    assert [("subscription", "subscription.started"), ("add_on", "add_on.bought"), ("discount", "")] == rows(
        named, "cause type"
    )


def sums(changes: pl.DataFrame, day: str, periods: list[Period]) -> pl.DataFrame:
    """Add up changes month by month to balances, by the month that a day lies in."""
    months = pl.DataFrame({"month": [period.starts_on for period in periods]})
    moved = changes.filter(~pl.col("scheduled")).with_columns(month=pl.col(day).dt.truncate("1mo"))
    moved = moved.group_by(*OF, "month").agg(pl.col("amount").sum())
    every = moved.select(OF).unique().join(months, how="cross")
    held = every.join(moved, on=[*OF, "month"], how="left").with_columns(pl.col("amount").fill_null(0))
    total = held.with_columns(amount=pl.col("amount").cum_sum().over(OF, order_by="month"))
    return total.filter(pl.col("amount") != 0).select(*OF, "month", "amount").sort([*OF, "month"])


def balances(tables: Tables) -> pl.DataFrame:
    """Return the ledger's balances in the same shape."""
    return tables["mrr_balances"].select(*OF, "month", "amount").sort([*OF, "month"])


def close_told(directory: Path, events: list[Event], text: str, periods: list[Period]) -> Tables:
    """Record events in the blocks in which they became known, and close the log."""
    return close(told(directory, events, periods), book=book(text), connection=engine())


class Story(NamedTuple):
    """A random company: its book and months, its facts as they came late, and its ledgers."""

    text: str
    periods: list[Period]
    late: list[Event]
    in_time: Tables
    tables: Tables


@pytest.fixture(scope="module", params=SEEDS)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Close a company whose facts all came in time, and the same one with a quarter of them late."""
    directory = tmp_path_factory.mktemp("story")
    text, events, periods = company(request.param)
    late = delayed(events, periods, random.Random(request.param), 0.25)
    in_time = close_told(directory / "in-time", events, text, periods)
    return Story(text, periods, late, in_time, close_told(directory / "late", late, text, periods))


def test_sums_of_changes_are_the_balances_as_reported_and_as_restated(story: Story) -> None:
    """By the day of booking the ledger's own; by the day from which they hold, as if all had come in time."""
    changes, periods = story.tables["mrr_changes"], story.periods

    assert balances(story.in_time).equals(sums(story.in_time["mrr_changes"], "booked_on", periods))
    assert balances(story.tables).equals(sums(changes, "booked_on", periods))
    assert balances(story.in_time).equals(sums(changes, "effective_on", periods))


def test_the_bridges_that_verify_looks_at_hold(story: Story) -> None:
    """By subscription, plan and stream, and by account; each change is what its account's day comes to."""
    for tables in (story.in_time, story.tables):
        con = posted(tables)
        for invariant in (CHANGES, KINDS, MRR):
            assert [] == con.sql(invariant.wrong).fetchall(), invariant.figure


def test_every_bridge_of_metrics_closes_under_other_policies(story: Story) -> None:
    """Opening + movements = closing for each month, the company and every part, or metrics refuse to be."""
    con = posted(story.tables)
    figures(con, "segment", PRESETS["stripe"], wanted=())
    figures(con, "plan", PRESETS["chartmogul"], wanted=())
    figures(con, "stream", PRESETS["strict-committed"], wanted=())
    con.execute("update mrr_movements set amount = amount + 1")
    with pytest.raises(AssertionError, match="do not reach its closing balance"):
        figures(con, "whole", wanted=())


def test_the_ledger_shows_what_was_reported_beside_what_is_known_now(story: Story) -> None:
    """Each month's total of the late ledger, and that of the company whose facts came in time."""
    shown = posted(story.tables).sql("select reported, restated, month from mrr_restated_by_month").fetchall()
    for reported, restated, month in shown:
        of_month = [
            balances(tables).filter(pl.col("month") == month) for tables in (story.tables, story.in_time)
        ]
        assert [reported, restated] == [frame["amount"].sum() for frame in of_month]


def test_a_closed_month_never_changes(story: Story, tmp_path: Path) -> None:
    """What was booked in the first months is the same, whether the log goes on or not."""
    some = story.periods[: max(1, len(story.periods) // 2)]
    known = [one for one in story.late if (one.recorded_at or one.occurred_at) < some[-1].ends_at]
    part = close_told(tmp_path, known, story.text, some)["mrr_changes"]

    before = story.tables["mrr_changes"].filter(pl.col("booked_on") < some[-1].ends_on)
    part = part.filter(~pl.col("scheduled")).drop("change_no", "event")
    before = before.drop("change_no", "event")
    assert part.sort(part.columns).equals(before.sort(before.columns))


def test_what_is_known_to_come_never_goes_below_nothing(story: Story) -> None:
    """At every month's end, with what was known then, each subscription is worth at least 0 ever after."""
    changes = story.in_time["mrr_changes"]
    for period in story.periods:
        known = changes.filter(pl.col("recorded_on") < period.ends_on)
        days = known.group_by("subscription", "effective_on").agg(pl.col("amount").sum())
        worth = pl.col("amount").cum_sum().over("subscription", order_by="effective_on")
        assert days.with_columns(worth=worth).filter(pl.col("worth") < 0).is_empty()


def test_what_lies_after_the_last_month_is_scheduled(tmp_path: Path) -> None:
    """Twelve months ahead are looked at, and nothing of it is in a balance."""
    story = (
        "2026-01-01  a  subscription.started  s pro 1\n2026-01-05  a  subscription.cancelled  s 2026-09-01"
    )
    tables = closed(tmp_path, BOOK, story, 3)
    ahead = tables["mrr_changes"].filter("scheduled")

    assert [date(2026, 7, 1), date(2026, 9, 1)] == ahead["effective_on"].to_list()
    assert date(2026, 3, 1) == tables["mrr_movements"]["month"].max() or len(tables["mrr_movements"]) == 1

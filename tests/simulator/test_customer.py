"""Customers: they sign up, use, change, leave and come back, each by its own draws."""

import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from metering.event import (
    AccountSignedUp,
    AddOnBought,
    AddOnDropped,
    LeadCreated,
    PlanChanged,
    SeatsChanged,
    SubscriptionCancelled,
    SubscriptionReactivated,
    SubscriptionStarted,
)
from tests.simulator.shop import Story, demand, flat_bill, habits, live

BUSY = habits(
    demand=demand(30, at_start=10),
    churn=0.3,
    channels={"web": {"share": 2, "is_self_serve": True}, "sales": {"share": 1, "wins": 0.5}},
    conversion={"rate": 0.1},
    main__plans=["free", "pro", "max"],
    main__free="free",
    main__seats={"low": 2, "high": 6, "joins": 0.1, "leaves": 0.05},
    main__add_ons={"extra": {"at_start": 0.3, "buys": 0.1, "drops": 0.1}},
    main__yearly=0.3,
    host__plans=["host"],
    host__attaches=0.1,
)
"""Customers to whom everything happens."""

OTHER = habits(demand=demand(10, at_start=5), churn=0.5)


def same(one: Story, other: Story) -> bool:
    """Tell whether two stories are equal to the last row."""
    return one.facts == other.facts and one.usage.equals(other.usage)


def only(story: Story, segment: str) -> Story:
    """Return the part of a story that is about the customers of a segment."""
    facts = [fact for fact in story.facts if fact.subject.startswith(segment)]
    return Story(facts, story.usage.filter(pl.col("subject").str.starts_with(segment)))


def test_one_seed_has_one_story() -> None:
    """The same seed twice gives the same facts and usage; another seed gives others."""
    first = live(("busy", BUSY), biller=flat_bill)

    assert same(first, live(("busy", BUSY), biller=flat_bill))
    assert not same(first, live(("busy", BUSY), biller=flat_bill, seed=2))


def digest() -> str:
    """Return the hash of everything that happens to the busy."""
    story = live(("busy", BUSY), biller=flat_bill)
    return hashlib.sha256(f"{story.facts}{story.usage.write_csv()}".encode()).hexdigest()


def test_another_process_tells_the_same_story() -> None:
    """With one thread and other hashes of strings, every fact and every reading is the same."""
    code = "from tests.simulator.test_customer import digest; print(digest())"
    environment = os.environ | {"POLARS_MAX_THREADS": "1", "PYTHONHASHSEED": "3", "TZ": "Asia/Kolkata"}
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )

    assert other.stdout.strip() == digest()


def test_another_order_of_agents_changes_nothing() -> None:
    """Which segment comes first into the world does not matter."""
    segments = ("busy", BUSY), ("other", OTHER)

    assert same(live(*segments, biller=flat_bill), live(*reversed(segments), biller=flat_bill))


def test_one_segment_more_moves_nobody() -> None:
    """The others' histories stay as they were, with every id and every call."""
    alone = live(("busy", BUSY), biller=flat_bill)

    assert same(alone, only(live(("other", OTHER), ("busy", BUSY), biller=flat_bill), "busy"))


def test_one_customer_more_moves_nobody() -> None:
    """The eleventh customer of the first day changes nothing for the ten others, nor for later leads."""
    more = BUSY.model_copy(update={"demand": BUSY.demand.model_copy(update={"at_start": 11})})
    story = live(("busy", more), biller=flat_bill)
    rest = Story(
        [fact for fact in story.facts if fact.subject != "busy-0-0010"],
        story.usage.filter(~pl.col("subject").str.starts_with("busy-0-0010")),
    )

    assert same(live(("busy", BUSY), biller=flat_bill), rest)


def test_another_decision_moves_no_other_draw() -> None:
    """Customers who leave sooner had the same seats, use and add-ons until then."""
    loyal = live(("busy", BUSY.model_copy(update={"churn": 0.0})))
    fickle = live(("busy", BUSY))
    ends = {fact.data.subscription: fact.occurred_at for fact in fickle.facts_of(SubscriptionCancelled)}
    kept = [fact for fact in fickle.facts_of(SeatsChanged) if fact.data.subscription not in ends]

    assert len(kept) > 20
    assert {(fact.subject, fact.occurred_at, fact.data) for fact in kept} <= {
        (fact.subject, fact.occurred_at, fact.data) for fact in loyal.facts_of(SeatsChanged)
    }


def test_ids_are_unique() -> None:
    """No two facts, and no two readings, have the same source and id."""
    story = live(("busy", BUSY), ("other", OTHER), biller=flat_bill)

    assert max(Counter((fact.source, fact.id) for fact in story.facts).values()) == 1
    assert not story.usage.select("source", "id").is_duplicated().any()


def test_everything_happens_in_its_place() -> None:
    """A lead before the sign-up, the sign-up before the subscription, use only while it lasts."""
    story = live(("busy", BUSY), last=24)
    lives: dict[str, list[str]] = defaultdict(list)
    for fact in story.facts:
        lives[fact.subject].append(fact.type)

    for account, types in lives.items():
        expected = ["lead.created", "account.signed_up", "subscription.started"]
        start = 1 if account.startswith("busy-0-") else 0
        assert types[: len(expected) - start] == expected[start : start + len(types)]
    spans = held(story)
    for subject, day in story.usage.select("subject", pl.col("occurred_at").dt.date()).rows():
        assert any(first <= day and (last is None or day < last) for first, last in spans[subject]), subject


def held(story: Story) -> dict[str, list[tuple[Any, Any]]]:
    """Return the days from which, and before which, each subscription was held."""
    spans: dict[str, list[tuple[Any, Any]]] = defaultdict(list)
    for fact in story.facts:
        if isinstance(fact.data, SubscriptionStarted | SubscriptionReactivated):
            spans[fact.data.subscription].append((fact.occurred_at.date(), None))
        elif isinstance(fact.data, SubscriptionCancelled):
            first, _ = spans[fact.data.subscription].pop()
            spans[fact.data.subscription].append((first, fact.data.effective_on))
    return spans


def test_leads_come_as_many_as_are_expected() -> None:
    """Sixty a month at first, a hundred and twenty after a year, on a line in between."""
    rising = habits(demand={"leads": [60, 120], "december": 1.0, "noise": 0.0})
    story = live(("a", rising))
    by_month = Counter(fact.occurred_at.month for fact in story.facts_of(LeadCreated))

    assert by_month.total() == pytest.approx(12 * 90, rel=0.1)
    assert by_month[12] > by_month[1] * 1.4


def test_a_sale_takes_its_cycle_and_is_won_by_its_chance() -> None:
    """30 % of leads qualify, half of these are won, about 60 days later."""
    sales = {"sales": {"share": 1, "qualifies": 0.3, "wins": 0.5, "cycle_days": 60, "cycle_sigma": 0.2}}
    story = live(("a", habits(demand=demand(200), channels=sales)), last=15)
    leads = {fact.subject: fact.occurred_at for fact in story.facts_of(LeadCreated)}
    early = [name for name, at in leads.items() if at.year == 2026]
    won = {fact.subject: fact.occurred_at for fact in story.facts_of(AccountSignedUp)}
    days = sorted((won[name].date() - leads[name].date()).days for name in early if name in won)

    assert len(days) / len(early) == pytest.approx(0.15, abs=0.02)
    assert days[len(days) // 2] == pytest.approx(60, abs=4)


def test_the_pipeline_of_the_time_before_closes_first() -> None:
    """With a past, the first customers come at once, and their leads are no facts of this log."""
    sales = {"sales": {"share": 1, "qualifies": 1.0, "wins": 1.0, "cycle_days": 90}}
    story = live(("a", habits(demand=demand(20) | {"pipeline_months": 6}, channels=sales)), last=2)

    assert len(story.of(AccountSignedUp)) > 20
    assert {fact.subject for fact in story.facts_of(LeadCreated)}.isdisjoint(
        fact.subject for fact in story.facts_of(AccountSignedUp) if fact.occurred_at.month == 1
    )


def test_a_free_user_under_pressure_pays_sooner() -> None:
    """Who uses 90 % of the free calls or more converts more often than who uses little."""

    def paying(free_median: float) -> int:
        uses = {"calls": {"median": 20_000, "free_median": free_median, "sigma": 0.1, "growth": 0}}
        users = habits(
            demand=demand(0, at_start=600),
            conversion={"rate": 0.01, "pressure": 4.0, "abandons": 0.0},
            main__plans=["free", "pro"],
            main__free="free",
            main__uses=uses,
        )
        return len(live(("a", users), last=6).of(PlanChanged))

    assert paying(300) == pytest.approx(600 * (1 - 0.99**5), rel=0.4)
    assert paying(1_100) > 3 * paying(300)


def test_first_year_churn_is_what_was_asked_for() -> None:
    """With `churn = 0.3`, 30 % of the customers of the first day are cancelled within the year."""
    story = live(("a", habits(demand=demand(0, at_start=800), churn=0.3)), last=13)
    gone = {fact.subject for fact in story.facts_of(SubscriptionCancelled) if fact.occurred_at.year == 2026}

    assert len(gone) / 800 == pytest.approx(0.3, abs=0.035)


def test_a_month_is_left_at_its_end_and_a_year_at_its_end() -> None:
    """Monthly customers stay to the end of the month, yearly ones to the end of the year that they paid."""
    fickle = habits(demand=demand(0, at_start=200), churn=0.5, main__yearly=0.5)
    story = live(("a", fickle), last=18)
    yearly = {one.subscription for one in story.of(SubscriptionStarted) if one.billing == "year"}

    for one in story.of(SubscriptionCancelled):
        assert one.effective_on.day == 1
        assert one.subscription not in yearly or one.effective_on.month == 1


def test_some_come_back() -> None:
    """Who left may return within months, with the subscription and plan that it had."""
    fickle = habits(demand=demand(0, at_start=200), churn=0.6, loyalty={"returns": 0.2})
    story = live(("a", fickle))
    back = story.of(SubscriptionReactivated)

    assert back
    assert {one.plan for one in back} == {"pro"}
    assert {one.subscription for one in back} <= {one.subscription for one in story.of(SubscriptionCancelled)}


def test_a_trial_that_does_not_convince_ends_by_itself() -> None:
    """Of trials of 14 days, a third stay; the others end on the day on which they would begin to pay."""
    trials = habits(demand=demand(0, at_start=300), main__trial_days=14, main__trial_stays=1 / 3)
    story = live(("a", trials), last=2)
    starts = {fact.data.subscription: fact for fact in story.facts_of(SubscriptionStarted)}
    ends = story.of(SubscriptionCancelled)

    assert len(ends) / 300 == pytest.approx(2 / 3, abs=0.08)
    for one in ends:
        started_on = starts[one.subscription].occurred_at.date()
        assert one.effective_on == started_on + timedelta(days=14)
    assert {fact.data.trial_days for fact in starts.values()} == {14}


def test_seats_are_born_and_die_within_the_plan() -> None:
    """Teams grow and shrink, and stop at the most that the plan allows."""
    teams = habits(
        demand=demand(0, at_start=100),
        main__plans=["pro"],
        main__seats={"low": 3, "high": 3, "joins": 0.2, "leaves": 0.1},
    )
    seats = [one.seats for one in live(("a", teams)).of(SeatsChanged)]

    assert (min(seats), max(seats)) == (1, 5)
    assert len(seats) > 300


def test_who_reckons_takes_the_cheapest_plan_that_fits() -> None:
    """With 900,000 calls Pro costs $8,800 and Max $1,000; who reckons changes, who does not mostly stays."""

    def changed(reckons: float) -> list[PlanChanged]:
        uses = {"calls": {"median": 900_000, "sigma": 0.01, "growth": 0, "growth_sd": 0}}
        many = habits(
            demand=demand(0, at_start=50),
            main__uses=uses,
            main__starts={"pro": 1},
            main__upgrades={"reckons": reckons, "base": -20, "pressure": 0, "bill": 0},
        )
        return live(("a", many), last=4).of(PlanChanged)

    assert [one.plan for one in changed(1.0)] == ["max"] * 50
    assert changed(0.0) == []


def test_add_ons_belong_to_their_plans() -> None:
    """They are bought and dropped, and go when the subscription moves to a plan that does not have them."""
    story = live(("busy", BUSY), last=24)
    has: dict[str, bool] = {}
    plans = {one.subscription: one.plan for one in story.of(SubscriptionStarted)}
    for fact in story.facts:
        match fact.data:
            case AddOnBought(name, "extra"):
                assert not has.get(name)
                assert plans[name] == "pro"
                has[name] = True
            case AddOnDropped(name, "extra"):
                assert has.pop(name)
            case PlanChanged(name, plan):
                plans[name] = plan
                assert plan == "pro" or not has.get(name)
    assert story.of(AddOnDropped)


def test_another_product_is_another_subscription() -> None:
    """Customers that pay add hosting, as a subscription of its own of the same account."""
    story = live(("busy", BUSY), last=24)
    hosting = [fact for fact in story.facts_of(SubscriptionStarted) if fact.data.plan == "host"]

    assert len(hosting) > 20
    assert all(fact.data.subscription == f"{fact.subject}-host" for fact in hosting)


def test_companies_that_come_later_are_larger() -> None:
    """With 50 % more a year, those of the second January start with half as many seats again."""
    seats = {"low": 20, "high": 20, "larger": 0.5, "joins": 0, "leaves": 0}
    story = live(("smb", habits(main__seats=seats, main__plans=["max"], demand=demand(20.0))), last=14)
    started = [(fact.occurred_at, fact.data.seats) for fact in story.facts_of(SubscriptionStarted)]

    assert {20} == {count for at, count in started if (at.year, at.month) == (2026, 1)}
    assert {30} == {count for at, count in started if (at.year, at.month) == (2027, 1)}


def test_a_product_is_added_from_the_month_on_in_which_it_is_sold() -> None:
    """Hosting is sold from the seventh month on: nobody has it before, many soon after."""
    story = live(
        (
            "smb",
            habits(
                hosting__plans=["host"], hosting__attaches=0.5, hosting__sold_from=6, demand=demand(0.0, 40)
            ),
        )
    )
    added = [
        fact.occurred_at.month for fact in story.facts_of(SubscriptionStarted) if fact.data.plan == "host"
    ]

    assert len(added) > 30
    assert min(added) == 7

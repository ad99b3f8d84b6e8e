"""Projects: what is studied first, what changes on the way, and what comes after."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import mean
from typing import Any

import pytest
from pydantic import ValidationError

from billing.price_book import loads
from metering.event import ChangeOrderAgreed, Event, HoursWorked, MilestoneDelivered, ProjectStarted
from simulator.agents import consultant
from simulator.agents.practice import Changes, FollowUp, Offering, Practice, Savings, Study
from tests.simulator.stage import EMPTY, Stage, lived, of

SMALL = Offering(hours={"small": 64}, team={"engineer": 1}, clients=(60.0,))
PRACTICE = Practice(
    people={"engineer": (30.0,)},
    sizes={"small": (1.0,)},
    milestones={"analysis": Decimal("0.5"), "delivery": Decimal("0.5")},
    offerings={"silver": SMALL},
    attrition=0.0,
)


def practice(*, months: int = 24, seed: int = 1, **offering: Any) -> list[Event]:
    """Return the history of a practice with one offering that differs in something."""
    changed = SMALL.model_copy(update=offering)
    others = {"tuning": SMALL.model_copy(update={"hours": {"small": 8}, "clients": (0.0,)})}
    settings = PRACTICE.model_copy(update={"offerings": {"silver": changed, **others}})
    return lived(Stage(months, [(consultant.spawn, settings)]), seed=seed)


def days_of(kind: type[Any], facts: list[Event]) -> dict[str, datetime]:
    """Return when the last fact of a kind was recorded for each project."""
    return {fact.data.project: fact.occurred_at for fact in facts if isinstance(fact.data, kind)}


def worked(facts: list[Event], *, billable: bool) -> Counter[str]:
    """Return the hours of each project that were billable, or were not."""
    hours: Counter[str] = Counter()
    for one in of(HoursWorked, facts):
        hours[one.project] += int(4 * one.hours) * (one.billable == billable)
    return hours


def test_milestones_of_an_offering_are_its_own() -> None:
    """Bronze has one milestone where the practice has two."""
    facts = practice(milestones={"all": Decimal(1)})

    assert {("all", Decimal(1))} == {(one.milestone, one.share) for one in of(MilestoneDelivered, facts)}
    assert {"analysis", "delivery"} == {one.milestone for one in of(MilestoneDelivered, practice())}


def test_half_of_the_clients_agree_to_half_of_the_hours_that_are_missing() -> None:
    """A change order is agreed once the planned hours are used up; its hours are billable, the others not."""
    facts = practice(changes=Changes(agrees=0.5, covers=0.5), months=36)
    agreed = {one.project: one.hours for one in of(ChangeOrderAgreed, facts)}
    unpaid, paid = worked(facts, billable=False), worked(facts, billable=True)
    done = days_of(MilestoneDelivered, facts)
    over = [name for name in done if paid[name] + unpaid[name] >= 4 * (64 + 32)]  # by a week or more

    assert 0.3 < mean(name in agreed for name in over) < 0.7
    for name in over:
        if name in agreed:
            assert 4 * (64 + agreed[name]) <= paid[name] < 4 * (64 + agreed[name] + 32), name
            assert pytest.approx(float(paid[name] + unpaid[name] - 4 * 64) / 2, abs=1) == 4 * float(
                agreed[name]
            )
        else:
            assert paid[name] < 4 * (64 + 32), name


def test_without_change_orders_nothing_is_agreed() -> None:
    """Nobody agrees to anything that the scenario does not speak of, nor where work is billed by the hour."""
    assert not of(ChangeOrderAgreed, practice())
    assert not of(ChangeOrderAgreed, practice(changes=Changes(agrees=1.0), billed="hours"))


def test_a_study_comes_before_the_project_and_may_be_its_end() -> None:
    """Three in four studies lead to a project; each is billed by the hour, under its own offering."""
    study = Study(offering="feasibility", role="engineer", hours=(16, 40), goes_on=0.75)
    facts = practice(study=study, months=36)
    hours: dict[str, Decimal] = defaultdict(Decimal)
    for one in of(HoursWorked, facts):
        if one.offering == "feasibility":
            assert one.billable
            hours[one.project.removesuffix("-study")] += one.hours
    started = days_of(ProjectStarted, facts)
    studied = {
        name.removesuffix("-study"): day
        for name, day in days_of(HoursWorked, facts).items()
        if "-study" in name
    }

    assert len(studied) > 100
    assert all(Decimal(16) <= sum_ <= Decimal(40) for sum_ in hours.values() if sum_ >= 16)
    assert set(started) <= set(studied)
    assert all(studied[name] < started[name] for name in started)
    assert 0.65 < len(started) / len(studied) < 0.85


def test_what_belongs_to_a_project_follows_in_its_time() -> None:
    """Four tunings follow a project, one every three months, when somebody is free."""
    facts = practice(follow_up=FollowUp(offering="tuning", every_months=3, times=4), clients=(20.0, 0.0))
    delivered, started = days_of(MilestoneDelivered, facts), days_of(ProjectStarted, facts)
    late = max(fact.occurred_at for fact in facts) - timedelta(days=380)
    first = [
        name for name in delivered if name[-2:] not in {"-1", "-2", "-3", "-4"} and delivered[name] < late
    ]

    assert first
    for name in first:
        for number in range(1, 5):
            after = (started[f"{name}-{number}"] - delivered[name]).days
            assert 91 * number - 3 <= after <= 91 * number + 14


def test_two_clients_in_five_come_again() -> None:
    """The share that repeats is that of all projects done, repeated ones as well."""
    facts = practice(repeats=0.4, repeats_days=30.0, months=36)
    done = days_of(MilestoneDelivered, facts)
    early = [name for name, day in done.items() if day < max(done.values()) - timedelta(days=300)]

    assert 0.3 < mean(f"{name}-again" in done for name in early) < 0.5
    assert any(name.endswith("-again-again") for name in done)


@pytest.mark.parametrize(
    ("offering", "message"),
    [
        ({"milestones": {"all": "0.9"}}, "silver: milestones add up to 0.9"),
        ({"follow_up": {"offering": "gold"}}, "silver: no offering 'gold'"),
        ({"study": {"offering": "x", "role": "wizard", "hours": [1, 2]}}, "silver: no role 'wizard'"),
    ],
)
def test_what_an_offering_names_must_be_there(offering: dict[str, Any], message: str) -> None:
    """Each name that nothing defines is refused, and milestones that are no whole."""
    table = PRACTICE.model_dump()
    table["offerings"]["silver"] |= offering
    with pytest.raises(ValidationError, match=message):
        Practice.model_validate(table)


def test_the_price_book_must_know_what_projects_do() -> None:
    """Studies, change orders and shares of savings need prices like milestones and hours do."""
    study = Study(offering="feasibility", role="engineer", hours=(16, 40))
    update = {"study": study, "changes": Changes(), "savings": Savings(median=1e5)}
    settings = PRACTICE.model_copy(update={"offerings": {"silver": SMALL.model_copy(update=update)}})
    priced = loads(
        """
        name = "Optimisers"
        [meters.hours]
        event = "hours.worked"
        dimensions = ["role", "offering"]
        [meters.changes]
        event = "change_order.agreed"
        dimensions = ["role"]
        [meters.milestones]
        event = "milestone.delivered"
        [meters.savings]
        event = "savings.reported"
        [plans.catalog]
        name = "Catalog"
        stream = "services"
        prices.hours = { meter = "hours", where = { offering = ["silver", "feasibility"] }, unit_price = 1 }
        prices.changes = { meter = "changes", unit_price = 1 }
        prices.milestones = { meter = "milestones", unit_price = 1 }
        prices.savings = { meter = "savings", unit_price = 1 }
        """
    )

    assert not list(settings.keys(priced))
    assert [
        "offerings.silver",
        "offerings.silver",
        "offerings.silver.changes",
        "offerings.silver.study",
        "offerings.silver.savings",
    ] == [problem.place for problem in settings.keys(EMPTY)]

"""Consultants: a finite staff, projects that queue for it, and what they deliver."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from math import log
from statistics import mean, median
from typing import Any

import pytest
from pydantic import ValidationError

from metering.event import (
    AccountSignedUp,
    Event,
    HoursWorked,
    MilestoneDelivered,
    OrderPlaced,
    ProjectStarted,
    SubscriptionCancelled,
    SubscriptionStarted,
)
from metering.period import month_of, months
from simulator.agents import consultant
from simulator.agents.bench import Bench, Consultant
from simulator.agents.consultant import House
from simulator.agents.practice import CrossSale, Offering, Overrun, Practice, Retainer
from simulator.chance import Chance
from simulator.world import Clock, Story, World
from tests.simulator.stage import EMPTY, Stage, lived, of

SMALL = Offering(hours={"small": 100}, team={"consultant": 1}, clients=(24.0,))
LARGE = Offering(hours={"small": 800}, team={"consultant": 2, "architect": 1}, clients=(6.0,), priority=1)
BY_HOUR = Offering(hours={"small": 75}, team={"consultant": 1}, clients=(12.0,), billed="hours")
PRACTICE = Practice(
    people={"consultant": (6.0, 8.0, 10.0), "architect": (2.0,)},
    sizes={"small": (1.0,)},
    milestones={"design": Decimal("0.3"), "build": Decimal("0.4"), "go-live": Decimal("0.3")},
    offerings={"quick-start": SMALL, "enterprise": LARGE, "development": BY_HOUR},
)


def practice(settings: Practice = PRACTICE, *, months: int = 36, seed: int = 1) -> list[Event]:
    """Return the history of consultants alone."""
    return lived(Stage(months, [(consultant.spawn, settings)]), seed=seed)


def customer(plan: str, *, leaves_on: int = 0) -> tuple[Callable[[World, Any], None], Any]:
    """Return what brings one customer of a plan into the world, and lets it leave again."""

    def spawn(world: World, settings: Any) -> None:
        agent = world.agent("customer", "customer-1")

        def subscribe() -> Story:
            yield world.on(7)
            world.record(agent, "customer-1", SubscriptionStarted("customer-1-main", plan))
            if leaves_on:
                yield world.on(leaves_on)
                world.record(agent, "customer-1", SubscriptionCancelled("customer-1-main", world.date()))

        world.start(agent, subscribe())

    return spawn, None


def test_nobody_works_on_a_project_that_has_not_begun() -> None:
    """Every hour and milestone belongs to a project that started before."""
    begun = set()
    for fact in practice():
        if isinstance(fact.data, ProjectStarted):
            begun.add(fact.data.project)
        elif isinstance(fact.data, HoursWorked | MilestoneDelivered):
            assert fact.data.project in begun


def test_the_milestones_of_a_project_add_up_to_the_whole() -> None:
    """Who is done has delivered 30, 40 and 30 %, in this order; work by the hour has no milestones."""
    delivered = defaultdict(list)
    for milestone in of(MilestoneDelivered, practice()):
        delivered[milestone.project].append(milestone)
    done = [parts for parts in delivered.values() if "go-live" in {part.milestone for part in parts}]

    assert len(done) > 60
    assert {("design", "build", "go-live")} == {tuple(part.milestone for part in parts) for parts in done}
    assert {Decimal(1)} == {sum(part.share for part in parts) for parts in done}
    assert {"quick-start", "enterprise"} == {parts[0].offering for parts in done}


def test_no_more_people_work_than_are_employed() -> None:
    """In every week the consultants at work are of the staff, and each is on one project only."""
    world = World(Stage(36, []), EMPTY, seed=1)
    house = House(world, PRACTICE)
    house.begin()
    weeks: dict[date, list[str]] = defaultdict(list)
    for month in range(36):
        for fact in world.live(month_of(world.date(world.month_start(month)))).facts:
            if isinstance(fact.data, HoursWorked):
                weeks[fact.occurred_at.date()].append(fact.data.consultant)

    staff = {one.identity: one for role in house.staff.values() for one in role}
    for day, names in weeks.items():
        employed = [name for name, one in staff.items() if one.hired_on <= world.day_of(day)]
        assert len(names) == len(set(names)), day
        assert set(names) <= set(employed), day
        assert day.weekday() == 4
    assert max(len(names) for names in weeks.values()) <= 14


def test_a_team_works_its_project_and_nothing_else_until_it_is_done() -> None:
    """An enterprise project has two consultants and an architect, the same people all along."""
    people = defaultdict(set)
    roles: dict[str, Counter[str]] = defaultdict(Counter)
    for hours in of(HoursWorked, practice()):
        people[hours.project].add(hours.consultant)
        roles[hours.project][hours.role] += 1
    enterprise = [project for project in people if project.startswith("enterprise")]

    assert enterprise
    assert {3} == {len(people[project]) for project in enterprise}
    assert {2} == {
        round(roles[project]["consultant"] / roles[project]["architect"]) for project in enterprise
    }


def test_hours_overrun_as_large_projects_do() -> None:
    """The median project takes a tenth more than planned; 18 % take half as much again or more."""
    factors = [Overrun().draw(Chance(1).stream("project", str(number))) for number in range(4_000)]

    assert 1.08 < median(factors) < 1.17
    assert 0.16 < mean(factor > 1.5 for factor in factors) < 0.20
    assert 5.0 == max(factors)


def test_hours_beyond_a_fixed_price_are_not_billable() -> None:
    """A fixed price covers no more hours than planned, up to a week; by the hour all are billed."""
    billable: dict[str, Decimal] = defaultdict(Decimal)
    planned = {}
    for fact in practice():
        if isinstance(fact.data, ProjectStarted):
            planned[fact.data.project] = fact.data.hours_budgeted
        elif isinstance(fact.data, HoursWorked) and fact.data.offering == "development":
            assert fact.data.billable
        elif isinstance(fact.data, HoursWorked) and fact.data.billable:
            billable[fact.data.project] += fact.data.hours

    assert all(hours < planned[project] + 32 for project, hours in billable.items())


def test_a_week_has_no_more_hours_than_the_practice_sets() -> None:
    """Nobody writes down more than the week's hours, in quarters of an hour; new ones work half as many."""
    hours = [fact.hours for fact in of(HoursWorked, practice())]

    assert Decimal(32) == max(hours)
    assert {Decimal(0)} == {one % Decimal("0.25") for one in hours}
    assert Decimal(16) in hours


def test_projects_that_find_nobody_start_late_or_never() -> None:
    """With one consultant for many clients some wait for weeks, and those who wait too long go elsewhere."""
    busy = PRACTICE.model_copy(
        update={"people": {"consultant": (1.0,)}, "offerings": {"quick-start": SMALL}, "attrition": 0.0}
    )
    facts = practice(busy)
    signed_up = {fact.subject: fact.occurred_at for fact in facts if isinstance(fact.data, AccountSignedUp)}
    waits = [
        (fact.occurred_at - signed_up[fact.subject]).days
        for fact in facts
        if isinstance(fact.data, ProjectStarted)
    ]

    assert len(waits) < 0.8 * len(signed_up)
    assert max(waits) > 60
    assert max(waits) <= 120 + 7


def test_customers_of_a_plan_buy_and_those_who_left_do_not() -> None:
    """A sale follows a subscription of its plan, unless the customer is gone by then."""
    settings = PRACTICE.model_copy(
        update={
            "offerings": {"quick-start": SMALL.model_copy(update={"clients": (0.0,)})},
            "cross_sales": {"professional": CrossSale(offering="quick-start", share=1.0, days=60.0)},
        }
    )

    def started(*spawns: Any) -> list[Event]:
        facts = lived(Stage(12, [(consultant.spawn, settings), *spawns]))
        return [fact for fact in facts if isinstance(fact.data, ProjectStarted)]

    assert ["customer-1"] == [fact.subject for fact in started(customer("professional"))]
    assert not started(customer("professional", leaves_on=8))
    assert not started(customer("business"))
    assert not started()


def test_some_clients_stay_under_a_retainer() -> None:
    """A retainer is a subscription of the client with some hours every month, until it is cancelled."""
    settings = PRACTICE.model_copy(
        update={
            "offerings": {"quick-start": SMALL.model_copy(update={"stays": {"advisory": 1.0}})},
            "retainers": {"advisory": Retainer(role="architect", hours=(20, 40), months=6.0)},
        }
    )
    facts = practice(settings)
    started = {f.subject: f.occurred_at.date() for f in facts if isinstance(f.data, SubscriptionStarted)}
    ended = {f.subject: f.occurred_at.date() for f in facts if isinstance(f.data, SubscriptionCancelled)}
    stays = [(ended[subject] - started[subject]) / timedelta(days=30.44) for subject in ended]
    hours = [fact.hours for fact in of(HoursWorked, facts) if fact.offering == "advisory"]

    assert len(started) > 30
    assert 4 < mean(stays) < 8
    assert 20 < float(sum(hours)) / sum(stays) < 60


def test_the_staff_follows_its_plan_and_resigns() -> None:
    """Those employed are as many as planned, to one or two; a ninth leaves each year."""
    world = World(Stage(36, []), EMPTY, seed=1)
    plan = PRACTICE.model_copy(update={"people": {"consultant": (100.0, 100.0)}, "offerings": {}})
    house = House(world, plan)
    house.begin()
    for period in months(date(2026, 1, 1), 36):
        world.live(period)
        assert 96 <= house.employed("consultant") <= 100
    left = sum(one.leaves_on < 3 * 365 for one in house.staff["consultant"])
    assert 20 < left < 50
    assert pytest.approx(-100 * 3 * log(1 - 0.117), abs=15) == left


def served(*, patience: int) -> dict[str, int]:
    """Let a large project and a small one every four days share three people; say when each began."""
    clock = Clock(date(2026, 1, 1))
    bench = Bench(clock, patience=patience)
    began: dict[str, int] = {}

    def work(name: str, people: int, *, asks_on: int, priority: int = 2) -> Story:
        yield clock.timeout(asks_on)
        team = yield bench.ask(name, {"consultant": people}, priority=priority)
        began[name] = clock.day
        yield clock.timeout(13)
        bench.release(team)

    def meet() -> Story:
        bench.release([Consultant(f"consultant-{number}", "consultant", 0) for number in range(3)])
        while True:
            yield clock.timeout(1)
            bench.meet()

    clock.process(meet())
    for number in range(60):
        clock.process(work(f"small-{number:02}", 1, asks_on=4 * number))
    clock.process(work("large", 3, asks_on=10))
    clock.process(work("urgent", 1, asks_on=100, priority=1))
    clock.run(until=400)
    return began


def test_the_urgent_go_first_and_who_waits_too_long_is_not_overtaken() -> None:
    """Small projects overtake a large one for thirty days; then people are held for it until all are free."""
    fair, unfair = served(patience=30), served(patience=1_000)

    assert 40 <= fair["large"] <= 40 + 13 + 1
    assert 200 < unfair["large"]
    assert 101 <= fair["urgent"] <= 100 + 13 + 1
    assert fair["urgent"] < fair["small-25"] < fair["small-30"]
    assert 62 == len(fair) == len(unfair)


def test_neither_order_nor_company_changes_a_history() -> None:
    """Customers who buy nothing change nothing, whether they come before or after."""
    alone = practice()
    other = customer("free")
    before = lived(Stage(36, [other, (consultant.spawn, PRACTICE)]))
    after = lived(Stage(36, [(consultant.spawn, PRACTICE), other]))

    assert before == after
    assert alone == [fact for fact in before if not fact.source.startswith("saasim/customer/")]


def test_the_same_seed_gives_the_same_history() -> None:
    """Twice the same, and with another seed another."""
    assert practice(months=12) == practice(months=12)
    assert practice(months=12) != practice(months=12, seed=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"milestones": {"all": "0.9"}}, "add up to 0.9"),
        ({"offerings": {"a": {"hours": {"huge": 1}, "team": {"consultant": 1}}}}, "a: no size 'huge'"),
        ({"offerings": {"a": {"hours": {"small": 1}, "team": {"wizard": 1}}}}, "a: no role 'wizard'"),
        ({"cross_sales": {"p": {"offering": "x", "share": 1}}}, "p: no offering 'x'"),
        ({"retainers": {"r": {"role": "x", "hours": [1, 2], "months": 3}}}, "r: no role 'x'"),
    ],
)
def test_what_settings_name_must_be_there(settings: dict[str, Any], message: str) -> None:
    """Each name that nothing defines is refused."""
    with pytest.raises(ValidationError, match=message):
        Practice.model_validate({**PRACTICE.model_dump(), **settings})


def test_the_price_book_must_know_offerings_and_roles() -> None:
    """Each size of a fixed price, and each role that works, needs a price, if only of zero."""
    problems = list(PRACTICE.keys(EMPTY))

    assert {"offerings.quick-start", "offerings.enterprise", "offerings.development"} == {
        problem.place for problem in problems
    }
    assert 2 + 4 == len(problems)


def test_some_projects_are_ordered_as_a_package() -> None:
    """A quarter each of two packages: the order comes with the start of the project, one for a project."""
    offering = SMALL.model_copy(update={"clients": (60.0,), "packages": {"rapid": 0.25, "large": 0.25}})
    settings = PRACTICE.model_copy(update={"offerings": {"quick-start": offering}})
    facts = practice(settings)
    started = {fact.subject: fact.occurred_at for fact in facts if isinstance(fact.data, ProjectStarted)}
    ordered = {fact.subject: fact.occurred_at for fact in facts if isinstance(fact.data, OrderPlaced)}
    items = Counter(order.item for order in of(OrderPlaced, facts))

    assert len(ordered) == items.total()
    assert all(started[account] == at for account, at in ordered.items())
    assert all(count / len(started) == pytest.approx(0.25, abs=0.1) for count in items.values())
    assert {"rapid", "large"} == set(items)

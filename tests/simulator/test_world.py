"""The world: days, facts in one order, and errors that name who made them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from metering.event import Event, InvoicePaid, SeatsChanged
from metering.period import months
from simulator import world as world_module
from simulator.world import Agent, AgentError, Bill, Story, World
from tests.simulator.stage import EMPTY, Stage

JANUARY, FEBRUARY = months(date(2026, 1, 1), 2)
BILL = Bill("acme", "2026-01", Decimal(10), Decimal(2), "INV-2026-01-acme")


def world(*stories: Any, months: int = 2, seed: int = 1) -> World:
    """Return a world in which an agent lives each of the stories, named a, b, c, ... in their order."""

    def spawn(world: World, settings: Any) -> None:
        for number, story in enumerate(stories):
            agent = world.agent("customer", chr(ord("a") + number))
            world.start(agent, story(world, agent))

    return World(Stage(months, [(spawn, None)]), EMPTY, seed=seed)


def every(days: int) -> Any:
    """Return the story of somebody who changes seats every so many days."""

    def story(world: World, agent: Agent) -> Story:
        while True:
            yield world.wait(days)
            world.record(agent, agent.identity, SeatsChanged("s", world.today))

    return story


def at_once(act: Any) -> Any:
    """Return the story of somebody who does one thing and is done."""

    def story(world: World, agent: Agent) -> Story:
        act(world, agent)
        yield world.wait(1)

    return story


def named(world: World, name: str) -> None:
    """Start somebody by name who changes seats on the 15th."""
    agent = world.agent("customer", name)

    def story() -> Story:
        yield world.on(14)
        world.record(agent, agent.identity, SeatsChanged("s", 5))
        world.record(agent, agent.identity, SeatsChanged("s", 6))

    world.start(agent, story())


def stage(*names: str) -> Stage:
    """Return a stage on which these people come in this order."""
    return Stage(2, [(named, name) for name in names])


def order(fact: Event) -> tuple[datetime, str, int]:
    """Return what facts are ordered by."""
    return (fact.occurred_at, fact.source, int(fact.id))


def test_a_month_ends_before_the_first_of_the_next() -> None:
    """What happens on 31 January belongs to January, on 1 February to February."""
    here = world(every(1))
    january, february = here.live(JANUARY).facts, here.live(FEBRUARY).facts

    assert [fact.occurred_at.day for fact in january] == list(range(2, 32))
    assert [fact.occurred_at.day for fact in february] == list(range(1, 29))


def test_who_waits_for_one_day_waits_for_one_event() -> None:
    """Ten thousand agents that wait for the same day cost one entry in SimPy's queue."""
    here = world(*[every(7)] * 100)
    for _ in range(100):  # the first step of each story
        here.clock.step()

    assert here.on(7) is here.on(7)
    assert len(here.clock._queue) == 1


def test_facts_come_in_one_order() -> None:
    """By instant, then source, then number: 10 after 9, not before 2."""
    facts = world(every(1), every(2), every(3)).live(JANUARY).facts

    assert facts == sorted(facts, key=order)
    assert [int(fact.id) for fact in facts if fact.source == "saasim/customer/a"] == list(range(1, 31))


def test_the_order_of_agents_changes_nothing() -> None:
    """Who came first into the world does not matter, not even among those who act at one instant."""
    both = [World(stage(*names), EMPTY, seed=1).live(JANUARY).facts for names in (("x", "y"), ("y", "x"))]
    here = [World(stage(*names), EMPTY, seed=1) for names in (("x", "y"), ("y", "x"))]
    for one in here:
        for agent in one._agents.values():
            agent.hour = world_module.OPENS
    same_hour = [one.live(JANUARY).facts for one in here]

    assert both[0] == both[1]
    assert same_hour[0] == same_hour[1] == sorted(same_hour[0], key=order)


def test_one_more_agent_moves_nobody() -> None:
    """The facts of the others are the same, with ids, hours and all."""
    few, more = (World(stage(*names), EMPTY, seed=1).live(JANUARY).facts for names in ("xy", "xyz"))

    assert few == [fact for fact in more if not fact.source.endswith("/z")]


def test_ids_are_unique_and_without_gaps() -> None:
    """Each source numbers its facts 1, 2, 3, ... through all months."""
    here = world(every(2), every(3))
    facts = here.live(JANUARY).facts + here.live(FEBRUARY).facts
    numbers = {fact.source: [int(one.id) for one in facts if one.source == fact.source] for fact in facts}

    assert all(ids == list(range(1, len(ids) + 1)) for ids in numbers.values())
    assert len({(fact.source, fact.id) for fact in facts}) == len(facts)


def test_a_name_can_be_given_once() -> None:
    """Two agents of one kind and name would write facts with the same ids."""
    here = world(every(1))

    with pytest.raises(ValueError, match="there is a customer 'a' already; give each agent its own name"):
        here.agent("customer", "a")


@pytest.mark.parametrize(
    ("day", "message"),
    [
        (0, "day 0 is not after day 0"),
        (-3, "day -3 is not after day 0"),
        (float("nan"), "day nan is not after day 0"),
        (1.5, "day 1.5 is not a whole number"),
    ],
)
def test_who_waits_for_no_later_day_is_refused_by_name(day: Any, message: str) -> None:
    """The past, today, NaN and half days are refused, and the error says who, when and with which seed."""
    here = world(every(5), at_once(lambda world, agent: world.on(day)), seed=42)

    with pytest.raises(
        AgentError, match=rf"^customer b on 2026-01-01 \(seed 42\): \w+: {message}; "
    ) as error:
        here.live(JANUARY)

    assert error.value.__cause__ is not None


def test_who_raises_is_named() -> None:
    """The error of an agent names it, the day and the seed, and keeps the original error."""

    def story(world: World, agent: Agent) -> Story:
        yield world.on(9)
        raise KeyError("plan")

    with pytest.raises(AgentError, match=r"customer a on 2026-01-10 \(seed 7\): KeyError: 'plan'"):
        world(story, every(1), seed=7).live(JANUARY)


def test_who_loops_at_one_instant_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A story in which no time passes ends with an error, not never."""
    monkeypatch.setattr(world_module, "STEPS_MAX", 1000)

    def story(world: World, agent: Agent) -> Story:
        yield world.on(9)
        while True:
            yield world.clock.timeout(0)

    with pytest.raises(AgentError, match="customer b on 2026-01-10: 1000 steps without a pause"):
        world(every(1), story).live(JANUARY)


def test_who_records_without_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of facts ends with an error before it fills the memory."""
    monkeypatch.setattr(world_module, "FACTS_MAX", 1000)

    def story(world: World, agent: Agent) -> Story:
        while True:
            world.record(agent, "a", SeatsChanged("s", 1))
        yield

    with pytest.raises(AgentError, match=r"customer a on 2026-01-01 .*more than 1000 facts"):
        world(story).live(JANUARY)


def test_a_fact_of_earlier_days_says_when_it_became_known() -> None:
    """`at` may be an earlier instant of the month; then `recorded_at` is today."""
    early = datetime.fromisoformat("2026-01-03T12:00")

    def story(world: World, agent: Agent) -> Story:
        yield world.on(9)
        world.record(agent, "a", SeatsChanged("s", 1), at=early)
        world.record(agent, "a", SeatsChanged("s", 2))

    late, now = world(story).live(JANUARY).facts

    assert (late.occurred_at, late.recorded_at) == (early, now.occurred_at)
    assert now.recorded_at is None


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (datetime.fromisoformat("2026-02-10T00:00"), "has not come yet"),
        (datetime.fromisoformat("2026-01-31T23:00"), "the month of 2026-01-31 23:00:00 is closed"),
    ],
)
def test_a_fact_lies_in_the_month_that_is_open(at: datetime, message: str) -> None:
    """The future, and months that are billed, are refused."""

    def story(world: World, agent: Agent) -> Story:
        yield world.on(JANUARY.days + 8)
        world.record(agent, "a", SeatsChanged("s", 1), at=at)

    here = world(story)
    here.live(JANUARY)

    with pytest.raises(AgentError, match=message):
        here.live(FEBRUARY)


def test_months_are_lived_in_order() -> None:
    """A month that was lived, or is not next, is refused."""
    here = world(every(1))
    with pytest.raises(ValueError, match="2026-02 is not next: it is 2026-01-01"):
        here.live(FEBRUARY)
    here.live(JANUARY)

    with pytest.raises(ValueError, match="2026-01 is not next: it is 2026-02-01"):
        here.live(JANUARY)


def test_bills_are_heard_before_the_next_month_begins() -> None:
    """What an agent does on hearing its bill falls on the day of issue, and others hear nothing of it."""
    here = world(every(60))
    agent = here.agent("customer", "acme")
    here.listen("acme", lambda bill: here.record(agent, "acme", InvoicePaid(bill.month, 0)))
    here.live(JANUARY)
    here.hear([BILL, BILL._replace(account="nobody")])

    [fact] = here.live(FEBRUARY).facts
    assert (fact.subject, fact.data, fact.occurred_at.date()) == (
        "acme",
        InvoicePaid("2026-01", 0),
        date(2026, 2, 1),
    )


def test_news_travels_at_once() -> None:
    """Who follows a kind of fact hears each one when it is recorded, and no other kind."""
    here, heard = world(every(10)), list[Event]()
    here.follow(SeatsChanged, heard.append)
    here.follow(InvoicePaid, heard.append)
    facts = here.live(JANUARY).facts

    assert heard == facts


def test_the_calendar_knows_months_and_days() -> None:
    """Days count from the first day, months from its month, whatever day that is."""
    here = World(Stage(3, [], starts_on=date(2026, 1, 15)), EMPTY, seed=1)

    assert here.month_start(0) == -14
    assert here.month_start(1) == 17
    assert here.date(here.month_start(40)) == date(2029, 5, 1)
    assert here.day_of(date(2026, 2, 1)) == 17
    here.live(next(months(date(2026, 1, 15), 1)))
    assert (here.today, here.month, here.date()) == (17, 1, date(2026, 2, 1))

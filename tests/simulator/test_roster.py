"""The roster: who holds which plan on a day."""

from collections.abc import Callable
from datetime import date
from typing import Any

from metering.event import (
    PlanChanged,
    SubscriptionCancelled,
    SubscriptionReactivated,
    SubscriptionStarted,
)
from metering.period import months
from simulator.agents.roster import Roster
from simulator.world import Story, World
from tests.simulator.stage import EMPTY, Stage

HISTORY: list[tuple[int, object]] = [
    (3, SubscriptionStarted("b-1", "pro")),
    (3, SubscriptionStarted("a-1", "pro")),
    (10, PlanChanged("a-1", "max", 1)),
    (20, SubscriptionCancelled("b-1", date(2026, 1, 26))),
    (40, SubscriptionReactivated("b-1", "max")),
]
"""What happens on which day to the subscriptions of two accounts."""


def seen(asks: Callable[[Roster], Any], days: list[int]) -> list[Any]:
    """Return what a question is answered on some days, after what happened on each."""
    answers: list[Any] = []

    def spawn(world: World, settings: Any) -> None:
        roster, agent = Roster(world), world.agent("test", "history")

        def story() -> Story:
            for day in sorted({*days, *(day for day, _ in HISTORY)}):
                yield world.on(day)
                for _, data in (one for one in HISTORY if one[0] == day):
                    world.record(agent, "account", data)
                if day in days:
                    answers.append(asks(roster))

        world.start(agent, story())

    stage = Stage(2, [(spawn, None)])
    world = World(stage, EMPTY, seed=1)
    for period in months(stage.starts_on, 2):
        world.live(period)
    return answers


def test_the_roster_follows_every_change_of_plan() -> None:
    """On a plan is who started, changed or came back to it, by name, until the day when it ends."""

    def pro(roster: Roster) -> list[str]:
        return [one.subscription for one in roster.on("pro")]

    def large(roster: Roster) -> list[str]:
        return [one.subscription for one in roster.on("max")]

    days = [2, 3, 10, 24, 25, 40]
    assert seen(pro, days) == [[], ["a-1", "b-1"], ["b-1"], ["b-1"], [], []]
    assert seen(large, days) == [[], [], ["a-1"], ["a-1"], ["a-1"], ["a-1", "b-1"]]


def test_a_subscription_is_on_one_plan_at_a_time() -> None:
    """It holds the plan of its last change, and none once it ended."""

    def held(roster: Roster) -> tuple[bool, bool]:
        return roster.holds("b-1", "pro"), roster.holds("b-1", "max")

    assert seen(held, [3, 24, 25, 40]) == [(True, False), (True, False), (False, False), (False, True)]

"""The roster: who holds which plan today, as far as the facts of customers say, for agents who serve them."""

from metering.event import (
    Event,
    PlanChanged,
    SubscriptionCancelled,
    SubscriptionReactivated,
    SubscriptionStarted,
)
from simulator.world import World

NEVER = 10**9
"""The last day of a subscription that nobody has cancelled."""


class Holding:
    """One subscription: whose it is, on which plan, since which day and until before which."""

    __slots__ = ("account", "ends", "plan", "since", "subscription")

    def __init__(self, account: str, subscription: str, plan: str, since: int) -> None:
        self.account = account
        self.subscription = subscription
        self.plan = plan
        self.since = since
        self.ends = NEVER


class Roster:
    """All subscriptions by plan, kept up to date by what is recorded."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held: dict[str, Holding] = {}
        self._plans: dict[str, dict[str, Holding]] = {}
        world.follow(SubscriptionStarted, self._hear)
        world.follow(SubscriptionReactivated, self._hear)
        world.follow(PlanChanged, self._hear)
        world.follow(SubscriptionCancelled, self._hear_of_end)

    def on(self, plan: str) -> list[Holding]:
        """Return who is on a plan today, in the order of the subscriptions' names."""
        held, today = self._plans.get(plan, {}), self._world.today
        for one in [one for one in held.values() if one.ends <= today]:
            del held[one.subscription]
        return [held[name] for name in sorted(held)]

    def holds(self, subscription: str, plan: str) -> bool:
        """Tell whether a subscription is on a plan today."""
        one = self._held.get(subscription)
        return one is not None and one.plan == plan and one.ends > self._world.today

    def _hear(self, event: Event) -> None:
        name, plan = event.data.subscription, event.data.plan
        one = self._held.get(name)
        if one is None:
            one = self._held[name] = Holding(event.subject, name, plan, self._world.today)
        else:
            self._plans[one.plan].pop(name, None)
        one.plan, one.ends = plan, NEVER
        self._plans.setdefault(plan, {})[name] = one

    def _hear_of_end(self, event: Event) -> None:
        one = self._held.get(event.data.subscription)
        if one is not None:
            one.ends = self._world.day_of(event.data.effective_on)

"""Offers: whose prices are those of which book, on which day.

In a run there is one book. In a what-if there are two, and a transition from one to the other: newcomers are
offered the new one from its day on, and who is there comes to it as the transition's policy says.
"""

from datetime import date

from billing.price import renewal
from billing.transition import share_of
from metering.period import add_months
from simulator.quote import Quotes
from simulator.world import World


class Offer:
    """What is sold. `usual` are the prices that the market is used to, `new` those of the book to come."""

    def __init__(self, world: World) -> None:
        self.transition = world.transition
        self.new = Quotes(world.book)
        self.usual = self.new if world.transition is None else Quotes(world.transition.before)
        self._starts_on = world.scenario.starts_on

    def on(self, day: date) -> Quotes:
        """Return what newcomers are offered on a day."""
        if self.transition is None or (day >= self._from_on() and self.transition.policy != "cohort"):
            return self.new
        return self.usual

    def to(self, account: str, day: date, *, since_on: date, begun_on: date) -> Quotes:
        """Return what holds on a day for who is on its plan since a day, and has been there since another.

        The contract years of a subscription count from the day on which it began.
        """
        change = self.transition
        if change is None or day < self._from_on():
            return self.usual
        start, policy = self._from_on(), change.policy
        if policy == "now":
            return self.new
        if policy == "cohort":
            return self.new if account in change.cohort else self.usual
        if policy == "phased":
            wait = 0 if begun_on >= start else share_of(account, change.phase_months)
            return self.new if day >= add_months(start, wait) else self.usual
        is_new = since_on >= start or (policy == "renewal" and renewal(begun_on, start) <= day)
        return self.new if is_new else self.usual

    def _from_on(self) -> date:
        change = self.transition
        return self._starts_on if change is None or change.from_on is None else change.from_on

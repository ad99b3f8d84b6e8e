"""Contracts: clients with a yearly subscription who have so many projects done in each of its years."""

from collections.abc import Callable
from datetime import date

from metering.event import AccountSignedUp, SubscriptionCancelled, SubscriptionStarted
from metering.period import add_months
from simulator.agents.buyer import open_account
from simulator.agents.practice import Contract, Practice
from simulator.agents.yearly import MONTHS
from simulator.world import Story, World

Order = Callable[[str, str, str], None]
"""Has a project done: its name, its offering and the account."""


class Holder:
    """A client under a contract; `name` is that of the year in which it joined and its number there."""

    def __init__(self, world: World, practice: Practice, order: Order, *, plan: str, name: str) -> None:
        self.world = world
        self.practice = practice
        self.order = order
        self.plan = plan
        self.contract: Contract = practice.contracts[plan]
        self.agent = world.agent("contract", f"{plan}-{name}")
        self.account = f"contract-{plan}-{name}"
        self.subscription = f"{self.account}-{plan}"
        self.is_lost = False

    def live(self, day: int) -> Story:
        """Sign, then have projects done and renew, year by year, until the contract is left to end."""
        if day > self.world.today:
            yield self.world.on(day)
        self.sign()
        since, year = self.world.date(), 0
        while True:
            year += 1
            ends_on = add_months(since, MONTHS * year)
            self.world.start(self.agent, self.have_done(year, self.world.day_of(ends_on)))
            yield self.world.on(self.world.day_of(ends_on) - 1)
            if not self.renews(year, ends_on):
                return
            yield self.world.on(self.world.day_of(ends_on))

    def sign(self) -> None:
        """Become a client."""
        name, email = self.world.names.company(self.account)
        signed_up = AccountSignedUp(name, email, self.contract.segment, self.practice.channel)
        payment = self.practice.payment
        open_account(self.world, self.agent, self.account, signed_up, payment=payment, defaults=self.default)
        self.record(SubscriptionStarted(self.subscription, self.plan, billing="year"))

    def renews(self, year: int, ends_on: date) -> bool:
        """Tell whether the contract goes on, and end it if not."""
        if self.is_lost or self.agent.chance.bernoulli("renews", year, p=self.contract.renewal):
            return not self.is_lost
        self.record(SubscriptionCancelled(self.subscription, ends_on))
        return False

    def have_done(self, year: int, end: int) -> Story:
        """Order the projects of a year, each on a day of its own."""
        start, orders = self.world.today, []
        for offering, mean in self.contract.projects.items():
            count = self.agent.chance.poisson(f"{offering} projects", year, mean=mean)
            for number in range(1, count + 1):
                name = f"{offering}-{self.account}-{year}-{number:03}"
                day = self.agent.chance.integer(f"{name} day", low=start + 1, high=max(start + 1, end - 2))
                orders.append((day, name, offering))
        for day, name, offering in sorted(orders):
            if day > self.world.today:
                yield self.world.on(day)
            if not self.is_lost:
                self.order(name, offering, self.account)

    def default(self) -> None:
        """Lose the contract for a bill that was never paid."""
        if not self.is_lost:
            self.is_lost = True
            ends_on = self.world.date(self.world.today + 1)
            self.record(SubscriptionCancelled(self.subscription, ends_on, "involuntary"))

    def record(self, data: object) -> None:
        """Write down a fact about the client's account."""
        self.world.record(self.agent, self.account, data)

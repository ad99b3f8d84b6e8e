"""Support: tickets of every severity, clients who pay for support alone, and packs that are drawn down.

Who holds a plan opens tickets under it, some companies many more than others. Some hold a support plan and
nothing else. Others buy packs of incidents or hours, and what they do not ask for until a pack expires is
lost to them.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from math import exp
from typing import Annotated, Literal

from pydantic import Field

from billing.price import Key, Record
from billing.price_book import PriceBook
from metering.document import Problem, did_you_mean
from metering.event import (
    AccountSignedUp,
    OrderPlaced,
    SubscriptionCancelled,
    SubscriptionStarted,
    TicketOpened,
    TicketResolved,
    UsageRecorded,
)
from metering.period import add_months
from simulator.agents.buyer import open_account
from simulator.agents.catalog import missing
from simulator.agents.habits import Payment
from simulator.agents.roster import Holding, Roster
from simulator.agents.yearly import MONTHS, Yearly, arrive
from simulator.chance import Stream
from simulator.world import Agent, Story, World

DAY_HOURS = 24
QUARTER = Decimal("0.25")
"""Hours are counted in whole quarters of an hour."""

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, le=1_000)]
Sigma = Annotated[float, Field(ge=0, le=3)]
Some = Annotated[int, Field(ge=1, le=10_000)]


class Severity(Record):
    """How often a ticket is of a severity, how many hours it takes, and the share within the agreed time."""

    share: Rate
    hours: Annotated[float, Field(gt=0, le=10_000)]
    met: Share = 0.95


class Clients(Record):
    """Companies that pay for a support plan alone: those of the first day, and how many a year come.

    `plans` are weights; a share `renewal` stays for another year, each year.
    """

    plans: Annotated[dict[Key, Rate], Field(min_length=1)]
    at_start: Annotated[int, Field(ge=0, le=10_000)] = 0
    joins: Yearly = (0.0,)
    renewal: Share = 0.85


class Pack(Record):
    """What a pack holds: so many incidents, or so many hours that are recorded under the meter `hours`."""

    units: Some
    weight: Rate = 1.0
    unit: Literal["incident", "hour"] = "incident"


class Packs(Record):
    """Companies that buy packs: how many a year come, which pack they buy, and how fast they draw it down.

    A buyer needs `needs` times its pack's units in a year, log-normal around it; `again` is the share that
    buys another pack once one is used up or over.
    """

    kinds: Annotated[dict[Key, Pack], Field(min_length=1)]
    joins: Yearly = (0.0,)
    needs: Annotated[float, Field(gt=0, le=100)] = 1.2
    needs_sigma: Sigma = 0.5
    again: Share = 0.5
    valid_months: Some = 12
    meter: Key = "support_hours"


class Support(Record):
    """Who asks for support: `tickets` is how many a subscription to a plan opens a month, on average.

    Some open far more than others: log-normal with sigma `sigma`.
    """

    tickets: dict[Key, Rate] = Field({})
    sigma: Sigma = 0.8
    severities: Annotated[dict[str, Severity], Field(min_length=1)]
    clients: Clients | None = None
    packs: Packs | None = None
    segment: Key = "support"
    channel: Key = "self_serve"
    payment: Payment = Payment(by_card=0.3)

    def keys(self, book: PriceBook) -> Iterator[Problem]:
        """Yield a problem for every plan, pack and meter that the price book does not have."""
        plans = [("tickets", plan) for plan in self.tickets]
        plans += [("clients.plans", plan) for plan in (self.clients.plans if self.clients else ())]
        for place, plan in plans:
            if plan not in book.plans:
                yield Problem(place, f"no plan {plan!r}", did_you_mean(plan, book.plans))
        if self.packs is not None:
            for item, pack in self.packs.kinds.items():
                yield from missing(book, "order.placed", "packs.kinds", item=item)
                if pack.unit == "hour" and self.packs.meter not in book.meters:
                    remedy = did_you_mean(self.packs.meter, book.meters)
                    yield Problem("packs.meter", f"no meter {self.packs.meter!r}", remedy)


SETTINGS = Support


def spawn(world: World, settings: Support) -> None:
    """Open the desk, let clients and buyers of packs come."""
    desk = Desk(world, settings)
    if settings.tickets:
        world.start(desk.agent, desk.work())
    if settings.clients is not None:
        for number in range(settings.clients.at_start):
            welcome_client(world, settings, settings.clients, f"m00-{number + 1:04}")
        office = world.agent("support", "clients")
        welcome = partial(welcome_client, world, settings, settings.clients)
        world.start(office, arrive(world, office, settings.clients.joins, welcome))
    if settings.packs is not None:
        office = world.agent("support", "packs")
        buys = partial(welcome_buyer, desk, settings.packs)
        world.start(office, arrive(world, office, settings.packs.joins, buys))


def welcome_client(world: World, settings: Support, clients: Clients, name: str) -> None:
    """Let a company come that holds a support plan alone."""
    agent = world.agent("support-client", name)
    world.start(agent, hold(world, settings, clients, agent))


def hold(world: World, settings: Support, clients: Clients, agent: Agent) -> Story:
    """Hold a support plan, and year by year renew or leave."""
    account = sign_up(world, settings, agent)
    plan = agent.chance.pick("plan", weights=clients.plans)
    subscription, since = f"{account}-support", world.date()
    world.record(agent, account, SubscriptionStarted(subscription, plan))
    for year in range(1, 1 + world.scenario.months // MONTHS):
        yield world.on(world.day_of(add_months(since, MONTHS * year)))
        if not agent.chance.bernoulli("renews", year, p=clients.renewal):
            world.record(agent, account, SubscriptionCancelled(subscription, world.date()))
            return


def sign_up(world: World, settings: Support, agent: Agent) -> str:
    """Open an account for a company that comes for support alone, and return its name."""
    account = f"{agent.kind}-{agent.identity}"
    name, email = world.names.company(account)
    signed_up = AccountSignedUp(name, email, settings.segment, settings.channel)
    open_account(world, agent, account, signed_up, payment=settings.payment)
    return account


class Desk:
    """The desk where tickets are opened and resolved."""

    def __init__(self, world: World, settings: Support) -> None:
        self.world = world
        self.settings = settings
        self.agent = world.agent("support", "desk")
        self.roster = Roster(world)
        self._shares = {key: severity.share for key, severity in settings.severities.items()}
        self._askers: dict[str, tuple[Agent, float]] = {}

    def work(self) -> Story:
        """Have those who hold a plan open their tickets of each month."""
        for month in range(self.world.scenario.months):
            if self.world.month_start(month) > self.world.today:
                yield self.world.on(self.world.month_start(month))
            for plan, mean in self.settings.tickets.items():
                for holding in self.roster.on(plan):
                    self.expect(holding, plan, month, mean)

    def expect(self, holding: Holding, plan: str, month: int, mean: float) -> None:
        """Let a subscription open its tickets of a month, each on a day of its own."""
        agent, level = self._asker(holding.subscription)
        chance, ends = agent.chance, self.world.month_start(month + 1)
        for number in range(chance.poisson("tickets", month, mean=mean * level)):
            day = chance.integer(f"day {month}", number, low=self.world.today, high=ends - 1)
            self.world.start(agent, self._under(holding, plan, day, month * 1_000 + number))

    def ask(self, agent: Agent, account: str, subscription: str, number: int) -> None:
        """Open a ticket today, and have it resolved in time or later."""
        severity = agent.chance.pick("severity", number, weights=self._shares)
        self.world.record(agent, account, TicketOpened(severity, subscription))
        self.world.start(agent, self._resolve(agent, account, subscription, severity, number))

    def _under(self, holding: Holding, plan: str, day: int, number: int) -> Story:
        if day > self.world.today:
            yield self.world.on(day)
        if self.roster.holds(holding.subscription, plan):
            self.ask(self._asker(holding.subscription)[0], holding.account, holding.subscription, number)

    def _resolve(self, agent: Agent, account: str, subscription: str, severity: str, number: int) -> Story:
        habits = self.settings.severities[severity]
        hours = agent.chance.lognormal("hours", number, median=habits.hours, sigma=0.6)
        days = int(hours / DAY_HOURS)
        if days:
            yield self.world.wait(days)
        met = agent.chance.bernoulli("met", number, p=habits.met)
        self.world.record(agent, account, TicketResolved(severity, quarters(hours), met, subscription))

    def _asker(self, subscription: str) -> tuple[Agent, float]:
        known = self._askers.get(subscription)
        if known is None:
            agent = self.world.agent("ticket", subscription)
            known = self._askers[subscription] = (agent, level(agent.chance, self.settings.sigma))
        return known


def welcome_buyer(desk: Desk, packs: Packs, name: str) -> None:
    """Let a company come that buys packs."""
    buyer = Buyer(desk, packs, name)
    desk.world.start(buyer.agent, buyer.live())


class Buyer:
    """A company that buys support by the pack, always of the same kind."""

    def __init__(self, desk: Desk, packs: Packs, name: str) -> None:
        self.desk = desk
        self.world = desk.world
        self.packs = packs
        self.agent = desk.world.agent("pack-buyer", name)
        chance = self.agent.chance
        weights = {item: pack.weight for item, pack in packs.kinds.items()}
        self.item = chance.pick("pack", weights=weights)
        self.pack = packs.kinds[self.item]
        self.need = packs.needs * level(chance, packs.needs_sigma) * self.pack.units / MONTHS
        self.asked = 0

    def live(self) -> Story:
        """Buy a pack, draw it down until it is used up or over, and perhaps buy the next one."""
        account = sign_up(self.world, self.desk.settings, self.agent)
        for number in range(self.world.scenario.months):
            self.world.record(self.agent, account, OrderPlaced(self.item))
            yield from self.draw_down(account)
            if not self.agent.chance.bernoulli("again", number, p=self.packs.again):
                return

    def draw_down(self, account: str) -> Story:
        """Ask for what the pack holds, a part each month, until it is used up or over."""
        since, left = self.world.date(), self.pack.units
        for month in range(self.packs.valid_months):
            begins = self.world.today
            ends = self.world.day_of(add_months(since, month + 1))
            wanted = self.agent.chance.poisson("wanted", self.asked, mean=self.need)
            days = [
                self.agent.chance.integer("day", self.asked + number, low=begins, high=ends - 1)
                for number in range(min(wanted, left))
            ]
            self.asked += 1 + len(days)
            for day in sorted(days):
                if day > self.world.today:
                    yield self.world.on(day)
                self.ask(account)
            left -= len(days)
            if not left:
                return
            yield self.world.on(ends)

    def ask(self, account: str) -> None:
        """Draw one unit of the pack."""
        if self.pack.unit == "incident":
            self.desk.ask(self.agent, account, "", self.agent.count)
        else:
            self.world.record(self.agent, account, UsageRecorded(self.packs.meter, Decimal(1)))


def level(chance: Stream, sigma: float) -> float:
    """Return how many times the average somebody asks; the mean of all is 1."""
    return chance.lognormal("level", median=exp(-(sigma**2) / 2), sigma=sigma)


def quarters(hours: float) -> Decimal:
    """Return hours in whole quarters, at least one."""
    return max(1, round(hours / float(QUARTER))) * QUARTER

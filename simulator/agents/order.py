"""Orders: pieces of the catalog that customers of a plan order as they go, month by month."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from billing.price import Key, Record
from billing.price_book import PriceBook
from metering.document import Problem, did_you_mean
from metering.event import OrderPlaced
from simulator.agents.catalog import missing
from simulator.agents.roster import Holding, Roster
from simulator.world import Agent, Story, World

Rate = Annotated[float, Field(ge=0, le=1_000)]


class Orders(Record):
    """What the subscriptions of each plan order: how many pieces of an item a month, on average."""

    plans: dict[Key, dict[Key, Rate]]

    def keys(self, book: PriceBook) -> Iterator[Problem]:
        """Yield a problem for every plan and item that the price book does not have."""
        for plan, items in self.plans.items():
            if plan not in book.plans:
                yield Problem("plans", f"no plan {plan!r}", did_you_mean(plan, book.plans))
            for item in items:
                yield from missing(book, "order.placed", f"plans.{plan}", item=item)


SETTINGS = Orders


def spawn(world: World, settings: Orders) -> None:
    """Let those who hold the plans order."""
    counter = Counter(world, settings)
    world.start(counter.agent, counter.serve())


class Counter:
    """The counter where pieces are ordered."""

    def __init__(self, world: World, settings: Orders) -> None:
        self.world = world
        self.settings = settings
        self.agent = world.agent("orders", "counter")
        self.roster = Roster(world)
        self._agents: dict[str, Agent] = {}

    def serve(self) -> Story:
        """Ask every month who orders something, and on which day."""
        for month in range(self.world.scenario.months):
            if self.world.month_start(month) > self.world.today:
                yield self.world.on(self.world.month_start(month))
            for plan, items in self.settings.plans.items():
                for holding in self.roster.on(plan):
                    for item, mean in items.items():
                        self.expect(holding, plan, item, mean)

    def expect(self, holding: Holding, plan: str, item: str, mean: float) -> None:
        """Let a subscription order what it needs of an item this month, together on one day."""
        name, month = holding.subscription, self.world.month
        agent = self._agents.get(name)
        if agent is None:
            agent = self._agents[name] = self.world.agent("order", name)
        pieces = agent.chance.poisson(item, month, mean=mean)
        if pieces:
            ends = self.world.month_start(month + 1)
            day = agent.chance.integer(f"day of {item}", month, low=self.world.today, high=ends - 1)
            self.world.start(agent, self._order(agent, holding, plan, day, OrderPlaced(item, pieces)))

    def _order(self, agent: Agent, holding: Holding, plan: str, day: int, order: OrderPlaced) -> Story:
        if day > self.world.today:
            yield self.world.on(day)
        if self.roster.holds(holding.subscription, plan):
            self.world.record(agent, holding.account, order)

"""Shoppers: customers who buy in the marketplace, some things once and others month after month."""

from decimal import Decimal
from functools import partial

from metering.event import ListingSold
from simulator.agents.marketplace import Marketplace
from simulator.agents.roster import Holding, Roster
from simulator.agents.seller import Listing, Seller, Shelf
from simulator.agents.yearly import arrive
from simulator.world import Agent, Story, World

SETTINGS = Marketplace

DAYS = 28
"""Every month has these days: a shopper's own day is one of them."""


def spawn(world: World, settings: Marketplace) -> None:
    """Open the marketplace: let sellers come, and customers buy."""
    shelves = {category: Shelf(world) for category in settings.categories}
    for number in range(settings.sellers.at_start):
        welcome(world, settings, shelves, f"m00-{number + 1:04}")
    office = world.agent("marketplace", "office")
    story = arrive(world, office, settings.sellers.joins, partial(welcome, world, settings, shelves))
    world.start(office, story)
    mall = Mall(world, settings, shelves)
    world.start(mall.agent, mall.trade())


def welcome(world: World, settings: Marketplace, shelves: dict[str, Shelf], name: str) -> None:
    """Let a seller come."""
    seller = Seller(world, settings, shelves, name=name)
    world.start(seller.agent, seller.live())


class Mall:
    """Where customers buy."""

    def __init__(self, world: World, settings: Marketplace, shelves: dict[str, Shelf]) -> None:
        self.world = world
        self.settings = settings
        self.shelves = shelves
        self.agent = world.agent("marketplace", "mall")
        self.roster = Roster(world)
        self._shoppers: dict[str, Shopper | None] = {}

    def trade(self) -> Story:
        """Send those customers who buy at all to the marketplace, each on its own day of every month."""
        for month in range(self.world.scenario.months):
            if self.world.month_start(month) > self.world.today:
                yield self.world.on(self.world.month_start(month))
            for plan, size in self.settings.shoppers.plans.items():
                for holding in self.roster.on(plan):
                    shopper = self._shopper(holding.account)
                    if shopper is not None:
                        self.world.start(shopper.agent, shopper.shop(self.roster, holding, plan, size))

    def _shopper(self, account: str) -> "Shopper | None":
        if account not in self._shoppers:
            agent = self.world.agent("shopper", account)
            shops = agent.chance.bernoulli("shops", p=self.settings.shoppers.share)
            self._shoppers[account] = Shopper(self, agent, account) if shops else None
        return self._shoppers[account]


class Shopper:
    """A customer who buys in the marketplace; `held` is what it pays for every month."""

    def __init__(self, mall: Mall, agent: Agent, account: str) -> None:
        self.world = mall.world
        self.settings = mall.settings
        self.shelves = mall.shelves
        self.agent = agent
        self.account = account
        self.day = agent.chance.integer("day", low=0, high=DAYS - 1)
        self.held: list[tuple[Listing, int]] = []

    def shop(self, roster: Roster, holding: Holding, plan: str, size: float) -> Story:
        """Pay for what is bought by the month, and buy something new, while it is a customer."""
        if self.day:
            yield self.world.wait(self.day)
        if roster.holds(holding.subscription, plan):
            self.pay()
            for category in self.settings.categories:
                self.buy(category, size)

    def pay(self) -> None:
        """Pay another month for what is still offered and not dropped."""
        drops, month = self.settings.shoppers.drops, self.world.month
        self.held = [
            (listing, licences)
            for listing, licences in self.held
            if listing.is_sold and not self.agent.chance.bernoulli(f"drops {listing.name}", month, p=drops)
        ]
        for listing, licences in self.held:
            self.record(listing, licences)

    def buy(self, category: str, size: float) -> None:
        """Buy new things of a category, each chosen among all that is offered and not held."""
        habits, chance, month = self.settings.categories[category], self.agent.chance, self.world.month
        low, high = habits.licences
        for number in range(chance.poisson(f"buys {category}", month, mean=habits.buys * size)):
            time = month * 1_000 + number
            listing = self.shelves[category].choose(chance.uniform(f"chooses {category}", time))
            if listing is not None and all(listing is not one for one, _ in self.held):
                licences = chance.integer(f"{category} licences", time, low=low, high=high)
                self.record(listing, licences)
                if listing.is_monthly:
                    self.held.append((listing, licences))

    def record(self, listing: Listing, licences: int) -> None:
        """Write down a sale."""
        amount = Decimal(listing.price * licences)
        fact = ListingSold(listing.name, listing.category, listing.seller.account, amount, licences)
        self.world.record(self.agent, self.account, fact)

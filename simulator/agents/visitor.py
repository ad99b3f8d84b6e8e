"""Visitors: accounts that order pieces of the catalog, once or again and again, without a subscription.

What they order is a matter of weights: a model to be optimised may be small, medium or large.
"""

from collections.abc import Iterator
from functools import partial
from typing import Annotated

from pydantic import Field

from billing.price import Key, Record
from billing.price_book import PriceBook
from metering.document import Problem
from metering.event import AccountSignedUp, OrderPlaced
from simulator.agents.buyer import open_account
from simulator.agents.catalog import missing
from simulator.agents.habits import Payment
from simulator.agents.yearly import Yearly, arrive
from simulator.world import Story, World

VISITOR = "visitor"
DAYS_A_MONTH = 30.44

Weight = Annotated[float, Field(ge=0, le=1e6)]


class Shop(Record):
    """What is sold: `items` by weight, to so many new visitors a year.

    Everybody orders once on the first day. Then a visitor stays for `stays_months` on average (exponential)
    and orders `again` times a month in the mean.
    """

    items: Annotated[dict[Key, Weight], Field(min_length=1)]
    visitors: Yearly
    again: Annotated[float, Field(ge=0, le=1_000)] = 0.0
    stays_months: Annotated[float, Field(gt=0, le=240)] = 12.0
    segment: Key
    channel: Key = "self_serve"
    payment: Payment = Payment(by_card=1.0)


class Shops(Record):
    """Everything that is sold by the piece, by names of the scenario's own."""

    shops: dict[Key, Shop]

    def keys(self, book: PriceBook) -> Iterator[Problem]:
        """Yield a problem for every item that the price book does not sell."""
        for key, shop in self.shops.items():
            for item in shop.items:
                yield from missing(book, "order.placed", f"shops.{key}.items", item=item)


SETTINGS = Shops


def spawn(world: World, settings: Shops) -> None:
    """Open the shops."""
    for key, shop in settings.shops.items():
        if any(shop.visitors):
            office = world.agent("shop", key)
            world.start(office, arrive(world, office, shop.visitors, partial(welcome, world, key, shop)))


def welcome(world: World, key: str, shop: Shop, name: str) -> None:
    """Let a new visitor in."""
    visitor = Visitor(world, shop, f"{key}-{name}")
    world.start(visitor.agent, visitor.live())


class Visitor:
    """One account that orders."""

    def __init__(self, world: World, shop: Shop, identity: str) -> None:
        self.world = world
        self.shop = shop
        self.agent = world.agent(VISITOR, identity)
        self.account = f"{VISITOR}-{identity}"
        self.orders = 0
        self.is_lost = False

    def live(self) -> Story:
        """Sign up, order, and come again for a while."""
        name, email = self.world.names.company(self.account)
        signed_up = AccountSignedUp(name, email, self.shop.segment, self.shop.channel)
        payment = self.shop.payment
        open_account(self.world, self.agent, self.account, signed_up, payment=payment, defaults=self.default)
        self.order()
        if not self.shop.again:
            return
        chance = self.agent.chance
        stays = chance.exponential("stays", mean=self.shop.stays_months * DAYS_A_MONTH)
        ends = self.world.today + stays
        while True:
            pause = chance.exponential("pause", self.orders, mean=DAYS_A_MONTH / self.shop.again)
            yield self.world.wait(max(1, round(pause)))
            if self.is_lost or self.world.today > ends:
                return
            self.order()

    def order(self) -> None:
        """Order one piece."""
        item = self.agent.chance.pick("item", self.orders, weights=self.shop.items)
        self.orders += 1
        self.world.record(self.agent, self.account, OrderPlaced(item))

    def default(self) -> None:
        """Order nothing more: a bill was never paid."""
        self.is_lost = True

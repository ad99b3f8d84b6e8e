"""The marketplace: what is sold there, who sells and who buys, as the tables `[agents.marketplace]` say."""

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from billing.price import Key, Record
from billing.price_book import PriceBook
from metering.document import Problem, did_you_mean
from simulator.agents.catalog import missing
from simulator.agents.habits import Payment
from simulator.agents.yearly import Yearly

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, le=1_000)]
Count = Annotated[int, Field(ge=0, le=10_000)]
Some = Annotated[int, Field(ge=1, le=10_000)]
Dollars = Annotated[float, Field(gt=0, le=1e9)]


class Category(Record):
    """What is sold in a category: prices between two ends, evenly on a logarithmic scale, in whole units.

    A share `monthly` of the listings is sold by the month, at prices of its own. `weight` is how many of the
    listings are of the category; a company that buys in the marketplace makes `buys` new purchases in it a
    month, of so many `licences` each.
    """

    weight: Rate
    buys: Rate
    price: tuple[Dollars, Dollars]
    monthly: Share = 0.0
    monthly_price: tuple[Dollars, Dollars] = (1.0, 1.0)
    licences: tuple[Some, Some] = (1, 1)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        for name in ("price", "monthly_price", "licences"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} goes from {low} to {high}; put the lower end first")
        return self


class SellerPlan(Record):
    """A plan of sellers: how many choose it, and how much more its listings are looked at.

    Who `is_free` publishes for nothing, and in the first category only.
    """

    weight: Rate
    is_free: bool = False
    pull: Rate = 1.0


class Slot(Record):
    """A plan that shows listings in front: the share of sellers that takes it a month, and for how long."""

    takes: Share
    months: Some = 3
    pull: Rate = 2.0


class Adverts(Record):
    """Adverts in a placement: the share of sellers with one, its clicks a month, and the bid for each."""

    share: Share
    clicks: Rate
    bid: tuple[Dollars, Dollars]


class Sellers(Record):
    """Who sells: those of the first day, how many a year come, and the share that leaves a month.

    Each has between two numbers of listings, the next one `publishes_after_days` after the last on average;
    how much a seller is sought for is log-normal with `quality_sigma`.
    """

    plans: Annotated[dict[Key, SellerPlan], Field(min_length=1)]
    at_start: Count = 0
    joins: Yearly = (0.0,)
    leaves: Share = 0.01
    listings: tuple[Some, Some] = (1, 4)
    publishes_after_days: Annotated[float, Field(ge=0, le=3_660)] = 60.0
    quality_sigma: Annotated[float, Field(ge=0, le=3)] = 1.2
    slots: dict[Key, Slot] = Field({})
    adverts: dict[Key, Adverts] = Field({})
    segment: Key = "seller"
    channel: Key = "self_serve"
    payment: Payment = Payment(by_card=0.9)


class Shoppers(Record):
    """Who buys: the share of the customers of each plan, and how many times a small one's purchases it makes.

    What is bought by the month is dropped by a share `drops` a month.
    """

    share: Share = 0.35
    plans: Annotated[dict[Key, Rate], Field(min_length=1)]
    drops: Share = 0.04


class Marketplace(Record):
    """The place where sellers publish and customers buy."""

    categories: Annotated[dict[Key, Category], Field(min_length=1)]
    sellers: Sellers
    shoppers: Shoppers

    def keys(self, book: PriceBook) -> Iterator[Problem]:
        """Yield a problem for every plan, category and placement that the price book does not know."""
        for category in self.categories:
            yield from missing(book, "listing.sold", "categories", category=category)
        for placement in self.sellers.adverts:
            yield from missing(book, "advert.clicked", "sellers.adverts", placement=placement)
        named = [("sellers.plans", plan) for plan in self.sellers.plans]
        named += [("sellers.slots", plan) for plan in self.sellers.slots]
        named += [("shoppers.plans", plan) for plan in self.shoppers.plans]
        for place, plan in named:
            if plan not in book.plans:
                yield Problem(place, f"no plan {plan!r}", did_you_mean(plan, book.plans))

"""Sellers: they join the marketplace, publish listings, pay to be seen, and leave."""

from bisect import bisect_right
from decimal import Decimal
from itertools import accumulate
from math import exp, log

from metering.event import (
    AccountSignedUp,
    AdvertClicked,
    ListingPublished,
    SubscriptionCancelled,
    SubscriptionStarted,
)
from simulator.agents.buyer import open_account
from simulator.agents.marketplace import Adverts, Category, Marketplace, Slot
from simulator.chance import Stream
from simulator.world import Story, World

FOR_EVER = 10**9
"""A day that never comes."""

CENT = Decimal("0.01")


class Listing:
    """What a seller offers; `price` is for one licence, each month if it `is_monthly`."""

    __slots__ = ("category", "is_monthly", "name", "price", "published_on", "seller")

    def __init__(self, seller: "Seller", name: str, category: str, habits: Category) -> None:
        chance = seller.agent.chance
        self.seller = seller
        self.name = name
        self.category = category
        self.published_on = seller.world.today
        self.is_monthly = chance.bernoulli(f"{name} monthly", p=habits.monthly)
        ends = habits.monthly_price if self.is_monthly else habits.price
        self.price = 0 if seller.is_free else log_uniform(chance, f"{name} price", *ends)

    @property
    def is_sold(self) -> bool:
        """Whether it can be bought today: it was published before, and its seller is still here."""
        return self.published_on < self.seller.world.today <= self.seller.left_on


class Shelf:
    """The listings of one category that cost something, to be chosen by how much they are sought for.

    It is arranged on the first of a month, with what was published before.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.listings: dict[str, Listing] = {}
        self._month = -1
        self._shown: list[Listing] = []
        self._weights: list[float] = []

    def choose(self, draw: float) -> Listing | None:
        """Return the listing that a uniform number chooses; nothing if there is none, or its seller left."""
        if self._month != self.world.month:
            self._month = self.world.month
            self._arrange(self.world.month_start(self._month))
        if not self._shown:
            return None
        place = bisect_right(self._weights, draw * self._weights[-1])
        listing = self._shown[min(place, len(self._shown) - 1)]
        return listing if listing.is_sold else None

    def _arrange(self, first: int) -> None:
        for name in [name for name, one in self.listings.items() if one.seller.left_on < first]:
            del self.listings[name]
        self._shown = [self.listings[name] for name in sorted(self.listings)]
        self._shown = [one for one in self._shown if one.published_on < first]
        self._weights = list(accumulate(one.seller.appeal(first) for one in self._shown))


class Seller:
    """One seller, its plan, its listings, and what it pays to be seen."""

    def __init__(
        self, world: World, marketplace: Marketplace, shelves: dict[str, Shelf], *, name: str
    ) -> None:
        self.world = world
        self.marketplace = marketplace
        self.settings = marketplace.sellers
        self.shelves = shelves
        self.agent = world.agent("seller", name)
        self.account = f"seller-{name}"
        self.subscription = f"{self.account}-plan"
        chance = self.agent.chance
        weights = {plan: one.weight for plan, one in self.settings.plans.items()}
        self.plan = chance.pick("plan", weights=weights)
        self.is_free = self.settings.plans[self.plan].is_free
        quality = chance.lognormal("quality", median=1.0, sigma=self.settings.quality_sigma)
        self.quality = quality * self.settings.plans[self.plan].pull
        self.left_on = FOR_EVER
        self._slots: dict[str, tuple[int, int]] = {}

    def appeal(self, day: int) -> float:
        """Return how much its listings are sought for, more from the day after it began to pay for a slot."""
        slots = self.settings.slots
        pulls = [slots[plan].pull for plan, (since, end) in self._slots.items() if since < day < end]
        return self.quality * max(pulls, default=1.0)

    def live(self) -> Story:
        """Join, publish, and month by month stay, be seen or leave."""
        self.join()
        self.world.start(self.agent, self.publish())
        chance, settings = self.agent.chance, self.settings
        month = 0
        while True:
            month += 1
            yield self.world.on(self.world.month_start(self.world.month + 1))
            if self.left_on <= self.world.today:
                return
            if chance.bernoulli("leaves", month, p=settings.leaves):
                self.leave()
                return
            if not self.is_free:
                for plan, slot in settings.slots.items():
                    self.take(plan, slot, month)
                for placement, adverts in settings.adverts.items():
                    self.advertise(placement, adverts, month)

    def join(self) -> None:
        """Open an account and subscribe to a plan of sellers."""
        name, email = self.world.names.company(self.account)
        signed_up = AccountSignedUp(name, email, self.settings.segment, self.settings.channel)
        payment = self.settings.payment
        open_account(self.world, self.agent, self.account, signed_up, payment=payment, defaults=self.default)
        self.record(SubscriptionStarted(self.subscription, self.plan))

    def publish(self) -> Story:
        """Publish the first listing at once, and the others as they are ready."""
        chance, (low, high) = self.agent.chance, self.settings.listings
        weights = {key: category.weight for key, category in self.marketplace.categories.items()}
        for number in range(chance.integer("listings", low=low, high=high)):
            if number:
                days = chance.exponential("publishes", number, mean=self.settings.publishes_after_days)
                yield self.world.wait(1 + round(days))
            if self.left_on <= self.world.today:
                return
            category = next(iter(weights)) if self.is_free else chance.pick("kind", number, weights=weights)
            name = f"{self.account}-{number + 1}"
            listing = Listing(self, name, category, self.marketplace.categories[category])
            self.record(ListingPublished(name, category))
            if listing.price:
                self.shelves[category].listings[name] = listing

    def leave(self, reason: str = "voluntary") -> None:
        """Take the listings off, and end the plan tomorrow; a slot lasts as long as it was taken for."""
        if self.left_on == FOR_EVER:
            self.left_on = self.world.today
            ends_on = self.world.date(self.world.today + 1)
            self.record(SubscriptionCancelled(self.subscription, ends_on, reason))

    def default(self) -> None:
        """Lose the plan for a bill that was never paid."""
        self.leave("involuntary")

    def take(self, plan: str, slot: Slot, month: int) -> None:
        """Take a slot for some months, unless it has one."""
        had = self._slots.get(plan, (0, 0))[1] > self.world.today
        if not had and self.agent.chance.bernoulli(f"takes {plan}", month, p=slot.takes):
            ends = self.world.month_start(self.world.month + slot.months)
            self._slots[plan] = (self.world.today, ends)
            name = f"{self.account}-{plan}-{month:03}"
            self.record(SubscriptionStarted(name, plan))
            self.record(SubscriptionCancelled(name, self.world.date(ends)))

    def advertise(self, placement: str, adverts: Adverts, month: int) -> None:
        """Pay for last month's clicks, if it is one of those who advertise."""
        chance = self.agent.chance
        if chance.bernoulli(f"{placement} advertises", p=adverts.share):
            clicks = chance.poisson(f"{placement} clicks", month, mean=adverts.clicks)
            low, high = adverts.bid
            bid = Decimal(low + (high - low) * chance.uniform(f"{placement} bid")).quantize(CENT)
            if clicks:
                self.record(AdvertClicked(placement, clicks, clicks * bid))

    def record(self, data: object) -> None:
        """Write down a fact about the seller's account."""
        self.world.record(self.agent, self.account, data)


def log_uniform(chance: Stream, purpose: str, low: float, high: float) -> int:
    """Return a whole number between two ends, evenly drawn on a logarithmic scale."""
    return round(exp(log(low) + (log(high) - log(low)) * chance.uniform(purpose)))

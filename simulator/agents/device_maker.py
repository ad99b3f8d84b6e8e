"""Device makers: OEM partners that build the product into theirs and ship it along an S-curve.

A maker signs a licence, designs the product in for a year or so, pilots, and then ships to a market of its
own size by the curve of Bass (1969): to innovators at a steady rate, to imitators the more there are.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from math import exp
from typing import Annotated, Literal

from pydantic import Field

from billing.price import Key, Record
from billing.price_book import PriceBook
from metering.document import Problem, did_you_mean
from metering.event import (
    AccountSignedUp,
    DevicesShipped,
    PartnerJoined,
    PartnerRevenueReported,
    PlanChanged,
    SubscriptionCancelled,
    SubscriptionStarted,
    UsageRecorded,
)
from metering.period import add_months
from simulator.agents.buyer import open_account
from simulator.agents.habits import Payment
from simulator.agents.yearly import MONTHS, Counts, spread
from simulator.world import Story, World

PARTNER = "partner"
DAYS_A_MONTH = 30.44
DAYS_A_YEAR = 365.25
FOR_EVER = 10**9

Positive = Annotated[float, Field(gt=0, le=1e12)]
Sigma = Annotated[float, Field(ge=0, le=3)]


class Served(Record):
    """The level under which a maker reports each month how many of its customers it wants to be supported.

    That is a `share` of the units shipped so far.
    """

    meter: Key
    share: Annotated[float, Field(gt=0, le=1)] = 1.0


class DeviceMakers(Record):
    """How OEM partners come, how long they take, how much they ship and when they tell.

    `signed_before` are partners on the first day, at a random point of their design-in. `market` is the
    median of the units that a maker will ever ship; `innovation` and `imitation` are p and q of the Bass
    curve, in years. `upgrades` names plans by the units that earn them, in rising order; a maker changes to
    them when a year begins.
    """

    plan: Key
    segment: Key = PARTNER
    counts: Literal["devices", "deployments"] = "devices"
    signed_before: Annotated[int, Field(ge=0, le=10_000)] = 0
    joins: Counts
    design_in_months: Positive = 12.0
    design_in_sigma: Sigma = 0.4
    pilot_months: Positive = 3.0
    pilot_units: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    market: Positive
    market_sigma: Sigma = 1.0
    innovation: Annotated[float, Field(gt=0, le=1)] = 0.03
    imitation: Annotated[float, Field(ge=0, le=5)] = 0.38
    noise: Sigma = 0.15
    report_months: Annotated[int, Field(ge=1, le=12)] = 3
    renewal: Annotated[float, Field(ge=0, le=1)] = 1.0
    payment: Payment = Payment(by_card=0.0)
    products: Annotated[tuple[str, ...], Field(min_length=1)] = ("device",)
    upgrades: dict[Key, Annotated[int, Field(ge=1)]] = Field({})
    served: Served | None = None

    def keys(self, book: PriceBook) -> Iterator[Problem]:
        """Yield a problem for every plan that the price book does not have."""
        for place, plan in (("plan", self.plan), *((f"upgrades.{plan}", plan) for plan in self.upgrades)):
            if plan not in book.plans:
                yield Problem(place, f"no plan {plan!r}", did_you_mean(plan, book.plans))
        if self.served is not None and self.served.meter not in book.meters:
            remedy = did_you_mean(self.served.meter, book.meters)
            yield Problem("served.meter", f"no meter {self.served.meter!r}", remedy)


SETTINGS = DeviceMakers


def spawn(world: World, settings: DeviceMakers) -> None:
    """Bring those who have signed before, and let others sign as planned."""
    for number in range(settings.signed_before):
        maker = Maker(world, settings, f"y0-{number + 1:02}")
        world.start(maker.agent, maker.live(world.today, maker.agent.chance.uniform("elapsed")))
    for name, day in spread(world, world.chance.stream("device-makers", "joins"), settings.joins):
        maker = Maker(world, settings, name)
        world.start(maker.agent, maker.live(day))


def adopted(years: float, innovation: float, imitation: float) -> float:
    """Return the share of a market reached after some years by the Bass curve: 0 before it begins."""
    if years <= 0:
        return 0.0
    decay = exp(-(innovation + imitation) * years)
    return (1.0 - decay) / (1.0 + imitation / innovation * decay)


class Maker:
    """One OEM partner and its product."""

    def __init__(self, world: World, settings: DeviceMakers, name: str) -> None:
        self.world = world
        self.settings = settings
        self.agent = world.agent("device-maker", name)
        self.account = f"oem-{name}"
        self.subscription = f"{self.account}-license"
        self.plan = settings.plan
        chance = self.agent.chance
        self.market = chance.lognormal("market", median=settings.market, sigma=settings.market_sigma)
        self.product = chance.choice("product", among=settings.products)
        self.pilot_on = FOR_EVER
        self.left_on = FOR_EVER
        self.shipped = 0
        self._planned = 0.0

    def live(self, day: int, elapsed: float = 0.0) -> Story:
        """Sign, design in what is left to be designed in, and from the pilot on ship and report."""
        if day > self.world.today:
            yield self.world.on(day)
        self.sign()
        self.world.start(self.agent, self.renew())
        if self.settings.served is not None:
            self.world.start(self.agent, self.serve(self.settings.served))
        months = self.agent.chance.lognormal(
            "design-in", median=self.settings.design_in_months, sigma=self.settings.design_in_sigma
        )
        self.pilot_on = self.world.today + round(DAYS_A_MONTH * months * (1.0 - elapsed))
        for month in range(self.world.month, self.world.scenario.months):
            if (month + 1) % self.settings.report_months == 0:
                last = self.world.month_start(month + 1) - 1
                if last > self.world.today:
                    yield self.world.on(last)
                    self.ship()

    def sign(self) -> None:
        """Become an OEM partner under a yearly licence."""
        name, email = self.world.names.company(self.account)
        signed_up = AccountSignedUp(name, email, self.settings.segment, PARTNER, kind=PARTNER)
        payment = self.settings.payment
        open_account(self.world, self.agent, self.account, signed_up, payment=payment, defaults=self.default)
        self.record(PartnerJoined(self.plan))
        self.record(SubscriptionStarted(self.subscription, self.plan, billing="year"))

    def renew(self) -> Story:
        """Renew the licence every year on the plan that fits by then, or ship the last units and leave."""
        since, year = self.world.date(), 0
        while True:
            year += 1
            anniversary = add_months(since, MONTHS * year)
            yield self.world.on(self.world.day_of(anniversary) - 1)
            if self.left_on < FOR_EVER:
                return
            if not self.agent.chance.bernoulli("renews", year, p=self.settings.renewal):
                self.leave(anniversary)
                return
            yield self.world.on(self.world.day_of(anniversary))
            self.upgrade()

    def serve(self, served: Served) -> Story:
        """Report on the last day of each month how many customers are to be supported."""
        for month in range(self.world.month, self.world.scenario.months):
            last = self.world.month_start(month + 1) - 1
            if last > self.world.today:
                yield self.world.on(last)
            if self.left_on <= self.world.today:
                return
            customers = round(self.shipped * served.share)
            if customers:
                fact = UsageRecorded(served.meter, Decimal(customers))
                self.world.record(self.agent, self.subscription, fact)

    def leave(self, ends_on: date, reason: str = "voluntary") -> None:
        """Ship the last units, and end the licence."""
        if self.left_on == FOR_EVER:
            self.ship()
            self.left_on = self.world.today
            self.record(SubscriptionCancelled(self.subscription, ends_on, reason))

    def default(self) -> None:
        """Lose the licence for a bill that was never paid."""
        self.leave(self.world.date(self.world.today + 1), "involuntary")

    def upgrade(self) -> None:
        """Change to the largest plan that the units shipped so far have earned."""
        earned = [plan for plan, units in self.settings.upgrades.items() if self.shipped >= units]
        if earned and earned[-1] != self.plan:
            self.plan = earned[-1]
            self.record(PlanChanged(self.subscription, self.plan, seats=1, billing="year"))

    def ship(self) -> None:
        """Report what was shipped since the last report, more or less what the curve says."""
        if self.left_on <= self.world.today:
            return
        planned = self.planned(self.world.today)
        noise = self.agent.chance.lognormal("noise", self.world.today, median=1.0, sigma=self.settings.noise)
        units = round((planned - self._planned) * noise)
        self._planned = planned
        if units > 0:
            self.shipped += units
            self.record(self._report(units))

    def planned(self, day: int) -> float:
        """Return how many units the curve has by the end of a day: the pilot's, then the market's."""
        settings = self.settings
        piloted = (day - self.pilot_on) / (DAYS_A_MONTH * settings.pilot_months)
        years = (day - self.pilot_on) / DAYS_A_YEAR - settings.pilot_months / MONTHS
        reached = adopted(years, settings.innovation, settings.imitation)
        return settings.pilot_units * min(max(piloted, 0.0), 1.0) + self.market * reached

    def record(self, data: object) -> None:
        """Write down a fact about the maker's own account."""
        self.world.record(self.agent, self.account, data)

    def _report(self, units: int) -> object:
        if self.settings.counts == "devices":
            return DevicesShipped(self.subscription, units, self.product)
        return PartnerRevenueReported(self.subscription, Decimal(0), units)

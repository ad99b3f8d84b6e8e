"""Partners: companies that bring customers, resell, or sell under their own brand, for a fee or for a share.

Every customer who comes through a channel of partners belongs to one of those who are partners that day. Each
draws a waiting time for the customer and the shortest wins, so one partner more takes only those customers
that it wins itself, and moves nobody else's.
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from math import exp, inf
from typing import Annotated, Self

from pydantic import Field, model_validator

from billing.price import Key, Record
from billing.price_book import PriceBook
from metering.document import Problem, did_you_mean
from metering.event import (
    AccountSignedUp,
    AddOnBought,
    AddOnDropped,
    DealReferred,
    Event,
    OrderPlaced,
    PartnerJoined,
    PartnerRevenueReported,
    SoldThroughPartner,
    SubscriptionCancelled,
    SubscriptionStarted,
)
from metering.period import add_months
from simulator.agents.buyer import open_account
from simulator.agents.catalog import missing
from simulator.agents.habits import Payment
from simulator.agents.yearly import MONTHS, Counts, spread
from simulator.world import Story, World

PARTNER = "partner"
"""The kind of a partner's account, its segment, and the channel of the customers that partners bring."""

CENT = Decimal("0.01")
FOR_EVER = 10**9
DAYS_A_MONTH = 30.44

Share = Annotated[float, Field(ge=0, le=1)]


class Sales(Record):
    """What a partner sells under its own brand in a year, once it has ramped up: lognormal around `median`.

    It reports every `report_months`, with about one new deployment for each `per_deployment` sold; the amount
    is reported as zero where the company has no share in it.
    """

    median: Annotated[float, Field(gt=0, le=1e10)]
    sigma: Annotated[float, Field(ge=0, le=3)] = 0.5
    noise: Annotated[float, Field(ge=0, le=3)] = 0.2
    growth: Annotated[float, Field(gt=-1, le=10)] = 0.0
    report_months: Annotated[int, Field(ge=1, le=12)] = 3
    per_deployment: Annotated[float, Field(gt=0, le=1e9)] = 50_000.0
    is_shared: bool = True


class Help(Record):
    """An add-on that a share of the partners takes when they join, for some months."""

    share: Share
    months: Annotated[int, Field(ge=1, le=240)] = 12


class Programme(Record):
    """A programme for partners: how many join a year, what they pay, and how they bring customers.

    `plan` is what a partner subscribes to (nothing when empty), `joins_with` and `renews_with` what it orders
    at first and each year after. `brings` is its weight in winning a customer of the `channel`, `resells` the
    share of its customers who buy from it instead of being referred.
    """

    joins: Counts
    plan: str = ""
    joins_with: dict[Key, Annotated[int, Field(ge=1, le=1_000)]] = Field({})
    renews_with: dict[Key, Annotated[int, Field(ge=1, le=1_000)]] = Field({})
    add_ons: dict[Key, Help] = Field({})
    renewal: Share = 0.9
    channel: str = PARTNER
    brings: Annotated[float, Field(ge=0, le=1_000)] = 0.0
    resells: Share = 0.0
    referral: str = ""
    resale: str = ""
    sales: Sales | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.sales is not None or self.add_ons) and not self.plan:
            raise ValueError("sales and add_ons go with a subscription; name a plan")
        if self.brings and self.resells > 0 and not self.resale:
            raise ValueError("resells without an agreement; name resale, or set resells = 0")
        if self.brings and self.resells < 1 and not self.referral:
            raise ValueError("refers without an agreement; name referral, or set resells = 1")
        return self


class Partners(Record):
    """The programmes, and what their partners have in common."""

    programmes: dict[Key, Programme]
    ramp_months: Annotated[float, Field(gt=0, le=60)] = 6.0
    quality_sigma: Annotated[float, Field(ge=0, le=3)] = 0.8
    payment: Payment = Payment(by_card=0.0)

    def keys(self, book: PriceBook) -> Iterator[Problem]:
        """Yield a problem for every plan, agreement and item that the price book does not know."""
        for key, programme in self.programmes.items():
            place = f"programmes.{key}"
            if programme.plan and programme.plan not in book.plans:
                remedy = did_you_mean(programme.plan, book.plans)
                yield Problem(f"{place}.plan", f"no plan {programme.plan!r}", remedy)
            for add_on in programme.add_ons:
                if add_on not in book.add_ons:
                    remedy = did_you_mean(add_on, book.add_ons)
                    yield Problem(f"{place}.add_ons", f"no add-on {add_on!r}", remedy)
            for name in ("referral", "resale"):
                agreement = getattr(programme, name)
                if agreement and agreement not in book.agreements:
                    remedy = did_you_mean(agreement, book.agreements)
                    yield Problem(f"{place}.{name}", f"no agreement {agreement!r}", remedy)
            for item in (*programme.joins_with, *programme.renews_with):
                yield from missing(book, "order.placed", place, item=item)


SETTINGS = Partners


def spawn(world: World, settings: Partners) -> None:
    """Let partners join as their programmes plan it, and share the customers of their channel among them."""
    desk = Desk(world)
    for key, programme in settings.programmes.items():
        for name, day in spread(world, world.chance.stream("programme", key), programme.joins):
            partner = Partner(world, settings, programme, key=key, name=name)
            world.start(partner.agent, partner.live(desk, day))


class Partner:
    """One partner: when it joined, how good it is, what it pays, brings and sells."""

    def __init__(
        self, world: World, settings: Partners, programme: Programme, *, key: str, name: str
    ) -> None:
        self.world = world
        self.settings = settings
        self.programme = programme
        self.key = key
        self.agent = world.agent(PARTNER, f"{key}-{name}")
        self.account = f"{PARTNER}-{key}-{name}"
        self.subscription = f"{self.account}-{programme.plan}" if programme.plan else ""
        self.quality = self.agent.chance.lognormal("quality", median=1.0, sigma=settings.quality_sigma)
        self.joined_on = FOR_EVER
        self.left_on = FOR_EVER

    def live(self, desk: "Desk", day: int) -> Story:
        """Join, then year by year renew or leave."""
        if day > self.world.today:
            yield self.world.on(day)
        self.join(desk)
        since, year = self.world.date(), 0
        while True:
            year += 1
            yield self.world.on(self.world.day_of(add_months(since, MONTHS * year)))
            if not self.agent.chance.bernoulli("renews", year, p=self.programme.renewal):
                self.leave()
            if self.left_on <= self.world.today:
                return
            self.order(self.programme.renews_with)

    def join(self, desk: "Desk") -> None:
        """Become a partner, with an account, a subscription and whatever the programme asks for."""
        self.joined_on = self.world.today
        name, email = self.world.names.company(self.account)
        signed_up = AccountSignedUp(name, email, PARTNER, PARTNER, kind=PARTNER)
        payment = self.settings.payment
        open_account(self.world, self.agent, self.account, signed_up, payment=payment, defaults=self.default)
        self.record(PartnerJoined(self.key))
        if self.subscription:
            self.record(SubscriptionStarted(self.subscription, self.programme.plan, billing="year"))
        self.order(self.programme.joins_with)
        for add_on, help_ in self.programme.add_ons.items():
            if self.agent.chance.bernoulli(f"takes {add_on}", p=help_.share):
                self.world.start(self.agent, self.take(add_on, help_.months))
        if self.programme.brings:
            desk.partners.setdefault(self.programme.channel, []).append(self)
        if self.programme.sales is not None:
            self.world.start(self.agent, self.report(self.programme.sales))

    def leave(self, reason: str = "voluntary") -> None:
        """End the partnership, once; deals already made go on by their agreements."""
        if self.left_on <= self.world.today:
            return
        self.left_on = self.world.today
        if self.subscription:
            self.record(SubscriptionCancelled(self.subscription, self.world.date(), reason))

    def take(self, add_on: str, months: int) -> Story:
        """Have an add-on for some months, or until the partnership ends."""
        self.record(AddOnBought(self.subscription, add_on))
        yield self.world.on(self.world.day_of(add_months(self.world.date(), months)))
        if self.left_on > self.world.today:
            self.record(AddOnDropped(self.subscription, add_on))

    def default(self) -> None:
        """Be no partner any more, for a bill that was never paid."""
        self.leave("involuntary")

    def report(self, sales: Sales) -> Story:
        """Report on the last day of each quarter of the partnership what was sold in it."""
        level = self.agent.chance.lognormal("sales", median=sales.median, sigma=sales.sigma)
        since, number = self.world.date(), 0
        while True:
            number += 1
            yield self.world.on(self.world.day_of(add_months(since, sales.report_months * number)) - 1)
            if self.left_on <= self.world.today:
                return
            years = self.months / MONTHS
            noise = self.agent.chance.lognormal("noise", number, median=1.0, sigma=sales.noise)
            sold = level * self.ramp * noise * (1 + sales.growth) ** years * sales.report_months / MONTHS
            deployments = self.agent.chance.poisson("deployments", number, mean=sold / sales.per_deployment)
            amount = Decimal(sold).quantize(CENT) if sales.is_shared else Decimal(0)
            self.record(PartnerRevenueReported(self.subscription, amount, deployments))

    def order(self, items: dict[str, int]) -> None:
        """Order pieces of the catalog."""
        for item, quantity in items.items():
            self.record(OrderPlaced(item, quantity))

    def record(self, data: object) -> None:
        """Write down a fact about the partner's own account."""
        self.world.record(self.agent, self.account, data)

    @property
    def months(self) -> float:
        """How long ago the partner joined."""
        return (self.world.today - self.joined_on) / DAYS_A_MONTH

    @property
    def ramp(self) -> float:
        """How much of its strength the partner has reached: 1 - e^(-months / ramp)."""
        return 1.0 - exp(-self.months / self.settings.ramp_months)

    def wait_for(self, account: str) -> float:
        """Draw how long the partner takes to win an account: for ever before it began and after it left."""
        strength = self.programme.brings * self.quality * self.ramp
        if self.world.today > self.left_on or strength <= 0:
            return inf
        return self.agent.chance.exponential(f"wins {account}", mean=1 / strength)

    def close(self, signed_up: Event) -> None:
        """Register the deal right after the sign-up: the customer was referred, or buys from the partner."""
        account = signed_up.subject
        if self.agent.chance.bernoulli(f"resells {account}", p=self.programme.resells):
            deal: object = SoldThroughPartner(self.account, self.programme.resale)
        else:
            deal = DealReferred(self.account, self.programme.referral)
        self.world.record(self.agent, account, deal, at=signed_up.occurred_at + timedelta(seconds=1))


class Desk:
    """The desk where the partners' customers are registered."""

    def __init__(self, world: World) -> None:
        self.partners: dict[str, list[Partner]] = {}
        world.follow(AccountSignedUp, self.hear)

    def hear(self, event: Event) -> None:
        """Give a customer of a partners' channel to the partner that wins it, if there is any partner."""
        if event.data.kind == PARTNER:
            return
        waits = [
            (one.wait_for(event.subject), one.account, one)
            for one in self.partners.get(event.data.channel, ())
        ]
        wait, _, winner = min(waits, key=lambda one: one[:2], default=(inf, "", None))
        if winner is not None and wait < inf:
            winner.close(event)

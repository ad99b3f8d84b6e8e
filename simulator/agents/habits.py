"""Habits: how the customers of a segment behave, as the tables `[agents.customers.<segment>]` of a scenario.

Rates are shares per month unless their name says otherwise. The defaults are those of the literature, or
assumptions; each is named in `docs/reference/` with where it comes from.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Annotated

from pydantic import Field, field_validator

from billing.price import Key, Record
from billing.price_book import PriceBook
from metering.document import Problem, did_you_mean
from simulator.prior import Prior

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=1e12)]
Rate = Annotated[float, Field(ge=0, le=1e6)]
Shares = dict[Key, Share]


class Demand(Record):
    """How many leads come: `leads` a month at the start and at the end of each year, in between on a line.

    A month's leads are Poisson around that, times a log-normal factor of sigma `noise` and, in December,
    times `december`. `season` weighs the twelve months of a calendar year, for leads and for free users who
    begin to pay: budgets are new in January. `pipeline_months` is for how long the company sold before the
    first day: leads of that time close later. `at_start` customers are there on the first day. One agent on a
    free plan stands for `stands_for` users, and is as many times as likely to become a customer.
    """

    leads: tuple[Rate, ...] = (0.0,)
    noise: Rate = 0.1
    december: Rate = 0.85
    season: Annotated[tuple[Rate, ...], Field(min_length=12, max_length=12)] = (1.0,) * 12
    pipeline_months: int = Field(0, ge=0, le=24)
    at_start: int = Field(0, ge=0, le=10_000)
    stands_for: int = Field(1, ge=1, le=10_000)

    @field_validator("season")
    @classmethod
    def _sells(cls, season: tuple[float, ...]) -> tuple[float, ...]:
        if not any(season):
            raise ValueError("every month weighs 0; give one some weight")
        return season


class Channel(Record):
    """How leads of one channel become customers: `share` is its weight among the segment's channels.

    A lead that `qualifies` (SQL) takes a log-normal cycle, then is won or lost; with `is_self_serve` it signs
    up at once, to the first product's free plan if that has one.
    """

    share: Rate
    is_self_serve: bool = False
    qualifies: Share = 0.3
    wins: Share = 0.2
    cycle_days: Positive = 60.0
    cycle_sigma: Rate = 0.35


class Conversion(Record):
    """How users of a free plan begin to pay: a monthly hazard for all but the share that never will.

    The hazard grows by exp(`pressure` x how far use is above 70 % of the limit). A share `abandons` gives the
    free plan up every month.
    """

    rate: Share = 0.011
    never: Share = 0.0
    pressure: Rate = 1.0
    abandons: Share = 0.08


class Use(Record):
    """How much of a meter a subscription uses in a month once it is used to it: log-normal around `median`.

    Use ramps up as 1 - exp(-days / `ramp_days`) and grows by a normal rate a month (of the subscription, not
    above `growth_most`); those who come a month later begin with `newcomers` more. `season` is the amplitude
    of the year. One reading covers so many `days`. On the free plan the median is `free_median` and a reading
    covers `free_days`.
    """

    median: Positive
    free_median: Positive = 300.0
    days: int = Field(1, ge=1, le=28)
    free_days: int = Field(7, ge=1, le=28)
    sigma: Rate = 1.2
    ramp_days: Positive = 30.0
    growth: Annotated[float, Field(ge=-0.5, le=1)] = 0.02
    growth_sd: Share = 0.04
    growth_most: Share = 0.08
    newcomers: Annotated[float, Field(ge=-0.5, le=1)] = 0.0
    season: Share = 0.0


class Seats(Record):
    """How many seats a subscription starts with, and the shares of them that join and leave every month.

    Companies that come a year later start with `larger` more: 0.5 is half as many again, each year.
    """

    low: int = Field(1, ge=1, le=100_000)
    high: int = Field(1, ge=1, le=100_000)
    larger: Annotated[float, Field(ge=-0.5, le=10)] = 0.0
    joins: Share = 0.02
    leaves: Share = 0.01


class Extra(Record):
    """An add-on: the share that takes it at the start, that buys it later and that drops it, a month."""

    at_start: Share = 0.0
    buys: Share = 0.0
    drops: Share = 0.02
    quantity: int = Field(1, ge=1, le=1_000)


class Upgrades(Record):
    """When a subscription changes its plan. A share `reckons`: it takes the plan that costs it least.

    The others go up with odds exp(`base` + `pressure` x use above 70 % + `bill` x bill / next plan's bill).
    What a plan's hard limits refuse forces either kind up.
    """

    reckons: Share = 0.6
    base: float = -5.0
    pressure: float = 4.0
    bill: float = 1.5
    dwell_days: int = Field(30, ge=1)


class Product(Record):
    """What a customer can subscribe to: a ladder of plans from small to large, and how it is used.

    A new subscription is to one of `starts`, by weight; who reckons (`Upgrades.reckons`) takes the cheapest
    of them that fits. `limits` are hard limits of a plan by meter (or `seats`) that its prices do not show; a
    usage price of 0 above an allowance is one, too. `expects` is what the market is used to pay a month for a
    plan, with median use and seats: prices above it win fewer customers. `attaches` is the monthly share of
    customers that add this product to the segment's first one, from the month `sold_from` on (0: the first).
    """

    plans: tuple[Key, ...] = Field(min_length=1)
    free: str = ""
    starts: dict[Key, Rate] = Field({})
    attaches: Share = 0.0
    sold_from: int = Field(0, ge=0, le=240)
    yearly: Share = 0.0
    trial_days: int = Field(0, ge=0, le=365)
    trial_stays: Share = 1.0
    seats: Seats = Seats()
    uses: dict[Key, Use] = Field({})
    add_ons: dict[Key, Extra] = Field({})
    discounts: Shares = Field({})
    upgrades: Upgrades = Upgrades()
    limits: dict[Key, dict[Key, Positive]] = Field({})
    expects: dict[Key, Positive] = Field({})

    @property
    def paid(self) -> tuple[str, ...]:
        """The plans that cost something, from small to large."""
        return tuple(plan for plan in self.plans if plan != self.free)


class Shock(Record):
    """What a customer does when a bill is more than `above` over its usual one: change plan, throttle, leave.

    The chance to do anything is min(`most`, `base` + `slope` x how far over), halved where `alerts` warn.
    """

    above: Rate = 0.5
    base: Share = 0.25
    slope: Rate = 0.2
    most: Share = 0.6
    alerts: bool = False
    changes: Rate = 0.5
    throttles: Rate = 0.3
    churns: Rate = 0.2
    throttle: Share = 0.6
    memory: Share = 0.7


class Loyalty(Record):
    """What makes customers leave sooner or later than their segment, react to prices, and come back.

    The hazard falls with tenure as in the shifted beta-geometric model with alpha + beta = `settles_months`.
    `shocked` (for two months after a bill shock) and `idle` (use below 20 % of the allowance) add to its
    logarithm. A share `returns` comes back in each of the first months.

    The other five say how customers react to prices; each may be a prior, `{ mean = -0.9, spread = 0.3 }`.
    Where a customer's own bill rises by 10 %, 10 % x `price` leave at once and 10 % x `downgrades` take a
    smaller plan that fits; who keeps the old price sees no rise. Prices x % above what the market expects, or
    above those of the scenario's own book in `saasim whatif`, win (1 + x)^`acquisition` times as many
    customers. Of a unit that costs x % more than in that book so much less is used as the (arc) elasticity
    `usage` says, seats included. An annual discount that is larger by 0.01 adds 0.01 x `annual` to the log
    odds of paying by the year, for new and old customers. All five are assumptions (no public estimate for
    business software was found): sweep them. `downgrades` is 2.5 x `price`, as after bill shocks.
    """

    settles_months: Positive = 24.0
    shocked: float = 0.6
    idle: float = 0.7
    price: Annotated[Prior, Field(ge=0, le=10)] = Prior(0.08)
    downgrades: Annotated[Prior, Field(ge=0, le=10)] = Prior(0.2)
    acquisition: Annotated[Prior, Field(ge=-5, le=0)] = Prior(-0.6)
    usage: Annotated[Prior, Field(ge=-0.95, le=0)] = Prior(-0.4)
    annual: Annotated[Prior, Field(ge=0, le=100)] = Prior(5.0)
    returns: Share = 0.01
    returns_within: int = Field(6, ge=0, le=36)


REACTIONS = ("acquisition", "usage", "downgrades", "price", "annual")
"""The keys of `Loyalty` that say how customers react to prices."""


class Payment(Record):
    """How a segment pays: a share by card, at once, the others on invoice after log-normal days.

    A card fails on a share `fails` of charges and is tried again on the days `retries` after, each with the
    chance `recovers`; an invoice is never paid with the chance `defaults` and given up after `patience_days`.
    """

    by_card: Share = 0.5
    fails: Share = 0.03
    recovers: Share = 0.214
    retries: tuple[Annotated[int, Field(ge=1, le=60)], ...] = (1, 3, 5, 7, 14)
    days: Positive = 40.0
    days_sigma: Rate = 0.4
    defaults: Share = 0.00017
    patience_days: int = Field(120, ge=1, le=365)


class Habits(Record):
    """How the customers of a segment behave. The first of `products` makes an account a customer.

    `churn` is the share of customers who leave within their first year.
    """

    demand: Demand = Demand()
    channels: dict[Key, Channel] = Field(min_length=1)
    countries: dict[str, Rate] = Field({"US": 1.0})
    churn: Annotated[float, Field(ge=0, lt=1)]
    conversion: Conversion = Conversion()
    products: dict[Key, Product] = Field(min_length=1)
    shock: Shock = Shock()
    loyalty: Loyalty = Loyalty()
    payment: Payment = Payment()

    def keys(self, book: PriceBook) -> Iterator[Problem]:
        """Yield a problem for every plan, add-on, discount and meter that the price book does not have."""
        for name, product in self.products.items():
            at = f"products.{name}"
            named = dict.fromkeys([*product.starts, *product.limits, *product.expects])
            free = [product.free] if product.free else []
            yield from _missing(f"{at}.plans", "plan", product.plans, book.plans)
            yield from _missing(at, "plan of this product", [*named, *free], product.plans)
            yield from _missing(f"{at}.add_ons", "add-on", product.add_ons, book.add_ons)
            yield from _missing(f"{at}.discounts", "discount", product.discounts, book.discounts)
            yield from _missing(f"{at}.uses", "meter", product.uses, book.meters)


def _missing(place: str, what: str, keys: Iterable[str], known: Collection[str]) -> Iterator[Problem]:
    for key in keys:
        if key not in known:
            yield Problem(place, f"no {what} {key!r}", did_you_mean(key, known))

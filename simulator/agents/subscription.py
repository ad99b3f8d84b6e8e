"""Subscriptions as their customers see them: what they wanted, what they use, and what it costs them."""

from datetime import date
from math import exp
from typing import Any

from simulator.agents import decision
from simulator.agents.market import Market
from simulator.chance import Stream
from simulator.quote import SEATS, Quote, Quotes, Stop

NEVER = 10**9
"""The last day of a subscription that nobody has cancelled."""


class Subscription:
    """One subscription of a customer: plan, seats and add-ons of today, and the use it grows into.

    `prices` are those at which it is begun.
    """

    def __init__(
        self, market: Market, chance: Stream, *, account: str, name: str, key: str, prices: Quotes
    ) -> None:
        self.market = market
        self.world = world = market.world
        self.account = account
        self.name = name
        self.key = key
        self.product = product = market.habits.products[key]
        self.reckons = chance.bernoulli(f"{key} reckons", p=product.upgrades.reckons)
        self.plan = ""
        self.billing = "month"
        self.seats = 1
        self.add_ons: dict[str, int] = {}
        self.started = self.changed = self.free_until = world.today
        self.ends = NEVER
        self._begun_on = world.date()
        self._knows = (prices, world.date())
        self._responds: dict[tuple[str, str, int], float] = {}
        self._throttle = 1.0
        self._used = (-1, "")
        self._use: dict[str, float] = {}
        self._wants = {
            meter: chance.lognormal(f"{key} {meter}", median=use.median, sigma=use.sigma)
            * decision.newcomers(use, world.month)
            for meter, use in product.uses.items()
        }
        self._growth = {
            meter: decision.growth(use, chance.normal(f"{key} {meter} growth"))
            for meter, use in product.uses.items()
        }
        self._flows = {
            meter: world.traffic.name(
                name,
                meter,
                key=chance.key(f"{key} {meter} use"),
                is_level=world.book.meters[meter].is_level,
            )
            for meter in product.uses
        }

    @property
    def knows(self) -> Quotes:
        """The prices that it knows: those at which it was begun, until it looks at its bill again."""
        return self._knows[0]

    def look(self, quotes: Quotes) -> None:
        """Learn prices, before it is begun anew."""
        self._knows = (quotes, self.world.date())

    @property
    def quotes(self) -> Quotes:
        """The prices that hold for it today; while it is begun, those at which it is."""
        if not self.plan:
            return self.knows
        offer = self.market.offer
        if offer.new is offer.usual:
            return offer.new
        return offer.to(self.account, self.world.date(), since_on=self.since, begun_on=self._begun_on)

    @property
    def is_free(self) -> bool:
        """Whether it is on the product's free plan."""
        return self.plan == self.product.free != ""

    @property
    def is_leaving(self) -> bool:
        """Whether it is cancelled, although it may last a while."""
        return self.ends != NEVER

    def begin(self, plan: str, *, seats: int, billing: str, trial_days: int = 0) -> None:
        """Begin, or begin again, today."""
        self.plan, self.seats, self.billing = plan, seats, billing
        self.started = self.changed = self.world.today
        self.free_until = self.world.today + trial_days
        self.ends = NEVER
        self._begun_on = self.world.date()
        self.flow()

    def change(self, plan: str, *, seats: int, billing: str) -> None:
        """Move to another plan today."""
        self.plan, self.seats, self.billing = plan, seats, billing
        self.changed = self.world.today
        self.flow()

    def end(self, day: int) -> None:
        """Stop before `day`."""
        self.ends = day
        self.flow()

    def flow(self) -> None:
        """Tell the traffic how much will be used from today to the end of the month."""
        self._used = (-1, "")  # whatever brought us here may change the use
        world, today = self.world, self.world.today
        last = world.month_start(world.month + 1)
        for meter, level in self.use().items():
            use, stop = self.product.uses[meter], self.stop(self.plan, meter)
            used = level * decision.ramp(today - self.started, last - self.started, use.ramp_days)
            days = 1.0 if world.book.meters[meter].is_level else decision.DAYS_A_MONTH
            flow, every = self._flows[meter], use.free_days if self.is_free else use.days
            world.traffic.set(flow, mean=used / days, every=every, day=today, stop=stop)
            if self.ends < last:
                world.traffic.set(flow, mean=0.0, day=max(today, self.ends))

    def use(self) -> dict[str, float]:
        """Return what a month's use of each meter would be without any limit, once ramped up."""
        now = (self.world.today, self.plan)
        if self._used != now:
            self._used = now
            self._use = {meter: self._level(meter) for meter in self._wants}
        return self._use

    def less(self, share: float) -> None:
        """Use only a share of what it would have used, from today on."""
        self._throttle *= share
        self.flow()

    def _level(self, meter: str) -> float:
        use, want = self.product.uses[meter], self._wants[meter]
        usual = want * use.free_median / use.median if self.is_free else want
        months = (self.world.today - self.started) / decision.DAYS_A_MONTH
        season = decision.season(use.season, self.world.date().month)
        level = usual * exp(self._growth[meter] * months) * self._throttle * season
        if not self.plan or self.quotes is self.market.usual:  # who is still choosing reckons with its wishes
            return level
        return level * self._response(meter, level)

    def _response(self, meter: str, level: float) -> float:
        """Return how many times as much is used at today's prices as at those that the market is used to.

        Its own bill counts, at what it would use; once a month, for the size of a step hardly changes it.
        """
        quotes, usual = self.quotes, self.market.usual
        key = (self.plan, meter, self.world.month)
        if key not in self._responds:
            now, before = (
                float(one.charge(self.plan, meter, self.world.date(), seats=self.seats, quantity=level))
                for one in (quotes, usual)
            )
            self._responds[key] = decision.arc_effect(now, before, self.market.habits.loyalty.usage)
        return self._responds[key]

    def quote(self, plan: str | None = None, *, use: dict[str, float] | None = None) -> Quote:
        """Return what a month costs, on another plan than its own if one is named."""
        own = plan in {None, self.plan}
        return self.quotes.quote(
            self.plan if plan is None else plan,
            self.world.date(),
            seats=self.seats,
            billing=self.billing,
            add_ons=self.add_ons if own else None,
            use=self.use() if use is None else use,
            since=self.since if own else None,
        )

    def seat_response(self) -> float:
        """Return how many times as many seats are added as at the prices that the market is used to."""
        quotes, usual = self.quotes, self.market.usual
        if quotes is usual:
            return 1.0
        now, before = (
            float(one.fee(self.plan, self.world.date(), seats=self.seats, billing=self.billing))
            for one in (quotes, usual)
        )
        return decision.arc_effect(now, before, self.market.habits.loyalty.usage)

    @property
    def since(self) -> date:
        """Since when it has been on its plan: who came before a price for newcomers keeps the old one."""
        return self.world.date(self.changed)

    def fee(self) -> float:
        """Return what a month costs without usage."""
        extras = tuple(self.add_ons.items())
        return float(
            self.quotes.fee(
                self.plan,
                self.world.date(),
                seats=self.seats,
                billing=self.billing,
                add_ons=extras,
                since=self.since,
            )
        )

    def rise(self) -> float:
        """Return by what share prices have raised its own bill since it last looked; 0 where they fell.

        The bill is that of today's seats, add-ons and use. Looks once: the next time nothing is new.
        """
        (quotes, day), today = self._knows, self.world.date()
        self._knows = (self.quotes, today)
        if quotes is self.quotes and not quotes.changes(day, today):
            return 0.0
        terms: Any = {
            "seats": self.seats,
            "billing": self.billing,
            "add_ons": self.add_ons,
            "use": self.use(),
            "since": self.since,
        }
        before = float(quotes.quote(self.plan, day, **terms).total)
        now = float(self.quotes.quote(self.plan, today, **terms).total)
        return max(0.0, now / before - 1.0) if before > 0 else 0.0

    def limit(self, plan: str, meter: str) -> float | None:
        """Return how much of a meter, or how many seats, fit into a plan, if not any number."""
        known = self.product.limits.get(plan, {}).get(meter)
        if known is not None:
            return known
        since = self.since if plan == self.plan else None
        return self.quotes.limit(plan, meter, self.world.date(), seats=self.seats, since=since)

    def stop(self, plan: str, meter: str) -> Stop | None:
        """Return where a plan stops to serve a meter, if it does."""
        known = self.product.limits.get(plan, {}).get(meter)
        if known is not None:
            return Stop(known)
        since = self.since if plan == self.plan else None
        return self.quotes.stop(plan, meter, self.world.date(), seats=self.seats, since=since)

    def pressure(self) -> float:
        """Return the largest share of an allowance or limit that is used; 0 where there is none."""
        day, seats_max = self.world.date(), self.limit(self.plan, SEATS) or 0.0
        shares = [self.seats / seats_max if seats_max > 1 else 0.0]  # nobody is pressed to be more than one
        for meter, level in self.use().items():
            limit = self.limit(self.plan, meter)
            included = limit or self.quotes.allowance(
                self.plan, meter, day, seats=self.seats, since=self.since
            )
            if included > 0:
                shares.append(level / included)
        return max(shares)

    def fits(self, plan: str) -> bool:
        """Tell whether a plan allows the seats and all of the use."""
        wanted = {SEATS: float(self.seats), **self.use()}
        limits = {meter: self.limit(plan, meter) for meter in wanted}
        return all(limit is None or wanted[meter] <= limit for meter, limit in limits.items())

    def cheapest(self, plans: tuple[str, ...]) -> str:
        """Return the plan that would cost least of those that fit; the largest where none fits."""
        use = self.use()
        fitting = [plan for plan in plans if self.fits(plan)]
        return min(fitting, key=lambda plan: self.quote(plan, use=use).total, default=plans[-1])

    def next_down(self) -> str | None:
        """Return the next smaller plan that fits and costs less, if there is one; none within a paid year."""
        paid = self.product.paid
        if self.plan not in paid or self.billing == "year":
            return None
        own = self.quote().total
        smaller = (plan for plan in reversed(paid[: paid.index(self.plan)]) if self.fits(plan))
        return next((plan for plan in smaller if self.quote(plan).total < own), None)

    def next_up(self) -> str | None:
        """Return the next larger plan that fits, if there is one."""
        paid = self.product.paid
        larger = paid[paid.index(self.plan) + 1 :] if self.plan in paid else paid
        return next((plan for plan in larger if self.fits(plan)), None)

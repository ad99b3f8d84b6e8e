"""Accounts: what a customer holds, and what it does: subscribe, change, buy, cancel, come back, pay.

Why it does so is decided in `simulator.agents.review`.
"""

from metering.event import (
    AccountSignedUp,
    AddOnBought,
    AddOnDropped,
    PlanChanged,
    SeatsChanged,
    SubscriptionCancelled,
    SubscriptionReactivated,
    SubscriptionStarted,
)
from metering.period import add_months, months_between
from simulator.agents.market import Market
from simulator.agents.payer import Payer
from simulator.agents.subscription import Subscription
from simulator.quote import SEATS
from simulator.world import Agent, Bill

MONTHS = 12


class Account:
    """One customer's account. `held` are its subscriptions by product, `known` also those that ended."""

    def __init__(self, market: Market, agent: Agent, *, channel: str, was_there: bool = False) -> None:
        self.market = market
        self.was_there = was_there
        self.world = market.world
        self.habits = market.habits
        self.agent = agent
        self.name = agent.identity
        self.channel = channel
        self.held: dict[str, Subscription] = {}
        self.known: dict[str, Subscription] = {}
        self.bill: Bill | None = None
        self.usual_usage: float | None = None
        self.shocked_until = -1
        self.is_lost = False
        self.never_pays = agent.chance.bernoulli("never pays", p=self.habits.conversion.never)
        self.first = next(iter(self.habits.products))
        self.payer = Payer(self.world, agent, self.name, self.habits.payment, self.default)

    def sign_up(self) -> None:
        """Open the account."""
        name, email = self.world.names.company(self.name)
        country = self.agent.chance.pick("country", weights=self.habits.countries)
        self.record(AccountSignedUp(name, email, self.market.segment, self.channel, country))
        self.world.listen(self.name, self.hear)

    def begin(self, key: str, *, free: bool) -> None:
        """Subscribe to a product."""
        product = self.habits.products[key]
        name = f"{self.name}-{key}"
        is_old = self.was_there and self.world.today == 0
        prices = self.market.usual if is_old else self.market.quotes
        subscription = Subscription(
            self.market, self.agent.chance, account=self.name, name=name, key=key, prices=prices
        )
        self.held[key] = self.known[key] = subscription
        chance = self.agent.chance
        if free and product.free:
            subscription.begin(product.free, seats=1, billing="month")
            self.record(SubscriptionStarted(name, product.free))
            return
        subscription.seats = self.seats_wanted(key)
        plan = self.choose(subscription)
        billing = "year" if self.would_pay_yearly(subscription, plan) else "month"
        trial, discount = product.trial_days, self.discount(key)
        subscription.begin(plan, seats=subscription.seats, billing=billing, trial_days=trial)
        self.record(SubscriptionStarted(name, plan, subscription.seats, billing, trial, discount))
        self.take_extras(subscription)
        if trial and not chance.bernoulli(f"{key} stays after the trial", p=product.trial_stays):
            self.cancel(subscription, day=subscription.free_until)

    @property
    def is_settled(self) -> bool:
        """Whether the first product is paid for, and not about to be left."""
        first = self.held.get(self.first)
        return first is not None and not (first.is_free or first.is_leaving or self.is_lost)

    def add(self, key: str) -> None:
        """Subscribe to another product, if there is still reason to."""
        if self.is_settled:
            self.begin(key, free=False)

    def seats_wanted(self, key: str) -> int:
        """Return how many seats the customer starts with."""
        seats = self.habits.products[key].seats
        count = self.agent.chance.integer(f"{key} seats", low=seats.low, high=max(seats.low, seats.high))
        years = self.world.month / MONTHS
        return max(1, round(count * float((1.0 + seats.larger) ** years)))

    def choose(self, subscription: Subscription) -> str:
        """Return the plan to start with: the cheapest for who reckons, else one by weight."""
        product = subscription.product
        starts = product.starts or dict.fromkeys(product.paid[:1], 1.0)
        fitting = {plan: weight for plan, weight in starts.items() if subscription.fits(plan)}
        if not fitting:
            return subscription.cheapest(product.paid)
        if subscription.reckons:
            return subscription.cheapest(tuple(fitting))
        return self.agent.chance.pick(f"{subscription.key} plan", weights=fitting)

    def would_pay_yearly(self, subscription: Subscription, plan: str) -> bool:
        """Tell whether it pays a plan by the year, at the discount that it gets for that."""
        key = subscription.key
        share = self.market.yearly_share(key, plan, subscription.seats, subscription.quotes)
        return self.agent.chance.bernoulli(f"{key} yearly", p=share)

    def pay_yearly(self, subscription: Subscription) -> None:
        """Go on with the same, a year in advance from today on."""
        if not subscription.is_leaving and subscription.billing == "month":
            subscription.change(subscription.plan, seats=subscription.seats, billing="year")
            subscription.free_until = self.world.today  # the paid years count from here
            self.record(PlanChanged(subscription.name, subscription.plan, subscription.seats, "year"))

    def discount(self, key: str) -> str:
        """Return the discount that the customer negotiated, if any."""
        left = self.agent.chance.uniform(f"{key} discount")
        for discount, share in self.habits.products[key].discounts.items():
            left -= share
            if left < 0:
                return discount
        return ""

    def take_extras(self, subscription: Subscription) -> None:
        """Buy the add-ons that belong to it from the start."""
        for key, extra in subscription.product.add_ons.items():
            effect = self.market.add_on_effect(key, subscription.knows)
            if self.agent.chance.bernoulli(f"{key} at start", p=min(1.0, extra.at_start * effect)):
                self.buy(subscription, key)

    def hear(self, bill: Bill) -> None:
        """Take note of a bill, and pay it."""
        self.bill = bill
        self.payer.settle(bill)

    def default(self) -> None:
        """Lose everything, because a bill was never paid."""
        self.is_lost = True
        for subscription in self.held.values():
            if not subscription.is_leaving:
                self.cancel(subscription, day=self.world.today + 1, reason="involuntary")

    def convert(self, subscription: Subscription) -> None:
        """Begin to pay for what was free."""
        key = subscription.key
        subscription.look(self.market.quotes)
        subscription.plan = ""  # who chooses a plan reckons with what it will use once it pays
        subscription.seats = self.seats_wanted(key)
        plan = self.choose(subscription)
        billing = "year" if self.would_pay_yearly(subscription, plan) else "month"
        subscription.begin(plan, seats=subscription.seats, billing=billing)
        self.record(PlanChanged(subscription.name, plan, subscription.seats, billing))
        self.take_extras(subscription)

    def change_to(self, subscription: Subscription, plan: str) -> bool:
        """Move to another plan, without the add-ons that it does not have. Tell whether anything changed."""
        if subscription.is_leaving or plan == subscription.plan:
            return False
        for key in [key for key in subscription.add_ons if not subscription.quotes.sells(plan, key)]:
            self.drop(subscription, key)
        subscription.change(plan, seats=subscription.seats, billing=subscription.billing)
        self.record(PlanChanged(subscription.name, plan, subscription.seats, subscription.billing))
        return True

    def resize(self, subscription: Subscription, more: int) -> None:
        """Change the number of seats, up to what the plan allows."""
        limit = subscription.limit(subscription.plan, SEATS) or float(subscription.seats + more)
        seats = max(1, min(int(limit), subscription.seats + more))
        if not subscription.is_leaving and seats != subscription.seats:
            subscription.seats = seats
            self.record(SeatsChanged(subscription.name, seats))

    def buy(self, subscription: Subscription, key: str) -> None:
        """Buy an add-on."""
        if not subscription.is_leaving and subscription.quotes.sells(subscription.plan, key):
            quantity = subscription.product.add_ons[key].quantity
            subscription.add_ons[key] = quantity
            self.record(AddOnBought(subscription.name, key, quantity))

    def drop(self, subscription: Subscription, key: str) -> None:
        """Drop an add-on."""
        if not subscription.is_leaving and subscription.add_ons.pop(key, None) is not None:
            self.record(AddOnDropped(subscription.name, key))

    def leave(self, subscription: Subscription) -> None:
        """Cancel with the notice that its billing asks for; who leaves the first product leaves them all."""
        leaving = [*self.held.values()] if subscription.key == self.first else [subscription]
        for one in leaving:
            if not one.is_leaving:
                self.cancel(one, day=self.notice(one))

    def notice(self, subscription: Subscription) -> int:
        """Return the first day without it: the end of the month, or of the year that is paid."""
        if subscription.billing != "year" or subscription.is_free:
            return self.world.month_start(self.world.month + 1)
        since = self.world.date(subscription.free_until)
        years = months_between(since, self.world.date()) // MONTHS + 1
        return self.world.day_of(add_months(since, MONTHS * years))

    def give_up(self, subscription: Subscription) -> None:
        """Stop tomorrow: a free plan asks for no notice."""
        if not subscription.is_leaving and subscription.is_free:
            self.cancel(subscription, day=self.world.today + 1)

    def cancel(self, subscription: Subscription, *, day: int, reason: str = "voluntary") -> None:
        """Cancel for a day."""
        subscription.end(day)
        self.record(SubscriptionCancelled(subscription.name, self.world.date(day), reason))

    def come_back(self, subscription: Subscription) -> None:
        """Take up again what was left."""
        self.held[subscription.key] = subscription
        subscription.add_ons = {}
        subscription.look(self.market.quotes)
        subscription.begin(subscription.plan, seats=subscription.seats, billing=subscription.billing)
        again = SubscriptionReactivated(
            subscription.name, subscription.plan, subscription.seats, subscription.billing
        )
        self.record(again)

    def drop_what_ended(self) -> None:
        """Forget the subscriptions that are over."""
        for key, one in [*self.held.items()]:
            if one.ends <= self.world.today:
                one.flow()
                del self.held[key]

    def record(self, fact: object) -> None:
        """Write down what happened to the account."""
        self.world.record(self.agent, self.name, fact)

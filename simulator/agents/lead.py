"""Leads: who shows interest, when, through which channel, and who is won."""

from bisect import bisect_right
from collections.abc import Callable
from datetime import date, timedelta
from itertools import accumulate

from metering.event import LeadCreated
from metering.period import Period, add_months, month_of
from simulator.agents import decision
from simulator.agents.habits import Channel, Demand
from simulator.agents.market import Market
from simulator.world import Agent, Story

WEEKEND = 0.6
"""How many leads come on a Saturday or Sunday next to a working day."""

SATURDAY = 5


class Lead:
    """Somebody who may become a customer; the name of the account will be that of the lead."""

    def __init__(self, market: Market, identity: str, *, was_there: bool = False) -> None:
        """Name somebody; who `was_there` before the first day knows the prices that the market is used to."""
        self.market = market
        self.was_there = was_there
        self.habits = habits = market.habits
        self.agent = agent = market.world.agent("customer", f"{market.segment}-{identity}")
        shares = {key: channel.share for key, channel in habits.channels.items()}
        self.channel = agent.chance.pick("channel", weights=shares)

    @property
    def how(self) -> Channel:
        """How leads of its channel become customers."""
        return self.habits.channels[self.channel]

    @property
    def is_self_serve(self) -> bool:
        """Whether it signs up without being sold to."""
        return self.how.is_self_serve

    def is_qualified(self) -> bool:
        """Tell whether sales will pursue it at all."""
        return self.agent.chance.bernoulli("qualifies", p=self.how.qualifies)

    def cycle(self) -> int:
        """Return how many days it takes to decide."""
        return max(
            1,
            round(
                self.agent.chance.lognormal("cycle", median=self.how.cycle_days, sigma=self.how.cycle_sigma)
            ),
        )

    def is_won(self) -> bool:
        """Tell, on the day of the decision, whether it buys at today's prices.

        Who comes by itself has decided already, at the prices that the market is used to; to a free plan
        everybody comes.
        """
        product = next(iter(self.habits.products))
        if self.is_self_serve and self.habits.products[product].free:
            return True
        wins = 1.0 if self.is_self_serve else self.how.wins
        chance = min(1.0, wins * self.market.price_effect(product))
        return self.agent.chance.bernoulli("is won", p=chance)


Life = Callable[[Lead], Story]


def arrive(market: Market, agent: Agent, wins: Life) -> Story:
    """Bring the customers of the first day and the pipeline of the months before, then leads day by day."""
    world, demand = market.world, market.habits.demand
    for number in range(demand.at_start):
        lead = Lead(market, f"0-{number:04}", was_there=True)
        world.start(lead.agent, wins(lead))
    first = world.date().replace(day=1)
    for month in range(-demand.pipeline_months, 0):
        for came_on, identity in leads(agent, demand, month_of(add_months(first, month)), month):
            enter_pipeline(Lead(market, identity), world.day_of(came_on), wins)
    for month in range(world.scenario.months):
        period, more = month_of(add_months(first, month)), drawn_by_prices(market, month)
        usual = {identity for _, identity in leads(agent, demand, period, month)}
        for comes_on, identity in leads(agent, demand, period, month, more=more):
            day = world.day_of(comes_on)
            if day > world.today:
                yield world.on(day)
            if day == world.today:
                lead = Lead(market, identity)
                if identity in usual or lead.is_self_serve:
                    pursue(lead, wins)


def drawn_by_prices(market: Market, month: int) -> float:
    """Return how many times as many leads low prices draw, where leads buy by themselves, if any do.

    Those who are sold to are won more often instead, and to a free plan people come whatever others cost.
    """
    product, habits = next(iter(market.habits.products.items()))
    comes = any(channel.is_self_serve for channel in market.habits.channels.values())
    return max(1.0, market.price_effect(product, month)) if comes and not habits.free else 1.0


def leads(
    agent: Agent, demand: Demand, period: Period, month: int, *, more: float = 1.0
) -> list[tuple[date, str]]:
    """Return the days and the names of a month's leads, by day; more with `more` above 1."""
    chance = agent.chance
    busy = chance.lognormal("busy", month, median=1.0, sigma=demand.noise)
    mean = decision.leads_in(demand, month, period.starts_on.month) * busy * more
    days = [period.starts_on + timedelta(days=number) for number in range(period.days)]
    weights = list(accumulate(WEEKEND if day.weekday() >= SATURDAY else 1.0 for day in days))
    found = []
    for number in range(chance.poisson("leads", month, mean=mean)):
        draw = chance.uniform(f"day of {period.label}", number) * weights[-1]
        found.append((days[bisect_right(weights, draw)], f"{period.starts_on:%y%m}-{number:04}"))
    return sorted(found)


def enter_pipeline(lead: Lead, day: int, wins: Life) -> None:
    """Pursue a lead of the time before the first day, if it is still open then."""
    closes = day + lead.cycle()
    if closes > 0 and not lead.is_self_serve and lead.is_qualified():
        lead.market.world.start(lead.agent, close(lead, closes, wins))


def pursue(lead: Lead, wins: Life) -> None:
    """Write down a new lead, and let it sign up at once or be sold to."""
    world, agent = lead.market.world, lead.agent
    world.record(agent, agent.identity, LeadCreated(lead.market.segment, lead.channel))
    if lead.is_self_serve:
        if lead.is_won():
            world.start(agent, wins(lead))
    elif lead.is_qualified():
        world.start(agent, close(lead, world.today + lead.cycle(), wins))


def close(lead: Lead, day: int, wins: Life) -> Story:
    """Wait for the decision, and live as a customer if it is won."""
    yield lead.market.world.on(day)
    if lead.is_won():
        yield from wins(lead)

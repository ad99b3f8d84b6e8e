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

    def __init__(self, market: Market, identity: str) -> None:
        self.market = market
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
        """Tell, on the day of the decision, whether it buys at today's prices."""
        effect = self.market.price_effect(next(iter(self.habits.products)))
        return self.agent.chance.bernoulli("is won", p=min(1.0, self.how.wins * effect))


Life = Callable[[Lead], Story]


def arrive(market: Market, agent: Agent, wins: Life) -> Story:
    """Bring the customers of the first day and the pipeline of the months before, then leads day by day."""
    world, demand = market.world, market.habits.demand
    for number in range(demand.at_start):
        lead = Lead(market, f"0-{number:04}")
        world.start(lead.agent, wins(lead))
    first = world.date().replace(day=1)
    for month in range(-demand.pipeline_months, 0):
        for came_on, identity in leads(agent, demand, month_of(add_months(first, month)), month):
            enter_pipeline(Lead(market, identity), world.day_of(came_on), wins)
    for month in range(world.scenario.months):
        for comes_on, identity in leads(agent, demand, month_of(add_months(first, month)), month):
            day = world.day_of(comes_on)
            if day > world.today:
                yield world.on(day)
            if day == world.today:
                pursue(Lead(market, identity), wins)


def leads(agent: Agent, demand: Demand, period: Period, month: int) -> list[tuple[date, str]]:
    """Return the days and the names of a month's leads, in order of the days."""
    chance = agent.chance
    busy = chance.lognormal("busy", month, median=1.0, sigma=demand.noise)
    mean = decision.leads_in(demand, month, period.starts_on.month) * busy
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
        world.start(agent, wins(lead))
    elif lead.is_qualified():
        world.start(agent, close(lead, world.today + lead.cycle(), wins))


def close(lead: Lead, day: int, wins: Life) -> Story:
    """Wait for the decision, and live as a customer if it is won."""
    yield lead.market.world.on(day)
    if lead.is_won():
        yield from wins(lead)

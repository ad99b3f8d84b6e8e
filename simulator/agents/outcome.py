"""Outcomes: what comes of a project once it is delivered: guarantees that are met or missed, and savings."""

from decimal import Decimal

from metering.event import OutcomeMeasured, SavingsReported
from metering.period import add_months
from simulator.agents.practice import Guarantee, Savings
from simulator.agents.project import Project
from simulator.world import Story, World

CENT = Decimal("0.01")


def follow(project: Project, account: str) -> None:
    """Measure every guarantee of a project that was just delivered, and what it saves, each in its time."""
    world, offering = project.world, project.offering
    for metric, guarantee in offering.guarantees.items():
        world.start(project.agent, measure(world, project, account, metric=metric, guarantee=guarantee))
    if offering.savings is not None:
        world.start(project.agent, report(world, project, account, savings=offering.savings))


def measure(world: World, project: Project, account: str, *, metric: str, guarantee: Guarantee) -> Story:
    """Measure one metric, some days after the delivery."""
    low, high = guarantee.after_days
    days = project.agent.chance.integer(f"{metric} measured", low=low, high=high)
    if days:
        yield world.wait(days)
    met = project.agent.chance.bernoulli(f"{metric} met", p=guarantee.met)
    fact = OutcomeMeasured(metric, met, project.identity, project.key)
    world.record(project.agent, account, fact)


def report(world: World, project: Project, account: str, *, savings: Savings) -> Story:
    """Report what the first months saved, when they are over."""
    yield world.on(world.day_of(add_months(world.date(), savings.months)))
    saved = project.agent.chance.lognormal("savings", median=savings.median, sigma=savings.sigma)
    amount = Decimal(saved).quantize(CENT)
    world.record(project.agent, account, SavingsReported(project.identity, project.key, amount))

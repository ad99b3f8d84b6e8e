"""Projects: one engagement from the wish for a team to the last milestone, and the retainers that follow."""

from decimal import Decimal
from itertools import accumulate

from metering.event import (
    ChangeOrderAgreed,
    HoursWorked,
    MilestoneDelivered,
    OrderPlaced,
    ProjectStarted,
    SubscriptionCancelled,
    SubscriptionStarted,
)
from metering.period import add_months
from simulator.agents.bench import Bench, Consultant
from simulator.agents.practice import Practice
from simulator.agents.yearly import in_year
from simulator.world import Story, World

QUARTERS = 4
"""Hours are counted in whole quarters of an hour."""

WEEK = 7
FRIDAY = 4
"""The days from Monday to Friday, when the week's hours are written down."""

DAYS_A_MONTH = 30.44

MIDDLE = "medium"
"""The size of a project that has none: the work under a retainer."""


class Project:
    """One engagement of an account for an offering; its size and how far it overruns are its own luck."""

    def __init__(self, world: World, practice: Practice, bench: Bench, *, identity: str, key: str) -> None:
        self.world = world
        self.practice = practice
        self.bench = bench
        self.identity = identity
        self.key = key
        self.offering = practice.offerings[key]
        self.agent = world.agent("project", identity)
        self.size = self._size()
        self.planned = QUARTERS * self.offering.hours[self.size]
        self.needed = max(1, round(self.planned * practice.overrun.draw(self.agent.chance)))
        self.worked = 0
        self.agreed = self.planned
        self._milestones = list(self._due())

    def run(self, account: str) -> Story:
        """Wait for a team, work week by week until done; tell whether it was done at all."""
        waits = self.practice.client_waits_days
        team = yield self.bench.ask(
            self.identity,
            self.offering.team,
            priority=self.offering.priority,
            gives_up_on=self.world.today + waits,
        )
        if not team:
            return False
        yield from until_monday(self.world)
        self.order(account)
        hours = Decimal(self.offering.hours[self.size])
        self.world.record(self.agent, account, ProjectStarted(self.identity, self.key, self.size, hours))
        while self.worked < self.needed:
            yield self.world.wait(FRIDAY)
            self.change(account, team)
            self.work(account, team)
            self.deliver(account)
            if self.worked < self.needed:
                yield self.world.wait(WEEK - FRIDAY)
        self.bench.release(team)
        return True

    def order(self, account: str) -> None:
        """Order the package that the project is part of, if it is one of those."""
        left = self.agent.chance.uniform("package")
        for item, share in self.offering.packages.items():
            if 0 <= left < share:
                self.world.record(self.agent, account, OrderPlaced(item))
            left -= share

    def change(self, account: str, team: list[Consultant]) -> None:
        """Once a fixed price is used up and more is needed, agree on more hours, if the client does."""
        changes, missing = self.offering.changes, self.needed - self.planned
        is_due = self.offering.billed == "milestones" and self.worked >= self.planned == self.agreed
        if changes is None or not is_due or not self.agent.chance.bernoulli("agrees", p=changes.agrees):
            return
        each = round(missing * changes.covers / len(team))
        for role in dict.fromkeys(person.role for person in team):
            hours = Decimal(each * sum(person.role == role for person in team)) / QUARTERS
            if hours:
                self.world.record(
                    self.agent, account, ChangeOrderAgreed(self.identity, self.key, role, hours)
                )
        self.agreed += each * len(team)

    def work(self, account: str, team: list[Consultant]) -> None:
        """Write down each one's hours of the week; beyond those of a fixed price they are not billable."""
        for person in team:
            quarters = min(week_of(self.practice, person, self.world.today), self.needed - self.worked)
            if quarters:
                billable = self.offering.billed == "hours" or self.worked < self.agreed
                hours = Decimal(quarters) / QUARTERS
                fact = HoursWorked(self.identity, self.key, person.identity, person.role, hours, billable)
                self.world.record(self.agent, account, fact)
                self.worked += quarters

    def deliver(self, account: str) -> None:
        """Deliver every milestone that the work so far has reached."""
        while self._milestones and self.worked >= self._milestones[0][0] * self.needed:
            _, name, share = self._milestones.pop(0)
            fact = MilestoneDelivered(self.identity, self.key, self.size, name, share)
            self.world.record(self.agent, account, fact)

    def _size(self) -> str:
        shares = {size: in_year(self.practice.sizes[size], self.world.month) for size in self.offering.hours}
        if not any(shares.values()):
            return next(iter(shares))
        return self.agent.chance.pick("size", weights=shares)

    def _due(self) -> list[tuple[Decimal, str, Decimal]]:
        if self.offering.billed == "hours":
            return []
        shares = self.offering.milestones or self.practice.milestones
        return list(zip(accumulate(shares.values()), shares, shares.values(), strict=True))


def study(project: Project, account: str) -> Story:
    """Look into a project by the hour first, if its offering says so; tell whether it goes on."""
    plan, world, bench = project.offering.study, project.world, project.bench
    if plan is None:
        return True
    request, (low, high) = f"{project.identity}-study", plan.hours
    left = QUARTERS * project.agent.chance.integer("study", low=low, high=high)
    gives_up_on = world.today + project.practice.client_waits_days
    team = yield bench.ask(
        request, {plan.role: 1}, priority=project.offering.priority, gives_up_on=gives_up_on
    )
    if not team:
        return False
    yield from until_monday(world)
    while left:
        yield world.wait(FRIDAY)
        for person in team:
            quarters = min(week_of(project.practice, person, world.today), left)
            hours = Decimal(quarters) / QUARTERS
            fact = HoursWorked(request, plan.offering, person.identity, person.role, hours)
            world.record(project.agent, account, fact)
            left -= quarters
        if left:
            yield world.wait(WEEK - FRIDAY)
    bench.release(team)
    return project.agent.chance.bernoulli("study goes on", p=plan.goes_on)


class Retention:
    """A client under a retainer: a subscription, and some hours of one consultant every month."""

    def __init__(self, world: World, practice: Practice, bench: Bench, *, account: str, plan: str) -> None:
        self.world = world
        self.practice = practice
        self.bench = bench
        self.account = account
        self.plan = plan
        self.retainer = practice.retainers[plan]
        self.identity = f"{account}-{plan}"
        self.agent = world.agent("retainer", self.identity)

    def run(self) -> Story:
        """Subscribe, be advised for some months, and end at the end of a month of the subscription."""
        chance = self.agent.chance
        stays = 1 + round(chance.exponential("months", mean=self.retainer.months - 0.5))
        since = self.world.date()
        self.world.record(self.agent, self.account, SubscriptionStarted(self.identity, self.plan))
        hours = Decimal(sum(self.retainer.hours)) / 2
        self.world.record(self.agent, self.account, ProjectStarted(self.identity, self.plan, MIDDLE, hours))
        for month in range(stays):
            self.world.start(self.agent, self.advise(month))
            yield self.world.on(self.world.day_of(add_months(since, month + 1)))
        ends_on = self.world.date()
        self.world.record(self.agent, self.account, SubscriptionCancelled(self.identity, ends_on))

    def advise(self, month: int) -> Story:
        """Work the hours of one month, as soon as somebody is free."""
        low, high = self.retainer.hours
        left = QUARTERS * self.agent.chance.integer("hours", month, low=low, high=high)
        request = f"{self.identity}-{month:03}"
        [person] = yield self.bench.ask(request, {self.retainer.role: 1}, priority=self.retainer.priority)
        yield from until_monday(self.world)
        while left:
            yield self.world.wait(FRIDAY)
            quarters = min(week_of(self.practice, person, self.world.today), left)
            fact = HoursWorked(
                self.identity, self.plan, person.identity, person.role, Decimal(quarters) / QUARTERS
            )
            self.world.record(self.agent, self.account, fact)
            left -= quarters
            if left:
                yield self.world.wait(WEEK - FRIDAY)
        self.bench.release([person])


def until_monday(world: World) -> Story:
    """Wait for the next Monday, unless it is one."""
    days = -world.date().weekday() % WEEK
    if days:
        yield world.wait(days)


def week_of(practice: Practice, person: Consultant, today: int) -> int:
    """Return the quarters of an hour that somebody works for clients in a week, fewer while new."""
    is_new = today < person.hired_on + round(DAYS_A_MONTH * practice.ramp_months) and person.hired_on > 0
    return round(QUARTERS * practice.week_hours * (practice.ramp_share if is_new else 1.0))

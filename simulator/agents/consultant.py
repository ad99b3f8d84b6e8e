"""Consultants: a finite staff, the projects that queue for it, and what they deliver.

Demand comes from customers, some of whom buy a project soon after they subscribe, and from clients of the
consulting itself. A project waits on the bench for its team, works its hours (more than planned: overruns
have a long tail), delivers milestones or bills hours. Then its guarantees are measured, and some clients come
again or stay under a retainer.
"""

from functools import partial
from math import log

from metering.event import (
    AccountSignedUp,
    Event,
    PlanChanged,
    SubscriptionCancelled,
    SubscriptionReactivated,
    SubscriptionStarted,
)
from simulator.agents import outcome
from simulator.agents.bench import FOR_EVER, Bench, Consultant
from simulator.agents.buyer import open_account
from simulator.agents.contract import Holder
from simulator.agents.practice import Practice
from simulator.agents.project import DAYS_A_MONTH, Project, Retention, study
from simulator.agents.yearly import arrive, between, spread
from simulator.chance import Stream
from simulator.world import Story, World

SETTINGS = Practice

DAYS_A_YEAR = 365.25


def spawn(world: World, settings: Practice) -> None:
    """Open the practice: its first people, its market, and an ear for new customers."""
    House(world, settings).begin()


class House:
    """The house of the consultants: who works there, and who asks for them."""

    def __init__(self, world: World, practice: Practice) -> None:
        self.world = world
        self.practice = practice
        self.bench = Bench(world.clock, patience=practice.overtaken_days)
        self.staff: dict[str, list[Consultant]] = {role: [] for role in practice.people}
        self._sold: dict[tuple[str, str], bool] = {}
        self._retained: dict[str, bool] = {}
        self._ends: dict[str, dict[str, int]] = {}

    def begin(self) -> None:
        """Begin everything that goes on from the first day."""
        for role, people in self.practice.people.items():
            for _ in range(round(people[0])):
                self.engage(role, on=self.world.today)
        head = self.world.agent("practice", "head")
        self.world.start(head, self.staffing())
        self.world.start(head, self.hiring())
        for key, offering in self.practice.offerings.items():
            if any(offering.clients):
                market = self.world.agent("market", key)
                welcome = partial(self.meet_client, key)
                self.world.start(market, arrive(self.world, market, offering.clients, welcome))
        for plan, contract in self.practice.contracts.items():
            for name, day in spread(self.world, self.world.chance.stream("contract", plan), contract.joins):
                holder = Holder(self.world, self.practice, self.order, plan=plan, name=name)
                self.world.start(holder.agent, holder.live(day))
        self.world.follow(SubscriptionStarted, self.hear)
        self.world.follow(PlanChanged, self.hear)
        self.world.follow(SubscriptionCancelled, self.hear_of_end)
        self.world.follow(SubscriptionReactivated, self.hear_of_return)

    def staffing(self) -> Story:
        """Meet every day to hand out teams."""
        while True:
            yield self.world.wait(1)
            self.bench.meet()

    def hiring(self) -> Story:
        """Look ahead every month, as far as hiring takes, and hire whoever will be missing."""
        ahead = self.practice.hire_months
        for month in range(self.world.scenario.months):
            for role, people in self.practice.people.items():
                wanted = round(between(people, month + ahead))
                for _ in range(wanted - self.employed(role)):
                    self.engage(role, on=self.world.month_start(month + ahead))
            yield self.world.on(self.world.month_start(month + 1))

    def employed(self, role: str) -> int:
        """Count those who are here or about to come, and have not resigned."""
        return sum(one.leaves_on > self.world.today for one in self.staff[role])

    def engage(self, role: str, *, on: int) -> None:
        """Take somebody on from a day on; how long they stay is up to them."""
        identity = f"{role}-{len(self.staff[role]) + 1:03}"
        person = Consultant(identity, role, hired_on=on)
        self.staff[role].append(person)
        self.bench.release([person])
        agent = self.world.agent("consultant", identity)
        if self.practice.attrition:
            self.world.start(agent, self.career(agent.chance, person))

    def career(self, chance: Stream, person: Consultant) -> Story:
        """Stay for a while, then resign: what is begun is finished, but nothing new is taken on."""
        years = chance.exponential("tenure", mean=-1 / log(1 - self.practice.attrition))
        yield self.world.on(max(person.hired_on + round(years * DAYS_A_YEAR), self.world.today + 1))
        person.leaves_on = self.world.today + 1

    def meet_client(self, key: str, name: str) -> None:
        """Sign up a client who is nobody's customer yet, and begin what they came for."""
        project = self.project(f"{key}-{name}", key)
        account = f"client-{key}-{name}"
        person, email = self.world.names.company(account)
        signed_up = AccountSignedUp(person, email, project.offering.segment, self.practice.channel)
        open_account(self.world, project.agent, account, signed_up, payment=self.practice.payment)
        self.world.start(project.agent, self.serve(project, account))

    def hear(self, event: Event) -> None:
        """Offer a project to a customer who is new to a plan."""
        plan, account = event.data.plan, event.subject
        self.hear_of_return(event)
        sale = self.practice.cross_sales.get(plan)
        if sale is None or (account, plan) in self._sold:
            return
        self._sold[account, plan] = True
        chance = self.world.chance.stream("cross-sale", f"{account}/{plan}")
        if chance.bernoulli("buys", p=sale.share):
            trial = getattr(event.data, "trial_days", 0)
            days = 1 + trial + round(chance.exponential("days", mean=sale.days))
            project = self.project(f"{sale.offering}-{account}-{plan}", sale.offering)
            self.world.start(project.agent, self.serve(project, account, after=days))

    def hear_of_end(self, event: Event) -> None:
        """Remember when a subscription ends."""
        ends_on = self.world.day_of(event.data.effective_on)
        self._ends.setdefault(event.subject, {})[event.data.subscription] = ends_on

    def hear_of_return(self, event: Event) -> None:
        """Remember that a subscription lives."""
        self._ends.setdefault(event.subject, {})[event.data.subscription] = FOR_EVER

    def project(self, identity: str, key: str) -> Project:
        """Return a project that has not begun."""
        return Project(self.world, self.practice, self.bench, identity=identity, key=key)

    def order(self, identity: str, key: str, account: str) -> None:
        """Begin a project for a client under a contract."""
        project = self.project(identity, key)
        self.world.start(project.agent, self.serve(project, account))

    def serve(self, project: Project, account: str, *, after: int = 0) -> Story:
        """Do a project for an account that is still there by then, and what comes of it."""
        if after:
            yield self.world.wait(after)
        goes_on = self.is_here(account) and (yield from study(project, account))
        was_done = goes_on and (yield from project.run(account))
        if was_done and self.is_here(account):
            outcome.follow(project, account)
            self.go_on(project, account)
            plan = self._stays(project)
            if plan is not None and account not in self._retained:
                self._retained[account] = True
                retention = Retention(self.world, self.practice, self.bench, account=account, plan=plan)
                yield from retention.run()

    def go_on(self, done: Project, account: str) -> None:
        """Plan the projects that belong to one that was done, and perhaps another one like it."""
        offering, chance, follow_up = done.offering, done.agent.chance, done.offering.follow_up
        if follow_up is not None:
            for number in range(1, follow_up.times + 1):
                project = self.project(f"{done.identity}-{number}", follow_up.offering)
                after = round(DAYS_A_MONTH * follow_up.every_months * number)
                self.world.start(project.agent, self.serve(project, account, after=after))
        if chance.bernoulli("repeats", p=offering.repeats):
            project = self.project(f"{done.identity}-again", done.key)
            after = 1 + round(chance.exponential("repeats after", mean=offering.repeats_days))
            self.world.start(project.agent, self.serve(project, account, after=after))

    def is_here(self, account: str) -> bool:
        """Tell whether an account has some subscription left, or never had one, as far as we heard."""
        ends = self._ends.get(account)
        return ends is None or max(ends.values()) > self.world.today

    def _stays(self, project: Project) -> str | None:
        """Say which retainer the client takes after a project, if any."""
        left = project.agent.chance.uniform("stays")
        for plan, share in project.offering.stays.items():
            left -= share
            if left < 0:
                return plan
        return None

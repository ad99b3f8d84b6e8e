"""Trainees: people who enrol in courses, finish them or not, sit exams, sit them again, and stay certified.

A party is one account: a person, or people whom a company sends together. Who gives up does so mostly in the
first weeks. Who finishes may sit the course's exam; a certificate lasts two years. Some exams are open to
experienced people who took no course.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Annotated, Self

from pydantic import Field, model_validator

from billing.price import Key, Record
from billing.price_book import PriceBook
from metering.document import Problem, did_you_mean
from metering.event import (
    AccountSignedUp,
    CourseCompleted,
    CourseEnrolled,
    Event,
    ExamSat,
    OrderPlaced,
    PlanChanged,
    SubscriptionStarted,
)
from metering.period import add_months
from simulator.agents.buyer import open_account
from simulator.agents.catalog import missing
from simulator.agents.habits import Payment
from simulator.agents.yearly import Yearly, arrive, in_year
from simulator.chance import Stream
from simulator.world import Agent, Story, World

WEEK = 7
HARD_WEEKS = 2
"""The weeks at the beginning in which most of those who give up do so."""

TRAINEE = "trainee"
ALONE = ""
"""Instead of a segment: the one of people who come alone."""

TRIES = 100
"""More sittings of one person than these are a mistake; it keeps the draws of each apart."""

Share = Annotated[float, Field(ge=0, le=1)]
Shares = Annotated[tuple[Share, ...], Field(min_length=1, max_length=20)]
Days = Annotated[float, Field(ge=0, le=3_660)]
Some = Annotated[int, Field(ge=1, le=10_000)]
Group = tuple[Some, Some]


class Offer(Record):
    """A course in one format: how many parties a year enrol in it, and how many people one has.

    Without a `segment` of companies, people come on their own account.
    """

    parties: Yearly
    people: Group = (1, 1)
    segment: str = ALONE


class Course(Record):
    """A course: its formats, how long it takes, who gives it up each week, and the exam it leads to.

    Of those who do not give up a share `hurries`, and is done after `hurried_weeks`.
    """

    formats: Annotated[dict[Key, Offer], Field(min_length=1)]
    weeks: Annotated[int, Field(ge=1, le=104)] = 1
    hurries: Share = 0.0
    hurried_weeks: Annotated[int, Field(ge=1, le=104)] = 1
    gives_up_early: Share = 0.05
    gives_up_late: Share = 0.02
    exam: str = ""


class CrossSale(Record):
    """The share that enrols some people in a course, after `days` on average.

    Of customers who are new to a plan, or of those who have passed an exam.
    """

    course: Key
    format: Key
    share: Share
    people: Group = (1, 1)
    days: Days = 45.0


class Exam(Record):
    """An exam: who sits it, how it goes, how long a certificate lasts, and where it leads.

    Who passes may go for the exam `leads_to`, or enrol in a course for the certified, `attends`. Who renews
    a certificate sits again `renews_before_days` before it ends.
    """

    sits: Share = 0.5
    sits_after_days: Days = 35.0
    prepares: dict[Key, Share] = Field({})
    experienced: Yearly = (0.0,)
    passes: Share = 0.7
    passes_again: Share = 0.6
    retakes: Share = 0.6
    retakes_most: Annotated[int, Field(ge=0, le=20)] = 3
    retakes_after_days: Group = (14, 30)
    valid_months: Some = 24
    renews: Share = 0.5
    renews_before_days: Annotated[int, Field(ge=0, le=180)] = 0
    passes_renewal: Share = 0.9
    leads_to: str = ""
    leads: Share = 0.0
    leads_after_months: Some = 12
    attends: CrossSale | None = None


class Trainees(Record):
    """The courses and exams, and who takes them.

    `through_partners` is the share of parties that come through training partners, year by year; `orders` are
    pieces of the catalog that companies order, so many a year. `segment` and `payment` are of people who come
    alone.
    """

    courses: dict[Key, Course]
    exams: dict[Key, Exam] = Field({})
    cross_sales: dict[Key, CrossSale] = Field({})
    orders: dict[Key, Yearly] = Field({})
    orders_segment: Key = "enterprise"
    segment: Key = "individual"
    channel: Key = "self_serve"
    partner_channel: Key = "training_partner"
    through_partners: Shares = (0.0,)
    payment: Payment = Payment(by_card=1.0)
    company_payment: Payment = Payment(by_card=0.2)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for key, exam in [(key, course.exam) for key, course in self.courses.items()]:
            if exam and exam not in self.exams:
                raise ValueError(f"{key}: no exam {exam!r}; {did_you_mean(exam, self.exams)}")
        for key, exam in [(key, exam.leads_to) for key, exam in self.exams.items()]:
            if exam and exam not in self.exams:
                raise ValueError(f"{key}: no exam {exam!r}; {did_you_mean(exam, self.exams)}")
        attends = {key: exam.attends for key, exam in self.exams.items() if exam.attends is not None}
        for place, sale in [*self.cross_sales.items(), *attends.items()]:
            if sale.course not in self.courses:
                remedy = did_you_mean(sale.course, self.courses)
                raise ValueError(f"{place}: no course {sale.course!r}; {remedy}")
        return self

    def keys(self, book: PriceBook) -> Iterator[Problem]:
        """Yield a problem for every course, format, exam, item and plan that the price book does not know."""
        for key, course in self.courses.items():
            for form in course.formats:
                yield from missing(book, "course.enrolled", f"courses.{key}.formats", course=key, format=form)
        for key, exam in self.exams.items():
            for kind in ("first", "retake", "recertification"):
                yield from missing(book, "exam.sat", f"exams.{key}", exam=key, kind=kind)
            for item in exam.prepares:
                yield from missing(book, "order.placed", f"exams.{key}.prepares", item=item)
            if exam.attends is not None:
                form, place = exam.attends.format, f"exams.{key}.attends"
                yield from missing(book, "course.enrolled", place, course=exam.attends.course, format=form)
        for plan, sale in self.cross_sales.items():
            place = f"cross_sales.{plan}"
            if plan not in book.plans:
                yield Problem(place, f"no plan {plan!r}", did_you_mean(plan, book.plans))
            yield from missing(book, "course.enrolled", place, course=sale.course, format=sale.format)
        for item in self.orders:
            yield from missing(book, "order.placed", "orders", item=item)


SETTINGS = Trainees


def spawn(world: World, settings: Trainees) -> None:
    """Open the school: its courses, its exams, and an ear for new customers."""
    School(world, settings).begin()


class School:
    """Where trainees come from."""

    def __init__(self, world: World, settings: Trainees) -> None:
        self.world = world
        self.settings = settings
        self._heard: dict[tuple[str, str], bool] = {}

    def begin(self) -> None:
        """Begin everything that goes on from the first day."""
        for key, course in self.settings.courses.items():
            for form, offer in course.formats.items():
                self.attend(f"{key}-{form}", offer.parties, partial(self.enrol, key, form, offer))
        for key, exam in self.settings.exams.items():
            self.attend(f"{key}-exam", exam.experienced, partial(self.examine, key))
        for item, figures in self.settings.orders.items():
            self.attend(item, figures, partial(self.order, item))
        if self.settings.cross_sales:
            self.world.follow(SubscriptionStarted, self.hear)
            self.world.follow(PlanChanged, self.hear)

    def attend(self, desk: str, figures: Sequence[float], serve: Callable[["Party"], None]) -> None:
        """Have a desk of the school serve those who come to it."""
        if any(figures):
            office = self.world.agent("school", desk)
            welcome = partial(self.welcome, desk, serve)
            self.world.start(office, arrive(self.world, office, figures, welcome))

    def welcome(self, desk: str, serve: Callable[["Party"], None], name: str) -> None:
        """Serve a newcomer."""
        agent = self.world.agent(TRAINEE, f"{desk}-{name}")
        serve(Party(self.world, self.settings, agent, f"{TRAINEE}-{desk}-{name}"))

    def enrol(self, key: str, form: str, offer: Offer, party: "Party") -> None:
        """Sign up a party and let it study."""
        party.sign_up(offer.segment)
        self.world.start(party.agent, party.study(key, form, offer.people))

    def examine(self, key: str, party: "Party") -> None:
        """Sign up somebody experienced and let them sit an exam."""
        party.sign_up(ALONE)
        self.world.start(party.agent, party.certify(key, 0))

    def order(self, item: str, party: "Party") -> None:
        """Sign up a company and sell it a piece of the catalog."""
        party.sign_up(self.settings.orders_segment)
        party.record(OrderPlaced(item))

    def hear(self, event: Event) -> None:
        """Have some of those who are new to a plan send people to a course."""
        plan, account = event.data.plan, event.subject
        sale = self.settings.cross_sales.get(plan)
        if sale is not None and (account, plan) not in self._heard:
            self._heard[account, plan] = True
            agent = self.world.agent(TRAINEE, f"{account}-{plan}")
            if agent.chance.bernoulli("buys", p=sale.share):
                trial = getattr(event.data, "trial_days", 0)
                days = 1 + trial + round(agent.chance.exponential("days", mean=sale.days))
                party = Party(self.world, self.settings, agent, account)
                self.world.start(agent, party.study(sale.course, sale.format, sale.people, after=days))


class Party:
    """One account's people, from enrolment to certificates."""

    def __init__(self, world: World, settings: Trainees, agent: Agent, account: str) -> None:
        self.world = world
        self.settings = settings
        self.agent = agent
        self.chance: Stream = agent.chance
        self.account = account

    def sign_up(self, segment: str) -> None:
        """Open an account, by itself or through a training partner."""
        name, email = self.world.names.person(self.account)
        share = in_year(self.settings.through_partners, self.world.month)
        through = share > 0 and self.chance.bernoulli("through a partner", p=share)
        channel = self.settings.partner_channel if through else self.settings.channel
        payment = self.settings.payment if segment == ALONE else self.settings.company_payment
        signed_up = AccountSignedUp(name, email, segment or self.settings.segment, channel)
        open_account(self.world, self.agent, self.account, signed_up, payment=payment)

    def study(self, key: str, form: str, people: Group, *, after: int = 0) -> Story:
        """Enrol, study, and send those who finish to the exam if they want to."""
        if after:
            yield self.world.wait(after)
        course = self.settings.courses[key]
        low, high = people
        count = low if low == high else self.chance.integer("people", low=low, high=high)
        self.record(CourseEnrolled(key, form, count))
        finished = [n for n in range(count) if self.chance.bernoulli("endures", n, p=endures(course))]
        quick = [n for n in finished if self.chance.bernoulli("hurries", n, p=course.hurries)]
        if quick and course.hurried_weeks < course.weeks:
            self.world.start(self.agent, self.finish(key, form, quick, course.hurried_weeks))
            finished = [n for n in finished if n not in quick]
        yield from self.finish(key, form, finished, course.weeks)

    def finish(self, key: str, form: str, finished: Sequence[int], weeks: int) -> Story:
        """Be done with a course after some weeks, and sit its exam if one wants to."""
        course = self.settings.courses[key]
        yield self.world.wait(WEEK * weeks)
        if finished:
            self.record(CourseCompleted(key, form, len(finished)))
        if course.exam:
            odds = self.settings.exams[course.exam].sits
            sitting = [person for person in finished if self.chance.bernoulli("sits", person, p=odds)]
            for person in sitting[1:]:
                self.world.start(self.agent, self.certify(course.exam, person))
            if sitting:
                yield from self.certify(course.exam, sitting[0])

    def certify(self, key: str, person: int) -> Story:
        """Prepare, sit an exam until it is passed or given up, and keep the certificate up."""
        exam = self.settings.exams[key]
        for item, share in exam.prepares.items():
            if self.chance.bernoulli(f"{key} {item}", person, p=share):
                self.record(OrderPlaced(item))
        yield self.world.wait(1 + round(self.chance.exponential(key, person, mean=exam.sits_after_days)))
        passed = self.sit(key, "first", person, 0)
        low, high = exam.retakes_after_days
        for attempt in range(1, exam.retakes_most + 1):
            time = person * TRIES + attempt
            if passed or not self.chance.bernoulli(f"{key} retakes", time, p=exam.retakes):
                break
            yield self.world.wait(self.chance.integer(f"{key} again", time, low=low, high=high))
            passed = self.sit(key, "retake", person, attempt)
        if passed:
            attends = exam.attends
            if attends is not None and self.chance.bernoulli(f"{key} attends", person, p=attends.share):
                days = 1 + round(self.chance.exponential(f"{key} attends after", person, mean=attends.days))
                self.world.start(
                    self.agent, self.study(attends.course, attends.format, attends.people, after=days)
                )
            if exam.leads_to and self.chance.bernoulli(f"{key} leads", person, p=exam.leads):
                self.world.start(self.agent, self.rise(exam, person))
            yield from self.keep(key, person)

    def rise(self, exam: Exam, person: int) -> Story:
        """Go for the next certificate when there is enough experience."""
        yield self.world.on(self.world.day_of(add_months(self.world.date(), exam.leads_after_months)))
        yield from self.certify(exam.leads_to, person)

    def keep(self, key: str, person: int) -> Story:
        """Certify again whenever the certificate ends, until it is left to end."""
        exam = self.settings.exams[key]
        for time in range(1, TRIES):
            ends_on = self.world.day_of(add_months(self.world.date(), exam.valid_months))
            if ends_on >= self.world.month_start(self.world.scenario.months):
                return
            yield self.world.on(ends_on - exam.renews_before_days)
            if not self.chance.bernoulli(f"{key} renews", person * TRIES + time, p=exam.renews):
                return
            if not self.sit(key, "recertification", person, time):
                return

    def sit(self, key: str, kind: str, person: int, time: int) -> bool:
        """Sit an exam; tell whether it was passed."""
        exam = self.settings.exams[key]
        odds = {"first": exam.passes, "retake": exam.passes_again, "recertification": exam.passes_renewal}
        passed = self.chance.bernoulli(f"{key} {kind}", person * TRIES + time, p=odds[kind])
        self.record(ExamSat(key, kind, passed))
        return passed

    def record(self, data: object) -> None:
        """Write down a fact about the party's account."""
        self.world.record(self.agent, self.account, data)


def endures(course: Course) -> float:
    """Return the chance that somebody who enrols finishes: week after week, the first weeks being hardest."""
    hard = min(course.weeks, HARD_WEEKS)
    return float((1 - course.gives_up_early) ** hard * (1 - course.gives_up_late) ** (course.weeks - hard))

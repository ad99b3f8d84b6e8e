"""The practice: who works as a consultant, what consultants sell, and who buys it, as the scenario says."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from billing.price import Key, Record
from billing.price_book import PriceBook
from metering.document import Problem, did_you_mean
from simulator.agents.catalog import missing
from simulator.agents.habits import Payment
from simulator.agents.yearly import Counts, Yearly
from simulator.chance import Stream

Share = Annotated[float, Field(ge=0, le=1)]
Some = Annotated[int, Field(ge=1, le=10_000)]
Days = Annotated[int, Field(ge=0, le=3_660)]
Milestones = Annotated[dict[Key, Annotated[Decimal, Field(gt=0, le=1)]], Field(min_length=1)]
"""The shares of a fixed price that fall due one after the other, by name; together they are 1."""


class Overrun(Record):
    """How many of its planned hours a project takes: mostly lognormal around `median`, sometimes far more.

    The far ones, a `tail` share, follow a Pareto law of exponent 1 from `tail_from` up to `tail_most` times.
    """

    median: Annotated[float, Field(gt=0, le=10)] = 1.1
    sigma: Annotated[float, Field(ge=0, le=3)] = 0.25
    tail: Share = 0.08
    tail_from: Annotated[float, Field(ge=1, le=10)] = 1.5
    tail_most: Annotated[float, Field(ge=1, le=50)] = 5.0

    def draw(self, chance: Stream) -> float:
        """Return the factor of one project."""
        if chance.bernoulli("overrun is far", p=self.tail):
            return min(self.tail_most, self.tail_from / (1.0 - chance.uniform("overrun far")))
        return chance.lognormal("overrun", median=self.median, sigma=self.sigma)


class Guarantee(Record):
    """What a project promises of a metric: how often it is `met`, measured some days after the delivery."""

    met: Share = 0.9
    after_days: tuple[Days, Days] = (7, 30)


class Savings(Record):
    """What a client saves in the first `months` after a project and then reports: lognormal."""

    median: Annotated[float, Field(gt=0, le=1e10)]
    sigma: Annotated[float, Field(ge=0, le=3)] = 0.8
    months: Annotated[int, Field(ge=1, le=60)] = 12


class Study(Record):
    """What is looked into before a project is agreed, by the hour, under an `offering` of its own.

    Where it finds that the project will not do, there is none: it `goes_on` to one for a share of clients.
    """

    offering: Key
    role: Key
    hours: tuple[Some, Some]
    goes_on: Share = 0.8


class FollowUp(Record):
    """Smaller projects of another `offering` that belong to one that was done, one every so many months."""

    offering: Key
    every_months: Annotated[int, Field(ge=1, le=60)] = 3
    times: Annotated[int, Field(ge=1, le=40)] = 4


class Changes(Record):
    """How clients take it that a fixed price was planned with too few hours.

    A share `agrees` to a change order for a share `covers` of the missing hours; the others pay nothing.
    """

    agrees: Share = 0.5
    covers: Share = 0.5


class Offering(Record):
    """What consultants sell: a project of planned `hours` for each size, done by a `team`.

    `clients` is how many a year come for it without being customers; a lower `priority` is staffed first;
    `stays` is the share of its clients who then take a retainer, `repeats` the share of projects after which
    the client comes for another one, `repeats_days` later on average. `milestones` differ from the practice's
    where it names them. `packages` are shares of its projects that are ordered as an item of the catalog,
    which entitles to the project and more.
    """

    hours: Annotated[dict[Key, Some], Field(min_length=1)]
    team: Annotated[dict[Key, Some], Field(min_length=1)]
    billed: Literal["milestones", "hours"] = "milestones"
    milestones: Milestones | None = None
    priority: int = 2
    clients: Yearly = (0.0,)
    segment: Key = "mid_market"
    study: Study | None = None
    changes: Changes | None = None
    guarantees: dict[Key, Guarantee] = Field({})
    savings: Savings | None = None
    follow_up: FollowUp | None = None
    repeats: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    repeats_days: Annotated[float, Field(gt=0, le=3_660)] = 90.0
    stays: dict[Key, Share] = Field({})
    packages: dict[Key, Share] = Field({})


class Retainer(Record):
    """A subscription under which a consultant of `role` works some hours for the client every month."""

    role: Key
    hours: tuple[Some, Some]
    months: Annotated[float, Field(gt=0, le=240)]
    priority: int = 1


class Contract(Record):
    """A yearly subscription under which a client has so many projects of each offering done in a year."""

    joins: Counts
    projects: Annotated[dict[Key, Annotated[float, Field(ge=0, le=1_000)]], Field(min_length=1)]
    renewal: Share = 0.9
    segment: Key = "enterprise"


class CrossSale(Record):
    """The share of a plan's new customers who buy an offering, after `days` on average."""

    offering: Key
    share: Share
    days: Annotated[float, Field(ge=0, le=1_000)] = 45.0


class Practice(Record):
    """Who works as a consultant, what they sell, and who buys it."""

    people: Annotated[dict[Key, Yearly], Field(min_length=1)]
    week_hours: Annotated[float, Field(gt=0, le=60)] = 32.0
    hire_months: Annotated[int, Field(ge=1, le=24)] = 3
    ramp_months: Annotated[int, Field(ge=0, le=24)] = 3
    ramp_share: Share = 0.5
    attrition: Annotated[float, Field(ge=0, lt=1)] = 0.117
    overtaken_days: Days = 30
    client_waits_days: Days = 120
    overrun: Overrun = Overrun()
    channel: Key = "direct_sales"
    payment: Payment = Payment(by_card=0.0)
    sizes: Annotated[dict[Key, Yearly], Field(min_length=1)]
    milestones: Milestones
    offerings: dict[Key, Offering]
    retainers: dict[Key, Retainer] = Field({})
    contracts: dict[Key, Contract] = Field({})
    cross_sales: dict[Key, CrossSale] = Field({})

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _whole("milestones", self.milestones)
        for key, offering in self.offerings.items():
            _whole(f"{key}: milestones", offering.milestones or self.milestones)
            if offering.follow_up is not None:
                _known(key, "offering", [offering.follow_up.offering], self.offerings)
            if offering.study is not None:
                _known(key, "role", [offering.study.role], self.people)
            _known(key, "size", offering.hours, self.sizes)
            _known(key, "role", offering.team, self.people)
            _known(key, "retainer", offering.stays, self.retainers)
        for key, retainer in self.retainers.items():
            _known(key, "role", [retainer.role], self.people)
        for plan, contract in self.contracts.items():
            _known(plan, "offering", contract.projects, self.offerings)
        for plan, sale in self.cross_sales.items():
            _known(plan, "offering", [sale.offering], self.offerings)
        return self

    def keys(self, book: PriceBook) -> Iterator[Problem]:
        """Yield a problem for every plan, offering, size and role that the price book does not know."""
        for table in ("retainers", "contracts", "cross_sales"):
            for plan in getattr(self, table):
                if plan not in book.plans:
                    yield Problem(f"{table}.{plan}", f"no plan {plan!r}", did_you_mean(plan, book.plans))
        for key, offering in self.offerings.items():
            yield from _unpriced(book, f"offerings.{key}", key, offering)
        for key, retainer in self.retainers.items():
            yield from missing(book, "hours.worked", f"retainers.{key}", offering=key, role=retainer.role)


def _unpriced(book: PriceBook, place: str, key: str, offering: Offering) -> Iterator[Problem]:
    """Find what an offering does that the price book does not know."""
    if offering.billed == "milestones":
        for size in offering.hours:
            yield from missing(book, "milestone.delivered", place, offering=key, size=size)
    for role in offering.team:
        yield from missing(book, "hours.worked", place, offering=key, role=role)
        if offering.changes is not None:
            yield from missing(book, "change_order.agreed", f"{place}.changes", offering=key, role=role)
    for item in offering.packages:
        yield from missing(book, "order.placed", f"{place}.packages", item=item)
    if offering.study is not None:
        study = {"offering": offering.study.offering, "role": offering.study.role}
        yield from missing(book, "hours.worked", f"{place}.study", **study)
    if offering.savings is not None:
        yield from missing(book, "savings.reported", f"{place}.savings", offering=key)


def _whole(place: str, milestones: dict[str, Decimal]) -> None:
    if sum(milestones.values()) != 1:
        raise ValueError(f"{place} add up to {sum(milestones.values())}; make them add up to 1")


def _known(place: str, what: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{place}: no {what} {name!r}; {did_you_mean(name, known)}")

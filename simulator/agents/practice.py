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
from simulator.agents.yearly import Yearly
from simulator.chance import Stream

Share = Annotated[float, Field(ge=0, le=1)]
Some = Annotated[int, Field(ge=1, le=10_000)]
Days = Annotated[int, Field(ge=0, le=3_660)]


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


class Offering(Record):
    """What consultants sell: a project of planned `hours` for each size, done by a `team`.

    `clients` is how many a year come for it without being customers; a lower `priority` is staffed first;
    `stays` is the share of its clients who then take a retainer.
    """

    hours: Annotated[dict[Key, Some], Field(min_length=1)]
    team: Annotated[dict[Key, Some], Field(min_length=1)]
    billed: Literal["milestones", "hours"] = "milestones"
    priority: int = 2
    clients: Yearly = (0.0,)
    segment: Key = "mid_market"
    stays: dict[Key, Share] = Field({})


class Retainer(Record):
    """A subscription under which a consultant of `role` works some hours for the client every month."""

    role: Key
    hours: tuple[Some, Some]
    months: Annotated[float, Field(gt=0, le=240)]
    priority: int = 1


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
    milestones: Annotated[dict[Key, Annotated[Decimal, Field(gt=0, le=1)]], Field(min_length=1)]
    offerings: dict[Key, Offering]
    retainers: dict[Key, Retainer] = Field({})
    cross_sales: dict[Key, CrossSale] = Field({})

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if sum(self.milestones.values()) != 1:
            raise ValueError(f"milestones add up to {sum(self.milestones.values())}; make them add up to 1")
        for key, offering in self.offerings.items():
            _known(key, "size", offering.hours, self.sizes)
            _known(key, "role", offering.team, self.people)
            _known(key, "retainer", offering.stays, self.retainers)
        for key, retainer in self.retainers.items():
            _known(key, "role", [retainer.role], self.people)
        for plan, sale in self.cross_sales.items():
            _known(plan, "offering", [sale.offering], self.offerings)
        return self

    def keys(self, book: PriceBook) -> Iterator[Problem]:
        """Yield a problem for every plan, offering, size and role that the price book does not know."""
        for table in ("retainers", "cross_sales"):
            for plan in getattr(self, table):
                if plan not in book.plans:
                    yield Problem(f"{table}.{plan}", f"no plan {plan!r}", did_you_mean(plan, book.plans))
        for key, offering in self.offerings.items():
            place = f"offerings.{key}"
            if offering.billed == "milestones":
                for size in offering.hours:
                    yield from missing(book, "milestone.delivered", place, offering=key, size=size)
            for role in offering.team:
                yield from missing(book, "hours.worked", place, offering=key, role=role)
        for key, retainer in self.retainers.items():
            yield from missing(book, "hours.worked", f"retainers.{key}", offering=key, role=retainer.role)


def _known(place: str, what: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{place}: no {what} {name!r}; {did_you_mean(name, known)}")

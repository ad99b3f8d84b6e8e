"""Staff: what the company itself spends, on its own people and on everything else, month by month.

Salaries and budgets are paid on the last day of each month. Cost centres begin with `sales.`, `marketing.`,
`cogs.`, `research.` or `general.`, which is how metrics tell what a customer cost to win and to serve.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from billing.money import split
from billing.price import Record
from billing.price_book import PriceBook
from metering.document import Problem, did_you_mean
from metering.event import MoneySpent
from simulator.agents.yearly import MONTHS, Counts, in_year
from simulator.world import Agent, Story, World

Amount = Annotated[Decimal, Field(ge=0, le=Decimal(10) ** 12, decimal_places=2)]
CostCentre = Annotated[str, Field(pattern=r"^(sales|marketing|cogs|research|general)\.[a-z0-9_-]+$")]

COMPANY = "company"
"""The subject of the company's own spending."""


class Cost(Record):
    """One line of the budget: so many `people` at a `salary`, or so much `yearly`, for each year.

    `shares` splits it over channels and segments, written `channel/segment` with either part left empty for
    what belongs to all of them.
    """

    cost_centre: CostCentre
    people: Counts | None = None
    salary: Amount | None = None
    yearly: Annotated[tuple[Amount, ...], Field(min_length=1)] | None = None
    stream: str = ""
    shares: dict[str, Annotated[Decimal, Field(gt=0, le=1)]] = Field({"/": Decimal(1)})

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.people is None) != (self.salary is None) or (self.people is None) == (self.yearly is None):
            raise ValueError("needs people and their salary, or yearly; say what is spent")
        if sum(self.shares.values()) != 1:
            raise ValueError(f"shares add up to {sum(self.shares.values())}; make them add up to 1")
        for name in self.shares:
            if name.count("/") != 1:
                raise ValueError(f"share {name!r} is no channel/segment; leave a part empty for all")
        return self

    def of_year(self, month: int) -> Decimal:
        """Return what is spent in the year of a month."""
        if self.yearly is not None:
            return self.yearly[min(month // MONTHS, len(self.yearly) - 1)]
        return int(in_year(self.people or (0,), month)) * (self.salary or Decimal(0))


class Staff(Record):
    """The company's budget."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    costs: Annotated[tuple[Cost, ...], Field(min_length=1)]

    def keys(self, book: PriceBook) -> Iterator[Problem]:
        """Yield a problem for every stream that the price book does not have, and for another currency."""
        if self.currency != book.currency:
            message = f"spends {self.currency}, but the price book sells in {book.currency}"
            yield Problem("currency", message, f"write {book.currency!r}")
        for number, cost in enumerate(self.costs, start=1):
            if cost.stream and cost.stream not in book.streams():
                remedy = did_you_mean(cost.stream, book.streams())
                yield Problem(f"costs[{number}].stream", f"no stream {cost.stream!r}", remedy)


SETTINGS = Staff


def spawn(world: World, settings: Staff) -> None:
    """Let the company spend its budget."""
    payroll = world.agent("staff", "payroll")
    world.start(payroll, pay(world, payroll, settings))


def pay(world: World, payroll: Agent, settings: Staff) -> Story:
    """Pay the month's part of every line of the budget on its last day."""
    year: list[dict[str, list[Decimal]]] = []
    for month in range(world.scenario.months):
        if month % MONTHS == 0:
            year = [parts(cost, month, settings.currency) for cost in settings.costs]
        last = world.month_start(month + 1) - 1
        if last > world.today:
            yield world.on(last)
        for cost, shares in zip(settings.costs, year, strict=True):
            for share, monthly in shares.items():
                channel, _, segment = share.partition("/")
                amount = monthly[month % MONTHS]
                fact = MoneySpent(cost.cost_centre, amount, settings.currency, channel, segment, cost.stream)
                world.record(payroll, COMPANY, fact)


def parts(cost: Cost, month: int, currency: str) -> dict[str, list[Decimal]]:
    """Return the twelve parts, by share, of what a cost is in the year of a month; they add up to it."""
    yearly = split(cost.of_year(month), list(cost.shares.values()), currency)
    monthly = [split(amount, [1] * MONTHS, currency) for amount in yearly]
    return dict(zip(cost.shares, monthly, strict=True))

"""Things: what a plan counts and prices, and how each of them is sold: `[things.KEY]` of a plan's file."""

from decimal import Decimal
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from billing.price import Key

Number = Decimal | str
"""A number, the name of a driver, or a formula of drivers (`consultants * hours * utilisation`)."""

EVENTS_OF: dict[str, tuple[str, ...]] = {
    "month": (),
    "year": (),
    "piece": ("order.placed", "course.enrolled", "exam.sat", "milestone.delivered"),
    "unit": ("usage.recorded", "devices.shipped", "hours.worked"),
    "amount": (
        "usage.recorded",
        "partner_revenue.reported",
        "listing.sold",
        "advert.clicked",
        "savings.reported",
    ),
    "cost": (),
}
"""What can happen when a thing of each cadence is sold; the first is what happens where it does not say."""


class Thing(BaseModel):
    """One thing of a plan: how many there are in each period, what one costs, and how it is sold.

    `cadence` says how: `month` and `year`: customers who hold a subscription at `price` a month (a year, in
    advance) from the first day of the period to its last, or for its last `months` months; `piece`: that many
    are sold in the period, each by itself; `unit`: a quantity that is used or delivered in the period;
    `amount`: an amount of money, of which the company earns the share `price` (1: all of it); `cost`: the
    company spends count x price.

    `event` is what happens to it. `by` names another thing whose customers buy it; without, it has its own.
    As an `agent` the company bills buyers the whole of an amount, pays the sellers the rest, and books what
    it keeps; `sellers` names the thing whose customers sell.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    cadence: Literal["month", "year", "piece", "unit", "amount", "cost"]
    count: Number
    price: Number = Decimal(1)
    months: Number | None = None
    periods: tuple[str, ...] = ()
    stream: Key | None = None
    segment: str = ""
    event: str = ""
    by: Key | None = None
    agent: bool = False
    sellers: Key | None = None
    cost_centre: str = ""
    channel: str = ""
    country: str = Field("US", pattern=r"^[A-Z]{2}$")
    source: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        known = EVENTS_OF[self.cadence]
        if self.event and self.event not in known:
            message = f"{self.cadence!r} has no event {self.event!r}; known: {', '.join(known) or 'none'}"
            raise ValueError(message)
        if self.stream is None and self.cadence != "cost":
            message = "what is sold needs a 'stream'; name the revenue stream"
            raise ValueError(message)
        if self.months is not None and self.cadence != "month":
            message = f"'months' goes with cadence 'month', not with {self.cadence!r}; remove it"
            raise ValueError(message)
        if self.agent and self.cadence != "amount":
            message = f"'agent' goes with cadence 'amount', not with {self.cadence!r}; remove it"
            raise ValueError(message)
        if self.agent and self.happens != "listing.sold":
            message = f"an agent sells listings, and has no event {self.event!r}; remove the event"
            raise ValueError(message)
        if self.happens == "partner_revenue.reported" and self.by is None:
            message = "partners report their revenue under a subscription; name the thing they hold with 'by'"
            raise ValueError(message)
        if self.sellers is not None and not self.agent:
            message = "'sellers' goes with 'agent'; add agent = true or remove it"
            raise ValueError(message)
        return self

    @property
    def is_held(self) -> bool:
        """Whether it is a subscription that customers hold, and not something sold again and again."""
        return self.cadence in ("month", "year")

    @property
    def happens(self) -> str:
        """The type of the event that happens when it is sold."""
        if self.agent and not self.event:
            return "listing.sold"
        return self.event or next(iter(EVENTS_OF[self.cadence]), "")

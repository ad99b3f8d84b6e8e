"""Meters: what is counted of the events, and how it adds up over a period."""

from decimal import Decimal
from typing import Literal, Self, get_type_hints

from pydantic import BaseModel, ConfigDict, model_validator

from metering.event import EVENTS

USAGE = "usage.recorded"
"""The event kind of high-volume usage, which names its meter itself."""

Aggregation = Literal[
    "sum",
    "count",
    "max",
    "latest",
    "unique_count",
    "weighted_sum",
    "weighted_latest",
    "weighted_unique_count",
]
"""How what is counted adds up over a period."""

LEVELS = ("max", "latest")
"""Aggregations that measure a level that lasts, not a flow that adds up."""


class Meter(BaseModel):
    """A way to count events: by default the usage recorded under the meter's own name.

    `event` counts business facts of that type instead; `quantity` names the field to add up (each event
    counts 1 without it) and `dimensions` the fields, or keys of the usage's dimensions, to keep apart.
    `each` keeps single events apart, by a dimension `event` that every price of the meter groups by: a group
    of five pays the price of its own enrolment, and not that of all enrolments of the month.
    Aggregations: sum, count, max, latest (by time, then position), unique_count (of the dimension `of`). A
    level that lasts is weighted with how long of the billing period it was held: weighted_sum is the running
    total of what was added and taken away, weighted_latest what was told last, weighted_unique_count how many
    things are there, each for its own time. `weighted_by` is second, or day, as it is for things: both the
    first and the last day of a thing count. `operation` names the dimension that says `remove` of what is
    taken away. With `recurring` a level goes on in the next period; without it each begins with none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    aggregation: Aggregation = "sum"
    unit: str = "unit"
    event: str = USAGE
    quantity: str = ""
    dimensions: tuple[str, ...] = ()
    of: str = ""
    each: bool = False
    recurring: bool = False
    weighted_by: Literal["second", "day"] | None = None
    operation: str = ""
    source: str = ""

    @model_validator(mode="after")
    def _fields_exist(self) -> Self:
        if self.event not in EVENTS:
            message = f"no event type {self.event!r}; known: {', '.join(sorted(EVENTS))}"
            raise ValueError(message)
        _check_aggregation(self)
        if self.event != USAGE:
            fields = EVENTS[self.event]._fields
            for name in (*self.dimensions, *filter(None, (self.quantity, self.of, self.operation))):
                if name not in fields:
                    message = f"{self.event} has no field {name!r}; its fields: {', '.join(fields)}"
                    raise ValueError(message)
            if self.quantity and get_type_hints(EVENTS[self.event])[self.quantity] not in (int, Decimal):
                raise ValueError(f"{self.quantity!r} of {self.event} is no number; name a field that is one")
        elif self.quantity:
            message = "recorded usage carries its own quantity; remove 'quantity'"
            raise ValueError(message)
        return self

    @property
    def is_weighted(self) -> bool:
        """Whether what is counted is weighted with how long it lasted."""
        return self.aggregation.startswith("weighted_")

    @property
    def is_weighted_by_day(self) -> bool:
        """Whether the days of a level count and not its seconds; things count by the day unless told."""
        return self.is_weighted and (self.weighted_by or ("day" if self.of else "second")) == "day"

    @property
    def is_level(self) -> bool:
        """Whether the meter measures a level that lasts (gigabytes held) and not a flow (calls made)."""
        return self.aggregation in LEVELS


def _check_aggregation(meter: Meter) -> None:
    """See that a meter has what its aggregation needs, and nothing that it does not use."""
    if meter.aggregation.endswith("unique_count") != bool(meter.of):
        message = "'of' goes with unique_count and names the dimension to count; add or remove it"
        raise ValueError(message)
    for name in ("recurring", "weighted_by", "operation"):
        if getattr(meter, name) and not meter.is_weighted:
            raise ValueError(f"{name!r} goes with an aggregation that is weighted by time; remove it")
    if meter.each and meter.is_weighted:
        raise ValueError("'each' tells single events apart, and a level lasts between them; remove it")

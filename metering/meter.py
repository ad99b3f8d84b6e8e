"""Meters: what is counted of the events, and how it adds up over a period."""

from decimal import Decimal
from typing import Literal, Self, get_type_hints

from pydantic import BaseModel, ConfigDict, model_validator

from metering.event import EVENTS

USAGE = "usage.recorded"
"""The event kind of high-volume usage, which names its meter itself."""

LEVELS = ("max", "latest")
"""Aggregations that measure a level that lasts, not a flow that adds up."""


class Meter(BaseModel):
    """A way to count events: by default the usage recorded under the meter's own name.

    `event` counts business facts of that type instead; `quantity` names the field to add up (each event
    counts 1 without it) and `dimensions` the fields, or keys of the usage's dimensions, to keep apart.
    `each` keeps single events apart, by a dimension `event` that every price of the meter groups by: a group
    of five pays the price of its own enrolment, and not that of all enrolments of the month.
    Aggregations: sum, count, max, latest (by time, then position), unique_count (of the dimension `of`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    aggregation: Literal["sum", "count", "max", "latest", "unique_count"] = "sum"
    unit: str = "unit"
    event: str = USAGE
    quantity: str = ""
    dimensions: tuple[str, ...] = ()
    of: str = ""
    each: bool = False
    source: str = ""

    @model_validator(mode="after")
    def _fields_exist(self) -> Self:
        if self.event not in EVENTS:
            message = f"no event type {self.event!r}; known: {', '.join(sorted(EVENTS))}"
            raise ValueError(message)
        if (self.aggregation == "unique_count") != bool(self.of):
            message = "'of' goes with unique_count and names the dimension to count; add or remove it"
            raise ValueError(message)
        if self.event != USAGE:
            fields = EVENTS[self.event]._fields
            for name in (*self.dimensions, *filter(None, (self.quantity, self.of))):
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
    def is_level(self) -> bool:
        """Whether the meter measures a level that lasts (gigabytes held) and not a flow (calls made)."""
        return self.aggregation in LEVELS

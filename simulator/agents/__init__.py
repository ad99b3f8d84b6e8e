"""Agents: one file for each kind of actor in a scenario, and one line for each in `AGENTS`."""

from collections.abc import Callable
from typing import Any, NamedTuple

from simulator.agents import (
    consultant,
    customer,
    device_maker,
    order,
    partner,
    shopper,
    staff,
    support,
    trainee,
    visitor,
)
from simulator.world import World


class AgentKind(NamedTuple):
    """A kind of agent: the model of its table `[agents.<kind>]`, and what brings it into the world.

    `settings` is a pydantic model, or `dict[Key, model]` for one table for each segment. A model may offer
    `keys(book)`, which yields a Problem (its place within the table) for every key that the price book lacks.
    """

    settings: Any
    spawn: Callable[[World, Any], None]


AGENTS: dict[str, AgentKind] = {
    "customers": AgentKind(settings=customer.SETTINGS, spawn=customer.spawn),
    "partners": AgentKind(settings=partner.SETTINGS, spawn=partner.spawn),
    "device_makers": AgentKind(settings=device_maker.SETTINGS, spawn=device_maker.spawn),
    "consultants": AgentKind(settings=consultant.SETTINGS, spawn=consultant.spawn),
    "trainees": AgentKind(settings=trainee.SETTINGS, spawn=trainee.spawn),
    "visitors": AgentKind(settings=visitor.SETTINGS, spawn=visitor.spawn),
    "support": AgentKind(settings=support.SETTINGS, spawn=support.spawn),
    "orders": AgentKind(settings=order.SETTINGS, spawn=order.spawn),
    "marketplace": AgentKind(settings=shopper.SETTINGS, spawn=shopper.spawn),
    "staff": AgentKind(settings=staff.SETTINGS, spawn=staff.spawn),
}
"""Every kind of agent by the name of its table in a scenario. They come into the world in this order."""

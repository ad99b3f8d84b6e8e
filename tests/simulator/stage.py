"""A stage: a small world for one kind of agent, or a few, without a scenario file."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple, TypeVar

from billing.price_book import PriceBook, loads
from metering.event import Event
from metering.period import months
from simulator.world import World

D = TypeVar("D")

EMPTY = loads('name = "Empty"\nplans = {}')
"""A price book that sells nothing: agents act on their settings, not on prices."""


class Stage(NamedTuple):
    """What the world needs of a scenario: when it starts, how long it lasts, who comes in which order."""

    months: int
    spawns: Sequence[tuple[Callable[[World, Any], None], Any]]
    starts_on: date = date(2026, 1, 1)
    agents: Any = None

    def populate(self, world: World) -> None:
        """Bring the agents into the world."""
        for spawn, settings in self.spawns:
            spawn(world, settings)


def lived(stage: Stage, *, seed: int = 1, book: PriceBook = EMPTY) -> list[Event]:
    """Live through all months and return every fact."""
    world = World(stage, book, seed=seed)
    return [fact for period in months(stage.starts_on, stage.months) for fact in world.live(period).facts]


def of(kind: type[D], facts: Sequence[Event]) -> list[D]:
    """Return what the facts of one kind say."""
    return [fact.data for fact in facts if isinstance(fact.data, kind)]


def of_year(facts: Sequence[Event], year: int) -> list[Event]:
    """Return the facts of a calendar year."""
    return [fact for fact in facts if fact.occurred_at.year == year]


def told(facts: Sequence[Event], kind: str) -> list[Event]:
    """Return the facts that agents of one kind recorded."""
    return [fact for fact in facts if fact.source.startswith(f"saasim/{kind}/")]

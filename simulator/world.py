"""The world: a clock of days, the agents that live by it, and what they did.

Time is a whole number of days since the first day of the scenario. All agents that wait for a day wait for
one and the same SimPy event, so ten thousand of them cost one entry in SimPy's queue. Facts leave the world
in one total order (instant, source, number), whatever the order in which agents came to it.
"""

import gc
from collections.abc import Callable, Generator, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import polars as pl
import simpy

from billing.price_book import PriceBook
from billing.transition import Transition
from metering.event import Event
from metering.period import Period, add_months
from simulator.chance import Chance, Stream
from simulator.names import Names
from simulator.traffic import Traffic

Date = date
"""The type, within a class that has a method of that name."""

Story = Generator[simpy.Event, Any, Any]
"""What an agent does, as a generator: `yield world.on(day)` sleeps until that day."""

STEPS_MAX = 1_000_000
"""More events of SimPy at one instant than this are a loop that never ends."""

FACTS_MAX = 500_000
"""More facts of one agent than this are a loop; high-volume usage is drawn by `simulator.traffic`."""


class Bill(NamedTuple):
    """What an account hears of its invoice for a month (`2026-03`).

    `usage_total` is what the usage of its subscriptions costs, without what it ordered by the piece.
    """

    account: str
    month: str
    total: Decimal
    usage_total: Decimal
    invoice: str


class Lived(NamedTuple):
    """What happened in a period: facts in their total order, and high-volume usage."""

    facts: list[Event]
    usage: pl.DataFrame


class Cast(Protocol):
    """What the world needs of a scenario: when it starts, and who lives in it."""

    @property
    def starts_on(self) -> date:
        """The first day."""

    @property
    def months(self) -> int:
        """How many months it lasts."""

    @property
    def agents(self) -> Any:
        """The settings of every kind of agent, by kind."""

    def populate(self, world: "World") -> None:
        """Bring the agents into the world."""


OPENS, CLOSES = timedelta(hours=8), timedelta(hours=18)
"""Office hours: each agent acts at its own time of day between them."""

_tuple = tuple.__new__  # makes a NamedTuple in half the time of its own constructor


class AgentError(RuntimeError):
    """An agent failed: the message names it, the day and the seed."""


class Agent:
    """Somebody who acts: `kind` and `identity` name it for ever, `chance` is its own randomness."""

    __slots__ = ("chance", "count", "hour", "identity", "kind", "source")

    def __init__(self, kind: str, identity: str, chance: Stream) -> None:
        self.kind = kind
        self.identity = identity
        self.source = f"saasim/{kind}/{identity}"
        self.chance = chance
        self.count = 0
        self.hour = OPENS + (CLOSES - OPENS) * chance.uniform("hour")

    def __repr__(self) -> str:
        return f"{self.kind} {self.identity}"


class World:
    """A company's market from the first day of a scenario on."""

    def __init__(
        self, scenario: Cast, book: PriceBook, *, seed: int, transition: Transition | None = None
    ) -> None:
        """Bring the scenario's agents to its first day.

        `transition` says which book they are used to, if not `book`, and when who comes to the new one: what
        differs is a price change to those who are there, and wins newcomers or loses them.
        """
        self.scenario = scenario
        self.book = book
        self.transition = transition
        self.seed = seed
        self.chance = Chance(seed)
        self.clock = Clock(scenario.starts_on)
        self.traffic = Traffic(scenario.starts_on)
        self.names = Names(self.chance)
        self._agents: dict[str, Agent] = {}
        self._listeners: dict[str, Callable[[Bill], None]] = {}
        self._followers: dict[type, list[Callable[[Event], None]]] = {}
        self._days: dict[int, simpy.Event] = {}
        self._facts: list[Event] = []
        self._first = scenario.starts_on.replace(day=1)
        self._months = [self.day_of(add_months(self._first, n)) for n in range(scenario.months + 1)]
        scenario.populate(self)

    @property
    def today(self) -> int:
        """The number of the day: 0 is the first day of the scenario."""
        return self.clock.day

    @property
    def month(self) -> int:
        """The number of the calendar month: 0 is the month of the first day."""
        date = self.clock.date
        return (date.year - self._first.year) * 12 + date.month - self._first.month

    def date(self, day: int | None = None) -> Date:
        """Return the date of a day, today's without one."""
        if day is None:
            return self.clock.date
        return self.scenario.starts_on + timedelta(days=day)

    def day_of(self, day: Date) -> int:
        """Return the number of the day of a date."""
        return (day - self.scenario.starts_on).days

    def month_start(self, month: int) -> int:
        """Return the number of the first day of a month (0 is the month of the first day)."""
        while month >= len(self._months):
            first = self.date(self._months[-1])
            self._months.append(self.day_of(add_months(first, 1)))
        return self._months[month]

    def agent(self, kind: str, identity: str) -> Agent:
        """Name a new agent. Raises ValueError for a name that is taken: ids must be unique for ever."""
        agent = Agent(kind, identity, self.chance.stream(kind, identity))
        if self._agents.setdefault(agent.source, agent) is not agent:
            raise ValueError(f"there is a {kind} {identity!r} already; give each agent its own name")
        return agent

    def start(self, agent: Agent, story: Story) -> simpy.Process:
        """Let an agent do something from now on; it may do several things at a time."""
        process = self.clock.process(story)
        self.clock.names[process] = agent
        if process.callbacks is not None:
            process.callbacks.append(self._ended)
        return process

    def on(self, day: int) -> simpy.Event:
        """Return the event of a later day, to be yielded. Raises ValueError for a day that is not later."""
        if not day > self.clock.day:  # so written, NaN is refused as well
            raise ValueError(f"day {day} is not after day {self.clock.day}; wait for a later day")
        event = self._days.get(day)
        return event if event is not None else self._new_day(day)

    def wait(self, days: int) -> simpy.Event:
        """Return the event of `days` days from now, to be yielded."""
        return self.on(self.clock.day + days)

    def record(self, agent: Agent, subject: str, data: Any, *, at: datetime | None = None) -> None:
        """Write down a fact about an account: today at the agent's hour, or at another instant of the month.

        Raises ValueError for an instant after today, or in a month that is closed.
        """
        agent.count = number = agent.count + 1
        if number > FACTS_MAX:
            raise OverflowError(f"more than {FACTS_MAX} facts; it may loop")
        now = self.clock.midnight + agent.hour
        late = None
        if at is not None:
            late = self._late(at, now)
            now = at
        fact = _tuple(Event, (agent.source, str(number), subject, now, data, late))
        self._facts.append(fact)
        for hears in self._followers.get(type(data), ()):
            hears(fact)

    def follow(self, kind: type[Any], hears: Callable[[Event], None]) -> None:
        """Have every fact of a kind told to somebody, as soon as it is recorded."""
        self._followers.setdefault(kind, []).append(hears)

    def listen(self, account: str, hears: Callable[[Bill], None]) -> None:
        """Have the bills of an account told to somebody."""
        self._listeners[account] = hears

    def hear(self, bills: Iterable[Bill]) -> None:
        """Tell the agents their bills, between the month that they close and the next."""
        for bill in bills:
            hears = self._listeners.get(bill.account)
            if hears is not None:
                hears(bill)

    def live(self, period: Period) -> Lived:
        """Let the agents live through a period, and return what happened in it."""
        first, last = self.day_of(period.starts_on), self.day_of(period.ends_on)
        if not first <= self.clock.day < last:
            raise ValueError(f"{period.label} is not next: it is {self.date()}; live through months in order")
        collecting = gc.isenabled()
        gc.disable()  # agents and facts are no cyclic garbage; searching them takes a third of the time
        try:
            self.clock.run(until=last)
            facts, self._facts = self._facts, []
            return Lived(_in_order(facts), self.traffic.draw(max(first, 0), last))
        finally:
            if collecting:
                gc.enable()

    def _new_day(self, day: int) -> simpy.Event:
        if not isinstance(day, int):
            raise TypeError(f"day {day!r} is not a whole number; round it")
        self._days[day] = event = self.clock.timeout(day - self.clock.day)
        return event

    def _late(self, at: datetime, now: datetime) -> datetime | None:
        """Return when a fact became known that is recorded after its day."""
        if at >= self.clock.midnight + timedelta(days=1):
            raise ValueError(f"{at} has not come yet: it is {now}; record a fact when it happens")
        if at < self.clock.midnight.replace(day=1):
            raise ValueError(f"the month of {at} is closed: it is {now}; record it with today's date")
        return now if at < self.clock.midnight else None

    def _ended(self, process: simpy.Event) -> None:
        agent = self.clock.names.pop(process)
        if not process.ok:
            error = process.value
            where = f"{agent} on {self.date()} (seed {self.seed})"
            raise AgentError(f"{where}: {type(error).__name__}: {error}") from error


def _in_order(facts: list[Event]) -> list[Event]:
    """Order facts by instant, then source; an agent's own facts come in order already, and sorting is stable.

    Agents have hours to the microsecond, so two hardly ever share an instant, and a single key is three times
    faster than a pair.
    """
    facts.sort(key=itemgetter(3))
    if any(one[3] == other[3] and one[0] > other[0] for one, other in pairwise(facts)):
        facts.sort(key=itemgetter(3, 0))
    return facts


class Clock(simpy.Environment):
    """SimPy's environment in whole days, which notices a loop at one instant and names who loops."""

    def __init__(self, starts_on: date) -> None:
        super().__init__()
        self.names: dict[simpy.Event, Agent] = {}
        self.day = 0
        self.date = starts_on
        self.midnight = self._start = datetime.combine(starts_on, time())
        self._steps = 0

    def step(self) -> None:
        """Process the next event."""
        if self._queue and self._queue[0][0] != self.day:
            self.day = int(self._queue[0][0])
            self.midnight = self._start + timedelta(days=self.day)
            self.date = self.midnight.date()
            self._steps = 0
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise AgentError(
                f"{self._loopers()} on {self.midnight:%Y-%m-%d}: {STEPS_MAX} steps without a pause"
            )
        super().step()

    def _loopers(self) -> str:
        calls = self._queue[0][3].callbacks or ()
        waiting: list[Any] = [getattr(call, "__self__", None) for call in calls]
        return ", ".join(str(self.names[one]) for one in waiting if one in self.names) or "somebody"

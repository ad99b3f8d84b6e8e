"""Tasks: what is to be solved, as a function of the free numbers: each trial bills the log once more.

Usage is metered once. A trial makes a price book with the numbers, replays the log under it in memory, and
measures the comparison with the ledger as it stands.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from analytics import guard
from analytics.comparison import Comparison, Reading, read
from analytics.condition import Condition, Measure
from billing import price_book
from billing.price_book import PriceBook
from billing.rebilling import Measured, replay
from billing.transition import Transition
from metering.document import Problem, Problems
from metering.log import Log
from metering.toml import to_toml
from simulator.solve.number import Free, changed
from simulator.solve.number import Path as Dotted
from simulator.solve.search import ENDLESS, Aim, At, Tried

STRICT = Decimal("1e-12")
"""How far outside a number is that is on the edge, where the edge is not allowed."""


class Goal(NamedTuple):
    """What is wanted: a measure of the comparison to be equal to something, the most, or the least."""

    measure: Measure
    aim: Aim

    def __str__(self) -> str:
        if self.aim.kind == "equal":
            return f"{self.measure} == {self.aim.bound}"
        return f"{self.measure}, the {self.aim.kind}"


class Checked(NamedTuple):
    """A constraint, what was measured of it, and by how much that is outside (0 where it holds)."""

    condition: Condition
    measured: Decimal | None
    gap: Decimal


class Trial(NamedTuple):
    """What some numbers came to: the measure aimed at, and every constraint."""

    numbers: tuple[Decimal, ...]
    value: Decimal | None
    checked: tuple[Checked, ...]

    @property
    def gap(self) -> Decimal:
        """How far it is outside of the constraints, each by its own bound."""
        return sum(
            (one.gap / max(abs(one.condition.bound), STRICT.scaleb(6)) for one in self.checked), Decimal(0)
        )


class Task:
    """A log, a price book with free numbers, a goal and constraints. `trials` keeps what was tried."""

    def __init__(
        self,
        log: Log,
        before: Reading,
        data: Mapping[str, Any],
        *,
        place: str,
        free: Sequence[Free],
        goal: Goal,
        constraints: Sequence[Condition] = (),
        transition: Transition | None = None,
        say: Callable[[int], None] | None = None,
    ) -> None:
        """Keep them. `data` is the book's file (with what it extends), `place` its name in messages.

        `say` hears before each trial how many there were.
        """
        self.free = tuple(free)
        self.goal = goal
        self.constraints = tuple(constraints)
        self.trials: dict[At, Trial] = {}
        self._log = log
        self._before = before
        self.data = data
        self._place = place
        self._transition = transition
        self._measured: Measured | None = None
        self._say = say

    def numbers(self, at: At) -> dict[Dotted, Decimal]:
        """Return what every number of the book becomes at some ticks."""
        return {
            path: value
            for one, ticks in zip(self.free, at, strict=True)
            for path, value in one.numbers(ticks).items()
        }

    def book(self, at: At) -> PriceBook:
        """Return the price book at some ticks. Raises Problems where it is none."""
        values = ", ".join(
            f"{one.name} = {one.value(ticks)}" for one, ticks in zip(self.free, at, strict=True)
        )
        try:
            return price_book.loads(
                to_toml(changed(self.data, self.numbers(at)), keeps_empty=True), self._place
            )
        except Problems as found:
            raise Problems(
                Problem(one.place, f"{one.message} (with {values})", one.remedy or "give another range")
                for one in found.problems
            ) from None

    def __call__(self, at: At) -> Tried:
        """Try some ticks."""
        if at not in self.trials:
            if self._say is not None:
                self._say(len(self.trials))
            self.trials[at] = self._trial(at)
        trial = self.trials[at]
        return Tried(at, trial.value, trial.gap)

    def compare(self, at: At) -> Comparison:
        """Replay the log with some numbers, and compare."""
        replayed = replay(self._log, self.book(at), measured=self._measured, transition=self._transition)
        self._measured = replayed.measured
        found = Comparison(self._before, read(replayed))
        replayed.connection.close()
        return found

    def _trial(self, at: At) -> Trial:
        found = self.compare(at)
        value = guard.measure(found, self.goal.measure)
        checked = tuple(_checked(found, one) for one in self.constraints)
        numbers = tuple(one.value(ticks) for one, ticks in zip(self.free, at, strict=True))
        return Trial(numbers, value, checked)


def _checked(found: Comparison, condition: Condition) -> Checked:
    measured = guard.measure(found, condition.measure)
    if measured is None:
        return Checked(condition, None, ENDLESS)
    if guard.SIGNS[condition.sign](measured, condition.bound):
        return Checked(condition, measured, Decimal(0))
    return Checked(condition, measured, max(STRICT, abs(measured - condition.bound)))

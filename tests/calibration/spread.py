"""Spreads: the median of a figure over seeds, and the tenth and ninetieth percentile beside it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from tests.calibration.history import Figure, Key


class Spread(NamedTuple):
    """A figure over several seeds: what is expected, the median, and between what eight in ten lie."""

    goal: Decimal | None
    low: Decimal
    median: Decimal
    high: Decimal

    @property
    def share(self) -> Decimal | None:
        """The median over what is expected; None where nothing is."""
        return self.median / self.goal if self.goal else None


def spreads(histories: Sequence[Mapping[Key, Figure]]) -> dict[Key, Spread]:
    """Return the spread of every figure that some history has; where a history lacks one, it is 0."""
    found: dict[Key, Spread] = {}
    for key in dict.fromkeys(key for history in histories for key in history):
        reached = [history[key].reached if key in history else Decimal(0) for history in histories]
        goal = next(history[key].goal for history in histories if key in history)
        low, median, high = (percentile(reached, Decimal(share)) for share in ("0.1", "0.5", "0.9"))
        found[key] = Spread(goal, low, median, high)
    return found


def percentile(values: Sequence[Decimal], share: Decimal) -> Decimal:
    """Return what a share of the values lies below, on a straight line between two of them (type 7 of R)."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)

"""Sweeps: how an answer depends on a number that nobody knows, tried value by value.

One at a time: every other number stays as it is, and every value meets the same seeds.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import NamedTuple

from analytics.effect import Effect
from metering.document import Problem, Problems, did_you_mean
from simulator.agents.habits import REACTIONS
from simulator.scenario import Scenario

VALUES_MAX = 50
"""More values than this take hours; the answer is smooth in between."""

_LIMITS = 3  # of LOW:HIGH:STEPS


class Sweep(NamedTuple):
    """The values that are tried for a number: one of `REACTIONS` in every segment, or a path of the file."""

    name: str
    values: tuple[Decimal, ...]

    def changes(self, value: Decimal, scenario: Scenario) -> dict[str, str]:
        """Return the settings that give the number this value."""
        if self.name not in REACTIONS:
            return {self.name: f"{value}"}
        segments = getattr(scenario.agents, "customers", None) or {}
        return {f"agents.customers.{key}.loyalty.{self.name}": f"{value}" for key in segments}


def sweeps(texts: Sequence[str]) -> list[Sweep]:
    """Read `NAME=VALUE,VALUE,...` and `NAME=LOW:HIGH:STEPS`. Raises Problems for other texts."""
    found, problems = [], []
    for text in texts:
        name, _, values = text.partition("=")
        try:
            found.append(Sweep(_known(name.strip()), _values(values)))
        except ValueError as error:
            message, _, remedy = str(error).partition("; ")
            problems.append(Problem(f"--sweep {text}", message, remedy))
    if problems:
        raise Problems(problems)
    return found


def zero(values: Sequence[float], effects: Sequence[float]) -> float | None:
    """Return the value at which an effect is 0, on straight lines between those tried, if there is one."""
    pairs = sorted(zip(values, effects, strict=True))
    for (one, low), (other, high) in pairwise(pairs):
        if low == 0:
            return one
        if (low < 0) != (high < 0):
            return one + (other - one) * low / (low - high)
    return pairs[-1][0] if pairs and pairs[-1][1] == 0 else None


def of(effects: Sequence[Effect], measure: str) -> Effect:
    """Return the effect on a measure of the whole company."""
    return next(one for one in effects if one.place == ("total", "", measure))


def mean_changes(counts: Sequence[Mapping[str, tuple[Decimal, Decimal]]]) -> dict[str, float]:
    """Return by how much each count changes, on average over the trials."""
    names = counts[0] if counts else {}
    return {
        name: float(sum((one[name][1] - one[name][0] for one in counts), Decimal(0)) / len(counts))
        for name in names
    }


def _known(name: str) -> str:
    if name in REACTIONS or "." in name:
        return name
    remedy = did_you_mean(name, REACTIONS)
    message = f"there is no {name!r}; {remedy} Or give the path of a number of the scenario"
    raise ValueError(message)


def _values(text: str) -> tuple[Decimal, ...]:
    parts = text.split(":")
    if len(parts) == _LIMITS and parts[2].strip().isdigit():
        low, high, steps = _number(parts[0]), _number(parts[1]), int(parts[2])
        if not 1 < steps <= VALUES_MAX:
            message = f"{steps} steps; try 2 to {VALUES_MAX}"
            raise ValueError(message)
        return tuple(low + (high - low) * number / (steps - 1) for number in range(steps))
    values = tuple(_number(part) for part in text.split(","))
    if len(values) > VALUES_MAX:
        message = f"{len(values)} values; try {VALUES_MAX} at most"
        raise ValueError(message)
    return values


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        message = f"{text.strip()!r} is no number; write it like usage=-0.3,-0.9 or usage=-0.9:0:4"
        raise ValueError(message)
    return number

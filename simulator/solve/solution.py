"""Solutions: what a search found, as data, and as a price book that extends the one it began with."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from billing import price_book
from metering.document import problem
from metering.extension import EXTENDS
from metering.toml import to_toml
from simulator.solve.number import only
from simulator.solve.search import At, Found, Search
from simulator.solve.task import Goal, Task, Trial


class Solution(NamedTuple):
    """What was found: the state, the best numbers, what they come to, and everything that was tried.

    `alone` are the numbers that meet the goal without the constraints, where no number meets both.
    """

    state: str
    at: At
    best: Trial
    alone: Trial | None
    goal: Goal
    tried: list[Trial]


def solve(task: Task) -> Solution:
    """Search for the numbers that a task wants. Raises Problems where a number of the range makes no book."""
    search = Search(task, tuple(one.span for one in task.free), task.goal.aim)
    found: Found = search.run()
    alone = None if found.unconstrained is None else task.trials[found.unconstrained.at]
    tried = [task.trials[at] for at in sorted(task.trials)]
    return Solution(found.state, found.best.at, task.trials[found.best.at], alone, task.goal, tried)


def check(out: Path) -> None:
    """See that a price book can be written there. Raises Problems where it cannot."""
    if out.exists() and not out.is_file():
        raise problem(f"--out {out}", "is no file", "name a file that ends with .toml")


def write(out: Path, base: Path, task: Task, found: Solution, *, name: str, how: str = "") -> None:
    """Write a price book that extends the base by the numbers that were found, and read it again.

    `how` says who comes to it when, where that is not everybody at once.

    Raises Problems where it would extend itself, and where it cannot be read as the book that was solved.
    """
    if out.resolve() == base.resolve():
        raise problem(f"--out {out}", "is the price book that it would extend", "choose another name")
    numbers = task.numbers(found.at)
    below = os.path.relpath(base.resolve(), out.resolve().parent)
    table: dict[str, Any] = {EXTENDS: below, "name": f"{name}, solved"} | only(task.data, numbers)
    out.parent.mkdir(parents=True, exist_ok=True)
    head = f"# {found.goal}: {found.state} by saasim solve\n" + (f"# {how}\n" if how else "")
    out.write_text(head + to_toml(table, keeps_empty=True), "utf-8")
    solved = task.book(found.at)
    assert price_book.load(out).plans == solved.plans, f"{out} is not the book that was solved"


def told(task: Task, found: Solution) -> dict[str, Any]:
    """Return a solution as plain data, for JSON."""
    return {
        "state": found.state,
        "goal": str(found.goal),
        "free": [
            {
                "path": one.name,
                "is_factor": one.is_factor,
                "today": one.today,
                "low": one.low,
                "high": one.high,
                "tick": one.tick,
                "found": number,
            }
            for one, number in zip(task.free, found.best.numbers, strict=True)
        ],
        "numbers": {".".join(path): value for path, value in task.numbers(found.at).items()},
        "value": found.best.value,
        "constraints": [
            {"condition": one.condition.text, "measured": one.measured, "holds": not one.gap}
            for one in found.best.checked
        ],
        "without_constraints": None if found.alone is None else _trial(found.alone),
        "tried": [_trial(one) for one in found.tried],
    }


def _trial(one: Trial) -> dict[str, Any]:
    return {
        "numbers": list(one.numbers),
        "value": one.value,
        "holds": not one.gap,
        "constraints": [part.measured for part in one.checked],
    }


def off_by(found: Solution) -> Decimal | None:
    """Return how far the value is from the bound that it should be equal to."""
    if found.goal.aim.kind != "equal" or found.best.value is None:
        return None
    return found.best.value - found.goal.aim.bound

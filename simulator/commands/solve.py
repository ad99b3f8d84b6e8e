"""`saasim solve`: the numbers of a price book with which a log comes to what somebody wants."""

import sys
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from analytics import guard
from analytics.comparison import Reading, read
from analytics.condition import Condition, Measure, parse, parse_measure
from analytics.guard import amount_text
from billing import price_book
from billing.rebilling import opened, replay
from metering.document import Problem, Problems, problem
from metering.extension import Layers
from simulator import failure, manifest, tables
from simulator.commands.run import stop_request
from simulator.publication import find
from simulator.replay import Change, arrival, prepare
from simulator.solve import solution
from simulator.solve.curve import ALLOWED, BEST, REFUSED, drawn
from simulator.solve.number import Free, free
from simulator.solve.search import Aim
from simulator.solve.solution import Solution
from simulator.solve.task import Goal, Task
from simulator.tables import plain_table
from simulator.values import decimal_text, to_json

FREE_MAX = 2
"""More free numbers than this have no curve, and rarely one answer."""

SHOWN = 15
"""How many of the trials a terminal lists."""


class _Stopped(Exception):  # noqa: N818 - it is no error: somebody asked for it
    """A search was stopped between two price books."""


class Asked(NamedTuple):
    """What is asked for, as it is typed."""

    free: Sequence[str]
    target: str = ""
    maximize: str = ""
    minimize: str = ""
    subject_to: Sequence[str] = ()
    guards: Path | None = None
    tick: str = ""
    out: Path | None = None
    as_json: bool = False
    change: Change = Change()


def solve_prices(name: str, *, prices: Path | None, asked: Asked) -> int:
    """Search for the numbers; end with 1 where what is wanted cannot be had."""
    source = find(name)
    base = prices or source / manifest.PRICES
    book = price_book.load(base)
    if asked.out is not None:
        solution.check(asked.out)
    data = Layers(base).merged()
    numbers = _free(asked, data, book.currency)
    goal, constraints = _goal(asked), _constraints(asked)
    aside, began = tables.terminal(sys.stderr), time.monotonic()
    with aside.status(f"reading {source}"):
        log = opened(source)
        prepared = prepare(source, log, asked.change) if asked.change.is_asked else None
        before = _before(source)
    with stop_request() as stopping, aside.status("searching") as status:

        def say(count: int) -> None:
            if stopping():
                raise _Stopped
            status.update(f"searching: {count} price books tried")

        task = Task(
            log,
            before,
            data,
            place=str(base),
            free=numbers,
            goal=goal,
            constraints=constraints,
            transition=None if prepared is None else prepared.transition,
            say=say,
        )
        try:
            found = solution.solve(task)
        except _Stopped:
            failure.say(f"stopped after {len(task.trials)} price books; nothing was found", failure.YELLOW)
            return failure.INTERRUPTED
    seconds = time.monotonic() - began
    how = None if prepared is None else prepared.contents
    if asked.out is not None:
        solution.write(asked.out, base, task, found, name=book.name, how=arrival(how) if how else "")
    if asked.as_json:
        told = {**solution.told(task, found), "transition": how, "seconds": round(seconds, 3)}
        sys.stdout.write(to_json(told) + "\n")
    else:
        _show(tables.terminal(sys.stdout), task, found, out=asked.out, how=how)
        aside.print(f"  {len(found.tried)} price books tried in {seconds:.1f} s")
    return 0 if found.state == "solved" else 1


def _before(source: Path) -> Reading:
    """Read the ledger as it stands: the run's own, or that of its own prices where it has none."""
    if (source / manifest.LEDGER).exists():
        return read(source)
    if (source / manifest.PRICES).exists():
        return read(replay(source))
    raise problem(str(source), "has no ledger to compare with", "bill it first: saasim replay ... --out")


def _free(asked: Asked, data: dict[str, object], currency: str) -> list[Free]:
    if not 1 <= len(asked.free) <= FREE_MAX:
        raise problem("--free", f"{len(asked.free)} free numbers", f"name 1 or {FREE_MAX}")
    tick = None
    if asked.tick:
        try:
            tick = Decimal(asked.tick)
        except InvalidOperation:
            tick = Decimal(0)
        if not (tick.is_finite() and tick > 0):
            raise problem(f"--tick {asked.tick}", "is no step", "write it like 0.01")
    found, problems = [], list[Problem]()
    for text in asked.free:
        try:
            found.append(free(text, data, currency=currency, tick=tick))
        except Problems as wrong:
            problems += wrong.problems
    if problems:
        raise Problems(problems)
    return found


def _goal(asked: Asked) -> Goal:
    given = {
        name: text
        for name, text in (
            ("--target", asked.target),
            ("--maximize", asked.maximize),
            ("--minimize", asked.minimize),
        )
        if text
    }
    if len(given) != 1:
        remedy = "give one of --target, --maximize, --minimize"
        raise problem("solve", f"wants {' and '.join(given) or 'nothing'}", remedy)
    (option, text), *_ = given.items()
    if option == "--target":
        condition = parse(text)
        if condition.sign != "==":
            remedy = "write == there, and give --subject-to what else must hold"
            raise problem(f"--target {text!r}", f"compares with {condition.sign}", remedy)
        return Goal(condition.measure, Aim("equal", condition.bound))
    return Goal(parse_measure(text), Aim("most" if option == "--maximize" else "least"))


def _constraints(asked: Asked) -> list[Condition]:
    found, problems = [], list[Problem]()
    for text in asked.subject_to:
        try:
            found.append(parse(text))
        except Problems as wrong:
            problems += wrong.problems
    if asked.guards is not None:
        try:
            found += [one.condition for one in guard.load(asked.guards)]
        except Problems as wrong:
            problems += wrong.problems
    if problems:
        raise Problems(problems)
    return found


def _show(
    screen: Console, task: Task, found: Solution, *, out: Path | None, how: Mapping[str, Any] | None
) -> None:
    state = {"solved": "green", "infeasible": "red", "out of reach": "yellow"}
    screen.print(f"{task.goal}: {found.state}", style=f"bold {state[found.state]}")
    if how is not None:
        screen.print(f"  {arrival(how)}", style="dim")
    for one, number in zip(task.free, found.best.numbers, strict=True):
        today = "times today's" if one.is_factor else f"({decimal_text(one.today)} today)"
        screen.print(f"  {one.name} = {decimal_text(number)} {today}")
    measure = task.goal.measure
    screen.print(f"  {measure} = {_amount(found.best.value, measure)}{_step_text(task, found)}")
    for part in found.best.checked:
        sign = "✗" if part.gap else "✓"
        measured = _amount(part.measured, part.condition.measure)
        screen.print(f"  {sign} {part.condition.text}: {measured}", style="red" if part.gap else "green")
    for line in _why_not(task, found):
        screen.print(f"  {line}", style="yellow")
    if len(task.free) == 1:
        _show_curve(screen, task, found)
    _show_tried(screen, task, found)
    if out is not None:
        screen.print(f"\n  written to {out}")


def _step_text(task: Task, found: Solution) -> str:
    if not solution.off_by(found) or found.state != "solved":
        return ""
    if len(task.free) > 1:
        return ", one of the nearest pairs"
    return f", as near as steps of {decimal_text(task.free[0].tick)} come"


def _why_not(task: Task, found: Solution) -> list[str]:
    """Say what stands in the way, where what is wanted cannot be had."""
    if found.state == "out of reach":
        ranges = ", ".join(f"{decimal_text(one.low)} to {decimal_text(one.high)}" for one in task.free)
        if len({one.value for one in found.tried}) == 1:
            return [f"no number of {ranges} moves {task.goal.measure}: nobody is billed by it"]
        nearest = "this is the nearest that holds" if task.constraints else "this is the nearest"
        return [f"no number of {ranges} reaches {task.goal}; {nearest}"]
    if found.state == "solved" or found.alone is None:
        return []
    numbers = ", ".join(decimal_text(number) for number in found.alone.numbers)
    broken = [
        f"{part.condition.text} ({_amount(part.measured, part.condition.measure)})"
        for part in found.alone.checked
        if part.gap
    ]
    kind = (
        "this is the nearest that holds" if not found.best.gap else "nothing holds them; this is the nearest"
    )
    return [f"alone, {numbers} would do, but for {' and '.join(broken)}; {kind}"]


def _show_curve(screen: Console, task: Task, found: Solution) -> None:
    bound = task.goal.aim.bound if task.goal.aim.kind == "equal" else None
    lines = drawn(found.tried, found.best, bound)
    if lines:
        screen.print(f"\n{task.goal.measure} by {task.free[0].name}", style="bold")
        for line in lines:
            screen.print(f"  │{line}")
        first, last = (decimal_text(one.numbers[0]) for one in (found.tried[0], found.tried[-1]))
        screen.print(f"  └{'─' * 56}")
        screen.print(f"   {first}{last.rjust(56 - len(first))}")
        screen.print(f"   {BEST} found  {ALLOWED} allowed  {REFUSED} not", style="dim")


def _show_tried(screen: Console, task: Task, found: Solution) -> None:
    """List trials: those nearest to what was found, by the order of their numbers."""
    rows = sorted(found.tried, key=lambda one: _steps(task, one, found))[:SHOWN]
    table = plain_table()
    for one in task.free:
        table.add_column(one.name.split(".")[-1], justify="right")
    table.add_column(str(task.goal.measure), justify="right")
    for condition in task.constraints:
        table.add_column(str(condition.measure), justify="right")
    for row in (one for one in found.tried if one in rows):
        style = "bold" if row == found.best else "dim" if row.gap else ""
        cells = [decimal_text(number) for number in row.numbers]
        checked = [_amount(part.measured, part.condition.measure) for part in row.checked]
        table.add_row(*cells, _amount(row.value, task.goal.measure), *checked, style=style)
    screen.print()
    screen.print(table)


def _steps(task: Task, row: object, found: Solution) -> Decimal:
    numbers = row.numbers  # type: ignore[attr-defined]
    return sum(
        (
            abs(number - best) / (one.high - one.low)
            for one, number, best in zip(task.free, numbers, found.best.numbers, strict=True)
        ),
        Decimal(0),
    )


def _amount(value: Decimal | None, measure: Measure) -> str:
    return amount_text(value, measure.unit)

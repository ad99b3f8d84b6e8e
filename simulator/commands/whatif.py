"""`saasim whatif`: one company under two price books, with customers who react."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple, cast

from rich.console import Console

from billing.transition import POLICIES, Policy
from metering.document import Problem, Problems, did_you_mean, problem
from simulator import failure, tables
from simulator.commands.run import parsed, stop_request
from simulator.processes import Interrupted, cores
from simulator.scenario import Loaded
from simulator.values import duration_text, to_json
from simulator.whatif import display, record
from simulator.whatif.answer import answer, told
from simulator.whatif.experiment import Case, Outcome, Question, attempt_all, read
from simulator.whatif.page import Heading, page
from simulator.whatif.sweep import Sweep, sweeps

SEEDS_MAX = 10_000
"""More seeds than this are a typing error."""

LINES_MAX = 20
"""How many lines of progress a pipe gets."""


class Asked(NamedTuple):
    """The options beside the scenario and the prices, as they are typed."""

    seeds: int
    jobs: int = 0
    sweeps: Sequence[str] = ()
    since: str = ""
    policy: str = "now"
    phase_months: int | None = None
    out: Path | None = None
    html: Path | None = None
    as_json: bool = False


def whatif(
    name: str, *, prices: Path, settings: Sequence[str], named: Mapping[str, str], asked: Asked
) -> int:
    """Let a scenario's company live under its own book and under another, for each of some seeds."""
    question = _question(name, prices, {**parsed(settings), **named}, asked)
    tried = sweeps(asked.sweeps)
    loaded, _ = read(question)
    last = list(loaded.scenario.periods())[-1]
    if question.from_on is not None and question.from_on > last.starts_on:
        remedy = "name a month before, or give more --months"
        raise problem(f"--from {asked.since}", f"the company is followed to {last.label}", remedy)
    cases = _cases(question, loaded, tried, asked.seeds)
    began = time.monotonic()
    try:
        outcomes = _attempted(cases, asked.jobs or cores())
    except Interrupted:
        failure.say("stopped before every seed was tried; nothing was kept", failure.YELLOW)
        return failure.INTERRUPTED
    seconds = time.monotonic() - began
    found = answer(outcomes, tried)
    data = {"scenario": loaded.scenario.name, "prices": str(prices), **told(found)}
    if asked.out is not None:
        record.write(asked.out, data, outcomes)
    span = f"{loaded.scenario.months} months from {loaded.scenario.starts_on:%Y-%m}"
    if asked.html is not None:
        known = display.priors_text(loaded)
        heading = Heading(loaded.scenario.title, str(prices), span, loaded.book.currency, known)
        record.keep_page(asked.html, page(found, heading))
    if asked.as_json:
        sys.stdout.write(to_json({**data, "seconds": round(seconds, 3)}) + "\n")
        return 0
    screen = tables.terminal(sys.stdout)
    seeds = f"{asked.seeds} seed{'s' * (asked.seeds > 1)}"
    screen.print(f"{loaded.scenario.title} under {prices}: {span}, {seeds}", style="bold")
    display.show(screen, found, loaded)
    if asked.out is not None:
        screen.print(f"\n  every number of every seed is in {asked.out / record.TRIALS}")
    if asked.html is not None:
        screen.print(f"\n  written to {asked.html}", style="dim")
    return 0


def _question(name: str, prices: Path, settings: Mapping[str, str], asked: Asked) -> Question:
    """Read the options. Raises Problems for all that are wrong."""
    problems, from_on = list(_flaws(asked)), None
    if asked.since:
        try:
            from_on = date.fromisoformat(f"{asked.since}-01")
        except ValueError:
            problems.append(Problem("--from", f"{asked.since!r} is no month", "write it like 2026-07"))
    if problems:
        raise Problems(problems)
    if asked.out is not None:
        record.check(asked.out)
    if asked.html is not None:
        record.check_page(asked.html)
    months = asked.phase_months or 1
    return Question(name, prices, settings, cast("Policy", asked.policy), from_on, months)


def _flaws(asked: Asked) -> Iterator[Problem]:
    """Yield what is wrong with the numbers and with the policy."""
    if not 1 <= asked.seeds <= SEEDS_MAX:
        yield Problem("--seeds", f"{asked.seeds} seeds", f"give 1 to {SEEDS_MAX}")
    if asked.jobs < 0:
        yield Problem("--jobs", f"{asked.jobs} processes", "give 1 or more")
    usable = [one for one in POLICIES if one != "cohort"]  # who is in a cohort is not known before the run
    if asked.policy not in usable:
        remedy = did_you_mean(asked.policy, usable)
        yield Problem("--policy", f"there is no policy {asked.policy!r} here", remedy)
    elif asked.phase_months and asked.policy != "phased":
        yield Problem("--phase-months", "goes with --policy phased", "add that, or leave it out")
    elif asked.policy == "phased" and not asked.phase_months:
        yield Problem("--policy phased", "needs --phase-months", "add it")


def _cases(question: Question, loaded: Loaded, tried: Sequence[Sweep], count: int) -> list[Case]:
    """Return every case; the scenario is read once with each change, for a mistake is best said at once."""
    first = loaded.scenario.seed
    wanted = [({}, None), *(
        (sweep.changes(value, loaded.scenario), (sweep.name, value))
        for sweep in tried
        for value in sweep.values
    )]  # fmt: skip
    cases = list[Case]()
    for changes, label in wanted:
        read(question, changes)
        cases += [
            Case(len(cases) + number, question, first + number, changes, label) for number in range(count)
        ]
    return cases


def _attempted(cases: Sequence[Case], jobs: int) -> list[Outcome]:
    """Try every case and say how far it is; return the outcomes in the order of the cases."""
    aside, began = tables.terminal(sys.stderr), time.monotonic()
    outcomes = list[Outcome]()
    with stop_request() as stopping, aside.status(_progress(0, len(cases), 0)) as status:
        for done in attempt_all(cases, jobs=jobs, stopping=stopping):
            outcomes.append(done)
            line = _progress(len(outcomes), len(cases), time.monotonic() - began)
            status.update(line)
            _print_in_pipe(aside, line, len(outcomes), len(cases))
    return sorted(outcomes, key=lambda one: one.case.number)


def _progress(done: int, count: int, seconds: float) -> str:
    left = f", about {duration_text(seconds / done * (count - done))} left" if 0 < done < count else ""
    return f"{done} of {count} companies have lived under both price books{left}"


def _print_in_pipe(aside: Console, line: str, done: int, count: int) -> None:
    if not aside.is_terminal and (done * LINES_MAX // count) > ((done - 1) * LINES_MAX // count):
        aside.print(line)

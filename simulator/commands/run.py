"""`saasim run`: simulate a scenario or follow a plan, bill it, check it, publish it, say what it came to."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from billing.ledger import Ledger, connect
from metering.document import Problem, Problems
from simulator import scenario, summary, tables
from simulator.expectation import Year, expected
from simulator.manifest import LEDGER
from simulator.plan import file as plan_file
from simulator.processes import attempt_each, cores
from simulator.progress import Progress
from simulator.publication import RUNS, check_name
from simulator.run import Finished, Stopped, follow, simulate
from simulator.seeds import kept
from simulator.seeds.history import Case, cases, live
from simulator.values import to_json

SEEDS_MAX = 1_000
"""More seeds than this are a typing error."""

INTERRUPTED = 130
"""The exit code of a run that was stopped: what shells expect of Ctrl-C."""


class Histories(NamedTuple):
    """How many histories are lived, in how many processes (0: all cores), and if rates are changed, too."""

    seeds: int = 1
    jobs: int = 0
    with_drivers: bool = True


ONE = Histories()
"""The run and nothing beside it."""


def run(
    name: str,
    *,
    out: Path | None,
    settings: Sequence[str],
    named: Mapping[str, str],
    as_json: bool,
    histories: Histories = ONE,
) -> int:
    """Run a scenario, or a plan where `name` is one.

    `settings` are `key=value`; `named` are settings that have an option of their own.
    """
    overrides = {**parsed(settings), **named}
    path = plan_file.path_of(name)
    _check(histories, is_plan=path is not None)
    if path is not None:
        return _follow(path, out=out, overrides=overrides, as_json=as_json)
    try:
        loaded = scenario.load(name, overrides)
    except Problems as found:
        raise Problems(_as_typed(problem, overrides, named) for problem in found.problems) from None
    place = out or RUNS / check_name(loaded.scenario.name, f"{loaded.path}: name")
    others = _others(name, overrides, loaded, histories)
    aside = tables.terminal(sys.stderr)
    count, first = loaded.scenario.months, f"{loaded.scenario.starts_on:%Y-%m}"
    title = f"{loaded.scenario.title}: {count} months from {first}, seed {loaded.scenario.seed}"
    progress = Progress(aside, title, months=count, currency=loaded.book.currency)
    try:
        with stop_request() as stopping, progress:
            finished = simulate(
                loaded,
                place,
                overrides=overrides,
                progress=progress,
                stopping=stopping,
                beside=_beside(others, loaded, histories, progress, stopping) if others else None,
            )
    except Stopped as stopped:
        _say_stopped(stopped, place, count)
        return INTERRUPTED
    targets = loaded.scenario.targets
    _say_finished(finished, targets, title, seconds=progress.seconds(), as_json=as_json)
    return 0


def _check(histories: Histories, *, is_plan: bool) -> None:
    """Raise Problems where so many histories cannot be lived."""
    problems = []
    if not 1 <= histories.seeds <= SEEDS_MAX:
        problems.append(Problem("--seeds", f"{histories.seeds} seeds", f"give 1 to {SEEDS_MAX}"))
    if histories.jobs < 0:
        problems.append(Problem("--jobs", f"{histories.jobs} processes", "give 1 or more"))
    if is_plan and histories.seeds > 1:
        problems.append(Problem("--seeds", "a plan leaves nothing to chance", "leave it out"))
    if problems:
        raise Problems(problems)


def _others(
    name: str, overrides: Mapping[str, str], loaded: scenario.Loaded, histories: Histories
) -> list[Case]:
    """Return the histories beside the run's own; none where there is one seed."""
    if histories.seeds == 1:
        return []
    return cases(name, overrides, loaded, seeds=histories.seeds, with_drivers=histories.with_drivers)


def _beside(
    others: Sequence[Case],
    loaded: scenario.Loaded,
    histories: Histories,
    progress: Progress,
    stopping: Callable[[], bool],
) -> Callable[[Path, Ledger], dict[str, Any]]:
    """Return what lives the other histories, once the run's own is billed, and keeps their metrics."""

    def live_and_keep(made: Path, ledger: Ledger) -> dict[str, Any]:
        outcomes = []
        progress.histories(0, len(others))
        jobs = histories.jobs or cores()
        for done in attempt_each(live, others, jobs=jobs, stopping=stopping):
            outcomes.append(done)
            progress.histories(len(outcomes), len(others))
        outcomes.sort(key=lambda one: one.case.number)
        return {"histories": kept.write(made, ledger.connection, outcomes, loaded.scenario)}

    return live_and_keep


def _follow(path: Path, *, out: Path | None, overrides: Mapping[str, str], as_json: bool) -> int:
    """Run the company of a plan."""
    began = time.monotonic()
    if "seed" in overrides:
        raise Problems([Problem("--seed", "a plan leaves nothing to chance", "leave it out")])
    aside = tables.terminal(sys.stderr)
    with aside.status(f"following {path}"):
        loaded = plan_file.load(path, overrides)
        place = out or RUNS / check_name(loaded.name, f"{path}: its name")
        finished = follow(loaded, place, overrides=overrides)
    count, first = finished.manifest["months"]["count"], finished.manifest["months"]["first"]
    title = f"{loaded.plan.name}, as planned: {count} months from {first}"
    _say_finished(finished, expected(loaded.plan), title, seconds=time.monotonic() - began, as_json=as_json)
    return 0


def parsed(settings: Sequence[str]) -> dict[str, str]:
    """Return `key=value` texts as a mapping. Raises Problems for every text that is none."""
    wrong = [text for text in settings if not text.partition("=")[0].strip() or "=" not in text]
    if wrong:
        raise Problems(
            Problem("--set", f"{text!r} is not key=value", "write it like agents.customers.smb.churn=0.02")
            for text in wrong
        )
    pairs = (text.partition("=") for text in settings)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _as_typed(problem: Problem, overrides: Mapping[str, str], named: Mapping[str, str]) -> Problem:
    """Return a problem of a value that was typed, and stands in no file, at the option that set it."""
    for key in overrides:
        if problem.place.endswith(f": {key}"):
            return problem._replace(place=f"--{key}" if key in named else f"--set {key}")
    return problem


@contextmanager
def stop_request() -> Iterator["StopRequest"]:
    """Take the first Ctrl-C (or SIGTERM) as a wish to stop soon, the second as one to stop at once."""
    wish = StopRequest()

    def hear(number: int, frame: FrameType | None) -> None:
        wish.hear()

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StopRequest:
    """Whether somebody asked to stop."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        """Tell whether somebody asked."""
        return self.asked

    def hear(self) -> None:
        """Hear it. Raises KeyboardInterrupt the second time."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def _say_stopped(stopped: Stopped, out: Path, count: int) -> None:
    aside = tables.terminal(sys.stderr)
    done = len(stopped.months)
    if not done:
        aside.print("stopped before the first month was over; nothing was published", style="yellow")
        return
    last = stopped.months[-1].label
    aside.print(f"stopped after {last}, {done} of {count} months; nothing was published", style="yellow")
    aside.print(f"  {stopped.partial} holds a valid log of these months, until the next run replaces it")
    aside.print(f"  saasim verify {stopped.partial}", style="bold")
    prices = stopped.partial / "prices.toml"
    aside.print(
        f"  saasim replay {stopped.partial} --prices {prices} --out {out}-{done}-months", style="bold"
    )


def _say_finished(
    finished: Finished, targets: Sequence[Year], title: str, *, seconds: float, as_json: bool
) -> None:
    with connect(finished.out / LEDGER) as ledger:
        currency = finished.manifest["price_book"]["currency"]
        figures = summary.summarise(ledger, currency, targets)
    if as_json:
        told = {
            "run": str(finished.out),
            "seconds": round(seconds, 3),
            "manifest": {key: value for key, value in finished.manifest.items() if key != "files"},
            "years": figures.years.to_dicts(),
            "targets": figures.targets.to_dicts(),
        }
        sys.stdout.write(to_json(told) + "\n")
        return
    screen = tables.terminal(sys.stdout)
    screen.print(title, style="bold")
    screen.print()
    summary.show(screen, figures)
    log = finished.manifest["log"]
    events = log["facts"] + log["usage"]
    screen.print(
        f"\n  {events:,} events in {seconds:.1f} s, {len(finished.verdicts)} checks hold, "
        f"published as {finished.out}\n"
    )
    summary.show_next(screen, finished.out)

"""Histories: a company that lives once more, under another seed or with a driver changed, and its metrics."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from analytics.metrics import monthly
from metering.log import Log
from simulator import scenario
from simulator.prior import drawn
from simulator.scenario import Loaded, Scenario
from simulator.seeds.driver import Change, changes
from simulator.whatif.company import lived
from simulator.world import World


class Case(NamedTuple):
    """A history to live: the scenario and what is set of it, the seed, and a driver's change or None.

    `number` orders them. Under a seed of its own a history draws its priors, too.
    """

    number: int
    scenario: str
    settings: Mapping[str, str]
    seed: int
    change: Change | None = None


class Outcome(NamedTuple):
    """What came of a history: its metrics, one row a month."""

    case: Case
    metrics: pl.DataFrame


def cases(
    name: str, settings: Mapping[str, str], loaded: Loaded, *, seeds: int, with_drivers: bool
) -> list[Case]:
    """Return the histories beside the run's own: other seeds, and the run's seed with each driver changed.

    Raises Problems where a change is not one that the scenario can take.
    """
    first = loaded.scenario.seed
    found = [Case(number, name, settings, first + number) for number in range(1, seeds)]
    for change in changes(loaded.scenario) if with_drivers else ():
        scenario.load(name, {**settings, **change.settings})
        found.append(Case(len(found) + 1, name, settings, first, change))
    return found


def live(case: Case, stopping: Callable[[], bool]) -> Outcome:
    """Let the company of a case live and be billed. Raises Interrupted where `stopping` says so."""
    changed = case.change.settings if case.change else {}
    loaded = scenario.load(case.scenario, {**case.settings, **changed})
    company = loaded.scenario if case.change else drawn(loaded.scenario, case.seed)
    with tempfile.TemporaryDirectory(prefix="saasim-seed-") as folder:
        log = Log.create(Path(folder) / "log")
        world = World(company, loaded.book, seed=case.seed)
        ledger = lived(world, company, loaded.book, log, stopping=stopping)
        metrics = monthly(ledger.connection)
    ledger.connection.close()
    return Outcome(case, metrics)


def priors(company: Scenario, seeds: Sequence[int]) -> pl.DataFrame:
    """Return the values that each seed draws for the priors of a scenario: a column `prior_<path>` each.

    The first seed is the run's own, which takes the means.
    """
    means = _priors(company)
    rows = [means, *(_priors(drawn(company, seed)) for seed in seeds[1:])]
    kept = [name for name in means if any(row[name] != means[name] for row in rows)]
    table = [
        {"seed": seed, **{f"prior_{name}": row[name] for name in kept}}
        for seed, row in zip(seeds, rows, strict=True)
    ]
    return pl.DataFrame(table, schema={"seed": pl.Int64} | {f"prior_{name}": pl.Float64 for name in kept})


def _priors(company: Scenario) -> dict[str, float]:
    segments = getattr(company.agents, "customers", None) or {}
    return {
        f"{segment}_{name}": float(getattr(habits.loyalty, name))
        for segment, habits in segments.items()
        for name in sorted(type(habits.loyalty).model_fields)
        if hasattr(getattr(habits.loyalty, name), "spread")
    }

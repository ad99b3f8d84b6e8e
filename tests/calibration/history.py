"""Histories: one seed of a scenario, lived, billed and closed in memory, and the figures that it came to."""

import gc
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from analytics import targets
from analytics.figures import YEAR
from billing.ledger import Ledger
from metering.log import Log
from simulator import scenario, summary
from simulator.run import live
from simulator.world import World


class Key(NamedTuple):
    """A figure of a scenario: a measure (`customers`, `revenue`), a row of it (`smb`), and a year."""

    measure: str
    row: str
    year: int


class Figure(NamedTuple):
    """What the document expects of it (None where it says nothing), and what was reached."""

    goal: Decimal | None
    reached: Decimal


Figures = Mapping[Key, Figure]


def figures(name: str, seed: int, overrides: Mapping[str, str]) -> dict[Key, Figure]:
    """Live a scenario with a seed, and return its customers and revenue by year; the disk stays as it was."""
    loaded = scenario.load(name, {**overrides, "seed": f"{seed}"})
    with tempfile.TemporaryDirectory(prefix="calibration-") as folder:
        world = World(loaded.scenario, loaded.book, seed=loaded.scenario.seed)
        tables = live(
            world,
            scenario=loaded.scenario,
            book=loaded.book,
            log=Log.create(Path(folder) / "log"),
            progress=lambda month: None,
            stopping=lambda: False,
        )
        assert tables is not None
        ledger = Ledger.create()
        ledger.post(tables)
    gc.unfreeze()
    compared = targets.compare(ledger.connection, summary.expected(loaded.scenario.targets))
    ledger.connection.close()
    rows = compared.filter(compared["months"] == YEAR).iter_rows(named=True)
    return {
        Key(row["measure"], row["row"], row["year"]): Figure(
            row["target"] if row["recomputed"] is None else row["recomputed"], row["simulated"]
        )
        for row in rows
    }


def lived(
    names: Iterable[str], seeds: range, *, jobs: int, overrides: Mapping[str, str]
) -> Iterator[tuple[str, int, dict[Key, Figure]]]:
    """Live every scenario with every seed, several at a time, and yield what each came to as it is done."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        asked = {
            pool.submit(figures, name, seed, overrides): (name, seed) for seed in seeds for name in names
        }
        for done in as_completed(asked):
            yield *asked[done], done.result()

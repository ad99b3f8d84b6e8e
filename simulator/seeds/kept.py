"""What a run keeps of the histories beside its own: the metrics of each seed and each driver's change."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.metrics import monthly
from simulator.scenario import Scenario
from simulator.seeds.driver import DRIVERS as NUMBERS
from simulator.seeds.history import Outcome, priors
from simulator.seeds.mount import DRIVERS, SEEDS


def write(
    run: Path, own: DuckDBPyConnection, outcomes: Sequence[Outcome], company: Scenario
) -> dict[str, object]:
    """Write both files into a run that is being built, and return what its manifest says of them.

    `own` is the run's own ledger, and `outcomes` are the other histories, in the order of their cases.
    """
    mine = monthly(own)
    lived = [(company.seed, mine)]
    lived += [(one.case.seed, one.metrics) for one in outcomes if one.case.change is None]
    seeds = [seed for seed, _ in lived]
    table = pl.concat([frame.select(pl.lit(seed, pl.Int64).alias("seed"), pl.all()) for seed, frame in lived])
    table.join(priors(company, seeds), on="seed", how="left", maintain_order="left").write_parquet(
        run / SEEDS
    )
    told: dict[str, object] = {"seeds": seeds}
    changed = [one for one in outcomes if one.case.change is not None]
    if changed:
        pl.concat([_of_driver(one) for one in changed]).write_parquet(run / DRIVERS)
        names = {one.case.change.driver for one in changed if one.case.change}
        told["drivers"] = [driver.name for driver in NUMBERS if driver.name in names]
    return told


def _of_driver(one: Outcome) -> pl.DataFrame:
    assert one.case.change is not None, "a history of a driver has its change"
    driver, title, setting, factor, _ = one.case.change
    return one.metrics.select(
        pl.lit(driver).alias("driver"),
        pl.lit(title).alias("title"),
        pl.lit(setting).alias("setting"),
        pl.lit(factor, pl.Float64).alias("factor"),
        pl.all(),
    )

"""Views of what a run keeps of other histories: its two files, bands over one, the tornado over the other.

`seeds.parquet` has a row for each seed and month, the run's own seed first, and `drivers.parquet` one for
each driver, setting and month. A console sees them as `seed_metrics` and `driver_metrics`, and beside them
`seed_bands` (the 10th, 50th and 90th percentile of every metric in each month) and `tornado` (what each
driver does to every metric of the last month). The views that have no file are not there.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
from duckdb import DuckDBPyConnection

SEEDS, DRIVERS = "seeds.parquet", "drivers.parquet"
"""The files of a run."""

_BANDS = """
create or replace temp view seed_bands as
select month, metric, count(*) as seeds, quantile_cont(value, 0.1) as p10, quantile_cont(value, 0.5) as p50,
    quantile_cont(value, 0.9) as p90
from (
    unpivot (select month, {metrics} from seed_metrics)
    on columns(* exclude (month)) into name metric value value
)
group by month, metric"""

_TORNADO = """
create or replace temp view tornado as
with base as (
    select * from (unpivot (
        select {metrics} from seed_metrics
        where seed = {own} and month = (select max(month) from seed_metrics)
    ) on columns(*) into name metric value value)
),
    changed as (
        select * from (unpivot (
            select driver, title, setting, {metrics} from driver_metrics
            where month = (select max(month) from driver_metrics)
        ) on columns(* exclude (driver, title, setting)) into name metric value value)
    ),
    ends as (
        select metric, driver, any_value(title) as title, max(value) filter (setting = 'low') as low_value,
            max(value) filter (setting = 'high') as high_value
        from changed group by metric, driver
    )
select e.metric, e.driver, e.title, e.low_value, e.high_value, b.value as base,
    e.low_value - b.value as low_change, e.high_value - b.value as high_change,
    abs(e.high_value - e.low_value) as swing
from ends e join base b on b.metric = e.metric
where e.low_value is not null and e.high_value is not null
    and (e.low_value <> b.value or e.high_value <> b.value)"""


def has_seeds(run: Path) -> bool:
    """Tell whether a run was made with other seeds beside its own."""
    return (run / SEEDS).is_file()


def mount(connection: DuckDBPyConnection, run: Path) -> None:
    """Make what is kept of other histories known to a connection, as views; nothing where there is none.

    It reads two files of the run, and must come before the connection is locked.
    """
    if not has_seeds(run):
        return
    seeds = pa.dataset.dataset([str(run / SEEDS)], format="parquet")
    connection.register("seed_metrics", seeds)
    metrics = ", ".join(f'"{name}"::double as "{name}"' for name in _metrics(seeds.schema))
    connection.execute(_BANDS.format(metrics=metrics))
    if (run / DRIVERS).is_file():
        drivers = pa.dataset.dataset([str(run / DRIVERS)], format="parquet")
        connection.register("driver_metrics", drivers)
        own = seeds.head(1, columns=["seed"])["seed"][0].as_py()
        connection.execute(_TORNADO.format(metrics=metrics, own=own))


def _metrics(schema: pa.Schema) -> list[str]:
    """Return the columns that are metrics: numbers, but for the seed and what it drew."""
    kinds = pa.types
    return [
        field.name
        for field in schema
        if field.name != "seed"
        and not field.name.startswith("prior_")
        and (kinds.is_decimal(field.type) or kinds.is_integer(field.type) or kinds.is_floating(field.type))
    ]

"""Source: a run's ledger, opened to draw it, with everything that charts read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from analytics.selection import select
from billing.ledger import connect as opened
from billing.views import VIEWS
from metering.document import problem
from simulator import manifest
from simulator.chart.chart import Chart
from simulator.chart.targets import reached
from simulator.seeds import mount as seeds

_KEPT = (
    "metrics_by_month", "metrics_by_segment_month", "metrics_by_stream_month", "metrics_by_plan_month",
    "customer_survival", "customer_value", "cohort_payback",
)  # fmt: skip
"""The views that many charts read, and that take long to work out."""

_RANKED = {
    "segment": "select segment as part from mrr_balances group by all order by sum(amount) desc, part",
    "stream": "select stream as part from invoice_lines group by all order by sum(amount) desc, part",
    "plan": "select plan as part from mrr_balances group by all order by sum(amount) desc, part",
}


@contextmanager
def connect(run: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a run's ledger read-only for as long as it is drawn, with what older ledgers lack."""
    with opened(run / manifest.LEDGER) as con:
        seeds.mount(con, run)
        mount(con)
        yield con


def mount(con: duckdb.DuckDBPyConnection) -> None:
    """Add the views that the ledger was made without, as far as its tables allow; nothing is written."""
    known = {name for (name,) in con.execute("select view_name from duckdb_views()").fetchall()}
    for name, view in VIEWS.items():
        if name not in known:
            try:
                con.execute(f'create temp view "{name}" as {view.query}')
            except duckdb.Error:  # an older ledger has not even its tables: its charts are left out
                continue


def currency_of(con: duckdb.DuckDBPyConnection) -> str:
    """Return the currency in which a ledger is kept. Raises Problems where there are several."""
    found = con.execute("select distinct currency from postings order by currency").fetchall()
    if len(found) > 1:
        held = ", ".join(currency for (currency,) in found)
        raise problem("the ledger", f"holds {held}; charts need a ledger of one currency")
    return found[0][0] if found else "USD"


def ranks(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Return the segments, streams and plans of a ledger, each the largest first."""
    found = {part: select(con, query)["part"].to_list() for part, query in _RANKED.items()}
    return {part: [name for name in names if name] for part, names in found.items()}


def frame(con: duckdb.DuckDBPyConnection, chart: Chart) -> pl.DataFrame:
    """Return the data of a chart; no rows where the ledger has nothing to draw, or not even the tables."""
    try:
        if "from targets" in chart.sql:
            _hold_against_plan(con)
        for name in _KEPT:
            if name in chart.sql:
                _keep(con, name)
        return select(con, chart.sql)
    except (duckdb.CatalogException, duckdb.BinderException):
        return pl.DataFrame(schema=dict.fromkeys(chart.columns, pl.Null))


def _hold_against_plan(con: duckdb.DuckDBPyConnection) -> None:
    """Make the table `targets` where the ledger lies beside the plan that its run was made with.

    Who has made it already (a report, which shows more of it) is left with it.
    """
    if con.execute("select 1 from duckdb_views() where view_name = 'targets'").fetchall():
        return
    [found] = con.execute("select max(path) from duckdb_databases() where not internal").fetchall()
    if not found[0]:
        return
    plan = Path(found[0]).with_name(manifest.PLAN)
    if plan.exists():
        con.register("targets", reached(plan, con))


def _keep(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Work out a view once for all charts that read it: a temporary table of its name stands before it."""
    kept = con.execute("select table_name from duckdb_tables() where temporary").fetchall()
    if (name,) not in kept:
        found = select(con, f'select * from "{name}"')
        con.execute(f'drop view if exists temp."{name}"')
        con.register("fresh_rows", found)
        con.execute(f'create temp table "{name}" as select * from fresh_rows')
        con.unregister("fresh_rows")

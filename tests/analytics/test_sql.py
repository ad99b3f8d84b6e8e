"""Metrics in SQL: the views of a ledger, written by themselves, say what `analytics.metrics` says."""

import random
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analytics.dimension import SPLITS
from analytics.metrics import METRICS, MONEY, monthly, monthly_by
from billing.close import close
from billing.ledger import Ledger
from billing.price_book import loads
from billing.schema import polars_schema
from billing.views import VIEWS
from billing.views.metrics import FAMILIES
from metering.frame import empty
from metering.log import USAGE_SCHEMA, Log
from simulator.scenario import load as load_scenario
from simulator.world import World
from tests.analytics.company import FIRST, table
from tests.analytics.test_laws import company
from tests.ledgers import engine
from tests.random_company import company as random_company

WAYS = ("", *SPLITS)
"""The company as a whole, and its parts."""

PLACES = Decimal("0.0000005")
"""Half of the last place that a ratio shows: a quotient that SQL works out in floating point lies so near."""

RELATIVE = Decimal("1e-11")
"""How near an amount of money lies that is a quotient; sums are exact."""

SUMS = (
    "mrr_opening", "mrr_new", "mrr_churn", "committed_mrr", "arr", "mrr_list", "cmrr", "customers", "billed",
    "revenue", "recurring_revenue", "acquisition_cost", "deferred_revenue", "receivable", "cash", "overdue",
)  # fmt: skip
"""Metrics that are sums: equal to the last digit."""


def view(split: str) -> str:
    """Name the view of all metrics for one way to split."""
    return f"metrics_by_{split}_month" if split else "metrics_by_month"


def asked(con: duckdb.DuckDBPyConnection, split: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the metrics as the formulas and as the view have them."""
    formulas = monthly_by(con, split) if split else monthly(con)
    return formulas, con.sql(f'from "{view(split)}"').pl()


def assert_equal(con: duckdb.DuckDBPyConnection, ways: Sequence[str] = WAYS) -> int:
    """Compare every metric of every month and part; return how many values there are."""
    count = 0
    for split in ways:
        formulas, views = asked(con, split)
        keys = ["month", *([split] if split else [])]
        assert set(formulas.columns) == set(views.columns), split
        assert formulas.select(keys).rows() == views.select(keys).rows(), split
        for name in formulas.columns:
            if name not in keys:
                assert_near(name, split, formulas[name], views[name])
                count += formulas[name].count()
    return count


def assert_near(name: str, split: str, formulas: pl.Series, views: pl.Series) -> None:
    """Compare a metric's values: NULL where NULL, sums exactly, quotients to the places that are shown."""
    for number, (one, other) in enumerate(zip(formulas, views, strict=True)):
        place = (name, split, number, one, other)
        if one is None or other is None:
            assert one is other, place
        else:
            near = RELATIVE * abs(one) + (RELATIVE if METRICS[name].unit == MONEY else PLACES)
            assert one == other if name in SUMS else abs(Decimal(one) - Decimal(other)) <= near, place


def filled(tables: Mapping[str, pl.DataFrame]) -> duckdb.DuckDBPyConnection:
    """Put tables into a ledger in memory."""
    ledger = Ledger.create()
    ledger.post(tables)
    ledger.connection.execute("pragma disable_optimizer")  # for few rows it takes longer than the query
    return ledger.connection


def whole(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows in which what a test did not tell is a day, a 0 or nothing, as the ledger wants it."""
    return frame.with_columns(pl.selectors.date().fill_null(FIRST), pl.selectors.numeric().fill_null(0))


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give the ledger of 14 months of a small company of each scenario's kind, agents and all."""
    loaded = load_scenario("tiny", {"months": "14"})
    log = Log.create(tmp_path_factory.mktemp("lived"))
    world = World(loaded.scenario, loaded.book, seed=7)
    for period in loaded.scenario.periods():
        happened = world.live(period)
        log.append(period, happened.facts, happened.usage)
    connection = filled(close(log, book=loaded.book, connection=engine()))
    yield connection
    connection.close()


@pytest.mark.parametrize("split", WAYS)
def test_every_metric_has_sql(split: str) -> None:
    """A metric that is added to the registry needs a column in the view; a view has no other columns."""
    by = split or "whole"
    expected = {name for name, metric in METRICS.items() if by in metric.splits}
    columns = {name for family in FAMILIES.values() for name in family.names(split)}

    assert expected == {name.removeprefix("~") for name in columns}


def test_every_metric_is_in_the_view_of_one_family() -> None:
    """The views by family hold together what `metrics_by_month` holds, each metric once."""
    con = Ledger.create().connection
    found = [name for family in FAMILIES for name in con.sql(f'from "{family}"').columns if name != "month"]

    assert sorted(found) == sorted(
        name for name in con.sql("from metrics_by_month").columns if name != "month"
    )


def test_views_and_formulas_agree_on_a_company_with_agents(lived: duckdb.DuckDBPyConnection) -> None:
    """More than a year of a company that signs up, pays, uses and is billed."""
    assert assert_equal(lived) > 5000


@pytest.mark.parametrize(("seed", "ways"), [(3, ("", "stream")), (8, ("segment",)), (21, ("plan",))])
def test_views_and_formulas_agree_on_random_books_of_money(seed: int, ways: Sequence[str]) -> None:
    """Companies that are told month by month: several plans, costs with and without a part, payouts."""
    made = company(seed)
    made.ledger()  # makes movements and entries

    assert assert_equal(filled({name: whole(table(name, rows)) for name, rows in made.rows.items()}), ways)


@pytest.mark.parametrize(("seed", "ways"), [(5, ("", "plan")), (12, ("segment",))])
def test_views_and_formulas_agree_on_random_bills(tmp_path: Path, seed: int, ways: Sequence[str]) -> None:
    """Companies that are billed from a random price book: leap days, usage, gone and back in a month."""
    text, events, periods = random_company(seed)
    log = Log.create(tmp_path / "log")
    for period in periods:
        here = [event for event in events if period.holds(event.occurred_at.date())]
        log.append(period, here, empty(USAGE_SCHEMA))

    assert assert_equal(filled(close(log, book=loads(text), connection=engine())), ways)


def test_the_order_of_rows_changes_nothing(lived: duckdb.DuckDBPyConnection) -> None:
    """A ledger whose rows lie in another order gives the same rows of metrics."""
    names = [name for (name,) in lived.execute("select table_name from duckdb_tables()").fetchall()]
    tables = {
        name: lived.sql(f'from "{name}"').pl().sample(fraction=1, shuffle=True, seed=4) for name in names
    }
    shuffled = filled({name: frame.cast(polars_schema(name)) for name, frame in tables.items()})

    for name in ("mix_by_month", "acquisition_by_month"):
        assert lived.sql(f"from {name}").fetchall() == shuffled.sql(f"from {name}").fetchall()


def test_a_view_is_a_statement_of_its_own(lived: duckdb.DuckDBPyConnection) -> None:
    """The text of each view runs as it stands: it can be copied, changed and run."""
    for name in random.Random(1).sample(sorted(FAMILIES), 3):
        assert lived.sql(VIEWS[name].query).fetchall() == lived.sql(f'from "{name}"').fetchall()

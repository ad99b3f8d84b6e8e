"""Lifetimes in SQL: the views say what the Polars frames say, on companies that nobody chose."""

from pathlib import Path

import polars as pl
import pytest
from duckdb import DuckDBPyConnection
from polars.testing import assert_frame_equal

from analytics.lifetime import realised
from analytics.payback import payback_curves
from analytics.profit import profits
from analytics.survival import survival
from billing.views.lifetime import LIFETIMES
from tests import random_company as random_ledger
from tests.analytics.company import Company
from tests.analytics.test_payback import random_company
from tests.ledgers import closed, posted

MONEY = ("net_revenue", "gross_profit", "cost", "profit", "cumulative", "recovered")


def viewed(con: DuckDBPyConnection) -> dict[str, pl.DataFrame]:
    """Make the views in a ledger that was made by hand, and return their rows."""
    for name, view in LIFETIMES.items():
        con.execute(f'create or replace temp view "{name}" as {view.query}')
    return {name: con.sql(f'select * from "{name}"').pl() for name in LIFETIMES}


def agree(con: DuckDBPyConnection) -> int:
    """Hold every view against its frame; return how many rows there were."""
    found = viewed(con)
    same(found["customer_profit"].sort("month", "account"), profits(con))
    for name, frame in (("customer_survival", survival), ("customer_value", realised)):
        parts = frame(con, "segment").filter(pl.col("part") != "")
        both = pl.concat([frame(con), parts]).rename({"part": "segment"})
        same(found[name].sort("segment", "age"), both.sort("segment", "age"))
    same(found["cohort_payback"].sort("cohort", "age"), payback_curves(con).drop("part"))
    return sum(map(len, found.values()))


def same(sql: pl.DataFrame, polars: pl.DataFrame) -> None:
    """Hold two frames equal, to a millionth."""
    assert set(sql.columns) == set(polars.columns)
    floats = [pl.col(name).cast(pl.Float64) for name in MONEY if name in polars.columns]
    one, other = (frame.select(polars.columns).with_columns(floats) for frame in (sql, polars))
    assert_frame_equal(one, other, check_dtypes=False, abs_tol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_views_and_frames_agree_on_random_balances(seed: int) -> None:
    """Companies of twelve customers with costs, in two segments."""
    assert agree(random_company(seed).pay_out("c1", 5, 7).pay_out("c2", 6, 3, kind="resale").ledger()) > 50


@pytest.mark.parametrize("seed", [3, 8])
def test_views_and_frames_agree_on_random_logs(seed: int, tmp_path: Path) -> None:
    """Companies of whatever price book, billed from events."""
    text, events, months = random_ledger.company(seed)
    tables = closed(tmp_path, text, events, len(months), first=months[0].starts_on)  # type: ignore[arg-type]
    agree(posted(tables))


def test_the_views_of_an_empty_ledger_are_empty() -> None:
    """No rows, and no error."""
    assert 0 == agree(Company().ledger())


def test_who_left_to_the_last_has_a_curve_that_ends_at_nothing() -> None:
    """At S = 0 there is no logarithm: the share is 0 and the band says nothing."""
    con = Company().mrr("ada", 10, 0, 0).mrr("bob", 10, 0, 0).ledger()

    assert agree(con) > 0
    last = viewed(con)["customer_survival"].sort("age").row(-1, named=True)
    assert (0.0, None, None) == (last["survival"], last["low"], last["high"])

"""Selection: queries of the ledger as Polars frames."""

from collections.abc import Sequence

import polars as pl
from duckdb import DuckDBPyConnection

from metering.frame import fetched


def select(con: DuckDBPyConnection, query: str) -> pl.DataFrame:
    """Run a query and return its rows."""
    return fetched(con.sql(query))


def select_together(con: DuckDBPyConnection, queries: Sequence[str]) -> pl.DataFrame:
    """Run queries as one statement and return all their rows, NULL in columns that a query does not have."""
    return select(con, " union all by name ".join(f"select * from ({query})" for query in queries))

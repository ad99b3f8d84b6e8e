"""The ledger's page: every table and view of a ledger as DuckDB itself describes them."""

from functools import cache

import duckdb

from billing.ledger import Ledger
from billing.schema import TABLES, keys
from billing.views import VIEWS
from tests.reference.page import code, table

USAGE_EVENTS = "usage_events"


@cache
def _empty() -> duckdb.DuckDBPyConnection:
    return Ledger.create().connection


def tables() -> str:
    """Describe every table: what a row of it is, and every column."""
    return "\n\n".join(_described(name) for name in TABLES)


def views() -> str:
    """Describe every view: what it says, and its columns."""
    return "\n\n".join(_described(name) for name in VIEWS)


def columns(name: str) -> list[tuple[str, str, str]]:
    """Return name, type and comment of every column of a table or view."""
    query = """
        select column_name, lower(data_type), coalesce(comment, '') from duckdb_columns()
        where table_name = ? and not internal order by column_index"""
    return _empty().execute(query, [name]).fetchall()


def _described(name: str) -> str:
    if name in VIEWS:
        shown = ", ".join(f"{code(column)} {kind}" for column, kind, _ in columns(name))
        return f"### `{name}`\n\n{VIEWS[name].comment}\n\n{shown}."
    named_by = ", ".join(map(code, keys(name)))
    rows = [(code(column), kind, text) for column, kind, text in columns(name)]
    about = f"{(TABLES[name].__doc__ or '').strip()} A row is named by {named_by}."
    return f"### `{name}`\n\n{about}\n\n{table(('column', 'type', 'what it holds'), rows)}"

"""Relations: the tables and views of a run's ledger, as the database itself describes them.

What a ledger says of itself counts, and not what today's program would put into one: a run that was made by
an earlier version has other views, and is exported as it is.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import polars as pl
from duckdb import DuckDBPyConnection

from billing.schema import TABLES, keys
from billing.views import VIEWS
from metering.document import Problem, Problems, did_you_mean

USAGE = "usage_events"
"""The raw usage of a run's log, which `simulator.query` puts beside the ledger; exported when asked for."""


class Column(NamedTuple):
    """A column: its name, its type as DuckDB writes it, and what it holds."""

    name: str
    type: str
    comment: str


class Relation(NamedTuple):
    """A table or a view: its name, `table` or `view`, what it says, and its columns."""

    name: str
    kind: str
    comment: str
    columns: tuple[Column, ...]

    @property
    def query(self) -> str:
        """SQL for all of its rows in their order: by what names a row of a table, else by every column."""
        own = [column.name for column in self.columns]
        named = keys(self.name) if self.name in TABLES else []
        order = named if named and set(named) <= set(own) else own
        return f"select {_listed(own)} from {_quoted(self.name)} order by {_listed(order)}"


def relations(connection: DuckDBPyConnection) -> list[Relation]:
    """Return every table of a ledger, then every view, then its raw usage if it has any.

    They stand in the order of today's schema; what that does not have comes after it, by name.
    """
    columns: dict[str, list[Column]] = {}
    rows = connection.execute("""
        select table_name, column_name, data_type, coalesce(comment, '') from duckdb_columns()
        where not internal order by table_name, column_index""").fetchall()
    for table, *column in rows:
        columns.setdefault(table, []).append(Column(*column))
    found = connection.execute("""
        select table_name, 'table', coalesce(comment, '') from duckdb_tables() where not internal
        union all
        select view_name, 'view', coalesce(comment, '') from duckdb_views() where not internal""").fetchall()
    made = [
        Relation(name, kind, text, tuple(columns[name])) for name, kind, text in found if columns.get(name)
    ]
    places = {name: place for place, name in enumerate([*TABLES, *VIEWS])}
    return sorted(
        made, key=lambda one: (one.name == USAGE, one.kind, places.get(one.name, len(places)), one.name)
    )


def chosen(found: Sequence[Relation], names: Iterable[str]) -> list[Relation]:
    """Return the relations that are named, or all but the raw usage where none is.

    Raises Problems for every name that no relation has.
    """
    by_name = {one.name: one for one in found}
    asked = list(dict.fromkeys(names))
    problems = [
        Problem("--only", f"the ledger has no {name!r}", did_you_mean(name, by_name))
        for name in asked
        if name not in by_name
    ]
    if problems:
        raise Problems(problems)
    return [by_name[name] for name in asked] or [one for one in found if one.name != USAGE]


def rows(connection: DuckDBPyConnection, relation: Relation) -> pl.DataFrame:
    """Return all rows of a relation in their order; decimals stay what they are."""
    frame: pl.DataFrame = connection.sql(relation.query).pl()
    return frame


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))

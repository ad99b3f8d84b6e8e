"""Frames: bringing a Polars frame to a declared shape, in one place."""

from functools import cache

import polars as pl
from duckdb import DuckDBPyRelation

from metering.ending import ENDS_AT_ONCE


def shaped(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Return the frame with exactly the columns of a schema, in its order and types."""
    if list(frame.schema.items()) == list(schema.items()):
        return frame
    return frame.select(schema.names()).cast(schema)


def empty(schema: pl.Schema) -> pl.DataFrame:
    """Return a frame of a schema without rows."""
    return _empty(tuple(schema.items()))


@cache
def _empty(columns: tuple[tuple[str, pl.DataType], ...]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict(columns))


class _Rows:
    """The rows of a relation as a stream of Arrow, by the protocol that needs no library between engines."""

    def __init__(self, relation: DuckDBPyRelation) -> None:
        self.relation = relation

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Begin the stream."""
        return self.relation.__arrow_c_stream__(requested_schema)


def fetched(relation: DuckDBPyRelation) -> pl.DataFrame:
    """Return the rows of a relation of DuckDB.

    Its own `pl()` imports pyarrow and numpy, which takes longer than most questions. Without them DuckDB
    complains, as Python is taken apart, of types that are left over; so only who does not do that is spared.
    """
    return pl.DataFrame(_Rows(relation)) if ENDS_AT_ONCE.get() else relation.pl()

"""Frames: bringing a Polars frame to a declared shape, in one place."""

from typing import TypeVar

import polars as pl

F = TypeVar("F", pl.DataFrame, pl.LazyFrame)


def shaped(frame: F, schema: pl.Schema) -> F:
    """Return the frame with exactly the columns of a schema, in its order and types."""
    return frame.select(schema.names()).cast(schema)


def empty(schema: pl.Schema) -> pl.DataFrame:
    """Return a frame of a schema without rows."""
    return pl.DataFrame(schema=schema)

"""Frames: bringing a Polars frame to a declared shape, in one place."""

import polars as pl


def shaped(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Return the frame with exactly the columns of a schema, in its order and types."""
    return frame.select(schema.names()).cast(schema)


def empty(schema: pl.Schema) -> pl.DataFrame:
    """Return a frame of a schema without rows."""
    return pl.DataFrame(schema=schema)

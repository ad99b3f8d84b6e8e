"""Order: runs of rows that follow each other and are alike, such as the lines of an invoice in order.

To number them, and to add them up, takes one pass, whatever they are named by.
"""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl


class Runs(NamedTuple):
    """Runs of rows that are alike: of each row the number of its run, of each run its first and last row."""

    number: pl.Series
    first: pl.Series
    last: pl.Series

    def position(self) -> pl.Series:
        """Return of each row its place in its run, from 1."""
        rows = pl.int_range(len(self.number), dtype=pl.Int64, eager=True)
        return rows - self.first.gather(self.number) + 1

    def sums(self, column: pl.Series) -> pl.Series:
        """Return the sum of each run of a column of whole numbers or decimals without nulls."""
        until = column.cum_sum().gather(self.last)
        return until - until.shift(1, fill_value=0)


def runs(frame: pl.DataFrame, names: Sequence[str]) -> Runs:
    """Find the runs of rows that are alike in these columns."""
    differs = [pl.col(name).ne_missing(pl.col(name).shift(1)) for name in names]
    begins = frame.select(begins=pl.any_horizontal(*differs) | (pl.int_range(pl.len()) == 0)).to_series()
    first = begins.arg_true().cast(pl.Int64)
    last = first.shift(-1, fill_value=len(frame)) - 1
    return Runs(begins.cast(pl.Int64).cum_sum() - 1, first, last)

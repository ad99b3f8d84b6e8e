"""Order: rows that many texts name, sorted, joined and numbered by whole numbers.

To compare subscriptions, plans, prices and accounts row by row is most of what a close would cost. So each
value of a column is compared once, and its place among the others does the rest; in rows that are in order,
once a run: rows of one subscription, one invoice or one entry that follow each other.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import polars as pl

_WORD = 2**62
"""Places in several columns are packed into one whole number below this."""

_FEW = 10_000
"""Fewer rows than this are compared as they are: that is done before their places are known."""


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


def once_a_run(column: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Change the values of a column, once for each run of a value where runs are long."""
    heads, number = _heads(column)
    return change(heads) if number is None else change(heads).gather(number)


def _heads(column: pl.Series) -> tuple[pl.Series, pl.Series | None]:
    """Return the value of each run, and of each row its run; or, where runs are short, all values."""
    number = column.rle_id()
    if not len(column) or 2 * (int(number[-1]) + 1) > len(column):
        return column, None
    return column.filter(number.diff().fill_null(1) != 0), number


def in_order(frame: pl.DataFrame, names: Sequence[str], ties: Sequence[str] = ()) -> pl.DataFrame:
    """Sort rows by columns, and those that are alike in all of these by `ties`; others stay as they are."""
    if len(frame) < _FEW:
        return frame.sort(*names, *ties, maintain_order=True)
    words = _words([frame.select(names)])[0]
    order = _sorted(words)
    if ties and _has_equals(words, order):
        rest = [_places([frame[name]])[0][0] if _is_text(frame[name]) else frame[name] for name in ties]
        order = _sorted([*words, *rest])
    return frame[order]


def joined(left: pl.DataFrame, right: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """Join frames where they are alike in these columns, which hold no nulls, in the order of the left."""
    if len(left) < _FEW:
        return left.join(right, on=on, maintain_order="left")
    words = _words([left.select(on), right.select(on)])
    names = [f"word {number}" for number in range(len(words[0]))]
    left, right = (
        frame.with_columns(**dict(zip(names, own, strict=True)))
        for frame, own in zip((left, right.drop(on).with_columns(there=True)), words, strict=True)
    )
    found = left.join(right, on=names, how="left", maintain_order="left").drop(names)
    return (found.filter("there") if found["there"].null_count() else found).drop("there")


def _sorted(keys: Sequence[pl.Series]) -> pl.Series:
    """Return the order of rows by some keys; those that are alike in all stay as they are."""
    frame = pl.DataFrame({str(number): key for number, key in enumerate(keys)})
    return frame.select(pl.arg_sort_by(frame.columns, maintain_order=True)).to_series()


def _words(frames: Sequence[pl.DataFrame]) -> list[list[pl.Series]]:
    """Pack the places that rows have in all columns into few whole numbers, which are in the same order."""
    words: list[list[pl.Series]] = [[] for _ in frames]
    size = _WORD
    for name in frames[0].columns:
        places, count = _places([frame[name] for frame in frames])
        fits = bool(words[0]) and size * count <= _WORD
        for known, place in zip(words, places, strict=True):
            known.append(known.pop() * count + place if fits else place)
        size = size * count if fits else count
    return words


def _places(columns: Sequence[pl.Series]) -> tuple[list[pl.Series], int]:
    """Return of each value its place among those of all columns (null: 0), and a number above all places."""
    if _is_text(columns[0]):
        told = [_heads(column) for column in columns]
        known = pl.concat([heads for heads, _ in told]).unique().drop_nulls().sort()
        places = [
            (heads.cast(pl.Enum(known)).to_physical().cast(pl.Int64) + 1).fill_null(0) for heads, _ in told
        ]
        return [
            place if number is None else place.gather(number)
            for place, (_, number) in zip(places, told, strict=True)
        ], len(known) + 1
    whole = [column.to_physical().cast(pl.Int64) for column in columns]
    values = pl.concat(whole).drop_nulls()
    least, most = pl.select(least=values.min(), most=values.max()).row(0) if len(values) else (0, 0)
    return [(one - (least - 1)).fill_null(0) for one in whole], most - least + 2


def _is_text(column: pl.Series) -> bool:
    return column.dtype == pl.String


def _has_equals(words: Sequence[pl.Series], order: pl.Series) -> bool:
    ordered = pl.DataFrame([word.gather(order) for word in words])
    return bool(ordered.select(pl.all_horizontal(pl.all() == pl.all().shift(1)).any()).item())

"""Gaps: blank lines of CSV, which are no rows, but count as rows in an editor and a spreadsheet."""

import csv
import io
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress

from metering.intake.source import Source, opened

_CHUNK_BYTES = 1 << 24
_SIGNS = (b"\n\n", b"\n\r\n", b"\r\r")
_OVERLAP_BYTES = 2


def gaps(source: Source, delimiter: str) -> list[int]:
    """Return for each blank line of a file of CSV how many rows stand before it, in order.

    Most files have none, which one quick look at their bytes tells. What stands behind a cell that Python's
    own reader finds too long is not looked at.
    """
    if source.shape != "csv" or not _may_have_some(source):
        return []
    found, rows = list[int](), -1  # the header is no row
    with (
        opened(source.path) as file,
        io.TextIOWrapper(file, "utf-8-sig", newline="") as text,
        suppress(csv.Error),
    ):
        for record in csv.reader(text, delimiter=delimiter):
            if record:
                rows += 1
            else:
                found.append(rows)
    return found


def shift(before: Sequence[int], rows: int) -> int:
    """Return how many blank lines stand before the row that has so many rows before it."""
    return bisect_right(before, rows)


def _may_have_some(source: Source) -> bool:
    """Say whether two ends of lines follow each other, be it within quotes."""
    tail = b""
    with opened(source.path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            if any(sign in tail + chunk for sign in _SIGNS):
                return True
            tail = chunk[-_OVERLAP_BYTES:]
    return False

"""Golden ledgers: what a log came to under a price book, kept as text beside the tests and compared with.

A golden ledger is a directory with a CSV file a table, in the canonical order, so that a change shows in a
review line by line. What differs is told by row: its key, and each column before and after.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import polars as pl

from billing.schema import TABLES as KNOWN
from billing.schema import keys
from metering.document import Problem, Problems, did_you_mean

TABLES = ("invoice_lines", "payouts")
"""What is kept unless a test says otherwise: what customers are billed, and what partners are paid."""

SHOWN_MAX = 20
"""How many differences a failure lists; the rest is counted."""

_MATCHED = {
    "invoice_lines": (
        "month", "account", "subscription", "plan", "price", "kind", "dimensions", "starts_on",
    ),
}  # fmt: skip
"""What names a row for a reader where the key's numbers move as soon as a row comes or goes."""


class Difference(NamedTuple):
    """A row that is not as it was: its table and key, and (column, before, after), "" without a row."""

    table: str
    key: str
    columns: tuple[tuple[str, str, str], ...]
    kind: str

    def __str__(self) -> str:
        if self.kind != "changed":
            sign = {"missing": "-", "new": "+"}[self.kind]
            told = ", ".join(f"{name} {before or after}" for name, before, after in self.columns)
            return f"{sign} {self.table} {self.key}: {told}"
        told = ", ".join(f"{name} {before} → {after}" for name, before, after in self.columns)
        return f"~ {self.table} {self.key}: {told}"


def check_names(name: str, tables: Sequence[str]) -> None:
    """Check what a golden ledger is called and keeps. Raises Problems for a path, and for no table."""
    found = [
        Problem("golden", f"a ledger has no table {table!r}", did_you_mean(table, KNOWN))
        for table in tables
        if table not in KNOWN
    ]
    if Path(name).name != name:
        found.append(Problem("golden", f"{name!r} is no name", "write one word, which names a directory"))
    if found:
        raise Problems(found)


def text_of(frame: pl.DataFrame) -> str:
    """Write a table as a golden ledger keeps it: CSV, decimals without zeros that say nothing."""
    lines = StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows([_word(value) for value in row] for row in frame.iter_rows())
    return lines.getvalue()


def differences(name: str, before: str, after: str) -> list[Difference]:
    """Return how two texts of a table differ, row by row, in the order of their keys."""
    old, new = _rows(name, before), _rows(name, after)
    found = []
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key, []), new.get(key, [])
        for number in range(max(len(was), len(now))):
            one = was[number] if number < len(was) else {}
            other = now[number] if number < len(now) else {}
            if one != other:
                found.append(_difference(name, key, one, other))
    return found


def check(tables: Mapping[str, pl.DataFrame], directory: Path) -> list[Difference]:
    """Return how tables differ from a golden ledger. Raises FileNotFoundError where it keeps none of them."""
    found = []
    for name, frame in tables.items():
        kept = (directory / f"{name}.csv").read_text(encoding="utf-8")
        found += differences(name, kept, text_of(frame))
    return found


def update(tables: Mapping[str, pl.DataFrame], directory: Path) -> None:
    """Keep tables as the golden ledger."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        (directory / f"{name}.csv").write_text(text_of(frame), encoding="utf-8", newline="\n")


def report(found: Sequence[Difference], directory: Path) -> str:
    """Say what differs, for a failure's message: the first of it in full, and how much there is."""
    sums = [f"{name}: {_changes(found, name)}" for name in dict.fromkeys(one.table for one in found)]
    more = [f"... and {len(found) - SHOWN_MAX} more"] if len(found) > SHOWN_MAX else []
    head = f"the ledger is not as {directory.name} keeps it ({'; '.join(sums)})"
    tail = "if it should be so: pytest --update-golden"
    return "\n".join(
        [head, *(f"  {one}" for one in found[:SHOWN_MAX]), *(f"  {text}" for text in more), tail]
    )


def _changes(found: Sequence[Difference], name: str) -> str:
    kinds = [one.kind for one in found if one.table == name]
    counts = [f"{kinds.count(kind)} {kind}" for kind in ("changed", "new", "missing") if kind in kinds]
    delta = sum((_delta(one) for one in found if one.table == name), Decimal(0))
    return f"{', '.join(counts)}, {delta:+} in all"


def _delta(one: Difference) -> Decimal:
    amounts = [(before, after) for name, before, after in one.columns if name == "amount"]
    return sum((Decimal(after or 0) - Decimal(before or 0) for before, after in amounts), Decimal(0))


def _difference(
    name: str, key: tuple[str, ...], one: Mapping[str, str], other: Mapping[str, str]
) -> Difference:
    columns = tuple(
        (column, one.get(column, ""), other.get(column, ""))
        for column in {**one, **other}
        if one.get(column, "") != other.get(column, "")
    )
    kind = "changed" if one and other else "missing" if one else "new"
    return Difference(name, " ".join(part for part in key if part), columns, kind)


def _rows(name: str, text: str) -> dict[tuple[str, ...], list[dict[str, str]]]:
    """Read rows by their key; several may share one."""
    rows: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in csv.DictReader(StringIO(text)):
        key = tuple(_take(row, _MATCHED.get(name, tuple(keys(name)))))
        rows.setdefault(key, []).append(row)
    return rows


def _take(row: dict[str, str], names: Sequence[str]) -> Iterator[str]:
    """Take the key's columns out of a row, and those that only number it."""
    for name in ("invoice", "line_no"):
        if name not in names:
            row.pop(name, None)
    for name in names:
        yield row.pop(name, "")


def _word(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)

"""Identity: which events of a delivery are new, which are duplicates, and which conflict.

(source, id) names an event for ever, not for a window of days. The same name with the same content is a
duplicate and counts once; with other content it is a conflict, and the first one stands.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from metering.event import Event, encode

_CONTENT = ("subject", "meter", "occurred_at", "quantity", "dimensions")


class Conflict(NamedTuple):
    """An event that was refused, with the digests of the content that is kept and of its own."""

    source: str
    id: str
    kept: str
    refused: str


class Identities:
    """The names of every event that a log holds."""

    def __init__(self, facts: Sequence[Event], usage_files: Sequence[Path]) -> None:
        """Learn the names that are in a log already."""
        self._facts = {(event.source, event.id): event for event in facts}
        self._sources = dict.fromkeys(event.source for event in facts)
        self._usage = pl.Series("name", dtype=pl.UInt64)
        for path in usage_files:
            self._usage.append(_name_hashes(pl.read_parquet(path, columns=["source", "id"])))

    def new_facts(
        self, facts: Sequence[Event], files: Sequence[Path]
    ) -> tuple[list[Event], int, list[Conflict]]:
        """Part facts into new ones, a count of duplicates, and conflicts; remember the new ones.

        `files` hold the usage that is in the log: a name that usage has is taken.
        """
        facts, taken = self._not_usage(facts, files)
        new, duplicates, conflicts = self._parted(facts)
        self._sources.update(dict.fromkeys(event.source for event in new))
        return new, duplicates, taken + conflicts

    def _not_usage(self, facts: Sequence[Event], files: Sequence[Path]) -> tuple[list[Event], list[Conflict]]:
        """Part off the facts whose names usage has."""
        names = pl.DataFrame(
            {"source": [event.source for event in facts], "id": [event.id for event in facts]},
            schema={"source": pl.String, "id": pl.String},
        )
        doubtful = names.filter(_name_hashes(names).is_in(self._usage.implode()))
        if not len(doubtful):
            return list(facts), []
        found = [pl.read_parquet(path).join(doubtful, on=["source", "id"], how="semi") for path in files]
        taken = {(row["source"], row["id"]): row for part in found for row in part.iter_rows(named=True)}
        conflicts = [
            Conflict(event.source, event.id, _row_digest(taken[event.source, event.id]), _digest(event))
            for event in facts
            if (event.source, event.id) in taken
        ]
        return [event for event in facts if (event.source, event.id) not in taken], conflicts

    def _not_facts(self, usage: pl.DataFrame) -> tuple[pl.DataFrame, list[Conflict]]:
        """Part off the usage whose names facts have."""
        shared = [source for source in usage["source"].unique() if source in self._sources]
        if not shared:
            return usage, []
        rows = usage.filter(pl.col("source").is_in(shared))
        names = [name for name in rows.select("source", "id").iter_rows() if name in self._facts]
        if not names:
            return usage, []
        taken = pl.DataFrame(names, schema={"source": pl.String, "id": pl.String}, orient="row")
        conflicts = [
            Conflict(
                row["source"], row["id"], _digest(self._facts[row["source"], row["id"]]), _row_digest(row)
            )
            for row in usage.join(taken, on=["source", "id"], how="semi").iter_rows(named=True)
        ]
        return usage.join(taken, on=["source", "id"], how="anti", maintain_order="left"), conflicts

    def _parted(self, facts: Sequence[Event]) -> tuple[list[Event], int, list[Conflict]]:
        named = {(event.source, event.id): event for event in facts}
        if len(named) == len(facts) and named.keys().isdisjoint(self._facts):
            self._facts.update(named)
            return list(facts), 0, []
        new, duplicates, conflicts = [], 0, []
        for event in facts:
            name = (event.source, event.id)
            kept = self._facts.get(name)
            if kept is None:
                self._facts[name] = event
                new.append(event)
            elif kept[:5] == event[:5]:  # all but the instant at which it became known
                duplicates += 1
            else:
                conflicts.append(Conflict(event.source, event.id, _digest(kept), _digest(event)))
        return new, duplicates, conflicts

    def new_usage(
        self, usage: pl.DataFrame, files: Sequence[Path]
    ) -> tuple[pl.DataFrame, int, list[Conflict]]:
        """Part usage as `new_facts` does. `files` hold the usage that is in the log.

        Names are compared by hash; only where hashes meet are the rows themselves read and compared.
        """
        usage, taken = self._not_facts(usage)
        hashes = _name_hashes(usage)
        is_known = self._usage.is_in(hashes.implode())
        if hashes.n_unique() == len(hashes) and not is_known.any():
            self._usage.append(hashes)
            return usage, 0, taken
        doubtful = hashes.is_duplicated() | hashes.is_in(self._usage.filter(is_known).implode())
        kept, duplicates, conflicts = _compare(usage.filter(doubtful), files)
        usage = pl.concat([usage.filter(~doubtful), kept])
        self._usage.append(_name_hashes(usage))
        return usage, duplicates, taken + conflicts


def _compare(usage: pl.DataFrame, files: Sequence[Path]) -> tuple[pl.DataFrame, int, list[Conflict]]:
    """Decide about rows whose names may be known, by their names and contents in full."""
    names = usage.select("source", "id").unique()
    known = [
        pl.read_parquet(path).select(usage.columns).join(names, on=["source", "id"], how="semi")
        for path in files
    ]
    rows = pl.concat([*known, usage.sort("source", "id", *_CONTENT)])
    count_known = sum(map(len, known))
    rows = rows.with_columns(
        pl.concat_str([pl.col(name).cast(pl.String) for name in _CONTENT], separator="|", ignore_nulls=False)
        .map_elements(_text_digest, return_dtype=pl.String)
        .alias("_digest")
    ).with_columns(
        _kept=pl.col("_digest").first().over("source", "id"),
        _place=pl.int_range(pl.len()).over("source", "id"),
    )
    new = rows[count_known:]
    repeated = new.filter(pl.col("_place") > 0)
    conflicting = repeated.filter(pl.col("_digest") != pl.col("_kept"))
    conflicts = [
        Conflict(*row)
        for row in conflicting.select("source", "id", "_kept", "_digest")
        .sort("source", "id", "_digest")
        .iter_rows()
    ]
    return (
        new.filter(pl.col("_place") == 0).select(usage.columns),
        len(repeated) - len(conflicting),
        conflicts,
    )


def _name_hashes(usage: pl.DataFrame) -> pl.Series:
    return usage.select(name=pl.struct("source", "id").hash()).to_series()


def _digest(event: Event) -> str:
    return _text_digest(f"{event.type}|{event.subject}|{event.occurred_at.isoformat()}|{encode(event.data)}")


def _row_digest(row: dict[str, Any]) -> str:
    return _text_digest("|".join(str(row[name]) for name in _CONTENT))


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

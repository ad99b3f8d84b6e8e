"""The log: every event in the order it was recorded, append-only, in Parquet, one block a month.

    log/events/2026-01.parquet   business facts
    log/usage/2026-01.parquet    high-volume usage
    log/chain.jsonl              a line a block: counts, first position, sha256 of its files, and the head,
                                 which hashes the head before it; one edited bit breaks every later head

A block is written to its own files first and counts only once its line in the chain is on disk, so a process
that dies leaves a log that is valid up to its last whole block. `position` counts facts and usage together,
without a gap; within a block events are ordered by (occurred_at, source, id), however they arrived.

A block holds what became known in its month; `metering.known` tells a log by the time of occurrence instead.

An event is named by (source, id) for ever. The same name with the same content is a duplicate: counted, kept
once. With other content it is a conflict: refused, counted and kept in log/refused.jsonl to be shown.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import polars as pl

from metering import garbage
from metering.codec import decode_all, encode_all
from metering.delivery import USAGE_SCHEMA, check, count_late, delivered, event_order, extent, ordered
from metering.document import problem
from metering.event import TYPES, Event, UsageCorrected
from metering.identity import Conflict, Identities
from metering.period import Period, month_of

__all__ = (
    "FACT_SCHEMA", "GENESIS", "USAGE_FILE_SCHEMA", "USAGE_SCHEMA", "Block", "Fact", "Flaw", "Log",
    "event_order", "file_hash",
)  # fmt: skip

USAGE_FILE_SCHEMA = pl.Schema({"position": pl.Int64(), **USAGE_SCHEMA, "recorded_at": pl.Datetime("us")})
"""The columns of log/usage."""

FACT_SCHEMA = pl.Schema(
    {
        "position": pl.Int64(),
        "source": pl.String(),
        "id": pl.String(),
        "type": pl.String(),
        "subject": pl.String(),
        "occurred_at": pl.Datetime("us"),
        "recorded_at": pl.Datetime("us"),
        "data": pl.String(),
    }
)
"""The columns of log/events."""

GENESIS = "0" * 64
"""The head of an empty log."""


class Block(NamedTuple):
    """A line of the chain: what one month's block holds, and the head of the log after it.

    `late` counts events of earlier months, `corrections` facts that correct usage; the line leaves both out
    where there are none.
    """

    month: str
    first_position: int
    facts: int
    usage: int
    duplicates: int
    conflicts: int
    events_sha256: str
    usage_sha256: str
    head: str
    late: int = 0
    corrections: int = 0

    @property
    def line(self) -> dict[str, Any]:
        """The block as the chain keeps it."""
        fields = self._asdict()
        if not (self.late or self.corrections):
            del fields["late"], fields["corrections"]
        return fields

    @property
    def next_position(self) -> int:
        """The position after the block's last event."""
        return self.first_position + self.facts + self.usage


class Fact(NamedTuple):
    """A business fact and its place in the log."""

    position: int
    event: Event


class Flaw(NamedTuple):
    """What `Log.flaws` finds wrong: the block's month and the matter."""

    month: str
    message: str


class Log:
    """A log in a directory, with one writer."""

    def __init__(self, directory: Path, blocks: list[Block]) -> None:
        """Use `create` or `open`."""
        self.directory = directory
        self.blocks = blocks
        self._facts: dict[str, list[Fact]] = {}
        self._identities: Identities | None = None

    @classmethod
    def create(cls, directory: Path) -> Self:
        """Make an empty log. Raises Problems where there is one already."""
        if (directory / "chain.jsonl").exists():
            raise problem(str(directory), "holds a log already", "choose another directory")
        for name in ("events", "usage"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        (directory / "chain.jsonl").touch()
        return cls(directory, [])

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open a log to read it. A last chain line that a dying writer cut short does not count.

        Raises Problems where there is no log.
        """
        chain = directory / "chain.jsonl"
        if not chain.exists():
            raise problem(str(directory), "holds no log", "name a run directory, as saasim run prints it")
        lines = [
            line
            for line in chain.read_text(encoding="utf-8").splitlines(keepends=True)
            if line.endswith("\n")
        ]
        return cls(directory, [Block(**json.loads(line)) for line in lines])

    def copied(self, directory: Path) -> Self:
        """Return this log in a directory that holds a copy of it; its facts are not read a second time."""
        copy = type(self)(directory, list(self.blocks))
        copy._facts = self._facts  # noqa: SLF001 - of its own kind
        return copy

    @property
    def head(self) -> str:
        """The hash over everything in the log."""
        return self.blocks[-1].head if self.blocks else GENESIS

    @property
    def periods(self) -> list[Period]:
        """The months of the log's blocks, in order."""
        return [month_of(date.fromisoformat(f"{block.month}-01")) for block in self.blocks]

    @property
    def next_position(self) -> int:
        """The position that the next event gets."""
        return self.blocks[-1].next_position if self.blocks else 0

    @property
    def has_late(self) -> bool:
        """Whether something became known after the month in which it occurred."""
        return any(block.late for block in self.blocks)

    @property
    def has_corrections(self) -> bool:
        """Whether there are facts of kind usage.corrected."""
        return any(block.corrections for block in self.blocks)

    def append(self, period: Period, facts: Iterable[Event], usage: pl.DataFrame) -> Block:
        """Write what became known in a month as the next block and return it.

        `usage` has the columns of `metering.delivery.USAGE_SCHEMA` (or `LATE_SCHEMA`); single facts of kind
        usage.recorded join it. Raises Problems where the month is not the next one or an event became known
        outside of it: nothing is written then.
        """
        self._check_month(period)
        try:
            with garbage.kept():
                return self._append(period, facts, usage)
        except BaseException:
            self._identities = None  # what was not written is not known
            raise

    def facts(self, periods: Sequence[Period] | None = None) -> list[Fact]:
        """Return the business facts of some months (all by default), in the order of their positions."""
        return [fact for period in periods or self.periods for fact in self._facts_of(period)]

    def fact_frame(self, periods: Sequence[Period] | None = None) -> pl.DataFrame:
        """Return the business facts of some months (all by default) with the columns of `FACT_SCHEMA`."""
        files = [self._path("events", period) for period in periods or self.periods]
        return pl.read_parquet(files) if files else pl.DataFrame(schema=FACT_SCHEMA)

    def usage_files(self, periods: Sequence[Period] | None = None) -> list[Path]:
        """Return the Parquet files that hold the high-volume usage of some months (all by default)."""
        return [self._path("usage", period) for period in periods or self.periods]

    def usage_source(self, periods: Sequence[Period] | None = None) -> str:
        """Return SQL that reads the usage of some months (all by default), to stand after `from`."""
        files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in self.usage_files(periods))
        return f"read_parquet([{files}])"

    def refused(self) -> list[dict[str, Any]]:
        """Return every refused event: its name, and the digests of what is kept and what was refused."""
        path = self.directory / "refused.jsonl"
        return (
            [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            if path.exists()
            else []
        )

    def flaws(self) -> list[Flaw]:
        """Check every file against the chain, and the chain itself; an unharmed log has none."""
        flaws, head, position = [], GENESIS, 0
        for block, period in zip(self.blocks, self.periods, strict=True):
            for name, expected in (("events", block.events_sha256), ("usage", block.usage_sha256)):
                path = self._path(name, period)
                if not path.exists():
                    flaws.append(Flaw(block.month, f"{name} file is missing"))
                elif file_hash(path) != expected:
                    flaws.append(
                        Flaw(block.month, f"{name} file does not have the hash that the chain names")
                    )
            head = _head(head, block)
            if head != block.head:
                flaws.append(Flaw(block.month, "the chain is broken: its line was edited, removed or moved"))
                head = block.head
            if block.first_position != position:
                flaws.append(Flaw(block.month, f"position {position} is missing or taken twice"))
            position = block.next_position
        return flaws

    def _check_month(self, period: Period) -> None:
        last = self.periods[-1] if self.blocks else None
        if last and period.starts_on != last.ends_on:
            raise problem(
                str(self.directory),
                f"block {period.label} does not follow {last.label}",
                "append months in order",
            )

    def _path(self, name: str, period: Period) -> Path:
        return self.directory / name / f"{period.label}.parquet"

    def adopt(
        self,
        period: Period,
        facts: Iterable[Event],
        usage_file: Path | None,
        *,
        duplicates: int = 0,
        refused: Sequence[Conflict] = (),
    ) -> Block:
        """Make a file of usage the next block's own, and return the block: for more than memory holds.

        `usage_file` has the columns of `USAGE_FILE_SCHEMA`, is in the order of a block, and its positions
        begin at `next_position` plus the number of facts; it is moved. That no name is told twice, in it or
        in the log, is the caller's to see to, who says how many duplicates and conflicts there were. Raises
        Problems as `append` does, and for a file that is another.
        """
        self._check_month(period)
        told, single = delivered(facts, pl.DataFrame(schema=USAGE_SCHEMA))
        place = str(usage_file)
        if len(single):
            raise problem(place, "usage lies among the facts", "put all usage into the file")
        if usage_file is None:
            return self._append(period, told, single)
        rows = pl.scan_parquet(usage_file)
        if rows.collect_schema() != USAGE_FILE_SCHEMA:
            raise problem(place, f"has the columns {dict(rows.collect_schema())}", "see USAGE_FILE_SCHEMA")
        check(period, told, extent(rows, USAGE_FILE_SCHEMA), begins_at=self._begins_at(period))
        numbers = rows.select(pl.len(), low=pl.col("position").min(), high=pl.col("position").max())
        count, low, high = numbers.collect(engine="streaming").row(0)
        first = self.next_position + len(told)
        if count and (low, high) != (first, first + count - 1):
            raise problem(place, f"has the positions {low} to {high}", f"begin at {first}, without a gap")
        with usage_file.open("rb") as file:
            os.fsync(file.fileno())
        late = count_late(period, told, rows)
        usage_file.replace(self._path("usage", period))
        digest = file_hash(self._path("usage", period))
        self._identities = None  # these names are not known
        return self._chained(period, told, (count, digest), late=late, refused=refused, duplicates=duplicates)

    def _append(self, period: Period, events: Iterable[Event], usage: pl.DataFrame) -> Block:
        facts, usage = delivered(events, usage)
        check(period, facts, extent(usage.lazy(), usage.columns), begins_at=self._begins_at(period))
        if self._identities is None:
            self._identities = Identities([fact.event for fact in self.facts()], self.usage_files())
        facts, copies, refused = self._identities.new_facts(facts, self.usage_files())
        usage, more_copies, more_refused = self._identities.new_usage(usage, self.usage_files())
        usage = ordered(usage).with_row_index("position", offset=self.next_position + len(facts))
        known_at = "recorded_at" if "recorded_at" in usage.columns else "occurred_at"
        usage = usage.with_columns(pl.col("position").cast(pl.Int64), recorded_at=pl.col(known_at))
        return self._chained(
            period,
            facts,
            (len(usage), _write(usage.select(USAGE_FILE_SCHEMA.names()), self._path("usage", period))),
            late=count_late(period, facts, usage.lazy()),
            refused=refused + more_refused,
            duplicates=copies + more_copies,
        )

    def _begins_at(self, period: Period) -> datetime:
        return (self.periods[0] if self.blocks else period).starts_at

    def _chained(
        self,
        period: Period,
        facts: list[Event],
        usage: tuple[int, str],
        *,
        late: int,
        refused: Sequence[Conflict],
        duplicates: int,
    ) -> Block:
        """Write the facts beside usage (its count, and the hash of its file), and the line of the block."""
        first = self.next_position
        hashes = (_write(_fact_frame(facts, first), self._path("events", period)), usage[1])
        for row in refused:
            _append_line(self.directory / "refused.jsonl", {"month": period.label, **row._asdict()})
        counts = (first, len(facts), usage[0], duplicates, len(refused))
        corrections = sum(type(fact.data) is UsageCorrected for fact in facts)
        block = Block(period.label, *counts, *hashes, head="", late=late, corrections=corrections)
        block = block._replace(head=_head(self.head, block))
        _append_line(self.directory / "chain.jsonl", block.line)
        self.blocks.append(block)
        self._facts[period.label] = [Fact(first + number, event) for number, event in enumerate(facts)]
        return block

    def _facts_of(self, period: Period) -> list[Fact]:
        if period.label not in self._facts:
            frame = self.fact_frame([period])
            self._facts[period.label] = list(map(Fact, frame["position"], decode_all(frame)))
        return self._facts[period.label]


def file_hash(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fact_frame(facts: list[Event], first_position: int) -> pl.DataFrame:
    columns = {
        "position": range(first_position, first_position + len(facts)),
        "source": [fact.source for fact in facts],
        "id": [fact.id for fact in facts],
        "type": [TYPES[type(fact.data)] for fact in facts],
        "subject": [fact.subject for fact in facts],
        "occurred_at": [fact.occurred_at for fact in facts],
        "recorded_at": [fact.recorded_at or fact.occurred_at for fact in facts],
        "data": encode_all(facts),
    }
    return pl.DataFrame(columns, schema=FACT_SCHEMA)


def _write(frame: pl.DataFrame, path: Path) -> str:
    """Write a file of a block so that it is there whole or not at all, and return its hash."""
    partial = path.with_suffix(".partial")
    frame.write_parquet(partial, compression="zstd", compression_level=1)
    with partial.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    partial.replace(path)
    return digest


def _head(before: str, block: Block) -> str:
    """Hash a block's line, without its own head, together with the head before it."""
    values = [value for name, value in block.line.items() if name != "head"]
    return hashlib.sha256(f"{before}{json.dumps(values)}".encode()).hexdigest()


def _append_line(path: Path, row: dict[str, Any]) -> None:
    text = path.read_bytes() if path.exists() else b""
    if text and not text.endswith(b"\n"):  # a writer died here: what it left does not count
        os.truncate(path, text.rfind(b"\n") + 1)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
        file.flush()
        os.fsync(file.fileno())

"""The log: every event in the order it was recorded, append-only, in Parquet, one block a month.

    log/events/2026-01.parquet   business facts
    log/usage/2026-01.parquet    high-volume usage
    log/chain.jsonl              a line a block: counts, first position, sha256 of its files, and the head,
                                 which hashes the head before it; one edited bit breaks every later head

A block is written to its own files first and counts only once its line in the chain is on disk, so a process
that dies leaves a log that is valid up to its last whole block. `position` counts facts and usage together,
without a gap; within a block events are ordered by (occurred_at, source, id), however they arrived.

An event is named by (source, id) for ever. The same name with the same content is a duplicate: counted, kept
once. With other content it is a conflict: refused, counted and kept in log/refused.jsonl to be shown.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self

import polars as pl

from metering import garbage
from metering.codec import decode_all, encode_all
from metering.document import problem
from metering.event import QUANTITY_MAX, TYPES, Event, UsageRecorded, encode
from metering.identity import Identities
from metering.period import Period, month_of

USAGE_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "id": pl.String(),
        "subject": pl.String(),
        "meter": pl.String(),
        "occurred_at": pl.Datetime("us"),
        "quantity": pl.Decimal(38, 12),
        "dimensions": pl.String(),
    }
)
"""How high-volume usage travels: `subject` names the subscription, `dimensions` is a JSON object or empty."""

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
    """A line of the chain: what one month's block holds, and the head of the log after it."""

    month: str
    first_position: int
    facts: int
    usage: int
    duplicates: int
    conflicts: int
    events_sha256: str
    usage_sha256: str
    head: str

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

    @property
    def head(self) -> str:
        """The hash over everything in the log."""
        return self.blocks[-1].head if self.blocks else GENESIS

    @property
    def periods(self) -> list[Period]:
        """The months of the log's blocks, in order."""
        return [month_of(date.fromisoformat(f"{block.month}-01")) for block in self.blocks]

    def append(self, period: Period, facts: Iterable[Event], usage: pl.DataFrame) -> Block:
        """Write a month's events as the next block and return it.

        `usage` has the columns of `USAGE_SCHEMA`; single facts of kind usage.recorded join it. Raises
        Problems where the month is not the next one or an event lies outside of it: nothing is written then.
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

    def _append(self, period: Period, events: Iterable[Event], usage: pl.DataFrame) -> Block:
        facts, single = _separate(events)
        usage = pl.concat([usage, single]) if len(single) else usage
        _check_times(period, facts, usage)
        if self._identities is None:
            self._identities = Identities([fact.event for fact in self.facts()], self.usage_files())
        facts, copies, refused = self._identities.new_facts(facts, self.usage_files())
        usage, more_copies, more_refused = self._identities.new_usage(usage, self.usage_files())
        first = self.blocks[-1].next_position if self.blocks else 0
        frame = _fact_frame(facts, first)
        usage = _ordered(usage).with_row_index("position", offset=first + len(facts))
        usage = usage.with_columns(pl.col("position").cast(pl.Int64), recorded_at=pl.col("occurred_at"))
        hashes = (_write(frame, self._path("events", period)), _write(usage, self._path("usage", period)))
        for row in refused + more_refused:
            _append_line(self.directory / "refused.jsonl", {"month": period.label, **row._asdict()})
        duplicates, conflicts = copies + more_copies, len(refused) + len(more_refused)
        block = Block(period.label, first, len(facts), len(usage), duplicates, conflicts, *hashes, head="")
        block = block._replace(head=_head(self.head, block))
        _append_line(self.directory / "chain.jsonl", block._asdict())
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


def _separate(events: Iterable[Event]) -> tuple[list[Event], pl.DataFrame]:
    """Part single usage events from business facts; put facts in the order that a block keeps."""
    facts, usage = [], []
    for event in events:
        if type(event.data) is UsageRecorded:
            if not event.data.quantity.is_finite() or abs(event.data.quantity) > QUANTITY_MAX:
                place = f"usage {event.source} {event.id}"
                raise problem(place, f"{event.data.quantity} is no quantity", f"keep within {QUANTITY_MAX:f}")
            usage.append(
                (
                    event.source,
                    event.id,
                    event.subject,
                    event.data.meter,
                    event.occurred_at,
                    event.data.quantity,
                    event.data.dimensions,
                )
            )
        else:
            facts.append(event)
    if any(
        one.occurred_at >= other.occurred_at and event_order(one) > event_order(other)
        for one, other in pairwise(facts)
    ):
        facts.sort(key=event_order)
    return facts, pl.DataFrame(usage, schema=USAGE_SCHEMA, orient="row")


def event_order(event: Event) -> tuple[datetime, str, int, str, str, str, datetime]:
    """Return what events are ordered by: time, then name, where id 9 comes before id 10.

    Events of one time and name are duplicates or conflicts; their content decides which comes first.
    """
    known_at = event.recorded_at or event.occurred_at
    name = (event.occurred_at, event.source, len(event.id), event.id)
    return (*name, event.subject, f"{event.type} {encode(event.data)}", known_at)


def _check_times(period: Period, facts: list[Event], usage: pl.DataFrame) -> None:
    times = [facts[0].occurred_at, facts[-1].occurred_at] if facts else []
    if len(usage):
        first, last = usage.select(first=pl.col("occurred_at").min(), last=pl.col("occurred_at").max()).row(0)
        times += [first, last]
    for time in times:
        if not period.starts_at <= time < period.ends_at:
            raise problem(
                f"block {period.label}", f"an event occurred at {time}", "put it in the block of its month"
            )


def _ordered(usage: pl.DataFrame) -> pl.DataFrame:
    """Sort usage as a block keeps it; to see that it is sorted is several times cheaper than to sort it."""
    keys = ("occurred_at", "source", "id")
    time, source, key = (pl.col(name) > pl.col(name).shift() for name in keys)
    same_time, same_source = (pl.col(name) == pl.col(name).shift() for name in keys[:2])
    rising = usage.select((time | (same_time & (source | (same_source & key)))).slice(1).all()).item()
    return usage if rising else usage.sort(keys)


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
    return hashlib.sha256(f"{before}{json.dumps(block[:-1])}".encode()).hexdigest()


def _append_line(path: Path, row: dict[str, Any]) -> None:
    text = path.read_bytes() if path.exists() else b""
    if text and not text.endswith(b"\n"):  # a writer died here: what it left does not count
        os.truncate(path, text.rfind(b"\n") + 1)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
        file.flush()
        os.fsync(file.fileno())

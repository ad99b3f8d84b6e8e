"""Late events in a log: a block holds what became known in its month, `known` tells when it happened."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from metering.delivery import LATE_SCHEMA
from metering.document import Problems
from metering.frame import empty
from metering.identity import Conflict
from metering.known import Known, known
from metering.log import USAGE_FILE_SCHEMA, USAGE_SCHEMA, Log
from metering.usage import SPAN_SCHEMA, measure
from tests.ledgers import engine, expected, facts, record, rows, run_of

JANUARY, FEBRUARY, MARCH = run_of(3)
NOTHING = empty(USAGE_SCHEMA)

TOLD = """
    2026-01-10  acme    subscription.started  acme-1 pro 3
    2026-01-12  acme-1  usage.recorded        calls 10
    2026-02-03  acme-1  usage.recorded        calls 7
    2026-01-20>2026-02-04  acme    seats.changed         acme-1 5
    2026-01-21>2026-02-05  acme-1  usage.recorded        calls 4
    2026-01-22>2026-03-05  acme-1  usage.recorded        calls 2
    2026-01-12>2026-03-06  acme-1  usage.corrected       calls 8 "two retries" test/2
    2026-02-03>2026-03-06  acme-1  usage.corrected       calls -1 "one more"
"""


def late_usage(*told: tuple[str, str, str | None]) -> pl.DataFrame:
    """Make usage of calls: (id, when it occurred, when it became known)."""
    when = [
        (key, datetime.fromisoformat(at), known_at and datetime.fromisoformat(known_at))
        for key, at, known_at in told
    ]
    return pl.DataFrame(
        [("bulk", key, "acme-1", "calls", at, Decimal(1), "", known_at) for key, at, known_at in when],
        schema=LATE_SCHEMA,
        orient="row",
    )


def sums(log: Log, until: int | None) -> list[tuple[str, ...]]:
    """Measure each month with what was known at the end of a block (None: what came in time)."""
    view = known(log, None if until is None else log.periods[until])
    found = measure(engine(), view, meters={}, spans=empty(SPAN_SCHEMA), periods=log.periods)
    return rows(found.sort("month"), "month quantity events")


def test_a_late_event_lies_in_the_block_of_the_month_in_which_it_became_known(tmp_path: Path) -> None:
    """Positions stay gapless, a block keeps the order of occurrence, and the chain counts the late ones."""
    log = record(tmp_path, TOLD, 3)
    blocks = [
        (block.first_position, block.facts, block.usage, block.late, block.corrections)
        for block in log.blocks
    ]

    assert [(0, 1, 1, 0, 0), (2, 1, 2, 2, 0), (5, 2, 1, 3, 2)] == blocks
    assert ["2026-01-21", "2026-02-03"] == [
        f"{at:%Y-%m-%d}" for at in pl.read_parquet(log.usage_files([FEBRUARY]))["occurred_at"]
    ]
    assert [] == log.flaws() == Log.open(log.directory).flaws()
    assert log.blocks == Log.open(log.directory).blocks


def test_what_was_known_when(tmp_path: Path) -> None:
    """January is 10 calls in time, 14 by February's end; in March two more, and two retries are taken off."""
    log = record(tmp_path, TOLD, 3)

    assert expected("2026-01  10  1\n2026-02  7  1") == sums(log, None) == sums(log, 0)
    assert expected("2026-01  14  2\n2026-02  7  1") == sums(log, 1)
    assert expected("2026-01  14  3\n2026-02  6  2") == sums(log, 2)


def test_facts_are_told_in_the_order_of_time(tmp_path: Path) -> None:
    """What became known in February belongs to January, behind what came in time."""
    log = record(tmp_path, TOLD, 3)

    assert [0, 2] == [fact.position for fact in known(log, FEBRUARY).facts([JANUARY])]
    assert [0] == [fact.position for fact in known(log).facts([JANUARY])]
    assert [0, 2, 5] == sorted(known(log, MARCH).fact_frame([JANUARY])["position"])
    assert [] == known(log, MARCH, ["beta"]).facts()


def test_a_log_in_time_is_its_own_view(tmp_path: Path) -> None:
    """Where nothing is late nothing is filtered, and the chain says nothing of it."""
    log = record(tmp_path, TOLD.partition("2026-01-20>")[0], 2)

    assert known(log, FEBRUARY) is log
    assert isinstance(known(log, None, ["acme-1"]), Known)
    line = json.loads((log.directory / "chain.jsonl").read_text().splitlines()[0])
    assert "late" not in line
    assert "recorded_at" in pl.read_parquet(log.usage_files())


def test_late_usage_travels_with_the_instant_at_which_it_became_known(tmp_path: Path) -> None:
    """A frame may say it in a column of its own; without a value it became known when it occurred."""
    log = Log.create(tmp_path / "log")
    log.append(JANUARY, [], NOTHING)
    block = log.append(
        FEBRUARY,
        [],
        late_usage(("1", "2026-01-30", "2026-02-02"), ("2", "2026-02-03", None)),
    )

    assert (2, 1) == (block.usage, block.late)
    assert [2, 3] == [at.day for at in pl.read_parquet(log.usage_files([FEBRUARY]))["recorded_at"]]


def test_a_duplicate_may_come_in_a_later_month(tmp_path: Path) -> None:
    """What is told again, as known later, is counted and kept once."""
    log = Log.create(tmp_path / "log")
    log.append(JANUARY, [], late_usage(("1", "2026-01-30", None)))
    block = log.append(FEBRUARY, [], late_usage(("1", "2026-01-30", "2026-02-02")))

    assert (0, 1, 0) == (block.usage, block.duplicates, block.late)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (
            "2026-01-20>2026-03-02  acme  seats.changed  s 1",
            "occurred at 2026-03-02 12:00:00; put it in the block of",
        ),
        ("2026-01-20  acme  seats.changed  s 1", "or say with recorded_at that it became known in this one"),
        (
            "2025-12-31>2026-02-02  acme  seats.changed  s 1",
            "before the log begins; begin the log in its month",
        ),
        ("2025-12-31>2026-02-02  acme-1  usage.recorded  calls 1", "before the log begins"),
        (
            "2026-02-02  acme-1  usage.recorded  calls -1",
            "usage of -1.0+ is negative; record it as usage.corrected",
        ),
        ("2026-02-02  acme-1  usage.corrected  calls -1 ' '", "correction test 0: has no reason; say why"),
        (
            "2026-02-02  acme-1  usage.corrected  calls -1 x test/9",
            "test/9 cannot count -1; name what it counts",
        ),
    ],
)
def test_what_a_block_cannot_hold_is_a_problem(tmp_path: Path, told: str, message: str) -> None:
    """An event of another month, from before the log, or usage below zero: nothing is written then."""
    log = Log.create(tmp_path / "log")
    log.append(JANUARY, [], NOTHING)

    with pytest.raises(Problems, match=message):
        log.append(FEBRUARY, facts(told), NOTHING)
    assert 1 == len(Log.open(tmp_path / "log").blocks)


def usage_file(path: Path, first: int, frame: pl.DataFrame) -> Path:
    """Write a file as an importer does: ordered, with positions, nothing told twice."""
    known_at = pl.coalesce("recorded_at", "occurred_at")
    rows = frame.sort("occurred_at", "source", "id").with_row_index("position", offset=first)
    rows = rows.with_columns(pl.col("position").cast(pl.Int64), recorded_at=known_at)
    rows.select(USAGE_FILE_SCHEMA.names()).write_parquet(path)
    return path


def test_a_file_of_usage_is_adopted(tmp_path: Path) -> None:
    """An importer's file becomes the block's: read back, counted, chained, and gapless behind the facts."""
    frame = late_usage(("1", "2026-01-30", "2026-02-02"), ("2", "2026-02-03", None))
    appended, adopted = (Log.create(tmp_path / name) for name in ("a", "b"))
    seats = facts("2026-02-01  acme  seats.changed  s 1", source="ops")
    for log in (appended, adopted):
        log.append(JANUARY, facts("2026-01-10  acme  subscription.started  s pro"), NOTHING)
    appended.append(FEBRUARY, seats, frame)
    refused = [Conflict("bulk", "3", "a" * 16, "b" * 16)]
    path = usage_file(tmp_path / "x.parquet", adopted.next_position + 1, frame)
    block = adopted.adopt(FEBRUARY, seats, path, duplicates=4, refused=refused)

    assert (1, 2, 4, 1, 1) == (block.facts, block.usage, block.duplicates, block.conflicts, block.late)
    assert [] == Log.open(adopted.directory).flaws()
    one, two = (pl.read_parquet(log.usage_files([FEBRUARY])) for log in (appended, adopted))
    assert one.rows() == two.rows()
    assert ["3"] == [row["id"] for row in adopted.refused()]
    adopted.append(MARCH, [], NOTHING)
    assert [] == Log.open(adopted.directory).flaws()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (usage_file, "has the positions 5 to 6; begin at 2"),
        ("columns", "has the columns"),
        ("month", "an event occurred at 2026-03-03"),
    ],
)
def test_a_file_that_is_another_is_not_adopted(tmp_path: Path, frame: object, message: str) -> None:
    """Positions, columns and times are looked at; the file stays where it is."""
    log = Log.create(tmp_path / "log")
    log.append(
        JANUARY,
        facts("2026-01-10  acme  subscription.started  s pro\n2026-01-11  a  seats.changed  s 1"),
        NOTHING,
    )
    path = tmp_path / "x.parquet"
    day = "2026-03-03" if frame == "month" else "2026-02-03"
    told = late_usage(("1", day, None), ("2", day, None))
    if frame == "columns":
        told.write_parquet(path)
    else:
        usage_file(path, 2 if frame == "month" else 5, told)

    with pytest.raises(Problems, match=message):
        log.adopt(FEBRUARY, [], path)
    assert path.exists()
    assert 1 == len(log.blocks)

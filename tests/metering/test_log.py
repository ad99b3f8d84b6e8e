"""The log: append-only blocks of a month, gapless positions, and a chain that names what was edited."""

import random
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from metering.document import Problems
from metering.event import Event
from metering.frame import empty
from metering.log import FACT_SCHEMA, GENESIS, USAGE_SCHEMA, Log
from tests.ledgers import facts, record, run_of

JANUARY, FEBRUARY, MARCH = run_of(3)
NOTHING = empty(USAGE_SCHEMA)

QUARTER = """
    2026-01-10  acme    subscription.started  acme-1 pro 3
    2026-01-10  acme-1  usage.recorded        calls 10
    2026-01-20  acme-1  usage.recorded        calls 30
    2026-01-31T23:59:59.999999  acme  seats.changed  acme-1 5
    2026-02-01T00:00:00         acme  seats.changed  acme-1 4
    2026-02-03  acme-1  usage.recorded        calls 7
    2026-02-04  beta    lead.created          smb web
    2026-03-01  beta    account.signed_up     Beta b@example.com smb web
    2026-03-02  acme-1  usage.recorded        calls 1
    2026-03-03  acme-1  usage.recorded        calls 2
"""


def usage(*rows: tuple[str, str, str]) -> pl.DataFrame:
    """Make high-volume usage of meter calls: (id, instant, quantity)."""
    told = [("bulk", key, "acme-1", "calls", datetime.fromisoformat(t), Decimal(q), "") for key, t, q in rows]
    return pl.DataFrame(told, schema=USAGE_SCHEMA, orient="row")


def positions(log: Log) -> list[int]:
    """Return the position of everything in a log, block by block, facts before usage."""
    found = []
    for period in log.periods:
        found += [fact.position for fact in log.facts([period])]
        found += pl.read_parquet(log.usage_files([period]))["position"].to_list()
    return found


def tree(directory: Path) -> dict[str, bytes]:
    """Return every file below a directory with its bytes."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_a_new_log_is_empty(tmp_path: Path) -> None:
    """No blocks, no facts, the head of nothing."""
    log = Log.create(tmp_path / "log")

    assert ([], [], GENESIS, [], []) == (log.periods, log.facts(), log.head, log.flaws(), log.refused())
    assert FACT_SCHEMA == log.fact_frame().schema


def test_a_log_is_not_made_twice(tmp_path: Path) -> None:
    """An existing log is never overwritten."""
    Log.create(tmp_path)

    with pytest.raises(Problems, match="holds a log already; choose another directory"):
        Log.create(tmp_path)


def test_a_directory_without_a_log_is_a_problem(tmp_path: Path) -> None:
    """The message names the directory and says what to name instead."""
    with pytest.raises(Problems, match=r"nowhere: holds no log; name a run directory"):
        Log.open(tmp_path / "nowhere")


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    """A log that is opened has the blocks, the facts and the head of the one that was written."""
    written = record(tmp_path, QUARTER, 3)
    opened = Log.open(tmp_path / "log")

    assert (written.blocks, written.head) == (opened.blocks, opened.head)
    assert [fact.event.data for fact in written.facts()] == [fact.event.data for fact in opened.facts()]
    assert ["2026-01", "2026-02", "2026-03"] == [period.label for period in opened.periods]
    assert [2, 2, 1] == [len(opened.facts([period])) for period in opened.periods]
    assert [] == opened.flaws()


def test_positions_have_no_gap(tmp_path: Path) -> None:
    """Facts and usage are numbered together, from 0, without a gap, over all blocks."""
    log = record(tmp_path, QUARTER, 3)

    assert list(range(10)) == positions(log)
    assert [(0, 4), (4, 7), (7, 10)] == [(block.first_position, block.next_position) for block in log.blocks]


def test_a_fact_that_is_not_recorded_later_is_recorded_when_it_happens(tmp_path: Path) -> None:
    """`recorded_at` is `occurred_at` where the fact names no other instant."""
    late = facts("2026-01-10  acme  seats.changed  s 1")[0]._replace(
        id="late",
        recorded_at=datetime(2026, 1, 12),  # noqa: DTZ001
    )
    log = record(tmp_path, [*facts("2026-01-10  acme  seats.changed  s 1"), late], 1)

    assert [("0", 10), ("late", 12)] == [
        (key, at.day) for key, at in log.fact_frame().select("id", "recorded_at").iter_rows()
    ]


def test_the_order_of_arrival_does_not_matter(tmp_path: Path) -> None:
    """Any permutation of a month's events gives the same bytes in every file of the log."""
    rng = random.Random(11)
    told = facts(QUARTER)
    bulk = usage(*((str(n), f"2026-01-{n % 28 + 1:02}T08:00:00", str(n)) for n in range(200)))
    trees = []
    for number in range(4):
        log = Log.create(tmp_path / str(number))
        here = [event for event in told if JANUARY.holds(event.occurred_at.date())]
        log.append(JANUARY, rng.sample(here, len(here)), bulk.sample(fraction=1, shuffle=True, seed=number))
        trees.append(tree(log.directory))

    assert trees[0] == trees[1] == trees[2] == trees[3]


def test_facts_are_kept_by_time_then_source_then_id(tmp_path: Path) -> None:
    """Of facts at one instant the source decides, then the id, where 9 comes before 10."""
    (one,) = facts("2026-01-10  acme  seats.changed  s 1")
    names = [("b", "1"), ("a", "10"), ("a", "9")]
    log = record(tmp_path, [one._replace(source=source, id=key) for source, key in names], 1)

    assert [("a", "9"), ("a", "10"), ("b", "1")] == [
        (fact.event.source, fact.event.id) for fact in log.facts()
    ]


def test_single_usage_joins_the_bulk(tmp_path: Path) -> None:
    """A fact of kind usage.recorded is usage: it is in the usage file, by its time, and in no fact."""
    log = Log.create(tmp_path)
    block = log.append(
        JANUARY,
        facts("2026-01-15  acme-1  usage.recorded  calls 5"),
        usage(("x", "2026-01-10T00:00:00", "1"), ("y", "2026-01-20T00:00:00", "2")),
    )

    assert (0, 3) == (block.facts, block.usage)
    assert [1, 5, 2] == pl.read_parquet(log.usage_files())["quantity"].to_list()


OUTSIDE = [
    ("2025-12-31T23:59:59.999999", "before the month"),
    ("2026-02-01T00:00:00", "the first instant after the month"),
]


@pytest.mark.parametrize(("when", "why"), OUTSIDE, ids=[why for _, why in OUTSIDE])
@pytest.mark.parametrize("kind", ["fact", "single usage", "bulk usage"])
def test_an_event_outside_of_the_month_is_refused_and_nothing_is_written(
    tmp_path: Path, when: str, why: str, kind: str
) -> None:
    """One such event refuses the block whole; the same events can be appended once it is gone."""
    log = Log.create(tmp_path)
    good = facts("2026-01-15  acme  seats.changed  acme-1 5\n2026-01-15  acme-1  usage.recorded  calls 5")
    bad: list[Event] = {
        "fact": facts(f"{when}  acme  seats.changed  acme-1 6", source="bad"),
        "single usage": facts(f"{when}  acme-1  usage.recorded  calls 6", source="bad"),
    }.get(kind, [])
    bulk = usage(("1", when, "1")) if kind == "bulk usage" else NOTHING
    before = tree(tmp_path)

    with pytest.raises(
        Problems, match=r"block 2026-01: an event occurred at .*; put it in the block of its month"
    ):
        log.append(JANUARY, [*good, *bad], bulk)

    assert before == tree(tmp_path)
    assert (1, 1, 0) == log.append(JANUARY, good, NOTHING)[2:5]


@pytest.mark.parametrize("period", [JANUARY, MARCH], ids=["again", "one left out"])
def test_blocks_follow_each_other(tmp_path: Path, period: object) -> None:
    """After January comes February: not January again, not March."""
    log = record(tmp_path, "2026-01-15  acme  seats.changed  acme-1 5", 1)

    with pytest.raises(Problems, match=r"block 2026-0\d does not follow 2026-01; append months in order"):
        log.append(JANUARY if period is JANUARY else MARCH, [], NOTHING)


def test_a_month_without_events_is_a_block(tmp_path: Path) -> None:
    """Nothing happened is known too, and the chain goes on."""
    log = record(tmp_path, "2026-03-15  acme  seats.changed  acme-1 5", 3)

    assert [0, 0, 1] == [block.facts for block in log.blocks]
    assert 3 == len({block.head for block in log.blocks})
    assert [0] == positions(log)
    assert [] == Log.open(log.directory).flaws()


def test_a_log_may_begin_in_any_month(tmp_path: Path) -> None:
    """The first block decides."""
    log = record(tmp_path, "2031-12-31  acme  seats.changed  acme-1 5", 2, first="2031-12")

    assert ["2031-12", "2032-01"] == [period.label for period in log.periods]


def test_equal_logs_have_equal_bytes(tmp_path: Path) -> None:
    """Two logs of the same facts are the same, file by file."""
    one, two = (record(tmp_path / name, QUARTER, 3) for name in ("one", "two"))

    assert tree(one.directory) == tree(two.directory)


@pytest.mark.parametrize("kept", [1, 40, -1], ids=["its first letter", "a part", "all but the line's end"])
def test_a_chain_line_that_was_cut_short_does_not_count(tmp_path: Path, kept: int) -> None:
    """A writer that died in its last line leaves a log that is valid up to the block before."""
    log = record(tmp_path, QUARTER, 3)
    path = log.directory / "chain.jsonl"
    *whole, last = path.read_text().splitlines(keepends=True)
    path.write_text("".join(whole) + last[:kept])
    opened = Log.open(log.directory)

    assert log.blocks[:2] == opened.blocks
    assert [] == opened.flaws()
    assert list(range(7)) == positions(opened)


def test_a_log_goes_on_after_a_line_that_was_cut_short(tmp_path: Path) -> None:
    """What a dying writer left in the chain does not spoil the lines that are appended later."""
    log = record(tmp_path, QUARTER, 3)
    path = log.directory / "chain.jsonl"
    path.write_text(path.read_text()[:-40])
    opened = Log.open(log.directory)
    opened.append(
        MARCH, [event for event in facts(QUARTER) if MARCH.holds(event.occurred_at.date())], NOTHING
    )

    assert log.blocks == Log.open(log.directory).blocks


def test_files_without_a_line_in_the_chain_do_not_count(tmp_path: Path) -> None:
    """A writer that died before its chain line leaves files that nobody reads."""
    log = record(tmp_path, QUARTER, 3)
    path = log.directory / "chain.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    opened = Log.open(log.directory)

    assert (2, [], 3) == (len(opened.blocks), opened.flaws(), len(opened.facts()) - 1)
    assert 2 == len(opened.usage_files())


def test_a_log_that_is_opened_again_goes_on(tmp_path: Path) -> None:
    """Positions, chain and the memory of names go on where the last writer stopped."""
    whole = record(tmp_path / "whole", QUARTER, 3)
    told = facts(QUARTER)
    for number, period in enumerate(run_of(3)):
        log = Log.open(tmp_path / "parts") if number else Log.create(tmp_path / "parts")
        log.append(period, [event for event in told if period.holds(event.occurred_at.date())], NOTHING)

    assert tree(whole.directory) == tree(tmp_path / "parts")


@pytest.mark.parametrize("quantity", ["NaN", "Infinity", "1e26", "1e30"])
def test_a_quantity_that_no_column_holds_is_refused(tmp_path: Path, quantity: str) -> None:
    """What is no number, or larger than the log can write, is refused at the door and never becomes null."""
    with pytest.raises(Problems):
        record(tmp_path, f"2026-01-15  acme-1  usage.recorded  calls {quantity}", 1)


@pytest.mark.parametrize(
    "bad",
    [
        "acme  money.spent  adverts NaN",
        "acme-1  usage.recorded  calls NaN",
    ],
)
def test_a_refused_block_can_be_appended_once_it_is_mended(tmp_path: Path, bad: str) -> None:
    """What was refused leaves no memory: the same events without the bad one are new."""
    log = Log.create(tmp_path)
    good = facts("2026-01-15  acme  seats.changed  acme-1 5\n2026-01-15  acme-1  usage.recorded  calls 5")
    with pytest.raises(Problems):
        log.append(JANUARY, [*good, *facts(f"2026-01-15  {bad}", source="bad")], NOTHING)

    assert (1, 1, 0) == log.append(JANUARY, good, NOTHING)[2:5]


def test_an_amount_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """A cost of NaN is refused at the door; nothing after it could book it."""
    with pytest.raises(Problems):
        record(tmp_path, "2026-01-15  acme  money.spent  adverts NaN", 1)

"""The chain: a hash over every block that names what was edited, removed, added or moved."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from metering.log import Log, _head, file_hash
from tests.ledgers import record

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


def test_the_chain_hashes_the_files(tmp_path: Path) -> None:
    """Each line of the chain holds the sha256 of its two files."""
    log = record(tmp_path, QUARTER, 3)

    for block in log.blocks:
        assert block.events_sha256 == file_hash(log.directory / "events" / f"{block.month}.parquet")
        assert block.usage_sha256 == file_hash(log.directory / "usage" / f"{block.month}.parquet")


def _rows(change: Callable[[pl.DataFrame], pl.DataFrame], name: str) -> Callable[[Path], None]:
    def tamper(directory: Path) -> None:
        path = directory / name / "2026-02.parquet"
        change(pl.read_parquet(path)).write_parquet(path, compression="zstd", compression_level=1)

    return tamper


def _bytes(change: Callable[[bytes], bytes], name: str = "events/2026-02.parquet") -> Callable[[Path], None]:
    def tamper(directory: Path) -> None:
        (directory / name).write_bytes(change((directory / name).read_bytes()))

    return tamper


def _swap(directory: Path) -> None:
    one, two = (directory / "events" / f"2026-0{n}.parquet" for n in (2, 3))
    first = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(first)


TAMPER = {  # what is done to February
    "a fact is edited": _rows(
        lambda rows: rows.with_columns(pl.col("data").str.replace('"seats":4', '"seats":5')), "events"
    ),
    "a fact is removed": _rows(lambda rows: rows.head(1), "events"),
    "a fact is added": _rows(lambda rows: pl.concat([rows, rows.tail(1)]), "events"),
    "facts are swapped": _rows(lambda rows: rows.reverse(), "events"),
    "usage is edited": _rows(lambda rows: rows.with_columns(pl.col("quantity") + 1), "usage"),
    "usage is removed": _rows(lambda rows: rows.clear(), "usage"),
    "usage is added": _rows(lambda rows: pl.concat([rows, rows]), "usage"),
    "one bit is flipped": _bytes(lambda old: old[:200] + bytes([old[200] ^ 1]) + old[201:]),
    "a file is cut short": _bytes(lambda old: old[:-1]),
    "a file is emptied": _bytes(lambda old: b"", "usage/2026-02.parquet"),
    "a file is deleted": lambda directory: (directory / "usage/2026-02.parquet").unlink(),
}


@pytest.mark.parametrize("tamper", TAMPER.values(), ids=list(TAMPER))
def test_the_chain_names_the_block_that_was_tampered_with(
    tmp_path: Path, tamper: Callable[[Path], None]
) -> None:
    """Whatever is done to the files of February, February is named, and no other month."""
    log = record(tmp_path, QUARTER, 3)
    tamper(log.directory)

    assert ["2026-02"] == [flaw.month for flaw in Log.open(log.directory).flaws()]


def test_files_that_are_swapped_are_both_named(tmp_path: Path) -> None:
    """February's file in March's place and March's in February's."""
    log = record(tmp_path, QUARTER, 3)
    _swap(log.directory)

    assert ["2026-02", "2026-03"] == [flaw.month for flaw in log.flaws()]


def _lines(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def tamper(directory: Path) -> None:
        path = directory / "chain.jsonl"
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    return tamper


def _edit(line: str, **fields: object) -> str:
    return json.dumps(json.loads(line) | fields) + "\n"


CHAIN = {  # what is done to the chain, and the first month that is named
    "a count is edited": (_lines(lambda x: [x[0], _edit(x[1], conflicts=1), x[2]]), "2026-02"),
    "a position is edited": (_lines(lambda x: [x[0], _edit(x[1], first_position=5), x[2]]), "2026-02"),
    "a hash is edited": (_lines(lambda x: [x[0], _edit(x[1], usage_sha256="0" * 64), x[2]]), "2026-02"),
    "a head is edited": (_lines(lambda x: [x[0], _edit(x[1], head="0" * 64), x[2]]), "2026-02"),
    "the first line is removed": (_lines(lambda x: x[1:]), "2026-02"),
    "a line is removed": (_lines(lambda x: [x[0], x[2]]), "2026-03"),
    "a line is doubled": (_lines(lambda x: [x[0], x[1], x[1], x[2]]), "2026-02"),
    "lines are swapped": (_lines(lambda x: [x[0], x[2], x[1]]), "2026-03"),
}


@pytest.mark.parametrize(("tamper", "month"), CHAIN.values(), ids=list(CHAIN))
def test_the_chain_protects_itself(tmp_path: Path, tamper: Callable[[Path], None], month: str) -> None:
    """An edited, removed, doubled or moved line of the chain is named by the month where it shows."""
    log = record(tmp_path, QUARTER, 3)
    tamper(log.directory)
    flaws = Log.open(log.directory).flaws()

    assert flaws
    assert month == flaws[0].month


def test_another_month_gives_another_head(tmp_path: Path) -> None:
    """The head is a hash over everything: one unit more of one usage event is another log."""
    one, two = (
        record(tmp_path / name, text, 3)
        for name, text in (("one", QUARTER), ("two", QUARTER.replace("calls 10", "calls 11")))
    )

    assert all(a.head != b.head for a, b in zip(one.blocks, two.blocks, strict=True))


def test_a_gap_in_the_positions_is_a_flaw_even_where_the_hashes_agree(tmp_path: Path) -> None:
    """A chain that was written anew with a hole in its positions is hashed right, and still not gapless."""
    log = record(tmp_path, QUARTER, 3)
    head, forged = log.blocks[0].head, [log.blocks[0]]
    for block in log.blocks[1:]:
        moved = block._replace(first_position=block.first_position + 1)
        head = _head(head, moved)
        forged.append(moved._replace(head=head))
    text = "".join(json.dumps(block._asdict()) + "\n" for block in forged)
    (log.directory / "chain.jsonl").write_text(text)

    assert [("2026-02", "position 4 is missing or taken twice")] == Log.open(log.directory).flaws()

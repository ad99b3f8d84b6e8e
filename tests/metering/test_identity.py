"""Identity: (source, id) names an event for ever; duplicates count once, conflicts are refused and shown."""

import random
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from metering import identity
from metering.event import Event
from metering.frame import empty
from metering.log import USAGE_SCHEMA, Block, Log
from tests.ledgers import facts, run_of

JANUARY, FEBRUARY = run_of(2)
NOTHING = empty(USAGE_SCHEMA)

Row = tuple[str, str, str, str, datetime, Decimal, str]
ROW: Row = ("bulk", "1", "acme-1", "calls", datetime(2026, 1, 10), Decimal(5), '{"region":"eu"}')  # noqa: DTZ001

OTHERS: list[tuple[str, dict[int, Any]]] = [
    ("subject", {2: "beta-1"}),
    ("meter", {3: "tokens"}),
    ("instant", {4: datetime(2026, 1, 10, 0, 0, 1)}),  # noqa: DTZ001
    ("quantity", {5: Decimal("5.000000000001")}),
    ("dimensions", {6: '{"region":"us"}'}),
]

FACTS = [  # the same name, another content
    "2026-01-10            acme  seats.changed  acme-1 6",
    "2026-01-10            beta  seats.changed  acme-1 5",
    "2026-01-10T12:00:01   acme  seats.changed  acme-1 5",
    "2026-01-10            acme  add_on.bought  acme-1 5",
]


def bulk(*rows: Row) -> pl.DataFrame:
    """Make a frame of usage."""
    return pl.DataFrame(list(rows), schema=USAGE_SCHEMA, orient="row")


def other(change: dict[int, Any]) -> Row:
    """Return the row with other values in some columns."""
    row: Any = tuple(change.get(number, value) for number, value in enumerate(ROW))
    return row  # type: ignore[no-any-return]


def fact(line: str, key: str = "1") -> Event:
    """Read one fact and give it a name."""
    return facts(line)[0]._replace(id=key)


SEATS = fact("2026-01-10  acme  seats.changed  acme-1 5")


def received(block: Block) -> int:
    """Return how many events a block accounts for."""
    return block.facts + block.usage + block.duplicates + block.conflicts


def test_a_fact_that_is_delivered_twice_counts_once(tmp_path: Path) -> None:
    """Within one delivery, three times the same is one fact and two duplicates."""
    block = Log.create(tmp_path).append(JANUARY, [SEATS, SEATS, SEATS], NOTHING)

    assert (1, 2, 0) == (block.facts, block.duplicates, block.conflicts)


def test_usage_that_is_delivered_twice_counts_once(tmp_path: Path) -> None:
    """Within one delivery, in bulk and as a single fact, the same is the same."""
    single = fact("""2026-01-10T00:00:00  acme-1  usage.recorded  calls 5 '{"region":"eu"}'""")
    block = Log.create(tmp_path).append(JANUARY, [single._replace(source="bulk")], bulk(ROW, ROW))

    assert (1, 2, 0) == (block.usage, block.duplicates, block.conflicts)


@pytest.mark.parametrize("line", FACTS, ids=["field", "subject", "instant", "type"])
def test_a_fact_with_a_known_name_and_another_content_is_refused(tmp_path: Path, line: str) -> None:
    """Whatever differs, one of the two is kept, the other is refused, counted and shown with both digests."""
    log = Log.create(tmp_path)
    block = log.append(JANUARY, [SEATS, fact(line)], NOTHING)
    (shown,) = log.refused()

    assert (1, 0, 1) == (block.facts, block.duplicates, block.conflicts)
    assert [kept.event for kept in log.facts()] in ([SEATS], [fact(line)])
    assert ("2026-01", "test", "1") == (shown["month"], shown["source"], shown["id"])
    assert shown["kept"] != shown["refused"]


@pytest.mark.parametrize("change", [change for _, change in OTHERS], ids=[name for name, _ in OTHERS])
def test_usage_with_a_known_name_and_another_content_is_refused(
    tmp_path: Path, change: dict[int, Any]
) -> None:
    """Whatever differs, one of the two is kept, the other is refused, counted and shown."""
    log = Log.create(tmp_path)
    block = log.append(JANUARY, [], bulk(ROW, other(change)))
    (shown,) = log.refused()

    assert (1, 0, 1) == (block.usage, block.duplicates, block.conflicts)
    assert ("2026-01", "bulk", "1") == (shown["month"], shown["source"], shown["id"])
    assert shown["kept"] != shown["refused"]


def test_a_name_is_taken_for_ever(tmp_path: Path) -> None:
    """A fact and usage of February with names of January are refused, also after the log was opened again."""
    Log.create(tmp_path).append(JANUARY, [SEATS], bulk(ROW))
    log = Log.open(tmp_path)
    block = log.append(
        FEBRUARY,
        [fact("2026-02-10  acme  seats.changed  acme-1 5")],
        bulk(other({4: datetime(2026, 2, 10)})),  # noqa: DTZ001
    )

    assert (0, 0, 0, 2) == (block.facts, block.usage, block.duplicates, block.conflicts)
    assert ["2026-02", "2026-02"] == [row["month"] for row in log.refused()]
    assert 2 == block.next_position


def test_a_name_is_a_source_and_an_id_together(tmp_path: Path) -> None:
    """The same id of another source, and another id of the same source, are other events."""
    block = Log.create(tmp_path).append(
        JANUARY,
        [SEATS, SEATS._replace(source="other"), SEATS._replace(id="2")],
        bulk(ROW, other({0: "another"}), other({1: "2"})),
    )

    assert (3, 3, 0, 0) == (block.facts, block.usage, block.duplicates, block.conflicts)


def test_a_fact_and_usage_cannot_share_a_name(tmp_path: Path) -> None:
    """(source, id) names one event, whatever kind it is: the second of the two is refused."""
    block = Log.create(tmp_path).append(JANUARY, [SEATS], bulk(other({0: SEATS.source, 1: SEATS.id})))

    assert (1, 1) == (block.facts + block.usage, block.conflicts)


def test_a_refused_event_takes_no_position(tmp_path: Path) -> None:
    """Positions stay gapless over duplicates and conflicts."""
    log = Log.create(tmp_path)
    log.append(
        JANUARY, [SEATS, SEATS, fact(FACTS[0]), SEATS._replace(id="2")], bulk(ROW, ROW, other({1: "2"}))
    )

    assert [0, 1] == [kept.position for kept in log.facts()]
    assert [2, 3] == pl.read_parquet(log.usage_files())["position"].to_list()


def test_re_delivery_changes_no_byte(tmp_path: Path) -> None:
    """A month that is delivered three times over, shuffled, gives the files of one delivery."""
    rng = random.Random(5)
    told = [SEATS._replace(id=str(n)) for n in range(20)]
    rows = [other({1: str(n), 5: Decimal(n)}) for n in range(50)]
    once = Log.create(tmp_path / "once").append(JANUARY, told, bulk(*rows))
    thrice = Log.create(tmp_path / "thrice").append(
        JANUARY, rng.sample(told * 3, 60), bulk(*rng.sample(rows * 3, 150))
    )

    assert (once.events_sha256, once.usage_sha256) == (thrice.events_sha256, thrice.usage_sha256)
    assert (once.facts, once.usage, 140) == (thrice.facts, thrice.usage, thrice.duplicates)


def test_order_does_not_decide_which_usage_stands(tmp_path: Path) -> None:
    """Of conflicting usage in one delivery the same one is kept, however the delivery is ordered."""
    rows = [ROW, other({5: Decimal(6)}), other({5: Decimal(7)})]

    assert 1 == len(_hashes(tmp_path, [([], bulk(*some)) for some in permutations(rows)]))


def test_order_does_not_decide_which_fact_stands(tmp_path: Path) -> None:
    """Of conflicting facts in one delivery the same one is kept, however the delivery is ordered."""
    told = [SEATS, fact(FACTS[0]), fact(FACTS[1])]

    assert 1 == len(_hashes(tmp_path, [(some, NOTHING) for some in permutations(told)]))


def test_when_a_duplicate_became_known_does_not_decide_either(tmp_path: Path) -> None:
    """Two reports of one fact differ in `recorded_at` alone: duplicates, and order changes no byte."""
    told = [SEATS, SEATS._replace(recorded_at=datetime(2026, 1, 20))]  # noqa: DTZ001

    assert 1 == len(_hashes(tmp_path, [(some, NOTHING) for some in permutations(told)]))


def _hashes(
    directory: Path, deliveries: Sequence[tuple[Sequence[Event], pl.DataFrame]]
) -> set[tuple[str, str]]:
    found = set()
    for number, (told, rows) in enumerate(deliveries):
        block = Log.create(directory / str(number)).append(JANUARY, told, rows)
        found.add((block.events_sha256, block.usage_sha256))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_every_fact_that_is_received_is_accounted_for(tmp_path: Path, seed: int) -> None:
    """Accepted + duplicates + conflicts = received, for random deliveries of few names and contents."""
    rng = random.Random(seed)
    log, count = Log.create(tmp_path), 0
    for period in (JANUARY, FEBRUARY):
        told = [
            fact(
                f"{period.label}-1{rng.randrange(3)}  acme  seats.changed  s {rng.randrange(3)}",
                str(rng.randrange(30)),
            )
            for _ in range(100)
        ]
        count += len(told)
        log.append(period, told, NOTHING)

    assert count == sum(map(received, log.blocks))
    assert sum(block.conflicts for block in log.blocks) == len(log.refused())


def _random_usage(rng: random.Random, *, contents: int) -> pl.DataFrame:
    return bulk(
        *(other({1: str(rng.randrange(40)), 5: Decimal(rng.randrange(contents))}) for _ in range(100))
    )


@pytest.mark.parametrize("seed", range(3))
def test_all_usage_that_is_received_is_accounted_for(tmp_path: Path, seed: int) -> None:
    """Accepted + duplicates + conflicts = received, where conflicting events come twice, too."""
    block = Log.create(tmp_path).append(JANUARY, [], _random_usage(random.Random(seed), contents=2))

    assert 100 == received(block)


@pytest.mark.parametrize("seed", range(3))
def test_names_are_compared_in_full_where_their_hashes_meet(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a hash that is the same for every name the same events are kept, and the same ones refused."""
    rows = _random_usage(random.Random(seed), contents=3)
    later = rows.with_columns(pl.col("occurred_at").dt.offset_by("1mo"))
    fair = Log.create(tmp_path / "fair")
    fair.append(JANUARY, [], rows)
    fair.append(FEBRUARY, [], later)
    monkeypatch.setattr(
        identity, "_name_hashes", lambda usage: pl.Series("name", [7] * len(usage), dtype=pl.UInt64)
    )
    poor = Log.create(tmp_path / "poor")
    poor.append(JANUARY, [], rows)
    poor.append(FEBRUARY, [], later)

    assert fair.blocks == poor.blocks
    assert fair.refused() == poor.refused()
    assert (0, 0) == (poor.blocks[1].usage, poor.blocks[1].duplicates)

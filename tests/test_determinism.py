"""The same inputs give the same canonical bytes, whatever the threads, hash seed, order or steps."""

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from billing.ledger import Ledger, connect, digests
from billing.price_book import PriceBook, load
from billing.rebilling import measure_log, rebill
from metering.event import Event
from metering.log import USAGE_SCHEMA, Log
from simulator.scenario import load as load_scenario
from simulator.world import World

MONTHS = 8
"""Long enough for trials to end, cards to fail, agents to react to bills and months to be settled."""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Log, PriceBook]:
    """Eight months of DB-GPT's agents without billing: a log with facts of every kind."""
    loaded = load_scenario("dbgpt", {"months": str(MONTHS)})
    world = World(loaded.scenario, loaded.book, seed=7)
    log = Log.create(tmp_path_factory.mktemp("lived"))
    for period in loaded.scenario.periods():
        happened = world.live(period)
        log.append(period, happened.facts, happened.usage)
    return log, loaded.book


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Run DB-GPT for eight months in a process of its own: the directory, and the ledger's digests."""
    out = tmp_path_factory.mktemp("plain") / "run"
    return out, _run(out, {"PYTHONHASHSEED": "0"})


def billed(log: Log, book: PriceBook, **options: Any) -> dict[str, str]:
    """Replay a log into a fresh ledger and return its digests."""
    ledger = Ledger.create()
    rebill(log, ledger, book=book, **options)
    found = digests(ledger.connection)
    ledger.connection.close()
    return found


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"PYTHONHASHSEED": "1", "POLARS_MAX_THREADS": "1"}, id="one-thread"),
        pytest.param({"PYTHONHASHSEED": "2", "TZ": "Asia/Kolkata"}, id="another-hash-seed-and-zone"),
    ],
)
def test_a_run_is_the_same_in_any_environment(
    plain: tuple[Path, dict[str, str]], tmp_path: Path, environment: dict[str, str]
) -> None:
    """Hash seed, threads and time zone change no byte of a run's log and no row of its ledger."""
    out, expected = plain

    assert expected == _run(tmp_path / "other", environment)
    assert Log.open(out / "log").head == Log.open(tmp_path / "other" / "log").head


@pytest.fixture(scope="module")
def whole(lived: tuple[Log, PriceBook]) -> dict[str, str]:
    """Give the digests of the ledger of all eight months, billed at once."""
    return billed(*lived)


def test_months_billed_one_by_one_give_the_ledger_of_all_at_once(
    lived: tuple[Log, PriceBook], whole: dict[str, str]
) -> None:
    """A close carries all that it needs from month to month."""
    log, book = lived
    expected = whole

    assert expected == billed(log, book, step=1)
    assert expected == billed(log, book, step=3)


def test_usage_that_was_measured_before_gives_the_same_ledger(
    lived: tuple[Log, PriceBook], whole: dict[str, str]
) -> None:
    """Another price book needs no second reading of the log."""
    log, book = lived
    ledger = Ledger.create()
    measured = measure_log(log, book=book, connection=ledger.connection)

    assert whole == billed(log, book, measured=measured.sample(fraction=1.0, shuffle=True, seed=3))


def test_order_and_redelivery_of_events_change_nothing(
    lived: tuple[Log, PriceBook], whole: dict[str, str], tmp_path: Path
) -> None:
    """The same set of events, shuffled and with every third one twice, is the same log and the same bill."""
    log, book = lived
    chance = random.Random(11)
    other = Log.create(tmp_path / "shuffled")
    for period in log.periods:
        facts = [fact.event for fact in log.facts([period])]
        facts += facts[::3]
        chance.shuffle(facts)
        usage = pl.read_parquet(log.usage_files([period])[0]).select(USAGE_SCHEMA.names())
        usage = pl.concat([usage, usage.gather_every(3)]).sample(fraction=1.0, shuffle=True, seed=5)
        other.append(period, facts, usage)

    assert sum(block.duplicates for block in other.blocks) > 1000
    assert [block.events_sha256 for block in log.blocks] == [block.events_sha256 for block in other.blocks]
    assert [block.usage_sha256 for block in log.blocks] == [block.usage_sha256 for block in other.blocks]
    assert whole == billed(other, book)


def test_facts_read_from_disk_are_the_facts_that_were_written(lived: tuple[Log, PriceBook]) -> None:
    """What a replay reads is what the run recorded."""
    log, _ = lived
    read = Log.open(log.directory)

    def known(event: Event) -> Event:
        return event._replace(recorded_at=event.recorded_at or event.occurred_at)

    assert [(fact.position, known(fact.event)) for fact in log.facts()] == [
        (fact.position, fact.event) for fact in read.facts()
    ]


def test_a_run_is_the_replay_of_its_log(plain: tuple[Path, dict[str, str]]) -> None:
    """Replaying a run's log under its own price book gives its own ledger."""
    out, expected = plain

    assert expected == billed(Log.open(out / "log"), load(out / "prices.toml"))


def _run(out: Path, environment: dict[str, str]) -> dict[str, str]:
    """Run the command in a process of its own, and return the digests of its ledger."""
    command = [sys.executable, "-m", "simulator", "run", "dbgpt", "--months", str(MONTHS), "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
    connection = connect(out / "ledger.duckdb")
    found = digests(connection)
    connection.close()
    return found

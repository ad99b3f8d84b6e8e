"""What is measured: functions that prepare something, and return the seconds of the part that counts.

Every measure runs in a process of its own. A pair (ours, its baseline) does the same job on the same data.
"""

import gc
import importlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from datetime import date
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import duckdb
import polars as pl
import simpy

from billing import rating
from billing.adjustments import rounded
from billing.bill import Carried, at_home
from billing.lines import slices
from billing.rebilling import Replay, measure_log, opened, replay
from metering.event import SeatsChanged
from metering.intake.intake import Intake, take
from metering.intake.mapping import load
from metering.log import Log
from metering.period import month_of
from simulator.traffic import Traffic
from simulator.world import Agent, World
from tests.bench.company import BOOK, DEARER, book, record
from tests.bench.export import told

AGENTS = 10_000
DAYS = 31
USAGE_FLOWS = 60_000
FIRST = date(2026, 1, 1)
ACCOUNTS, EVENTS = 1000, 70
"""1,000 accounts, 4 meters, 36 months and 70 events of each: 10 million."""

SMALL_ACCOUNTS = 200
"""A fifth of it: 2 million."""


COMPARED = "compared"
"""Where the run of 36 months and its replay at other prices are."""

TOLD = "told"
"""Where the file is that is imported, and its map."""

ROWS = 2_000_000
"""How many rows it has, in the order of time, as exports do."""


def bare_simpy() -> float:
    """Let 10,000 SimPy processes wake up every day of a month."""
    environment = simpy.Environment()

    def story() -> Generator[simpy.Event, Any, None]:
        while True:
            yield environment.timeout(1)

    for _ in range(AGENTS):
        environment.process(story())
    gc.collect()
    return _timed(lambda: environment.run(until=DAYS))


class _Cast:
    """Ten thousand agents that decide something, by chance, and write it down every day."""

    starts_on, months, agents = FIRST, 1, None

    def populate(self, world: World) -> None:
        for number in range(AGENTS):
            agent = world.agent("decider", str(number))
            world.start(agent, self.story(world, agent))

    def story(self, world: World, agent: Agent) -> Generator[simpy.Event, Any, None]:
        while True:
            yield world.on(world.today + 1)
            seats = 1 + int(agent.chance.uniform("seats", world.today) * 10)
            world.record(agent, agent.identity, SeatsChanged(agent.identity, seats))


def decisions() -> float:
    """Let 10,000 agents decide, draw and record every day of a month, and write their facts to a log."""
    world = World(_Cast(), book(), seed=1)
    gc.collect()
    with tempfile.TemporaryDirectory() as directory:
        log = Log.create(Path(directory))
        period = month_of(FIRST)

        def live() -> None:
            lived = world.live(period)
            log.append(period, lived.facts, lived.usage)

        return _timed(live)


def ready_usage() -> float:
    """Write a month of usage that is there already to Parquet."""
    usage = _traffic().draw(0, DAYS).with_row_index("position")
    usage = usage.with_columns(recorded_at=pl.col("occurred_at"))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "usage.parquet"
        return _timed(lambda: usage.write_parquet(path, compression="zstd", compression_level=1))


def drawn_usage() -> float:
    """Draw the same month of usage, and append it to a log."""
    traffic = _traffic()
    with tempfile.TemporaryDirectory() as directory:
        log = Log.create(Path(directory))
        return _timed(lambda: log.append(month_of(FIRST), [], traffic.draw(0, DAYS)))


def _traffic() -> Traffic:
    traffic = Traffic(FIRST)
    for number in range(USAGE_FLOWS):
        flow = traffic.name(f"sub-{number:05d}", "api_calls", key=number * 0x9E3779B97F4A7C15 % 2**64)
        traffic.set(flow, mean=200.0, day=0)
    return traffic


def scan(directory: Path) -> float:
    """Scan and group 10 million usage events with DuckDB alone, into a Polars frame."""
    log = Log.open(directory)
    connection = duckdb.connect()
    files = ", ".join(f"'{path}'" for path in log.usage_files())
    query = f"""select subject, meter, date_trunc('month', occurred_at) as month, sum(quantity) as quantity
        from read_parquet([{files}]) group by all"""
    return _timed(lambda: connection.sql(query).pl())


def first_book(directory: Path) -> float:
    """Meter and rate the same events: from the log to rounded charges."""
    return _rated(directory)[0]


def second_book(directory: Path) -> float:
    """Rate the same events under another price book, once they are metered."""
    return _rated(directory)[1]


def _rated(directory: Path) -> tuple[float, float]:
    log, connection, first, second = Log.open(directory), duckdb.connect(), book(), book(dearer=True)
    carried = Carried()
    carried.subscriptions.apply(log.facts(), first)
    phases = carried.subscriptions.frame()
    measured: list[pl.DataFrame] = []
    charges: list[pl.DataFrame] = []

    def rate(prices: Any) -> None:
        usage, _ = at_home(measured[0], phases)
        rated = rating.rate(usage, slices(phases, log.periods), prices, carried.windows)
        charges.append(rounded(rated.charges, prices))

    def meter_and_rate() -> None:
        measured.append(measure_log(log, book=first, connection=connection))
        rate(first)

    times = _timed(meter_and_rate), _timed(lambda: rate(second))
    assert charges[0]["amount"].sum() < charges[1]["amount"].sum()
    return times


def metering(directory: Path) -> float:
    """Meter the same events: from the log to sums by subscription, meter and month."""
    log, prices = Log.open(directory), book()
    connection = duckdb.connect()
    return _timed(lambda: measure_log(log, book=prices, connection=connection))


def one_replay(directory: Path) -> float:
    """Replay the same events in memory: from the log to every invoice and its lines."""
    return _timed(lambda: replay(opened(directory), book()))


def three_replays(directory: Path) -> float:
    """Replay them under three price books."""
    return _timed(lambda: replay(opened(directory), [book(), book(dearer=True), book()]))


def one_ledger(directory: Path) -> float:
    """Replay them to every table of the ledger: recognised, posted, and what recurs."""
    return _timed(lambda: _every_table([replay(opened(directory), book())]))


def three_ledgers(directory: Path) -> float:
    """Replay them under three price books to every table of each ledger."""
    return _timed(lambda: _every_table(replay(opened(directory), [book(), book(dearer=True), book()])))


def one_command(directory: Path) -> float:
    """Replay them as a user does, under one book: from the shell to a run that is checked and published."""
    return _published(directory, {"same": BOOK})


def three_commands(directory: Path) -> float:
    """Replay them under three books, each a run of its own."""
    return _published(directory, {"same": BOOK, "dearer": DEARER, "again": BOOK})


def _published(directory: Path, books: dict[str, str]) -> float:
    with tempfile.TemporaryDirectory(dir=directory.parent) as folder:
        run = Path(folder) / "run"
        shutil.copytree(directory, run / "log", copy_function=os.link)
        words = ["replay", "run", "--out", "replayed"]
        for name, text in books.items():
            (Path(folder) / f"{name}.toml").write_text(text, "utf-8")
            words += ["--prices", f"{name}.toml"]
        command = [sys.executable, "-m", "simulator", *words]
        return _timed(lambda: subprocess.run(command, check=True, capture_output=True, cwd=folder))


def _every_table(replays: Sequence[Replay]) -> None:
    for one in replays:
        for name in one.tables:
            one.table(name)


def some_accounts(directory: Path) -> float:
    """Bill one account of a hundred under another book, when the log is metered: to every invoice."""
    log = opened(directory)
    before = replay(log, book())
    names = before.table("accounts")["account"].gather_every(100).to_list()
    found: list[Replay] = []
    seconds = _timed(
        lambda: found.append(replay(log, book(dearer=True), accounts=names, measured=before.measured))
    )
    assert found[0].table("invoices")["account"].n_unique() == len(names)
    return seconds


def rerate(directory: Path) -> float:
    """Re-rate 2 million events: from the log to the sum of one graduated price, in cents."""
    log, connection, prices = Log.open(directory), duckdb.connect(), book()
    carried = Carried()
    carried.subscriptions.apply(log.facts(), prices)
    phases = carried.subscriptions.frame()
    found: list[pl.DataFrame] = []

    def run() -> None:
        usage, _ = at_home(measure_log(log, book=prices, connection=connection), phases)
        rated = rating.rate(usage, slices(phases, log.periods), prices, carried.windows)
        found.append(rounded(rated.charges, prices))

    seconds = _timed(run)
    cents = int(found[0].filter(pl.col("price") == "tokens")["amount"].sum() * 100)
    print(cents, file=sys.stderr)
    return seconds


def sqlite(directory: Path) -> float:
    """Re-rate the same 2 million events in SQLite: one GROUP BY and the same tiers, in integers."""
    log = Log.open(directory)
    connection = sqlite3.connect(":memory:")
    connection.execute("create table usage (subject text, meter text, month text, quantity integer)")
    columns = [
        "subject",
        "meter",
        pl.col("occurred_at").dt.strftime("%Y-%m"),
        pl.col("quantity").cast(pl.Int64),
    ]
    for path in log.usage_files():
        rows = pl.read_parquet(path).select(columns).iter_rows()
        connection.executemany("insert into usage values (?, ?, ?, ?)", rows)
    # Prices in ten-thousandths of a dollar; a half cent is rounded up.
    query = """
        with used as (
            select subject, meter, month, sum(quantity) as q from usage group by subject, meter, month
        )
        select meter, sum(case meter
            when 'tokens' then
                (min(q, 10000) * 20 + max(0, min(q, 50000) - 10000) * 15 + max(0, q - 50000) * 10 + 50) / 100
            when 'storage' then (q * 500 + 50) / 100
            when 'seconds' then (q * iif(q <= 20000, 100, 80) + 50) / 100
            else (max(0, q - 5000) + 9999) / 10000 * 1000 end) as cents
        from used group by meter"""
    found: list[Any] = []
    seconds = _timed(lambda: found.extend(connection.execute(query).fetchall()))
    print(dict(found)["tokens"], file=sys.stderr)
    return seconds


def default_run() -> float:
    """Run the default scenario as `make run` does, in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "simulator", "run", "dbgpt", "--out", f"{directory}/dbgpt"]
        return _timed(lambda: subprocess.run(command, check=True, capture_output=True))


def compare_runs(directory: Path) -> float:
    """Compare two ledgers of 36 months with all that a terminal shows, in a process of its own."""
    command = [sys.executable, "-m", "simulator", "compare", "runs/dbgpt", "runs/dearer"]
    return _timed(lambda: subprocess.run(command, check=True, capture_output=True, cwd=directory))


def import_rows(directory: Path) -> float:
    """Import 2 million rows of CSV: read strictly, told apart, and written as a log in order."""
    importlib.import_module("pyarrow")  # as DuckDB does when it first hands rows to Polars
    (mapped, _), out = load(directory / "map.toml"), Path(tempfile.mkdtemp(dir=directory))
    found: list[Intake] = []
    seconds = _timed(lambda: found.append(take([directory / "usage.csv"], mapped, directory=out)), cpu=True)
    assert found[0].events == ROWS
    return seconds


def read_rows(directory: Path) -> float:
    """Read the same file into a table of DuckDB, as its reader finds it."""
    connection = duckdb.connect()
    query = f"create table told as from read_csv('{directory / 'usage.csv'}')"
    return _timed(lambda: connection.execute(query), cpu=True)


def show_help() -> float:
    """Ask for help, in a process of its own."""
    command = [sys.executable, "-m", "simulator", "--help"]
    return _timed(lambda: subprocess.run(command, check=True, capture_output=True))


def prepare(directory: Path) -> None:
    """Write the logs that the measures of metering and rating read, and the ledgers that are compared."""
    for name, accounts in (("large", ACCOUNTS), ("small", SMALL_ACCOUNTS)):
        record(directory / name, accounts=accounts, events=EVENTS)
    prices = Path("fixtures/reforms/seats-plus-5.toml").resolve()
    told(directory / TOLD, ROWS)
    compared = directory / COMPARED
    compared.mkdir()
    for words in (["run", "dbgpt"], ["replay", "dbgpt", "--prices", str(prices), "--out", "runs/dearer"]):
        command = [sys.executable, "-m", "simulator", *words]
        subprocess.run(command, check=True, capture_output=True, cwd=compared)


def _timed(run: Callable[[], object], *, cpu: bool = False) -> float:
    """Return the seconds that something takes, or those of all processors together."""
    clock = process_time if cpu else perf_counter
    begun = clock()
    run()
    return clock() - begun


MEASURES: dict[str, Callable[..., float]] = {
    "bare_simpy": bare_simpy,
    "decisions": decisions,
    "ready_usage": ready_usage,
    "drawn_usage": drawn_usage,
    "scan": scan,
    "first_book": first_book,
    "second_book": second_book,
    "metering": metering,
    "one_replay": one_replay,
    "three_replays": three_replays,
    "one_command": one_command,
    "three_commands": three_commands,
    "one_ledger": one_ledger,
    "three_ledgers": three_ledgers,
    "some_accounts": some_accounts,
    "rerate": rerate,
    "sqlite": sqlite,
    "default_run": default_run,
    "compare_runs": compare_runs,
    "show_help": show_help,
    "import_rows": import_rows,
    "read_rows": read_rows,
}

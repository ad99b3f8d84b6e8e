"""CloudEvents: a log that was exported and imported again is the same log, and its ledger the same ledger."""

import gzip
import io
import json
import random
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from billing.close import close
from metering.event import AccountSignedUp, Event, SubscriptionStarted, UsageCorrected, UsageRecorded
from metering.intake.intake import Intake, take
from metering.intake.mapping import load
from metering.log import Log
from simulator.export.cloudevent import write_events
from simulator.export.target import stream
from tests.billing.late import delayed, told
from tests.ledgers import Tables, book, engine, run_of
from tests.random_company import company
from tests.simulator.export.companies import HOSTILE, random_log, spanned


def lines(log: Log) -> list[str]:
    """Export a log and return its lines."""
    file = io.StringIO()
    count = write_events(log, file)
    found = file.getvalue().splitlines()
    assert count == len(found)
    return found


def back(log: Log, directory: Path, name: str = "log.ndjson") -> Intake:
    """Export a log to a file, and import the file."""
    directory.mkdir()
    file = directory / name
    with stream(file) as out:
        write_events(log, out)
    return take([file], load("saasim")[0], directory=directory)


def content(log: Log) -> list[tuple[object, ...]]:
    """Return everything in a log: facts and usage in the order of their positions."""
    usage = [row for file in log.usage_files() for row in read(file)]
    return [*log.fact_frame().iter_rows(), *usage]


def unequal(one: Tables, two: Tables) -> list[str]:
    """Name the tables of two ledgers that do not have the same rows."""
    return [name for name in one if not one[name].sort(pl.all()).equals(two[name].sort(pl.all()))]


def read(file: Path) -> list[tuple[object, ...]]:
    """Return the rows of a file of usage."""
    return engine().execute("select * from read_parquet(?) order by position", [str(file)]).fetchall()


@pytest.mark.parametrize("seed", [1, 4, 9])
def test_an_exported_log_comes_back_as_it_was(seed: int, tmp_path: Path) -> None:
    """Random companies: the same events at the same positions, and to the cent the same ledger."""
    log, prices = random_log(tmp_path / "a", seed)
    taken = back(log, tmp_path / "b")
    one, two = (close(each, book=prices, connection=engine()) for each in (log, taken.log))

    assert content(log) == content(taken.log)
    assert {} == taken.quarantined
    assert [] == unequal(one, two)


@pytest.mark.parametrize("seed", [2, 14])
def test_what_became_known_late_comes_back_late(seed: int, tmp_path: Path) -> None:
    """`recordedtime` puts an event into the month in which it became known: adjustments are the same, too."""
    text, events, periods = company(seed)
    late = delayed(events, periods, random.Random(seed), 0.2)
    log = told(tmp_path / "a", late, spanned(late, periods))
    taken = back(log, tmp_path / "b")
    one, two = (close(each, book=book(text), connection=engine()) for each in (log, taken.log))

    assert log.has_late
    assert content(log) == content(taken.log)
    assert [] == unequal(one, two)


def odd_log(directory: Path) -> Log:
    """Record a log with what is seldom: odd names, dimensions, corrections, usage that nobody has."""
    at = datetime(2026, 1, 5, 12, 0, 0, 123456)  # noqa: DTZ001 - UTC, as all times of a log
    events = [
        Event("crm/ü", f"{place} {name}", f"acme {place}", at, AccountSignedUp(name, "", "smb", "web"))
        for place, name in enumerate(HOSTILE)
    ]
    events.append(Event("crm", "s", "acme 0", at, SubscriptionStarted("acme-1", "team")))
    meters = [("acme-1", '{"model":"gpt \\"4\\"","region":"eu"}'), ("ghost", ""), ("acme 0", '{"n":1}')]
    events += [
        Event("app", f"u{place}", subject, at, UsageRecorded("calls", quantity, dimensions))
        for place, (subject, dimensions) in enumerate(meters)
        for quantity in [Decimal("0.000000000001") if place else Decimal(10) ** 15]
    ]
    why = UsageCorrected("calls", Decimal("-2.5"), 'a "test"\n of ours')
    events.append(Event("app", "c1", "acme-1", at.replace(day=9), why, at.replace(month=2)))
    return told(directory, events, run_of(2, date(2026, 1, 1)))


def test_odd_names_dimensions_and_corrections_come_back(tmp_path: Path) -> None:
    """Also usage of a subscription that nobody has: the bill says so, and not the import."""
    log = odd_log(tmp_path / "a")
    taken = back(log, tmp_path / "b", "log.ndjson.gz")

    assert content(log) == content(taken.log)
    assert {} == taken.quarantined
    assert (3, len(HOSTILE) + 2) == (taken.events, taken.facts)


def test_every_line_is_a_cloudevent(tmp_path: Path) -> None:
    """The attributes that CloudEvents 1.0 requires, RFC 3339 in UTC; no extension without a value."""
    found = [json.loads(line) for line in lines(odd_log(tmp_path))]

    for event in found:
        assert {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"} <= set(
            event
        )
        assert event["specversion"] == "1.0"
        assert event["time"].endswith("Z")
        assert datetime.fromisoformat(event["time"]).utcoffset() is not None
        assert isinstance(event["data"], dict)
        assert all(name.isalnum() and name.islower() for name in event)  # as attributes must be named
    late = [event for event in found if "recordedtime" in event]
    assert ["c1"] == [event["id"] for event in late]
    assert "2026-02-05T12:00:00.123456Z" == late[0]["recordedtime"]
    quantities = {event["data"]["quantity"] for event in found if event["type"] == "usage.recorded"}
    assert {"1000000000000000", "0.000000000001"} == quantities


def test_a_packed_export_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    """Packing would write the hour and the name of the file."""
    log = odd_log(tmp_path)
    for name in ("a.ndjson.gz", "b.ndjson.gz"):
        with stream(tmp_path / name) as out:
            write_events(log, out)

    assert (tmp_path / "a.ndjson.gz").read_bytes() == (tmp_path / "b.ndjson.gz").read_bytes()
    assert lines(log) == gzip.decompress((tmp_path / "a.ndjson.gz").read_bytes()).decode().splitlines()


def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    """What stood there before stands there still."""
    file = tmp_path / "log.ndjson"
    file.write_text("before")

    def fail() -> None:
        with stream(file) as out:
            out.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [("log.ndjson", "before")] == [(one.name, one.read_text()) for one in tmp_path.iterdir()]

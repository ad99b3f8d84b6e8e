"""Usage: one pass from the log to how much each phase used of each meter in each month."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from metering.event import Event, UsageRecorded
from metering.log import Log
from metering.meter import Meter
from metering.usage import MEASURED_SCHEMA, SPAN_SCHEMA, measure
from tests.ledgers import engine, expected, facts, record, rows, run_of

ONE_PHASE = [("s", 1, "2026-01-01", "")]


def meters(**kinds: dict[str, Any]) -> dict[str, Meter]:
    """Declare meters."""
    return {key: Meter.model_validate(fields) for key, fields in kinds.items()}


def spans(table: Iterable[tuple[str, int, str, str]]) -> pl.DataFrame:
    """Make phases from (subject, number, first day, first day after or nothing)."""
    told = [
        (subject, number, datetime.fromisoformat(start), datetime.fromisoformat(end) if end else None)
        for subject, number, start, end in table
    ]
    return pl.DataFrame(told, schema=SPAN_SCHEMA, orient="row")


def measured(
    log: Log, kinds: dict[str, Meter], phases: Iterable[tuple[str, int, str, str]] = ONE_PHASE
) -> list[tuple[str, ...]]:
    """Measure a log: month, subject, phase, meter, dimensions, quantity, events."""
    found = measure(engine(), log, meters=kinds, spans=spans(phases), periods=log.periods)

    assert MEASURED_SCHEMA == found.schema
    columns = "month subject phase_no meter dimensions quantity events"
    return rows(found.sort(columns.split(), nulls_last=True), columns)


LEVELS = """
    2026-01-03  s  usage.recorded  m 5
    2026-01-20T08:00:00  s  usage.recorded  m 9
    2026-01-20T09:00:00  s  usage.recorded  m 2
    2026-02-01  s  usage.recorded  m 4
"""


@pytest.mark.parametrize(
    ("aggregation", "january", "february"),
    [("sum", "16", "4"), ("count", "3", "1"), ("max", "9", "4"), ("latest", "2", "4")],
)
def test_each_aggregation_adds_up_in_its_way(
    tmp_path: Path, aggregation: str, january: str, february: str
) -> None:
    """5, 9 and 2 are 16 in sum, 3 in count, 9 at most, 2 at last; and each month for itself."""
    log = record(tmp_path, LEVELS, 2)

    assert [
        ("2026-01", "s", "1", "m", "", january, "3"),
        ("2026-02", "s", "1", "m", "", february, "1"),
    ] == measured(log, meters(m={"aggregation": aggregation}))


def test_unique_count_counts_each_value_once(tmp_path: Path) -> None:
    """Three events of two users are two users; the next month begins anew."""
    log = record(
        tmp_path,
        """
        2026-01-03  s  usage.recorded  users 1 '{"user":"ann"}'
        2026-01-04  s  usage.recorded  users 1 '{"user":"bob"}'
        2026-01-05  s  usage.recorded  users 1 '{"user":"ann"}'
        2026-02-05  s  usage.recorded  users 1 '{"user":"ann"}'
        """,
        2,
    )

    assert [("2026-01", "s", "1", "users", "", "2", "3"), ("2026-02", "s", "1", "users", "", "1", "1")] == (
        measured(log, meters(users={"aggregation": "unique_count", "of": "user"}))
    )


def test_latest_is_by_time_then_by_position(tmp_path: Path) -> None:
    """Of two events at one instant the later in the log is the latest; ids do not matter otherwise."""
    one, two = facts("2026-01-03  s  usage.recorded  m 5\n2026-01-03  s  usage.recorded  m 6")
    log = record(tmp_path, [one._replace(id="b"), two._replace(id="a")], 1)

    assert [("2026-01", "s", "1", "m", "", "5", "2")] == measured(log, meters(m={"aggregation": "latest"}))


def test_dimensions_are_canonical(tmp_path: Path) -> None:
    """Only the meter's dimensions, keys sorted, every value as text: two spellings of one are one row."""
    log = record(
        tmp_path,
        """
        2026-01-03  s  usage.recorded  m 1 '{"b":"x","a":1,"c":"z"}'
        2026-01-04  s  usage.recorded  m 2 '{ "a": "1", "b": "x", "d": true }'
        2026-01-05  s  usage.recorded  m 4 '{"a":true,"b":"x"}'
        """,
        1,
    )

    assert [
        ("2026-01", "s", "1", "m", '{"a":"1","b":"x"}', "3", "2"),
        ("2026-01", "s", "1", "m", '{"a":"true","b":"x"}', "4", "1"),
    ] == measured(log, meters(m={"dimensions": ("b", "a")}))


def test_a_meter_without_dimensions_adds_up_over_all_of_them(tmp_path: Path) -> None:
    """What the meter does not keep apart is not kept apart."""
    log = record(
        tmp_path,
        """
        2026-01-03  s  usage.recorded  m 1 '{"region":"eu"}'
        2026-01-04  s  usage.recorded  m 2 '{"region":"us"}'
        2026-01-04  s  usage.recorded  m 4
        """,
        1,
    )

    assert [("2026-01", "s", "1", "m", "", "7", "3")] == measured(log, meters(m={}))


@pytest.mark.parametrize(
    "fields", [{"dimensions": ("region",)}, {"aggregation": "unique_count", "of": "region"}]
)
def test_usage_without_dimensions_is_measured_by_a_meter_that_has_them(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    """An event's dimensions are a JSON object or empty; an empty one is no reason to stop."""
    log = record(tmp_path, "2026-01-03  s  usage.recorded  m 1", 1)

    assert [("2026-01", "s", "1", "m", "1")] == [
        (month, subject, phase, meter, events)
        for month, subject, phase, meter, _, _, events in measured(log, meters(m=fields))
    ]


@pytest.mark.parametrize("name", ["a-b", "a b", "a.b", "2x", "größe", "it's"])
def test_a_dimension_may_have_any_name(tmp_path: Path, name: str) -> None:
    """A dimension is a key of the usage's JSON, whatever letters it has."""
    (event,) = facts("2026-01-03  s  usage.recorded  m 1")
    text = json.dumps({name: "x"}, ensure_ascii=False)
    log = record(tmp_path, [event._replace(data=UsageRecorded("m", Decimal(1), text))], 1)

    assert [("2026-01", "s", "1", "m", text.replace(' "x', '"x'), "1", "1")] == measured(
        log, meters(m={"dimensions": (name,)})
    )


def test_facts_are_measured_like_usage(tmp_path: Path) -> None:
    """A meter over facts adds up a field or counts 1, for their subscription, else their account."""
    log = record(
        tmp_path,
        """
        2026-01-03  acme  devices.shipped     acme-oem 900 edge
        2026-01-04  acme  devices.shipped     acme-oem 100 core
        2026-01-05  acme  course.enrolled     advanced public-virtual 4
        2026-01-06  acme  exam.sat            architect
        2026-01-07  acme  exam.sat            architect retake false
        2026-01-08  acme  milestone.delivered p1 quick-start small kick-off 0.4
        """,
        1,
    )
    kinds = meters(
        devices={"event": "devices.shipped", "quantity": "devices"},
        products={"event": "devices.shipped", "aggregation": "unique_count", "of": "product"},
        batches={"event": "devices.shipped"},
        seats={"event": "course.enrolled", "quantity": "participants", "dimensions": ("course", "format")},
        exams={"event": "exam.sat", "dimensions": ("kind", "passed")},
        shares={"event": "milestone.delivered", "quantity": "share"},
    )
    found = measured(log, kinds, [("acme", 1, "2026-01-01", ""), ("acme-oem", 1, "2026-01-01", "")])

    assert (
        expected("""
        2026-01  acme      1  exams     {"kind":"first","passed":"true"}                 1     1
        2026-01  acme      1  exams     {"kind":"retake","passed":"false"}               1     1
        2026-01  acme      1  seats     {"course":"advanced","format":"public-virtual"}  4     1
        2026-01  acme      1  shares    -                                                0.4   1
        2026-01  acme-oem  1  batches   -                                                2     2
        2026-01  acme-oem  1  devices   -                                                1000  2
        2026-01  acme-oem  1  products  -                                                2     2
    """)
        == found
    )


def test_an_unknown_meter_is_summed_up(tmp_path: Path) -> None:
    """Usage of a meter that nobody declared is kept, to be shown."""
    log = record(tmp_path, "2026-01-03  s  usage.recorded  x 2\n2026-01-04  s  usage.recorded  x 3", 1)

    assert [("2026-01", "s", "1", "x", "", "5", "2")] == measured(log, {})


BOUNDS = """
    2026-01-09T23:59:59.999999  s  usage.recorded  m 1       # before the first phase
    2026-01-10T00:00:00         s  usage.recorded  m 2       # its first instant
    2026-01-19T23:59:59.999999  s  usage.recorded  m 4       # its last
    2026-01-20T00:00:00         s  usage.recorded  m 8       # the first of the second
    2026-01-31T23:59:59.999999  s  usage.recorded  m 16
    2026-02-01T00:00:00         s  usage.recorded  m 32
    2026-02-14T23:59:59.999999  s  usage.recorded  m 64      # the last of the second
    2026-02-15T00:00:00         s  usage.recorded  m 128     # after it
    2026-03-01T00:00:00         s  usage.recorded  m 256     # the first of the third
"""


def test_usage_belongs_to_the_phase_of_its_instant(tmp_path: Path) -> None:
    """At the very bounds of phases and months: the first instant belongs to a phase, the end does not."""
    log = record(tmp_path, BOUNDS, 3)
    phases = [
        ("s", 1, "2026-01-10", "2026-01-20"),
        ("s", 2, "2026-01-20", "2026-02-15"),
        ("s", 3, "2026-03-01", ""),
    ]

    assert expected("""
        2026-01  s  1  m  -  6    2
        2026-01  s  2  m  -  24   2
        2026-01  s  -  m  -  1    1
        2026-02  s  2  m  -  96   2
        2026-02  s  -  m  -  128  1
        2026-03  s  3  m  -  256  1
    """) == measured(log, meters(m={}), phases)


def test_months_may_be_measured_one_by_one(tmp_path: Path) -> None:
    """What a month measures alone is what it measures among others."""
    log = record(tmp_path, BOUNDS, 3)
    kinds, phases = meters(m={"aggregation": "latest"}), spans([("s", 1, "2026-01-10", "2026-02-15")])
    whole = measure(engine(), log, meters=kinds, spans=phases, periods=log.periods)
    parts = [measure(engine(), log, meters=kinds, spans=phases, periods=[period]) for period in log.periods]

    order = ["month", "phase_no"]
    assert whole.sort(order).equals(pl.concat(parts).sort(order))


def test_nobody_else_is_measured(tmp_path: Path) -> None:
    """A subject without any phase has its usage without a phase, and takes none from others."""
    log = record(tmp_path, "2026-01-03  x  usage.recorded  m 2\n2026-01-03  s  usage.recorded  m 3", 1)

    assert [("2026-01", "s", "1", "m", "", "3", "1"), ("2026-01", "x", "", "m", "", "2", "1")] == measured(
        log, meters(m={})
    )


def test_nothing_used_is_nothing_measured(tmp_path: Path) -> None:
    """An empty month has no rows: no zero, no null."""
    assert [] == measured(record(tmp_path, "", 2), meters(m={}, n={"event": "exam.sat"}))


KINDS = meters(
    calls={},
    sized={"dimensions": ("size",)},
    runs={"aggregation": "count"},
    peak={"aggregation": "max", "dimensions": ("region", "size")},
    held={"aggregation": "latest"},
    users={"aggregation": "unique_count", "of": "size"},
    devices={"event": "devices.shipped", "quantity": "devices"},
    exams={"event": "exam.sat", "dimensions": ("exam",)},
)


def random_facts(rng: random.Random) -> Iterator[Event]:
    """Yield usage and facts at random instants, many of them at midnight."""
    subjects, first = ("s1", "s2", "s3"), datetime(2026, 1, 1)  # noqa: DTZ001
    for number in range(400):
        at = first + timedelta(days=rng.randrange(90), seconds=rng.choice((0, 0, 1, 43_200, 86_399)))
        subject = rng.choice(subjects)
        usage = UsageRecorded(
            rng.choice((*list(KINDS)[:6], "unknown")),
            Decimal(rng.randrange(1000)) / 8,
            json.dumps({"region": rng.choice("ab"), "size": rng.choice("xyz"), "n": rng.randrange(9)}),
        )
        event = Event("random", str(number), subject, at, usage)
        if rng.random() < 0.2:
            (fact,) = facts(
                rng.choice(
                    (
                        f"2026-01-01  {subject}  exam.sat         {rng.choice(('dev', 'arch'))}",
                        f"2026-01-01  account    devices.shipped  {subject} {rng.randrange(50)}",
                    )
                )
            )
            event = fact._replace(source="random", id=str(number), occurred_at=at)
        yield event


def random_phases(rng: random.Random) -> list[tuple[str, int, str, str]]:
    """Give each subject some phases, with gaps and without, the last one open or not."""
    phases = []
    for subject in ("s1", "s2", "s3"):
        day = date(2026, 1, 1) + timedelta(days=rng.randrange(20))
        for number in range(1, 5):
            end = day + timedelta(days=rng.randrange(1, 40))
            phases.append((subject, number, str(day), "" if number == 4 and rng.random() < 0.5 else str(end)))
            day = end + timedelta(days=rng.choice((0, 0, 0, 7)))
    return phases


class Seen(NamedTuple):
    """An event that a meter counts, as a plain loop over the log sees it."""

    meter: str
    subject: str
    at: datetime
    position: int
    quantity: Decimal
    values: dict[str, str]


def seen_in(log: Log) -> Iterator[Seen]:
    """Read a log event by event."""
    for row in pl.concat([pl.read_parquet(path) for path in log.usage_files()]).iter_rows(named=True):
        values = {name: str(value) for name, value in json.loads(row["dimensions"]).items()}
        yield Seen(row["meter"], row["subject"], row["occurred_at"], row["position"], row["quantity"], values)
    for position, event in log.facts():
        values = {name: str(value) for name, value in event.data._asdict().items()}
        if event.type == "exam.sat":
            yield Seen("exams", event.subject, event.occurred_at, position, Decimal(1), values)
        else:
            devices = Decimal(values["devices"])
            yield Seen("devices", values["subscription"], event.occurred_at, position, devices, values)


def brute_force(
    log: Log, phases: list[tuple[str, int, str, str]]
) -> dict[tuple[str, ...], tuple[Decimal, int]]:
    """Measure one event after the other."""
    groups: dict[tuple[str, ...], list[Seen]] = defaultdict(list)
    for seen in seen_in(log):
        meter, day = KINDS.get(seen.meter, Meter()), str(seen.at.date())
        number = next(
            (
                str(n)
                for subject, n, start, end in phases
                if subject == seen.subject and start <= day and (not end or day < end)
            ),
            "",
        )
        kept = {name: seen.values[name] for name in sorted(meter.dimensions)}
        text = json.dumps(kept, separators=(",", ":")) if kept else ""
        groups[f"{seen.at:%Y-%m}", seen.subject, number, seen.meter, text].append(seen)
    return {key: (total(KINDS.get(key[3], Meter()), group), len(group)) for key, group in groups.items()}


def total(meter: Meter, group: list[Seen]) -> Decimal:
    """Add up events as a meter says."""
    return {
        "sum": sum((seen.quantity for seen in group), Decimal(0)),
        "count": Decimal(len(group)),
        "max": max(seen.quantity for seen in group),
        "latest": max(group, key=lambda seen: (seen.at, seen.position)).quantity,
        "unique_count": Decimal(len({seen.values.get(meter.of) for seen in group})),
    }[meter.aggregation]


@pytest.mark.parametrize("seed", range(6))
def test_measuring_agrees_with_counting_one_by_one(tmp_path: Path, seed: int) -> None:
    """Random events of eight meters over random phases: every row equals a plain loop over the events."""
    rng = random.Random(seed)
    log = record(tmp_path, list(random_facts(rng)), 3)
    phases = random_phases(rng)
    housed = {row[:5]: row[5:] for row in measured(log, KINDS, phases) if row[2]}
    counted = {key: value for key, value in brute_force(log, phases).items() if key[2]}

    assert {key: (f"{q.normalize():f}", str(n)) for key, (q, n) in counted.items()} == housed


@pytest.mark.parametrize("seed", range(2))
def test_no_event_is_lost_or_counted_twice(tmp_path: Path, seed: int) -> None:
    """Inside and outside of phases together, the events measured are the events recorded."""
    rng = random.Random(100 + seed)
    log = record(tmp_path, list(random_facts(rng)), 3)
    found = measured(log, KINDS, random_phases(rng))

    assert sum(block.facts + block.usage for block in log.blocks) == sum(int(row[6]) for row in found)


def test_periods_of_the_log_are_the_months_measured(tmp_path: Path) -> None:
    """Only the months that are asked for are measured."""
    log = record(tmp_path, LEVELS, 2)
    found = measure(engine(), log, meters=meters(m={}), spans=spans(ONE_PHASE), periods=run_of(1, "2026-02"))

    assert [("2026-02", "4")] == rows(found, "month quantity")

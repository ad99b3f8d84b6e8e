"""The intake of files: `take` reads them by a map and writes a log and what was quarantined.

It works in DuckDB, in bounded memory: rows wait on disk, a month at a time is sorted and written as a block.
The same rows give the same log, byte for byte, in whatever order, files or pieces they come, where columns
name the rows; where the place in a file does (`of = "row"`), the same files do.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb

from metering.delivery import event_order
from metering.document import Problem, Problems, problem
from metering.event import Event, UsageCorrected
from metering.intake import block, quarantine, repetition
from metering.intake.customer import Customers, by_rule, from_files
from metering.intake.gap import gaps, shift
from metering.intake.mapping import Map
from metering.intake.quarantine import BLANK, DUPLICATE, FAULTY, PARQUET, REASONS, SOUND, VALUE_LETTERS
from metering.intake.reading import literal
from metering.intake.source import Source, inspect
from metering.intake.stage import MEMORY, Extent, Stage
from metering.log import Log
from metering.period import Period, month_of, months, months_between

MONTHS_MAX = 600
"""A log of more than fifty years is a wrong time in a file."""

Progress = Callable[[str], None]


class Input(NamedTuple):
    """A file that was read, by its content."""

    sha256: str
    bytes: int
    rows: int


class Intake(NamedTuple):
    """What became of the rows: `rows` = `written` + `duplicates` + everything in `quarantined`.

    `events` is the usage in the log, `corrections` and `facts` (accounts, subscriptions) are its facts.
    """

    rows: int
    written: int
    events: int
    corrections: int
    facts: int
    duplicates: int
    quarantined: dict[str, int]
    inputs: list[Input]
    log: Log


def take(
    files: Sequence[Path],
    mapped: Map,
    *,
    directory: Path,
    accounts: Sequence[Path] = (),
    progress: Progress = lambda _: None,
    memory: str = MEMORY,
) -> Intake:
    """Import files into a new log at `directory`/log; put what cannot be used into `directory`/quarantine.

    Raises Problems for files that are not what the map says: nothing of `directory` is of use then.
    """
    sources = _inspected(files, mapped)
    spill = directory / "spill"
    stage = Stage.begin(spill, mapped, memory)
    try:
        repeated = _load(stage, sources, progress)
        if mapped.accounts and mapped.accounts.among_usage:
            accounts = [*accounts, *(one.source.path for one in stage.extents)]
        customers = _customers(stage, accounts, mapped)
        progress("looking for rows that were told twice")
        repetition.settle(stage)
        taken = _counted(stage, repeated)
        if not taken.written and not (customers and mapped.accounts and mapped.accounts.among_usage):
            raise _nothing(stage, taken)
        facts = customers.facts if customers else by_rule(stage)
        _list_extents(stage)
        joins_accounts = customers is not None
        corrections = _corrections(stage, joins_accounts=joins_accounts)
        log = Log.create(directory / "log")
        types = block.number_texts(stage, joins_accounts=joins_accounts)
        copy = partial(_copy, stage, spill, joins_accounts=joins_accounts, types=types)
        _write(stage, log, [*facts, *corrections], copy=copy, progress=progress)
        quarantine.write(stage.connection, directory / "quarantine", has_ids=stage.has_ids)
    except duckdb.OutOfMemoryException:
        raise problem("--memory", f"{memory} are not enough for these files", "allow more") from None
    finally:
        stage.close()
    taken = taken._replace(log=log, facts=len(facts), corrections=len(corrections))
    return _checked(taken, stage)


def _inspected(files: Sequence[Path], mapped: Map) -> list[Source]:
    """Look at every file; order them by what they hold, so that their names and order do not matter."""
    found, problems = [], []
    for path in files:
        try:
            found.append(inspect(path, mapped))
        except Problems as error:
            problems += error.problems
    if problems:
        raise Problems(problems)
    return sorted(found, key=lambda source: (source.sha256, str(source.path)))


def _load(stage: Stage, sources: Sequence[Source], progress: Progress) -> list[Extent]:
    """Put the files on the stage; return those that were there already, row for row, and were not read."""
    known: dict[str, Extent] = {}
    repeated, problems = [], []
    for number, source in enumerate(sources, start=1):
        if source.sha256 in known:
            repeated.append(known[source.sha256]._replace(source=source))
            continue
        progress(f"reading {source.path.name} ({number} of {len(sources)})")
        try:
            known[source.sha256] = stage.load(source)
        except Problems as error:
            problems += error.problems
    if problems:
        raise Problems(problems)
    return repeated


def _customers(stage: Stage, accounts: Sequence[Path], mapped: Map) -> Customers | None:
    """Read the files of accounts, where the map has any, and part off usage of others."""
    if mapped.accounts is None:
        if accounts:
            raise problem("--accounts", f"map {mapped.name!r} has no [accounts]", "say there what they hold")
        return None
    if not accounts:
        raise problem("--accounts", f"map {mapped.name!r} has [accounts]", "name the file that holds them")
    customers = from_files(accounts, mapped, stage.connection)
    rows = [(name, key) for name, key in sorted(customers.subscriptions.items())]
    stage.connection.execute("create or replace temp table known (name varchar, subscription varchar)")
    for first in range(0, len(rows), 10_000):
        part = rows[first : first + 10_000]
        stage.connection.execute(
            "insert into known select unnest(?), unnest(?)",
            [[name for name, _ in part], [key for _, key in part]],
        )
    if mapped.accounts.unknown == "keep":
        stage.connection.execute(f"""
            insert into known select distinct subject, subject from stage
            where {SOUND} and subject not in (select name from known)""")
    stage.connection.execute(f"""
        update stage set reason = 'unknown_account', value = left(subject, {VALUE_LETTERS})
        where {SOUND} and subject not in (select name from known)""")
    return customers


def _counted(stage: Stage, repeated: Sequence[Extent]) -> Intake:
    """Count what became of the rows; a file that was given twice has only duplicates the second time."""
    counts = "count(*), count(*) filter (reason is null), count(*) filter (reason = ?)"
    rows, written, duplicates = stage.connection.execute(
        f"select {counts} from stage where reason is null or reason <> ?", [DUPLICATE, BLANK]
    ).fetchall()[0]
    found = dict(
        stage.connection.execute(
            f"select reason, count(*) from stage where {FAULTY} group by reason"
        ).fetchall()
    )
    twice = sum(_rows(stage, extent) for extent in repeated)
    quarantined = {reason: found[reason] for reason in REASONS if reason in found}
    inputs = [
        Input(one.source.sha256, one.source.size, _rows(stage, one)) for one in [*stage.extents, *repeated]
    ]
    log = Log(Path(), [])
    return Intake(rows + twice, written, 0, 0, 0, duplicates + twice, quarantined, sorted(inputs), log)


def _rows(stage: Stage, extent: Extent) -> int:
    query = "select count(*) from stage where rowid >= ? and rowid < ? and reason is distinct from ?"
    bounds = [extent.first, extent.first + extent.rows, BLANK]
    return int(stage.connection.execute(query, bounds).fetchall()[0][0])


def _nothing(stage: Stage, taken: Intake) -> Problems:
    """Say what is wrong with the first rows, where none can be used."""
    rows = stage.connection.execute(
        f"select rowid, reason, value from stage where {FAULTY} order by rowid limit 5"
    ).fetchall()
    shown = []
    for rowid, reason, value in rows:
        extent = next(one for one in reversed(stage.extents) if one.first <= rowid)
        row = rowid - extent.first
        row += extent.source.first_row + shift(gaps(extent.source, stage.mapped.delimiter), row)
        place = f"{extent.source.path}: row {row}"
        shown.append(Problem(place, f"{REASONS[reason]} (got {value or ''!r})"))
    head = Problem("import", f"none of {taken.rows:,} rows can be used", "mend the map, or the files")
    return Problems([head, *shown])


def _corrections(stage: Stage, *, joins_accounts: bool) -> list[Event]:
    """Return the negative quantities as corrections, which are facts."""
    if not stage.mapped.corrections:
        return []
    negative = " or ".join(f"quantity{n} < 0" for n in range(len(stage.lanes)))
    events = block.usage(stage, f"({negative})", joins_accounts=joins_accounts, with_reason=True)
    found = stage.connection.execute(f"select * from ({events}) where quantity < 0").fetchall()
    return [
        Event(
            source, key, subject, at, UsageCorrected(meter, Decimal(quantity), reason, "", dimensions), known
        )
        for reason, source, key, subject, meter, at, quantity, dimensions, known in found
    ]


def _list_extents(stage: Stage) -> None:
    """Tell DuckDB which rows came from which file, and where those with faulty rows have blank lines."""
    columns = "number integer, first bigint, row bigint, prefix varchar, file varchar, sha256 varchar"
    stage.connection.execute(f"create or replace temp table extents ({columns})")
    for number, one in enumerate(stage.extents):
        source = one.source
        told = [
            number,
            one.first,
            source.first_row,
            f"{source.sha256[:16]}-",
            source.path.name,
            source.sha256,
        ]
        stage.connection.execute("insert into extents values (?, ?, ?, ?, ?, ?)", told)
    stage.connection.execute("create or replace temp table gaps (number integer, before bigint)")
    faulty = stage.connection.execute(f"select distinct file from stage where {FAULTY} order by 1").fetchall()
    for (number,) in faulty:
        before = gaps(stage.extents[number].source, stage.mapped.delimiter)
        stage.connection.execute("insert into gaps select ?, unnest(?::bigint[])", [number, before])


def _write(
    stage: Stage, log: Log, facts: Sequence[Event], *, copy: Callable[..., Path], progress: Progress
) -> None:
    """Write the log month by month; `copy` writes the usage of one."""
    told: dict[str, list[Event]] = {}
    for fact in sorted(facts, key=event_order):
        known_at = max(fact.recorded_at or fact.occurred_at, fact.occurred_at)
        told.setdefault(month_of(known_at.date()).label, []).append(fact)
    counts = _by_month(stage)
    for period in _periods(stage, facts):
        progress(f"writing {period.label}")
        known = told.get(period.label, [])
        usage, duplicates = counts.get(period.label, (0, 0))
        file = copy(period, first=log.next_position + len(known)) if usage else None
        log.adopt(period, known, file, duplicates=duplicates)


def _copy(
    stage: Stage, spill: Path, period: Period, *, first: int, joins_accounts: bool, types: Mapping[str, str]
) -> Path:
    """Sort a month's events and write them as a block keeps them; return the file."""
    file = spill / f"{period.label}.parquet"
    known_at = f"s.{block.known_at(stage)}"
    inside = f"{known_at} >= timestamp '{period.starts_at}' and {known_at} < timestamp '{period.ends_at}'"
    events = block.usage(stage, inside, joins_accounts=joins_accounts, types=types)
    least = "where quantity >= 0" if stage.mapped.corrections else ""
    stage.connection.execute(f"""
        copy (select row_number() over () + {first} - 1 as position, * from ({events}) {least})
        to {literal(str(file))} ({PARQUET})""")
    return file


def _by_month(stage: Stage) -> dict[str, tuple[int, int]]:
    """Count usage events and duplicates by the month in which they became known."""
    least = "and quantity{} >= 0" if stage.mapped.corrections else ""
    events = " + ".join(
        f"count(*) filter ({SOUND} and quantity{n} is not null {least.format(n)})"
        for n in range(len(stage.lanes))
    )
    rows = stage.connection.execute(f"""
        select date_trunc('month', {block.known_at(stage)})::date as month, {events},
            count(*) filter (reason = '{DUPLICATE}')
        from stage where {SOUND} or reason = '{DUPLICATE}' group by month""").fetchall()
    return {month_of(month).label: (usage, duplicates) for month, usage, duplicates in rows}


def _periods(stage: Stage, facts: Sequence[Event]) -> list[Period]:
    """Return the months of the log, from the first occurrence to the last thing that became known."""
    query = f"select min(occurred_at), max({block.known_at(stage)}) from stage where {SOUND}"
    used: list[datetime] = [at for at in stage.connection.execute(query).fetchall()[0] if at is not None]
    starts = [*used, *(fact.occurred_at for fact in facts)]
    ends = [*used, *(fact.recorded_at or fact.occurred_at for fact in facts)]
    begins, ends_on = min(starts).date().replace(day=1), max(ends).date()
    count = months_between(begins, ends_on) + 1
    if count > MONTHS_MAX:
        remedy = "mend the times, or say since and until in the map's [time]"
        raise problem("import", f"the times run from {begins} to {ends_on}, {count:,} months", remedy)
    return list(months(begins, count))


def _checked(taken: Intake, stage: Stage) -> Intake:
    """See that nothing got lost. Raises AssertionError."""
    quarantined = sum(taken.quarantined.values())
    left = taken.rows - taken.written - taken.duplicates - quarantined
    assert left == 0, f"{left} of {taken.rows} rows were neither written, repeated nor quarantined"
    events = sum(block.usage for block in taken.log.blocks)
    facts = sum(block.facts for block in taken.log.blocks)
    assert facts == taken.facts + taken.corrections, f"the log holds {facts} facts"
    most, least = taken.written * len(stage.lanes), taken.written
    made = events + taken.corrections
    assert least <= made <= most, f"{taken.written} rows made {made} events"
    return taken._replace(events=events)

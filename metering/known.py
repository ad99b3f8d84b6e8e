"""What was known when: a log told by the time of occurrence, as it was known at the end of a month.

A block holds what became known in its month; late events occurred before. `known` gives the log in which
every event has found its month, but for those that were not known yet. It reads like a log, and a log without
late events is its own.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from metering.event import Event
from metering.log import Fact, Log
from metering.period import Period

SUBJECTS = "known_subjects"
"""The name under which the subjects of a log that tells of some alone are registered in DuckDB."""

SHELF = "shelved_usage"
"""The name of the table that `shelved` makes."""

SHELF_ROWS = 20_000_000
"""More usage than this is read from the log each time instead: a table of it would fill the memory."""


class Known:
    """A log by the time of occurrence. Use `known`."""

    def __init__(
        self,
        log: Log,
        until: Period | None,
        subjects: Collection[str] | None,
        *,
        is_in_order: bool = False,
        is_shelved: bool = False,
    ) -> None:
        """See `known` and `in_order`."""
        self.log = log
        self.is_in_order = is_in_order
        self.is_shelved = is_shelved
        self.until = until
        self.subjects = None if subjects is None else dict.fromkeys(subjects)
        self.periods = log.periods
        self.has_corrections = log.has_corrections
        self._months: dict[str, list[Fact]] | None = None
        self._frame: pl.DataFrame | None = None

    @property
    def directory(self) -> Path:
        """Where the log is."""
        return self.log.directory

    def facts(self, periods: Sequence[Period] | None = None) -> list[Fact]:
        """Return the business facts that occurred in some months (all by default), in the order of time."""
        if self._months is None:
            self._months = self._by_month()
        months = self._months
        return [fact for period in periods or self.periods for fact in months.get(period.label, [])]

    def fact_frame(self, periods: Sequence[Period] | None = None) -> pl.DataFrame:
        """Return the business facts that occurred in some months with the columns of log/events."""
        if self._frame is None:
            told = pl.Series([fact.position for fact in self.facts()], dtype=pl.Int64)
            frame = self.log.fact_frame().filter(pl.col("position").is_in(told.implode()))
            self._frame = _renumbered(frame) if self.is_in_order else frame
        if periods is None:
            return self._frame
        first, last = periods[0].starts_at, periods[-1].ends_at
        return self._frame.filter(pl.col("occurred_at").is_between(first, last, closed="left"))

    def usage_source(self, periods: Sequence[Period] | None = None) -> str:
        """Return SQL for the usage that occurred in some months in a row (all by default).

        Where the log tells of some subjects alone, `register` has to have been called.
        """
        periods = periods or self.periods
        first, last = periods[0], periods[-1]
        until = self.until.starts_on if self.until else first.starts_on
        late = [
            period
            for period, block in zip(self.periods, self.log.blocks, strict=True)
            if block.late and first.starts_on < period.starts_on <= until and period not in periods
        ]
        month, known_in = "date_trunc('month', occurred_at)", "date_trunc('month', recorded_at)"
        conditions = [
            f"occurred_at >= timestamp '{first.starts_at}' and occurred_at < timestamp '{last.ends_at}'",
            f"({month} >= {known_in}" + (f" or {known_in} <= date '{until}')" if self.until else ")"),
        ]
        if self.subjects is not None:
            conditions.append(f"subject in (select subject from {SUBJECTS})")
        source = SHELF if self.is_shelved else self.log.usage_source([*periods, *late])
        number = "row_number() over (order by occurred_at, source, id) as position"
        columns = f"* replace ({number})" if self.is_in_order else "*"
        return f"(select {columns} from {source} where {' and '.join(conditions)})"

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Tell DuckDB the subjects, where there are only some."""
        if self.subjects is not None:
            frame = pl.DataFrame({"subject": list(self.subjects)}, schema={"subject": pl.String})
            connection.register(SUBJECTS, frame)

    def _by_month(self) -> dict[str, list[Fact]]:
        """Put each fact that was known into its month, and the months in order."""
        found: dict[str, list[Fact]] = {}
        mixed: dict[str, None] = {}
        for period, block in zip(self.periods, self.log.blocks, strict=True):
            for fact in self.log.facts([period]):
                at = fact.event.occurred_at
                if self.subjects is not None and not _is_about(fact.event, self.subjects):
                    continue
                if not block.late or at >= period.starts_at:
                    found.setdefault(period.label, []).append(fact)
                elif self.until is not None and period.starts_on <= self.until.starts_on:
                    found.setdefault(f"{at:%Y-%m}", []).append(fact)
                    mixed[f"{at:%Y-%m}"] = None
        for label in mixed:
            found[label].sort(key=_order)
        return found


Source = Log | Known
"""What events are read from: a log in which everything came in time, or what was known of one."""


def known(
    log: Source,
    until: Period | None = None,
    subjects: Collection[str] | None = None,
    *,
    is_shelved: bool = False,
) -> Source:
    """Return a log by the time of occurrence, with what was known at the end of the month `until`.

    By default that is what came in time, of all subjects. Subjects are accounts and subscriptions: a fact
    belongs where its subject, or the subscription that it names, is among them. Usage that `is_shelved` is
    read from there (`shelved`). A log without late events is returned as it is.
    """
    if isinstance(log, Known) or not (log.has_late or subjects is not None):
        return log
    return Known(log, until, subjects, is_shelved=is_shelved)


@contextmanager
def shelved(connection: duckdb.DuckDBPyConnection, log: Log, subjects: Collection[str]) -> Iterator[bool]:
    """Keep the usage of some subjects in a table for a while, and say so, unless it is too much."""
    Known(log, None, subjects).register(connection)
    usage = f"from {log.usage_source()} where subject in (select subject from {SUBJECTS})"
    found = connection.execute(f"select count(*) {usage}").fetchall()[0][0]
    if found > SHELF_ROWS:
        yield False
        return
    connection.execute(f"create or replace temp table {SHELF} as select * {usage}")
    try:
        yield True
    finally:
        connection.execute(f"drop table {SHELF}")


def in_order(log: Source) -> Source:
    """Return a log whose positions are in the order of time, as if all events had come in time.

    They are positions to compare with each other, not those of the log.
    """
    if isinstance(log, Known) and log.until is not None:
        return Known(log.log, log.until, log.subjects, is_in_order=True, is_shelved=log.is_shelved)
    return log


def _renumbered(frame: pl.DataFrame) -> pl.DataFrame:
    ordered = frame.sort("occurred_at", "source", pl.col("id").str.len_chars(), "id")
    return ordered.with_columns(position=pl.int_range(pl.len(), dtype=pl.Int64))


def late_facts(log: Log, period: Period) -> list[Fact]:
    """Return the business facts of a block that occurred before its month."""
    return [fact for fact in log.facts([period]) if fact.event.occurred_at < period.starts_at]


def late_subjects(connection: duckdb.DuckDBPyConnection, log: Log, period: Period) -> list[str]:
    """Return whose usage of earlier months became known in a month, in order."""
    query = f"""
        select distinct subject from {log.usage_source([period])}
        where occurred_at < timestamp '{period.starts_at}' order by subject
    """
    return [row[0] for row in connection.execute(query).fetchall()]


def _is_about(event: Event, subjects: Collection[str]) -> bool:
    return event.subject in subjects or getattr(event.data, "subscription", "") in subjects


def _order(fact: Fact) -> tuple[object, ...]:
    """Order facts as a block would, had all come in time; names are unique by now."""
    event = fact.event
    return (event.occurred_at, event.source, len(event.id), event.id)

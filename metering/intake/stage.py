"""The stage: every row of the files, read and judged, in a table of DuckDB that may be larger than memory.

A row is a row of the table `stage`, in the order of the files, so that its `rowid` says which row of which
file it was. `reason` says why it cannot be used (NULL where it can), and `value` shows what is wrong.
"""

import re
from pathlib import Path
from typing import NamedTuple, Self

import duckdb

from metering.document import Problems, problem
from metering.event import EVENTS, QUANTITY_MAX
from metering.intake import reading
from metering.intake.lane import is_constant, lanes
from metering.intake.mapping import Column, Map, Named
from metering.intake.page import unpack
from metering.intake.quarantine import BLANK, VALUE_LETTERS
from metering.intake.reading import listed, literal
from metering.intake.source import Source, broken, opened, rejected, scan

MEMORY = "1GB"
"""What DuckDB may take; the rest waits in a directory beside the log."""


FACTS = sorted(name for name in EVENTS if name != "usage.recorded")
"""The types of the CloudEvents that are business facts."""

_ATTRIBUTES = ("specversion", "type", "id")
"""What a CloudEvent must have, beside the source, which a map says how to read."""

_SIZE = re.compile(r"[1-9][0-9]{0,6}(MB|GB|TB)")


class Extent(NamedTuple):
    """A file on the stage: the `rowid` of its first row, and how many rows it has."""

    source: Source
    first: int
    rows: int


class Stage:
    """Rows on their way into a log. `close` lets go of them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, mapped: Map, directory: Path) -> None:
        """Use `begin`."""
        self.connection = connection
        self.directory = directory
        self.mapped = mapped
        self.columns = list(mapped.named())
        if mapped.format == "cloudevents":
            self.columns += [name for name in _ATTRIBUTES if name not in self.columns]
        self.lanes = lanes(mapped, {column: f"v{n}" for n, column in enumerate(self.columns)})
        self.extents: list[Extent] = []

    @classmethod
    def begin(cls, directory: Path, mapped: Map, memory: str = MEMORY) -> Self:
        """Make an empty stage, which puts into `directory` what memory does not hold.

        Raises Problems where `memory` is no size.
        """
        if not _SIZE.fullmatch(memory):
            raise problem("--memory", f"{memory!r} is no size", "write it like 1GB or 800MB")
        directory.mkdir()
        connection = duckdb.connect(":memory:")
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"set memory_limit = {literal(memory)}")
        connection.execute(f"set temp_directory = {literal(str(directory))}")
        stage = cls(connection, mapped, directory)
        connection.execute(f"create table stage ({', '.join(stage.shape())})")
        return stage

    def close(self) -> None:
        """Forget everything."""
        self.connection.close()

    @property
    def has_ids(self) -> bool:
        """Whether columns name the rows; otherwise their place in the file does."""
        return not self.mapped.id.of

    @property
    def has_source(self) -> bool:
        """Whether a column says who recorded the events."""
        return isinstance(self.mapped.source, Column)

    @property
    def has_owner(self) -> bool:
        """Whether a row says its account beside its subscription."""
        return bool(self.mapped.subscription.column and self.mapped.account)

    def shape(self) -> list[str]:
        """Return the columns of the table."""
        texts = ["reason varchar", "value varchar", "file integer"]
        texts += ["source varchar"] * self.has_source + ["id varchar"] * self.has_ids
        texts += ["subject varchar"] + ["account varchar"] * self.has_owner
        texts.append("occurred_at timestamp")
        texts += ["known_at timestamp"] * bool(self.mapped.recorded)
        texts += ["correction varchar"] * bool(self.mapped.corrections)
        for n, lane in enumerate(self.lanes):
            texts += [f"quantity{n} decimal(38, 12)"]
            texts += [f"meter{n} varchar"] * (not is_constant(lane.meter))
            texts += [f"dimensions{n} varchar"] * (not is_constant(lane.dimensions))
        return texts

    def load(self, source: Source) -> Extent:
        """Put a file's rows on the stage. Raises Problems where its structure is broken."""
        before, read = self._count(), self._unpacked(source)
        try:
            self.connection.execute(f"insert into stage {self.query(read)}")
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            raise broken(source, error) from None
        if source.shape in {"csv", "lines"} and (problems := rejected(source, self.connection)):
            raise Problems(problems)
        extent = Extent(source, before, self._count() - before)
        if not extent.rows and not self.mapped.records:  # the last page of an interface is empty
            raise problem(str(source.path), "has no rows", "leave it out, or look where it comes from")
        self.extents.append(extent)
        return extent

    def _unpacked(self, source: Source) -> Source:
        """Return what is read of a file: itself, or the rows of its pages, on lines of their own."""
        if not self.mapped.records:
            return source
        with opened(source.path) as file:
            lines = unpack(source.path, file, self.mapped.records, self.directory / "pages.ndjson")
        return source._replace(path=lines)

    def query(self, source: Source) -> str:
        """Return SQL that reads and judges the rows of a file."""
        rows = scan(source, self.mapped, self.columns, self._exact())
        read = f"select *, {', '.join(self._read())} from ({rows})"
        judged = f"select *, {self._reason()} as reason from ({read})"
        names = [column.split()[0] for column in self.shape()]
        kept = {"reason": "reason", "value": f"left({self._value()}, {VALUE_LETTERS})"}
        kept |= {"known_at": "greatest(known_at, occurred_at)", "file": str(len(self.extents))}
        return f"select {', '.join(f'{kept.get(name, name)} as {name}' for name in names)} from ({judged})"

    def _count(self) -> int:
        return int(self.connection.execute("select count(*) from stage").fetchall()[0][0])

    def _exact(self) -> list[str]:
        return [usage.quantity for usage in self.mapped.usage if isinstance(usage.quantity, str)]

    def _at(self, column: str) -> str:
        return f"v{self.columns.index(column)}"

    def _read(self) -> list[str]:
        """Return SQL for the values that the table keeps."""
        mapped = self.mapped
        time = self._at(mapped.time.column)
        values = {"occurred_at": reading.instant(time, mapped.time)}
        if isinstance(mapped.source, Column):
            values["source"] = reading.name(self._at(mapped.source.column))
        if self.has_ids:
            values["id"] = reading.name(reading.joined([self._at(column) for column in mapped.id.columns]))
        values |= self._customers()
        if mapped.recorded:
            values["known_at"] = self._known_at()
        if mapped.corrections:
            reason = mapped.corrections.reason
            values["correction"] = (
                f"coalesce({self._at(reason.column)}, '')" if isinstance(reason, Column) else literal(reason)
            )
        for n, lane in enumerate(self.lanes):
            number = (
                lane.number if lane.active == "true" else f"case when {lane.active} then {lane.number} end"
            )
            values |= {f"quantity{n}": number, f"text{n}": lane.text, f"active{n}": lane.active}
            values |= {
                f"meter{n}": lane.meter,
                f"dimensions{n}": lane.dimensions,
                f"optional{n}": lane.optional,
            }
        return [f"{value} as {name}" for name, value in values.items()]

    def _customers(self) -> dict[str, str]:
        mapped, account = self.mapped, "null"
        if mapped.account:
            account = literal(mapped.account.one)
            if mapped.account.column:
                account = reading.name(self._at(mapped.account.column))
            elif mapped.account.hash:
                texts = [self._at(column) for column in mapped.account.hash]
                account = reading.spread(texts, mapped.account.accounts, mapped.account.prefix)
        if mapped.subscription.column:
            return {"subject": reading.name(self._at(mapped.subscription.column)), "account": account}
        return {"subject": account if mapped.accounts else f"{account} || '-1'"}

    def _known_at(self) -> str:
        """When a row became known; what comes in the days of grace counts as known when it occurred."""
        recorded = self.mapped.recorded
        assert recorded is not None
        at = reading.instant(self._at(recorded.column), recorded)
        time = reading.instant(self._at(self.mapped.time.column), self.mapped.time)
        month_end = f"date_trunc('month', {time}) + interval 1 month"
        graced = f"{at} >= {month_end} and {at} < {month_end} + interval {recorded.grace_days} day"
        missing = f"{self._at(recorded.column)} is null"
        return f"case when {missing} or ({graced}) then {time} else {at} end"

    def _reason(self) -> str:
        """Return SQL for the first thing that is wrong with a row."""
        mapped, time = self.mapped, self._at(self.mapped.time.column)
        tests = {"flaw is not null": "flaw"}
        if mapped.accounts and mapped.accounts.among_usage:
            tests[f"{self._at('type')} in ({listed(FACTS)})"] = literal(BLANK)
        if mapped.format == "cloudevents":
            needed = [self._at(name) for name in _ATTRIBUTES]
            missing = " or ".join(f"{text} is null" for text in needed)
            tests[f"{missing} or {needed[0]} <> '1.0'"] = "'not_cloudevent'"
        if self.has_source:
            tests["coalesce(source, '') = ''"] = "'no_source'"
        if self.has_ids:
            tests["coalesce(id, '') = ''"] = "'no_id'"
            tests[f"strlen(id) > {reading.TEXT_BYTES_MAX}"] = "'long_name'"
        tests[f"{time} is null"] = "'no_time'"
        if mapped.time.form == "iso" and not mapped.time.zone:
            tests[f"not {reading.has_offset(time)}"] = "'no_zone'"
        tests[f"not coalesce({reading.in_range('occurred_at')}, false)"] = "'bad_time'"
        for bound, sign in ((mapped.time.since, "<"), (mapped.time.until, ">=")):
            if bound:
                tests[f"occurred_at {sign} timestamp '{bound}'"] = "'out_of_range'"
        if mapped.recorded:
            tests[f"not coalesce({reading.in_range('known_at')}, false)"] = "'bad_recorded_at'"
        tests["coalesce(subject, '') = ''"] = "'no_account'"
        tests[f"strlen(subject) > {reading.TEXT_BYTES_MAX}"] = "'long_name'"
        tests |= self._usage_tests()
        cases = " ".join(f"when {test} then {word}" for test, word in tests.items())
        return f"case when {self._is_sound()} then null {cases} end"

    def _is_sound(self) -> str:
        """Return SQL that says at once of most rows that nothing is wrong with them."""
        names = ["source"] * self.has_source + ["id"] * self.has_ids + ["subject"]
        tests = ["flaw is null", reading.in_range("occurred_at")]
        tests += [f"strlen({name}) between 1 and {reading.TEXT_BYTES_MAX}" for name in names]
        if self.mapped.recorded:
            tests.append(reading.in_range("known_at"))
        if self.mapped.format == "cloudevents":
            tests += [f"{self._at('specversion')} = '1.0'", f"{self._at('type')} <> ''"]
        tests += [f"occurred_at >= timestamp '{self.mapped.time.since}'"] * bool(self.mapped.time.since)
        tests += [f"occurred_at < timestamp '{self.mapped.time.until}'"] * bool(self.mapped.time.until)
        least = f"-{QUANTITY_MAX:f}" if self.mapped.corrections else "0"
        for n, lane in enumerate(self.lanes):
            test = f"quantity{n} between {least} and {QUANTITY_MAX:f}"
            tests.append(test if is_constant(lane.meter) else f"{test} and meter{n} <> ''")
            tests += [_is_object(f"dimensions{n}")] * self._tells_dimensions()
        return f"coalesce({' and '.join(tests)}, false)"

    def _usage_tests(self) -> dict[str, str]:
        every = range(len(self.lanes))
        tests = {
            " and ".join(f"not coalesce(active{n}, false)" for n in every): "'unknown_meter'",
            " or ".join(f"(active{n} and coalesce(meter{n}, '') = '')" for n in every): "'unknown_meter'",
            " or ".join(
                f"(active{n} and text{n} is null and not optional{n})" for n in every
            ): "'no_quantity'",
            " and ".join(f"(not active{n} or text{n} is null)" for n in every): "'no_usage'",
        }
        for n in every:
            wrong = f"quantity{n} is null or {reading.is_too_large(f'quantity{n}')}"
            tests[f"active{n} and text{n} is not null and ({wrong})"] = "'bad_quantity'"
            if self._tells_dimensions():
                tests[f"active{n} and not {_is_object(f'dimensions{n}')}"] = "'bad_dimensions'"
            if not self.mapped.corrections:
                tests[f"active{n} and quantity{n} < 0"] = "'negative_quantity'"
        return tests

    def _tells_dimensions(self) -> bool:
        """Tell whether a column holds the dimensions of a lane as JSON; otherwise they are made here."""
        return any(usage.dimensions and isinstance(usage.dimensions, str) for usage in self.mapped.usage)

    def _value(self) -> str:
        """Return SQL for what is wrong with a row; NULL for a sound one."""
        shown = {
            "not_json": "hint",
            "unknown_column": "hint",
            "no_zone": self._at(self.mapped.time.column),
            "bad_time": self._at(self.mapped.time.column),
            "out_of_range": self._at(self.mapped.time.column),
            "unknown_meter": self._meters(),
            "long_name": self._long_name(),
        }
        if self._tells_dimensions():
            every = ", ".join(f"nullif(dimensions{n}, '')" for n in range(len(self.lanes)))
            shown["bad_dimensions"] = f"concat_ws(' ', {every})"
        if self.mapped.recorded:
            shown["bad_recorded_at"] = self._at(self.mapped.recorded.column)
        if self.mapped.format == "cloudevents":
            missing = [f"case when {self._at(one)} is null then 'no {one}' end" for one in _ATTRIBUTES]
            version = self._at("specversion")
            told = [f"case when {version} <> '1.0' then {version} end", *missing]
            shown["not_cloudevent"] = f"concat_ws(', ', {', '.join(told)})"
        wrong = ", ".join(
            f"case when active{n} and (quantity{n} is null or {reading.is_too_large(f'quantity{n}')} "
            f"or quantity{n} < 0) then coalesce(text{n}, '') end"
            for n in range(len(self.lanes))
        )
        shown["negative_quantity"] = shown["bad_quantity"] = f"concat_ws(' ', {wrong})"
        cases = " ".join(f"when '{reason}' then {value}" for reason, value in shown.items())
        return f"case when reason is not null then case reason {cases} end end"

    def _long_name(self) -> str:
        names = ["id"] * self.has_ids + ["subject"]
        tests = " ".join(f"when strlen({name}) > {reading.TEXT_BYTES_MAX} then {name}" for name in names)
        return f"case {tests} end"

    def _meters(self) -> str:
        """Show the columns by which rules are chosen."""
        chosen = {column for usage in self.mapped.usage for column in usage.when}
        chosen |= {usage.meter.column for usage in self.mapped.usage if isinstance(usage.meter, Named)}
        if not chosen:
            return "''"
        return f"concat_ws(' ', {', '.join(self._at(column) for column in sorted(chosen))})"


def _is_object(text: str) -> str:
    """Say whether a text is empty or an object of JSON."""
    kind = f"case when json_valid({text}) then json_type({text}) end"
    return f"({text} = '' or coalesce({kind} = 'OBJECT', false))"

"""Maps: what the columns of somebody's files mean, as a TOML file.

`Map` is the whole of it. A map names every column of the files with its kind, and then what is made of them:
which name an event, which say when, who and how much. Nothing is guessed.
"""

import re
from collections.abc import Iterator
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, model_validator

from metering.document import Problem, Problems, did_you_mean, parse, problem, read_text, validate

FOLDER = "maps"
"""Where the maps that come with the program stand, among the fixtures."""

Kind = Literal["text", "integer", "decimal", "float", "time", "ignored"]
Form = Literal["csv", "parquet", "json", "cloudevents"]
SEATS_MAX = 10_000_000
"""More seats than that are a mistake."""

Seats = Annotated[int, Field(ge=0, le=SEATS_MAX)]

ATTRIBUTES: dict[str, Kind] = {
    "specversion": "text",
    "id": "text",
    "source": "text",
    "type": "text",
    "subject": "text",
    "time": "time",
}
"""The attributes of a CloudEvent that a map may name without listing them."""

_INSTANT = re.compile(r"iso|epoch_s|epoch_ms|epoch_us|.*%.*")
_DIRECTIVE = re.compile("%(?:-.|.?)", re.DOTALL)
_KNOWN_DIRECTIVE = re.compile("%(-[dmyHIMSj]|[aAwudbBhmyYHIpMSTgfnzZjUWcxXGV%])")
"""The parts of a pattern of a time that DuckDB reads."""
_NAMED = re.compile(r'"([^"]+)"|([^."]+)')

R = TypeVar("R", bound=BaseModel)


class Record(BaseModel):
    """A part of a map: unknown keys are refused, values cannot change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Record):
    """A value that stands in a column of the files, or in a field of their JSON (`data.tokens`)."""

    column: str


class Named(Column):
    """A meter's name that stands in a column. `names` says which there are, and what they are called here."""

    names: dict[str, str] = {}


class Instant(Column):
    """A time in a column. `form` is how it is written, `zone` where its clock hangs.

    Forms: `iso` (2026-01-31T10:00:00Z), `epoch_s`, `epoch_ms`, `epoch_us`, or a pattern such as
    `%d/%m/%Y %H:%M`. A time without an offset is refused unless `zone` (`UTC`, `Europe/Berlin`) is given.
    """

    form: str = "iso"
    zone: str = ""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not _INSTANT.fullmatch(self.form):
            raise ValueError("is no form of a time; use iso, epoch_s, epoch_ms, epoch_us or a % pattern")
        if "%" in self.form:
            self._check_pattern()
        if self.zone and self.zone not in available_timezones():
            raise ValueError(f"no zone {self.zone!r}; {did_you_mean(self.zone, available_timezones())}")
        return self

    def _check_pattern(self) -> None:
        """See that a pattern can be read, and comes to an instant. Raises ValueError."""
        parts = [found.group() for found in _DIRECTIVE.finditer(self.form)]
        if strange := [part for part in parts if not _KNOWN_DIRECTIVE.fullmatch(part)]:
            remedy = "use those of strftime, such as %Y-%m-%d %H:%M:%S"
            raise ValueError(f"{strange[0]!r} of the form {self.form!r} is no part of a time; {remedy}")
        if not self.zone and "%z" not in parts and "%Z" not in parts:
            raise ValueError(f"the form {self.form!r} has no offset; state the zone, or add %z")


class Occurred(Instant):
    """When the usage happened. What lies before `since`, or not before `until`, is quarantined."""

    since: date | None = None
    until: date | None = None


class Recorded(Instant):
    """When the usage became known. What comes within `grace_days` of its month's end is in time."""

    grace_days: int = Field(0, ge=0, le=366)


class Identity(Record):
    """What names a row for ever: its `columns`, or (`of = "row"`) the hash of its file and its number."""

    columns: tuple[str, ...] = ()
    of: Literal["row"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.columns) == bool(self.of):
            raise ValueError('needs either columns, or of = "row"; give one of them')
        return self


class Owner(Record):
    """Whose usage it is: that of `one` account, of the one in a `column`, or by the `hash` of some columns.

    A hash spreads the rows over so many `accounts`, each named by `prefix` and its number.
    """

    one: str = ""
    column: str = ""
    hash: tuple[str, ...] = ()
    accounts: int = Field(0, ge=0, le=10_000_000)
    prefix: str = "account-"
    segment: str = "imported"
    channel: str = "imported"
    country: str = "US"

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(map(bool, (self.one, self.column, self.hash))) != 1:
            raise ValueError("needs one of: one, column, hash; give one of them")
        if bool(self.hash) != bool(self.accounts):
            raise ValueError("a hash needs the number of accounts that it spreads over; give both")
        return self


class Contract(Record):
    """What the accounts subscribe to, where no file says it; `column` names the subscription of a row.

    `starts` is a day, or `first_day` or `first_month` (of the account's first usage), or `log` (its first
    month).
    """

    column: str = ""
    plan: str = ""
    seats: Seats = 1
    billing: Literal["month", "year"] = "month"
    starts: date | Literal["first_day", "first_month", "log"] = "first_month"


class Usage(Record):
    """One event that a row makes: `quantity` (a column, or a number) of a `meter`.

    `when` limits it to rows whose columns have these values. With `optional` a row without a quantity makes
    no such event, instead of being quarantined. `name` tells apart events that a row makes for one meter.
    `dimensions` says in which columns their values stand, or names one that holds them all as a JSON object.
    """

    meter: str | Named
    quantity: str | int = 1
    when: dict[str, str | tuple[str, ...]] = {}
    dimensions: dict[str, str] | str = {}
    optional: bool = False
    name: str = ""

    @property
    def key(self) -> str:
        """What tells the events of a row apart."""
        return self.name or (self.meter if isinstance(self.meter, str) else self.meter.column)

    @property
    def dimension_columns(self) -> tuple[str, ...]:
        """The columns in which the values of dimensions stand."""
        named = self.dimensions
        return ((named,) if named else ()) if isinstance(named, str) else tuple(named.values())


class Corrections(Record):
    """Negative quantities are corrections, for this `reason` (a text, or a column)."""

    reason: str | Column


class Accounts(Record):
    """The second file (`--accounts`): a row for each subscription, of CSV, Parquet or JSON.

    Every key but `columns` takes a column, or a text for all rows. With `format = "cloudevents"` the file
    holds business facts as `saasim` writes them, and the other keys are left out; with `among_usage` they
    stand in the files of usage themselves. Usage of an account that the file does not have is quarantined,
    or (`unknown = "keep"`) kept for nobody: the bill says that it has no subscription.
    """

    format: Form = "csv"
    delimiter: str = Field(",", min_length=1, max_length=1)
    columns: dict[str, Kind] = {}
    account: str = ""
    subscription: str = ""
    name: str | Column = ""
    email: str | Column = ""
    segment: str | Column = "imported"
    channel: str | Column = "imported"
    country: str | Column = "US"
    plan: str | Column = ""
    seats: int | Column = 1
    billing: str | Column = "month"
    starts: Instant | None = None
    ends: Instant | None = None
    unknown: Literal["quarantine", "keep"] = "quarantine"
    among_usage: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.format == "cloudevents":
            return self
        if self.among_usage:
            raise ValueError('only format = "cloudevents" tells facts from usage; remove among_usage')
        missing = [key for key in ("account", "plan", "starts") if not getattr(self, key)]
        if missing:
            raise ValueError(f"needs {', '.join(missing)}; name the columns, or the plan")
        return self


class Map(Record):
    """What the columns of files of usage mean.

    `format` is csv, parquet, json (lines, an array or one object) or cloudevents (version 1.0, single, batch
    or lines); where objects of JSON hold lists of rows, as the pages of an interface do, `records` is the
    key of the list. `columns` lists every column by its kind: text, integer, decimal, float (inexact in the
    file; its shortest decimal counts), time, ignored. `optional` columns may be missing. `source` names who
    recorded the events.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    about: str = ""
    format: Form
    delimiter: str = Field(",", min_length=1, max_length=1)
    records: str = ""
    columns: dict[str, Kind] = {}
    optional: tuple[str, ...] = ()
    source: str | Column
    id: Identity
    time: Occurred
    recorded: Recorded | None = None
    account: Owner | None = None
    subscription: Contract = Contract()
    usage: tuple[Usage, ...] = Field(min_length=1)
    corrections: Corrections | None = None
    accounts: Accounts | None = None

    def kinds(self) -> dict[str, Kind]:
        """Return the kind of every column that may be named, those of a CloudEvent included."""
        return {**(ATTRIBUTES if self.format == "cloudevents" else {}), **self.columns}

    def named(self) -> dict[str, str]:
        """Return every column that the map makes something of, with the place in the map that names it."""
        found: dict[str, str] = {}
        for column, place in _named(self):
            found.setdefault(column, place)
        return found

    @property
    def is_exclusive(self) -> bool:
        """Whether a row makes one event at most: no two rules can hold for the same row."""
        return all(
            _excludes(one, other)
            for number, one in enumerate(self.usage)
            for other in self.usage[number + 1 :]
        )


def load(name: str | Path) -> tuple[Map, bytes]:
    """Read a map that comes with the program by its name, or a map's file. Returns the text as well.

    Raises Problems with everything that is wrong with it.
    """
    path = built_in().get(str(name), Path(name))
    if not path.exists() and path.suffix != ".toml" and len(path.parts) == 1:
        remedy = did_you_mean(str(name), built_in())
        remedy += " Or give a file" if remedy.endswith("?") else "; or give a file"
        raise problem(str(name), "is no built-in map", remedy)
    text = read_text(path)
    found = validate(Map, parse(text, str(path)), str(path))
    if problems := list(_problems(found, str(path))):
        raise Problems(problems)
    return found, text.encode()


def built_in() -> dict[str, Path]:
    """Return the maps that come with the program, by name."""
    folder = Path(str(resources.files("fixtures"))) / FOLDER
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a map, for editors."""
    return Map.model_json_schema()


def steps(column: str) -> list[str]:
    """Return the keys that lead to a field of JSON: `data."a.b"` is [data, a.b]."""
    return [quoted or plain for quoted, plain in _NAMED.findall(column)]


def _named(found: Map) -> Iterator[tuple[str, str]]:
    if isinstance(found.source, Column):
        yield found.source.column, "source"
    yield from ((column, "id.columns") for column in found.id.columns)
    yield found.time.column, "time"
    if found.recorded:
        yield found.recorded.column, "recorded"
    if found.account:
        yield from ((column, "account") for column in (found.account.column, *found.account.hash) if column)
    if found.subscription.column:
        yield found.subscription.column, "subscription"
    for number, usage in enumerate(found.usage, start=1):
        place = f"usage[{number}]"
        if isinstance(usage.meter, Named):
            yield usage.meter.column, f"{place}.meter"
        if isinstance(usage.quantity, str):
            yield usage.quantity, f"{place}.quantity"
        yield from ((column, f"{place}.when") for column in usage.when)
        yield from ((column, f"{place}.dimensions") for column in usage.dimension_columns)
    if found.corrections and isinstance(found.corrections.reason, Column):
        yield found.corrections.reason.column, "corrections.reason"


def _excludes(one: Usage, other: Usage) -> bool:
    return any(
        set(_values(one.when[column])).isdisjoint(_values(other.when[column]))
        for column in one.when
        if column in other.when
    )


def _values(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _problems(found: Map, place: str) -> Iterator[Problem]:
    kinds, named = found.kinds(), found.named()
    if found.format != "cloudevents" and not found.columns:
        yield Problem(f"{place}: columns", "is missing", "list every column of the files with its kind")
        return
    for column, where in named.items():
        if column not in kinds:
            yield Problem(f"{place}: {where}", f"no column {column!r}", did_you_mean(column, kinds))
        elif kinds[column] == "ignored":
            yield Problem(f"{place}: {where}", f"column {column!r} is ignored", "give it another kind")
    for column, kind in found.columns.items():
        if kind != "ignored" and column not in named:
            remedy = 'say "ignored", or make something of it'
            yield Problem(f"{place}: columns.{column}", "nothing is made of this column", remedy)
    for column in found.optional:
        if column not in kinds:
            yield Problem(f"{place}: optional", f"no column {column!r}", did_you_mean(column, kinds))
    for number, usage in enumerate(found.usage, start=1):
        yield from _usage_problems(usage, kinds, f"{place}: usage[{number}]")
    yield from _rule_problems(found, place)


def _usage_problems(usage: Usage, kinds: dict[str, Kind], place: str) -> Iterator[Problem]:
    if isinstance(usage.quantity, str) and kinds.get(usage.quantity) in {"text", "time"}:
        message = f"column {usage.quantity!r} is {kinds[usage.quantity]}"
        yield Problem(f"{place}.quantity", message, "a quantity is integer, decimal or float")
    if isinstance(usage.quantity, int) and usage.quantity < 0:
        yield Problem(f"{place}.quantity", f"{usage.quantity} is negative", "give a number of 0 or more")


def _rule_problems(found: Map, place: str) -> Iterator[Problem]:
    if found.records and found.format not in {"json", "cloudevents"}:
        yield Problem(f"{place}: records", f"{found.format} has no lists of rows", "leave it out")
    if found.records and found.accounts and found.accounts.among_usage:
        yield Problem(
            f"{place}: accounts", "facts cannot stand among the rows of pages", "remove among_usage"
        )
    keys = [usage.key for usage in found.usage]
    if not found.is_exclusive and len(set(keys)) < len(keys):
        yield Problem(f"{place}: usage", "two rules make events of one name", "give each a 'name'")
    if not found.account and not found.subscription.column:
        remedy = 'say [account] one = "...", column = "..." or hash = [...]'
        yield Problem(f"{place}: account", "nothing says whose the usage is", remedy)
    if not found.accounts and not found.subscription.plan:
        yield Problem(
            f"{place}: subscription.plan", "is missing", "name the plan that all have, or map [accounts]"
        )
    if found.accounts and found.account and (found.account.one or found.account.hash):
        message = "with a file of accounts a column must name the account"
        yield Problem(f"{place}: account", message, "use column, or leave [accounts] out")

"""Customers: the accounts and subscriptions of an imported log, by the map's rule or from a second file.

They are few beside the usage, and travel as facts. A file of accounts must be right: every problem in it is
reported, and nothing is imported.
"""

import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import duckdb

from metering.delivery import event_order
from metering.document import Problem, Problems, did_you_mean, problem
from metering.event import EVENTS, AccountSignedUp, Event, SubscriptionCancelled, SubscriptionStarted, decode
from metering.intake import reading
from metering.intake.gap import gaps, shift
from metering.intake.mapping import SEATS_MAX, Accounts, Column, Contract, Instant, Map, Owner
from metering.intake.quarantine import BLANK, REASONS, SOUND
from metering.intake.reading import listed
from metering.intake.source import broken, inspect, rejected, scan, sql_path
from metering.intake.stage import FACTS, Stage

ACCOUNTS, SUBSCRIPTIONS = "import/accounts", "import/subscriptions"
"""Who tells of customers: the map, or the file that it describes. In this order a block keeps them."""

_SEATS_DIGITS = 20

_PROBLEMS_MAX = 20
_KINDS: dict[Any, Any] = {str: str, int: int, bool: bool, Decimal: (int, str, Decimal), date: str}


class Customers(NamedTuple):
    """Business facts, and for each name that usage may be told of the subscription it is for."""

    facts: list[Event]
    subscriptions: dict[str, str]


def by_rule(stage: Stage) -> list[Event]:
    """Return the facts about every account and subscription that the sound rows name.

    Raises Problems where a subscription has two accounts.
    """
    mapped = stage.mapped
    owner = "min(account), count(distinct account)" if stage.has_owner else "null, 1"
    rows = stage.connection.execute(f"""
        select subject, min(occurred_at), {owner} from stage where {SOUND} group by subject order by subject
    """).fetchall()
    if shared := [row for row in rows if row[3] > 1]:
        message = f"has {shared[0][3]} accounts"
        raise problem(f"subscription {shared[0][0]!r}", message, "a subscription has one; see [account]")
    first = min((row[1] for row in rows), default=None)
    begun: dict[str, datetime] = {}
    contracts = []
    for subject, used_at, account, _ in rows:
        owned_by = _account(mapped, subject, account)
        starts_at = datetime.combine(_start(mapped.subscription, used_at, first or used_at), time())
        begun[owned_by] = min(starts_at, begun.get(owned_by, starts_at))
        contracts.append((owned_by, subject, starts_at))
    owner_rule = mapped.account or Owner(one="-")
    where = (owner_rule.segment, owner_rule.channel, owner_rule.country)
    facts = [Event(ACCOUNTS, name, name, at, AccountSignedUp(name, "", *where)) for name, at in begun.items()]
    plan = mapped.subscription
    return facts + [
        Event(SUBSCRIPTIONS, key, name, at,
              SubscriptionStarted(key, plan.plan, plan.seats, plan.billing))
        for name, key, at in contracts
    ]  # fmt: skip


def from_files(paths: Sequence[Path], mapped: Map, connection: duckdb.DuckDBPyConnection) -> Customers:
    """Read the files of accounts. Raises Problems with everything that is wrong with them."""
    assert mapped.accounts is not None
    facts: dict[tuple[str, str], Event] = {}
    problems: list[Problem] = []
    for path in paths:
        read = _events if mapped.accounts.format == "cloudevents" else _rows
        for found in read(path, mapped.accounts, connection):
            if isinstance(found, Problem):
                problems.append(found)
                continue
            before = facts.setdefault((found.source, found.id), found)
            if before == found:
                continue
            if found.source == ACCOUNTS and isinstance(
                found.data, AccountSignedUp
            ):  # one of several contracts
                facts[found.source, found.id] = min(before, found, key=event_order)
            else:
                remedy = "name each once, or say in [accounts] which column names the subscription"
                problems.append(Problem(str(path), f"{found.id!r} is told twice, in two ways", remedy))
    if problems:
        raise Problems(problems[:_PROBLEMS_MAX])
    told = list(facts.values())
    return Customers(told, _subscriptions(told, mapped))


def _account(mapped: Map, subject: str, account: str | None) -> str:
    if mapped.subscription.column:
        return account if account is not None else f"{subject}-account"
    return subject.removesuffix("-1")


def _start(contract: Contract, used_at: datetime, first: datetime) -> date:
    if isinstance(contract.starts, date):
        return contract.starts
    at = first if contract.starts == "log" else used_at
    return at.date() if contract.starts == "first_day" else at.date().replace(day=1)


def _subscriptions(facts: Sequence[Event], mapped: Map) -> dict[str, str]:
    """Name the subscription of each name that usage may be told of. Raises Problems where there are two."""
    started = [(event.subject, event.data) for event in facts if isinstance(event.data, SubscriptionStarted)]
    if mapped.subscription.column:
        return {data.subscription: data.subscription for _, data in started}
    held = defaultdict(list)
    for account, data in started:
        held[account].append(data.subscription)
    if several := [account for account, keys in held.items() if len(keys) > 1]:
        message = f"has {len(held[several[0]])} subscriptions"
        remedy = "name the column of usage that says which: [subscription] column"
        raise problem(f"account {several[0]!r}", message, remedy)
    return {account: keys[0] for account, keys in held.items()}


def _rows(path: Path, mapped: Accounts, connection: duckdb.DuckDBPyConnection) -> Iterator[Event | Problem]:
    """Yield the facts of a table with a row for each subscription."""
    source = inspect(path, mapped)
    keys = {
        key: mapped.account if key == "account" else _column(getattr(mapped, key)) or mapped.subscription
        for key in ("account", "subscription", *_TEXTS, "starts", "ends")
        if _column(getattr(mapped, key)) or (key in {"account", "subscription"} and getattr(mapped, key))
    }
    columns = list(dict.fromkeys(keys.values()))
    values = {key: f"v{columns.index(column)}" for key, column in keys.items()}
    times = {
        key: reading.instant(values[key], getattr(mapped, key)) for key in ("starts", "ends") if key in keys
    }
    told = [f"{values[key]} as {key}" for key in keys] + [f"{at} as {key}_at" for key, at in times.items()]
    try:
        rows = connection.execute(
            f"select {', '.join([*told, 'flaw', 'hint'])} from ({scan(source, mapped, columns, [])})"
        )
        names, lines = [column[0] for column in rows.description or ()], rows.fetchall()
    except duckdb.Error as error:
        raise broken(source, error) from None
    if source.shape in {"csv", "lines"}:
        yield from rejected(source, connection)
    if not lines:
        yield Problem(str(path), "has no rows", "leave it out, or look where it comes from")
    before = gaps(source, mapped.delimiter)
    for place, line in enumerate(lines):
        number = source.first_row + place + shift(before, place)
        row = dict(zip(names, line, strict=True))
        flaw, hint = row.pop("flaw"), row.pop("hint")
        if flaw is None:
            yield from _contract(f"{path}: row {number}", row, mapped)
        elif flaw != BLANK:
            got = f" (got {hint[:80]!r})" if hint else ""
            yield Problem(f"{path}: row {number}", f"{REASONS[flaw]}{got}", "mend it, or the map")


_TEXTS = ("name", "email", "segment", "channel", "country", "plan", "seats", "billing")


def _column(value: Any) -> str:
    return value.column if isinstance(value, Column) else ""


def _contract(place: str, row: dict[str, Any], mapped: Accounts) -> Iterator[Event | Problem]:
    """Yield the facts of one row, or what is wrong with it."""
    given: dict[str, Any] = {
        key: row.get(key) if _column(getattr(mapped, key)) else getattr(mapped, key) for key in _TEXTS
    }
    account = _name(row["account"])
    problems = list(_row_problems(place, row, given, mapped))
    if problems:
        yield from problems
        return
    key = _name(row.get("subscription")) or f"{account}-1"
    starts_at: datetime = row["starts_at"]
    who = (given["name"] or account, given["email"] or "", given["segment"] or "", given["channel"] or "")
    signed_up = AccountSignedUp(*who, given["country"] or "")
    yield Event(ACCOUNTS, account, account, starts_at, signed_up)
    contract = SubscriptionStarted(key, given["plan"], int(given["seats"]), given["billing"])
    yield Event(SUBSCRIPTIONS, key, account, starts_at, contract)
    if row.get("ends_at"):
        end = SubscriptionCancelled(key, row["ends_at"].date())
        yield Event(SUBSCRIPTIONS, f"{key}:cancelled", account, row["ends_at"], end)


def _name(text: str | None) -> str:
    """Return a name as the log keeps it; see `reading.name`."""
    return unicodedata.normalize("NFC", text or "")


def _row_problems(
    place: str, row: dict[str, Any], given: dict[str, Any], mapped: Accounts
) -> Iterator[Problem]:
    if not row["account"]:
        yield Problem(place, "names no account", "fill it in")
    if not given["plan"]:
        yield Problem(place, "names no plan", "fill it in")
    if given["billing"] not in {"month", "year"}:
        yield Problem(place, f"billing is {given['billing']!r}", "use month or year")
    seats = str(given["seats"])
    if not seats.isascii() or not seats.isdecimal() or len(seats) > _SEATS_DIGITS or int(seats) > SEATS_MAX:
        yield Problem(place, f"seats are {given['seats']!r}", f"use a whole number up to {SEATS_MAX:,}")
    for key in ("starts", "ends"):
        when: Instant | None = getattr(mapped, key)
        text = row.get(key)
        if key == "starts" and not text:
            yield Problem(place, "names no start", "fill it in")
        elif when and text and row.get(f"{key}_at") is None:
            remedy = (
                "write it as the map says" if when.zone else "write its offset, or state the zone in the map"
            )
            yield Problem(place, f"{key} is {text!r}, which is no time", remedy)
    begins, ends = row.get("starts_at"), row.get("ends_at")
    if begins and ends and ends < begins:
        yield Problem(place, f"ends ({row['ends']}) before it starts ({row['starts']})", "mend one of them")


def _events(path: Path, mapped: Accounts, connection: duckdb.DuckDBPyConnection) -> Iterator[Event | Problem]:
    """Yield the business facts of a file of CloudEvents, one or a batch, or one a line."""
    source = inspect(path, mapped)
    text = "::varchar as line from read_json_objects"
    form = {"lines": "newline_delimited", "array": "array"}.get(source.shape, "unstructured")
    facts = f"where json ->> 'type' in ({listed(FACTS)})" if mapped.among_usage else ""
    try:
        rows = connection.execute(f"select json{text}({sql_path(path)}, format='{form}') {facts}").fetchall()
    except duckdb.Error as error:
        yield Problem(str(path), f"cannot be read: {str(error).splitlines()[0][:200]}", "mend it")
        return
    for number, (line,) in enumerate(rows, start=1):
        yield _event(f"{path}: row {number}", line)


def _event(place: str, line: str) -> Event | Problem:
    told = json.loads(line, parse_float=str)
    missing = [key for key in ("id", "source", "type", "subject", "time", "data") if not told.get(key)]
    if missing or told.get("specversion") != "1.0":
        return Problem(place, f"is no CloudEvent 1.0 with {', '.join(missing)}", "add what is missing")
    kind = str(told["type"])
    if kind not in EVENTS or kind == "usage.recorded":
        return Problem(place, f"no business fact {kind!r}", did_you_mean(kind, EVENTS))
    hints, data = _hints(kind), told["data"]
    for key, value in data.items() if isinstance(data, dict) else ():
        hint = hints.get(key)
        if hint is None:
            return Problem(place, f"{kind} has no field {key!r}", did_you_mean(key, hints))
        if not isinstance(value, _KINDS[hint]) or (hint is not bool and isinstance(value, bool)):
            return Problem(place, f"{key} is {value!r}", f"write {hint.__name__}")
    try:
        at = datetime.fromisoformat(told["time"])
        assert at.tzinfo is not None
        known_at = datetime.fromisoformat(told["recordedtime"]) if told.get("recordedtime") else None
        assert known_at is None or known_at.tzinfo is not None
        made = decode(kind, json.dumps(data))
    except (AssertionError, ValueError, TypeError, InvalidOperation) as error:
        return Problem(place, f"cannot be read ({error})", "write the fields of docs/reference/events.md")
    name = (told["source"], told["id"], told["subject"])
    return Event(*name, _utc(at), made, None if known_at is None else _utc(known_at))


@cache
def _hints(kind: str) -> dict[str, Any]:
    return get_type_hints(EVENTS[kind])


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)

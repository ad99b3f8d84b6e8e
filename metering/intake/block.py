"""Blocks: SQL for the usage of the sound rows as a log holds it, in the order of a block.

Rows are sorted before each becomes its events, which is a third of the work where each makes three.
"""

from collections.abc import Mapping
from types import MappingProxyType

from metering.intake.quarantine import SOUND
from metering.intake.reading import listed, literal
from metering.intake.stage import Stage

ROW_DIGITS = 10
"""How many digits the number of a row has in its name: names of one file are in the order of its rows."""

FEW = 10_000
"""A column with no more different texts than these is written by their numbers, in half the time."""


def number_texts(stage: Stage, *, joins_accounts: bool) -> dict[str, str]:
    """Give DuckDB the different texts of each column that has few, sorted; return the types by column.

    Parquet readers see texts all the same.
    """
    mapped, found = stage.mapped, {}
    subject = "(select subscription from known)" if joins_accounts else _distinct("subject")
    sources = {
        "source": _distinct("source") if stage.has_source else _constant(literal(str(mapped.source))),
        "subject": subject,
    }
    for name in ("meter", "dimensions"):
        parts = [(f"{name}{n}", getattr(lane, name)) for n, lane in enumerate(stage.lanes)]
        queries = [
            _distinct(column) if _kept(stage, column, value) == column else _constant(value)
            for column, value in parts
        ]
        sources[name] = f"({' union '.join(queries)})"
    for name, query in sources.items():
        texts = stage.connection.execute(f"select distinct * from {query} limit {FEW + 1}").fetchall()
        values = sorted(text for (text,) in texts if text is not None)
        if len(values) <= FEW:
            stage.connection.execute(f"create type {name}_text as enum ({listed(values)})")
            found[name] = f"{name}_text"
    return found


def usage(
    stage: Stage,
    where: str,
    *,
    joins_accounts: bool,
    with_reason: bool = False,
    types: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return SQL for the usage of the rows for which `where` holds: a log's columns without the position.

    With accounts from a file, `known` names the subscription of each. `with_reason` adds what the map says
    of corrections, as the first column. `types` are those of `number_texts`.
    """
    mapped, lanes = stage.mapped, sorted(enumerate(stage.lanes), key=lambda lane: lane[1].suffix)
    source = "source" if stage.has_source else _typed(literal(str(mapped.source)), "source", types)
    key = "id" if stage.has_ids else f"prefix || lpad(number::varchar, {ROW_DIGITS}, '0')"
    first = "correction, " if with_reason else ""
    columns = (
        f"{first}{source} as source, {key} || suffix as id, subject, meter, occurred_at, quantity, dimensions"
    )
    parts = {
        "suffix": [literal(lane.suffix) for _, lane in lanes],
        "meter": [_typed(_kept(stage, f"meter{n}", lane.meter), "meter", types) for n, lane in lanes],
        "quantity": [f"quantity{n}" for n, _ in lanes],
        "dimensions": [
            _typed(_kept(stage, f"dimensions{n}", lane.dimensions), "dimensions", types) for n, lane in lanes
        ],
    }
    made = [f"{_each(values)} as {name}" for name, values in parts.items()]
    rows = _rows(stage, where, joins_accounts=joins_accounts, types=types)
    events = f"select *, {', '.join(made)} from ({rows})"
    return f"select {columns}, {known_at(stage)} as recorded_at from ({events}) where quantity is not null"


def known_at(stage: Stage) -> str:
    """Name the column that says when a row became known."""
    return "known_at" if stage.mapped.recorded else "occurred_at"


def _typed(value: str, name: str, types: Mapping[str, str]) -> str:
    return f"{value}::{types[name]}" if name in types else value


def _rows(stage: Stage, where: str, *, joins_accounts: bool, types: Mapping[str, str]) -> str:
    """Return SQL for the rows in the order of their events; texts are short numbers before they are moved."""
    own = [column.split()[0] for column in stage.shape()]
    kinds = {name: types.get(name.rstrip("0123456789"), "varchar") for name in own}
    columns = [
        f"s.{name}::{kinds[name]} as {name}" if kinds[name] != "varchar" else f"s.{name}"
        for name in own
        if name not in {"reason", "value", "file", "account", "subject"}
    ]
    subject = "k.subscription" if joins_accounts else "s.subject"
    columns.append(f"{_typed(subject, 'subject', types)} as subject")
    joins = "join known k on k.name = s.subject" if joins_accounts else ""
    if not stage.has_ids:
        columns += ["s.rowid - e.first + e.row as number", "e.prefix"]
        joins += " join extents e on e.number = s.file"
    rows = f"select {', '.join(columns)} from stage s {joins} where {SOUND} and {where}"
    if not joins and _stands_in_order(stage, where):
        return rows
    return f"{rows} order by {', '.join(f's.{name}' for name in _order(stage))}"


def _order(stage: Stage) -> list[str]:
    """Name what orders rows; those without names have places: files stand in the order of their hashes."""
    return ["occurred_at", *["source"] * stage.has_source, "id" if stage.has_ids else "rowid"]


def _stands_in_order(stage: Stage, where: str) -> bool:
    """Whether rows stand on the stage as a block has them, as most do: then nothing is sorted."""
    names = _order(stage)
    told = ", ".join(f"s.{name} as {name}, lag(s.{name}) over () as {name}_before" for name in names)
    falls, ties = [], "true"
    for name in names:
        falls.append(f"({ties} and {name} < {name}_before)")
        ties += f" and {name} = {name}_before"
    rows = f"select {told} from stage s where {SOUND} and {where}"
    found = stage.connection.execute(f"select 1 from ({rows}) where {' or '.join(falls)} limit 1")
    return not found.fetchall()


def _kept(stage: Stage, name: str, value: str) -> str:
    """Return the column that the stage keeps, or the constant that it does not keep."""
    return name if f"{name} varchar" in stage.shape() else value


def _distinct(column: str) -> str:
    return f"(select distinct {column} from stage where {SOUND})"


def _constant(value: str) -> str:
    return f"(select {value})"


def _each(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"unnest([{', '.join(values)}])"

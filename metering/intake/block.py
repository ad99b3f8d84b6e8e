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
    source = "source" if stage.has_source else literal(str(mapped.source))
    key = "id" if stage.has_ids else f"prefix || lpad(number::varchar, {ROW_DIGITS}, '0')"
    first = "correction, " if with_reason else ""
    columns = (
        f"{first}{source} as source, {key} || suffix as id, subject, meter, occurred_at, quantity, dimensions"
    )
    parts = {
        "suffix": [literal(lane.suffix) for _, lane in lanes],
        "meter": [_kept(stage, f"meter{n}", lane.meter) for n, lane in lanes],
        "quantity": [f"quantity{n}" for n, _ in lanes],
        "dimensions": [_kept(stage, f"dimensions{n}", lane.dimensions) for n, lane in lanes],
    }
    made = [f"{_each(values)} as {name}" for name, values in parts.items()]
    rows = _rows(stage, where, joins_accounts=joins_accounts)
    events = f"select *, {', '.join(made)} from ({rows})"
    return f"select {columns}, {known_at(stage)} as recorded_at from ({events}) where quantity is not null"


def known_at(stage: Stage) -> str:
    """Name the column that says when a row became known."""
    return "known_at" if stage.mapped.recorded else "occurred_at"


def _rows(stage: Stage, where: str, *, joins_accounts: bool) -> str:
    """Return SQL for the rows in the order of their events."""
    own = [column.split()[0] for column in stage.shape()]
    columns = [f"s.{name}" for name in own if name not in {"reason", "value", "file", "account", "subject"}]
    columns.append("k.subscription as subject" if joins_accounts else "s.subject")
    joins = "join known k on k.name = s.subject" if joins_accounts else ""
    if not stage.has_ids:
        columns += ["s.rowid - e.first + e.row as number", "e.prefix"]
        joins += " join extents e on e.number = s.file"
    key = "s.id" if stage.has_ids else "s.rowid"  # files stand on the stage in the order of their hashes
    order = ["s.occurred_at", *(["s.source"] if stage.has_source else []), key]
    tables = f"stage s {joins} where {SOUND} and {where}"
    return f"select {', '.join(columns)} from {tables} order by {', '.join(order)}"


def _kept(stage: Stage, name: str, value: str) -> str:
    """Return the column that the stage keeps, or the constant that it does not keep."""
    return name if f"{name} varchar" in stage.shape() else value


def _distinct(column: str) -> str:
    return f"(select distinct {column} from stage where {SOUND})"


def _constant(value: str) -> str:
    return f"(select {value})"


def _each(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"unnest([{', '.join(values)}])"

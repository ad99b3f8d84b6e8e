"""Repetition: rows that were told twice, found on disk, however many there are.

Names are compared by hash first; only rows whose hashes meet are compared in full. Of rows with one name that
which became known first stands; others are duplicates if they say the same, and conflicts if they do not.
"""

from collections.abc import Iterator

import duckdb
import polars as pl

from metering.frame import fetched
from metering.intake.quarantine import DUPLICATE, SOUND
from metering.intake.stage import Stage

HASHES = 8_000_000
"""How many hashes of names are sorted at a time: 64 MB, and as much again."""


def settle(stage: Stage) -> None:
    """Mark the rows that repeat others, on a stage whose rows are named by columns."""
    if not stage.has_ids:
        return
    names = ["source", "id"] if stage.has_source else ["id"]
    name = ", ".join(names)
    run = stage.connection.execute
    run("create or replace temp table doubtful (named ubigint)")
    found = 0
    for twice in _told_twice(stage.connection, f"hash({name})"):
        found += len(twice)
        run("insert into doubtful select unnest(?::ubigint[])", [twice.to_list()])
    if not found:
        return
    hashed = ", ".join(f"s.{part}" for part in names)
    known = "known_at" if stage.mapped.recorded else "occurred_at"
    run(f"""
        create or replace temp table repeated as
        select number, place, content, first_value(content) over told as kept from (
            select *, row_number() over (partition by {name} order by known, content) as place from (
                select s.rowid as number, {name}, s.{known} as known, {_content(stage)} as content
                from stage s semi join doubtful d on hash({hashed}) = d.named
                where {SOUND}))
        window told as (partition by {name} order by place)
        qualify place > 1""")
    run(f"""
        update stage set
            reason = case when r.content = r.kept then '{DUPLICATE}' else 'conflict' end,
            value = case when r.content <> r.kept then r.content || ' and not ' || r.kept end
        from repeated r where stage.rowid = r.number""")


def _told_twice(connection: duckdb.DuckDBPyConnection, hashed: str) -> Iterator[pl.Series]:
    """Yield the hashes that several sound rows have, by sorting as many at a time as memory holds.

    To sort numbers and look at their neighbours takes a quarter of what it takes to group by them.
    """
    count = connection.execute(f"select count(*) from stage where {SOUND}").fetchall()[0][0]
    parts = count // HASHES + 1
    for part in range(parts):
        own = f"and {hashed} % {parts} = {part}" if parts > 1 else ""
        rows = connection.sql(f"select {hashed} as named from stage where {SOUND} {own}")
        hashes = fetched(rows)["named"].sort()
        yield hashes.filter(hashes == hashes.shift(1)).unique()


def _content(stage: Stage) -> str:
    """Return SQL for what a row says, as text: all but its name, and when it became known."""
    told = [column.split()[0] for column in stage.shape()]
    told = [name for name in told if name not in {"reason", "value", "file", "source", "id", "known_at"}]
    return "concat_ws(' ', " + ", ".join(f"coalesce({name}::varchar, '')" for name in told) + ")"

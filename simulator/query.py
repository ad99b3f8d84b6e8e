"""The console's child: one process that runs the user's SQL on one run, locked in, and can be killed.

Started as a script by `simulator.console`. It reads one JSON request a line on stdin and answers in JSON
lines on stdout. Killing it is the only timeout that holds: DuckDB's interrupt may take a minute to be heard.
"""

import contextlib
import ctypes
import json
import math
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.dataset

LOCKED: dict[str, Any] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,
    "memory_limit": "1GB",
    "threads": 1,
    "temp_directory": "",
    "lock_configuration": True,
}
"""No files, no network, no extensions, no Python objects, a bound on memory, and none of it can be undone."""

ADDRESS_SPACE = 2 * 2**30
"""Bytes that the process may map at all: it bounds what DuckDB does not count, such as one endless string."""

CHUNK_ROWS = 1_000

_KINDS = {
    "DECIMAL": "decimal",
    "DOUBLE": "float",
    "FLOAT": "float",
    "BOOLEAN": "boolean",
    "BIGNUM": "integer",
    "VARINT": "integer",
}
_KILL_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def connect(run: Path) -> duckdb.DuckDBPyConnection:
    """Open a run's ledger as the console does: read-only, locked, with its raw usage as `usage_events`.

    A run with several seeds has `seed_metrics`, `seed_bands`, `driver_metrics` and `tornado`, too.
    """
    connection = duckdb.connect(str(run / "ledger.duckdb"), read_only=True, config=LOCKED)
    files = sorted(str(path) for path in (run / "log" / "usage").glob("*.parquet"))
    if files:
        connection.register("usage_events", pyarrow.dataset.dataset(files, format="parquet"))
    if (run / "seeds.parquet").exists():
        from simulator.seeds.mount import mount  # noqa: PLC0415 - few runs have it, and this starts at once

        mount(connection, run)
    return connection


def locked(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Lock a connection that is open already: no files, no network, no extensions, and no way back."""
    for name in ("python_enable_replacements", "enable_external_access", "allow_community_extensions"):
        connection.execute(f"set {name} = false")
    connection.execute("set lock_configuration = true")
    return connection


def table(connection: duckdb.DuckDBPyConnection, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the columns and rows of one question. Raises duckdb.Error for what is none, or is several."""
    statements = connection.extract_statements(text)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise duckdb.InvalidInputException("give one select statement")
    cursor = connection.execute(statements[0])
    return [name for name, *_ in cursor.description or []], cursor.fetchall()


def answers(connection: duckdb.DuckDBPyConnection, text: str, limit: int | None) -> Iterator[dict[str, Any]]:
    """Run every statement of `text` and yield its columns, its rows in chunks, and its end."""
    statements = connection.extract_statements(text)
    for statement in statements:
        cursor = connection.execute(statement)
        columns = [(name, kind_of(str(kind))) for name, kind, *_ in cursor.description or []]
        yield {"columns": columns, "statements": len(statements)}
        count, more = 0, False
        while not more and (rows := cursor.fetchmany(CHUNK_ROWS)):
            more = limit is not None and count + len(rows) > limit
            rows = rows[: limit - count] if limit is not None and more else rows
            count += len(rows)
            yield {"rows": [[_plain(cell) for cell in row] for row in rows]}
        yield {"end": count, "more": more}


def kind_of(name: str) -> str:
    """Say how values of a DuckDB type travel: `DECIMAL(18,4)` travels as `decimal 4`."""
    if name.endswith("]") or name.startswith(("STRUCT", "MAP", "UNION")):
        return "json"
    word, _, rest = name.partition("(")
    if word == "DECIMAL":
        return f"decimal {rest.rstrip(')').partition(',')[2]}"
    if word.endswith(("INT", "INTEGER")):
        return "integer"
    return _KINDS.get(word, "text")


def _plain(cell: Any) -> Any:
    """Bring a cell to what JSON holds without loss."""
    if isinstance(cell, float) and not math.isfinite(cell):
        return str(cell)
    if cell is None or isinstance(cell, bool | int | float | str):
        return cell
    if isinstance(cell, list | tuple | dict):
        return json.dumps(cell, default=_plain, ensure_ascii=False)
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return str(cell)


def _confine() -> None:
    """Give up what a query does not need: interrupts from the terminal, a parent's death, all memory."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_KILL_WITH_PARENT, signal.SIGKILL)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


def _serve(run: Path, send: Callable[[dict[str, Any]], None]) -> None:
    try:
        connection = connect(run)
    except duckdb.Error as error:
        send({"failed": str(error)})
        return
    send({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            for answer in answers(connection, request["sql"], request["limit"]):
                send(answer)
            send({"done": True})
        except (duckdb.Error, ArithmeticError, MemoryError, RuntimeError, ValueError) as error:
            send({"failed": str(error) or type(error).__name__})


def _send(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer, ensure_ascii=True) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _confine()
    _serve(Path(sys.argv[1]), _send)

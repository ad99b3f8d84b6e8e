"""The ledger: one DuckDB file with the tables of `billing.schema` and the views of `billing.views`.

DuckDB keeps and adds; it never rounds. The file can be deleted and rebuilt from the log, and its bytes are
not reproducible (DuckDB's are not), so equality is a matter of the canonical export, which is.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from typing import Self

import duckdb
import polars as pl

from billing.published import connect
from billing.schema import TABLES, comment, ddl, polars_schema
from billing.views import VIEWS

__all__ = ("STORAGE_VERSION", "Ledger", "canonical", "connect", "digests", "warm")

STORAGE_VERSION = "v1.4.0"
"""Ledgers are written in the format of DuckDB 1.4, so that older clients open them too."""


class Ledger:
    """A ledger that is being written. One writer; readers use `connect`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Use `create`."""
        self.connection = connection

    @classmethod
    def create(cls, path: Path | None = None) -> Self:
        """Make an empty ledger in a new file, or in memory where no path is given."""
        connection = duckdb.connect(":memory:")
        connection.execute("set TimeZone = 'UTC'")
        name = "memory"
        if path is not None:
            name = "ledger"
            file = str(path).replace("'", "''")
            connection.execute(f"attach '{file}' as ledger (storage_version '{STORAGE_VERSION}')")
            connection.execute("use ledger")
        with TemporaryDirectory(prefix="saasim-") as directory:
            template = Path(directory) / "empty.duckdb"
            template.write_bytes(_empty())
            quoted = str(template).replace("'", "''")
            connection.execute(f"attach '{quoted}' as template (read_only)")
            connection.execute(f"copy from database template to {name} (schema)")
            connection.execute("detach template")
        return cls(connection)

    def post(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Add rows to tables, all or none. Raises KeyError for a table that the schema does not have."""
        self.connection.begin()
        try:
            for name, frame in tables.items():
                if len(frame):
                    self._insert(name, frame.select(polars_schema(name).names()))
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()

    def close(self) -> None:
        """Write everything to the file and let go of it; no write-ahead log is left behind."""
        self.connection.execute("checkpoint")
        self.connection.close()

    def _insert(self, name: str, frame: pl.DataFrame) -> None:
        self.connection.register("fresh_rows", frame)
        self.connection.execute(f'insert into "{name}" by name select * from fresh_rows')
        self.connection.unregister("fresh_rows")


def warm() -> None:
    """Begin to make what every new ledger of this process starts from, while others are at work.

    To bind all views takes DuckDB almost a second, in which Python has its hands free.
    """
    Thread(target=_empty, name="saasim-ledger").start()


def _empty() -> bytes:
    """Return the file of a ledger without rows, made once a process."""
    with _MAKING:
        return _template()


_MAKING = Lock()
"""Who wants an empty ledger while it is being made waits for it, instead of making another."""


@cache
def _template() -> bytes:
    with TemporaryDirectory(prefix="saasim-") as directory:
        path = Path(directory) / "empty.duckdb"
        with duckdb.connect(path) as connection:
            for statement in ddl():
                connection.execute(statement)
            for name, view in VIEWS.items():
                connection.execute(f'create view "{name}" as {view.query}')
                connection.execute(comment("view", f'"{name}"', view.comment))
        return path.read_bytes()


def canonical(connection: duckdb.DuckDBPyConnection, name: str) -> pl.DataFrame:
    """Return a table in its canonical order: by all of its columns."""
    columns = ", ".join(f'"{column}"' for column in polars_schema(name).names())
    frame: pl.DataFrame = connection.sql(f'select {columns} from "{name}" order by all').pl()
    return frame


def digests(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the sha256 of every table's canonical export as CSV: equal ledgers have equal digests."""
    return {
        name: hashlib.sha256(canonical(connection, name).write_csv().encode()).hexdigest() for name in TABLES
    }

"""Published ledgers, opened to be read; nothing here knows how one is written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb


def connect(path: Path, config: Mapping[str, Any] | None = None) -> duckdb.DuckDBPyConnection:
    """Open a published ledger to read it."""
    connection = duckdb.connect(str(path), read_only=True, config=dict(config or {}))
    if not (config or {}).get("lock_configuration"):
        connection.execute("set TimeZone = 'UTC'")
    return connection

"""Told usage: events in memory that can be measured as a log is, without a file."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl

from metering.log import FACT_SCHEMA, USAGE_SCHEMA, Log
from metering.period import Period

_NAME = "told_usage"

_SCHEMA = pl.Schema({"position": pl.Int64(), **USAGE_SCHEMA})


class Use(NamedTuple):
    """That a subject used so much of a meter at an instant; `dimensions` is a JSON object or empty."""

    subject: str
    meter: str
    occurred_at: datetime
    quantity: Decimal
    dimensions: str = ""


class Told(Log):
    """A log of some usage and of no business facts; it is only read."""

    def __init__(self, uses: Iterable[Use], periods: Sequence[Period]) -> None:
        """Tell a DuckDB of its own the usage, in the order of time, of months in a row."""
        super().__init__(Path(), [])
        self._periods = list(periods)
        ordered = sorted(uses, key=lambda use: use.occurred_at)
        width = len(str(len(ordered)))  # so that names are in the order of time
        rows = [(number, "told", f"{number:0{width}}", *use) for number, use in enumerate(ordered)]
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.register(_NAME, pl.DataFrame(rows, schema=_SCHEMA, orient="row"))

    @property
    def periods(self) -> list[Period]:
        """The months that it is about, in order."""
        return self._periods

    def fact_frame(self, periods: Sequence[Period] | None = None) -> pl.DataFrame:
        """Return no business facts, whatever the months."""
        del periods
        return pl.DataFrame(schema=FACT_SCHEMA)

    def usage_source(self, periods: Sequence[Period] | None = None) -> str:
        """Return SQL for the usage of some months in a row (all by default)."""
        some = periods or self._periods
        first, last = some[0].starts_at, some[-1].ends_at
        return f"""(select * from {_NAME}
            where occurred_at >= timestamp '{first}' and occurred_at < timestamp '{last}')"""

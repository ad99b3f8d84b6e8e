"""Subject: a run that is reported on: its ledger, its metrics and what its manifest says."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.metrics import monthly
from metering.document import problem
from simulator import chart, manifest


class Subject(NamedTuple):
    """A run, opened to be read.

    `label` is what the page calls it, `said` what to type for it; `metrics` has a row a closed month.
    """

    label: str
    said: str
    path: Path
    manifest: dict[str, Any]
    ledger: DuckDBPyConnection
    metrics: pl.DataFrame

    @property
    def currency(self) -> str:
        """The currency of its price book."""
        return str(self.manifest["price_book"]["currency"])

    @property
    def months(self) -> list[date]:
        """Every closed month, in order."""
        return list(self.metrics["month"])

    @property
    def title(self) -> str:
        """What the company is called by its scenario, or the log by whoever imported it."""
        scenario = self.manifest.get("scenario") or {}
        return str(scenario.get("title") or self.manifest.get("name") or self.label)

    @property
    def is_synthetic(self) -> bool:
        """Whether all of it is made up."""
        return bool(self.manifest.get("synthetic", False))


@contextmanager
def opened(path: Path, said: str, label: str = "") -> Iterator[Subject]:
    """Open a published run to report on it. Raises Problems where it is none, or has closed no month."""
    told = manifest.read(path)
    with chart.connect(path) as ledger:
        metrics = monthly(ledger)
        if not len(metrics):
            raise problem(str(path), "has closed no month, so there is nothing to report", "run it longer")
        yield Subject(label or str(told.get("name") or path.name), said, path, told, ledger, metrics)

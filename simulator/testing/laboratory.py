"""The laboratory: what a session of tests has read, metered and billed, so that nothing is done twice."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from billing import price_book, replay
from billing.price_book import PriceBook
from billing.rebilling import Measured, Replay, opened
from metering.document import problem
from metering.log import Log
from simulator.testing import golden


class Laboratory:
    """What a session has metered and billed: each log is read once, each book billed once."""

    def __init__(self) -> None:
        self._logs: dict[Path, Log] = {}
        self._books: dict[Path, PriceBook] = {}
        self._measured: dict[Path, Measured] = {}
        self._replays: dict[tuple[Path, str], Replay] = {}
        self._kept: dict[tuple[Path, str], str] = {}

    def book(self, path: Path) -> PriceBook:
        """Read a price book."""
        if path not in self._books:
            self._books[path] = price_book.load(path)
        return self._books[path]

    def log(self, path: Path) -> Log:
        """Open a log, or the log of a run."""
        if path not in self._logs:
            self._logs[path] = opened(path)
        return self._logs[path]

    def replay(self, log: Log, book: PriceBook) -> Replay:
        """Bill a log under a book."""
        key = (log.directory, book.model_dump_json())
        if key not in self._replays:
            found = replay(log, book, measured=self._measured.get(log.directory))
            self._measured[log.directory] = found.measured
            self._replays[key] = found
        return self._replays[key]

    def keep(self, tables: Mapping[str, pl.DataFrame], directory: Path) -> None:
        """Keep tables as a golden ledger. Raises Problems where another test has kept others as the same."""
        for name, frame in tables.items():
            text = golden.text_of(frame)
            if self._kept.setdefault((directory, name), text) != text:
                remedy = "give each a name of its own, such as that of its price book"
                raise problem(
                    f"golden ledger {directory.name!r}", f"is kept twice, with other {name}", remedy
                )
        golden.update(tables, directory)

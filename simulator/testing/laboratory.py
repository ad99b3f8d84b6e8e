"""The laboratory: what a session of tests has read, metered and billed, so that nothing is done twice."""

from pathlib import Path

from billing import price_book, replay
from billing.price_book import PriceBook
from billing.rebilling import Measured, Replay, opened
from metering.log import Log


class Laboratory:
    """What a session has metered and billed: each log is read once, each book billed once."""

    def __init__(self) -> None:
        self._logs: dict[Path, Log] = {}
        self._books: dict[Path, PriceBook] = {}
        self._measured: dict[Path, Measured] = {}
        self._replays: dict[tuple[Path, str], Replay] = {}

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

"""The source of metrics: the ledger of a run, or one in memory that was filled from plain tables."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple

from duckdb import DuckDBPyConnection

from analytics.policy import DEFAULT, MetricPolicy
from billing.ledger import connect
from metering.document import problem
from simulator import manifest
from simulator.publication import find


class Source(NamedTuple):
    """A ledger that can be asked, and the currency of its amounts."""

    connection: DuckDBPyConnection
    currency: str


@contextmanager
def opened(
    words: Sequence[str], inputs: Sequence[str], until: str | None = None, policy: MetricPolicy = DEFAULT
) -> Iterator[Source]:
    """Open the one run that is named, or fill a ledger from tables.

    With `inputs` the other words are tables too, so that `--input a.csv b.csv` reads both. What had to be
    taken for granted is said on stderr. Raises Problems where there is no run, several, or a wrong table.
    """
    if not inputs:
        if len(words) != 1 or until:
            what = "--until goes with --input" if until else f"{len(words)} runs are named"
            raise problem("saasim metrics", what, "name one run, or give tables: --input FILE [FILE ...]")
        run = find(words[0])
        with connect(run / manifest.LEDGER) as connection:
            yield Source(connection, manifest.read(run)["price_book"]["currency"])
        return
    from analytics.sheet import fill  # noqa: PLC0415 - a run needs none of it

    filled = fill([*inputs, *words], until=_month(until), policy=policy)
    for note in filled.notes:
        sys.stderr.write(f"note: {note}\n")
    with filled.connection as connection:
        yield Source(connection, filled.currency)


def _month(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise problem("--until", f"{text!r} is no month", "write it as 2026-06") from None

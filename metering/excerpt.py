"""Excerpt: the log of some accounts, written down as a log of its own.

It has a block for each month of the whole log, with these accounts' facts and what their subscriptions used;
events keep their names and times, and are numbered anew. `accounts.txt` beside the chain says whose it is, so
that nobody takes it for the whole.
"""

from collections.abc import Collection
from pathlib import Path

import polars as pl

from metering.log import Log
from metering.selection import Selection

ACCOUNTS = "accounts.txt"
"""The file in an excerpt's directory that names its accounts, one a line."""


def excerpt(log: Log, accounts: Collection[str], directory: Path) -> Log:
    """Write the log of some accounts into a directory, and return it.

    Facts of others (what the company spent, a partner's sign-up) are not in it. Raises Problems where the
    directory holds a log.
    """
    selection = Selection(log, accounts)
    subjects = pl.Series(selection.subjects, dtype=pl.String)
    made = Log.create(directory)
    for period, path in zip(log.periods, log.usage_files(), strict=True):
        facts = [event for _, event in selection.facts([period])]
        usage = directory / "usage.partial"
        rows = pl.scan_parquet(path).filter(pl.col("subject").is_in(subjects.implode()))
        number = pl.int_range(pl.len(), dtype=pl.Int64) + (made.next_position + len(facts))
        rows.with_columns(position=number).sink_parquet(usage, compression="zstd", compression_level=1)
        made.adopt(period, facts, usage)
    (directory / ACCOUNTS).write_text("".join(f"{name}\n" for name in sorted(set(accounts))), "utf-8")
    return made


def accounts_of(log: Path) -> frozenset[str] | None:
    """Return the accounts of a log that is an excerpt, by its directory; None for a whole one."""
    path = log / ACCOUNTS
    return frozenset(path.read_text("utf-8").splitlines()) if path.is_file() else None

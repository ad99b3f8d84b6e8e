"""Selection: the part of a log that is about some accounts, to bill these alone."""

from collections.abc import Iterable, Sequence

import polars as pl

from metering.codec import decode_all
from metering.log import Fact, Log
from metering.period import Period


class Selection(Log):
    """A log seen through the business facts of some accounts; it is only read.

    Its usage files are those of the whole log: who measures a selection names the subscriptions.
    """

    def __init__(self, log: Log, accounts: Iterable[str]) -> None:
        """See only facts whose subject is one of the accounts."""
        super().__init__(log.directory, log.blocks)
        self._accounts = pl.Series(sorted(set(accounts)), dtype=pl.String)

    def fact_frame(self, periods: Sequence[Period] | None = None) -> pl.DataFrame:
        """Return the accounts' facts of some months (all by default)."""
        whole = super().fact_frame(periods)
        return whole.filter(pl.col("subject").is_in(self._accounts.implode()))

    def facts(self, periods: Sequence[Period] | None = None) -> list[Fact]:
        """Return the accounts' facts of some months (all by default), in the order of their positions."""
        frame = self.fact_frame(periods)
        return list(map(Fact, frame["position"], decode_all(frame)))

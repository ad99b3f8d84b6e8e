"""Selection: the part of a log that is about some accounts, to bill these alone.

A fact is about an account, but for what corrects usage: that is about a subscription.
"""

from collections.abc import Iterable, Sequence

import polars as pl

from metering.codec import decode_all
from metering.event import TYPES, SubscriptionStarted
from metering.log import Fact, Log
from metering.period import Period


class Selection(Log):
    """A log seen through the business facts of some accounts; it is only read.

    Its usage files are those of the whole log: who measures a selection names the subscriptions.
    """

    def __init__(self, log: Log, accounts: Iterable[str]) -> None:
        """See only facts whose subject is one of the accounts, or one of their subscriptions."""
        super().__init__(log.directory, log.blocks)
        facts, self._accounts = log.fact_frame(), sorted(set(accounts))
        self._frame = _about(facts, self._accounts)
        if log.has_corrections:
            self._frame = _about(facts, self.subjects)
        self._told = list(map(Fact, self._frame["position"], decode_all(self._frame)))

    @property
    def subjects(self) -> list[str]:
        """The accounts and their subscriptions, in order: the subjects of their facts and of their usage."""
        begun = self._frame.filter(pl.col("type") == TYPES[SubscriptionStarted])["data"]
        return sorted({*self._accounts, *begun.str.json_path_match("$.subscription").drop_nulls()})

    def fact_frame(self, periods: Sequence[Period] | None = None) -> pl.DataFrame:
        """Return the accounts' facts of some months (all by default)."""
        if periods is None:
            return self._frame
        spans = [
            pl.col("position").is_between(first, end, closed="left") for first, end in self._spans(periods)
        ]
        return self._frame.filter(pl.any_horizontal(spans)) if spans else self._frame.clear()

    def facts(self, periods: Sequence[Period] | None = None) -> list[Fact]:
        """Return the accounts' facts of some months (all by default), in the order of their positions."""
        if periods is None:
            return list(self._told)
        spans = self._spans(periods)
        return [fact for fact in self._told if any(first <= fact.position < end for first, end in spans)]

    def _spans(self, periods: Sequence[Period]) -> list[tuple[int, int]]:
        """Return the positions of the blocks of some months, those that follow each other as one."""
        labels = {period.label for period in periods}
        spans = list[tuple[int, int]]()
        for block in self.blocks:
            if block.month in labels:
                joins = bool(spans) and spans[-1][1] == block.first_position
                first = spans.pop()[0] if joins else block.first_position
                spans.append((first, block.next_position))
        return spans


def _about(facts: pl.DataFrame, subjects: list[str]) -> pl.DataFrame:
    """Keep the facts about some subjects."""
    wanted = pl.Series(subjects, dtype=pl.String)
    return facts.filter(pl.col("subject").is_in(wanted.implode()))

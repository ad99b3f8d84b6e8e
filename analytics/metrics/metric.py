"""A metric: how it is derived, what it measures, whose definition it is, and where it can be split."""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from analytics.dimension import OF_ACCOUNTS, OF_SALES, SPLITS, Dimension
from analytics.policy import MetricPolicy
from analytics.quotient import DENOMINATOR, Quotient, Reason
from analytics.recurring import Formula

MONEY, COUNT, RATIO, MONTHS, DAYS, HOURS = "money", "count", "ratio", "months", "days", "hours"

ROUNDED = (RATIO, MONTHS, DAYS, HOURS)
"""Units of which only some decimals are shown; money and counts are exact."""

LEDGER = "the ledger's own sums"
BOARD = "SaaS Metrics Standards Board"
CHARTMOGUL = "ChartMogul's help pages"
STRIPE = "Stripe's glossary of billing analytics"
IFRS = "IFRS 15, principal and agent"

ALL: tuple[Dimension, ...] = (*OF_ACCOUNTS, *OF_SALES)
WITH_COSTS: tuple[Dimension, ...] = (*OF_ACCOUNTS, "stream")
WHOLE: tuple[Dimension, ...] = ("whole",)
PARTS: tuple[Dimension, ...] = SPLITS
"""Not the whole, of which each part has a share."""

NO_MRR = "no committed MRR at the opening"
NO_YEAR = "fewer than 12 months before, or nobody paid then"


class Metric(NamedTuple):
    """One metric: how it is derived, what it measures, whose definition it is, and where it can be split."""

    function: Formula
    unit: str
    description: str
    source: str
    splits: tuple[Dimension, ...] = ALL
    null_when: str = ""

    def reasons(self, policy: MetricPolicy) -> Iterator[tuple[pl.Expr, Reason]]:
        """Yield when it has no value, and why: the first that holds is the reason."""
        if isinstance(self.function, Quotient):
            yield from self.function.reasons(policy)
        elif self.null_when:
            yield pl.lit(value=True), Reason(DENOMINATOR, self.null_when)


def quotient(
    function: Quotient, unit: str, description: str, source: str, splits: tuple[Dimension, ...] = OF_ACCOUNTS
) -> Metric:
    """Return a metric that is a quotient, which knows when it is NULL."""
    return Metric(function, unit, description, source, splits, function.null_when)

"""Quantiles: medians and the like that the ledger gives as they are, and how many rows stand behind each.

A quantile cannot be added up, so it has no value where nothing stands behind it, instead of 0.
"""

import polars as pl

from analytics.policy import MetricPolicy
from analytics.recurring import Formula

BEHIND = "_behind"
"""What ends the name of the figure that counts the rows."""


def quantile(name: str, of: str = "") -> Formula:
    """Return the formula of a metric that is such a figure: NULL where no row stands behind it."""
    count = (of or name) + BEHIND

    def formula(policy: MetricPolicy) -> pl.Expr:
        return pl.when(pl.col(count) > 0).then(pl.col(name))

    return formula

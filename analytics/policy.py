"""The choices on which makers of metrics disagree, as named numbers: change one, and the metric says so."""

from typing import NamedTuple


class Policy(NamedTuple):
    """How many months each metric looks back or ahead."""

    usage_window: int = 3
    """Usage MRR is the mean of so many closed months: one alone swings, and a year lags behind growth."""

    sales_lag: int = 3
    """A customer won now was paid for so many months ago: a quarter, as most boards count it."""

    sales_window: int = 3
    """CAC is taken over so many months together, because in a single one often nobody is won."""

    churn_window: int = 6
    """LTV rests on the churn and the margin of so many months: one alone often has no churn at all."""

    horizon: int = 60
    """The capped LTV counts so many months of a customer and no more: nobody knows year 6."""


DEFAULT = Policy()
"""What is printed unless someone asks otherwise."""

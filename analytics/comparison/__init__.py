"""Comparison: what differs between two ledgers, for the company, its parts, each customer and each line.

Everything is a difference of sums of the two ledgers: `change` is after - before, and `relative` is that by
the amount before (NULL where this is 0). Lines of both are matched, and each change is shared out among its
causes by pricing the line again, one step of the price book at a time; all of it adds up, exactly.
"""

from analytics.comparison.bills import QUANTILES, RISES
from analytics.comparison.cause import CAUSES
from analytics.comparison.difference import SPLITS, Comparison, compare, compare_each
from analytics.comparison.reading import Reading, Source, read
from analytics.comparison.sums import DIMENSIONS, MEASURES

__all__ = [
    "CAUSES",
    "DIMENSIONS",
    "MEASURES",
    "QUANTILES",
    "RISES",
    "SPLITS",
    "Comparison",
    "Reading",
    "Source",
    "compare",
    "compare_each",
    "read",
]

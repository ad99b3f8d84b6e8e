"""Standings: how a company stands under a price book, by the measures that a price change is judged by.

One number for each measure of the whole company, of each year, and of each segment and plan over the run, so
that two ledgers, or those of many seeds, can be set against each other number by number.
"""

from decimal import Decimal
from typing import NamedTuple

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.dimension import Dimension
from analytics.figures import run_year
from analytics.metrics import monthly, monthly_by

SUMS = ("revenue", "billed", "payouts")
"""Measures that are added up over the months; the others that are counted hold at the end of one."""

MEASURES = (
    "revenue", "billed", "committed_mrr", "customers", "logo_churn", "nrr", "gross_margin", "payouts",
)  # fmt: skip
"""Every measure. `logo_churn` is the share of customers lost a month, on average over the months; `nrr` is
that of the last month, for its 12 months; `gross_margin` is that of all months together."""

RATIOS = frozenset({"logo_churn", "nrr", "gross_margin"})
"""Measures that are shares: where they are missing they are not 0."""

COUNTS = frozenset({"customers"})
"""Measures that are neither money nor shares."""

_QUOTIENTS = {
    "logo_churn": ("customers_churned", "customers_opening"),
    "gross_margin": ("gross_profit", "net_revenue"),
}
_SPLITS: tuple[Dimension, ...] = ("segment", "plan")
_NAMES = (*MEASURES, *(name for pair in _QUOTIENTS.values() for name in pair), "acquisition_cost")
"""What has to be derived: with the costs that keep a part without a name among the segments."""


class Place(NamedTuple):
    """What a number is of: a split (total, year, segment or plan), its part, and the measure."""

    split: str
    part: str
    measure: str

    @property
    def is_ratio(self) -> bool:
        """Whether it is a share."""
        return self.measure in RATIOS


Standing = dict[Place, Decimal | None]
"""A number for each place; None where there is nothing to divide by."""


def standing(con: DuckDBPyConnection) -> Standing:
    """Return how the company of a ledger stands."""
    months = monthly(con, names=_NAMES)
    found = _measured(months, "total", "")
    years = months.with_columns(year=run_year().cast(pl.String))
    for (year,), part in years.group_by("year", maintain_order=True):
        found |= _measured(part, "year", str(year))
    for split in _SPLITS:
        for (name,), part in monthly_by(con, split, names=_NAMES).group_by(split, maintain_order=True):
            found |= _measured(part, split, str(name))
    return found


def difference(after: Standing, before: Standing) -> Standing:
    """Return what differs, place by place; what one has no number of counts as 0, unless it is a ratio."""
    places = dict.fromkeys([*before, *after])
    return {place: _less(after.get(place), before.get(place), place) for place in places}


def _less(after: Decimal | None, before: Decimal | None, place: Place) -> Decimal | None:
    if place.is_ratio and (after is None or before is None):
        return None
    return (after or Decimal(0)) - (before or Decimal(0))


def _measured(months: pl.DataFrame, split: str, part: str) -> Standing:
    """Measure some months of the company, or of a part of it, as far as it has the measures."""
    found: Standing = {}
    for measure in MEASURES:
        if measure in _QUOTIENTS:
            above, below = _QUOTIENTS[measure]
            if above in months.columns and below in months.columns:
                whole = _exact(months[below].sum())
                share = _exact(months[above].sum()) / whole if whole else None
                found[Place(split, part, measure)] = share
        elif measure in months.columns:
            value = months[measure].sum() if measure in SUMS else months[measure][-1]
            found[Place(split, part, measure)] = None if value is None else _exact(value)
    return found


def _exact(value: object) -> Decimal:
    return Decimal(str(value or 0))

"""Break-even churn: how many of the customers whom a price change touches may leave before it loses money.

The formula is 1 − 1 / (1 + Δ) for a rise by Δ: at +10 % the change pays as long as fewer than 9.1 % leave. Δ
is that of the affected customers' own bills, by replay. A price cut has the reverse: how many more must come.
What customers cost is left out; where serving them costs something, somewhat more may leave.
"""

from decimal import Decimal
from typing import NamedTuple

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.selection import select

_BILLS = "select account, month, sum(total) as amount from invoices group by all"
_HALVINGS = 200


class BreakEven(NamedTuple):
    """How many customers may leave, of those whose bills change.

    share: of the affected customers, if they leave at once; below 0 is how many more must come. monthly: the
    share that may leave every month from the change on, None for a cut. customers: how many are affected.
    before, after: their bills, from the first month that differs on.
    """

    customers: int
    before: Decimal
    after: Decimal
    share: float
    monthly: float | None

    @property
    def leavers(self) -> float:
        """How many customers that is."""
        return self.customers * self.share


def break_even(before: DuckDBPyConnection, replayed: DuckDBPyConnection) -> BreakEven | None:
    """Return the break-even churn of a change, from a ledger and its replay; None where no bill changes."""
    keys = ["account", "month"]
    bills = select(before, _BILLS).join(
        select(replayed, _BILLS), on=keys, how="full", coalesce=True, suffix="_after"
    )
    bills = bills.with_columns(pl.col("amount", "amount_after").fill_null(0))
    differs = bills.filter(pl.col("amount") != pl.col("amount_after"))
    if differs.is_empty():
        return None
    touched = bills.join(differs.select("account").unique(), on="account", how="semi")
    touched = touched.filter(pl.col("month") >= differs["month"].min())
    months = touched.group_by("month").agg(pl.col("amount", "amount_after").sum()).sort("month")
    old, new = Decimal(months["amount"].sum()), Decimal(months["amount_after"].sum())
    rows = [(float(one), float(other)) for one, other in months.select("amount", "amount_after").iter_rows()]
    share = 1 - float(old / new) if new > 0 else float("-inf")
    customers = touched["account"].n_unique()
    return BreakEven(customers, old, new, share, _monthly(rows) if new > old > 0 else None)


def _monthly(rows: list[tuple[float, float]]) -> float:
    """Return the loss a month with which the new bills add up to the old ones."""
    owed = sum(old for old, _ in rows)
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        kept = sum(new * (1 - middle) ** number for number, (_, new) in enumerate(rows, start=1))
        low, high = (middle, high) if kept > owed else (low, middle)
    return (low + high) / 2

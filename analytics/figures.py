"""Figures: the sums and counts of the ledger by month and part that every metric is derived from.

One row for each closed month and part, none missing. Where a ledger is split, its parts are checked to add up
to the whole before anyone sees them.
"""

from collections.abc import Sequence

import polars as pl
from duckdb import DuckDBPyConnection

from analytics import movements, revenue
from analytics.dimension import OF_ACCOUNTS, Dimension
from analytics.retention import AGES, retained
from analytics.selection import select_together
from metering.document import problem

YEAR = 12
"""Months of a year: the age at which cohorts are looked at."""

_CLOSED = """
select min(month) as first, max(month) as last from (
    select month from mrr_balances union all select month from mrr_movements
    union all select month from invoice_lines union all select month from payouts
    union all select month from entries where kind in ('cost', 'recognition')
)"""

_ADDITIVE = (
    "committed_mrr", "billed", "usage_revenue", "revenue", "payouts", "partner_share", "referral_payouts",
    "net_revenue", "cost_of_revenue", "gross_profit", "selling_cost",
)  # fmt: skip
_ADDITIVE_OF_ACCOUNTS = (
    *(f"mrr_{kind}" for kind in movements.MOVEMENTS),
    *("customers", "customers_new", "customers_reactivated", "customers_churned", "billed_customers"),
    *(f"customers_{age}m_{what}" for age in AGES for what in ("ago", "kept")),
    *(f"mrr_{age}m_{what}" for age in AGES for what in ("ago", "now", "kept")),
)


def figures(con: DuckDBPyConnection, by: Dimension = "whole") -> pl.DataFrame:
    """Return every figure of every closed month, by part. Raises Problems where currencies are mixed."""
    _one_currency(con)
    months = closed_months(con)
    whole = _measured(con, "whole", months)
    found = whole if by == "whole" else _measured(con, by, months)
    if by != "whole":
        _assert_parts_add_up(found, whole, by)
    return found.join(_recurring(con, months), on="month", how="left", maintain_order="left")


def closed_months(con: DuckDBPyConnection) -> pl.Series:
    """Return the first day of every month that the ledger has closed.

    A month counts as closed when the close wrote something for it. Payments may be booked later; they open no
    month, or the subscriptions of a month that is not closed yet would look as if all had ended.
    """
    first, last = con.sql(_CLOSED).fetchall()[0]
    if first is None:
        return pl.Series("month", [], dtype=pl.Date)
    return pl.date_range(first, last, interval="1mo", eager=True).alias("month")


def _measured(con: DuckDBPyConnection, by: Dimension, months: pl.Series) -> pl.DataFrame:
    queries = [movements.closing(by), movements.movements(by)]
    queries += [revenue.recognised(by), revenue.costs(by), *revenue.incomes(by)]
    if by in OF_ACCOUNTS:
        queries.append(retained(by))
    if by == "whole":
        queries.append(revenue.balances())
    dense = _dense([select_together(con, queries), revenue.payouts(con, by)], months)
    return revenue.margins(movements.opened(dense, by))


def _recurring(con: DuckDBPyConnection, months: pl.Series) -> pl.DataFrame:
    """Return net revenue and gross profit of the streams that hold committed MRR at the month's end."""
    queries = [movements.held("stream"), revenue.recognised("stream"), revenue.costs("stream")]
    dense = _dense([select_together(con, queries), revenue.payouts(con, "stream")], months)
    held = pl.col("committed_mrr") > 0
    names = ["net_revenue", "gross_profit"]
    sums = [pl.col(name).filter(held).sum().alias(f"recurring_{name}") for name in names]
    return revenue.margins(dense).group_by("month").agg(sums)


def _dense(measured: Sequence[pl.DataFrame], months: pl.Series) -> pl.DataFrame:
    """Bring the measured frames to one row for each part and month; what was not measured is 0."""
    parts = pl.concat([frame["part"] for frame in measured]).unique()
    age = pl.int_range(pl.len(), dtype=pl.Int64).alias("age")
    every = parts.to_frame().join(months.to_frame().with_columns(age), how="cross")
    rows = pl.concat([every, *measured], how="diagonal").filter(pl.col("month").is_in(months.implode()))
    return rows.group_by("part", "month").agg(pl.all().sum()).sort("part", "month")


def _one_currency(con: DuckDBPyConnection) -> None:
    currencies = [
        code for (code,) in con.sql("select distinct currency from postings order by all").fetchall()
    ]
    if len(currencies) > 1:
        raise problem("the ledger", f"holds {', '.join(currencies)}", "metrics need a ledger of one currency")


def _assert_parts_add_up(parts: pl.DataFrame, whole: pl.DataFrame, by: Dimension) -> None:
    names = [*_ADDITIVE, *(_ADDITIVE_OF_ACCOUNTS if by in OF_ACCOUNTS else ())]
    added = parts.group_by("month").agg(pl.col(names).sum()).sort("month")
    wrong = [name for name in names if not added[name].equals(whole[name], check_dtypes=False)]
    assert not wrong, f"by {by}, the parts of {', '.join(wrong)} do not add up to the whole"


def run_year() -> pl.Expr:
    """Number the years of a run by its column `month`: 12 months each, from the first month on."""
    month = pl.col("month")
    passed = (month.dt.year() - month.min().dt.year()) * YEAR + month.dt.month() - month.min().dt.month()
    return (passed // YEAR + 1).cast(pl.Int64)

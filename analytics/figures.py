"""Figures: the sums and counts of the ledger by month and part that every metric is derived from.

One row for each closed month and part, none missing. Where a ledger is split, its parts are checked to add up
to the whole before anyone sees them.
"""

from collections.abc import Collection, Sequence
from datetime import date

import polars as pl
from duckdb import DuckDBPyConnection

from analytics import collection, composition, contract, delivery, funnel, movements, outlook, revenue
from analytics.dimension import OF_ACCOUNTS, Dimension
from analytics.formula import allocated
from analytics.lens import seen
from analytics.policy import DEFAULT, MetricPolicy
from analytics.retention import AGES, retained
from analytics.selection import select_together
from analytics.tally import PRESENCE, Sums, Tally
from billing.money import EXACT
from metering.document import problem

YEAR = 12
"""Months of a year: the age at which cohorts are looked at."""

TOGETHER = 8
"""How many queries go into one statement: many small ones cost more to begin, and a long one more to plan."""

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


def figures(
    con: DuckDBPyConnection,
    by: Dimension = "whole",
    policy: MetricPolicy = DEFAULT,
    wanted: Collection[str] | None = None,
) -> pl.DataFrame:
    """Return every figure of every closed month, by part. Raises Problems where currencies are mixed.

    MRR is as the policy sees it (`analytics.lens`). Beside each part stand `company_…` figures of the whole,
    and those of the streams that hold committed MRR. Where only some figures are `wanted`, what none of them
    needs is not asked for.
    """
    _one_currency(con)
    with seen(con, policy):
        return _figures(con, by, policy, wanted)


def _figures(
    con: DuckDBPyConnection, by: Dimension, policy: MetricPolicy, wanted: Collection[str] | None
) -> pl.DataFrame:
    months = closed_months(con)
    found = whole = _measured(con, "whole", months, policy)
    if by != "whole":
        found = _measured(con, by, months, policy)
        _assert_parts_add_up(found, whole, by)
    found = _with_sums(con, found, asked(by, months, policy), wanted)
    if "marketing_cost" in found.columns and "leads" in found.columns:
        found = found.with_columns(marketing_cost=allocated(pl.col("marketing_cost"), pl.col("leads")))
    company = whole.select("month", pl.col("committed_mrr", "net_revenue").name.prefix("company_"))
    for beside in (company, _recurring(con, months, policy)):
        found = found.join(beside, on="month", how="left", maintain_order="left")
    return found


def tallies(by: Dimension, months: pl.Series, policy: MetricPolicy = DEFAULT) -> list[Tally]:
    """Return the figures that count or add up rows, as far as the rows can be split so."""
    closed = [f"{month:%Y-%m-%d}" for month in months]
    first = months[0] if len(months) else date.min
    found = [
        *composition.tallies(first, policy), *contract.tallies(closed), *funnel.tallies(policy),
        *delivery.tallies(policy), *collection.tallies(closed), *outlook.tallies(closed),
    ]  # fmt: skip
    return [tally for tally in found if by in tally.splits]


def asked(by: Dimension, months: pl.Series, policy: MetricPolicy) -> list[Sums]:
    """Return the queries of the figures beyond recurring revenue and income."""
    found = [tally.sums(by) for tally in tallies(by, months, policy)] + composition.quantities(by)
    if by in OF_ACCOUNTS:
        found += [*funnel.quantities(by, policy), *delivery.quantities(by), *collection.quantities(by)]
    return found


def _with_sums(
    con: DuckDBPyConnection, figures: pl.DataFrame, sums: Sequence[Sums], wanted: Collection[str] | None
) -> pl.DataFrame:
    """Add figures to the rows there are, and rows for the parts that only they have."""
    sums = [one for one in sums if wanted is None or not set(wanted).isdisjoint(one.figures)]
    if not sums:
        return figures
    present = {thing for (thing,) in con.sql(PRESENCE).fetchall()}
    here = [one.query for one in sums if not one.needs or not present.isdisjoint(one.needs)]
    frames = [select_together(con, here[at : at + TOGETHER]) for at in range(0, len(here), TOGETHER)]
    absent = [pl.lit(0, pl.Int64).alias(name) for one in sums for name in one.counts]
    absent += [pl.lit(0).cast(EXACT).alias(name) for one in sums for name in one.amounts]
    nothing = figures.clear().select("month", "part").with_columns(absent)
    return _dense([figures.drop("age"), nothing, *frames], figures["month"].unique().sort())


def closed_months(con: DuckDBPyConnection) -> pl.Series:
    """Return the first day of every month that the ledger has closed.

    A month counts as closed when the close wrote something for it. Payments may be booked later; they open no
    month, or the subscriptions of a month that is not closed yet would look as if all had ended.
    """
    first, last = con.sql(_CLOSED).fetchall()[0]
    if first is None:
        return pl.Series("month", [], dtype=pl.Date)
    return pl.date_range(first, last, interval="1mo", eager=True).alias("month")


def _measured(
    con: DuckDBPyConnection, by: Dimension, months: pl.Series, policy: MetricPolicy
) -> pl.DataFrame:
    rated = movements.has_rates(con, policy)
    queries = [movements.closing(by, policy), movements.movements(by, policy, rated=rated)]
    queries += [revenue.recognised(by), revenue.costs(by, policy), *revenue.incomes(by)]
    if by in OF_ACCOUNTS:
        queries.append(retained(by, policy))
    if by == "whole":
        queries.append(revenue.balances())
    dense = _dense([select_together(con, queries), revenue.payouts(con, by)], months)
    return revenue.margins(movements.opened(dense, by))


def _recurring(con: DuckDBPyConnection, months: pl.Series, policy: MetricPolicy) -> pl.DataFrame:
    """Return net revenue and gross profit of the streams that hold committed MRR at the month's end."""
    queries = [movements.held("stream"), revenue.recognised("stream"), revenue.costs("stream", policy)]
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

"""Laws of the other metrics: identities, bounds and additivity that hold for every ledger."""

from decimal import Decimal
from functools import cache
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analytics.dimension import OF_ACCOUNTS, SPLITS
from analytics.metrics import COUNT, METRICS, missing, monthly, monthly_by
from billing.close import close
from tests import random_company, stories
from tests.ledgers import book, engine, posted, record

SHARES = (
    "usage_share", "mrr_share", "expanded_share", "logo_churn_voluntary", "logo_churn_involuntary",
    "revenue_churn_involuntary", "grr_total", "renewal_rate", "trial_conversion", "activation_rate",
    "cross_sell_rate", "lead_conversion", "signup_conversion", "payment_failure_rate",
    "dunning_recovery_rate", "sla_compliance", "tickets_in_time", "pass_rate", "repeat_project_rate",
    "services_conversion", "take_rate",
)  # fmt: skip
"""Metrics that are the share of some in all."""

WITHIN = {
    "hours_billable": "hours_worked", "renewals_won": "renewals_due", "trials_converted": "trials_ended",
    "exams_passed": "exams_sat", "customers_churned_involuntary": "customers_churned", "take": "gmv",
    "crpo": "rpo", "deferred_revenue": "rpo", "grr_total": "nrr_total", "revenue_top_1_share":
    "revenue_top_10_share", "resolution_hours": "resolution_hours_p90",
}  # fmt: skip
"""What is never more than something else."""

OF_SEVERAL = ("consultants", "partners")
"""Counts of the whole company only."""


@pytest.fixture(scope="module", params=["story 3", "company 42", "company 16"])
def con(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> duckdb.DuckDBPyConnection:
    """Return the ledger of a random company."""
    kind, seed = request.param.split()
    directory: Path = tmp_path_factory.mktemp("random")
    if kind == "story":
        text, told = stories.BOOK, stories.told(int(seed), accounts=6)
        log = record(directory, told, stories.MONTHS, first="2025-11")
    else:
        text, told, months = random_company.company(int(seed))
        log = record(directory, told, len(months), first=months[0].starts_on)
    return posted(close(log, book=book(text), connection=engine()))


@cache
def whole(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return all metrics of a company, derived once for all laws."""
    return monthly(con)


@cache
def split(con: duckdb.DuckDBPyConnection, by: str) -> pl.DataFrame:
    """Return all metrics of its parts, derived once for all laws."""
    return monthly_by(con, by)


def months_of(con: duckdb.DuckDBPyConnection, query: str, frame: pl.DataFrame) -> list[object]:
    """Return an amount for each month of a frame, 0 where the query has none."""
    found = dict(con.sql(query).fetchall())
    return [found.get(month, 0) for month in frame["month"]]


def test_deferred_revenue_rolls_forward_and_billings_reconcile(con: duckdb.DuckDBPyConnection) -> None:
    """Opening + added + released = closing; revenue + its change = what was billed less net payouts."""
    frame = whole(con)
    paid_on = months_of(con, "select month, sum(amount) from payouts where revenue = 'net' group by 1", frame)

    for row, paid in zip(frame.iter_rows(named=True), paid_on, strict=True):
        opening, added, released = (row[f"deferred_{what}"] for what in ("opening", "added", "released"))
        assert opening + added + released == row["deferred_revenue"], row["month"]
        assert added >= 0 >= released
        assert row["calculated_billings"] + paid == row["billed"], row["month"]


def test_operating_profit_is_what_the_journal_comes_to(con: duckdb.DuckDBPyConnection) -> None:
    """Revenue less expenses, partners' shares and bad debt: summed here from the postings themselves."""
    accounts = "('revenue', 'expense', 'partner_share', 'bad_debt')"
    query = f"select month, -sum(amount) from postings where ledger_account in {accounts} group by 1"
    frame = monthly(con, names=["operating_profit", "net_burn"])
    cash = "select month, -sum(amount) from postings where ledger_account = 'cash' group by 1"

    assert list(frame["operating_profit"]) == months_of(con, query, frame)
    assert list(frame["net_burn"]) == months_of(con, cash, frame)


def test_shares_lie_between_0_and_1_and_parts_are_no_more_than_the_whole(
    con: duckdb.DuckDBPyConnection,
) -> None:
    """Whatever happened, for the company and for every part of it."""
    for frame in (whole(con), *(split(con, by) for by in SPLITS)):
        for name in set(SHARES) & set(frame.columns):
            assert frame[name].drop_nulls().is_between(0, 1).all(), name
        for less, more in WITHIN.items():
            if less in frame.columns and more in frame.columns:
                assert (frame[less] <= frame[more]).all(), (less, more)


def test_losses_are_voluntary_or_involuntary(con: duckdb.DuckDBPyConnection) -> None:
    """The two add up to all customers lost, in every month and segment."""
    for frame in (whole(con), split(con, "segment")):
        names = ("logo_churn_voluntary", "logo_churn_involuntary", "logo_churn")
        for willing, unwilling, both in frame.select(names).drop_nulls().rows():
            assert abs(willing + unwilling - both) < Decimal("0.000005")


@pytest.mark.parametrize("by", [by for by in OF_ACCOUNTS if by != "whole"])
def test_what_is_counted_by_segment_and_channel_adds_up_to_the_whole(
    con: duckdb.DuckDBPyConnection, by: str
) -> None:
    """Every count and every sum that is no quotient: nothing is counted twice or lost between the parts."""
    names = [
        name
        for name, metric in METRICS.items()
        if by in metric.splits and metric.unit == COUNT and name not in OF_SEVERAL
    ]
    names += ["recurring_revenue", "partner_sourced_revenue", "services_revenue", "refunds", "gmv", "take",
              "royalty", "overdue", "hours_worked", "hours_billable"]  # fmt: skip
    added = split(con, by).group_by("month").agg(pl.col(names).sum()).sort("month")

    assert whole(con).select(names).rows() == added.select(names).rows()


def test_a_metric_asked_alone_is_the_same(con: duckdb.DuckDBPyConnection) -> None:
    """What is not asked for is not worked out, and changes nothing."""
    frame = whole(con)
    for name in list(METRICS)[::20]:
        if name in frame.columns:
            assert monthly(con, names=[name]).equals(frame.select("month", name)), name


def test_every_null_has_its_reason(con: duckdb.DuckDBPyConnection) -> None:
    """By segment, too: a reason for each metric of each row that has no value, and for no other."""
    frame, told = split(con, "segment"), missing(con, "segment")
    null = {
        (row["month"], row["segment"], name)
        for row in frame.iter_rows(named=True)
        for name in METRICS
        if name in row and row[name] is None
    }

    assert null == {row[:3] for row in told.rows()}
    assert told.filter((pl.col("reason") == "") | (pl.col("code") == "")).is_empty()

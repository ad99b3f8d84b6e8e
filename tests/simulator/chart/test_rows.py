"""Rows: what charts draw is what metrics and tables say, found without the SQL of the charts."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import polars as pl
import pytest

pytest.importorskip("altair", reason="charts take the extra `report`")

from analytics.metrics import METRICS, monthly, monthly_by
from metering.period import add_months
from simulator.chart import CHARTS, frame, mount
from tests.simulator.chart.company import SEEDS, random

EACH = pytest.mark.parametrize("seed", SEEDS)
PARTS = ("segment", "stream", "plan")

RENAMED = {
    "monthly_churn": {"voluntary": "logo_churn_voluntary", "involuntary": "logo_churn_involuntary"},
    "deferred_revenue": {
        "added": "deferred_added", "released": "deferred_released", "deferred": "deferred_revenue",
    },
    "funnel": {"customers": "customers_new"},
    "hours": {"billable": "hours_billable"},
}  # fmt: skip
"""Columns of charts that are a metric under another name."""

OF_METRICS = sorted(
    name
    for name, chart in CHARTS.items()
    if "metrics_by" in chart.sql
    and "month" in chart.columns
    and not name.startswith(("cohort_", "gross_margin"))
)
"""The charts whose rows are metrics of a month, of the whole company or of its parts."""

Row = dict[str, Any]

TINY = Decimal("1e-9")


def of(seed: int, name: str) -> pl.DataFrame:
    """Return the data of a chart of a random company."""
    mount(random(seed))
    return frame(random(seed), CHARTS[name])


@cache
def metrics(seed: int, part: str = "") -> dict[tuple[date, str], Row]:
    """Return the metrics of a company by month and part, as Polars works them out of the ledger."""
    found = monthly_by(random(seed), part) if part else monthly(random(seed))
    return {(row["month"], row.get(part, "")): row for row in found.iter_rows(named=True)}


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two figures are the same; a mean has no last digit, and may be rounded another way."""
    return one == other if None in (one, other) else abs(Decimal(str(one)) - Decimal(str(other))) < TINY


def table(seed: int, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a plain question to the ledger's tables."""
    return random(seed).execute(query).fetchall()


@EACH
@pytest.mark.parametrize("name", OF_METRICS)
def test_a_chart_of_metrics_has_every_value_of_them(seed: int, name: str) -> None:
    """Cell by cell what `monthly` says, and a month that is left out has nothing of the first figure."""
    drawn = of(seed, name)
    part = next((one for one in PARTS if one in drawn.columns), "")
    named = {column: RENAMED.get(name, {}).get(column, column) for column in drawn.columns}
    named = {column: metric for column, metric in named.items() if metric in METRICS}
    told = metrics(seed, part)
    seen = {(row["month"], row.get(part, "")): row for row in drawn.iter_rows(named=True)}

    assert named, "a chart of metrics has one"
    for key, row in seen.items():
        for column, metric in named.items():
            assert is_same(row[column], told[key][metric]), (key, metric, row[column], told[key][metric])
    first = next(iter(named.values()))
    assert not {key: row[first] for key, row in told.items() if key not in seen and row[first]}


@EACH
def test_the_margin_of_a_stream_is_that_of_three_months_together(seed: int) -> None:
    """Profit over net revenue, each added up over a month and the two before it."""
    told = metrics(seed, "stream")
    for month, stream, margin in of(seed, "gross_margin").iter_rows():
        three = [told.get((add_months(month, -back), stream)) for back in range(3)]
        known = [row for row in three if row is not None]
        profit, net = (sum(row[name] for row in known) for name in ("gross_profit", "net_revenue"))
        assert is_same(margin, profit / net), (month, stream)


@EACH
def test_customers_won_and_lost_are_those_of_the_metrics(seed: int) -> None:
    """By month and kind; nobody who has left is counted as won."""
    drawn = {(month, kind): count for month, kind, count in of(seed, "customer_movements").iter_rows()}
    kinds = {"new": "customers_new", "reactivated": "customers_reactivated", "churned": "customers_churned"}
    for (month, _), row in metrics(seed).items():
        for kind, metric in kinds.items():
            assert abs(drawn.get((month, kind), 0)) == row[metric], (month, kind)


@EACH
def test_causes_add_up_to_what_existing_customers_changed(seed: int) -> None:
    """Expansion, contraction and churn of each month, split by cause, lose nothing."""
    sums: dict[date, Decimal] = defaultdict(Decimal)
    for month, _, amount in of(seed, "causes").iter_rows():
        sums[month] += amount
    for (month, _), row in metrics(seed).items():
        assert sums[month] == row["mrr_expansion"] + row["mrr_contraction"] + row["mrr_churn"], month


@EACH
def test_top_movers_are_the_largest_changes_in_three_months(seed: int) -> None:
    """The difference of two balances of an account, eight at most of each side, the largest first."""
    drawn = of(seed, "movers")
    [(last,)] = table(seed, "select max(month) from mrr_movements")
    before = add_months(last, -3)
    changes: dict[str, Decimal] = defaultdict(Decimal)
    for month, account, amount in table(seed, "select month, account, amount from mrr_balances"):
        changes[account] += amount * ((month == last) - (month == before))
    ranked = sorted(((one, amount) for one, amount in changes.items() if amount), key=lambda x: (-x[1], x[0]))
    up = [one for one in ranked if one[1] > 0][:8]
    down = [one for one in ranked if one[1] < 0][-8:]

    assert sorted(drawn.select("account", "amount").rows()) == sorted([*up, *down])
    assert drawn["amount"].to_list() == sorted(drawn["amount"], reverse=True)


@EACH
def test_payouts_are_those_that_were_posted(seed: int) -> None:
    """By partner the fifteen largest of all, by month and kind all of them."""
    booked: dict[str, Decimal] = defaultdict(Decimal)
    by_kind: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for month, partner, kind, amount in table(seed, "select month, partner, kind, amount from payouts"):
        booked[partner] += amount
        by_kind[month, kind.replace("_", " ")] += amount
    drawn = of(seed, "payouts")
    largest = sorted((amount for amount in booked.values() if amount), reverse=True)[:15]

    assert drawn["amount"].to_list() == largest
    assert all(booked[row["partner"]] == row["amount"] for row in drawn.iter_rows(named=True))
    assert {(month, kind): amount for month, kind, amount in of(seed, "payouts_by_kind").iter_rows()} == {
        key: amount for key, amount in by_kind.items() if amount
    }


@EACH
def test_what_is_sold_for_others_is_theirs_and_ours(seed: int) -> None:
    """Volume is split without rest, and each part is the metric of the month."""
    for month, payouts, take, gmv in of(seed, "marketplace").iter_rows():
        assert payouts + take == gmv
        assert (take, gmv) == (metrics(seed)[month, ""]["take"], metrics(seed)[month, ""]["gmv"])


@EACH
def test_devices_of_all_makers_are_those_of_the_company(seed: int) -> None:
    """In the month in which they were reported, whoever made them."""
    sums: dict[date, int] = defaultdict(int)
    for row in of(seed, "devices").iter_rows(named=True):
        sums[row["month"]] += row["devices"]
    for (month, _), row in metrics(seed).items():
        assert sums[month] == (row["devices"] or 0), month


@EACH
def test_survival_is_the_product_of_those_who_stayed(seed: int) -> None:
    """By Kaplan and Meier's formula, age by age, from the counts that stand beside it, within its band."""
    drawn = of(seed, "survival")
    for own in drawn.partition_by("segment", maintain_order=True):
        kept = 1.0
        assert own["age"].to_list() == list(range(len(own)))
        for row in own.iter_rows(named=True):
            kept *= 1 - row["ended"] / row["at_risk"]
            assert float(row["survival"]) == pytest.approx(kept, abs=1e-6)
            if row["low"] is not None:  # before anybody has left, and when all have, nothing is uncertain
                assert row["low"] <= row["survival"] <= row["high"]
        assert own["at_risk"].is_sorted(descending=True), "nobody joins at a later age"


@EACH
def test_payback_is_profit_over_cost(seed: int) -> None:
    """A cohort costs the same at each age, and what it has recovered is what it has brought of that."""
    for own in of(seed, "payback_curves").partition_by("quarter"):
        assert own["cost"].n_unique() == 1
        assert own["customers"].n_unique() == 1
        for row in own.iter_rows(named=True):
            assert float(row["recovered"]) == pytest.approx(float(row["profit"] / row["cost"]), abs=1e-9)


@EACH
def test_what_is_known_to_come_begins_with_what_there_is(seed: int) -> None:
    """The forecast starts at committed MRR, takes a year, and ends at the metric for the last month."""
    drawn = of(seed, "cmrr_forecast")
    ahead = drawn.drop_nulls("forecast")
    last = metrics(seed)[max(metrics(seed))]

    assert ahead["forecast"][0] == last["committed_mrr"]
    assert len(ahead) in {1, 13}, "where nothing is known to come, nothing is forecast"
    assert ahead["forecast"][-1] == last["cmrr"]


@EACH
def test_what_is_overdue_is_the_metric(seed: int) -> None:
    """Invoices that are due when a month ends, whatever their age, add up to `overdue`."""
    sums: dict[date, Decimal] = defaultdict(Decimal)
    for row in of(seed, "ageing").iter_rows(named=True):
        sums[row["month"]] += row["amount"] if row["overdue"] != "not due" else 0
    for (month, _), row in metrics(seed).items():
        assert sums[month] == (row["overdue"] or 0), month

"""Figures: what charts draw is what the ledger holds, worked out another way."""

from decimal import Decimal
from itertools import pairwise

import polars as pl
import pytest

pytest.importorskip("altair", reason="charts take the extra `report`")

from analytics.cohorts import cohorts
from analytics.metrics import monthly
from simulator.chart import CHARTS, frame, mount, spec
from tests.analytics.company import month
from tests.simulator.chart.company import SEEDS, known, random

EACH = pytest.mark.parametrize("seed", SEEDS)


def of(seed: int, name: str) -> pl.DataFrame:
    """Return the data of a chart of a random company."""
    mount(random(seed))
    return frame(random(seed), CHARTS[name])


def by_month(found: pl.DataFrame, value: str) -> dict[object, Decimal]:
    """Add a column up by month."""
    return dict(found.group_by("month").agg(pl.col(value).sum()).sort("month").iter_rows())


@EACH
@pytest.mark.parametrize(
    ("name", "column", "metric"),
    [
        ("mrr", "committed_mrr", "committed_mrr"),
        ("mrr", "usage_mrr", "usage_mrr"),
        ("mrr_by_segment", "committed_mrr", "committed_mrr"),
        ("mrr_by_plan", "usage_mrr", "usage_mrr"),
        ("mrr_by_stream", "committed_mrr", "committed_mrr"),
        ("customers", "customers", "customers"),
        ("revenue", "net_revenue", "net_revenue"),
        ("revenue_mix_by_segment", "net_revenue", "net_revenue"),
        ("deferred_revenue", "deferred", "deferred_revenue"),
        ("cash", "cash", "cash"),
    ],
)
def test_the_parts_of_a_month_are_the_metric(seed: int, name: str, column: str, metric: str) -> None:
    """Whatever a chart splits adds up to what `monthly` says of the whole company."""
    drawn = by_month(of(seed, name), column)
    metrics = dict(monthly(random(seed)).select("month", metric).iter_rows())

    assert drawn or not any(metrics.values())
    apart = {at: value - drawn.get(at, 0) for at, value in metrics.items()}
    # A mean of three months has no last digit: by parts it may be rounded another way.
    assert not {at: value for at, value in apart.items() if abs(value) > Decimal("1e-10")}


@EACH
def test_movements_lead_from_balance_to_balance(seed: int) -> None:
    """The net change of each month is the difference of committed MRR, and the snowball's quarters close."""
    net = by_month(of(seed, "mrr_movements"), "amount")
    balances = of(seed, "mrr")
    changes = balances.select(
        "month", change=pl.col("committed_mrr").diff().fill_null(balances["committed_mrr"][0])
    )
    assert {at: value for at, value in changes.iter_rows() if value} == {
        at: value for at, value in net.items() if value
    }

    snowball = of(seed, "arr_snowball")
    parts = sum(
        (snowball[name] for name in ("new", "expansion", "reactivation", "contraction", "churn")),
        snowball["opening"],
    )
    assert parts.to_list() == snowball["closing"].to_list()
    assert snowball["opening"].to_list()[1:] == snowball["closing"].to_list()[:-1]


@EACH
def test_the_bridge_arrives_where_it_should(seed: int) -> None:
    """Each step begins where the one before it ends, and the last balance stands on the sum of all."""
    steps = dict(of(seed, "mrr_bridge").iter_rows())
    now = steps.pop("MRR now")
    assert sum(steps.values()) == now

    rows = next(iter(spec({"a": of(seed, "mrr_bridge")}, CHARTS["mrr_bridge"])["datasets"].values()))
    floating = [row for row in rows if not row["balance"]]
    assert all(a["until"] == pytest.approx(b["since"], abs=0.02) for a, b in pairwise(floating))
    assert rows[-1]["until"] == pytest.approx(float(now), abs=0.02)


@EACH
@pytest.mark.parametrize(
    ("name", "kept", "base", "metric"),
    [
        ("cohort_net", "mrr", "mrr_start", "net_retention"),
        ("cohort_gross", "mrr_kept", "mrr_start", "gross_retention"),
        ("cohort_logos", "customers", "customers_start", "logo_retention"),
    ],
)
def test_cells_of_cohorts_are_those_of_the_metrics(
    seed: int, name: str, kept: str, base: str, metric: str
) -> None:
    """Cell by cell, and no cell for an age that no cohort has reached."""
    drawn = of(seed, name)
    other = cohorts(random(seed)).sort("cohort", "age")
    shares = [round(float(row[kept] / row[base]), 6) for row in drawn.iter_rows(named=True)]

    assert drawn.select("cohort", "age").rows() == other.select("cohort", "age").rows()
    assert shares == pytest.approx([float(value) for value in other[metric]], abs=1e-6)


@EACH
def test_all_cohorts_together_are_weighted_by_what_they_began_with(seed: int) -> None:
    """The first row of a heat map is a sum over a sum, of the cohorts that reached the age."""
    drawn = of(seed, "cohort_gross")
    rows = spec({"a": drawn}, CHARTS["cohort_gross"])["datasets"]
    cells = next(one for one in rows.values() if "kept" in one[0])
    first = {row["age"]: row["kept"] for row in cells if row["cohort"] == "all cohorts"}
    for age, kept in first.items():
        own = drawn.filter(age=age)
        assert kept == pytest.approx(float(own["mrr_kept"].sum()) / float(own["mrr_start"].sum()), abs=1e-4)
    assert all(0 <= kept <= 1 for kept in first.values())


@EACH
def test_what_is_owed_is_the_balance_of_the_receivable(seed: int) -> None:
    """Unpaid invoices by age add up to the ledger's account, but for credits that nobody has to pay."""
    owed = by_month(of(seed, "ageing"), "amount")
    con = random(seed)
    query = "select month, balance from trial_balance where ledger_account = 'receivable' order by month"
    owing = """
        select m.month, coalesce(sum(i.total), 0) from (select distinct month from entries) m
        left join invoices i on i.month <= m.month and i.total < 0 group by all"""
    off = dict(con.sql(owing).fetchall())

    assert {at: owed.get(at, 0) for at, _ in con.sql(query).fetchall()} == {
        at: value - off[at] for at, value in con.sql(query).fetchall()
    }


@EACH
def test_every_invoice_comes_to_something(seed: int) -> None:
    """Outcomes add up to all that was billed, and customers to all bills of the last year."""
    con = random(seed)
    [(billed,)] = con.sql("select sum(total) from invoices where total > 0").fetchall()
    assert of(seed, "dunning")["amount"].sum() == billed

    largest = of(seed, "largest_customers")
    assert float(largest["share"].sum()) >= 0.999999
    assert largest["billed"].to_list() == sorted(largest["billed"], reverse=True)


def test_a_customer_who_left_and_came_back_is_told_in_the_right_months() -> None:
    """Bob leaves in July and is back in October; Ada pays half as much again from January on."""
    con = known().ledger()
    mount(con)
    moves = frame(con, CHARTS["mrr_movements"]).rows()

    assert moves == [
        (month(0), "new", Decimal(300)),
        (month(6), "churn", Decimal(-200)),
        (month(9), "reactivation", Decimal(80)),
        (month(12), "expansion", Decimal(50)),
    ]
    assert frame(con, CHARTS["customer_movements"]).rows() == [
        (month(0), "new", 2), (month(6), "churned", -1), (month(9), "reactivated", 1)
    ]  # fmt: skip


def test_the_rest_is_what_has_no_colour_of_its_own() -> None:
    """Of nine plans six are named, and what the other three are worth stands under one name."""
    company = known()
    for number in range(7):
        company.mrr(f"plan{number}", 10 + number, plan=f"plan{number}", start=13)
    con = company.ledger()
    mount(con)
    drawn = spec({"a": frame(con, CHARTS["mrr_by_plan"])}, CHARTS["mrr_by_plan"])
    areas = drawn["datasets"]["d0"]
    labels = [row["label"] for row in drawn["datasets"][max(drawn["datasets"])]]

    last = areas[-1]
    assert sum(value for key, value in last.items() if key != "month") == 150 + 80 + sum(range(10, 17))
    assert "the rest $33" in labels
    assert "total $321" in labels


@EACH
def test_deferred_revenue_is_rolled_forward(seed: int) -> None:
    """What was there, plus what was billed ahead, less what was earned of it, is what is there."""
    rows = of(seed, "deferred_revenue").rows()

    assert all(added >= 0 >= released for _, added, released, _ in rows)
    for before, (_, added, released, deferred) in pairwise(rows):
        assert before[3] + added + released == deferred

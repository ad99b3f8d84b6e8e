"""Explanations of metrics: each formula comes to the metric, and its parts are the ledger's own rows."""

from dataclasses import replace
from decimal import Decimal
from functools import partial

import polars as pl
import pytest

from analytics.dimension import SPLITS
from analytics.explanation import Evidence, explain
from analytics.metrics import METRICS, monthly, monthly_by
from analytics.policy import PRESETS, named
from metering.document import Problems
from tests import stories
from tests.analytics.explanations import evidence, shown

BOOK = """
    name = "Two plans"
    [plans.small]
    name = "Small"
    stream = "software"
    prices.seats = { per = "seat", unit_price = 10 }
    [plans.large]
    name = "Large"
    stream = "software"
    prices.seats = { per = "seat", unit_price = 20, annual = { unit_price = 180 } }
"""
TOLD = """
    2025-01-01  a    account.signed_up       A a@example.com smb web
    2025-01-01  a    subscription.started    a-1 small seats=4
    2025-01-01  b    account.signed_up       B b@example.com smb web
    2025-01-01  b    subscription.started    b-1 large seats=2 billing=year
    2025-02-01  c    account.signed_up       C c@example.com mid_market web
    2025-02-01  c    subscription.started    c-1 small seats=1
    2025-11-20  x    money.spent             marketing.adverts 300
    2025-12-01  c    subscription.cancelled  c-1 2025-12-01
    2026-01-10  a    seats.changed           a-1 7
    2026-02-02  d    account.signed_up       D d@example.com smb web
    2026-02-02  d    subscription.started    d-1 small seats=5
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Return the company above after 14 months."""
    return evidence(tmp_path_factory.mktemp("two"), BOOK, TOLD, 14, "2025-01")


@pytest.fixture(scope="module")
def random(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Return a random company with everything in it."""
    told = stories.told(5, accounts=5)
    return evidence(tmp_path_factory.mktemp("random"), stories.BOOK, told, stories.MONTHS, "2025-11")


def test_mrr_is_a_bridge_from_the_month_before(two: Evidence) -> None:
    """Customer a has 7 seats since January, b pays a twelfth of $360, and d is new in February 2026."""
    assert list(shown(explain(two, "mrr 2026-02", depth=3))) == [
        "150 USD committed_mrr of 2026-02: recurring charges of a month at its end = opening + new",
        "  = 100 USD mrr_opening of 2026-02: committed MRR a month before",
        "    = 70 USD a-1, small",
        "      = 70 USD seats: 7 seats at $10.00",
        "    = 30 USD b-1, large",
        "      = 30 USD seats: a twelfth of a year",
        "  = 50 USD mrr_new of 2026-02: from customers who never paid before",
        "    = 50 USD d: subscription",
        "      - 0 USD before",
        "      - 50 USD after",
        "  - 150 USD who pays it",
        "    = 70 USD a-1, small",
        "      = 70 USD seats: 7 seats at $10.00",
        "    = 30 USD b-1, large",
        "      = 30 USD seats: a twelfth of a year",
        "    = 50 USD d-1, small",
        "      = 50 USD seats: 5 seats at $10.00",
    ]


def test_nrr_shows_the_cohort_then_and_now(two: Evidence) -> None:
    """In February 2025 a, b and c paid 40 + 30 + 10; a year later a pays 70, b 30, c nothing: 100 / 80."""
    assert list(shown(explain(two, "nrr 2026-02"))) == [
        f"1.25 ratio nrr of 2026-02: {METRICS['nrr'].description} = 100 / 80",
        "  - 100 USD what they pay now",
        "    = 70 USD a",
        "    = 30 USD b",
        "  - 80 USD paid 12 months before",
        "    = 40 USD a",
        "    = 30 USD b",
        "    = 10 USD c",
    ]


def test_a_part_of_a_metric_is_that_of_its_accounts(two: Evidence) -> None:
    """Of the mid-market only c was there, and left on 1 December."""
    node = explain(two, "mrr_churn 2025-12", by="segment=mid_market")

    assert node.amount == -10
    assert [part.text for part in node.parts] == ["c: voluntary"]


def test_a_metric_without_a_value_says_why(two: Evidence) -> None:
    """Eleven months back nobody knows who paid."""
    node = explain(two, "nrr 2025-12")

    assert node.amount is None
    assert node.reasons[0].text == "no value: fewer than 12 months before, or nobody paid then"


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ("segment=smbb", "there is no segment 'smbb'; did you mean 'smb'?"),
        ("segmentt=smb", "there is no 'segmentt'; did you mean 'segment'?"),
        ("plan=small", "nrr cannot be split by plan; its splits: segment, channel"),
    ],
)
def test_a_wrong_split_names_the_right_ones(two: Evidence, by: str, told: str) -> None:
    """A part that is not there is a problem."""
    with pytest.raises(Problems) as found:
        explain(two, "nrr 2026-02", by=by)

    assert told in str(found.value)


def test_revenue_leads_to_the_events(random: Evidence) -> None:
    """Metric, entry, line, step, usage, event: with enough depth nothing is in between."""
    month = max(random.periods()).starts_on
    node = explain(random, f"revenue {month:%Y-%m}", depth=9)

    assert any(one.source.startswith("event ") and one.unit != "USD" for one in node.walk())


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if "whole" in metric.splits])
def test_every_metric_is_explained(two: Evidence, random: Evidence, name: str) -> None:
    """What is explained is what `monthly` says, in the first month, in the middle and at the end."""
    for known, deep in ((two, 9), (random, 2)):
        rows = known.once("metrics", partial(monthly, known.connection)).select("month", name).rows()
        for (month, value), depth in ((rows[0], 2), (rows[6], 2), (rows[-1], deep)):
            node = explain(known, f"{name} {month:%Y-%m}", depth=depth)
            assert node.amount == (None if value is None else Decimal(value))
            assert node.children or not value


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "saasim"])
def test_every_metric_is_explained_as_a_policy_takes_it(random: Evidence, preset: str) -> None:
    """What is explained is what `monthly` says under the policy, and its parts add up to it."""
    known = replace(random, policy=PRESETS[preset])
    last = monthly(known.connection, PRESETS[preset]).tail(1).to_dicts()[0]
    for name, value in last.items():
        if name in METRICS:
            node = explain(known, f"{name} {last['month']:%Y-%m}", depth=1)
            assert node.amount == (None if value is None else Decimal(value)), name


def test_a_policy_that_differs_in_nothing_here_explains_the_same(two: Evidence) -> None:
    """A company in which nothing is late and nobody announced leaving is the same; an invoice always is."""
    restated = replace(two, policy=named("timing=restated"))
    unlike = replace(two, policy=named("churn_recognition=scheduled"))

    assert list(shown(explain(restated, "mrr 2026-02", depth=3))) == list(
        shown(explain(two, "mrr 2026-02", depth=3))
    )
    assert explain(unlike, "mrr_churn 2025-12").amount == explain(two, "mrr_churn 2025-12").amount
    with pytest.raises(Problems, match="is the same under every policy"):
        explain(unlike, "INV-2026-02-a")


@pytest.mark.parametrize("by", SPLITS)
def test_every_metric_of_every_part_is_explained(random: Evidence, by: str) -> None:
    """The last month, split each way, for the first and the last parts."""
    frame = monthly_by(random.connection, by).filter(month=max(random.periods()).starts_on)
    for row in pl.concat([frame.head(1), frame.tail(2)]).iter_rows(named=True):
        for name, value in row.items():
            if name in METRICS:
                node = explain(random, f"{name} {row['month']:%Y-%m}", by=f"{by}={row[by]}", depth=1)
                assert node.amount == (None if value is None else Decimal(value)), (name, row[by])

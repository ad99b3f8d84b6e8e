"""Payback: cohorts against what winning them cost, by hand and by laws."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

import polars as pl
import pytest

from analytics.metrics import monthly
from analytics.payback import NOT_YET, UNKNOWN, UNSPENT, payback_curves, paybacks
from analytics.policy import DEFAULT
from analytics.profit import profits
from metering.document import Problems
from tests.analytics.company import Company, month

AT_ONCE = DEFAULT._replace(sales_lag=0)
"""Spending wins the customers of its own month: so a case is short."""


def cases() -> Company:
    """Two are won in month 0 for 300, one in month 2 for 500, each pays 100 a month and costs 20 to serve."""
    company = Company().mrr("ada", *[100] * 6).mrr("bob", 100, 100, 0, 0, 0, 0).mrr("cem", 0, 0, *[100] * 4)
    for number in range(6):
        for name in ("ada", *(["bob"] if number < 2 else []), *(["cem"] if number >= 2 else [])):
            company.bill(name, number, 100).spend(number, "cogs.hosting", 20)
    return company.spend(0, "sales.team", 300).spend(2, "marketing.fairs", 500)


def test_a_cohort_has_paid_back_when_its_gross_profit_has_reached_its_cost() -> None:
    """160 + 160 >= 300 at age 1, though one of the two leaves then; 4 x 80 < 500: not yet, at 64 %."""
    found = paybacks(cases().ledger(), policy=AT_ONCE)
    names = ["cohort", "customers", "cost", "cac", "observed", "cumulative", "payback_months", "reason"]

    assert [
        (month(0), 2, 300, 150, 5, 640, 1, ""),
        (month(2), 1, 500, 500, 3, 320, None, NOT_YET.format(age=3, share="64.0%")),
    ] == found.select(names).rows()


def test_the_curve_says_what_was_earned_at_each_age() -> None:
    """Who left brings nothing any more, and still belongs to the cohort."""
    curve = payback_curves(cases().ledger(), policy=AT_ONCE).filter(pl.col("cohort") == month(0))

    assert [160, 160, 80, 80, 80, 80] == curve["profit"].to_list()
    assert [160, 320, 400, 480, 560, 640] == curve["cumulative"].to_list()
    assert [2] * 6 == curve["customers"].to_list()
    assert Decimal("0.533333") == curve["recovered"][0]


def test_the_cost_of_a_cohort_is_that_of_the_lagged_month() -> None:
    """With a lag of three months the first three cohorts have costs that nobody knows."""
    company = Company().mrr("ada", *[10] * 6).mrr("bob", *[0] * 3, *[10] * 3).bill("ada", 0, 10)
    company.spend(0, "sales.team", 70).spend(1, "sales.team", 80)
    found = paybacks(company.ledger())

    assert [(month(0), None, UNKNOWN), (month(3), 70, NOT_YET.format(age=2, share="0.0%"))] == (
        found.select("cohort", "cost", "reason").rows()
    )


def test_spending_of_a_month_that_won_nobody_is_the_next_cohort_s() -> None:
    """Months 1 and 2 won nobody: whoever comes in month 3 cost all three."""
    company = Company().mrr("ada", *[10] * 5).mrr("bob", *[0] * 3, 10, 10)
    for number in range(5):
        company.spend(number, "sales.team", 10 + number)
    found = paybacks(company.ledger(), policy=AT_ONCE).select("cohort", "cost").rows()

    assert [(month(0), 10), (month(3), 11 + 12 + 13)] == found


def test_nothing_spent_is_said_to_be_nothing_spent() -> None:
    """And not a payback of 0 months."""
    found = paybacks(Company().mrr("ada", 10, 10).bill("ada", 0, 10).ledger(), policy=AT_ONCE)

    assert [(0, None, UNSPENT)] == found.select("cost", "payback_months", "reason").rows()


def test_cohorts_of_quarters_hold_those_of_their_months() -> None:
    """Customers and costs add up; only ages that the youngest has reached are there."""
    company = Company()
    for number in range(7):
        company.mrr(f"c{number}", *[0] * number, *[10] * (7 - number)).spend(number, "sales.team", 7)
        company.bill(f"c{number}", number, 10)
    found = payback_curves(company.ledger(), every=3, policy=AT_ONCE)

    sizes = found.group_by("cohort", maintain_order=True).agg(
        pl.col("customers", "cost").first(), pl.col("age").max()
    )
    assert [(month(0), 3, 21, 4), (month(3), 3, 21, 1), (month(6), 1, 7, 0)] == sizes.rows()


def test_segments_share_unnamed_spending_by_what_was_won_with_it() -> None:
    """60 for nobody in particular: 40 to the segment that won MRR of 20, 20 to the one that won 10."""
    company = Company().mrr("small", 10, 10).account("big", segment="enterprise").mrr("big", 20, 20)
    company.spend(0, "marketing.brand", 60).spend(0, "sales.team", 5, segment="smb")
    found = paybacks(company.ledger(), "segment", policy=AT_ONCE)

    assert [("enterprise", 40), ("smb", 25)] == found.select("part", "cost").rows()


def random_company(seed: int) -> Company:
    """Make a company of ten months in which customers come, buy, leave and cost something."""
    import random

    rng = random.Random(seed)
    company = Company()
    for number in range(12):
        start, stay = rng.randrange(10), rng.randrange(1, 8)
        company.account(f"c{number}", segment=rng.choice(["smb", "enterprise"]))
        company.mrr(f"c{number}", *[0] * start, *[rng.randrange(1, 90)] * min(stay, 10 - start))
        for later in range(start, 10):
            company.bill(
                f"c{number}", later, rng.randrange(50), stream=rng.choice(["subscriptions", "services"])
            )
    for number in range(10):
        company.spend(number, "sales.team", rng.randrange(90), segment=rng.choice(["", "smb"]))
        company.spend(number, "cogs.hosting", rng.randrange(40), stream=rng.choice(["", "services"]))
    return company


@pytest.mark.parametrize("seed", range(6))
def test_cohorts_hold_all_profit_of_customers_and_all_cost(seed: int) -> None:
    """What is spent up to the last cohort is in the cohorts, and so is all that their customers brought."""
    ledger = random_company(seed).ledger()
    found = paybacks(ledger, policy=AT_ONCE)
    months = monthly(ledger)

    last = found["cohort"].max()
    spent = months.filter(pl.col("month") <= last)["acquisition_cost"].sum()
    assert spent == found["cost"].sum()
    earned = profits(ledger).filter(pl.col("account") != "")
    assert earned["gross_profit"].sum() == found["cumulative"].sum()


@pytest.mark.parametrize("seed", range(3))
def test_the_curves_of_segments_add_up_to_the_whole(seed: int) -> None:
    """Customers and profits of a cohort at an age are those of its segments together."""
    ledger = random_company(seed).ledger()
    names = ["cohort", "age"]
    parts = (
        payback_curves(ledger, "segment", policy=AT_ONCE)
        .group_by(names)
        .agg(pl.col("customers", "profit").sum())
    )

    whole = payback_curves(ledger, policy=AT_ONCE).select(*names, "customers", "profit")
    assert whole.rows() == parts.sort(names).select(whole.columns).rows()


def test_recovery_is_the_running_sum_over_the_cost() -> None:
    """Each step of the curve is the age's profit."""
    curve = payback_curves(random_company(1).ledger(), policy=AT_ONCE)

    for _, one in curve.group_by("cohort"):
        sums = one["cumulative"].to_list()
        assert [after - before for before, after in pairwise(sums)] == one["profit"].to_list()[1:]


def test_a_split_that_customers_do_not_have_is_refused() -> None:
    """A customer may hold several plans."""
    with pytest.raises(Problems, match="plan"):
        payback_curves(cases().ledger(), "plan")


def test_a_ledger_without_months_has_no_cohorts() -> None:
    """No rows, of the right types."""
    assert paybacks(Company().ledger()).is_empty()
    assert pl.Date == payback_curves(Company().ledger()).schema["cohort"]
    assert date(2026, 1, 1) == month(0)

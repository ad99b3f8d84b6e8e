"""Retention: closed cohorts per customer, and the churn of a month and of a year."""

from decimal import Decimal

import polars as pl
import pytest

from analytics.cohorts import cohorts
from analytics.formula import annualised
from analytics.metrics import monthly
from billing.money import EXACT
from tests.analytics.company import Company, at, month, plain

YEAR = 12


def year(company: Company) -> tuple[object, ...]:
    """Return NRR and GRR 12 months after the first month end."""
    return at(monthly(company.ledger()), YEAR, "nrr", "grr")


def test_nrr_and_grr_follow_the_customers_of_twelve_months_ago_and_nobody_else() -> None:
    """1,000 became 974: a leaver, a shrinker and a grower; whoever joined since then does not count."""
    company = Company().mrr("leaver", *[100] * 6).mrr("shrinker", *[400] * 5, *[300] * 8)
    company.mrr("grower", *[300] * 9, *[474] * 4).mrr("steady", *[200] * 13)
    company.mrr("joiner", *[0] * 3, *[900] * 10)

    assert ("0.974", "0.8") == year(company)


def test_nrr_is_grr_plus_expansion() -> None:
    """85 % kept and 25 % added is 110 %, not 106 %."""
    company = Company().mrr("leaver", *[150] * 12).mrr("grower", *[250] * 6, *[500] * 7)
    company.mrr("steady", *[600] * 13)

    assert ("1.1", "0.85") == year(company)


def test_a_change_counts_by_its_difference() -> None:
    """A customer who goes from 50 to 75 adds 25, not 75: 1,000 - 50 + 25 is 97.5 %, not 102.5 %."""
    company = Company().mrr("leaver", *[50] * 12).mrr("grower", *[50] * 4, *[75] * 9)
    company.mrr("steady", *[900] * 13)

    assert ("0.975", "0.95") == year(company)


def test_one_customer_s_growth_does_not_hide_another_s_loss() -> None:
    """GRR takes the least for each customer: the total is unchanged, and a half was lost."""
    assert (1, "0.5") == year(Company().mrr("leaver", *[100] * 12).mrr("grower", 100, *[200] * 12))


def test_a_customer_who_shrank_and_recovered_counts_whole() -> None:
    """Point to point: what happened in between is in the bridge, not in GRR; leaving and returning too."""
    company = Company().mrr("dipper", 100, 40, *[100] * 11).mrr("returner", *[100] * 4, 0, *[100] * 8)

    assert (1, 1) == year(company)
    assert (0,) == at(monthly(company.ledger()), YEAR, "logo_churn_12m")


def test_without_twelve_months_of_history_there_is_no_nrr() -> None:
    """NULL, not 100 %: in month 12 of a run nobody can say what became of customers of 12 months ago."""
    frame = monthly(Company().mrr("ada", *[100] * 13).ledger())

    assert (None, None, None) == at(frame, 11, "nrr", "grr", "logo_churn_12m")
    assert (1, 1, 0) == at(frame, 12, "nrr", "grr", "logo_churn_12m")


def test_the_churn_of_a_month_is_of_those_who_could_leave() -> None:
    """1 of 10 left: 10 %, though another came in the month (Stripe divides by 11: 9.1 %)."""
    company = Company()
    for number in range(10):
        company.mrr(f"old-{number}", 100, 0 if number == 0 else 100)
    frame = monthly(company.mrr("new", 0, 400).ledger())

    assert ("0.1", "0.1") == at(frame, 1, "logo_churn", "revenue_churn")
    assert ("0.71757",) == at(frame, 1, "logo_churn_annualised")


def test_revenue_churn_is_gross_and_net_revenue_churn_counts_what_came_back() -> None:
    """Of 1,000: 100 left, 50 shrank, 80 grew; 40 came back. Gross 15 %, net 3 %."""
    company = Company().mrr("leaver", 100, 100, 0).mrr("shrinker", 200, 200, 150).mrr("grower", 700, 700, 780)
    frame = monthly(company.mrr("returner", 5, 0, 40).mrr("joiner", 0, 0, 500).ledger())

    assert ("0.15", "0.03") == at(frame, 2, "revenue_churn", "net_revenue_churn")
    assert ("4.133333",) == at(frame, 2, "quick_ratio")


def test_where_there_is_nothing_to_divide_by_the_metric_is_null() -> None:
    """Before the first customer, and after the last: never 0, never infinite."""
    company = Company().spend(0, "sales", 100).mrr("ada", 0, 100, 0).spend(4, "sales", 100)
    frame = monthly(company.ledger())
    rates = (
        "arpa",
        "logo_churn",
        "revenue_churn",
        "net_revenue_churn",
        "quick_ratio",
        "logo_churn_annualised",
    )

    assert (None,) * 6 == at(frame, 0, *rates)
    assert (100, None, None, None, None, None) == at(frame, 1, *rates)
    assert (None, 1, 1, 1, 0, 1) == at(frame, 2, *rates)
    assert (None,) * 6 == at(frame, 4, *rates)


def test_the_end_of_the_data_ends_no_customer() -> None:
    """Nobody leaves after the last closed month, and a payment that arrives later opens no month."""
    company = Company().mrr("ada", 100, 100).bill("ada", 1, 100).pay("ada", 2, 100)
    frame = monthly(company.ledger())

    assert [month(0), month(1)] == frame["month"].to_list()
    assert (0, 0, 1) == at(frame, 1, "mrr_churn", "logo_churn", "customers")


@pytest.mark.parametrize(
    ("rate", "yearly"), [("0.025", "0.262002"), ("0", 0), ("1", 1), ("-0.01", "-0.126825")]
)
def test_a_monthly_rate_is_annualised_by_compounding(rate: str, yearly: object) -> None:
    """2.5 % a month is 26.2 % a year, not 30 %."""
    frame = pl.DataFrame({"rate": [Decimal(rate)]}, schema={"rate": EXACT})

    assert yearly == plain(frame.select(annualised(pl.col("rate")).round(6)).item())


def test_cohorts_show_who_is_left_at_each_age_that_was_reached() -> None:
    """A cohort keeps its leavers, takes back its returners, and knows nothing of the future."""
    company = Company().mrr("ada", 100, 50, 150).mrr("bob", 100, 0, 100).mrr("eve", 0, 80, 0)
    frame = cohorts(company.ledger())

    assert [
        (month(0), 0, 2, 200, 1, 1, 1),
        (month(0), 1, 1, 50, "0.5", "0.25", "0.25"),
        (month(0), 2, 2, 250, 1, "1.25", 1),
        (month(1), 0, 1, 80, 1, 1, 1),
        (month(1), 1, 0, 0, 0, 0, 0),
    ] == [tuple(map(plain, row)) for row in frame.rows()]

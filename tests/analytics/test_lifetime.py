"""Lifetime value: every method against a hand calculation, a limit or another method."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analytics.lifetime import METHODS, lifetime_values, realised, worth
from analytics.metrics import monthly
from analytics.policy import DEFAULT
from analytics.profit import profits
from metering.document import Problems
from tests.analytics.company import Company, at
from tests.analytics.test_payback import random_company

pytest.importorskip("scipy", reason="fits need scipy: pip install 'saasim[fit]'")

MONTHLY = (1 + 0.1) ** (-1 / 12)
"""What a month later is worth at 10 % a year."""


def leaving(size: int, months: int, lost: int, *, margin: int = 80) -> Company:
    """Tell of customers who pay 100 from month 0; `lost` leave in each month; a margin of `margin` %."""
    company = Company()
    for number in range(size):
        stays = min(months, 1 + number // lost) if lost else months
        company.mrr(f"c{number:03}", *[100] * stays, *[0] * (months - stays))
        for month in range(stays):
            company.bill(f"c{number:03}", month, 100).spend(month, "cogs.hosting", 100 - margin)
    return company


def value(
    company: Company, method: str, of: str = "", **policy: Any
) -> tuple[float | None, float | None, str]:
    """Return value, standard error and reason of one method for the whole company."""
    found = lifetime_values(company.ledger(), policy=DEFAULT._replace(**policy))
    rows = found.filter(pl.col("method") == method, pl.col("of").str.starts_with(of) if of else True)
    return rows.select("value", "std_error", "reason").row(0)


def test_the_simple_value_is_arpa_over_churn() -> None:
    """ARPA 100, 10 of the 20 + 15 who could leave: 100 / (10 / 35) = 350; at a margin of 80 % it is 280."""
    company = leaving(20, 3, 5)  # 20, 15 and 10 customers
    simple, error, _ = value(company, "simple", churn_window=2)

    assert simple == pytest.approx(100 / (10 / 35))
    assert error == pytest.approx(350 * ((1 - 10 / 35) / 10) ** 0.5)
    assert value(company, "gross_margin", churn_window=2)[0] == pytest.approx(0.8 * 350)


def test_the_margin_value_is_the_registry_s_ltv() -> None:
    """Two ways to one number, of a company with everything in it."""
    ledger = random_company(2).ledger()
    found = lifetime_values(ledger).filter(pl.col("method") == "gross_margin")["value"][0]
    metric = monthly(ledger)["ltv"][-1]

    assert (metric is None) == (found is None)
    assert metric is None or float(metric) == pytest.approx(found, rel=1e-9)


def test_without_churn_there_is_no_value_but_a_reason() -> None:
    """Never infinite; methods with a horizon have a value all the same."""
    company = leaving(12, 3, 0)

    assert (None, None, "nobody left in the churn window") == value(company, "simple")
    kept, error, _ = value(company, "kaplan_meier")
    assert kept == pytest.approx(80 * sum(MONTHLY**month for month in range(60)))
    assert error is None


def test_the_sum_of_a_constant_hazard_is_a_geometric_series() -> None:
    """Undiscounted and without end it is 1 / churn, the formula that everybody prints."""
    shares = [0.9**month for month in range(2_000)]

    assert worth(shares, DEFAULT._replace(horizon=2_000, discount_rate=Decimal(0))) == pytest.approx(1 / 0.1)
    assert worth(shares, DEFAULT._replace(horizon=12)) == pytest.approx(
        (1 - (0.9 * MONTHLY) ** 12) / (1 - 0.9 * MONTHLY)
    )


def test_the_survival_value_follows_the_curve_and_then_its_mean_rate() -> None:
    """By hand: 8 of 10 stay after month 1, 6 after month 2, then 4 of 18 a month; capped at 4 months."""
    found, error, _ = value(leaving(10, 3, 2), "kaplan_meier", horizon=4)

    rate = 4 / 18
    kept = [1, 0.8, 0.6, 0.6 * (1 - rate)]
    assert found == pytest.approx(80 * sum(share * MONTHLY**month for month, share in enumerate(kept)))
    assert error is not None


def test_the_error_of_the_survival_value_is_greenwood_s() -> None:
    """Up to the ages seen the variance is that of a restricted mean (Klein and Moeschberger 4.5.4)."""
    found, error, _ = value(leaving(10, 3, 2), "kaplan_meier", horizon=3, discount_rate=Decimal(0))

    assert found == pytest.approx(80 * (1 + 0.8 + 0.6))
    areas = [0.8 + 0.6, 0.6]  # what lies under the curve from each age on
    spread = [2 / (10 * 8), 2 / (8 * 6)]
    assert error == pytest.approx(
        80 * sum(a**2 * v for a, v in zip(areas, spread, strict=True)) ** 0.5, rel=1e-3
    )


def test_growth_of_paying_customers_is_in_the_expansion_value() -> None:
    """Each month customers pay 10 % more: 100 at 100 % margin grows by 1.1 a month, capped and discounted."""
    company = Company().mrr("ada", 100, 110, 121)
    for month, amount in enumerate((100, 110, 121)):
        company.bill("ada", month, amount)
    found, _, _ = value(company, "expansion", horizon=5, churn_window=2)

    growth = 231 / 210
    assert found == pytest.approx(121 * sum((growth * MONTHLY) ** month for month in range(5)))


def test_what_was_realised_is_the_mean_of_what_was_earned() -> None:
    """With one cohort it is the plain mean of cumulative profits, and its error that of a mean."""
    company = Company()
    amounts = [10, 30, 50, 70]
    for number, amount in enumerate(amounts):
        company.mrr(f"c{number}", amount, amount, amount)
        for month in range(3):
            company.bill(f"c{number}", month, amount)
    curve = realised(company.ledger())

    assert [4, 4, 4] == curve["customers"].to_list()
    assert [40, 80, 120] == pytest.approx(curve["profit"].to_list())
    spread = (sum((3 * (amount - 40)) ** 2 for amount in amounts) / 16) ** 0.5
    assert spread == pytest.approx(curve["std_error"][2])


def test_young_customers_count_as_far_as_they_have_been_seen() -> None:
    """At age 0 both count, at age 1 only the one who is old enough: 20 + 10, and not (30 + 10) / 2."""
    company = Company().mrr("old", 10, 10).mrr("young", 0, 30)
    company.bill("old", 0, 10).bill("old", 1, 10).bill("young", 1, 30)
    curve = realised(company.ledger())

    assert [(0, 2, 20.0), (1, 1, 30.0)] == curve.select("age", "customers", "profit").rows()


@pytest.mark.parametrize("seed", range(3))
def test_realised_profits_times_customers_are_the_profits(seed: int) -> None:
    """The steps of the curve, each times those it is a mean of, are all profits at these ages."""
    ledger = random_company(seed).ledger()
    curve = realised(ledger).with_columns(step=pl.col("profit").diff().fill_null(pl.col("profit")))

    customers = profits(ledger).filter(pl.col("account") != "")["gross_profit"].sum()
    assert float(customers) == pytest.approx((curve["step"] * curve["customers"]).sum())


def test_contracts_are_worth_their_mrr_for_as_long_as_the_model_keeps_them(tmp_path: Path) -> None:
    """Where customers do not differ it is the constant rate, as ARPA x margin over it, but for the cap."""
    from tests.ledgers import closed, posted

    book = """
    currency = "USD"
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.base = { per = "subscription", unit_price = 100 }
    """
    told = ""
    for number in range(40):
        told += f"2026-01-01  c{number}  subscription.started  c{number}-1 pro\n"
        if number < 20:
            day = f"2026-{2 + number // 4:02}-01"
            told += f"{day}  c{number}  subscription.cancelled  c{number}-1 {day}\n"
    ledger = posted(closed(tmp_path, book, told, 7))
    found = lifetime_values(ledger).filter(pl.col("method") == "renewal").row(0, named=True)

    assert "contracts by the month" == found["of"]
    assert 40 == found["size"]
    lost, due = 20, sum(min(1 + number // 4, 6) if number < 20 else 6 for number in range(40))
    rate = lost / due
    assert found["reason"].startswith("no difference of customers seen")
    kept = [(1 - rate) ** month for month in range(60)]
    assert found["value"] == pytest.approx(100 * worth(kept, DEFAULT))
    assert found["low"] < found["value"] < found["high"]


def test_values_of_segments_are_those_of_companies_of_their_own() -> None:
    """A split looks at nobody else."""
    ours, theirs = leaving(10, 4, 2), leaving(6, 4, 1)
    whole = leaving(10, 4, 2)
    for row in theirs.rows["mrr_balances"]:
        whole.account(f"big-{row['account']}", segment="enterprise")
    for number in range(6):
        stays = min(4, 1 + number)
        whole.account(f"big-{number}", segment="enterprise").mrr(
            f"big-{number}", *[100] * stays, *[0] * (4 - stays)
        )
        for month in range(stays):
            whole.bill(f"big-{number}", month, 100)
            whole.spend(month, "cogs.hosting", 20, segment="enterprise")
    parts = lifetime_values(whole.ledger(), "segment").filter(pl.col("method") == "kaplan_meier")
    alone = lifetime_values(ours.ledger()).filter(pl.col("method") == "kaplan_meier")

    assert ["enterprise", "smb"] == parts["part"].to_list()
    assert alone["value"][0] == pytest.approx(parts["value"][1], rel=0.05)  # the margin is the company's
    assert at(monthly(ours.ledger()), 3, "customers") == (4,)


def test_every_method_has_a_value_or_a_reason() -> None:
    """And an unknown split is refused."""
    found = lifetime_values(random_company(4).ledger(), "segment")

    assert set(found["method"]) <= set(METHODS)
    assert found.filter(pl.col("value").is_null() & (pl.col("reason") == "")).is_empty()
    with pytest.raises(Problems, match="stream"):
        lifetime_values(Company().ledger(), "stream")

"""Acquisition: CAC with all its costs, what a customer is worth, and when it has paid for itself."""

from decimal import Decimal

import polars as pl

from analytics.metrics import monthly, monthly_by, summary
from analytics.policy import DEFAULT
from tests.analytics.company import Company, at, plain

AT_ONCE = DEFAULT._replace(sales_lag=0, sales_window=1, churn_window=1)
"""Cost and customers of the same month, so that a case needs only one or two months."""


def test_cac_is_fully_loaded() -> None:
    """5 customers for 60,000: pay, tools, advertising, referrals; the advertising alone would say 5,000."""
    company = Company().spend(0, "sales-payroll", 20_000).spend(0, "sales-tools", 10_000)
    company.spend(0, "marketing-advertising", 25_000).spend(0, "research", 99_000)
    for number in range(5):
        company.mrr(f"customer-{number}", 100)
    frame = monthly(company.pay_out("customer-0", 0, 5_000).ledger(), AT_ONCE)

    assert (60_000, 60_000, 12_000) == at(frame, 0, "acquisition_cost", "matched_cost", "cac")


def test_cost_is_matched_with_the_customers_won_a_quarter_later() -> None:
    """100 a month buys the customer of 3 months later; what was spent before the history began is unknown."""
    company = Company().mrr("early", *[10] * 6).mrr("ada", *[0] * 3, *[10] * 3).mrr("bob", *[0] * 5, 10)
    for number in range(6):
        company.spend(number, "sales", 100 + number)
    frame = monthly(company.ledger())

    assert (None, 0) == at(frame, 2, "cac", "matched_cost")
    assert (100, 100) == at(frame, 3, "cac", "matched_cost")
    assert ("151.5", 303) == at(frame, 5, "cac", "matched_cost")


def test_a_year_takes_its_customers_together() -> None:
    """Nine months of spending are matched with the customers of the last nine months of year 1."""
    company = Company().mrr("early", *[10] * 12).mrr("ada", *[0] * 3, *[10] * 9).mrr("bob", *[0] * 11, 10)
    for number in range(12):
        company.spend(number, "sales", 100)

    assert [450] == [int(cac) for cac in summary(company.ledger())["cac"]]


def test_cost_that_names_no_segment_goes_by_new_mrr_and_the_segments_add_up() -> None:
    """600 name nobody: new MRR is 100 to 500, so smb bears 100 + 40 of its own, enterprise 500."""
    company = Company().account("ada", "smb", "self_serve").account("eve", "enterprise", "direct")
    company.mrr("ada", 100).mrr("eve", 500).spend(0, "sales", 600).spend(0, "marketing", 40, segment="smb")
    con = company.ledger()
    frame = monthly_by(con, "segment", AT_ONCE)

    assert (140, 140, 40) == at(frame, 0, "matched_cost", "cac", "acquisition_cost", part="smb")
    assert (500, 500, 0) == at(frame, 0, "matched_cost", "cac", "acquisition_cost", part="enterprise")
    assert [600] == [int(cost) for cost in frame.filter(segment="")["acquisition_cost"]]
    assert (640, 320) == at(monthly(con, AT_ONCE), 0, "matched_cost", "cac")


def test_ltv_is_arpa_by_margin_over_churn_without_rounding_the_churn_first() -> None:
    """500 a month and 1 of 11 lost: 5,500, not 500 / 9 % = 5,555; at a margin of 80 %, 4,400."""
    company = Company().spend(1, "cogs", 1_000)
    for number in range(11):
        company.mrr(f"customer-{number}", 500, 0 if number == 0 else 500)
        if number:
            company.bill(f"customer-{number}", 1, 500)
    names = ("trailing_churn", "recurring_margin", "ltv")
    churn, margin, ltv = at(monthly(company.ledger(), AT_ONCE), 1, *names)

    assert ("0.090909", "0.8") == (churn, margin)
    assert abs(Decimal(ltv) - 4_400) < Decimal("0.000001")


def test_without_churn_ltv_is_null_and_the_capped_one_counts_sixty_months() -> None:
    """Nobody left, so nobody knows how long they stay; at most 60 months are counted."""
    frame = monthly(Company().mrr("ada", 100, 100).bill("ada", 1, 100).ledger(), AT_ONCE)

    assert (None, 6_000, None) == at(frame, 1, "ltv", "ltv_capped", "ltv_to_cac")


def test_the_capped_ltv_ends_after_the_horizon() -> None:
    """At 50 % a month, 3 months bring 1 + 1/2 + 1/4 of ARPA; for ever would be 2."""
    company = Company().mrr("ada", 100, 100).mrr("bob", 100, 0).bill("ada", 1, 100)
    frame = monthly(company.ledger(), AT_ONCE._replace(horizon=3))

    assert (200, 175) == at(frame, 1, "ltv", "ltv_capped")


def test_payback_compares_sums_with_sums() -> None:
    """12,000 for 1,000 of new MRR at 75 %: 16 months; LTV of 20 months is 1.25 times the CAC."""
    company = Company().spend(1, "sales", 12_000).spend(1, "cogs", 500)
    for number in range(20):
        company.mrr(f"old-{number}", 50, 0 if number == 0 else 50)
    for number in range(4):
        company.mrr(f"new-{number}", 0, 250).bill(f"new-{number}", 1, 500)
    frame = monthly(company.ledger(), AT_ONCE)

    assert (3_000, 16, "0.75") == at(frame, 1, "cac", "payback_months", "recurring_margin")
    arpa = Decimal(50 * 19 + 1_000) / 23
    assert abs(frame["ltv_to_cac"][1] - arpa * 15 / 3_000) < Decimal("0.000001")


def test_where_nobody_was_won_or_nothing_is_earned_there_is_no_payback() -> None:
    """A margin of 0 or less never pays back, and no customers have no CAC."""
    company = Company().spend(0, "sales", 100).mrr("ada", 10, 10).bill("ada", 0, 10).spend(0, "cogs", 10)
    frame = monthly(company.spend(1, "sales", 100).ledger(), AT_ONCE)

    assert (100, None, 0) == at(frame, 0, "cac", "payback_months", "recurring_margin")
    assert (None, None, None) == at(frame, 1, "cac", "payback_months", "ltv_to_cac")


def test_a_ledger_without_costs_has_no_cac() -> None:
    """Nothing was spent: nobody recorded it. Where another channel cost something, one may be free."""
    free = Company().account("ada", "smb", "self_serve").mrr("ada", 100)
    assert (None, None) == at(monthly(free.ledger(), AT_ONCE), 0, "cac", "payback_months")

    free.account("eve", "smb", "direct").mrr("eve", 100).spend(0, "sales", 50, channel="direct")
    frame = monthly_by(free.ledger(), "channel", AT_ONCE)
    assert (0,) == at(frame, 0, "cac", part="self_serve")
    assert (50,) == at(frame, 0, "cac", part="direct")


def test_services_do_not_lend_their_margin_to_subscriptions() -> None:
    """The margin behind LTV and payback is that of the streams with committed MRR, not the company's."""
    company = Company().mrr("ada", 100).bill("ada", 0, 100).bill("ada", 0, 900, stream="services")
    company.spend(0, "cogs-hosting", 20, stream="subscriptions")
    frame = monthly(company.spend(0, "cogs-consultants", 480, stream="services").ledger())

    assert ("0.5", "0.8") == at(frame, 0, "gross_margin", "recurring_margin")


def test_parts_of_an_awkward_split_still_add_up() -> None:
    """A third of 100 has no end; the three parts are 100 to the last digit."""
    company = Company().spend(0, "sales", 100)
    for name in ("ada", "bob", "eve"):
        company.account(name, name).mrr(name, 10)
    frame = monthly_by(company.ledger(), "segment", AT_ONCE)

    assert [33, 33, 33] == [int(cost) for cost in frame.filter(pl.col("segment") != "")["matched_cost"]]
    assert 100 == plain(frame["matched_cost"].sum())


def test_each_segment_is_paid_for_in_the_months_of_its_own_sales_cycle() -> None:
    """Enterprise takes six months, smb one: what was spent then is the CAC; one lag sees other money."""
    company = Company().account("big", "enterprise").account("ada", "smb")
    company.mrr("big", 900, start=6).mrr("ada", 100, start=6)
    company.spend(0, "sales", 700, segment="enterprise").spend(5, "sales", 50, segment="smb")
    company.spend(3, "sales", 11, segment="enterprise").spend(3, "sales", 13, segment="smb")
    by_cycle = AT_ONCE._replace(sales_lag=3, sales_lags=(("enterprise", 6), ("smb", 1)))
    found = [
        at(monthly_by(company.ledger(), "segment", policy, ["cac"]), 6, "cac", part=segment)[0]
        for policy in (by_cycle, AT_ONCE._replace(sales_lag=3))
        for segment in ("enterprise", "smb")
    ]

    assert [700, 50, 11, 13] == found


def test_a_segment_is_not_told_what_was_spent_before_the_history() -> None:
    """Whoever is won before a cycle has passed was paid for in months that nobody recorded."""
    company = Company().account("big", "enterprise").mrr("big", 900, start=4)
    company.spend(0, "sales", 700, segment="enterprise")
    policy = AT_ONCE._replace(sales_lags=(("enterprise", 6),))

    assert (None,) == at(
        monthly_by(company.ledger(), "segment", policy, ["cac"]), 4, "cac", part="enterprise"
    )

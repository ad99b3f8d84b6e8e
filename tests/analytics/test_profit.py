"""Profit: what each customer brings adds up to what the company earns."""

from decimal import Decimal

import polars as pl

from analytics.metrics import monthly
from analytics.profit import profits
from tests.analytics.company import Company, month


def found(company: Company) -> list[tuple[object, ...]]:
    """Return (month's number, account, net revenue, gross profit) as plain numbers."""
    numbers = {month(number): number for number in range(12)}
    rows = profits(company.ledger()).iter_rows()
    return [(numbers[day], account, float(net), float(gross)) for day, account, net, gross in rows]


def test_a_cost_goes_to_the_customers_of_what_it_names() -> None:
    """Consultants cost the client of services; hosting is shared by revenue, 300 of 400 to ada."""
    company = Company().bill("ada", 0, 300, stream="services").bill("bob", 0, 100)
    company.spend(0, "cogs.services", 200, stream="services").spend(0, "cogs.hosting", 40)

    assert [(0, "ada", 300.0, 70.0), (0, "bob", 100.0, 90.0)] == found(company)


def test_a_cost_of_a_segment_or_a_channel_stays_there() -> None:
    """Support for enterprises costs no small business anything."""
    company = Company().account("big", segment="enterprise", channel="direct_sales")
    company.bill("big", 0, 500).bill("small", 0, 500)
    company.spend(0, "cogs.support", 100, segment="enterprise")
    company.spend(0, "cogs.fees", 10, channel="direct_sales")

    assert [(0, "big", 500.0, 390.0), (0, "small", 500.0, 500.0)] == found(company)


def test_a_cost_that_finds_nobody_is_shared_by_all_or_stays_with_nobody() -> None:
    """Services cost before their first client: those who pay carry it, and where nobody does, nobody."""
    company = Company().bill("ada", 1, 100)
    company.spend(0, "cogs.hosting", 30).spend(1, "cogs.services", 20, stream="services")

    assert [(0, "", 0.0, -30.0), (1, "ada", 100.0, 80.0)] == found(company)


def test_shares_of_partners_are_off_the_customer_they_are_paid_for() -> None:
    """A revenue share is; a referral is not: it buys the customer, and is a cost of acquisition."""
    company = Company().bill("ada", 0, 100).pay_out("ada", 0, 20, kind="revenue_share")
    company.bill("bob", 0, 100).pay_out("bob", 0, 20, kind="referral")

    assert [(0, "ada", 80.0, 80.0), (0, "bob", 100.0, 100.0)] == found(company)


def test_credits_carry_no_cost() -> None:
    """Who got more back than was billed earns nothing that a cost could be shared by."""
    company = Company().bill("ada", 0, 100).bill("bob", 0, -50).spend(0, "cogs.hosting", 10)

    assert [(0, "ada", 100.0, 90.0), (0, "bob", -50.0, -50.0)] == found(company)


def test_customers_add_up_to_the_company_to_the_last_digit() -> None:
    """Thirds and sevenths of costs are shared out, and nothing is made or lost."""
    company = Company()
    for number, name in enumerate(("ada", "bob", "cem", "dan", "eve", "fay", "gil")):
        company.account(name, segment=("smb", "enterprise")[number % 2])
        company.bill(name, 0, 100 + number, stream=("subscriptions", "services")[number % 3 == 0])
        company.bill(name, 1, Decimal("33.33")).bill(name, 2, 5)
    company.spend(0, "cogs.hosting", 100).spend(1, "cogs.hosting", Decimal("0.01"))
    company.spend(0, "cogs.services", 77, stream="services").spend(2, "cogs.support", 50, segment="smb")
    ledger = company.pay_out("ada", 1, 5, kind="resale").ledger()

    sums = profits(ledger).group_by("month").agg(pl.col("net_revenue", "gross_profit").sum()).sort("month")
    whole = monthly(ledger).select("month", "net_revenue", "gross_profit")
    assert whole.rows() == sums.rows()

"""The bill of a month: from facts and usage to invoices, with what the next month has to know."""

from decimal import Decimal
from pathlib import Path

import pytest

from billing.bill import Billed, Carried, bill
from billing.price_book import PriceBook
from metering.document import Problems
from metering.log import Log
from tests.ledgers import billed, book, engine, expected, lines, metered, record, rows

BOOK = """
    meters.calls = {}
    meters.cores = { aggregation = "latest" }
    [discounts.half]
    share = 0.5
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.seat = { per = "seat", unit_price = 30, annual = { unit_price = 300 } }
    prices.audit = { per = "subscription", unit_price = 120, cadence = "year", stream = "services" }
    prices.calls = { meter = "calls", unit_price = 1, allowance = 31 }
    prices.cores = { meter = "cores", unit_price = 31 }
    [plans.team]
    name = "Team"
    stream = "subscriptions"
    prices.seat = { per = "seat", unit_price = 60 }
    [add_ons.llm]
    name = "LLM"
    plans = ["pro"]
    price = { per = "add_on", unit_price = 31 }
"""

TABLE = """
    2026-01-01  a  subscription.started  s pro 2
    2026-01-05  s  usage.recorded        calls 41
    2026-02-05  s  usage.recorded        calls 51
    2026-02-10  a  seats.changed         s 3
    2026-02-10  b  subscription.started  t pro 1 year
"""


def month_by_month(log: Log, prices: PriceBook) -> list[Billed]:
    """Bill a log as a run does, each month with what the month before carried."""
    carried, bills = Carried(), []
    for period in log.periods:
        bills.append(bill([period], log=log, book=prices, carried=carried, connection=engine()))
        carried = bills[-1].carried
    return bills


def test_a_month_is_billed_with_what_was_carried(tmp_path: Path) -> None:
    """Each month's invoices, as a run hears them."""
    bills = month_by_month(record(tmp_path, TABLE, 3), book(BOOK))

    assert expected("""
        INV-2026-01-a  190.00  # 120 + 60 + 10
        INV-2026-02-a  100.36  # 60 x 9/28 + 90 x 19/28 + 20: 19.29 + 61.07 + 20
        INV-2026-02-b  420.00  # 300 + 120
        INV-2026-03-a  90.00
    """) == [row for one in bills for row in rows(one.invoices, "invoice total")]


def test_the_values_are_what_each_price_is_worth_a_month(tmp_path: Path) -> None:
    """At the month's last instant, before discounts; a year's by twelve; usage is worth nothing."""
    one = bill(
        (log := record(tmp_path, TABLE, 2)).periods,
        log=log,
        book=book(BOOK),
        carried=Carried(),
        connection=engine(),
    )

    assert expected("""
        2026-01  s  pro  audit  services       10
        2026-01  s  pro  seat   subscriptions  60
        2026-02  s  pro  audit  services       10
        2026-02  s  pro  seat   subscriptions  90
        2026-02  t  pro  audit  services       10
        2026-02  t  pro  seat   subscriptions  25
    """) == rows(one.values.sort("month", "subscription", "key"), "month subscription plan key stream value")


def test_usage_is_kept_as_it_was_measured(tmp_path: Path) -> None:
    """The ledger's usage: with the account and the plan of the phase."""
    one = metered(tmp_path, BOOK, TABLE, 2)

    assert expected("""
        2026-01  s  1  calls  -  a  pro  41  1
        2026-02  s  1  calls  -  a  pro  51  1
    """) == rows(
        one.usage.sort("month"), "month subscription phase_no meter dimensions account plan quantity events"
    )


def test_facts_that_the_book_does_not_know_stop_the_bill(tmp_path: Path) -> None:
    """As problems, in the month in which they happen."""
    log = record(tmp_path, f"{TABLE}\n2026-02-20  c  subscription.started  u prp", 2)

    with pytest.raises(Problems, match="has no plan 'prp'"):
        month_by_month(log, book(BOOK))


def test_a_trial_uses_for_free(tmp_path: Path) -> None:
    """What is used in a trial is on no invoice, takes no allowance, and is shown with its reason."""
    one = metered(
        tmp_path,
        BOOK,
        """
        2026-01-01  a  subscription.started  s pro 0 trial_days=10
        2026-01-05  s  usage.recorded        calls 500
        2026-01-05  s  usage.recorded        cores 5
        2026-01-11  s  usage.recorded        calls 22     # 21 of 31 are free
        2026-01-31  s  usage.recorded        cores 2      # 62 x 21/31
        """,
        1,
    )

    assert expected("""
        audit  1   0   120.00
        calls  22  21  1.00
        cores  2   0   42.00
    """) == lines(one, "price quantity allowance amount")
    assert [("calls", "trial", "500"), ("cores", "trial", "5")] == rows(
        one.unrated.sort("meter"), "meter reason quantity"
    )


def test_an_add_on_rests_while_its_plan_is_another() -> None:
    """It is charged on the plans that it is for, and is still there when these come back."""
    one = billed(
        BOOK,
        """
        2026-01-01           a  subscription.started  s pro 0
        2026-01-01T13:00:00  a  add_on.bought         s llm
        2026-01-11           a  plan.changed          s team 0
        2026-03-01T00:00:00  a  plan.changed          s pro 0
        """,
        3,
    )

    assert [("2026-01", "10.00"), ("2026-03", "31.00")] == lines(one, "month amount", price="llm")


def test_a_year_that_is_paid_keeps_its_price() -> None:
    """A price that rises in mid-term is not charged because something else changed."""
    text = BOOK.replace(
        "annual = { unit_price = 300 } }",
        "annual = { unit_price = 300 }, "
        "changes = [{ starts_on = 2026-03-01, unit_price = 40, annual = { unit_price = 400 } }] }",
    )
    one = billed(
        text,
        """
        2026-01-01  a  subscription.started  s pro 1 year
        2026-06-01  a  add_on.bought         s llm
        """,
        13,
    )

    assert [("2026-01", "recurring", "300.00"), ("2027-01", "recurring", "400.00")] == lines(
        one, "month kind amount", price="seat"
    )


def test_the_total_is_exact() -> None:
    """A thousand lines add up without a float in between."""
    table = "\n".join(f"2026-01-{1 + n % 31:02}  a  subscription.started  s{n} pro 1" for n in range(1000))
    one = billed(BOOK, table, 1)

    assert sum((Decimal(x) for (x,) in lines(one, "amount")), Decimal(0)) == one.invoices["total"].sum()


def test_a_price_and_an_add_on_may_have_one_key(tmp_path: Path) -> None:
    """Their lines are numbered in the same order, whether months are billed one by one or all at once."""
    text = BOOK.replace(
        "prices.audit", 'prices.llm = { per = "subscription", unit_price = 7 }\n    prices.audit'
    )
    table = "\n".join(
        f"""
        2026-01-01           a{n}  subscription.started  s{n} pro 0
        2026-01-01T13:00:00  a{n}  add_on.bought         s{n} llm {1 + n % 3}
        """
        for n in range(40)
    )
    log = record(tmp_path, table, 3)
    columns = "invoice line_no price amount"
    at_once = bill(log.periods, log=log, book=book(text), carried=Carried(), connection=engine())
    one_by_one = [row for one in month_by_month(log, book(text)) for row in lines(one, columns)]

    assert one_by_one == lines(at_once, columns)

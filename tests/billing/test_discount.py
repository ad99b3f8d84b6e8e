"""Discounts: several in order, shares and amounts, on fees and usage, down to nothing; the most of a plan."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing import quote as quoting
from billing.price_book import PriceBook
from metering.document import Problems
from tests.ledgers import FIRST, billed, book, closed, expected, lines, metered

BOOK = """
    conventions = {{ {conventions} }}
    meters.calls = {{}}
    discounts.ten-off = {{ amount = 10 }}
    discounts.fifth = {{ share = 0.2 }}
    discounts.first-month = {{ amount = 50, months = 1 }}
    discounts.usage = {{ share = 0.5, on = "usage" }}
    discounts.all = {{ amount = 10, on = ["recurring", "usage", "once"] }}
    discounts.seats = {{ amount = 10, prices = ["seat"] }}
    [plans.pro]
    name = "Pro"
    stream = "s"
    prices.base = {{ per = "subscription", unit_price = 100 }}
    prices.seat = {{ per = "seat", unit_price = 20 }}
    prices.calls = {{ meter = "calls", unit_price = 1 }}
    prices.setup = {{ per = "subscription", cadence = "once", unit_price = 40 }}
"""


def of(conventions: str = "") -> str:
    """The book under some conventions."""
    return BOOK.format(conventions=conventions)


ORDERS = [  # conventions, the subscription's discounts, what is left of 120
    ("", "ten-off,fifth", "88"),  # (120 - 10) x 0.8
    ("", "fifth,ten-off", "86"),  # 120 x 0.8 - 10
    ('discounts = "shares_first"', "ten-off,fifth", "86"),
    ('discounts = "amounts_first"', "fifth,ten-off", "88"),
    ("", "ten-off,ten-off", "100"),
    ("", "ten-off, fifth , ten-off", "78"),
    ("", "first-month,first-month,fifth", "16"),
    ("", "first-month,first-month,first-month", "0"),  # never below zero
    ("", "first-month,first-month,first-month,fifth,ten-off", "0"),
]


@pytest.mark.parametrize(("conventions", "discounts", "left"), ORDERS)
def test_discounts_are_taken_one_after_the_other(conventions: str, discounts: str, left: str) -> None:
    """In the order in which the subscription names them, or as the convention says."""
    bill = billed(of(conventions), f'2026-01-01  a  subscription.started  s pro discount="{discounts}"', 1)
    fees = [amount for price, amount in bill.lines.select("price", "amount").iter_rows() if price != "setup"]

    assert Decimal(left) == sum(fees)


def test_an_amount_is_off_the_lines_in_proportion() -> None:
    """10 off 100 and 60: 6.25 and 3.75, each a line beside the line that it is off."""
    bill = billed(of(), "2026-01-01  a  subscription.started  s pro 3 discount=ten-off", 1)

    assert expected("""
        base   discount   -6.25
        base   recurring  100.00
        seat   discount   -3.75
        seat   recurring  60.00
        setup  once       40.00
    """) == lines(bill, "price kind amount")


def test_odd_cents_of_an_amount_go_where_the_convention_says() -> None:
    """10 off three lines of 5: 3.33 each, and the odd cent to the largest remainder, or to one end."""
    told = "2026-01-01  a  subscription.started  s pro discount=ten-off"
    for way, expected_ in (
        ("largest", ["-3.34", "-3.33", "-3.33"]),
        ("first", ["-3.34", "-3.33", "-3.33"]),
        ("last", ["-3.33", "-3.33", "-3.34"]),
    ):
        text = f"""
            conventions = {{ remainders = "{way}" }}
            discounts.ten-off = {{ amount = 10 }}
            [plans.pro]
            name = "Pro"
            stream = "s"
            prices.a = {{ per = "subscription", unit_price = 5 }}
            prices.b = {{ per = "subscription", unit_price = 5 }}
            prices.c = {{ per = "subscription", unit_price = 5 }}
        """
        off = lines(billed(text, told, 1), "amount", kind="discount")

        assert expected_ == [amount for (amount,) in off]


def test_an_amount_is_off_once_a_month_whatever_the_phases() -> None:
    """Seats that change in mid-month make two lines; the 10 are off all of them together, every month."""
    told = """
        2026-01-01  a  subscription.started  s pro discount=ten-off
        2026-01-16  a  seats.changed         s 4
    """
    bill = billed(of(), told, 3)
    off = lines(bill, "month amount", kind="discount")
    by_month = {month: sum(Decimal(amount) for then, amount in off if then == month) for month, _ in off}

    assert {"2026-01": Decimal(-10), "2026-02": Decimal(-10), "2026-03": Decimal(-10)} == by_month


SCOPES = [  # discounts; what is left of base 100, seat 20, calls 30 and setup 40
    ("usage", {"calls": "15"}),
    ("seats", {"seat": "10"}),
    ("all", {"base": "94.74", "seat": "18.95", "calls": "28.42", "setup": "37.89"}),
    ("usage,all", {"base": "94.29", "seat": "18.86", "calls": "14.14", "setup": "37.71"}),
]


@pytest.mark.parametrize(("discounts", "left"), SCOPES)
def test_a_discount_says_what_it_is_off(discounts: str, left: dict[str, str], tmp_path: Path) -> None:
    """Fees, usage or what is due once; only some prices, where it names them."""
    told = f"""
        2026-01-01  a  subscription.started  s pro discount={discounts}
        2026-01-09  s  usage.recorded        calls 30
    """
    bill = metered(tmp_path, of(), told, 1)
    whole = {"base": "100", "seat": "20", "calls": "30", "setup": "40"} | left
    sums: dict[str, Decimal] = {}
    for price, amount in bill.lines.select("price", "amount").iter_rows():
        sums[price] = sums.get(price, Decimal(0)) + amount

    assert {key: Decimal(amount) for key, amount in whole.items()} == sums


def test_a_share_off_a_price_is_for_everybody(tmp_path: Path) -> None:
    """`off` is taken before the subscription's own discounts: 30 x 0.75 = 22.50, half of that 11.25."""
    told = """
        2026-01-01  a  subscription.started  s pro discount=usage
        2026-01-09  s  usage.recorded        calls 30
    """
    text = of().replace('meter = "calls", unit_price = 1', 'meter = "calls", unit_price = 1, off = 0.25')
    bill = metered(tmp_path, text, told, 1)

    assert [("-11.25",), ("-7.50",), ("30.00",)] == lines(bill, "amount", price="calls")


CAPS = [  # conventions, discounts, what a month of base 100, seat 20 and setup 40 comes to at most 90
    ("", "", "90"),
    ("", "ten-off", "80"),  # the most, and then 10 off it
    ('maximum = "after_discounts"', "ten-off", "90"),  # 160 - 10 = 150, and then the most
    ('maximum = "after_discounts"', "fifth,first-month,ten-off", "76"),  # 40 + 120 x 0.8 - 60
]


@pytest.mark.parametrize(("conventions", "discounts", "total"), CAPS)
def test_a_plan_has_a_most_of_a_month(conventions: str, discounts: str, total: str) -> None:
    """What its lines come to above the maximum is taken off them, before discounts or after."""
    text = of(conventions).replace('stream = "s"', 'stream = "s"\n    maximum = 90')
    bill = billed(text, f'2026-01-01  a  subscription.started  s pro discount="{discounts}"', 1)

    assert [Decimal(total)] == bill.invoices["total"].to_list()


WORTH = [  # discounts, billing, committed MRR of each month
    ("", "month", ["120.00", "120.00"]),
    ("ten-off,fifth", "month", ["88.00", "88.00"]),
    ("first-month", "month", ["70.00", "120.00"]),
    ("usage", "month", ["120.00", "120.00"]),
    ("seats,fifth", "month", ["88.00", "88.00"]),  # 100 x 0.8 + 10 x 0.8
    ("ten-off", "year", ["119.17", "119.17"]),  # 10 off a year
]


@pytest.mark.parametrize(("discounts", "billing", "worth"), WORTH)
def test_committed_revenue_is_net_of_what_is_off_fees(
    discounts: str, billing: str, worth: list[str], tmp_path: Path
) -> None:
    """Amounts and shares, in their order; what is off usage is not committed in the first place."""
    told = f'2026-01-01  a  subscription.started  s pro billing={billing} discount="{discounts}"'
    tables = closed(tmp_path, of(), told, 2)
    amounts = tables["mrr_balances"].sort("month")["amount"].to_list()

    assert worth == [f"{amount:.2f}" for amount in amounts]


def test_a_discount_is_a_share_or_an_amount() -> None:
    """Not both, and not neither; prices and keys that do not exist are named."""
    for given, message in (
        ("months = 3", "needs exactly one of 'share' and 'amount'; say how much is off"),
        ("share = 0.1\namount = 3", "needs exactly one of 'share' and 'amount'; say how much is off"),
        ("amount = 3\nprices = ['seats']", "no price 'seats'; did you mean 'seat'?"),
    ):
        with pytest.raises(Problems) as raised:
            book(f"{of()}\n[discounts.wrong]\n{given}")

        assert message in str(raised.value)
    with pytest.raises(Problems, match="has no discount 'tenoff'"):
        billed(of(), "2026-01-01  a  subscription.started  s pro discount=fifth,tenoff", 1)


def test_a_quote_brings_its_own_discounts() -> None:
    """A list, taken in its order, after those that it names of the book."""
    empty = PriceBook(name="q", plans={})
    request: dict[str, Any] = {
        "price": {"per": "seat", "unit_price": 20},
        "quantity": 5,
        "discounts": [{"amount": 10}, {"share": "0.2"}],
    }

    assert "72" == quoting.quote(empty, request, month=FIRST)["amount"]

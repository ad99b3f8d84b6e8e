"""Recurring charges by the month: in arrears, by days, one line a phase."""

import pytest

from tests.ledgers import billed, expected, lines

BOOK = """
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.seat = { per = "seat", unit_price = 99 }
    [plans.team]
    name = "Team"
    stream = "subscriptions"
    [plans.team.prices.base]
    per = "subscription"
    unit_price = 300
    [plans.team.prices.seat]
    per = "seat"
    model = "graduated"
    tiers = [{ up_to = 5, unit_price = 40 }, { unit_price = 30 }]
    [plans.whole]
    name = "Whole months"
    stream = "subscriptions"
    prices.base = { per = "subscription", unit_price = 300, prorate = false }
    [plans.free]
    name = "Free"
    stream = "subscriptions"
    prices.base = { per = "subscription", unit_price = 0 }
    [add_ons.llm]
    name = "LLM"
    plans = ["pro", "team"]
    price = { per = "add_on", unit_price = 200 }
    [add_ons.vpc]
    name = "VPC"
    plans = ["pro"]
    stream = "support"
    price = { per = "add_on", unit_price = 50, prorate = false }
    [add_ons.2fa-sms]
    name = "A key of digits and dashes"
    plans = ["pro"]
    price = { per = "add_on", unit_price = 1 }
"""

LINES = {  # what is told; months; the facts; month, price, quantity, amount, first day, first day after
    "a whole month costs the whole price": (
        2,
        "2026-01-01  a  subscription.started  s pro 3",
        """
        2026-01  seat  3  297.00  2026-01-01  2026-02-01
        2026-02  seat  3  297.00  2026-02-01  2026-03-01
        """,
    ),
    "a start on 10 January pays 22 of 31 days": (  # 300 x 22/31 = 212.9032
        2,
        "2026-01-10  a  subscription.started  s team 0",
        """
        2026-01  base  1  212.90  2026-01-10  2026-02-01
        2026-02  base  1  300.00  2026-02-01  2026-03-01
        """,
    ),
    "a start on the last day pays one day": (  # 99/31 = 3.1935
        1,
        "2026-01-31  a  subscription.started  s pro",
        "2026-01  seat  1  3.19  2026-01-31  2026-02-01",
    ),
    "a leap February has 29 days": (  # 99 x 27/29 = 92.1724; month 26 is February 2028
        1,
        "2028-02-03  a  subscription.started  s pro",
        "2028-02  seat  1  92.17  2028-02-03  2028-03-01",
    ),
    "seats up in mid-month are two lines": (  # 297 x 10/28 = 106.0714; 495 x 18/28 = 318.2143
        2,
        """
        2026-01-01  a  subscription.started  s pro 3
        2026-02-11  a  seats.changed         s 5
        """,
        """
        2026-01  seat  3  297.00  2026-01-01  2026-02-01
        2026-02  seat  3  106.07  2026-02-01  2026-02-11
        2026-02  seat  5  318.21  2026-02-11  2026-03-01
        """,
    ),
    "three phases of one month": (  # 9, 13 and 9 of 31 days: 86.2258, 124.5484, 143.7097
        1,
        """
        2026-01-01  a  subscription.started  s pro 3
        2026-01-10  a  add_on.bought         s vpc 0
        2026-01-23  a  seats.changed         s 5
        """,
        """
        2026-01  seat  3  86.23   2026-01-01  2026-01-10
        2026-01  seat  3  124.55  2026-01-10  2026-01-23
        2026-01  seat  5  143.71  2026-01-23  2026-02-01
        """,
    ),
    "a change on the first of a month leaves whole months": (
        2,
        """
        2026-01-01            a  subscription.started  s pro 3
        2026-02-01T00:00:00   a  seats.changed         s 5
        """,
        """
        2026-01  seat  3  297.00  2026-01-01  2026-02-01
        2026-02  seat  5  495.00  2026-02-01  2026-03-01
        """,
    ),
    "a change on the last day costs one day of the new": (  # 300 x 30/31 = 290.3226; (300 + 240)/31 x 1
        1,
        """
        2026-01-01  a  subscription.started  s whole
        2026-01-31  a  plan.changed          s team 6
        """,
        """
        2026-01  base  1  9.68    2026-01-31  2026-02-01
        2026-01  seat  6  7.42    2026-01-31  2026-02-01
        2026-01  base  1  300.00  2026-01-01  2026-01-31
        """,
    ),
    "the cancelled month pays up to the last day": (  # 99 x 15/31 = 47.9032
        3,
        """
        2026-01-01  a  subscription.started    s pro
        2026-03-02  a  subscription.cancelled  s 2026-03-16
        """,
        """
        2026-01  seat  1  99.00  2026-01-01  2026-02-01
        2026-02  seat  1  99.00  2026-02-01  2026-03-01
        2026-03  seat  1  47.90  2026-03-01  2026-03-16
        """,
    ),
    "an end at the month's end is a whole month": (
        3,
        """
        2026-01-01  a  subscription.started    s pro
        2026-02-02  a  subscription.cancelled  s 2026-03-01
        """,
        """
        2026-01  seat  1  99.00  2026-01-01  2026-02-01
        2026-02  seat  1  99.00  2026-02-01  2026-03-01
        """,
    ),
    "a trial pays nothing, the first paid month its days": (  # 8 February on: 99 x 21/28 = 74.25
        2,
        "2026-01-25  a  subscription.started  s pro trial_days=14",
        "2026-02  seat  1  74.25  2026-02-08  2026-03-01",
    ),
    "seats are priced by their tiers": (  # 5 x 40 + 3 x 30 = 290
        1,
        "2026-01-01  a  subscription.started  s team 8",
        """
        2026-01  base  1  300.00  2026-01-01  2026-02-01
        2026-01  seat  8  290.00  2026-01-01  2026-02-01
        """,
    ),
    "a price that is not prorated is due in full": (
        1,
        "2026-01-31  a  subscription.started  s whole",
        "2026-01  base  1  300.00  2026-01-31  2026-02-01",
    ),
    "what costs nothing is no line": (1, "2026-01-01  a  subscription.started  s free", ""),
    "no seats, no line": (1, "2026-01-01  a  subscription.started  s pro 0", ""),
    "an add-on is charged for its days": (  # 200 x 12/31 = 77.4194; 99 x 19/31 + 99 x 12/31
        2,
        """
        2026-01-01  a  subscription.started  s pro
        2026-01-20  a  add_on.bought         s llm
        """,
        """
        2026-01  llm   1  77.42   2026-01-20  2026-02-01
        2026-01  seat  1  60.68   2026-01-01  2026-01-20
        2026-01  seat  1  38.32   2026-01-20  2026-02-01
        2026-02  llm   1  200.00  2026-02-01  2026-03-01
        2026-02  seat  1  99.00   2026-02-01  2026-03-01
        """,
    ),
    "an add-on that is dropped pays up to the day": (  # 2 x 200 x 10/28 = 142.8571
        1,
        """
        2026-02-01  a  subscription.started  s team 0
        2026-02-01T13:00:00  a  add_on.bought         s llm 2
        2026-02-11  a  add_on.dropped        s llm
        """,
        """
        2026-02  base  1  107.14  2026-02-01  2026-02-11
        2026-02  base  1  192.86  2026-02-11  2026-03-01
        2026-02  llm   2  142.86  2026-02-01  2026-02-11
        """,
    ),
    "add-ons of any key are found": (
        1,
        """
        2026-01-01           a  subscription.started  s pro 0
        2026-01-01T13:00:00  a  add_on.bought         s 2fa-sms 7
        2026-01-01T13:00:00  a  add_on.bought         s vpc 2
        """,
        """
        2026-01  2fa-sms  7  7.00    2026-01-01  2026-02-01
        2026-01  vpc      2  100.00  2026-01-01  2026-02-01
        """,
    ),
    "a plan that is changed within a month pays both parts": (  # 99 x 15/31 = 47.9032; 300 x 16/31 = 154.8387
        1,
        """
        2026-01-01  a  subscription.started  s pro
        2026-01-16  a  plan.changed          s team 0
        """,
        """
        2026-01  seat  1  47.90   2026-01-01  2026-01-16
        2026-01  base  1  154.84  2026-01-16  2026-02-01
        """,
    ),
    "who comes back pays from that day": (  # 99 x 10/31 = 31.9355, 99 x 1/31
        1,
        """
        2026-01-01            a  subscription.started      s pro
        2026-01-05            a  subscription.cancelled    s 2026-01-11
        2026-01-31            a  subscription.reactivated  s pro
        """,
        """
        2026-01  seat  1  31.94  2026-01-01  2026-01-11
        2026-01  seat  1  3.19   2026-01-31  2026-02-01
        """,
    ),
}


@pytest.mark.parametrize(("months", "table", "due"), LINES.values(), ids=list(LINES))
def test_a_month_is_charged_in_arrears_by_days(months: int, table: str, due: str) -> None:
    """Lines with cents worked out by hand: price x days of the phase / days of the month."""
    first = table.split(maxsplit=1)[0][:7]
    bill = billed(BOOK, table, months, first=first)

    assert expected(due) == lines(bill, "month price quantity amount starts_on ends_on")
    assert {"recurring"} >= {kind for (kind,) in lines(bill, "kind")}


def test_an_add_on_that_counts_seats_is_charged_for_each_seat() -> None:
    """A price for each seat counts seats, in an add-on as in a plan."""
    text = f"""{BOOK}
        [add_ons.care]
        name = "Care"
        plans = ["pro"]
        price = {{ per = "seat", unit_price = 10 }}
    """
    table = "2026-01-01  a  subscription.started  s pro 5\n2026-01-01T13:00:00  a  add_on.bought  s care"

    assert [("care", "5", "50.00")] == lines(billed(text, table, 1), "price quantity amount", price="care")


def test_an_add_on_for_the_subscription_is_charged_once() -> None:
    """A price for the subscription counts 1, however many are bought."""
    text = f"""{BOOK}
        [add_ons.care]
        name = "Care"
        plans = ["pro"]
        price = {{ per = "subscription", unit_price = 10 }}
    """
    table = "2026-01-01  a  subscription.started  s pro 5\n2026-01-01T13:00:00  a  add_on.bought  s care 3"

    assert [("care", "1", "10.00")] == lines(billed(text, table, 1), "price quantity amount", price="care")


def test_an_add_on_has_its_own_stream_or_that_of_the_plan() -> None:
    """Streams of lines: the add-on's, else the plan's."""
    table = """
        2026-01-01           a  subscription.started  s pro
        2026-01-01T13:00:00  a  add_on.bought         s vpc
        2026-01-01T13:00:00  a  add_on.bought         s llm
    """

    assert [("llm", "subscriptions"), ("seat", "subscriptions"), ("vpc", "support")] == lines(
        billed(BOOK, table, 1), "price stream"
    )


def test_the_price_of_a_month_is_that_of_its_first_day() -> None:
    """A price that rises on 15 February is charged from March on; one that rises on 1 March, too."""
    text = """
        [plans.pro]
        name = "Pro"
        stream = "s"
        [plans.pro.prices.a]
        per = "subscription"
        unit_price = 10
        changes = [{ starts_on = 2026-02-15, unit_price = 11 }, { starts_on = 2026-05-02, unit_price = 12 }]
        [plans.pro.prices.b]
        per = "subscription"
        unit_price = 100
        changes = [{ starts_on = 2026-03-01, unit_price = 110 }]
    """
    table = "2026-01-01  a  subscription.started  s pro\n2026-05-15  a  subscription.started  t pro"

    assert expected("""
        2026-01  a  10.00
        2026-01  b  100.00
        2026-02  a  10.00
        2026-02  b  100.00
        2026-03  a  11.00
        2026-03  b  110.00
        2026-05  a  11.00
        2026-05  b  110.00
        2026-06  a  12.00
        2026-06  b  110.00
    """) == [
        row
        for row in lines(billed(text, table, 6), "month price amount", subscription="s")
        if row[0] != "2026-04"
    ]
    assert [("2026-05", "6.03")] == lines(  # 11 x 17/31 = 6.0323
        billed(text, table, 5), "month amount", subscription="t", price="a"
    )


def test_the_parts_of_a_month_are_exact_before_rounding() -> None:
    """Twelve decimals are kept, and each line is rounded once."""
    table = "2026-01-01  a  subscription.started  s pro\n2026-01-11  a  seats.changed  s 2"

    assert [("31.935483870968", "31.94"), ("134.129032258065", "134.13")] == lines(
        billed(BOOK, table, 1), "exact amount"
    )


@pytest.mark.parametrize(
    ("rounding", "amounts"),
    [
        ("half_up", ["0.63", "0.63"]),
        ("half_even", ["0.62", "0.62"]),
        ("up", ["0.63", "0.63"]),
        ("down", ["0.62", "0.62"]),
    ],
)
def test_a_book_says_how_it_rounds(rounding: str, amounts: list[str]) -> None:
    """Half of 1.25 is 0.625."""
    text = f"""
        conventions = {{ rounding = "{rounding}" }}
        [plans.pro]
        name = "Pro"
        stream = "s"
        prices.base = {{ per = "subscription", unit_price = 1.25 }}
    """
    table = "2026-02-01  a  subscription.started  s pro\n2026-02-15  a  seats.changed  s 2"

    assert amounts == [amount for (amount,) in lines(billed(text, table, 1, first="2026-02"), "amount")]


def test_the_smallest_unit_is_the_currencys() -> None:
    """Yen have no cents, dinars have thousandths: 1000 x 22/31 = 709.677..."""
    amounts = []
    for currency in ("JPY", "USD", "KWD"):
        text = f"""
            currency = "{currency}"
            [plans.pro]
            name = "Pro"
            stream = "s"
            prices.base = {{ per = "subscription", unit_price = 1000 }}
        """
        amounts += lines(billed(text, "2026-01-10  a  subscription.started  s pro", 1), "currency amount")

    assert [("JPY", "710.00"), ("USD", "709.68"), ("KWD", "709.6770")] == amounts

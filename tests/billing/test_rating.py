"""Rating: measured usage becomes charges, with allowances, levels and windows longer than a month."""

from pathlib import Path

import pytest

from tests.billing.metered_book import BOOK
from tests.ledgers import expected, lines, metered

USED = {  # what is told; months; facts; month, price, quantity, allowance, amount, first day, day after
    "a started package above the allowance costs a whole one": (  # 62,500 - 50,000 = 2 packages
        1,
        """
        2026-01-01  a  subscription.started  s pro
        2026-01-02  s  usage.recorded        calls 30000
        2026-01-20  s  usage.recorded        calls 32500
        """,
        "2026-01  calls  62500  50000  20.00  2026-01-01  2026-02-01",
    ),
    "within the allowance nothing is owed": (
        1,
        """
        2026-01-01  a  subscription.started  s pro
        2026-01-02  s  usage.recorded        calls 50000
        """,
        "",
    ),
    "the allowance of a part of a month is its part": (  # 22/31 of 31,000; 8,000 above at a cent
        2,
        """
        2026-01-10  a  subscription.started  s linear
        2026-01-12  s  usage.recorded        calls 30000
        2026-02-12  s  usage.recorded        calls 32000
        """,
        """
        2026-01  calls  30000  22000  80.00  2026-01-10  2026-02-01
        2026-02  calls  32000  31000  10.00  2026-02-01  2026-03-01
        """,
    ),
    "phases of one plan are pooled, and so are their allowances": (  # seats change nothing here
        1,
        """
        2026-01-01            a  subscription.started  s linear
        2026-01-02            s  usage.recorded        calls 1000
        2026-01-10            a  seats.changed         s 5
        2026-01-12            s  usage.recorded        calls 31000
        """,
        "2026-01  calls  32000  31000  10.00  2026-01-01  2026-02-01",
    ),
    "an allowance for each seat follows the seats": (  # 310 x (9 x 2 + 22 x 5)/31 = 180 + 1,100
        1,
        """
        2026-01-01            a  subscription.started  s seats 2
        2026-01-10            a  seats.changed         s 5
        2026-01-12            s  usage.recorded        calls 1300
        """,
        "2026-01  calls  1300  1280  20.00  2026-01-01  2026-02-01",
    ),
    "two plans of one month have each its own usage and allowance": (  # 15/31 and 16/31
        1,
        """
        2026-01-01            a  subscription.started  s linear
        2026-01-02            s  usage.recorded        calls 16000
        2026-01-16            a  plan.changed          s seats 1
        2026-01-20            s  usage.recorded        calls 200
        """,
        """
        2026-01  calls  16000  15000  10.00  2026-01-01  2026-01-16
        2026-01  calls  200    160    40.00  2026-01-16  2026-02-01
        """,
    ),
    "a plan that is left and come back to is pooled over both parts": (  # (10 + 11)/31 of 31,000
        1,
        """
        2026-01-01            a  subscription.started  s linear
        2026-01-02            s  usage.recorded        calls 11000
        2026-01-11            a  plan.changed          s hosted 1
        2026-01-21            a  plan.changed          s linear 1
        2026-01-30            s  usage.recorded        calls 11000
        """,
        "2026-01  calls  22000  21000  10.00  2026-01-01  2026-02-01",
    ),
    "usage at a month's edge belongs to its month": (
        2,
        """
        2026-01-01                  a  subscription.started  s linear
        2026-01-31T23:59:59.999999  s  usage.recorded        calls 32000
        2026-02-01T00:00:00         s  usage.recorded        calls 33000
        """,
        """
        2026-01  calls  32000  31000  10.00  2026-01-01  2026-02-01
        2026-02  calls  33000  31000  20.00  2026-02-01  2026-03-01
        """,
    ),
    "a change on the first of a month parts nothing": (
        2,
        """
        2026-01-01                  a  subscription.started  s linear
        2026-01-31T23:59:59.999999  s  usage.recorded        calls 32000
        2026-02-01T00:00:00         a  plan.changed          s seats 1
        2026-02-01T00:00:00         s  usage.recorded        calls 311
        """,
        """
        2026-01  calls  32000  31000  10.00  2026-01-01  2026-02-01
        2026-02  calls  311    310    1.00   2026-02-01  2026-03-01
        """,
    ),
    "a level is the most that was held": (  # (25 - 10) x 3
        1,
        """
        2026-01-01            a  subscription.started  s hosted
        2026-01-02            s  usage.recorded        storage 20
        2026-01-12            s  usage.recorded        storage 25
        2026-01-22            s  usage.recorded        storage 5
        """,
        "2026-01  storage  25  10  45.00  2026-01-01  2026-02-01",
    ),
    "a level is rated phase by phase, its allowance undivided": (  # 45 x 9/31 = 13.0645; 93 x 22/31 = 66
        1,
        """
        2026-01-01            a  subscription.started  s hosted
        2026-01-02            s  usage.recorded        storage 25
        2026-01-10            a  seats.changed         s 2
        2026-01-12            s  usage.recorded        storage 41
        """,
        """
        2026-01  storage  25  10  13.06  2026-01-01  2026-01-10
        2026-01  storage  41  10  66.00  2026-01-10  2026-02-01
        """,
    ),
    "a level that is not prorated costs its whole price in each phase": (  # the latest: 3, then 4
        1,
        """
        2026-01-05            a  subscription.started  s hosted
        2026-01-06            s  usage.recorded        cores 9
        2026-01-07            s  usage.recorded        cores 3
        2026-01-10            a  seats.changed         s 2
        2026-01-12            s  usage.recorded        cores 4
        """,
        """
        2026-01  cores  3  0  93.00   2026-01-05  2026-01-10
        2026-01  cores  4  0  124.00  2026-01-10  2026-02-01
        """,
    ),
    "royalty bands go on over the life": (  # 800; 200 + 100; 200 x 0.5
        4,
        """
        2026-01-01            a  subscription.started  s oem
        2026-01-02            a  devices.shipped       s 800
        2026-02-02            a  devices.shipped       s 100
        2026-02-03            a  devices.shipped       s 300
        2026-04-03            a  devices.shipped       s 200
        """,
        """
        2026-01  royalty  800  0  800.00  2026-01-01  2026-02-01
        2026-02  royalty  400  0  300.00  2026-02-01  2026-03-01
        2026-04  royalty  200  0  100.00  2026-04-01  2026-05-01
        """,
    ),
    "the bands of a life go on after a pause": (  # 1000 x 1; then 0.50
        5,
        """
        2026-01-15            a  subscription.started      s oem
        2026-01-16            a  devices.shipped           s 1000
        2026-02-02            a  subscription.cancelled    s 2026-02-10
        2026-05-02            a  subscription.reactivated  s oem
        2026-05-03            a  devices.shipped           s 10
        """,
        """
        2026-01  royalty  1000  0  1000.00  2026-01-15  2026-02-01
        2026-05  royalty  10    0  5.00     2026-05-02  2026-06-01
        """,
    ),
    "each price of a meter bills it, and where picks dimensions": (
        1,
        """
        2026-01-01            a  subscription.started  s models
        2026-01-02            s  usage.recorded        tokens 10  '{"model":"s","region":"eu"}'
        2026-01-03            s  usage.recorded        tokens 100 '{"model":"m","region":"us"}'
        2026-01-04            s  usage.recorded        tokens 200 '{"model":"l","region":"us"}'
        2026-01-05            s  usage.recorded        tokens 400 '{"model":"x","region":"eu"}'
        """,
        """
        2026-01  europe   410  0  41.00    2026-01-01  2026-02-01
        2026-01  large    300  0  1500.00  2026-01-01  2026-02-01
        2026-01  regions  410  0  4.10     2026-01-01  2026-02-01
        2026-01  regions  300  0  3.00     2026-01-01  2026-02-01
        2026-01  small    10   0  10.00    2026-01-01  2026-02-01
        """,
    ),
    "what is sold by the piece is billed to the account": (
        1,
        """
        2026-01-05            a  account.signed_up  A a@example.com smb web
        2026-01-06            a  course.enrolled    advanced public-virtual 4
        2026-01-07            a  course.enrolled    advanced private-virtual 1
        """,
        "2026-01  advanced  5  0  12495.00  2026-01-05  2026-02-01",
    ),
}


@pytest.mark.parametrize(("months", "table", "due"), USED.values(), ids=list(USED))
def test_usage_is_rated(tmp_path: Path, months: int, table: str, due: str) -> None:
    """Lines with cents worked out by hand."""
    bill = metered(tmp_path, BOOK, table, months)

    assert expected(due) == lines(bill, "month price quantity allowance amount starts_on ends_on")
    assert {"usage"} >= {kind for (kind,) in lines(bill, "kind")}


def test_a_full_allowance_is_not_divided(tmp_path: Path) -> None:
    """conventions.allowance = "full": the largest of the phases' allowances, whatever the days."""
    text = f'conventions = {{ allowance = "full" }}\n{BOOK}'
    bill = metered(
        tmp_path,
        text,
        """
        2026-01-20  a  subscription.started  s seats 2
        2026-01-25  a  seats.changed         s 5
        2026-01-28  a  seats.changed         s 1
        2026-01-30  s  usage.recorded        calls 1560
        2026-01-20  a  subscription.started  t linear
        2026-01-30  t  usage.recorded        calls 31100
        """,
        1,
    )

    assert [("s", "1560", "1550", "10.00"), ("t", "31100", "31000", "1.00")] == lines(
        bill, "subscription quantity allowance amount"
    )


def test_what_is_billed_and_costs_nothing_is_shown(tmp_path: Path) -> None:
    """On an invoice that bills something, usage within the allowance is a line of 0; no usage, no line."""
    text = BOOK.replace(
        "[plans.pro.prices.calls]",
        'prices.base = { per = "subscription", unit_price = 9 }\n[plans.pro.prices.calls]',
    )
    bill = metered(
        tmp_path,
        text,
        """
        2026-01-01  a  subscription.started  s pro
        2026-01-02  s  usage.recorded        calls 10
        2026-02-02  s  usage.recorded        calls 0
        """,
        2,
    )

    assert expected("""
        2026-01  base   1   9.00
        2026-01  calls  10  0.00
        2026-02  base   1   9.00
    """) == lines(bill, "month price quantity amount")


def test_usage_that_is_taken_back_whole_is_no_line(tmp_path: Path) -> None:
    """What adds up to a quantity of 0 is not written, over dimensions too."""
    base = 'prices.base = { per = "subscription", unit_price = 9 }'
    everything = 'prices.all = { meter = "tokens", unit_price = 1 }'
    text = BOOK.replace("prices.small", f"{base}\n{everything}\nprices.small")
    bill = metered(
        tmp_path,
        text,
        """
        2026-01-01  a  subscription.started  s models
        2026-01-02  s  usage.recorded        tokens 10  '{"model":"x","region":"eu"}'
        2026-01-03  s  usage.corrected       tokens -10 mistaken dimensions='{"model":"x","region":"us"}'
        """,
        1,
    )

    assert [("base", "1"), ("europe", "10"), ("regions", "10"), ("regions", "-10")] == lines(
        bill, "price quantity"
    )


def test_flat_fees_of_usage_are_due_once_something_is_used(tmp_path: Path) -> None:
    """A flat price of a meter costs nothing at quantity 0 and its fee at any other."""
    text = """
        meters.calls = {}
        [plans.pro]
        name = "Pro"
        stream = "s"
        prices.calls = { meter = "calls", model = "flat", flat_fee = 7 }
    """
    table = """
        2026-01-01  a  subscription.started  s pro
        2026-01-02  s  usage.recorded        calls 0.001
        2026-02-02  s  usage.recorded        calls 0
    """

    assert [("2026-01", "7.00")] == lines(metered(tmp_path, text, table, 2), "month amount")


def test_the_line_names_the_last_phase_that_used(tmp_path: Path) -> None:
    """Where several phases were measured together the line carries the last one's number."""
    table = """
        2026-01-01  a  subscription.started  s linear
        2026-01-02  s  usage.recorded        calls 32000
        2026-01-10  a  seats.changed         s 5
        2026-01-12  s  usage.recorded        calls 1000
    """

    assert [("2", "33000")] == lines(metered(tmp_path, BOOK, table, 1), "phase_no quantity")

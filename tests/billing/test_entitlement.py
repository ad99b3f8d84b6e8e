"""Entitlements: who is given what, when, and until when; and what a discounting one takes off."""

from pathlib import Path

import pytest

from billing.quote import quote
from metering.document import Problems
from tests.ledgers import book, closed, expected, lines, metered, rows, run_of

BOOK = """
    meters.jobs = {}
    meters.orders = { event = "order.placed", quantity = "quantity", dimensions = ["item"] }
    meters.exams = { event = "exam.sat", dimensions = ["exam", "kind", "passed"] }
    meters.classes = { event = "course.completed", quantity = "participants", dimensions = ["course"] }
    meters.seats = { event = "course.enrolled", quantity = "participants", dimensions = ["course"] }
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.jobs = { meter = "jobs", unit_price = 10 }
    [plans.max]
    name = "Max"
    stream = "subscriptions"
    prices.jobs = { meter = "jobs", unit_price = 8 }
    [plans.free]
    name = "Free"
    stream = "subscriptions"
    [plans.catalog]
    name = "Catalog"
    stream = "training"
    prices.exams = { meter = "exams", unit_price = 295, group_by = ["exam"] }
    prices.seats = { meter = "seats", unit_price = 450, allowance = 1 }
"""
SIGNED = "2026-01-01  acme  account.signed_up  Acme acme@example.com smb web\n"

GIVEN = [
    pytest.param(
        'given_by = { plans = ["pro", "max"], renews = "month" }',
        "2026-01-15  acme  subscription.started  acme-1 pro trial_days=16",
        """
        2026-01-31  2026-02-28  5   # the first paid day, and then as the anchor falls
        2026-02-28  2026-03-31  5
        2026-03-31  2026-04-30  5
        2026-04-30  2026-05-31  5
        """,
        id="each month of a plan, from the trial's end on",
    ),
    pytest.param(
        'given_by = { plans = ["pro"], renews = "month", per = "seat" }',
        """
        2026-01-10  acme  subscription.started  acme-1 pro 2
        2026-02-10  acme  seats.changed  acme-1 3
        2026-03-09  acme  seats.changed  acme-1 0
        2026-04-20  acme  seats.changed  acme-1 1
        """,
        """
        2026-01-10  2026-02-10  10
        2026-02-10  2026-03-10  15   # the seats of that day; none on 10 March and 10 April
        """,
        id="for each seat of the day",
    ),
    pytest.param(
        'given_by = { plans = ["pro", "max"], renews = "month" }',
        """
        2026-01-10  acme  subscription.started    acme-1 pro
        2026-01-20  acme  plan.changed            acme-1 max 1     # still one of the plans: nothing new
        2026-02-15  acme  plan.changed            acme-1 free 1
        2026-03-05  acme  plan.changed            acme-1 pro 1     # a new run, with the old anchor
        2026-03-20  acme  subscription.cancelled  acme-1 2026-03-25
        2026-04-02  acme  subscription.reactivated  acme-1 pro
        """,
        """
        2026-01-10  2026-02-10  5
        2026-02-10  2026-02-15  5
        2026-03-05  2026-03-10  5
        2026-03-10  2026-03-25  5
        2026-04-02  2026-05-02  5
        """,
        id="as long as it lives on the plans",
    ),
    pytest.param(
        'given_by = { plans = ["pro"], renews = "month" }\nmonths = 2',
        "2026-01-10  acme  subscription.started  acme-1 pro\n2026-03-01 acme plan.changed acme-1 pro 1 year",
        """
        2026-01-10  2026-02-10  5
        2026-02-10  2026-03-01  5   # yearly billing begins a contract year of its own
        2026-03-01  2026-04-01  5
        2026-04-01  2026-05-01  5
        """,
        id="a renewal ends it sooner than its months do",
    ),
    pytest.param(
        'given_by = { plans = ["pro"], renews = "year" }\nmonths = 2',
        "2026-01-10  acme  subscription.started  acme-1 pro",
        "2026-01-10  2026-03-10  5",
        id="its months end it sooner than its renewal does",
    ),
    pytest.param(
        'given_by = { plans = ["pro"], renews = "never" }',
        "2026-01-10  acme  subscription.started  acme-1 pro",
        "2026-01-10  -  5",
        id="once, for good",
    ),
    pytest.param(
        'given_by = { plans = ["catalog"], renews = "never" }',
        "",
        "2026-01-01  -  5",
        id="every account, at its sign-up",
    ),
    pytest.param(
        'given_by = { meter = "orders", where = { item = ["pack", "box"] } }\nmonths = 1',
        """
        2026-01-31  acme  order.placed  pack 1
        2026-02-03  acme  order.placed  box 3
        2026-02-03  acme  order.placed  card 3
        2026-02-03  ghost  order.placed  pack 1   # nobody that the company knows
        """,
        """
        2026-01-31  2026-02-28  5
        2026-02-03  2026-03-03  15
        """,
        id="units of a meter",
    ),
    pytest.param(
        """
        given_by.meter = "classes"
        given_by.after = { meter = "seats", days = 30, same = ["course"] }
        """,
        """
        2026-01-05  acme  course.enrolled   basics online 1
        2026-01-05  acme  course.completed  basics online 1   # the day counts, whatever comes first
        2026-01-20  acme  course.completed  expert online 1   # of another course
        2026-02-04  acme  course.completed  basics online 1   # 30 days after
        2026-02-05  acme  course.completed  basics online 1   # 31 days after
        """,
        """
        2026-01-05  -  5
        2026-02-04  -  5
        """,
        id="after something else",
    ),
]


@pytest.mark.parametrize(("terms", "told", "table"), GIVEN)
def test_a_grant_is_given_and_ends(terms: str, told: str, table: str, tmp_path: Path) -> None:
    """Four months of a company; what is given is the same when they are billed one by one."""
    text = f'{BOOK}\n[entitlements.right]\n{terms}\ncovers = {{ meter = "jobs" }}\nquantity = 5'

    at_once, by_month = (
        closed(tmp_path / str(step), text, SIGNED + told, 4, step=step)["grants"] for step in (0, 1)
    )

    assert sorted(rows(at_once, "granted_on expires_on quantity")) == expected(table)
    assert at_once.equals(by_month)


CERTIFICATE = """
    [entitlements.certificate]
    given_by = { meter = "exams", where = { passed = "true", kind = "first" } }
    covers = { meter = "exams", where = { kind = "recertification" } }
    quantity = 1
    months = 24
"""
OFF = [
    ("amount = 100", "-100.00"),
    ("amount = 300", "-295.00"),  # never more than it costs
    ("share = 0.15", "-44.25"),
    ("share = 1", "-295.00"),
]


@pytest.mark.parametrize(("off", "amount"), OFF)
def test_a_certificate_takes_something_off_the_line(off: str, amount: str, tmp_path: Path) -> None:
    """The line bills the whole price, a line of kind discount beside it takes off the certificate's part."""
    told = f"""{SIGNED}
    2026-01-05  acme  exam.sat  dev
    2026-02-05  acme  exam.sat  dev recertification
    2026-02-06  acme  exam.sat  dev recertification    # the certificate is for one
    """
    bill = metered(tmp_path, f"{BOOK}{CERTIFICATE}{off}", told, 2)

    assert lines(bill, "price kind quantity dimensions amount", month=run_of(2)[1].starts_on) == expected(
        f"""
        exams  discount  1  {{"exam":"dev"}}  {amount}
        exams  usage  2  {{"exam":"dev"}}  590.00
        """
    )


def test_a_coupon_is_a_part_of_what_the_line_costs(tmp_path: Path) -> None:
    """Of 4 seats 1 is included, so 3 x 450 = 1,350; 2 of 4 are covered: 15 % of 675 is 101.25."""
    text = f"""{BOOK}
    [entitlements.coupon]
    given_by = {{ meter = "orders", where = {{ item = "coupon" }} }}
    covers = {{ meter = "seats" }}
    quantity = 2
    share = 0.15
    """
    told = f"""{SIGNED}
    2026-01-05  acme  order.placed  coupon
    2026-01-06  acme  course.enrolled  basics online 4
    """
    bill = metered(tmp_path, text, told, 1)

    assert lines(bill, "kind quantity amount", price="seats") == expected(
        """
        discount  2  -101.25
        usage  4  1350.00
        """
    )


def test_two_coupons_on_one_line_are_one_discount(tmp_path: Path) -> None:
    """10 % of 1 of 4 seats and 100 off the 3 others, on 1,350: 33.75 + 300, rounded once."""
    text = f"""{BOOK}
    [entitlements.tenth]
    given_by = {{ meter = "orders", where = {{ item = "coupon" }} }}
    covers = {{ meter = "seats" }}
    quantity = 1
    months = 1
    share = 0.1
    [entitlements.hundred]
    given_by = {{ meter = "orders", where = {{ item = "coupon" }} }}
    covers = {{ meter = "seats" }}
    amount = 100
    """
    told = f"{SIGNED} 2026-01-05 acme order.placed coupon\n2026-01-06 acme course.enrolled basics online 4"
    bill = metered(tmp_path, text, told, 1)

    assert [("4", "-333.75")] == lines(bill, "quantity amount", kind="discount")


def test_a_discount_follows_usage_that_stepped_to_another_plan(tmp_path: Path) -> None:
    """Of 12 jobs the plan rates 10 at 10, and the next 2 at 8. 11 are covered, in that order: 10 and 0.80."""
    text = f"""{BOOK}
    [plans.pro.limits]
    jobs = {{ meter = "jobs", quantity = 10, then = "max" }}
    [entitlements.tenth]
    given_by = {{ plans = ["pro"], renews = "never" }}
    covers = {{ meter = "jobs" }}
    quantity = 11
    share = 0.1
    """
    told = (
        f"{SIGNED} 2026-01-05 acme subscription.started acme-1 pro\n2026-01-06 acme-1 usage.recorded jobs 12"
    )
    bill = metered(tmp_path, text, told, 1)

    assert lines(bill, "plan kind quantity amount") == expected(
        """
        max  discount  1  -0.80
        max  usage  2  16.00
        pro  discount  10  -10.00
        pro  usage  10  100.00
        """
    )


def test_a_quote_knows_what_comes_with_a_plan() -> None:
    """5 jobs come with Pro each month, so 12 cost what 7 do."""
    text = f"""{BOOK}
    [entitlements.included]
    given_by = {{ plans = ["pro"], renews = "month" }}
    covers = {{ meter = "jobs" }}
    quantity = 5
    """
    found = quote(
        book(text), {"plan": "pro", "usage": {"jobs": 12}, "months": 2}, month=run_of(1)[0].starts_on
    )

    assert ["70", "70"] == [line["amount"] for line in found["lines"]]


EVENTS = """
    [meters.payments]
    each = true
    [plans.pro]
    name = "Pro"
    stream = "s"
    prices.payments = { meter = "payments", model = "percentage", unit_price = 0.01, flat_fee = 1 }
    [entitlements.first]
    covers = { meter = "payments" }
    quantity = 250
    events = 3
    given_by = { plans = ["pro"], renews = "year" }
"""


@pytest.mark.parametrize("step", [0, 1])
def test_a_grant_may_be_of_so_many_events(step: int, tmp_path: Path) -> None:
    """Three payments a year, or 250: 100 of January, 100 and 50 of 70 of March; the fourth pays in full."""
    told = """
        2026-01-01  a  account.signed_up     "A" a@a.example smb web
        2026-01-01  a  subscription.started  s pro
        2026-01-09  s  usage.recorded        payments 100
        2026-03-02  s  usage.recorded        payments 100
        2026-03-03  s  usage.recorded        payments 70
        2026-03-04  s  usage.recorded        payments 10
    """
    tables = closed(tmp_path, EVENTS, told, 4, step=step)

    assert expected("""
        2026-03  20  1.20
        2026-03  10  1.10
    """) == sorted(lines(tables, "month quantity amount"), key=lambda row: row[1], reverse=True)
    drawn = rows(tables["drawdowns"], "month quantity")
    assert [("2026-01", "100"), ("2026-03", "100"), ("2026-03", "50")] == sorted(drawn)


def test_events_are_counted_where_a_meter_tells_them_apart() -> None:
    """Of a meter that adds its events up nobody knows how many are free."""
    with pytest.raises(
        Problems, match="'payments' does not tell its events apart; give the meter each = true"
    ):
        book(EVENTS.replace("each = true", "each = false"))

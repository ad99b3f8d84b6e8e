"""Limits: what a plan serves at most by the day or the month, and what becomes of what is above."""

import random
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

import pytest

from billing.quote import quote
from metering.document import Problems
from tests.ledgers import book, closed, expected, lines, metered, rows

BOOK = """
    meters.calls = {}
    meters.tokens = { dimensions = ["model"] }
    meters.gigabytes = { aggregation = "max" }
    [plans.free]
    name = "Free"
    stream = "s"
    limits.calls = { meter = "calls", quantity = 100, window = "day" }
    limits.gigabytes = { meter = "gigabytes", quantity = 10, per = "seat" }
    limits.large = { meter = "tokens", where = { model = "large" }, quantity = 50 }
    limits.tokens = { meter = "tokens", quantity = 200 }
    prices.calls = { meter = "calls", unit_price = 0.5 }
    prices.gigabytes = { meter = "gigabytes", unit_price = 1 }
    prices.tokens = { meter = "tokens", unit_price = 1, group_by = ["model"] }
    [plans.starter]
    name = "Starter"
    stream = "s"
    limits.calls = { meter = "calls", quantity = 1000, then = "growth" }
    prices.calls = { meter = "calls", unit_price = 1, allowance = 100 }
    [plans.growth]
    name = "Growth"
    stream = "s"
    limits.calls = { meter = "calls", quantity = 3000, then = "scale" }
    prices.fee = { per = "subscription", unit_price = 500 }
    prices.calls = { meter = "calls", unit_price = 0.1, allowance = 2000 }
    [plans.scale]
    name = "Scale"
    stream = "s"
    limits.calls = { meter = "calls", quantity = 5000, per = "seat" }
    prices.calls = { meter = "calls", unit_price = 0.01 }
"""
SIGNED = "2026-01-01  acme  account.signed_up  Acme acme@example.com smb web\n"

ONE_PLAN = [
    pytest.param(
        "acme-1 free",
        """
        2026-01-05  acme-1  usage.recorded  calls 60
        2026-01-05  acme-1  usage.recorded  calls 60   # 120 on one day: 20 above 100
        2026-01-06  acme-1  usage.recorded  calls 100
        """,
        "free  calls  200  100.00",
        "calls  over_limit  20",
        id="by the day",
    ),
    pytest.param(
        "acme-1 free 2",
        "2026-01-05  acme-1  usage.recorded  gigabytes 35",
        "free  gigabytes  20  20.00",
        "gigabytes  over_limit  15",
        id="a level, for each of two seats",
    ),
    pytest.param(
        "acme-1 free",
        """
        2026-01-05  acme-1  usage.recorded  tokens 80 '{"model":"large"}'   # 30 above 50
        2026-01-06  acme-1  usage.recorded  tokens 170 '{"model":"small"}'  # 50 + 170: 20 above 200
        """,
        """
        free  tokens  50  50.00
        free  tokens  150  150.00
        """,
        "tokens  over_limit  50",
        id="two limits, in the order of the book",
    ),
    pytest.param(
        "acme-1 starter",
        "2026-01-05  acme-1  usage.recorded  calls 2500",
        """
        growth  calls  1500  150.00   # no allowance and no fee of a plan that was not bought
        starter  calls  1000  900.00
        """,
        "",
        id="one step",
    ),
    pytest.param(
        "acme-1 starter",
        "2026-01-05  acme-1  usage.recorded  calls 12000",
        """
        growth  calls  3000  300.00
        scale  calls  5000  50.00
        starter  calls  1000  900.00
        """,
        "calls  over_limit  3000",
        id="two steps, and an end",
    ),
    pytest.param(
        "acme-1 starter 2",
        "2026-01-05  acme-1  usage.recorded  calls 12000",
        """
        growth  calls  3000  300.00
        scale  calls  8000  80.00
        starter  calls  1000  900.00
        """,
        "",
        id="the last step is for each of two seats",
    ),
    pytest.param(
        "acme-1 free trial_days=31",
        "2026-01-05  acme-1  usage.recorded  calls 500",
        "",
        "calls  trial  500",
        id="trials have no limits",
    ),
]


@pytest.mark.parametrize(("terms", "used", "billed", "refused"), ONE_PLAN)
def test_what_is_above_a_limit_is_refused_or_for_the_next_plan(
    terms: str, used: str, billed: str, refused: str, tmp_path: Path
) -> None:
    """Usage up to the limit is rated by the plan, above it by the next plan or not at all."""
    told = f"{SIGNED} 2026-01-01  acme  subscription.started  {terms}\n{used}"

    bill = metered(tmp_path, BOOK, told, 1)

    usage = sorted(lines(bill, "plan price quantity amount", kind="usage"))
    assert usage == sorted(expected(billed))
    assert rows(bill.unrated, "meter reason quantity") == expected(refused)


def test_own_phases_of_the_next_plan_share_its_line_and_keep_their_allowance(tmp_path: Path) -> None:
    """Who moves to the next plan in mid-month pays its line once.

    31 days: 15 on starter, 16 on growth. 1,500 calls on starter are 500 above the limit; with the 2,000 of
    growth they make 2,500 of growth, of which its own phase includes 2,000 x 16/31 = 1,032.258.
    """
    told = f"""{SIGNED}
    2026-01-01  acme    subscription.started  acme-1 starter
    2026-01-05  acme-1  usage.recorded  calls 1500
    2026-01-16  acme    plan.changed  acme-1 growth 1
    2026-01-20  acme-1  usage.recorded  calls 2000
    """
    bill = metered(tmp_path, BOOK, told, 1)

    assert lines(bill, "plan price quantity allowance amount", kind="usage") == expected(
        """
        growth  calls  2500  1032.258064516129  146.77
        starter  calls  1000  48.387096774194  951.61
        """
    )


def test_a_month_is_pooled_over_the_phases_of_a_plan(tmp_path: Path) -> None:
    """A change of seats begins no new month: the limit is that of the month, the seats those at its end."""
    text = BOOK.replace("quantity = 1000, then", 'quantity = 400, per = "seat", then')
    told = f"""{SIGNED}
    2026-01-01  acme    subscription.started  acme-1 starter 5
    2026-01-05  acme-1  usage.recorded  calls 700
    2026-01-16  acme    seats.changed  acme-1 2
    2026-01-20  acme-1  usage.recorded  calls 700
    """
    bill = metered(tmp_path, text, told, 1)

    assert [("growth", "600"), ("starter", "800")] == lines(bill, "plan quantity", kind="usage")


def test_a_day_takes_its_own_usage_off(tmp_path: Path) -> None:
    """What was refused on the third was used on the third: the phase of the twentieth keeps its own."""
    told = f"""{SIGNED}
    2026-01-01  acme    subscription.started  acme-1 free
    2026-01-03  acme-1  usage.recorded  calls 130
    2026-01-16  acme    seats.changed  acme-1 2
    2026-01-20  acme-1  usage.recorded  calls 70
    """
    tables = closed(tmp_path, BOOK, told, 1)

    assert sorted(rows(tables["rated_usage"], "phase_no quantity")) == [("1", "100"), ("2", "70")]


@pytest.mark.parametrize("seed", range(4))
def test_limits_by_the_day_agree_with_a_walk_over_the_days(seed: int, tmp_path: Path) -> None:
    """What is served is the sum over days of what the day's limit let through; nothing is lost.

    And months one by one, or in another order of facts, come to the same tables.
    """
    rng = random.Random(seed)
    used = [
        (date(2026, 1, 1) + timedelta(days=rng.randrange(90)), rng.choice(("a", "b")), rng.randrange(200))
        for _ in range(120)
    ]
    told = SIGNED + "\n".join(
        [f"2026-01-01 acme subscription.started {name} free" for name in ("a", "b")]
        + [f"{day} {name} usage.recorded calls {quantity}" for day, name, quantity in used]
    )
    days: dict[tuple[date, str], int] = defaultdict(int)
    for day, name, quantity in used:
        days[day, name] += quantity
    expected_served = sum(min(100, total) for total in days.values())

    tables = closed(tmp_path, BOOK, told, 3)
    by_month = closed(tmp_path / "again", BOOK, told, 3, step=1)

    assert expected_served == tables["rated_usage"]["quantity"].sum()
    refused = sum(quantity for _, _, quantity in used) - expected_served
    assert refused == tables["unrated_usage"]["quantity"].sum()
    for name in ("invoice_lines", "unrated_usage", "rated_usage"):
        order = tables[name].columns
        assert tables[name].sort(order).equals(by_month[name].sort(order)), name


def test_a_quote_says_what_the_plan_does_not_serve() -> None:
    """A month's usage is spread evenly over its days: 5,600 in February are 200 a day, and 100 are served."""
    found = quote(book(BOOK), {"plan": "free", "usage": {"calls": 5600}}, month=date(2026, 2, 1))

    assert [{"month": "2026-02-01", "meter": "calls", "quantity": "2800"}] == found["over_limit"]
    assert "1400" == found["amount"]


def test_a_quote_goes_on_with_the_next_plan() -> None:
    """Steps are quoted as they are billed; nothing is above a limit, and nothing says so."""
    found = quote(book(BOOK), {"plan": "starter", "usage": {"calls": 2500}}, month=date(2026, 2, 1))

    assert ["growth", "starter"] == [line["plan"] for line in found["lines"]]
    assert "1050" == found["amount"]
    assert "over_limit" not in found


def test_steps_that_lead_back_are_refused() -> None:
    """Also those by the second of two limits: a circle would never end."""
    circle = """
    limits.again = { meter = "calls", quantity = 5000, then = "starter" }
    prices.calls = { meter = "calls", unit_price = 0.01 }"""
    with pytest.raises(Problems, match="the steps lead back to 'starter'"):
        book(f"{BOOK}{circle.replace('prices.calls', 'prices.more')}")


def test_what_was_taken_back_is_not_above_a_limit(tmp_path: Path) -> None:
    """A correction counts before the limit does: 1,200 less 300 are within 1,000."""
    told = f"""{SIGNED}
    2026-01-01  acme    subscription.started  acme-1 starter
    2026-01-05  acme-1  usage.recorded  calls 1200
    2026-01-06  acme-1  usage.corrected  calls -300 mistaken
    """
    bill = metered(tmp_path, BOOK, told, 1)

    assert [("starter", "900")] == lines(bill, "plan quantity", kind="usage")

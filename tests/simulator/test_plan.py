"""Plans as companies: what is counted and priced is billed to the cent, whatever its cadence and period."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.document import Problems
from metering.period import Period
from simulator.plan.file import loads
from simulator.plan.spread import day_of, spread, whole_step
from tests.simulator.planned import PERIODS, Billed, billed

BY_YEAR = """
    select year(p.month), l.price, -sum(p.amount) from postings p
    left join invoice_lines l on l.invoice = p.invoice and l.line_no = p.line_no
    where ledger_account = 'revenue' group by all order by all
"""
BY_QUARTER = """
    select quarter(month), -sum(amount) from postings
    where ledger_account = 'revenue' and year(month) = 2026 group by all order by all
"""


def made(directory: Path, things: str, drivers: str = "") -> Billed:
    """Bill a plan of some drivers and things."""
    return billed(directory, f"[drivers]\n{drivers}\n[things]\n{things}")


def test_customers_are_billed_from_the_first_day_of_a_period_to_its_last(tmp_path: Path) -> None:
    """10, 25, 50, 75 customers at $1,000 a month are 30,000, 75,000, 150,000, 225,000 (D:1842-1858)."""
    found = made(
        tmp_path,
        'pro = { cadence = "month", count = "pros", price = 1000, stream = "subscriptions" }',
        "pros = { values = { q1 = 10, q2 = 25, q3 = 50, q4 = 75 } }",
    )

    assert [(1, 30_000), (2, 75_000), (3, 150_000), (4, 225_000)] == found.ask(BY_QUARTER)


def test_a_price_of_a_period_holds_from_its_first_day(tmp_path: Path) -> None:
    """1, 2, 4, 5 customers at $25K, $35K, $40K, $50K a month (D:1844-1860): old ones pay the new price."""
    found = made(
        tmp_path,
        'ent = { cadence = "month", count = "n", price = "p", stream = "subscriptions" }',
        """
        n = { values = { q1 = 1, q2 = 2, q3 = 4, q4 = 5 } }
        p = { values = { q1 = "$25K", q2 = "$35K", q3 = "$40K", q4 = "$50K" } }
        """,
    )

    assert [(1, 75_000), (2, 210_000), (3, 480_000), (4, 750_000)] == found.ask(BY_QUARTER)
    assert [(250_000,)] == found.ask(
        "select sum(amount) from mrr_balances where month = date '2026-12-01'"
    ), "5 x 50,000 at the year's end"


def test_customers_leave_where_there_are_fewer_and_come_back_where_there_are_more(tmp_path: Path) -> None:
    """3, 1, 2 customers: the second and third leave on the last day, the second returns."""
    found = made(
        tmp_path,
        'pro = { cadence = "month", count = "n", price = 10, stream = "s" }',
        "n = { values = { q1 = 3, q2 = 1, q3 = 2 } }",
    )
    lives = "select subscription, starts_on, ends_on from subscription_phases where plan = 'pro' order by all"

    assert [(1, 90), (2, 30), (3, 60)] == found.ask(BY_QUARTER)
    assert [
        ("pro-1/subscription", date(2026, 1, 1), date(2026, 10, 1)),
        ("pro-2/subscription", date(2026, 1, 1), date(2026, 4, 1)),
        ("pro-2/subscription", date(2026, 7, 1), date(2026, 10, 1)),
        ("pro-3/subscription", date(2026, 1, 1), date(2026, 4, 1)),
    ] == found.ask(lives)


def test_customers_of_some_months_are_there_in_the_last_ones(tmp_path: Path) -> None:
    """3 customers at $15K a month for 6 months on average are 270,000 (D:1891): July to December."""
    found = made(
        tmp_path,
        'tas = { cadence = "month", count = 3, price = 15_000, months = 6, stream = "s", periods = ["y1"] }',
    )

    assert [(3, 135_000), (4, 135_000)] == found.ask(BY_QUARTER)


def test_a_year_is_paid_in_advance_and_earned_over_the_year(tmp_path: Path) -> None:
    """100 teams at $600 and 500 at $600 (G:1288-1291): 60,000 and 300,000, billed on New Year's Day."""
    found = made(
        tmp_path,
        'team = { cadence = "year", count = "n", price = 600, stream = "open_core" }',
        "n = { values = { y1 = 100, y2 = 500 } }",
    )

    assert [(2026, "team", 60_000), (2027, "team", 300_000)] == found.ask(BY_YEAR)
    assert [(date(2026, 1, 1), 60_000), (date(2027, 1, 1), 300_000)] == found.ask(
        "select month, sum(amount) from invoice_lines group by all order by all"
    )


@pytest.mark.parametrize(
    ("event", "kind", "each"),
    [
        ("", "order.placed", 1),
        ("course.enrolled", "course.enrolled", 1),
        ("exam.sat", "exam.sat", 1),
        ("milestone.delivered", "milestone.delivered", 1),
    ],
)
def test_every_piece_is_an_event_and_the_months_differ_by_one(
    tmp_path: Path, event: str, kind: str, each: int
) -> None:
    """20 projects at $22,500 are 450,000 (D:1886): 1 or 2 of them a month, each an event."""
    told = f'event = "{event}", ' if event else ""
    found = made(
        tmp_path,
        f'p = {{ cadence = "piece", {told}count = "n", price = 22_500, stream = "s" }}',
        "n = { values = { y1 = 20 } }",
    )
    a_month = "select count(*) from events where type = ? group by date_trunc('month', occurred_at)"
    counts = [count for (count,) in found.ledger.execute(a_month, [kind]).fetchall()]

    assert [(2026, "p", 450_000)] == found.ask(BY_YEAR)
    assert (20 * each, 12, {1, 2}) == (sum(counts), len(counts), {*counts})


def test_units_are_spread_so_that_every_part_costs_whole_cents(tmp_path: Path) -> None:
    """600 hours at $300 are 180,000 (D:1890), a billion calls at $0.001 a million: no cent is rounded."""
    found = made(
        tmp_path,
        """
        custom = { cadence = "unit", event = "hours.worked", count = "hours", price = 300, stream = "s" }
        calls = { cadence = "unit", count = "calls", price = 0.001, stream = "s" }
        """,
        "hours = { values = { y1 = 600 } }\ncalls = { values = { y1 = 1_000_000_001_000 } }",
    )

    assert [(2026, "calls", 1_000_000_001), (2026, "custom", 180_000)] == found.ask(BY_YEAR)
    assert [] == found.ask("select * from invoice_lines where exact <> amount")


def test_devices_are_shipped_under_the_subscriptions_of_those_who_buy_them(tmp_path: Path) -> None:
    """5 partners at $100K a year, and 500,000 devices at $1.00 under them, make a million (G:1322-1328)."""
    found = made(
        tmp_path,
        """
        licence = { cadence = "year", count = 5, price = 100_000, stream = "oem", periods = ["y1"] }
        [things.devices]
        cadence = "unit"
        event = "devices.shipped"
        by = "licence"
        count = "n"
        price = 1.00
        stream = "oem"
        """,
        "n = { values = { y1 = 500_000 } }",
    )

    assert [(2026, "devices", 500_000), (2026, "licence", 500_000)] == found.ask(BY_YEAR)
    assert [(5, 60)] == found.ask(
        "select count(distinct subscription), count(*) from invoice_lines where price = 'devices'"
    )


def test_an_agent_bills_the_whole_sale_and_books_what_it_keeps(tmp_path: Path) -> None:
    """Plugins for $300,000 at 30 % (D:1891): buyers owe 300,000, sellers get 210,000, revenue is 90,000."""
    found = made(
        tmp_path,
        """
        seller = { cadence = "month", count = 7, price = 299, stream = "marketplace", periods = ["y1"] }
        [things.plugin]
        cadence = "amount"
        agent = true
        sellers = "seller"
        count = "gmv"
        price = 0.30
        stream = "marketplace"
        """,
        "gmv = { values = { y1 = 300_000 } }",
    )

    assert [(2026, "plugin", 90_000), (2026, "seller", 7 * 299 * 12)] == found.ask(BY_YEAR)
    assert [(300_000,)] == found.ask("select sum(amount) from invoice_lines where price = 'plugin'")
    assert [(210_000, 7)] == found.ask("select sum(amount), count(distinct partner) from payouts")


def test_partners_report_what_they_sold_and_pay_a_share(tmp_path: Path) -> None:
    """2 partners with $800,000 of sales pay 25 %, 200,000 (D:1921)."""
    found = made(
        tmp_path,
        """
        share = { cadence = "month", count = 2, price = 0, stream = "wl", periods = ["y1"] }
        [things.sales]
        cadence = "amount"
        event = "partner_revenue.reported"
        by = "share"
        count = "sold"
        price = 0.25
        stream = "wl"
        """,
        "sold = { values = { y1 = 800_000 } }",
    )

    assert [(2026, "sales", 200_000)] == found.ask(BY_YEAR)


def test_costs_are_spent_evenly(tmp_path: Path) -> None:
    """12 engineers at $150K are 1.8 million (D:2219), 150,000 a month, in their cost centre."""
    found = made(
        tmp_path,
        """
        engineers = { cadence = "cost", count = "n", price = 150_000, cost_centre = "engineering" }
        odd = { cadence = "cost", count = 1, price = 100, periods = ["q1"] }
        """,
        "n = { values = { y1 = 12 } }",
    )
    spent = """
        select cost_centre, sum(amount), min(amount), max(amount) from postings
        where ledger_account = 'expense' group by all order by all
    """

    assert [("engineering", 1_800_000, 150_000, 150_000), ("odd", 100, 33, 34)] == found.ask(spent)


def test_a_formula_of_drivers_counts_too(tmp_path: Path) -> None:
    """5 consultants x 2,500 hours x 65 % x $250 are 2,031,250 (G:1340-1346)."""
    found = made(
        tmp_path,
        'ps = { cadence = "unit", count = "n * hours * used", price = "p", stream = "s" }',
        """
        n = { values = { y1 = 5, y2 = 12 } }
        hours = { value = 2500 }
        used = { values = { y1 = "65%", y2 = "70%" } }
        p = { values = { y1 = 250, y2 = 275 } }
        """,
    )

    assert [(2026, "ps", 2_031_250), (2027, "ps", 5_775_000)] == found.ask(BY_YEAR)


def test_buyers_may_be_the_customers_of_another_thing(tmp_path: Path) -> None:
    """Two customers buy 5 courses in turn: no account beside theirs comes into being."""
    found = made(
        tmp_path,
        """
        pro = { cadence = "month", count = 2, price = 10, stream = "s", segment = "smb", periods = ["y1"] }
        course = { cadence = "piece", by = "pro", count = "n", price = 100, stream = "t" }
        """,
        "n = { values = { y1 = 5 } }",
    )

    assert [("pro-1", "smb"), ("pro-2", "smb")] == found.ask(
        "select account, segment from accounts order by all"
    )
    assert [(2026, "course", 500), (2026, "pro", 240)] == found.ask(BY_YEAR)


def test_what_a_year_counts_is_spread_over_it_and_what_a_quarter_counts_is_not(tmp_path: Path) -> None:
    """12 orders a year are one a month; a driver with quarters of its own is counted by quarter."""
    found = made(
        tmp_path,
        """
        a = { cadence = "piece", count = "by_year", price = 1, stream = "s" }
        b = { cadence = "piece", count = "by_quarter", price = 100, stream = "s" }
        """,
        "by_year = { values = { y1 = 12 } }\nby_quarter = { values = { q2 = 3, y1 = 99 } }",
    )

    assert [(1, 3), (2, 303), (3, 3), (4, 3)] == found.ask(BY_QUARTER)


def test_the_price_book_of_a_plan_reads_as_it_was_written(tmp_path: Path) -> None:
    """The text that a run keeps loads to the book that it was billed with, and the log has no stray event."""
    found = made(
        tmp_path,
        'x = { name = "Pro \\"plus\\"", cadence = "month", count = "2 * p / p", price = "p", stream = "s" }',
        "p = { values = { y1 = 1.50, y2 = 2 } }",
    )

    assert 'name = "Pro \\"plus\\""' in found.company.prices
    assert "{ starts_on = 2027-01-01, unit_price = 2 }" in found.company.prices
    assert [] == found.ask("select * from unrated_usage") + found.ask("select * from ignored_events")


BAD = [  # what is wrong with a thing, where the problem is, and what it says
    ('cadence = "mont"', "things.x.cadence", "should be 'month'"),
    ('cadence = "month", count = 1.5', "things.x in 2026-01", "a part of one"),
    ('cadence = "month", count = "nn"', "things.x.count", "no driver or figure 'nn'"),
    ('cadence = "month", count = "1 +"', "things.x.count", "is no formula"),
    ('cadence = "piece", event = "exam.set"', "things.x", "has no event 'exam.set'"),
    ('cadence = "year", count = "q"', "things.x in 2026-01", "paid in advance"),
    ('cadence = "piece", by = "y"', "things.x.by", "there is no thing 'y'"),
    ('cadence = "piece", price = -1', "things.x in 2026-01", "the price is -1"),
    ('cadence = "month", months = 13', "things.x in 2026-01", "held 13 months"),
    ('cadence = "piece", months = 3', "things.x", "'months' goes with cadence 'month'"),
    ('cadence = "piece", periods = ["y1", "q2"]', "things.x.periods", "overlap"),
    ('cadence = "piece", periods = ["y9"]', "things.x.periods", "no period 'y9'"),
    ('cadence = "amount", agent = true, price = 1.1', "things.x in", "share kept is 1.1"),
    ('cadence = "amount", agent = true, price = "q / 10", count = "q"', "things.x.price", "in all periods"),
    ('cadence = "amount", sellers = "y"', "things.x", "'sellers' goes with 'agent'"),
    ('cadence = "amount", event = "partner_revenue.reported"', "things.x", "under a subscription"),
    ('cadence = "unit", price = "1 / 3"', "things.x.price", "no whole decimal"),
]


@pytest.mark.parametrize(("thing", "place", "message"), BAD)
def test_what_cannot_be_a_company_is_a_problem(thing: str, place: str, message: str) -> None:
    """A problem names the thing, the value and the remedy, before anything is made."""
    drivers = "[drivers]\nq = { values = { q1 = 1, q2 = 2, q3 = 3, q4 = 4 } }"
    given = thing if "count" in thing else f"{thing}, count = 1"
    with pytest.raises(Problems) as found:
        loads(f'{PERIODS}{drivers}\n[things]\nx = {{ {given}, stream = "s" }}')

    assert any(place in one.place and message in one.message for one in found.value.problems), found.value


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        ('x = { cadence = "month", count = 1 }', "needs a 'stream'"),
        ('catalog = { cadence = "month", count = 1, stream = "s" }', "the name is taken"),
    ],
)
def test_a_thing_needs_a_stream_and_a_name_of_its_own(thing: str, message: str) -> None:
    """Revenue without a stream, and a thing that would take the place of the catalog, are problems."""
    with pytest.raises(Problems, match=message):
        loads(f"{PERIODS}[things]\n{thing}")


def test_all_problems_are_told_together() -> None:
    """Two things that are wrong are two problems."""
    half = '{ cadence = "month", count = 1.5, stream = "s" }'
    with pytest.raises(Problems) as found:
        loads(f"{PERIODS}[things]\nx = {half}\ny = {half}")

    assert {"x", "y"} == {problem.place.partition("things.")[2][0] for problem in found.value.problems}


def test_a_plan_without_things_is_nothing_to_bill() -> None:
    """A plan that is only audited says so."""
    with pytest.raises(Problems, match="nothing to bill"):
        loads(f"{PERIODS}[drivers]\nx = {{ value = 1 }}")


@given(total=st.integers(0, 10_000), parts=st.integers(1, 60), step=st.integers(1, 9))
def test_parts_add_up_and_differ_by_one_step(total: int, parts: int, step: int) -> None:
    """Nothing is lost, and the first n parts are within a step of n shares."""
    found = spread(Decimal(total * step), parts, Decimal(step))
    exact = Decimal(total * step) / parts

    assert total * step == sum(found)
    assert max(found) - min(found) in (0, step)
    assert all(abs(sum(found[:n]) - exact * n) < step for n in range(parts + 1))


@pytest.mark.parametrize(
    ("total", "price", "step"),
    [("600", "300", "1"), ("1000", "0.001", "10"), ("1000", "0.0001", "100"), ("1005", "0.001", "1"),
     ("12.5", "10", "0.1"), ("500000", "0.12", "1"), ("0", "0.001", "1")],
)  # fmt: skip
def test_a_step_costs_whole_cents_where_one_does(total: str, price: str, step: str) -> None:
    """The smallest power of ten that parts the total and costs whole cents; else the finest that parts it."""
    assert Decimal(step) == whole_step(Decimal(total), Decimal(price), Decimal("0.01"))


def test_things_happen_at_even_distances() -> None:
    """One in the middle of the month, two in its quarters, 31 on every day of January."""
    january = Period(date(2026, 1, 1), date(2026, 2, 1))

    assert [16] == [day_of(0, 1, january).day]
    assert [8, 24] == [day_of(n, 2, january).day for n in range(2)]
    assert [*range(1, 32)] == [day_of(n, 31, january).day for n in range(31)]


Drawn = list[tuple[str, list[int], list[int]]]


@st.composite
def plans(draw: st.DrawFn) -> Drawn:
    """Draw things: a cadence, and a count and a price in cents for q1 to q4 and y2 (a year: y1 and y2)."""
    cadences: Sequence[str] = ("month", "year", "piece", "unit", "amount", "cost")
    things = []
    for cadence in draw(st.lists(st.sampled_from(cadences), min_size=1, max_size=5)):
        size = 2 if cadence == "year" else 5
        counts = draw(st.lists(st.integers(0, 30), min_size=size, max_size=size))
        prices = draw(st.lists(st.integers(0, 99_999), min_size=size, max_size=size))
        things.append((cadence, counts, prices))
    return things


@settings(deadline=None, max_examples=8)
@given(plans())
def test_a_ledger_is_what_the_formulas_come_to(drawn: Drawn) -> None:
    """Revenue of each thing and year = the sum over its periods of count x price (x months), to the cent."""
    drivers, things, expected = [], [], dict[tuple[int, str], Decimal]()
    for number, (cadence, counts, prices) in enumerate(drawn):
        key = f"t{number}"
        keys = ("y1", "y2") if cadence == "year" else ("q1", "q2", "q3", "q4", "y2")
        amounts = [Decimal(price) / 100 for price in prices]
        drivers += [_driver(f"n{number}", keys, counts), _driver(f"p{number}", keys, amounts)]
        stream = "" if cadence == "cost" else ', stream = "s"'
        things.append(
            f'{key} = {{ cadence = "{cadence}", count = "n{number}", price = "p{number}"{stream} }}'
        )
        for name, count, amount in zip(keys, counts, amounts, strict=True):
            year = 2027 if name == "y2" else 2026
            months = {"month": 12 if name == "y2" else 3}.get(cadence, 1)
            expected[year, key] = expected.get((year, key), Decimal(0)) + count * amount * months
    with TemporaryDirectory() as directory:
        found = made(Path(directory), "\n".join(things), "\n".join(drivers))
        billed_by = found.ledger.execute(
            """
            select year(p.month), coalesce(l.price, p.cost_centre), abs(sum(p.amount)) from postings p
            left join invoice_lines l on l.invoice = p.invoice and l.line_no = p.line_no
            where ledger_account in ('revenue', 'expense') group by all
            """
        ).fetchall()

    assert {key: amount for key, amount in expected.items() if amount} == {
        (year, key): amount for year, key, amount in billed_by if amount
    }


def _driver(name: str, keys: Sequence[str], values: Sequence[Any]) -> str:
    pairs = ", ".join(f"{key} = {value}" for key, value in zip(keys, values, strict=True))
    return f"{name} = {{ values = {{ {pairs} }} }}"

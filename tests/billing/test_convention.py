"""Conventions: every switch about money in bills from a log, and how they are told on a command line."""

import random
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest

from billing.convention import PRESETS, Conventions, Preset
from billing.money import EXACT, allocate, round_money
from billing.quote import quote
from metering.document import Problems
from tests.ledgers import FIRST, billed, book, closed, expected, lines, metered

FEES = """
    conventions = {{ {conventions} }}
    [plans.pro]
    name = "Pro"
    stream = "s"
    prices.a = {{ per = "subscription", unit_price = 1.004 }}
    prices.b = {{ per = "subscription", unit_price = 1.004 }}
    prices.c = {{ per = "subscription", unit_price = 1.004 }}
"""
STARTED = "2026-01-01  a  subscription.started  s pro"

PLACES = [  # conventions; lines of 1.004 each, the total
    ("", "1.00 1.00 1.00", "3.00"),
    ('rounding_place = "invoice"', "1.01 1.00 1.00", "3.01"),
    ('rounding_place = "invoice", remainders = "first"', "1.01 1.00 1.00", "3.01"),
    ('rounding_place = "invoice", remainders = "last"', "1.00 1.00 1.01", "3.01"),
    ('rounding_place = "invoice", rounding = "up"', "1.01 1.01 1.00", "3.02"),
    ('rounding_place = "invoice", rounding = "down"', "1.01 1.00 1.00", "3.01"),
    ('rounding = "up"', "1.01 1.01 1.01", "3.03"),
]


@pytest.mark.parametrize(("conventions", "amounts", "total"), PLACES)
def test_lines_or_the_whole_invoice_are_rounded(conventions: str, amounts: str, total: str) -> None:
    """3 x 1.004 = 3.012: three lines of 1.00, or an invoice of 3.01 whose lines add up to it."""
    bill = billed(FEES.format(conventions=conventions), STARTED, 1)

    assert [(one,) for one in amounts.split()] == lines(bill, "amount")
    assert [Decimal(total)] == bill.invoices["total"].to_list()


def test_an_invoice_is_rounded_as_a_whole_over_all_subscriptions_and_discounts() -> None:
    """Two subscriptions and 10 % off each line: (6 x 1.004) x 0.9 = 5.4216, and no line is rounded before."""
    text = FEES.format(conventions='rounding_place = "invoice"') + "\n[discounts.tenth]\nshare = 0.1"
    told = """
        2026-01-01  a  subscription.started  s pro discount=tenth
        2026-01-01  a  subscription.started  t pro discount=tenth
    """
    bill = billed(text, told, 1)

    assert [Decimal("5.42")] == bill.invoices["total"].to_list()
    assert Decimal("5.42") == bill.lines["amount"].sum()


UNITS = [  # conventions, seats, what 10 of 31 days of 10.00 a seat come to
    ("", 5, "16.13"),  # 50 x 10/31 = 16.129
    ('rounding_place = "unit"', 5, "16.15"),  # 10 x 10/31 = 3.23, five times
    ('rounding_place = "unit", rounding = "down"', 5, "16.10"),
    ('rounding_place = "unit"', 0, ""),
]


@pytest.mark.parametrize(("conventions", "seats", "amount"), UNITS)
def test_a_prorated_unit_price_may_be_rounded_first(conventions: str, seats: int, amount: str) -> None:
    """The part of one seat's price is rounded and multiplied, or the part of all of them is rounded."""
    text = f"""
        conventions = {{ {conventions} }}
        [plans.pro]
        name = "Pro"
        stream = "s"
        prices.seat = {{ per = "seat", unit_price = 10 }}
    """
    bill = billed(text, f"2026-01-22  a  subscription.started  s pro {seats}", 1)

    assert [(amount,)] * bool(amount) == lines(bill, "amount")


USED = """
    conventions = {{ {conventions} }}
    meters.calls = {{}}
    meters.storage = {{ aggregation = "max" }}
    meters.orders = {{ event = "order.placed", quantity = "quantity" }}
    [plans.pro]
    name = "Pro"
    stream = "s"
    prices.calls = {{ meter = "calls", model = "graduated", tiers = [{{ up_to = 100, unit_price = 1, flat_fee = 20 }}, {{ unit_price = 0.5 }}] }}
    prices.storage = {{ meter = "storage", model = "volume", tiers = [{{ flat_fee = 31 }}] }}
    prices.least = {{ meter = "calls", unit_price = 0.01, minimum = 7 }}
    prices.life = {{ meter = "calls", window = "life", model = "volume", tiers = [{{ flat_fee = 9 }}] }}
    [plans.catalog]
    name = "Catalog"
    stream = "s"
    prices.orders = {{ meter = "orders", model = "volume", tiers = [{{ flat_fee = 5 }}] }}
"""  # noqa: E501 - a price is a line

STANDING = {  # conventions; months, facts; lines
    "nothing is due for nothing": ("", 1, STARTED, ""),
    "a first tier's flat fee is due each month, a level's for the days of each phase": (
        'first_flat = "at_zero"',
        2,
        """
        2026-01-01  a  account.signed_up  "A" a@example.com smb web
        2026-01-11  a  subscription.started  s pro
        2026-01-21  a  seats.changed  s 4
        2026-02-05  s  usage.recorded  calls 10
        """,
        """
        2026-01  calls    0   20.00
        2026-01  storage  0   10.00
        2026-01  storage  0   11.00
        2026-02  calls    10  30.00
        2026-02  least    10  7.00
        2026-02  life     10  9.00
        2026-02  storage  0   31.00
        """,
    ),
    "a minimum is due each month": (
        'minimum_due = "at_zero"',
        2,
        f"""
        {STARTED}
        2026-02-05  s  usage.recorded  calls 10
        2026-02-06  a  subscription.cancelled  s 2026-02-20
        """,
        """
        2026-01  least    0   7.00
        2026-02  calls    10  30.00
        2026-02  least    10  7.00
        2026-02  life     10  9.00
        """,
    ),
    "a minimum after discounts is a line of its own": (
        'minimum_due = "at_zero", minimum = "after_discounts"',
        1,
        STARTED,
        """
        2026-01  least    1  7.00
        2026-01  least    0  0.00
        """,
    ),
    "a part of a month owes its part of a minimum": (
        'minimum_due = "at_zero", minimum_part = "part"',
        1,
        """
        2026-01-12  a  subscription.started  s pro
        2026-01-22  a  seats.changed  s 4
        """,  # 20 of 31 days of 7.00
        """
        2026-01  least    1  4.52
        2026-01  least    0  0.00
        """,
    ),
    "usage that is taken back whole leaves what is due for nothing": (
        'first_flat = "at_zero"',
        1,
        f"""
        {STARTED}
        2026-01-05  s  usage.recorded   calls 10
        2026-01-06  s  usage.corrected  calls -10 "counted twice"
        """,
        """
        2026-01  calls    0  20.00
        2026-01  storage  0  31.00
        """,
    ),
    "a trial is free": (
        'first_flat = "at_zero"',
        1,
        "2026-01-01  a  subscription.started  s pro 1 month 31",
        "",
    ),
}


@pytest.mark.parametrize("name", STANDING)
def test_what_is_due_when_nothing_is_used(name: str, tmp_path: Path) -> None:
    """Fees of first tiers and minimums, by the convention; never for what is sold by the piece."""
    conventions, count, told, table = STANDING[name]
    bill = metered(tmp_path, USED.format(conventions=conventions), told, count)

    assert expected(table) == lines(bill, "month price quantity amount")


def test_what_is_due_for_nothing_is_the_same_in_steps(tmp_path: Path) -> None:
    """Month by month or all at once, with usage in some months only."""
    told = f"""
        {STARTED}
        2026-02-05  s  usage.recorded  calls 10
        2026-04-05  s  usage.recorded  storage 3
    """
    text = USED.format(conventions='preset = "openmeter", periods = "calendar"')
    whole, stepped = (closed(tmp_path / str(step), text, told, 5, step=step) for step in (0, 1))

    assert whole["invoice_lines"].equals(stepped["invoice_lines"])
    assert [("2026-01",), ("2026-02",), ("2026-03",), ("2026-04",), ("2026-05",)] == lines(
        whole, "month", price="calls"
    )


EDGES = [("inclusive", "10.00"), ("exclusive", "5.00")]


@pytest.mark.parametrize(("edge", "amount"), EDGES)
def test_a_tier_ends_with_its_bound_or_just_before(edge: str, amount: str, tmp_path: Path) -> None:
    """10 units at 1.00 up to 10, and at 0.50 from there on."""
    text = f"""
        conventions = {{ tier_edge = "{edge}" }}
        meters.calls = {{}}
        [plans.pro]
        name = "Pro"
        stream = "s"
        prices.calls = {{ meter = "calls", model = "volume", tiers = [{{ up_to = 10, unit_price = 1 }}, {{ unit_price = 0.5 }}] }}
    """  # noqa: E501 - a price is a line
    bill = metered(tmp_path, text, f"{STARTED}\n2026-01-05  s  usage.recorded  calls 10", 1)

    assert [(amount,)] == lines(bill, "amount")


DRAWDOWNS = [("expiry", "soon"), ("priority", "first"), ("granted", "early")]


@pytest.mark.parametrize(("order", "drawn"), DRAWDOWNS)
def test_grants_are_drawn_in_the_order_of_the_convention(order: str, drawn: str, tmp_path: Path) -> None:
    """Of three packs: what ends first, what has the lowest priority, or what was bought first."""
    packs = {"early": (6, 50), "soon": (1, 50), "first": (12, 1)}
    text = f"""
        conventions = {{ drawdown = "{order}" }}
        meters.orders = {{ event = "order.placed", quantity = "quantity", dimensions = ["item"] }}
        meters.hours = {{ event = "hours.worked", quantity = "hours" }}
        [plans.catalog]
        name = "Catalog"
        stream = "s"
        prices.orders = {{ meter = "orders", unit_price = 1 }}
        prices.hours = {{ meter = "hours", unit_price = 1 }}
    """ + "".join(
        f"""
        [entitlements.{key}]
        given_by = {{ meter = "orders", where = {{ item = "{key}" }} }}
        covers = {{ meter = "hours" }}
        quantity = 10
        months = {months}
        priority = {priority}
        """
        for key, (months, priority) in packs.items()
    )
    told = """
        2026-01-01  a  account.signed_up  "A" a@example.com smb web
        2026-01-02  a  order.placed       early
        2026-01-03  a  order.placed       soon
        2026-01-04  a  order.placed       first
        2026-01-09  a  hours.worked       p quick-start ada senior 4
    """
    tables = closed(tmp_path, text, told, 1)

    assert [drawn] == [grant.partition("/")[0] for grant in tables["drawdowns"]["grant"]]


def test_allocated_amounts_add_up_to_their_total() -> None:
    """Any amounts, either sign, every mode and way: nothing lost, and each within a cent of its own."""
    rng = random.Random(4)
    rows = [
        (group, Decimal(rng.randrange(-(10**9), 10**9)).scaleb(-6))
        for group in range(200)
        for _ in range(rng.randrange(1, 7))
    ]
    frame = pl.DataFrame(rows, schema={"group": pl.Int64, "exact": EXACT}, orient="row")
    for mode in ("half_up", "half_even", "up", "down"):
        whole = round_money(pl.col("exact").sum().over("group"), "USD", mode)
        for way in ("largest", "first", "last"):
            told = frame.with_columns(total=whole)
            parts = allocate(
                told, exact="exact", total="total", over=["group"], currency="USD", mode=mode, remainders=way
            )
            found = told.with_columns(part=parts)
            off = found.filter((pl.col("part") - pl.col("exact")).abs() >= Decimal("0.01"))
            sums = found.group_by("group").agg(pl.col("part").sum(), pl.col("total").first())

            assert sums.filter(pl.col("part") != pl.col("total")).is_empty()
            assert way != "largest" or off.is_empty()


TOLD: list[tuple[str, dict[str, Any]]] = [
    ("half_even", {"rounding": "half_even"}),
    ("lago", {"preset": "lago", "first_flat": "at_zero", "cancel_day": "billed", "rounding": "half_up"}),
    ("lago,ratio_places=9", {"preset": "lago", "ratio_places": 9}),
    ("ratio_places=9, stripe", {"preset": "stripe", "ratio_places": 9, "proration": "second"}),
    ("stripe,proration=day,full", {"proration": "day", "allowance": "full", "recurring": "advance"}),
    ("tier_edge=exclusive,exclusive", {"tier_edge": "exclusive"}),
    ("", {}),
]


@pytest.mark.parametrize(("text", "chosen"), TOLD)
def test_conventions_are_told_in_a_word_or_two(text: str, chosen: dict[str, Any]) -> None:
    """A preset, values that say which convention they are of, and `name=value`."""
    found = Conventions(payment_terms_days=14).changed(text, "--conventions").model_dump()

    assert found | chosen | {"payment_terms_days": 14} == found


WRONG = [
    ("lagoo", "--conventions: there is no 'lagoo'; did you mean 'lago'?"),
    ("half_evne", "--conventions: there is no 'half_evne'; did you mean 'half_even'?"),
    ("ratio_place=9", "--conventions: there is no 'ratio_place'; did you mean 'ratio_places'?"),
    ("ratio_places=nine", "--conventions: ratio_places: should be a valid integer, unable to parse string"),
    (
        "at_zero",
        "--conventions: 'at_zero' may mean several things; write first_flat=at_zero or minimum_due=at_zero",
    ),
    ("tier_edge=open", "--conventions: tier_edge: should be 'inclusive' or 'exclusive' (got 'open')"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_convention_is_named_with_a_remedy(text: str, message: str) -> None:
    """Misspelt, of several, or with a value that it cannot have."""
    with pytest.raises(Problems) as raised:
        Conventions().changed(text, "--conventions")

    assert str(raised.value).startswith(message)


def test_a_table_of_conventions_replaces_some() -> None:
    """As a request of a quote has it; what it does not name stays."""
    found = Conventions(rounding="down").changed({"tier_edge": "exclusive"}, "line 1")

    assert ("down", "exclusive") == (found.rounding, found.tier_edge)
    with pytest.raises(Problems) as raised:
        Conventions().changed({"tier_edges": "exclusive"}, "line 1")

    assert "line 1: tier_edges: unknown key; did you mean 'tier_edge'?" == str(raised.value)


def test_every_preset_is_a_biller_of_its_own() -> None:
    """Each is known by its name, says something, and what is given beside it replaces its choice."""
    assert set(get_args(Preset)) == set(PRESETS)
    for name, choices in PRESETS.items():
        found = Conventions.model_validate({"preset": name})

        assert choices
        assert found.model_dump() | choices == found.model_dump()
        assert found != Conventions(preset=found.preset).model_copy(update={"rounding": "down"})
    assert (
        "above_zero" == Conventions.model_validate({"preset": "lago", "first_flat": "above_zero"}).first_flat
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_a_quote_is_the_bill_under_every_preset(preset: str, tmp_path: Path) -> None:
    """What a shell says of a case is what a log is billed, line by line: fees, usage and coupons."""
    text = f"""
        conventions = {{ preset = "{preset}" }}
        meters.calls = {{}}
        meters.hours = {{}}
        discounts.ten-off = {{ amount = 10, on = ["recurring", "usage"] }}
        discounts.third = {{ share = 0.333 }}
        [plans.pro]
        name = "Pro"
        stream = "s"
        prices.seat = {{ per = "seat", unit_price = 19.99 }}
        prices.calls = {{ meter = "calls", unit_price = 0.0123, allowance = 50, minimum = 3, off = 0.1 }}
        prices.hours = {{ meter = "hours", model = "volume", tiers = [{{ flat_fee = 5 }}] }}
    """
    told = """
        2026-01-01T00:00:00  a  subscription.started  s pro 3 discount=third,ten-off
        2026-01-09           s  usage.recorded        calls 77
    """
    request = {
        "plan": "pro", "seats": 3, "usage": {"calls": 77}, "discount": "third,ten-off", "period": "2026-01",
    }  # fmt: skip
    names = ("price", "kind", "quantity", "amount")
    answer = quote(book(text), request, month=FIRST)
    quoted = [tuple(line[name] for name in names) for line in answer["lines"]]
    bill = [
        (price, kind, f"{quantity.normalize():f}", f"{amount.normalize():f}")
        for price, kind, quantity, amount in metered(tmp_path, text, told, 1).lines.select(names).iter_rows()
    ]

    assert bill == quoted
    assert {"seat", "calls"} <= {price for price, *_ in bill}

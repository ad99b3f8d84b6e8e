"""Causes: what of a change is whose, each case worked by hand; and laws for any two prices.

Small pays for 3,000 calls less 1,000 included, at $0.01: $20. Large used 900, all of it included; it brings
a partner 10 % of its bills, and has 10 seats with 10 % off.
"""

import random
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analytics.comparison import CAUSES, Comparison, compare
from analytics.comparison.ladder import MAXIMUM, MINIMUM, PRICE, TIER, plain, rungs, scaled
from billing.close import close
from billing.price import Rate
from billing.price_book import loads
from billing.pricing import amount
from tests.analytics.test_comparison import BOOK, FACTS, compared
from tests.ledgers import engine, posted, record
from tests.random_book import dump, rate
from tests.random_company import company

TIERS = "model = 'graduated'\ntiers = [{ up_to = 1000, unit_price = 0.02 }, { unit_price = 0.01 }]"
TIERED = BOOK.replace("unit_price = 0.01", TIERS)
YEARS = """
name = "windows"
[meters.devices]
[plans.oem]
name = "OEM"
stream = "oem"
[plans.oem.prices.royalty]
meter = "devices"
window = "life"
model = "graduated"
tiers = [{ up_to = 100, unit_price = 0 }, { unit_price = 1 }]
"""
DEVICES = """
2026-01-01  acme    account.signed_up     Acme a@example.com oem partner
2026-01-01  acme    subscription.started  acme-1 oem
2026-01-15  acme-1  usage.recorded        devices 60
2026-02-15  acme-1  usage.recorded        devices 60
2026-03-15  acme-1  usage.recorded        devices 60
"""
FREE_CALLS = """
[entitlements.free]
given_by = { plans = ["pro"], renews = "month" }
covers = { meter = "calls" }
quantity = 500
"""
PAID_AHEAD = """
2026-01-10  acme    account.signed_up     Acme a@example.com smb web
2026-01-10  acme    subscription.started  acme-1 pro billing=year seats=2
2026-03-21  acme    seats.changed         acme-1 5
"""


def told(found: Comparison) -> dict[str, str]:
    """Return the causes with their amounts as text."""
    return {name: f"{change.normalize():f}" for name, change in found.causes.iter_rows()}


CASES: dict[str, tuple[str, tuple[str, str], dict[str, str]]] = {
    # 500 more calls of small and 400 of large are paid for
    "fewer included": (
        BOOK,
        ("allowance = 1000", "allowance = 500"),
        {"allowance": "9", "partner share": "-0.4"},
    ),
    "a dearer call": (BOOK, ("unit_price = 0.01", "unit_price = 0.02"), {"price": "20"}),
    # 2,000 calls are two packages of 1,500, at $15 for $0.01 each: $30
    "packages of the same price": (
        BOOK,
        ("unit_price = 0.01", "model = 'package'\npackage_size = 1500\nunit_price = 15"),
        {"tier": "10"},
    ),
    "dearer packages": (
        BOOK,
        ("unit_price = 0.01", "model = 'package'\npackage_size = 1500\nunit_price = 18"),
        {"tier": "10", "price": "6"},
    ),
    "a minimum": (BOOK, ("allowance = 1000", "allowance = 1000\nminimum = 50"), {"minimum": "30"}),
    "a maximum": (BOOK, ("allowance = 1000", "allowance = 1000\nmaximum = 15"), {"maximum": "-5"}),
    # first the allowance at the old price (500 and 400 calls at $0.01), then the price of 2,500 and 400 calls
    "fewer included, and dearer": (
        BOOK,
        ("allowance = 1000\nunit_price = 0.01", "allowance = 500\nunit_price = 0.02"),
        {"allowance": "9", "price": "29", "partner share": "-0.8"},
    ),
    # 2,000 calls: 1,000 x $0.02 + 1,000 x $0.01 = $30; all of them in the first band: $40
    "a wider first band": (TIERED, ("up_to = 1000", "up_to = 2000"), {"tier": "10"}),
    "a dearer second band": (TIERED, ("{ unit_price = 0.01", "{ unit_price = 0.03"), {"price": "20"}),
    "volume for graduated": (TIERED, ("graduated", "volume"), {"tier": "-10"}),
    # one band of $0.012 for both: there was none such, so all of it is the shape
    "tiers that merge": (TIERED, (TIERS, "unit_price = 0.012"), {"tier": "-6"}),
    # 10 % more of large's 2 x $1,000, and a tenth of that less for the partner
    "a larger discount": (
        BOOK,
        ("share = 0.10", "share = 0.20"),
        {"discount": "-200", "partner share": "20"},
    ),
    "another share for partners": (
        BOOK,
        ("unit_price = 0.1\n", "unit_price = 0.2\n"),
        {"partner share": "-180"},
    ),
    "what is not sold any more": (
        BOOK,
        ('[plans.pro.prices.calls]\nmeter = "calls"\nallowance = 1000\nunit_price = 0.01', ""),
        {"plan": "-20"},
    ),
    "500 calls that a right covers": (
        BOOK,
        ("[discounts]", f"{FREE_CALLS}\n[discounts]"),
        {"entitlement": "-5"},
    ),
    "a limit of 2,500 calls": (
        BOOK,
        ("[discounts]", "[plans.pro.limits.calls]\nmeter = 'calls'\nquantity = 2500\n[discounts]"),
        {"limit": "-5"},
    ),
    "a fee for each subscription": (BOOK, ('per = "seat"', 'per = "subscription"'),
                                    {"meter": "-1800", "discount": "180", "partner share": "162"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_cause_has_its_own_share(case: str, tmp_path: Path) -> None:
    """What of a change is whose adds up to the change, and is what a calculation by hand gives."""
    book, edit, causes = CASES[case]
    changed = book.replace(*edit)
    assert changed != book
    found = compared(tmp_path, book, changed)

    assert causes == told(found)
    assert found.kept == found.causes_by("month", "segment")["change"].sum()


def test_what_was_used_is_first_and_at_the_old_price(tmp_path: Path) -> None:
    """4,000 calls instead of 3,000, each $0.03 instead of $0.01: $10 more used, then $60 by the price."""
    later = FACTS.replace("calls 3000", "calls 4000")
    found = compared(tmp_path, BOOK, BOOK.replace("unit_price = 0.01", "unit_price = 0.03"), later=later)

    assert told(found) == {"price": "60", "usage": "10"}


def test_what_customers_bought_is_usage_too(tmp_path: Path) -> None:
    """Two seats more for small, at the old $100, over two months; and each of three costs $20 more."""
    later = FACTS.replace("small-1 pro", "small-1 pro seats=3")
    dearer = BOOK.replace("unit_price = 100", "unit_price = 120")
    found = compared(tmp_path, BOOK, dearer, later=later)

    small = (
        found.shares.filter(found.shares["account"] == "small").group_by("cause").agg(pl.col("change").sum())
    )
    assert dict(small.iter_rows()) == {"usage": 400, "price": 120}


def test_a_window_counts_months_that_had_no_invoice(tmp_path: Path) -> None:
    """The first 100 devices are free: January has no invoice, but its 60 devices count in February."""
    dearer = YEARS.replace("unit_price = 1 }", "unit_price = 3 }")
    found = compared(tmp_path, YEARS, dearer, DEVICES, months=3)

    assert told(found) == {"price": "160"}  # 20 and 60 devices, $2 each
    wider = compared(
        tmp_path / "wider", YEARS, YEARS.replace("up_to = 100", "up_to = 150"), DEVICES, months=3
    )
    assert told(wider) == {"tier": "-50"}
    by_year = compared(tmp_path / "none", YEARS, YEARS.replace('window = "life"\n', ""), DEVICES, months=3)
    assert told(by_year) == {"tier": "-80"}  # each month begins anew, and stays below 100


def test_years_that_are_paid_and_credited_are_priced_as_years(tmp_path: Path) -> None:
    """Two seats for a year, then five: what was paid is credited at its price, and all of it is the price."""
    annual = BOOK.replace("unit_price = 100", "unit_price = 100\nannual = { unit_price = 1000 }")
    found = compared(tmp_path, annual, annual.replace("1000 }", "1100 }"), PAID_AHEAD, months=4)

    assert {"price", "rounding"} >= set(told(found))
    assert found.causes["cause"][0] == "price"
    # 2 x $100 on 10 January, then 3 x $100 for the 295 of 365 days that were left on 21 March
    assert abs(found.causes["change"][0] - (200 + Decimal(300) * 295 / 365)) < Decimal("0.01")


def test_a_change_with_time_is_the_price_from_its_day_on(tmp_path: Path) -> None:
    """$100 -> $120 a seat from February on, for everybody: one month of 11 seats."""
    later = BOOK.replace(
        "unit_price = 100", "unit_price = 100\nchanges = [{ starts_on = 2026-02-01, unit_price = 120 }]"
    )
    found = compared(tmp_path, BOOK, later)

    assert told(found) == {"price": "220", "discount": "-20", "partner share": "-18"}
    assert {"2026-02"} == set(found.causes_by("month")["month"])


def test_old_customers_that_keep_their_price_have_no_share(tmp_path: Path) -> None:
    """Only who comes from February on pays the new price: here, nobody."""
    later = BOOK.replace(
        "unit_price = 100",
        'unit_price = 100\nchanges = [{ starts_on = 2026-02-01, applies = "new", unit_price = 120 }]',
    )

    assert not told(compared(tmp_path, BOOK, later))


def test_a_part_of_a_month_is_a_part_of_the_change(tmp_path: Path) -> None:
    """22 of 31 days at $62 -> $93; in months of 30 days, the part of the period changes, at the old price."""
    facts = FACTS.replace("2026-01-01  small  sub", "2026-01-10  small  sub")
    at_62 = BOOK.replace("unit_price = 100", "unit_price = 62")
    found = compared(tmp_path / "price", at_62, at_62.replace("unit_price = 62", "unit_price = 93"), facts)
    small = found.shares.filter(found.shares["account"] == "small", found.shares["price"] == "seats")
    assert small.select("cause", "change").rows() == [("price", Decimal(22 + 31))]

    thirty = at_62.replace("[meters", '[conventions]\ndivisor = "fixed_30"\n[meters')
    found = compared(tmp_path / "part", at_62, thirty, facts)
    small = found.shares.filter(found.shares["account"] == "small", found.shares["price"] == "seats")
    part = dict(small.select("cause", "change").iter_rows())
    assert abs(part["proration"] - (Decimal(62) * 22 / 30 - Decimal(62) * 22 / 31)) < Decimal("0.0001")
    assert set(part) == {"proration", "rounding"}


def test_periods_from_an_anchor_are_a_convention(tmp_path: Path) -> None:
    """The same events billed from the 10th to the 10th fall in other months: that is no other usage."""
    facts = FACTS.replace("2026-01-01", "2026-01-10")
    anchored = BOOK.replace("[meters", '[conventions]\nperiods = "anniversary"\n[meters')
    found = compared(tmp_path, BOOK, anchored, facts, months=3)

    assert {"convention", "proration", "discount", "partner share", "rounding"} >= set(told(found))
    assert "convention" in told(found)
    assert found.kept == sum(found.causes["change"])


def test_cents_that_rounding_makes_are_called_so(tmp_path: Path) -> None:
    """1,001 calls: $0.0049 is no cent and $0.0051 is one; of this cent, $0.0002 is the price."""
    facts = FACTS.replace("calls 3000", "calls 1001")
    cheap = BOOK.replace("unit_price = 0.01", "unit_price = 0.0049")
    found = compared(tmp_path, cheap, cheap.replace("0.0049", "0.0051"), facts)

    assert found.causes_by().rows() == [("price", Decimal("0.0002")), ("rounding", Decimal("0.0098"))]
    assert told(found) == {"rounding": "0.01"}


def test_one_plan_for_several_is_the_shape_of_the_price(tmp_path: Path) -> None:
    """Calls above 1,000 stepped to another plan at $0.01; now one plan has both bands: nothing changes."""
    steps = """
name = "steps"
[meters.calls]
[plans.first]
name = "First"
stream = "subs"
limits.calls = { meter = "calls", quantity = 1000, then = "second" }
prices.calls = { meter = "calls", unit_price = 0.02 }
[plans.second]
name = "Second"
stream = "subs"
prices.calls = { meter = "calls", unit_price = 0.01 }
"""
    one = """
name = "one"
replaces = { first = "payg", second = "payg" }
[meters.calls]
[plans.payg]
name = "One"
stream = "subs"
[plans.payg.prices.calls]
meter = "calls"
model = "graduated"
tiers = [{ up_to = 1000, unit_price = 0.02 }, { unit_price = 0.01 }]
"""
    facts = FACTS.replace("small-1 pro", "small-1 first").replace(
        "large-1 pro seats=10 discount=early", "large-1 first"
    )
    facts = "\n".join(line for line in facts.splitlines() if "deal" not in line)

    assert not told(compared(tmp_path / "same", steps, one, facts))
    found = compared(tmp_path / "wide", steps, one.replace("1000", "2000"), facts)
    assert told(found) == {"tier": "10"}


def dearer(price: dict[str, Any]) -> None:
    """Raise every number of a price by a quarter."""
    for part in (price, *price.get("tiers", ())):
        for name in sorted({"unit_price", "flat_fee"} & part.keys()):
            part[name] = (Decimal(part[name]) * Decimal("1.25")).quantize(Decimal("0.000001"))


def changed(draw: random.Random, book: dict[str, Any]) -> dict[str, Any]:
    """Change about half of the prices of a book: a number, what is included, the whole rate, or a bound."""
    prices = [price for plan in book["plans"].values() for price in plan.get("prices", {}).values()]
    for price in prices:
        how = draw.choice(["nothing", "nothing", "price", "allowance", "rate", "minimum", "maximum"])
        if "share_of" in price or how == "nothing":
            continue
        if how == "price":
            dearer(price)
        elif how == "allowance" and "meter" in price:
            price["allowance"] = draw.choice([0, 5, 50, 500])
        elif how == "rate":
            for name in ("model", "unit_price", "flat_fee", "package_size", "packages", "tiers"):
                price.pop(name, None)
            price |= {name: value for name, value in rate(draw).items() if name not in ("minimum", "maximum")}
        elif how == "minimum":
            price["minimum"] = Decimal(10)
            price["maximum"] = max(Decimal(price.get("maximum", 10**9)), Decimal(10))
        elif how == "maximum":
            price["maximum"] = max(Decimal(20), Decimal(price.get("minimum", 0)))
    return book


@pytest.mark.parametrize("seed", [0, 3, 9, 17])
def test_every_change_of_a_random_book_is_explained(seed: int, tmp_path: Path) -> None:
    """Whatever prices change, every line is priced again to the digit, and the causes add up."""
    text, events, months = company(seed)
    after = dump(changed(random.Random(seed), tomllib.loads(text, parse_float=Decimal)))
    log = record(tmp_path, events, len(months), first=months[0].starts_on)
    books = loads(text), loads(after)
    ledgers = [posted(close(log, book=book, connection=engine())) for book in books]
    found = compare(*ledgers, books=books)

    assert found.kept == found.causes["change"].sum() == found.causes_by("plan", "account")["change"].sum()
    not_of_prices = {"unexplained", "usage", "proration", "convention", "meter", "limit", "entitlement"}
    assert not not_of_prices & set(found.causes["cause"])


def rates(seed: int) -> tuple[Rate, Rate]:
    """Make up two rates."""
    draw = random.Random(seed)
    return Rate.model_validate(rate(draw)), Rate.model_validate(rate(draw))


@pytest.mark.parametrize("seed", range(60))
def test_the_ladder_leads_from_one_price_to_the_other(seed: int) -> None:
    """The last rung costs what the new price costs; each cause comes once, in the fixed order."""
    old, new = rates(seed)
    steps = rungs(old, new)
    order = [TIER, PRICE, MINIMUM, MAXIMUM]

    assert [step.cause for step in steps] == [
        name for name in order if name in {step.cause for step in steps}
    ]
    last = steps[-1].rate if steps else plain(old)
    for quantity in (Decimal(0), Decimal(1), Decimal("99.5"), Decimal(100_000)):
        assert amount(last, quantity) == amount(new, quantity)
        assert amount(scaled(old, 12), quantity) - amount(old, quantity) * 12 < Decimal("0.000001")
    assert not rungs(old, old)


@pytest.mark.parametrize("seed", range(30))
def test_prices_alone_are_the_price(seed: int) -> None:
    """Where only numbers of money change, no share is the shape's."""
    old, _ = rates(seed)
    times = Decimal("1.25")
    tiers = tuple(tier.model_copy(update={"unit_price": tier.unit_price * times}) for tier in old.tiers)
    new = old.model_copy(
        update={"unit_price": old.unit_price and old.unit_price * times, "tiers": tiers,
                "flat_fee": old.flat_fee and old.flat_fee * times}
    )  # fmt: skip

    assert {PRICE} == {step.cause for step in rungs(old, new)}


def test_every_cause_is_explained() -> None:
    """A name without a meaning tells nobody anything."""
    assert all(meaning for meaning in CAUSES.values())

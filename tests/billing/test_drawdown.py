"""Draw-down: which usage is covered by which grant, day by day, and that nothing is lost or covered twice."""

import json
import random
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from billing.ledger import digests
from metering.period import add_months
from tests.ledgers import Tables, closed, expected, lines, metered, posted, rows

BOOK = """
    meters.jobs = { dimensions = ["kind"] }
    meters.orders = { event = "order.placed", quantity = "quantity", dimensions = ["item"] }
    [plans.pro]
    name = "Pro"
    stream = "s"
    prices.jobs = { meter = "jobs", unit_price = 10 }
    [plans.catalog]
    name = "Catalog"
    stream = "s"
    prices.orders = { meter = "orders", unit_price = 100 }
    [entitlements]
    long.given_by = { meter = "orders", where = { item = "long" } }
    long.covers = { meter = "jobs" }
    long.quantity = 10
    long.months = 12
    short.given_by = { meter = "orders", where = { item = "short" } }
    short.covers = { meter = "jobs" }
    short.quantity = 4
    short.months = 1
    ever.given_by = { meter = "orders", where = { item = "ever" } }
    ever.covers = { meter = "jobs" }
    ever.quantity = 10
    cheap.given_by = { meter = "orders", where = { item = "cheap" } }
    cheap.covers = { meter = "jobs" }
    cheap.months = 1
    cheap.share = 0.5
    large.given_by = { meter = "orders", where = { item = "large" } }
    large.covers = { meter = "jobs", where = { kind = ["large", "huge"] } }
    large.months = 1
"""
STARTED = """
    2026-01-01  acme  account.signed_up  Acme acme@example.com smb web
    2026-01-01  acme  subscription.started  acme-1 pro
    2026-01-01  acme  subscription.started  acme-2 pro
"""

DRAWN = [
    pytest.param(
        """
        2026-01-05  acme    order.placed    long
        2026-01-05  acme    order.placed    ever
        2026-01-06  acme    order.placed    short
        2026-01-10  acme-1  usage.recorded  jobs 20
        """,
        "ever 6, long 10, short 4",
        0,
        id="what expires first is drawn first, what never does last",
    ),
    pytest.param(
        """
        2026-01-05  acme    order.placed    cheap
        2026-01-05  acme    order.placed    ever
        2026-01-10  acme-1  usage.recorded  jobs 12
        """,
        "cheap 2, ever 10",
        2,
        id="what is free comes before what is cheaper",
    ),
    pytest.param(
        """
        2026-01-09  acme-1  usage.recorded  jobs 3    # too early
        2026-01-10  acme-1  usage.recorded  jobs 1    # on the day, before the order came
        2026-01-10T23:00  acme    order.placed  short
        2026-02-09  acme-1  usage.recorded  jobs 1    # the last day
        2026-02-10  acme-1  usage.recorded  jobs 2    # too late
        """,
        "short 1, short 1",
        5,
        id="from the day it is given to the day before it expires",
    ),
    pytest.param(
        """
        2026-01-05  acme    order.placed    short
        2026-01-10  acme-2  usage.recorded  jobs 3
        2026-01-10  acme-1  usage.recorded  jobs 3
        """,
        "short 1, short 3",
        2,
        id="for every subscription of the account, in their order",
    ),
    pytest.param(
        """
        2026-01-05  acme    order.placed    large
        2026-01-10  acme-1  usage.recorded  jobs 300 '{"kind":"huge"}'
        2026-01-10  acme-1  usage.recorded  jobs 3 '{"kind":"small"}'
        2026-01-10  acme-1  usage.recorded  jobs 200 '{"kind":"large"}'
        """,
        "large 200, large 300",
        3,
        id="without an end of units, for some values of a dimension",
    ),
    pytest.param(
        """
        2026-01-05  acme    order.placed    long
        2026-01-06  acme-1  usage.recorded  jobs 8
        2026-01-07  acme-1  usage.corrected  jobs -5 mistaken
        """,
        "long 3",
        0,
        id="no more than was used in the month",
    ),
    pytest.param(
        """
        2026-01-05  bolt    account.signed_up  Bolt bolt@example.com smb web
        2026-01-05  bolt    order.placed    long
        2026-01-06  acme-1  usage.recorded  jobs 8
        """,
        "",
        8,
        id="nobody draws what another account has",
    ),
    pytest.param(
        """
        2026-01-05  acme    order.placed    long
        2026-01-05  acme    subscription.started  acme-3 pro trial_days=20
        2026-01-06  acme-3  usage.recorded  jobs 8
        """,
        "",
        0,
        id="a trial draws nothing",
    ),
]


@pytest.mark.parametrize(("told", "drawn", "rated"), DRAWN)
def test_usage_draws_grants_down(told: str, drawn: str, rated: int, tmp_path: Path) -> None:
    """What grants cover for free is rated no more; what they make cheaper is rated in full."""
    tables = closed(tmp_path, BOOK, STARTED + told, 2)

    found = [f"{grant.partition('/')[0]} {n}" for grant, n in rows(tables["drawdowns"], "grant quantity")]
    usage = tables["invoice_lines"].filter(pl.col("meter") == "jobs", pl.col("kind") == "usage")
    assert drawn == ", ".join(sorted(found, key=lambda word: (word.split()[0], int(word.split()[1]))))
    assert rated == usage["quantity"].sum()


def test_a_line_rates_what_is_left(tmp_path: Path) -> None:
    """15 jobs, 4 of the first grant and 10 of the second: the line rates 1, the usage stays 15."""
    told = f"""{STARTED}
    2026-01-05  acme    order.placed    long
    2026-01-05  acme    order.placed    short
    2026-01-10  acme-1  usage.recorded  jobs 15
    """
    bill = metered(tmp_path, BOOK, told, 1)

    assert [("1", "10.00")] == lines(bill, "quantity amount", price="jobs")
    assert [("15",)] == rows(bill.usage, "quantity", meter="jobs")
    assert rows(bill.drawdowns, "grant month subscription phase_no meter quantity") == expected(
        """
        long/3  2026-01  acme-1  1  jobs  10
        short/4  2026-01  acme-1  1  jobs  4
        """
    )


def test_what_is_above_a_limit_draws_nothing(tmp_path: Path) -> None:
    """10 of 15 jobs are served, 4 of them drawn; the 5 refused are not made good by a grant."""
    text = BOOK.replace(
        "[plans.catalog]", '[plans.pro.limits]\n jobs = { meter = "jobs", quantity = 10 }\n[plans.catalog]'
    )
    told = f"{STARTED} 2026-01-05 acme order.placed short\n2026-01-10 acme-1 usage.recorded jobs 15"
    tables = closed(tmp_path, text, told, 1)

    assert [("6",)] == lines(tables, "quantity", price="jobs")
    assert [("over_limit", "5")] == rows(tables["unrated_usage"], "reason quantity")
    assert [("4",)] == rows(tables["drawdowns"], "quantity")


ITEMS = {"long": (10, 12), "short": (4, 1), "ever": (10, None), "cheap": (None, 1), "large": (None, 1)}
"""How many units an item gives, and for how many months, as the book says."""


def story(seed: int) -> list[tuple[date, str, str, int, str]]:
    """Tell what is ordered and used in half a year: (day, who, what, quantity, kind of job)."""
    rng = random.Random(seed)
    found = []
    for _ in range(130):
        day = date(2026, 1, 1) + timedelta(days=rng.randrange(181))
        if rng.random() < 0.15:
            found.append((day, "acme", rng.choice(list(ITEMS)), 1, ""))
        else:
            kind = rng.choice(["small", "large", "huge"])
            found.append((day, rng.choice(["acme-1", "acme-2"]), "jobs", rng.randrange(1, 5), kind))
    return found


def told(happened: list[tuple[date, str, str, int, str]], rng: random.Random) -> str:
    """Write a story as a table of facts, in any order: each fact is named by its place in the story."""
    lines = [
        f"{day} {who} order.placed {what}"
        if who == "acme"
        else f"{day} {who} usage.recorded {what} {quantity} '{json.dumps({'kind': kind})}'"
        for day, who, what, quantity, kind in happened
    ]
    rng.shuffle(lines)
    return STARTED + "\n".join(lines)


class Stock(NamedTuple):
    """A grant of the plain way; what is left of it is counted beside it."""

    is_cheap: bool
    ends_on: date
    granted_on: date
    place: int
    item: str

    def fits(self, day: date, kind: str) -> bool:
        """Whether it covers a job of a kind on a day."""
        in_life = self.granted_on <= day < self.ends_on
        return in_life and (self.item != "large" or kind in {"large", "huge"})


def walked(happened: list[tuple[date, str, str, int, str]]) -> dict[tuple[str, date], int]:
    """Cover single units one after the other, the plain way: (item, month) -> units."""
    stock: list[tuple[Stock, list[None] | None]] = []
    for day, _, what, _, _ in happened:
        if what in ITEMS:
            units, months = ITEMS[what]
            ends_on = date.max if months is None else add_months(day, months)
            one = Stock(what == "cheap", ends_on, day, list(ITEMS).index(what), what)
            stock.append((one, None if units is None else [None] * units))
    covered: dict[tuple[str, date], int] = defaultdict(int)
    used = sorted((day, who, kind, n) for day, who, what, n, kind in happened if what == "jobs")
    for day, _, kind, quantity in used:
        for _ in range(quantity):
            fitting = [pair for pair in stock if pair[0].fits(day, kind) and pair[1] != []]
            if fitting:
                best, left = min(fitting, key=lambda pair: pair[0][:4])
                if left is not None:
                    left.pop()
                covered[best.item, day.replace(day=1)] += 1
    return covered


@pytest.fixture(scope="module", params=range(3))
def seed(request: pytest.FixtureRequest) -> int:
    """Give the seed of a company."""
    return int(request.param)


@pytest.fixture(scope="module")
def tables(seed: int, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Close a random company, all months at once."""
    return closed(tmp_path_factory.mktemp("drawn"), BOOK, told(story(seed), random.Random(1)), 6)


def test_draws_agree_with_a_walk_over_single_units(seed: int, tables: Tables) -> None:
    """Each unit of usage takes the first of the grants that fit, in their order."""
    entitlement = pl.col("grant").str.split("/").list.first()
    found = tables["drawdowns"].group_by(entitlement.alias("item"), "month").agg(pl.col("quantity").sum())

    assert dict(walked(story(seed))) == {(item, month): units for item, month, units in found.iter_rows()}


def test_every_unit_is_rated_drawn_or_unrated(tables: Tables) -> None:
    """No unit is lost, and none is paid for and free at once."""
    free = tables["grants"].filter("free").select("grant")
    jobs = pl.col("meter") == "jobs"
    parts = [tables[name].filter(jobs) for name in ("rated_usage", "unrated_usage")]
    parts.append(tables["drawdowns"].join(free, on="grant", how="semi"))
    used = sum(row[0] for row in tables["usage"].filter(jobs).select("quantity").iter_rows())

    assert len(parts[-1])
    assert used == sum(row[0] for part in parts for row in part.select("quantity").iter_rows())


def test_no_grant_is_drawn_further_than_it_goes(tables: Tables) -> None:
    """What was drawn is the sum of the draw-downs, and no more than was given."""
    grants = tables["grants"]
    sums = tables["drawdowns"].group_by("grant").agg(pl.col("quantity").sum().alias("sum"))

    assert 0 == len(grants.filter(pl.col("drawn") > pl.col("quantity")))
    assert grants["drawn"].sum() == sums["sum"].sum()
    assert (
        grants.filter(pl.col("drawn") > 0)
        .join(sums, on="grant")
        .select("drawn")
        .equals(grants.filter(pl.col("drawn") > 0).join(sums, on="grant").select(drawn="sum"))
    )


@pytest.mark.parametrize("step", [1, 4])
def test_steps_and_the_order_of_delivery_do_not_matter(
    step: int, seed: int, tables: Tables, tmp_path: Path
) -> None:
    """Months one by one give every table that all at once give, byte for byte."""
    again = closed(tmp_path, BOOK, told(story(seed), random.Random(1)), 6, step=step)

    assert digests(posted(tables)) == digests(posted(again))


def test_the_names_of_events_do_not_matter(seed: int, tables: Tables, tmp_path: Path) -> None:
    """Told in another order, facts have other names and places in the log: invoices are the same."""
    again = closed(tmp_path, BOOK, told(story(seed), random.Random(2)), 6)

    assert tables["invoice_lines"].equals(again["invoice_lines"])

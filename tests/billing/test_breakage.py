"""Breakage: what sells units ahead is earned as they are drawn, and what is left when they expire at once."""

import random
from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import polars as pl
import pytest

from billing.ledger import digests
from simulator.invariants import PACKS
from tests.ledgers import Tables, closed, expected, posted, rows

BOOK = """
    meters.jobs = {}
    meters.orders = { event = "order.placed", quantity = "quantity", dimensions = ["item"] }
    [plans.pro]
    name = "Pro"
    stream = "s"
    prices.jobs = { meter = "jobs", unit_price = 10 }
    [plans.catalog]
    name = "Catalog"
    stream = "packs"
    prices.pack = { meter = "orders", where = { item = "pack" }, unit_price = 100 }
    prices.card = { meter = "orders", where = { item = "card" }, unit_price = 20 }
    [entitlements.pack]
    given_by = { meter = "orders", where = { item = "pack" } }
    covers = { meter = "jobs" }
    quantity = 12
    months = 3
    deferred = true
    [entitlements.card]
    given_by = { meter = "orders", where = { item = "card" } }
    covers = { meter = "orders", where = { item = "pack" } }
    quantity = 1
    amount = 10
"""
STARTED = """
    2026-01-01  acme  account.signed_up  Acme acme@example.com smb web
    2026-01-01  acme  subscription.started  acme-1 pro
"""

EARNED = [
    pytest.param(
        """
        2026-01-10  acme    order.placed    pack      # 12 for 100, until 9 April
        2026-01-20  acme-1  usage.recorded  jobs 3
        2026-03-20  acme-1  usage.recorded  jobs 5
        """,
        """
        2026-01  invoice  -100.00
        2026-01  recognition  25.00
        2026-03  recognition  41.67   # 100 x 8/12 - 25.00
        2026-04  breakage  33.33
        """,
        id="drawn in part",
    ),
    pytest.param(
        """
        2026-01-10  acme    order.placed    pack
        2026-01-20  acme-1  usage.recorded  jobs 50
        """,
        """
        2026-01  invoice  -100.00
        2026-01  recognition  100.00
        """,
        id="drawn at once",
    ),
    pytest.param(
        "2026-01-01  acme  order.placed  pack",
        """
        2026-01  invoice  -100.00
        2026-03  breakage  100.00   # its last day is 31 March
        """,
        id="never drawn; the last day counts, not the day after",
    ),
    pytest.param(
        "2026-05-02  acme  order.placed  pack",
        "2026-05  invoice  -100.00",
        id="not expired yet",
    ),
    pytest.param(
        """
        2026-01-10  acme    order.placed    pack
        2026-01-25  acme    order.placed    pack       # on the same line: 24 for 200
        2026-02-20  acme-1  usage.recorded  jobs 3     # of the first
        2026-04-20  acme-1  usage.recorded  jobs 4     # of the second: the first has expired
        """,
        """
        2026-01  invoice  -200.00
        2026-02  recognition  25.00
        2026-04  recognition  33.33    # everything less 25.00 and the breakage
        2026-04  breakage  141.67      # 9 expired on 9 April, 8 on 24 April: 200 x 17/24
        """,
        id="two on one line",
    ),
    pytest.param(
        """
        2026-01-10  acme    order.placed    pack 2     # one event, 24 for 200
        2026-02-20  acme-1  usage.recorded  jobs 15
        """,
        """
        2026-01  invoice  -200.00
        2026-02  recognition  125.00
        2026-04  breakage  75.00
        """,
        id="two at once",
    ),
    pytest.param(
        """
        2026-01-05  acme    order.placed    card       # 10 off a pack
        2026-01-10  acme    order.placed    pack
        2026-02-20  acme-1  usage.recorded  jobs 3
        """,
        """
        2026-01  invoice  -90.00
        2026-02  recognition  22.50    # what is taken off the pack goes with it
        2026-04  breakage  67.50
        """,
        id="with a coupon",
    ),
]


@pytest.mark.parametrize(("told", "table"), EARNED)
def test_a_pack_is_earned_as_it_is_drawn(told: str, table: str, tmp_path: Path) -> None:
    """What is deferred is debited as units are drawn, and with what expires it reaches zero."""
    tables = closed(tmp_path, BOOK, STARTED + told, 6)

    held = tables["postings"].filter(pl.col("ledger_account") == "deferred_revenue")
    kinds = held.join(tables["entries"].select("entry", "kind"), on="entry")
    sums = kinds.group_by("month", "kind").agg(pl.col("amount").sum()).sort("month", "kind")
    found = sums.filter(pl.col("amount") != 0)
    order = {"invoice": 0, "recognition": 1, "breakage": 2}
    assert sorted(expected(table), key=lambda row: (row[0], order[row[1]])) == sorted(
        rows(found, "month kind amount"), key=lambda row: (row[0], order[row[1]])
    )


def company(seed: int) -> str:
    """Tell a company that orders packs and cards, and works at random."""
    rng = random.Random(seed)
    told = [STARTED]
    for _ in range(60):
        day = date(2026, 1, 1) + timedelta(days=rng.randrange(150))
        if rng.random() < 0.3:
            told.append(
                f"{day} acme order.placed {rng.choice(('pack', 'pack', 'card'))} {rng.randrange(1, 3)}"
            )
        else:
            told.append(f"{day} acme-1 usage.recorded jobs {rng.randrange(1, 9)}")
    return "\n".join(told)


@pytest.fixture(scope="module", params=range(3))
def seed(request: pytest.FixtureRequest) -> int:
    """Give the seed of a company."""
    return int(request.param)


@pytest.fixture(scope="module")
def tables(seed: int, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Close a random company, until all its packs have expired."""
    return closed(tmp_path_factory.mktemp("broken"), BOOK, company(seed), 9)


def test_what_is_deferred_reaches_zero_once_everything_expired(tables: Tables) -> None:
    """To the cent, on every line; and a line is earned in no month before its own."""
    held = tables["postings"].filter(pl.col("ledger_account") == "deferred_revenue")

    assert len(held)
    sums = held.group_by("invoice", "line_no").agg(pl.col("amount").sum())
    assert 0 == len(sums.filter(pl.col("amount") != 0))
    balance = pl.col("amount").cum_sum().over("invoice", "line_no", order_by="month")
    packs = tables["invoice_lines"].filter(pl.col("kind") == "usage")
    running = held.join(packs, on=["invoice", "line_no"], how="semi").with_columns(balance=balance)
    assert 0 == len(running.filter(pl.col("balance") > 0))


def test_breakage_is_the_part_of_the_price_that_was_not_drawn(tables: Tables) -> None:
    """By the plain sum over lines: billed x (granted - drawn) / granted, rounded once a line."""
    grants: dict[tuple[str, int], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for invoice, number, granted, drawn in (
        tables["grants"].select("invoice", "line_no", "quantity", "drawn").iter_rows()
    ):
        if invoice:
            grants[invoice, number][0] += granted
            grants[invoice, number][1] += drawn
    lines = {(row["invoice"], row["line_no"]): row for row in tables["invoice_lines"].iter_rows(named=True)}
    lost = Decimal(0)
    for name, (granted, drawn) in grants.items():
        for row in lines.values():
            same = all(row[key] == lines[name][key] for key in ("invoice", "price", "dimensions"))
            if same:
                part = row["amount"] * (granted - drawn) / granted
                lost += part.quantize(Decimal("0.01"), ROUND_HALF_UP)

    found = tables["postings"].join(tables["entries"].filter(kind="breakage"), on="entry", how="semi")
    assert lost > 0
    assert -lost == found.filter(pl.col("ledger_account") == "revenue")["amount"].sum()


@pytest.mark.parametrize("months", [5, 6, 7, 8])
def test_what_is_deferred_is_what_is_left_at_every_months_end(months: int, seed: int, tmp_path: Path) -> None:
    """However early the books are closed, a pack's part that is not drawn and not expired is deferred."""
    connection = posted(closed(tmp_path, BOOK, company(seed), months))

    assert [] == connection.sql(PACKS.wrong.replace("{unit}", "0.01")).fetchall()


@pytest.mark.parametrize("step", [1, 3])
def test_months_one_by_one_come_to_the_same_ledger(
    step: int, seed: int, tables: Tables, tmp_path: Path
) -> None:
    """What grants have left is carried from month to month."""
    again = closed(tmp_path, BOOK, company(seed), 9, step=step)

    assert digests(posted(tables)) == digests(posted(again))

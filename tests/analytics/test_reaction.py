"""Channels: what customers do otherwise adds up to the reaction, and lies where it belongs."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from analytics.reaction import CHANNELS, by_channel, counts
from tests.ledgers import closed, posted

BOOK = """
    [meters.calls]
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.seats = { per = "seat", unit_price = 100, annual = { unit_price = 1_000 } }
    prices.calls = { meter = "calls", unit_price = 2 }
    [plans.basic]
    name = "Basic"
    stream = "subscriptions"
    prices.seats = { per = "seat", unit_price = 60 }
"""
SIGN_UP = "2026-01-01  {0}  account.signed_up  {0} {0}@example.com smb web"
START = "2026-01-01  {0}  subscription.started  {0}-1 pro {1}"


def ledger(folder: Path, *lines: str) -> duckdb.DuckDBPyConnection:
    """Return the ledger of three months of what happens."""
    folder.mkdir(exist_ok=True)
    return posted(closed(folder, BOOK, "\n".join(lines), 3))


def signed(name: str, rest: str = "seats=1") -> list[str]:
    """Return the facts of who signs up and subscribes to Pro."""
    return [SIGN_UP.format(name), START.format(name, rest)]


CASES = {
    "sign up": (signed("b"), [], -300),
    "stay": (
        signed("b"),
        [*signed("b"), "2026-01-20  b  subscription.cancelled  b-1 2026-02-01"],
        -200,
    ),
    "plan": (signed("b"), [*signed("b"), "2026-02-01  b  plan.changed  b-1 basic seats=1"], -80),
    "pay yearly": (signed("b"), signed("b", "seats=1 billing=year"), 700),
    "use": (
        [*signed("b"), "2026-02-03  b-1  usage.recorded  calls 10"],
        [*signed("b"), "2026-02-03  b-1  usage.recorded  calls 4"],
        -12,
    ),
    "seats and add-ons": (signed("b"), [*signed("b"), "2026-02-01  b  seats.changed  b-1 3"], 400),
}
"""What b does without reacting, what it does reacting, and what that changes of the bills."""


@pytest.mark.parametrize("name", CHANNELS)
def test_each_thing_that_customers_do_is_its_own_channel(tmp_path: Path, name: str) -> None:
    """B does one thing otherwise, a does not; everything lies in the one channel."""
    frozen, reacting, change = CASES[name]
    ledgers = [
        ledger(tmp_path / where, *signed("a"), *facts)
        for where, facts in (("frozen", frozen), ("reacting", reacting))
    ]

    found = by_channel(*ledgers)

    assert {key: value for key, value in found.items() if value} == {name: Decimal(change)}


def test_all_of_them_together_add_up_to_the_whole_difference(tmp_path: Path) -> None:
    """Six customers, each with another reaction: the channels are those of each, and their sum the bills'."""
    ledgers = [ledger(tmp_path / where, *_named(where)) for where in ("frozen", "reacting")]

    found = by_channel(*ledgers)

    assert found == {name: Decimal(change) for name, (_, _, change) in CASES.items()}
    sums = [one.sql("select sum(amount) from invoice_lines").fetchall()[0][0] for one in ledgers]
    assert sum(found.values()) == sums[1] - sums[0]


def _named(where: str) -> list[str]:
    """Return the facts of all cases, of a customer of its own each."""
    lines = list[str]()
    for number, (frozen, reacting, _) in enumerate(CASES.values()):
        for line in frozen if where == "frozen" else reacting:
            words = [
                word.replace("b-1", f"c{number}-1") if "b-1" in word else word for word in line.split("  ")
            ]
            lines.append("  ".join(f"c{number}" if word == "b" else word for word in words))
    return lines


def test_counts_tell_what_happened(tmp_path: Path) -> None:
    """Two sign-ups, one of whom leaves and one of whom pays by the year and uses ten calls."""
    one = ledger(
        tmp_path / "one",
        *signed("a", "seats=1 billing=year"),
        *signed("b"),
        "2026-02-03  a-1  usage.recorded  calls 10",
        "2026-01-20  b  subscription.cancelled  b-1 2026-02-01",
    )

    found = counts(one)

    assert {name: int(value) for name, value in found.items()} == {
        "sign_ups": 2, "first_payments": 2, "churned": 1, "contractions": 0, "expansions": 0,
        "paid_yearly": 1, "usage": 10,
    }  # fmt: skip

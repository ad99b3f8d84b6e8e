"""Excerpts: the log of some accounts as a log of its own, billed as these accounts are among all."""

from pathlib import Path

import polars as pl
import pytest

from billing import replay
from metering.document import Problems
from metering.excerpt import accounts_of, excerpt
from metering.log import Log
from metering.selection import Selection
from tests import stories
from tests.ledgers import book, record

BOOK = """
currency = "USD"
meters.calls = { aggregation = "sum" }
[plans.pro]
name = "Pro"
stream = "subscriptions"
[plans.pro.prices.seats]
per = "seat"
unit_price = 30
[plans.pro.prices.calls]
meter = "calls"
unit_price = 2
"""

FACTS = """
2026-01-01             acme    account.signed_up     Acme a@example.com smb self_serve
2026-01-01             acme    subscription.started  acme-1 pro seats=3
2026-01-05             acme-1  usage.recorded        calls 10
2026-01-06             acme-1  usage.corrected       calls -4 mistake
2026-01-30>2026-02-02  acme-1  usage.recorded        calls 5          # known in February
2026-01-01             bolt    account.signed_up     Bolt b@example.com smb self_serve
2026-01-01             bolt    subscription.started  bolt-1 pro
2026-02-05             bolt-1  usage.recorded        calls 7
2026-02-06             bolt-1  usage.corrected       calls 1 other corrects=test/7
2026-02-07             firm    money.spent           hosting 100
"""

MONEY = ("invoices", "invoice_lines", "subscription_phases", "mrr_balances", "mrr_movements")


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Record two accounts with late usage and corrections."""
    return record(tmp_path / "whole", FACTS, 2)


@pytest.mark.parametrize("account", ["acme", "bolt"])
def test_an_excerpt_bills_its_accounts_as_they_are_billed_among_all(
    account: str, log: Log, tmp_path: Path
) -> None:
    """Lines, invoices and recurring revenue are the same; late usage and corrections come along."""
    made = excerpt(log, [account], tmp_path / "log")
    whole, alone = replay(log, book(BOOK)), replay(made, book(BOOK))

    for name in MONEY:
        mine = whole.table(name).filter(pl.col("account") == account)
        assert len(mine), name
        assert mine.equals(alone.table(name)), name
    assert not made.flaws()
    assert Log.open(made.directory).head == made.head


def test_corrections_of_a_selection_count(log: Log) -> None:
    """A correction is about a subscription: 10 - 4 calls and 3 seats, and the 5 that came late."""
    lines = replay(log, book(BOOK), accounts=["acme"]).table("invoice_lines")

    assert {(row["kind"], row["amount"]) for row in lines.to_dicts() if row["price"] == "calls"} == {
        ("usage", 12),
        ("adjustment", 10),
    }


def test_an_excerpt_has_every_event_of_its_accounts_and_no_other(tmp_path: Path) -> None:
    """Of a random company: names and contents are those of the whole log, in its order and without a gap."""
    whole = record(tmp_path / "whole", stories.told(3), stories.MONTHS, first=stories.FIRST)
    made = excerpt(whole, ["a1", "a3"], tmp_path / "log")
    chosen = Selection(whole, ["a1", "a3"])

    assert made.fact_frame().drop("position").equals(chosen.fact_frame().drop("position"))
    used, of_all = (pl.read_parquet(log.usage_files()) for log in (made, whole))
    assert used.drop("position").equals(
        of_all.filter(pl.col("subject").is_in(chosen.subjects)).drop("position")
    )
    assert 0 < len(used) < len(of_all)
    places = sorted([*made.fact_frame()["position"], *used["position"]])
    assert list(range(made.next_position)) == places


def test_an_excerpt_says_whose_it_is(log: Log, tmp_path: Path) -> None:
    """The file beside the chain names the accounts; a whole log has none."""
    excerpt(log, ["bolt", "acme"], tmp_path / "log")

    assert accounts_of(tmp_path / "log") == frozenset({"acme", "bolt"})
    assert accounts_of(log.directory) is None


def test_a_log_is_not_written_over(log: Log) -> None:
    """An excerpt goes to a directory of its own."""
    with pytest.raises(Problems, match="holds a log already"):
        excerpt(log, ["acme"], log.directory)

"""The engine against the auditor: random companies, every line, payout, balance and movement to the cent."""

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from billing.close import close
from billing.price_book import PriceBook, loads
from metering.event import Event
from metering.log import USAGE_SCHEMA, Log
from metering.period import Period
from tests.auditor import audit
from tests.ledgers import engine
from tests.random_company import company

LINE = ("account", "month", "subscription", "plan", "price", "kind", "starts_on", "ends_on")
PAYOUT = ("month", "partner", "agreement", "account")
BALANCE = ("month", "subscription")
MOVEMENT = ("month", "account", "kind")


def recorded(seed: int, directory: Path) -> tuple[Log, PriceBook, list[Event], list[Period]]:
    """Write the log of a random company."""
    text, events, months = company(seed)
    log = Log.create(directory / "log")
    for period in months:
        happened = [event for event in events if period.holds(event.occurred_at.date())]
        log.append(period, happened, pl.DataFrame(schema=USAGE_SCHEMA))
    return log, loads(text), events, months


@pytest.mark.parametrize("seed", [*range(32), 959])  # 959: a limit of the day above that of a month
def test_a_random_company_is_billed_as_the_auditor_bills_it(seed: int, tmp_path: Path) -> None:
    """What the columns say is what day by day, event by event, plain Decimal says."""
    log, book, events, months = recorded(seed, tmp_path)

    tables = close(log, book=book, connection=engine())
    expected = audit(events, book, months)

    assert present(expected.lines) == summed(tables["invoice_lines"], LINE)
    assert present(expected.payouts) == summed(tables["payouts"], PAYOUT)
    assert present(expected.mrr) == summed(tables["mrr_balances"], BALANCE)
    assert present(expected.movements) == summed(tables["mrr_movements"], MOVEMENT)


@pytest.mark.parametrize("seed", range(100, 108))
def test_a_random_company_is_billed_the_same_in_steps(seed: int, tmp_path: Path) -> None:
    """Month by month, by fives or all at once: every table of the ledger has the same rows."""
    log, book, _, _ = recorded(seed, tmp_path)

    whole, *stepped = (close(log, book=book, connection=engine(), step=step) for step in (0, 1, 5))

    for tables in stepped:
        different = [name for name in whole if ordered(whole[name]) != ordered(tables[name])]
        assert not different


def ordered(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return the rows in an order of their own."""
    return sorted(frame.rows(), key=str)


def present(amounts: dict[Any, Decimal]) -> dict[Any, Decimal]:
    """Leave out what is zero."""
    return {key: amount for key, amount in amounts.items() if amount}


def summed(frame: pl.DataFrame, key: tuple[str, ...]) -> dict[Any, Decimal]:
    """Add up the amounts of a table by some of its columns."""
    amounts: dict[Any, Decimal] = defaultdict(Decimal)
    for *values, amount in frame.select(*key, "amount").iter_rows():
        amounts[tuple(values)] += amount
    return present(amounts)

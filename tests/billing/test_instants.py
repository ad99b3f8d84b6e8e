"""The engine against the auditor of instants: changes at any second, anchored periods, weighted levels."""

import random
from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing.close import close
from billing.price_book import loads
from metering.event import Event, PlanChanged, SubscriptionCancelled, SubscriptionStarted, UsageRecorded
from metering.period import months
from tests.auditor.instant import bill, lives
from tests.auditor.line import Line
from tests.billing.late import about_months, delayed, told
from tests.ledgers import Tables, engine, record
from tests.random_instants import instants

BOOK = """
    name = "by hand"
    conventions = {{ {conventions} }}
    meters.calls = {{}}
    meters.storage = {{ aggregation = "weighted_sum" }}
    plans.a = {{ name = "A", stream = "s", prices.fee = {{ per = "subscription", unit_price = 10 }} }}
    plans.b = {{ name = "B", stream = "s", prices.fee = {{ per = "subscription", unit_price = 20 }} }}
    [plans.c]
    name = "C"
    stream = "s"
    prices.calls = {{ meter = "calls", unit_price = 1, allowance = 30 }}
    prices.storage = {{ meter = "storage", unit_price = 2 }}
    [plans.d]
    name = "D"
    stream = "s"
    prices.calls = {{ meter = "calls", unit_price = 1 }}
    prices.storage = {{ meter = "storage", unit_price = 3 }}
"""


def happened(at: str, data: Any) -> Event:
    """An event, named by when it was; usage is of the subscription."""
    subject = "s" if isinstance(data, UsageRecorded) else "acme"
    return Event("test", at, subject, datetime.fromisoformat(at), data)


def started(plan: str, trial: int = 0) -> SubscriptionStarted:
    """A start of the subscription `s`."""
    return SubscriptionStarted("s", plan, 1, "month", trial)


def used(meter: str, quantity: int) -> UsageRecorded:
    """Recorded usage."""
    return UsageRecorded(meter, Decimal(quantity))


BY_HAND: dict[str, tuple[str, list[tuple[str, Any]], list[str]]] = {
    "docs.stripe.com, prorations: halfway through a month from 10 to 20": (
        'preset = "stripe"',
        [("2026-04-01T00:00:00", started("a")), ("2026-04-16T00:00:00", PlanChanged("s", "b", 1, "month"))],
        ["04-01 05-01 fee recurring 10", "04-16 05-01 fee credit -5", "04-16 05-01 fee recurring 10",
         "05-01 06-01 fee recurring 20"],
    ),
    "a period from the 31st ends with a shorter month, and is billed in it": (
        'periods = "anniversary"',
        [("2026-03-31T18:00:00", started("a"))],
        ["03-31 04-30 fee recurring 10", "04-30 05-31 fee recurring 10"],
    ),
    "the last six hours of a trial are its own; a life that ends in mid-period pays its part": (
        'periods = "anniversary", proration = "second"',
        [("2026-04-01T06:00:00", started("a", 2)),  # pays from 3 April 6:00
         ("2026-04-10T12:00:00", SubscriptionCancelled("s", date(2026, 4, 18)))],  # 14.75 of 30 days
        ["04-03 04-18 fee recurring 4.92"],
    ),
    "half a month includes half, and what was held in a half counts half": (
        'proration = "second"',
        [("2026-04-01T00:00:00", started("c")), ("2026-04-02T00:00:00", used("calls", 40)),
         ("2026-04-07T00:00:00", used("storage", 30)),  # 9 of 30 days of 30 are 9, at 2
         ("2026-04-16T00:00:00", PlanChanged("s", "d", 1, "month")),  # 15 of 30 days of 30 are 15, at 3
         ("2026-04-20T00:00:00", used("calls", 5))],
        ["04-01 04-16 calls usage 25", "04-01 04-16 storage usage 18", "04-16 05-01 calls usage 5",
         "04-16 05-01 storage usage 45"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_the_auditor_of_instants_bills_as_by_hand(name: str) -> None:
    """Each bill was worked on paper, from a biller's document or from the rules."""
    conventions, facts, expected = BY_HAND[name]
    events = [happened(at, data) for at, data in facts]
    found = bill(events, loads(BOOK.format(conventions=conventions)), list(months(date(2026, 3, 1), 3)))

    assert sorted(expected) == sorted(
        f"{line.starts_on:%m-%d} {line.ends_on:%m-%d} {line.price} {line.kind} {line.amount.normalize():f}"
        for line in found
    )


def by_service(lines: list[Line]) -> dict[tuple[object, ...], Decimal]:
    """Add up what lines come to by what they are of, where it comes to something."""
    sums: dict[tuple[object, ...], Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[line[:8]] += line.amount
    return {key: amount for key, amount in sums.items() if amount}


def as_billed(tables: Tables) -> dict[tuple[object, ...], Decimal]:
    """Add up the ledger's lines by what they are of, adjustments with what they adjust."""
    sums: dict[tuple[object, ...], Decimal] = defaultdict(Decimal)
    for *key, amount in about_months(tables).select(*OF, "amount").iter_rows():
        sums[tuple(key)] += amount
    return {key: amount for key, amount in sums.items() if amount}


SEEDS = range(17)
OF = ("account", "month", "subscription", "plan", "price", "kind", "starts_on", "ends_on")


@pytest.mark.parametrize("seed", SEEDS[:12])
def test_a_company_of_instants_is_billed_as_the_auditor_bills_it(seed: int, tmp_path: Path) -> None:
    """Every fee, credit, allowance and level to the cent, whatever the second and the conventions."""
    text, events, periods = instants(seed)
    log = record(tmp_path, events, len(periods), first=periods[0].starts_on)
    tables = dict(close(log, book=loads(text), connection=engine()))

    assert by_service(bill(events, loads(text), periods)) == as_billed(tables)


@pytest.mark.parametrize("seed", [3, 9])
def test_late_events_come_to_what_the_auditor_bills_in_time(seed: int, tmp_path: Path) -> None:
    """A third of all facts and usage becomes known months later: each month is billed as if it had not."""
    text, events, periods = instants(seed)
    late = delayed(events, periods, random.Random(seed), 0.33)
    log = told(tmp_path / "log", late, periods)
    tables = dict(close(log, book=loads(text), connection=engine()))

    assert log.has_late
    assert len(tables["adjustments"])
    assert by_service(bill(events, loads(text), periods)) == as_billed(tables)


@pytest.mark.parametrize("seed", [5])
def test_months_of_instants_are_billed_the_same_one_by_one(seed: int, tmp_path: Path) -> None:
    """A period that began in the month before, a level that goes on: every line is the same."""
    text, events, periods = instants(seed)
    log = record(tmp_path, events, len(periods), first=periods[0].starts_on)
    whole, single = (
        close(log, book=loads(text), connection=engine(), step=step)["invoice_lines"] for step in (0, 1)
    )

    assert whole.equals(single)


def test_random_instants_meet_everything() -> None:
    """Every convention about time, trials, changes within a day, credits, years and levels."""
    met: Counter[str] = Counter()
    for seed in SEEDS:
        text, events, periods = instants(seed)
        book = loads(text)
        said = book.conventions.model_dump()
        met.update(
            f"{name}={said[name]}" for name in ("proration", "divisor", "periods", "recurring", "ends")
        )
        lines = bill(events, book, periods)
        met.update(line.kind for line in lines)
        met.update(line.price for line in lines if line.amount)
        states = [state for life in lives(events, book, periods[-1].ends_at) for state in life.states]
        met["trial"] += sum(state.trial for state in states)
        met["within a day"] += sum(state.starts_at.date() == state.ends_at.date() for state in states)

    wanted = {
        *(f"proration={one}" for one in ("day", "second", "millisecond", "microsecond")),
        *(f"divisor={one}" for one in ("period", "fixed_30", "thirty_360", "nominal")),
        *("periods=calendar", "periods=anniversary", "recurring=arrears", "recurring=advance", "ends=both"),
        *("recurring", "credit", "usage", "licence", "use-calls", "use-storage", "use-lasting", "use-seats"),
        *("use-days", "use-people", "use-members", "use-sessions"),
        *("trial", "within a day"),
    }
    assert not sorted(wanted - {name for name, count in met.items() if count})

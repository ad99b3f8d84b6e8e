"""A toy company for tests of the command line: four accounts, billed by the tiny price book."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl

from billing.price_book import PriceBook
from metering.event import (
    AccountSignedUp,
    DealReferred,
    DevicesShipped,
    Event,
    InvoicePaid,
    MoneySpent,
    PaymentFailed,
    SeatsChanged,
    SubscriptionCancelled,
    SubscriptionStarted,
)
from metering.log import USAGE_SCHEMA
from metering.period import Period
from simulator import run, scenario
from simulator.run import Finished, simulate
from simulator.world import Bill, Lived

PRICES = (Path(__file__).parents[2] / "fixtures" / "tiny" / "prices.toml").read_text("utf-8")

SCENARIO = """
name = "toy"
title = "Toy"
starts_on = 2026-01-01
months = 4
seed = 7
[segments.smb]
name = "Small"
[[targets]]
customers.smb = { printed = 3 }
revenue.subscriptions = { printed = 1000 }
"""

SCRIPT: list[tuple[str, str, Any]] = [
    ("2026-01-02", "pat", AccountSignedUp("Pat", "pat@example.com", "partner", "partner", kind="partner")),
    ("2026-01-05", "acme", AccountSignedUp("Acme", "acme@example.com", "smb", "self_serve")),
    ("2026-01-05", "acme", SubscriptionStarted("acme-1", "team", seats=3)),
    ("2026-01-05", "acme", DealReferred("pat", "referral")),
    ("2026-01-20", "bolt", AccountSignedUp("=Bolt\u202e", "bolt@example.com", "smb", "self_serve")),
    ("2026-01-20", "bolt", SubscriptionStarted("bolt-1", "team", seats=2, billing="year", trial_days=5)),
    ("2026-01-31", "cash", MoneySpent("marketing", Decimal("250.00"), channel="self_serve", segment="smb")),
    ("2026-02-03", "chip", AccountSignedUp("Chip", "chip@example.com", "smb", "self_serve")),
    ("2026-02-03", "chip", SubscriptionStarted("chip-1", "maker")),
    ("2026-02-10", "acme", SeatsChanged("acme-1", 5)),
    ("2026-03-09", "chip", DevicesShipped("chip-1", 1200)),
    ("2026-04-15", "acme", SubscriptionCancelled("acme-1", date(2026, 4, 20))),
]
"""What happens, whoever is billed what."""

USAGE = [
    ("acme-1", "calls", Decimal("2000.5")),
    ("bolt-1", "calls", Decimal(40)),
    ("acme-1", "mystery", Decimal(1)),
    ("ghost-1", "calls", Decimal(3)),
]
"""What is used every day: also by a subscription that nobody has, and of a meter that is none."""


class ToyWorld:
    """The script, played month by month; acme pays its invoices late, bolt only at the second try."""

    def __init__(self, scenario: Any, book: PriceBook, *, seed: int) -> None:
        self.heard: list[Bill] = []

    def live(self, period: Period) -> Lived:
        """Play a month."""
        facts = [
            Event("test/script", str(number), subject, datetime.fromisoformat(f"{day}T09:00"), data)
            for number, (day, subject, data) in enumerate(SCRIPT)
            if period.holds(date.fromisoformat(day))
        ]
        facts += [fact for bill in self.heard for fact in _paid(bill, period)]
        return Lived(facts, _usage(period))

    def hear(self, bills: Iterable[Bill]) -> None:
        """Remember the bills until next month."""
        self.heard = list(bills)


def _paid(bill: Bill, period: Period) -> Iterable[Event]:
    at = period.starts_at + timedelta(days=9)
    name = f"{bill.account}-{bill.month}"
    if bill.account == "bolt":
        failed = PaymentFailed(bill.month, 1)
        yield Event("test/payer", f"failed-{name}", bill.account, at - timedelta(days=2), failed)
    if bill.account != "chip":
        yield Event("test/payer", f"paid-{name}", bill.account, at, InvoicePaid(bill.month, 9))


def _usage(period: Period) -> pl.DataFrame:
    rows = [
        (f"test/{subject}/{meter}", f"{period.starts_on + timedelta(days=n)}", subject, meter,
         period.starts_at + timedelta(days=n, hours=12), quantity, "")
        for n in range(period.days)
        for subject, meter, quantity in USAGE
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=USAGE_SCHEMA, orient="row")


def write(folder: Path) -> Path:
    """Write the toy's scenario and price book, and return the scenario's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prices.toml").write_text(PRICES, "utf-8")
    path = folder / "scenario.toml"
    path.write_text(SCENARIO, "utf-8")
    return path


def publish(folder: Path, out: Path, **more: Any) -> Finished:
    """Simulate the toy and publish it as `out`."""
    loaded = scenario.load(write(folder))
    settings: dict[str, Any] = {"overrides": {}, "progress": lambda month: None, "stopping": lambda: False}
    with played():
        return simulate(loaded, out, **(settings | more))


def played() -> AbstractContextManager[Any]:
    """Have runs play the script instead of a world of agents."""
    return patch.object(run, "World", ToyWorld)

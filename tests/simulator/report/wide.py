"""Subjects in memory: companies told in a few words, as a report takes them, without a run on disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from analytics.metrics import monthly
from simulator.chart import mount
from simulator.report.subject import Subject
from tests.analytics.company import Company

MONTHS = 36
"""Months of the companies that are built in."""

SEGMENTS, PLANS, CUSTOMERS = 8, 3, 3
"""Segments, plans of each, and customers of each: wider than any company that is built in."""


@contextmanager
def subject(told: Company, label: str = "wide") -> Iterator[Subject]:
    """Give a company as a report takes it: its ledger, its metrics and a manifest."""
    ledger = told.ledger()
    ledger.execute("pragma enable_optimizer").fetchall()
    mount(ledger)
    found: dict[str, Any] = {"name": label, "synthetic": True, "price_book": {"currency": "USD"}}
    with TemporaryDirectory() as folder:
        yield Subject(label, label, Path(folder), found, ledger, monthly(ledger))
    ledger.close()


def metered() -> Company:
    """Return a company that is paid by use alone, for two years: it has no committed MRR in any month."""
    told = Company()
    for number in range(24):
        for name, amount in (("ada", 100 + 7 * number), ("bob", 60), ("cyd", 900 - 30 * number)):
            told.bill(name, number, amount, kind="usage")
            told.pay(name, number, amount)
        told.spend(number, "cogs_hosting", 90).spend(number, "marketing", 40)
    return told


def wide(*, factor: Any = 1, months: int = MONTHS) -> Company:
    """Return a company of many parts; `factor` multiplies what everybody pays."""
    told = Company()
    for part in range(SEGMENTS):
        for plan in range(PLANS):
            for number in range(CUSTOMERS):
                name = f"customer-{part}-{plan}-{number}"
                told.account(name, segment=f"segment {part}", channel=f"channel {part % 3}")
                begun = (part + 5 * plan + 11 * number) % (months // 2)
                paid = [
                    Decimal(100 + 10 * plan + month % (7 + number)) * factor
                    for month in range(months - begun)
                ]
                stream = f"stream {part % 6}"
                told.mrr(name, *paid, plan=f"plan {part} {plan}", stream=stream, start=begun)
                for month, amount in enumerate(paid, begun):
                    told.bill(name, month, amount, plan=f"plan {part} {plan}", stream=stream)
                    told.pay_out(name, month, amount / 10, kind=f"kind {part % 4}")
                    told.rows["payouts"][-1]["basis"] = amount
    for month in range(months):
        for part in range(SEGMENTS):
            told.spend(month, "marketing", 50 + month, segment=f"segment {part}")
            told.spend(month, "cogs_hosting", 20, stream=f"stream {part % 6}")
    return told

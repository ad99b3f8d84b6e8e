"""Plans as companies, for tests: a plan's text is made into a company, billed, and asked."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from analytics.attainment import Row, attained
from analytics.plan import Plan
from billing.ledger import Ledger
from billing.rebilling import rebill
from metering.log import Log
from simulator.plan.company import Compiled
from simulator.plan.file import loads

PERIODS = """
name = "Test"
[periods]
q1 = { starts_on = 2026-01-01, months = 3 }
q2 = { starts_on = 2026-04-01, months = 3 }
q3 = { starts_on = 2026-07-01, months = 3 }
q4 = { starts_on = 2026-10-01, months = 3 }
y1 = { starts_on = 2026-01-01, months = 12 }
y2 = { starts_on = 2027-01-01, months = 12 }
"""
"""The quarters of a year, and two years: the head of most plans in tests."""


@dataclass(frozen=True, eq=False)
class Billed:
    """A plan, the company made of it, and its ledger in memory."""

    plan: Plan
    company: Compiled
    ledger: DuckDBPyConnection

    @cached_property
    def targets(self) -> dict[tuple[str, str], Row]:
        """The plan's figures beside the ledger's, by figure and period."""
        return {(row.figure, row.period): row for row in attained(self.plan, self.ledger)}

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query; amounts as whole numbers where they are."""
        rows = self.ledger.execute(query).fetchall()
        return [tuple(_plain(cell) for cell in row) for row in rows]


def billed(directory: Path, text: str) -> Billed:
    """Make a company of a plan's text (behind `PERIODS`, where it has none), and bill all of it."""
    whole = text if "[periods]" in text else PERIODS + text
    plan, company = loads(whole)
    log, ledger = Log.create(directory / "log"), Ledger.create()
    for period, happened in company.live():
        log.append(period, happened.facts, happened.usage)
    rebill(log, ledger, book=company.book)
    return Billed(plan, company, ledger.connection)


def _plain(cell: Any) -> Any:
    return int(cell) if isinstance(cell, Decimal) and not cell % 1 else cell

"""Companies to draw: random ones under hostile names, and a small one whose figures are known."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from tests.analytics.company import Company
from tests.simulator.export.companies import random_ledger

SEEDS = (2, 5, 8)
"""Random companies that between them have something for most charts."""


@cache
def random(seed: int) -> duckdb.DuckDBPyConnection:
    """Return the ledger of a random company; it is read only."""
    with TemporaryDirectory() as directory:
        con, _ = random_ledger(Path(directory), seed)
    return con


def known() -> Company:
    """Return two customers over 14 months: one grows, one leaves in month 6 and comes back in month 9."""
    company = Company()
    company.mrr("ada", *[100] * 12, 150, 150, plan="pro")
    company.mrr("bob", *[200] * 6, 0, 0, 0, *[80] * 5, plan="team")
    for number in range(14):
        company.bill("ada", number, 150 if number > 11 else 100)
    return company

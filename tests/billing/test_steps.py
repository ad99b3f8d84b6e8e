"""Whatever the conventions about time: month by month, or all months at once, the ledger is the same."""

import random
from pathlib import Path
from typing import Any

import pytest

from billing.close import close
from metering.log import Log
from tests.ledgers import engine
from tests.random_book import TIMES
from tests.test_audit import ordered, recorded

ANY: dict[str, list[Any]] = TIMES | {
    "proration": ["none", "day", "second", "millisecond", "microsecond"],
    "periods": ["calendar", "anniversary", "anniversary"],
}
MONTHS = 5


@pytest.mark.parametrize("seed", range(500, 506))
def test_a_company_is_billed_the_same_in_steps(seed: int, tmp_path: Path) -> None:
    """Periods of one's own that span two months, phases within a day, fees in advance: nothing gets lost."""
    log, book, _, months = recorded(seed, tmp_path)
    rng = random.Random(seed)
    chosen = {name: rng.choice(ways) for name, ways in ANY.items() if rng.random() < 0.7}
    book = book.under(book.conventions.changed(chosen, "conventions"))
    log = Log(log.directory, log.blocks[: min(MONTHS, len(months))])

    whole, stepped = (close(log, book=book, connection=engine(), step=step) for step in (0, 1))

    different = [name for name in whole if ordered(whole[name]) != ordered(stepped[name])]
    assert not different, f"{different} under {chosen}"

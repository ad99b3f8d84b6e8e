"""Companies to report on: the toy for 14 months, under two price books, with names that want to be code."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from unittest.mock import patch

from metering.event import SubscriptionCancelled
from simulator.__main__ import answer
from simulator.report.subject import Subject, opened
from tests.simulator import toy

HOSTILE = "</script><img src=x onerror=window.hacked=1>\"'&\u2028\u202e"
"""A name that ends a script, starts an image, breaks an attribute and turns its line around."""

MONTHS = 14


def publish(folder: Path, *, name: str = "toy") -> Path:
    """Publish a run of the toy for 14 months, whose first customer and title have a hostile name."""
    script = [
        (day, who, what._replace(name=HOSTILE) if getattr(what, "name", "") == "Acme" else what)
        for day, who, what in toy.SCRIPT
        if (day, who) != ("2026-04-15", "acme")
    ]
    script.append(("2027-01-15", "acme", SubscriptionCancelled("acme-1", date(2027, 1, 20))))
    scenario = toy.SCENARIO.replace("months = 4", f"months = {MONTHS}").replace(
        'title = "Toy"', "title = '''Toy " + HOSTILE.replace("'", "") + "'''"
    )
    with patch.object(toy, "SCRIPT", script), patch.object(toy, "SCENARIO", scenario):
        finished = toy.publish(folder / f"{name}-scenario", folder / "runs" / name)
    return finished.out


def dearer(folder: Path, run: Path) -> Path:
    """Publish the log of a run at twice the price of its first unit."""
    prices = (run / "prices.toml").read_text("utf-8")
    first = re.search(r"unit_price = (\d+)", prices)
    assert first
    book = folder / "dearer.toml"
    book.write_text(prices.replace(first[0], f"unit_price = {int(first[1]) * 2}", 1), "utf-8")
    out = folder / "runs" / "dearer"
    assert not answer(["replay", str(run), "--prices", str(book), "--out", str(out), "--json"], debug=False)
    return out


@contextmanager
def subjects(*runs: Path) -> Iterator[list[Subject]]:
    """Open runs to report on them, each called by its directory's name."""
    with ExitStack() as stack:
        yield [stack.enter_context(opened(run, str(run), run.name)) for run in runs]

"""`saasim replay`: bill a recorded log under another price book."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from analytics import plan_file
from billing.ledger import connect
from metering.document import Problems, read, validate
from simulator import manifest, run, summary, tables
from simulator.expectation import Year, expected
from simulator.publication import find
from simulator.scenario import Scenario
from simulator.values import to_json


def replay(name: str, *, prices: Path, out: Path, as_json: bool) -> int:
    """Replay a run's log under the price book in `prices`, and publish it as `out`."""
    source = find(name)
    aside = tables.terminal(sys.stderr)
    began = time.monotonic()
    with aside.status(f"billing {source} under {prices}"):
        finished = run.replay(source, prices, out)
    seconds = time.monotonic() - began
    currency = finished.manifest["price_book"]["currency"]
    with connect(finished.out / manifest.LEDGER) as ledger:
        figures = summary.summarise(ledger, currency, _targets(finished.out))
    if as_json:
        told = {
            "run": str(finished.out),
            "seconds": round(seconds, 3),
            "manifest": {key: value for key, value in finished.manifest.items() if key != "files"},
            "years": figures.years.to_dicts(),
        }
        sys.stdout.write(to_json(told) + "\n")
        return 0
    screen = tables.terminal(sys.stdout)
    months = finished.manifest["months"]["count"]
    screen.print(
        f"{finished.manifest['price_book']['name']}: {months} months of {source} replayed", style="bold"
    )
    screen.print()
    summary.show(screen, figures)
    screen.print(
        f"\n  billed in {seconds:.1f} s, {len(finished.verdicts)} checks hold, published as {finished.out}\n"
    )
    summary.show_next(screen, finished.out)
    return 0


def _targets(out: Path) -> Sequence[Year]:
    """Return the targets of the plan or scenario that was lived, if the run still has one."""
    path, plan = out / manifest.SCENARIO, out / manifest.PLAN
    try:
        if plan.exists():
            return expected(plan_file.load(plan), str(plan))
        return validate(Scenario, read(path), str(path)).targets
    except Problems:
        return ()

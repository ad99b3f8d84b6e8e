"""`saasim replay`: bill a recorded log under other price books."""

import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console

from analytics import plan_file
from billing.ledger import connect
from metering.document import Problems, read, validate
from simulator import manifest, summary, tables
from simulator.expectation import Year, expected
from simulator.publication import find
from simulator.replay import Change, places
from simulator.replay import replay as bill_again
from simulator.run import Finished
from simulator.scenario import Scenario
from simulator.values import percent_text, to_json, whole_money_text


def replay(name: str, *, prices: Sequence[Path], out: Path, change: Change, as_json: bool) -> int:
    """Replay a log under each of the price books, and publish every replay as a run."""
    source = find(name)
    books = places(prices, out)
    aside = tables.terminal(sys.stderr)
    began = time.monotonic()
    with aside.status(f"opening {source}") as status:
        done = bill_again(source, books, change=change, progress=status.update)
    seconds = time.monotonic() - began
    if as_json:
        told = [_told(finished, seconds) for finished in done]
        sys.stdout.write(to_json(told[0] if len(told) == 1 else told) + "\n")
        return 0
    screen = tables.terminal(sys.stdout)
    _show_head(screen, source, done)
    if len(done) == 1:
        summary.show(screen, _summary(done[0]))
    else:
        _show_side_by_side(screen, done)
    where = ", ".join(str(finished.out) for finished in done)
    checks = sum(len(finished.verdicts) for finished in done)
    screen.print(f"\n  billed in {seconds:.1f} s, {checks} checks hold, published as {where}\n")
    if len(done) == 1:
        summary.show_next(screen, done[0].out)
    else:
        screen.print(f"  next: saasim compare {' '.join(str(one.out) for one in done)}\n")
    return 0


def _show_head(screen: Console, source: Path, done: Sequence[Finished]) -> None:
    """Say what was billed by which books, and who came to them when."""
    first = done[0].manifest
    books = " and ".join(finished.manifest["price_book"]["name"] for finished in done)
    count = first["months"]["count"]
    months = f"{count} month" if count == 1 else f"{count} months"
    screen.print(f"{books}: {months} of {source} replayed", style="bold")
    if (how := first.get("transition")) is not None:
        whom = {
            "now": "everybody",
            "new": "who comes to a plan",
            "renewal": "everybody, old customers as their years renew",
            "phased": f"everybody, in equal shares over {how.get('phase_months')} months",
            "cohort": f"{how.get('accounts')} accounts",
        }[how["policy"]]
        screen.print(f"  from {how['from']} on: {whom}; before that: {how['before']['name']}", style="dim")
    screen.print()


def _told(finished: Finished, seconds: float) -> dict[str, Any]:
    return {
        "run": str(finished.out),
        "seconds": round(seconds, 3),
        "manifest": {key: value for key, value in finished.manifest.items() if key != "files"},
        "years": _summary(finished).years.to_dicts(),
    }


def _summary(finished: Finished) -> summary.Summary:
    currency = finished.manifest["price_book"]["currency"]
    with connect(finished.out / manifest.LEDGER) as ledger:
        return summary.summarise(ledger, currency, _targets(finished.out))


_ROWS = (("billed", "invoiced"), ("revenue", "recognised"), ("payouts", "paid_out"))
"""What is shown of each book side by side, and what a manifest's totals call it."""


def _show_side_by_side(screen: Console, done: Sequence[Finished]) -> None:
    """Show what each book comes to, and how much that is more or less than the first."""
    currency = done[0].manifest["price_book"]["currency"]
    table = tables.plain_table()
    table.add_column("")
    for finished in done:
        table.add_column(finished.out.name, justify="right")
    figures = [(title, [_total(finished, total) for finished in done]) for title, total in _ROWS]
    committed = [(_summary(finished).mrr or [Decimal(0)])[-1] for finished in done]
    for title, amounts in [*figures, ("committed MRR", committed)]:
        first = amounts[0]
        cells = [whole_money_text(amount, currency) for amount in amounts]
        for number, amount in enumerate(amounts[1:], 1):
            change = percent_text((amount - first) / first) if first else "–"
            cells[number] += f"  {'+' if first and amount > first else ''}{change}"
        table.add_row(title, *cells)
    counts = [finished.manifest["rows"] for finished in done]
    table.add_row("invoices", *(f"{count['invoices']:,}" for count in counts))
    screen.print(table)


def _total(finished: Finished, name: str) -> Decimal:
    of_currency = finished.manifest["totals"].get(finished.manifest["price_book"]["currency"], {})
    return Decimal(of_currency.get(name, "0"))


def _targets(out: Path) -> Sequence[Year]:
    """Return the targets of the plan or scenario that was lived, if the run still has one."""
    path, plan = out / manifest.SCENARIO, out / manifest.PLAN
    try:
        if plan.exists():
            return expected(plan_file.load(plan), str(plan))
        return validate(Scenario, read(path), str(path)).targets
    except Problems:
        return ()

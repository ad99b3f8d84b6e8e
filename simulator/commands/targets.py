"""`saasim targets`: every figure that a plan prints, beside what a run's ledger holds."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics import plan_file
from analytics.attainment import Row, State, attained, number
from analytics.interval import Range
from metering.document import problem
from simulator import attainment, manifest, query, tables
from simulator.plan.file import path_of as plan_of
from simulator.publication import find
from simulator.values import json_lines

STYLES: dict[State, str] = {
    "reached": "green",
    "missed": "yellow",
    "no value": "dim",
    "not over": "dim",
    "not simulated": "dim",
}
"""How the state of a row looks."""


def targets(name: str, *, plan: str | None, as_json: bool) -> int:
    """Print each printed figure of a plan, what its drivers come to, what the ledger holds, and why."""
    run = find(name)
    manifest.read(run)
    path = run / manifest.PLAN if plan is None else plan_of(plan) or Path(plan)
    if plan is None and not path.exists():
        remedy = "name one: saasim targets RUN --plan FILE"
        raise problem(str(run), "was made without a plan", remedy)
    with query.connect(run) as ledger:
        rows = attained(plan_file.load(path), ledger, str(path))
    if as_json:
        columns = list(_told(rows[0])) if rows else []
        for line in json_lines(columns, (list(_told(row).values()) for row in rows)):
            sys.stdout.write(line + "\n")
        return 0
    _show(tables.terminal(sys.stdout), rows)
    return 0


def _told(row: Row) -> dict[str, Any]:
    """Return a row as data; a number without end is rounded."""
    low, high = _ends(row.goal)
    return {
        "figure": row.figure,
        "period": row.period,
        "printed": row.printed.text if row.printed else "",
        "goal": low if low == high else None,
        "goal_low": low,
        "goal_high": high,
        "is_recomputed": row.recomputed is not None,
        "ledger": row.ledger,
        "difference": row.difference,
        "state": row.state,
        "why": row.why,
        "source": row.source,
    }


def _ends(value: Range) -> tuple[Decimal, Decimal]:
    return number(value.low.middle), number(value.high.middle)


def _show(screen: Console, rows: Sequence[Row]) -> None:
    simulated = [row for row in rows if row.state != "not simulated"]
    tables.show_fitting(screen, (_table(simulated, with_why=why) for why in (True, False)))
    if len(simulated) < len(rows):
        others: dict[str, list[str]] = {}
        for row in rows:
            if row.state == "not simulated" and row.printed:
                others.setdefault(row.name, []).append(f"{row.period} {row.printed.text}".strip())
        listed = "; ".join(f"{name} {', '.join(told)}" for name, told in others.items())
        screen.print(f"\nnot simulated: {listed}", style="dim", soft_wrap=False)
    counts = Counter(row.state for row in rows)
    said = ", ".join(f"{counts[state]} {state}" for state in STYLES if counts[state])
    screen.print(f"\n  {len(rows)} figures: {said}", style="bold")
    if wrong := sum(row.recomputed is not None and bool(row.why) for row in rows):
        verb = "figure is" if wrong == 1 else "figures are"
        screen.print(f"  {wrong} {verb} printed wrong; the ledger is held against what the drivers come to")


def _table(rows: Iterable[Row], *, with_why: bool) -> Table:
    table = tables.plain_table()
    for head in ("figure", "period"):
        table.add_column(head)
    for head in ("printed", "recomputed", "ledger", "difference"):
        table.add_column(head, justify="right")
    if with_why:
        table.add_column("why")
    before = ""
    for row in rows:
        label = "" if row.name == before else row.name
        before = row.name
        table.add_row(label, row.period, *_cells(row), *([row.why] if with_why else []))
    return table


def _cells(row: Row) -> list[Text]:
    """Write the numbers of a row, and how the last two look."""
    *goal, ledger, apart = attainment.cells(row)
    style = STYLES[row.state]
    return [*(Text(words) for words in goal), Text(ledger, style=style), Text(apart, style=style)]

"""`saasim replay`: bill a recorded log under other price books."""

import sys
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from rich.console import Console

from analytics import plan_file
from billing.ledger import connect
from metering.document import Problems, read, validate
from simulator import manifest, summary, tables
from simulator.expectation import Year, expected
from simulator.publication import find
from simulator.replay import Change, Choice, arrival, places
from simulator.replay import replay as bill_again
from simulator.run import Finished
from simulator.scenario import Scenario
from simulator.values import percent_text, to_json, whole_money_text


def replay(
    name: str, *, prices: Sequence[Path], out: Path, change: Change, choice: Choice, as_json: bool
) -> int:
    """Replay a log under each of the price books, and publish every replay as a run."""
    source = find(name)
    books = places(prices, out)
    aside = tables.terminal(sys.stderr)
    began = time.monotonic()
    with aside.status(f"opening {source}") as status:
        done = bill_again(source, books, change=change, choice=choice, progress=status.update)
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
        _show_side_by_side(screen, source, done)
    for finished in done:
        _show_unbilled(screen, finished)
    where = ", ".join(str(finished.out) for finished in done)
    checks = sum(len(finished.verdicts) for finished in done)
    screen.print(f"\n  billed in {seconds:.1f} s, {checks} checks hold, published as {where}\n")
    if len(done) == 1:
        summary.show_next(screen, done[0].out)
    else:
        first = [source] if _as_it_is(source, done) else []
        screen.print(f"  next: saasim compare {' '.join(map(str, [*first, *(one.out for one in done)]))}\n")
    return 0


def _show_head(screen: Console, source: Path, done: Sequence[Finished]) -> None:
    """Say what was billed by which books, and who came to them when."""
    first = done[0].manifest
    books = " and ".join(finished.manifest["price_book"]["name"] for finished in done)
    count = first["months"]["count"]
    months = f"{count} month" if count == 1 else f"{count} months"
    screen.print(f"{books}: {months} of {source} replayed", style="bold")
    if (how := first.get("transition")) is not None:
        screen.print(f"  {arrival(how)}; before that: {how['before']['name']}", style="dim")
    if (part := first.get("accounts")) is not None:
        where = f" ({part['where']})" if "where" in part else ""
        said = f"{part['count']:,} of {part['of']:,} accounts{where}, as if there were no others"
        screen.print(f"  {said}: partners are paid for these alone, costs are unknown", style="dim")
    screen.print()


_UNBILLED = {
    "no_meter": "of {meter} are on no invoice: {book} has no such meter",
    "no_subscription": "of {meter} are on no invoice: nobody had the subscription that they name then",
}
"""Why usage is on no invoice where that is hardly meant."""


def _show_unbilled(screen: Console, finished: Finished) -> None:
    """Say what usage a book leaves out, which a wrong name of a meter does in silence."""
    book = finished.manifest["price_book"]["name"]
    for number, row in enumerate(_unbilled(finished)):
        events = f"{row['events']:,} event" + ("s" if row["events"] > 1 else "")
        why = _UNBILLED[row["reason"]].format(meter=row["meter"], book=book)
        screen.print(("" if number else "\n") + f"  {events} {why}", style="yellow")


def _unbilled(finished: Finished) -> list[dict[str, Any]]:
    query = """select reason, meter, sum(events)::bigint as events from unrated_usage
        where reason in ('no_meter', 'no_subscription') group by all order by all"""
    with connect(finished.out / manifest.LEDGER) as ledger:
        frame: pl.DataFrame = ledger.sql(query).pl()
    return frame.to_dicts()


def _told(finished: Finished, seconds: float) -> dict[str, Any]:
    return {
        "run": str(finished.out),
        "seconds": round(seconds, 3),
        "manifest": {key: value for key, value in finished.manifest.items() if key != "files"},
        "unbilled": _unbilled(finished),
        "years": _summary(finished).years.to_dicts(),
    }


def _summary(finished: Finished) -> summary.Summary:
    currency = finished.manifest["price_book"]["currency"]
    with connect(finished.out / manifest.LEDGER) as ledger:
        found = summary.summarise(ledger, currency, _targets(finished.out))
    if "accounts" not in finished.manifest:
        return found
    return found._replace(years=found.years.with_columns(pl.lit(None).alias(name) for name in _OF_COSTS))


_OF_COSTS = ("gross_margin", "cac", "ltv_to_cac")
"""Figures that need what the company spent, which is not in the log of some accounts."""

_ROWS = (("billed", "invoiced"), ("revenue", "recognised"), ("payouts", "paid_out"))
"""What is shown of each book side by side, and what a manifest's totals call it."""


class _Column(NamedTuple):
    """What a run comes to, beside others."""

    name: str
    amounts: list[Decimal]
    invoices: int


def _column(run: Path, contents: Mapping[str, Any]) -> _Column:
    """Read what a published run comes to."""
    totals = contents["totals"].get(contents["price_book"]["currency"], {})
    with connect(run / manifest.LEDGER) as ledger:
        held = ledger.execute("select closing from mrr_by_month order by month desc limit 1").fetchall()
    amounts = [Decimal(totals.get(total, "0")) for _, total in _ROWS]
    return _Column(run.name, [*amounts, held[0][0] if held else Decimal(0)], contents["rows"]["invoices"])


def _as_it_is(source: Path, done: Sequence[Finished]) -> list[_Column]:
    """Return the run that was replayed as a column, where it is one, of the same accounts and currency."""
    if not manifest.is_run(source) or not (source / manifest.LEDGER).exists():
        return []
    contents, first = manifest.read(source), done[0].manifest
    same = [contents["price_book"]["currency"], contents.get("accounts")]
    if same != [first["price_book"]["currency"], first.get("accounts")]:
        return []
    return [_column(source, contents)]


def _show_side_by_side(screen: Console, source: Path, done: Sequence[Finished]) -> None:
    """Show what each book comes to, and how much that is more or less than the first column."""
    currency = done[0].manifest["price_book"]["currency"]
    columns = _as_it_is(source, done) + [_column(one.out, one.manifest) for one in done]
    table = tables.plain_table()
    table.add_column("")
    for column in columns:
        table.add_column(column.name, justify="right")
    for number, title in enumerate([*(title for title, _ in _ROWS), "committed MRR"]):
        amounts = [column.amounts[number] for column in columns]
        first, cells = amounts[0], [whole_money_text(amount, currency) for amount in amounts]
        for place, amount in enumerate(amounts[1:], 1):
            change = percent_text((amount - first) / first) if first else "–"
            cells[place] += f"  {'+' if first and amount > first else ''}{change}"
        table.add_row(title, *cells)
    table.add_row("invoices", *(f"{column.invoices:,}" for column in columns))
    screen.print(table)


def _targets(out: Path) -> Sequence[Year]:
    """Return the targets of the plan or scenario that was lived, if the run still has one."""
    path, plan = out / manifest.SCENARIO, out / manifest.PLAN
    try:
        if plan.exists():
            return expected(plan_file.load(plan), str(plan))
        return validate(Scenario, read(path), str(path)).targets
    except Problems:
        return ()

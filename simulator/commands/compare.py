"""`saasim compare`: what differs between two runs or more, best of one log under several price books."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from rich.console import Console
from rich.text import Text

from analytics import guard
from analytics.comparison import DIMENSIONS, Comparison, compare_each
from analytics.condition import parse
from analytics.guard import Guard, Verdict
from metering.document import Problem, Problems, did_you_mean
from simulator import manifest, tables
from simulator.failure import FAILED
from simulator.page.comparison import Compared, page
from simulator.publication import find
from simulator.values import money_text, money_texts, percent_text, to_json, visible

SHOWN = ("stream", "plan", "segment")
"""The splits that a terminal shows without being asked; --json and the page have all."""

LINES = 3
"""How many lines explain a customer on a terminal."""

RATIOS = ("nrr", "gross_margin")
"""The measures that are shares."""


class Request(NamedTuple):
    """What is asked of a comparison: guards, splits, how many customers, and where it goes besides."""

    top: int = 5
    by: tuple[tuple[str, ...], ...] = ()
    guards: tuple[Guard, ...] = ()
    html: Path | None = None
    parquet: Path | None = None
    as_json: bool = False


def request(
    *,
    top: int,
    by: Sequence[str],
    fail_if: Sequence[str],
    guards: Path | None,
    html: Path | None,
    parquet: Path | None,
    as_json: bool,
) -> Request:
    """Read what is asked. Raises Problems with every dimension and condition that is none."""
    problems = list[Problem]()
    found = list(guard.load(guards)) if guards else []
    for text in fail_if:
        try:
            condition = parse(text)
        except Problems as wrong:
            problems += [one._replace(place=f"--fail-if {one.place}") for one in wrong.problems]
        else:
            found.append(Guard(f"fail if {condition.text}", condition, fail_if=True))
    splits = tuple(tuple(name.strip() for name in text.split(",")) for text in by)
    problems += [
        Problem("--by", f"there is no {name!r}", did_you_mean(name, DIMENSIONS))
        for split in splits
        for name in split
        if name not in DIMENSIONS
    ]
    if problems:
        raise Problems(problems)
    return Request(top, splits, tuple(found), html, parquet, as_json)


def compare_runs(names: Sequence[str], asked: Request) -> int:
    """Compare the first run with each of the others. Returns 1 where a guard does not hold."""
    first, *others = [_billed(find(name)) for name in names]
    with tables.terminal(sys.stderr).status(f"comparing {first} with {', '.join(map(str, others))}"):
        pairs = [
            Compared(f"{first} → {other}", found, guard.check_all(found, asked.guards), asked.by)
            for other, found in zip(others, compare_each(first, others), strict=True)
        ]
    if asked.html is not None:
        asked.html.write_text(page(pairs, top=asked.top), encoding="utf-8")
    if asked.parquet is not None:
        for pair, other in zip(pairs, others, strict=True):
            _write(pair.found, asked.parquet / other.name if len(pairs) > 1 else asked.parquet)
    if asked.as_json:
        sys.stdout.write(to_json([_told(pair) for pair in pairs]) + "\n")
    else:
        screen = tables.terminal(sys.stdout)
        _show(screen, pairs, asked)
    return 0 if all(verdict.holds for pair in pairs for verdict in pair.verdicts) else FAILED


def _billed(run: Path) -> Path:
    """Return a run. Raises Problems for a log that nothing has billed, and for a run that is not finished."""
    if not (run / manifest.LEDGER).exists():
        manifest.read(run)
    return run


def _write(found: Comparison, directory: Path) -> None:
    """Write the frames of a comparison as Parquet, one file each."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, frame in found.frames().items():
        frame.write_parquet(directory / f"{name}.parquet")


def _told(pair: Compared) -> dict[str, Any]:
    more = {"by": {",".join(split): pair.found.by(*split).to_dicts() for split in pair.splits}}
    return {**pair.found.to_dict(), **more, "verdicts": [_verdict(one) for one in pair.verdicts]}


def _verdict(one: Verdict) -> dict[str, Any]:
    offenders = [{**who._asdict(), "lines": [line._asdict() for line in who.lines]} for who in one.offenders]
    endless = one.measured is not None and not one.measured.is_finite()
    return {**one._asdict(), "offenders": offenders, "measured": "infinite" if endless else one.measured}


def _show(screen: Console, pairs: Sequence[Compared], asked: Request) -> None:
    for number, pair in enumerate(pairs):
        if number:
            screen.print()
        _show_pair(screen, pair, asked.top)
    if len(pairs) > 1:
        _show_together(screen, pairs)
    for pair in pairs:
        if pair.verdicts:
            head = f"\nguards of {pair.title}" if len(pairs) > 1 else "\nguards"
            screen.print(head, style="bold")
            _show_verdicts(screen, pair.verdicts, pair.found.currency)
    for path in (asked.html, asked.parquet):
        if path is not None:
            screen.print(f"\n  written to {path}", style="dim")


def _show_pair(screen: Console, pair: Compared, top: int) -> None:
    found, currency = pair.found, pair.found.currency
    span = f"{found.months[0]} to {found.months[-1]}" if found.months else "no months"
    screen.print(Text.assemble((pair.title, "bold"), (f"  {span}", "dim")))
    if found.part is not None:
        screen.print(f"  of {found.part}", style="dim")
    if not found.is_of_one_log:
        screen.print("  of two logs: what customers did differs, not only what it cost", style="dim")
    screen.print()
    rows = [([row["measure"]], row) for row in found.totals.iter_rows(named=True)]
    _show_changes(screen, [""], rows, currency)
    for split in ((one,) for one in SHOWN) if not pair.splits else pair.splits:
        billed = found.by(*split, measures=["billed"]).filter(pl.col("change") != 0)
        if len(billed):
            screen.print(f"\nbilled, by {' and '.join(split)}", style="bold")
            rows = [([row[name] for name in split], row) for row in billed.iter_rows(named=True)]
            if "month" not in split:
                rows.sort(key=lambda one: -abs(one[1]["change"]))
            _show_changes(screen, list(split), rows, currency)
    _show_causes(screen, found)
    _show_customers(screen, found, top)


def _show_causes(screen: Console, found: Comparison) -> None:
    if not len(found.causes):
        screen.print("\nnothing changed", style="bold")
        return
    screen.print("\nwhy: what was billed, less what was paid out", style="bold")
    table = tables.plain_table()
    table.add_column("cause")
    table.add_column("change", justify="right")
    for cause, change in found.causes.iter_rows():
        table.add_row(cause, _cents(change, found.currency))
    table.add_row(Text("together", style="bold"), _cents(found.kept, found.currency))
    screen.print(table)


def _show_customers(screen: Console, found: Comparison, top: int) -> None:
    changed = found.customers.filter(pl.col("change") != 0)
    more, less = (len(changed.filter(sign)) for sign in (pl.col("change") > 0, pl.col("change") < 0))
    spread = "  ".join(f"{name} {percent_text(value)}" for name, value in found.spread().items())
    rises = ", ".join(f"{count} by more than {share:.0%}" for share, count in found.rises().items())
    screen.print(f"\n{len(found.customers)} customers: {more} pay more, {less} less", style="bold")
    screen.print(f"  change of a customer's bills: {spread}\n  up: {rises}")
    rows = found.largest(top)
    if not len(rows):
        return
    screen.print()
    table = tables.plain_table()
    table.add_column("the largest changes")
    for name in ("before", "after", "change", ""):
        table.add_column(name, justify="right")
    for row in rows.iter_rows(named=True):
        who = Text.assemble(visible(row["account"]), "  ", (visible(row["segment"]), "dim"))
        table.add_row(who, *_numbers(row, found.currency))
        for line in found.lines_of(row["account"], LINES).iter_rows(named=True):
            what = f"  {line['plan']} {line['price']} ({line['kind']}, {line['cause']})"
            *ends, change = _ends_and_change(line, found.currency)
            table.add_row(Text(visible(what), style="dim"), *(Text(cell, "dim") for cell in ends), change, "")
    screen.print(table)


def _show_together(screen: Console, pairs: Sequence[Compared]) -> None:
    """Set the changes of several comparisons beside each other."""
    screen.print("\ntogether", style="bold")
    table = tables.plain_table()
    table.add_column("")
    table.add_column("before", justify="right")
    for pair in pairs:
        table.add_column(visible(pair.found.after.name), justify="right")
    for number, row in enumerate(pairs[0].found.totals.iter_rows(named=True)):
        rows = [pair.found.totals.row(number, named=True) for pair in pairs]
        before = _ends_and_change(row, pairs[0].found.currency)[0]
        table.add_row(row["measure"], before, *(_numbers(one, pairs[0].found.currency)[2] for one in rows))
    screen.print(table)


def _show_verdicts(screen: Console, verdicts: Sequence[Verdict], currency: str) -> None:
    for verdict in verdicts:
        state = ("  holds  ", "green") if verdict.holds else ("  fails  ", "bold red")
        named = "" if verdict.name == verdict.condition else f"{verdict.name}: "
        measured, bound = (guard.amount_text(one, verdict.unit) for one in (verdict.measured, verdict.bound))
        said = (f"  measured {measured}, bound {bound}", "dim")
        screen.print(Text.assemble(state, visible(f"{named}{verdict.condition}"), said))
        table = tables.plain_table()
        table.show_header = False
        for justify in ("left", "right", "right", "right", "right"):
            table.add_column("", justify=justify)
        for one in verdict.offenders:
            who = Text.assemble(f"  {visible(one.account)}  ", (f"{visible(one.segment)} {one.month}", "dim"))
            table.add_row(who, *_numbers(one._asdict(), currency, cents=True))
            for line in one.lines:
                what = f"    {line.plan} {line.price} ({line.kind}, {line.cause})"
                row = line._asdict() | {"relative": None}
                table.add_row(Text(visible(what), style="dim"), *_numbers(row, currency, cents=True)[:3], "")
        if verdict.offenders:
            screen.print(table)
        if (more := verdict.offender_count - len(verdict.offenders)) > 0:
            screen.print(f"      and {more:,} more", style="dim")


def _show_changes(
    screen: Console, heads: Sequence[str], rows: Sequence[tuple[list[str], Mapping[str, Any]]], currency: str
) -> None:
    table = tables.plain_table()
    for head in heads:
        table.add_column(head)
    for name in ("before", "after", "change", ""):
        table.add_column(name, justify="right")
    for names, row in rows:
        table.add_row(*(visible(name) or "–" for name in names), *_numbers(row, currency))
    screen.print(table)


def _numbers(row: Mapping[str, Any], currency: str, *, cents: bool = False) -> list[str | Text]:
    """Write before, after, change (with its cents, if asked for) and relative change of a row."""
    before, after, change = _ends_and_change(row, currency)
    if cents:
        change = _cents(row["change"], currency)
    return [before, after, change, _percent(row["relative"])]


def _ends_and_change(row: Mapping[str, Any], currency: str) -> tuple[str, str, Text]:
    """Write before, after and change of a row: they have cents where one of them is small."""
    change = row["change"]
    if row.get("measure") in RATIOS:
        points = Text("–") if change is None else _signed(change, f"{change * 100:z,.1f} pp")
        return percent_text(row["before"]), percent_text(row["after"]), points
    before, after, words = money_texts((row["before"], row["after"], change), currency)
    return before, after, Text(words) if change is None else _signed(change, words)


def _cents(change: Any, currency: str) -> Text:
    return _signed(change, money_text(change, currency))


def _percent(share: Any) -> Text:
    return Text("–") if share is None else _signed(share, percent_text(share))


def _signed(change: Any, words: str) -> Text:
    """Write a change with its sign: green is more, red is less."""
    if not change:
        return Text(words, style="dim")
    return Text(f"+{words}" if change > 0 else words, style="green" if change > 0 else "red")

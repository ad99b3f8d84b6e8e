"""`saasim sql`: one question to a run's ledger, or a prompt for many."""

import json
import sys
from collections.abc import Iterable
from decimal import Decimal
from itertools import chain
from typing import Any

from metering.document import problem
from simulator import manifest, tables
from simulator.console import Answer, Console
from simulator.prompt import TABLES, Prompt, is_interactive, line_reader, row_note
from simulator.publication import find
from simulator.values import csv_cell, json_lines


def sql(name: str, query: str | None, *, form: str, limit: int | None, timeout_s: float) -> int:
    """Answer `query`, or what is typed or piped in. `form` is table, json or csv."""
    run = find(name)
    contents = manifest.read(run)
    with Console(run, timeout_s=timeout_s) as console:
        if query is None and form == "table" and is_interactive():
            _prompt(console, run.name, _places(contents))
            return 0
        text = query if query is not None else sys.stdin.read()
        if not text.strip():
            raise problem("query", "is empty", 'give one: saasim sql dbgpt "select * from mrr_by_month"')
        if form == "table":
            rows_max = limit if limit is not None else SCREEN_ROWS if sys.stdout.isatty() else 0
            _tables(console.ask(text, limit=rows_max or None), _places(contents))
        else:
            _data(console.ask(text, limit=limit or None), form)
    return 0


SCREEN_ROWS = 100
"""How many rows a terminal is given unless somebody asks for more; a pipe is given all."""


def _places(contents: dict[str, Any]) -> int:
    places: int = contents.get("price_book", {}).get("places", 2)
    return places


def _tables(answers: Iterable[Answer], places: int) -> None:
    screen = tables.terminal(sys.stdout)
    for answer in answers:
        rows = list(answer)
        tables.show(screen, answer.columns, rows, places)
        if sys.stdout.isatty():
            note = row_note(len(rows), more=answer.more)
            screen.print(f"{note}: --limit 0 shows all" if answer.more else note, style="dim")


def _data(answers: Iterable[Answer], form: str) -> None:
    """Write the rows of one answer as JSON or CSV, as they come."""
    for answer in answers:
        if answer.statements > 1:
            raise problem("query", f"--{form} takes one statement, and there are more", "ask them one by one")
        names = [column.name for column in answer.columns]
        if form == "json":
            _write(json_lines(names, _with_nested(answer)))
        else:
            _write(",".join(map(csv_cell, row)) for row in chain([names], answer))


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")


def _with_nested(answer: Answer) -> Iterable[list[Any]]:
    """Yield rows in which a list or a struct is one, and not its text."""
    nested = [number for number, column in enumerate(answer.columns) if column.kind == "json"]
    for row in answer:
        for number in nested:
            row[number] = None if row[number] is None else json.loads(row[number], parse_float=Decimal)
        yield row


def _prompt(console: Console, name: str, places: int) -> None:
    screen = tables.terminal(sys.stdout)
    words = sorted({str(row[0]) for answer in console.ask(TABLES) for row in answer})
    screen.print(f"{name}: read-only; .help says what can be typed", style="dim")
    with line_reader([*words, ".tables", ".schema", ".help", ".quit"]) as read:
        Prompt(console, screen, read=read, places=places).run()

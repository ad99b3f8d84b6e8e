"""`saasim explain`: one number of a run, walked back to its formula, lines, their arithmetic and events."""

import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from analytics.explanation import explain
from analytics.explanation.node import Node
from analytics.explanation.words import is_currency, number, plural
from analytics.policy import named
from billing.money import minor_units
from simulator import manifest, tables
from simulator.publication import find
from simulator.values import aligned, to_json, visible

TEXT_MIN = 40
"""The words of a tree are not squeezed below this."""

PART, LAST_PART, REASON, LAST_REASON = "├── ", "└── ", "├╌╌ ", "└╌╌ "
"""What stands before a number that adds up, and before one that says why."""


class Row(NamedTuple):
    """A row of the tree on a terminal: its guides, its words, and the number in front."""

    guide: str
    below: str
    node: Node
    is_part: bool


def explain_thing(
    name: str,
    words: Sequence[str],
    *,
    by: str,
    depth: int | None,
    largest: int,
    policy: str = "",
    as_json: bool,
) -> int:
    """Print why a number of a run is what it is."""
    run = find(name)
    manifest.read(run)
    taken = named(policy)
    node = explain(run, " ".join(words), by=by, depth=depth, largest=largest, policy=taken)
    if as_json:
        sys.stdout.write(to_json({**node.to_dict(), "policy": taken.hash}) + "\n")
        return 0
    screen = tables.terminal(sys.stdout)
    _show(screen, node)
    if policy:
        screen.print(f"  policy {taken.name}, {taken.hash}", style="dim")
    return 0


def _show(screen: Console, node: Node) -> None:
    """Print the tree: numbers in front, their points below each other, the words behind them."""
    rows = list(_rows(node, "", "", is_part=True))
    numbers = aligned([_number(row.node) for row in rows])
    units = [_unit(row.node) for row in rows]
    wide, unit_wide = max(map(len, numbers)), max(map(len, units))
    room = max(TEXT_MIN, screen.width - wide - unit_wide - 3)
    for row, digits, unit in zip(rows, numbers, units, strict=True):
        style = "" if row.is_part else "dim"
        front = Text(f"{digits.rjust(wide)} {unit.ljust(unit_wide)}  ", style=style)
        for place, line in enumerate(_wrapped(row, room)):
            lead = front if place == 0 else Text(" " * front.cell_len)
            screen.print(Text.assemble(lead, line), soft_wrap=True)
    if any(row.node.reasons for row in rows):
        screen.print(
            f"\n  {PART.strip()} adds up to the number above   {REASON.strip()} says why", style="dim"
        )


def _rows(node: Node, guide: str, below: str, *, is_part: bool) -> Iterator[Row]:
    yield Row(guide, below, node, is_part)
    children = [(child, True) for child in node.parts] + [(child, False) for child in node.reasons]
    for place, (child, adds) in enumerate(children):
        is_last = place == len(children) - 1
        lead = (LAST_PART if adds else LAST_REASON) if is_last else (PART if adds else REASON)
        bar = "    " if is_last else ("│   " if any(adds for _, adds in children[place + 1 :]) else "╎   ")
        yield from _rows(child, below + lead, below + bar, is_part=adds)


def _number(node: Node) -> str:
    if node.amount is None:
        return ""
    return number(node.amount, minor_units(node.unit) if is_currency(node.unit) else 0)


def _unit(node: Node) -> str:
    if node.amount is None or is_currency(node.unit) or node.amount == 1 or node.unit in ("", "ratio"):
        return "" if node.amount is None else node.unit
    return plural(node.unit)


def _wrapped(row: Row, room: int) -> Iterator[Text]:
    """Write a row's words under its guides, in as many lines as they need."""
    node = row.node
    words, about = visible(node.text), "  ".join(visible(one) for one in (node.thing, node.source) if one)
    is_root = not row.guide
    space = max(TEXT_MIN // 2, room - len(row.guide))
    whole = f"{words}  {about}".rstrip()
    lines = textwrap.wrap(whole, space, break_on_hyphens=False) if len(whole) > space else [whole]
    told, written = len(words), 0
    for place, line in enumerate(lines or [""]):
        lead = row.guide if place == 0 else row.below + ("│   " if node.children else "    ")
        text = Text(lead, style="dim")
        split = max(0, min(len(line), told - written))
        text.append(line[:split], style="bold" if is_root else "")
        text.append(line[split:], style="dim")
        written += len(line) + 1
        yield text

"""Tables on a terminal: rows of an answer, aligned so that the eye can add them up.

Colour carries meaning and nothing else: dim is secondary, green is good, red is bad, yellow is unfinished.
NO_COLOR is respected, and in a pipe there is neither colour nor a limit of width.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simulator.console import Column
from simulator.values import aligned, decimal_text, float_text, integer_text, visible

TEXT_MIN = 12
"""A column of text is not squeezed below this; where that is too wide, each row becomes a record."""

PIPE_COLUMNS = 10_000
"""The width of a pipe: nothing is cut there."""

_MONEY_PLACES = 4  # the scale in which the ledger holds money
_GAP = 3
_NUMBERS = {"decimal", "integer", "float"}


def terminal(file: TextIO) -> Console:
    """Return a Rich console on a stream, which takes text as it is and cuts nothing in a pipe."""
    width = None if file.isatty() else PIPE_COLUMNS
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False, soft_wrap=not width)


def show(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[Any]], places: int = 2) -> None:
    """Print the rows of an answer: as a table where they fit the width, otherwise one record below the other.

    `places` is what amounts of the run's currency are shown with at least.
    """
    cells = [_cells(column, [row[n] for row in rows], places) for n, column in enumerate(columns)]
    heads = [Text(visible(column.name)) for column in columns]
    widths = [max(text.cell_len for text in [head, *texts]) for head, texts in zip(heads, cells, strict=True)]
    if not _squeeze(widths, columns, console.width):
        _show_records(console, heads, cells)
        return
    table = plain_table()
    for head, column, width in zip(heads, columns, widths, strict=True):
        if column.kind in _NUMBERS:
            head.pad_left(width - head.cell_len)
        table.add_column(head, width=width, no_wrap=True, overflow="ellipsis")
    for number in range(len(rows)):
        table.add_row(*[texts[number] for texts in cells])
    console.print(table)


def show_fitting(console: Console, tables: Iterable[Table]) -> None:
    """Print the first of some tables that fits the width, or the last one."""
    chosen = Table()
    for chosen in tables:
        if fits(console, chosen):
            break
    console.print(chosen)


def fits(console: Console, table: Table) -> bool:
    """Tell whether a table has room without anything of it being cut."""
    unbounded = console.options.update(max_width=PIPE_COLUMNS)
    return console.measure(table, options=unbounded).maximum <= console.width


def plain_table() -> Table:
    """Return an empty table in the one style: a rule below the heads, no boxes."""
    return Table(
        box=box.SIMPLE_HEAD, header_style="bold", border_style="dim", show_edge=False, pad_edge=False
    )


def _squeeze(widths: list[int], columns: Sequence[Column], width: int) -> bool:
    """Narrow the widest columns of text until the table fits; say whether it does."""
    texts = [n for n, column in enumerate(columns) if column.kind not in _NUMBERS]
    for n in sorted(texts, key=lambda n: widths[n], reverse=True):
        excess = sum(widths) + _GAP * len(widths) - width
        widths[n] -= max(0, min(excess, widths[n] - TEXT_MIN))
    return sum(widths) + _GAP * len(widths) <= width


def _cells(column: Column, values: Sequence[Any], places: int) -> list[Text]:
    """Write the values of a column; numbers are padded to one width, with their points below each other."""
    money = column.kind == "decimal" and column.places in {_MONEY_PLACES, places}
    texts = ["NULL" if value is None else _text(value, places if money else 0) for value in values]
    if column.kind in _NUMBERS:
        texts = aligned(texts)
        width = max([len(column.name), *map(len, texts)])
        texts = [text.rjust(width) for text in texts]
    return [
        Text(text, style="dim" if value is None else "") for text, value in zip(texts, values, strict=True)
    ]


def _text(value: Any, places: int) -> str:
    if isinstance(value, Decimal):
        return decimal_text(value, places)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return integer_text(value)
    if isinstance(value, float):
        return float_text(value)
    return visible(str(value))


def _show_records(console: Console, heads: Sequence[Text], cells: Sequence[Sequence[Text]]) -> None:
    wide = max(head.cell_len for head in heads)
    for number in range(len(cells[0])):
        console.print(Text(f"── row {number + 1} ──", style="dim"))
        for head, texts in zip(heads, cells, strict=True):
            value = Text(texts[number].plain.strip(), style=texts[number].style)
            label = Text(" " * (wide - head.cell_len) + head.plain, style="bold")
            console.print(label, value, sep="  ", soft_wrap=True)

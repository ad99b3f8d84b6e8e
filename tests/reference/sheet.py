"""The page of tables of metrics: every kind of sheet with its columns."""

from analytics.sheet.kind import KINDS, Column, Kind
from tests.reference.page import code, table


def kinds() -> str:
    """Describe every kind of sheet: what a row is, and every column."""
    return "\n\n".join(_described(name, kind) for name, kind in KINDS.items())


def _described(name: str, kind: Kind) -> str:
    rows = [
        (
            code(head),
            column.type,
            _meaning(column),
            _default(column),
            ", ".join(map(code, column.names)) or "–",
        )
        for head, column in kind.columns.items()
    ]
    named = f" Files may also be called {', '.join(map(code, kind.names))}." if kind.names else ""
    heads = ("column", "type", "what it holds", "if left out", "also known as")
    return f"### `{name}`\n\n{kind.description}{named}\n\n{table(heads, rows)}"


def _meaning(column: Column) -> str:
    choices = f": {', '.join(map(code, column.choices))}" if column.choices else ""
    return f"{column.description}{choices}"


def _default(column: Column) -> str:
    return "**needed**" if column.default is None else code(column.default) or "empty"

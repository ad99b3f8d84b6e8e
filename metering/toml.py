"""TOML text of nested data: what the program writes for people to read, change and load again."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
INLINE_MAX = 90
"""Longer tables get lines of their own."""


def to_toml(data: Mapping[str, Any], *, keeps_empty: bool = False) -> str:
    """Write a table as TOML, in the order of its keys.

    Empty tables, empty lists and None are left out; with `keeps_empty` they stay, so that what is written
    reads back as it was. Raises TypeError for what TOML does not have.
    """
    whole = data if keeps_empty else _kept(data)
    return "\n".join(_lines(whole, ())).strip() + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Write the values of a table, then the tables in it, each under its heading."""
    values = {
        key: value for key, value in table.items() if not isinstance(value, Mapping) or _is_small(value)
    }
    tables = {key: value for key, value in table.items() if key not in values}
    if path and (values or not tables):
        yield f"\n[{'.'.join(map(_key, path))}]"
    for key, value in values.items():
        yield _line(key, value)
    for key, value in tables.items():
        yield from _lines(value, (*path, key))


def _kept(value: Any) -> Any:
    """Leave out what is empty, in the tables of tables and lists too."""
    if isinstance(value, Mapping):
        return {key: _kept(one) for key, one in value.items() if one is not None and one not in ({}, [], ())}
    return [_kept(one) for one in value] if isinstance(value, list | tuple) else value


def _line(key: str, value: Any) -> str:
    """Write a value behind its key; a list that is too long for a line stands one item a line."""
    line = f"{_key(key)} = {_value(value)}"
    if len(line) <= INLINE_MAX or not isinstance(value, list | tuple):
        return line
    items = "".join(f"    {_value(item)},\n" for item in value)
    return f"{_key(key)} = [\n{items}]"


def _is_small(table: Mapping[str, Any]) -> bool:
    """Tell whether a table fits into a line: it holds plain values only."""
    nested = any(isinstance(value, Mapping | list | tuple) and value for value in table.values())
    return not nested and len(_value(table)) <= INLINE_MAX


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, int | Decimal | date):
        message = f"{value!r} has no place in TOML"
        raise TypeError(message)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _text(text: str) -> str:
    """Quote a text; what JSON escapes, TOML reads the same, but for the one control character it leaves."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")

"""Where a price book says what: the line of each key of its TOML text.

Python's TOML reader keeps no positions, so the text is read once more, for its keys alone. The text is known
to be right TOML; a key that is not found has no line, and nothing else goes wrong.
"""

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

Path = tuple[str | int, ...]
"""The keys that lead to a value; an item of a list by its number, from 0."""

_BARE = re.compile(r"[A-Za-z0-9_\-]+")
_BLANK = re.compile(r"[ \t\r\n]*(?:#[^\n]*[ \t\r\n]*)*")
_PLAIN = re.compile(r"[^,\]}\n#]*")
_QUOTES = ('"""', "'''", '"', "'")


def key_lines(text: str) -> dict[Path, int]:
    """Return the line, from 1, of every key and every item of a list in a TOML text."""
    lines: dict[Path, int] = {}
    for path, line in _Reader(text).pairs():
        for length in range(1, len(path) + 1):  # a heading makes the tables on its way, too
            lines.setdefault(path[:length], line)
    return lines


class Citations:
    """What a price book's text says where: its lines, and the `source` that stands beside a price."""

    def __init__(self, text: str, name: str = "prices.toml") -> None:
        self.name = name
        self.lines = key_lines(text)

    def line(self, *path: str | int) -> int | None:
        """Return the line of a key, or of the nearest key above it that is there."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    def cite(self, *path: str | int, source: str = "") -> str:
        """Return the place of a key, as `prices.toml:34`, and the source that the book gives for it."""
        line = self.line(*path)
        place = self.name if line is None else f"{self.name}:{line}"
        return f"{place} ({source})" if source else place


class _Reader:
    """Reads TOML for its keys. Positions go by `at`; `line` is that of `at`."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.line = 1
        self.items: dict[Path, int] = {}
        """How many tables each list of tables has."""

    def pairs(self) -> Iterator[tuple[Path, int]]:
        """Yield the path and the line of each key, in the order of the text."""
        table: Path = ()
        self._skip()
        while self.at < len(self.text):
            if self._takes("[["):
                line, path = self.line, self._through_lists(self._key())
                self._takes("]]")
                number = self.items.get(path, 0)
                self.items[path] = number + 1
                table = (*path, number)
                yield table, line
            elif self._takes("["):
                line, table = self.line, self._through_lists(self._key())
                self._takes("]")
                yield table, line
            else:
                yield from self._pair(table)
            self._skip()

    def _pair(self, table: Path) -> Iterator[tuple[Path, int]]:
        line, start = self.line, self.at
        path = (*table, *self._key())
        yield path, line
        self._skip()
        self._takes("=")
        self._skip()
        yield from self._value(path)
        assert self.at > start, f"line {line} of the price book cannot be read"

    def _through_lists(self, keys: Sequence[str]) -> Path:
        """Return the path of a heading: in a list of tables it means the last one."""
        path: Path = ()
        for place, key in enumerate(keys):
            path = (*path, key)
            if place < len(keys) - 1 and path in self.items:
                path = (*path, self.items[path] - 1)
        return path

    def _value(self, path: Path) -> Iterator[tuple[Path, int]]:
        if self._takes("{"):
            yield from self._inside(path, "}")
        elif self._takes("["):
            yield from self._inside(path, "]")
        elif not self._text():
            plain = _PLAIN.match(self.text, self.at)
            assert plain is not None
            self._to(plain.end())

    def _inside(self, path: Path, end: str) -> Iterator[tuple[Path, int]]:
        number = 0
        self._skip()
        while self.at < len(self.text) and not self._takes(end):
            if end == "}":
                yield from self._pair(path)
            else:
                yield (*path, number), self.line
                yield from self._value((*path, number))
                number += 1
            self._skip()
            self._takes(",")
            self._skip()

    def _key(self) -> list[str]:
        keys = []
        while True:
            self._skip()
            start = self.at
            if self._text():
                word = self.text[start : self.at]
                keys.append(json.loads(word) if word.startswith('"') else word[1:-1])
            else:
                bare = _BARE.match(self.text, self.at)
                assert bare is not None, f"line {self.line} of the price book holds no key"
                keys.append(bare[0])
                self._to(bare.end())
            self._skip()
            if not self._takes("."):
                return keys

    def _text(self) -> bool:
        """Pass a quoted text; tell whether there was one."""
        for quote in _QUOTES:
            if self.text.startswith(quote, self.at):
                self._to(self._end_of_text(self.at + len(quote), quote))
                return True
        return False

    def _end_of_text(self, at: int, quote: str) -> int:
        while at < len(self.text) and not self.text.startswith(quote, at):
            at += 2 if self.text[at] == "\\" and quote[0] == '"' else 1
        at += len(quote)
        while len(quote) > 1 and self.text[at : at + 1] == quote[0]:  # up to two more belong to the text
            at += 1
        return at

    def _takes(self, mark: str) -> bool:
        if not self.text.startswith(mark, self.at):
            return False
        self._to(self.at + len(mark))
        return True

    def _skip(self) -> None:
        blank = _BLANK.match(self.text, self.at)
        assert blank is not None
        self._to(blank.end())

    def _to(self, at: int) -> None:
        self.line += self.text.count("\n", self.at, at)
        self.at = at


def paths_of(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every key and item of nested data, as `key_lines` names them."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield (*path, key)
        if not isinstance(one, str | int | Decimal):
            yield from paths_of(one, (*path, key))

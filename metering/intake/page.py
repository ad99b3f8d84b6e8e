"""Pages: objects of JSON that each hold a list of rows under a key, as interfaces answer and people save.

`{"events": [...], "meta": {...}}` becomes a row a line, each as it stood in the page: no number passes
through a float.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from metering.document import problem

PAGES_BYTES_MAX = 64_000_000
"""A file with more bytes of pages is refused: pages are read whole."""

_BLANK = re.compile(r"[ \t\r\n]*")
_ENDS = re.compile(r"[\r\n]+")


def unpack(path: Path, file: IO[bytes], key: str, into: Path) -> Path:
    """Write the rows of every page of a file to `into`, one a line, and return it.

    Raises Problems for what is no page, with its number.
    """
    content = file.read(PAGES_BYTES_MAX + 1)
    if len(content) > PAGES_BYTES_MAX:
        raise problem(str(path), f"has more than {PAGES_BYTES_MAX:,} bytes of pages", "split it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise problem(str(path), "is not UTF-8 text", "save the file as UTF-8") from None
    with into.open("w", encoding="utf-8", newline="\n") as lines:
        at, number = _past_blanks(text, 0), 1
        while at < len(text):
            try:
                rows, at = _page(text, at, key)
            except ValueError as error:
                said = f"is no page ({error})"
                raise problem(f"{path}: page {number}", said, "mend it, or the map's records") from None
            lines.writelines(_ENDS.sub(" ", row) + "\n" for row in rows)
            at, number = _past_blanks(text, at), number + 1
    return into


def _page(text: str, at: int, key: str) -> tuple[list[str], int]:
    """Return the rows of the page that begins at a place, and where it ends. Raises ValueError."""
    rows: list[str] | None = None
    for name, begin in _members(text, at):
        if name is None:
            if rows is None:
                raise ValueError(f"it has no list {key!r}")
            return rows, begin
        if name == key:
            rows = [text[first:last] for first, last in _elements(text, begin)]
    raise ValueError("it breaks off")


def _members(text: str, at: int) -> Iterator[tuple[str | None, int]]:
    """Yield each key of an object and where its value begins, and at last None and where the object ends."""
    at = _past(text, at, "{")
    decode = json.JSONDecoder().raw_decode
    while not text.startswith("}", at):
        if not text.startswith('"', at):
            raise ValueError(f"there is {text[at : at + 20]!r} instead of a key")
        name, end = decode(text, at)
        begin = _past(text, end, ":")
        yield name, begin
        at = _past_blanks(text, decode(text, begin)[1])
        if not text.startswith("}", at):
            at = _past(text, at, ",")
    yield None, at + 1


def _elements(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Yield where each element of a list begins and ends."""
    at = _past(text, at, "[")
    while not text.startswith("]", at):
        end = json.JSONDecoder().raw_decode(text, at)[1]
        yield at, end
        at = _past_blanks(text, end)
        if not text.startswith("]", at):
            at = _past(text, at, ",")


def _past(text: str, at: int, sign: str) -> int:
    """Return the place behind a sign that has to stand here, and behind the blanks that follow it."""
    at = _past_blanks(text, at)
    if not text.startswith(sign, at):
        raise ValueError(f"there is {text[at : at + 20]!r} instead of {sign!r}")
    return _past_blanks(text, at + 1)


def _past_blanks(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    assert found is not None, "nothing is a blank as well"
    return found.end()

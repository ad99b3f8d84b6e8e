"""Where a price book says what: the line of each key, held against Python's own TOML reader."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import fixtures
from analytics.explanation.book import Citations, key_lines, paths_of

FILES = sorted(Path(fixtures.__file__).parent.rglob("*.toml"))

STRANGE = '''# [not.a.table]
a."b.c" . 'd e' = { x = [1, 2, { y = """q " ] # "" """" }], "z\\"" = 1 }

[[rows]]
x = 1 # ] [ }
[rows.more]
path = 'c:\\'
text = """
[looks.like.a.table]
key = 1
"""
[[rows.deep]]
z = 1979-05-27T07:32:00
[[rows.deep]]
[[rows]]
inner.list = [
  [1, 2], # ] a comment
  "]",
  { k = '}' },
]
[ spaced . "out" ]
"" = -inf
'''


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_key_of_every_file_has_a_line(path: Path) -> None:
    """No key is missed and none is made up, in any file that the project ships."""
    text = path.read_text("utf-8")

    assert set(key_lines(text)) == set(paths_of(tomllib.loads(text, parse_float=Decimal)))


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_strange_files_are_read_as_well(ending: str) -> None:
    """Quotes in quotes, brackets in comments and texts, tables in lists, empty keys."""
    text = STRANGE.replace("\n", ending)

    assert set(key_lines(text)) == set(paths_of(tomllib.loads(text)))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a", "b.c", "d e", "x", 2, "y"), 2),
        (("rows",), 4),
        (("rows", 0, "more", "path"), 7),
        (("rows", 0, "deep", 0, "z"), 13),
        (("rows", 0, "deep", 1), 14),
        (("rows", 1, "inner", "list", 2, "k"), 19),
        (("spaced", "out", ""), 22),
    ],
)
def test_a_key_is_where_it_stands(path: tuple[Any, ...], line: int) -> None:
    """Counted by hand."""
    assert key_lines(STRANGE)[path] == line


def test_what_a_book_does_not_say_is_where_it_would_be() -> None:
    """A key that is left out has the line of the table that it would be in; a source stands behind it."""
    book = Citations(STRANGE)

    assert book.cite("rows", 1, "other", source="page 3") == "prices.toml:15 (page 3)"
    assert book.cite("nothing") == "prices.toml"

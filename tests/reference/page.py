"""Pages: Markdown files in which some parts are written by hand and others are generated.

A generated part stands between two comments, the first of which names it:

    <!-- generated ledger.tables -->
    ...
    <!-- end -->
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

Region = Callable[[], str]

_REGION = re.compile(r"(<!-- generated (?P<name>\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
_BLOCK = re.compile(
    r"^(?P<fence>```+)(?P<language>\S*)(?P<note>[^\n]*)\n(?P<text>.*?)^(?P=fence)$", re.DOTALL | re.MULTILINE
)


class Block(NamedTuple):
    """A fenced block of a page: where its text begins, and what the fence says about it."""

    page: Path
    line: int
    language: str
    note: str
    text: str

    @property
    def file(self) -> str:
        """The name of the file that the block shows, from a fence such as ```toml file=prices.toml."""
        found = re.search(r"\bfile=(\S+)", self.note)
        return found[1] if found else ""

    @property
    def place(self) -> str:
        """The block's place, as a message or a test names it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Return every page: the documentation and the files beside it."""
    return [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]


def blocks(*languages: str) -> list[Block]:
    """Return every fenced block in one of some languages, page by page."""
    return [block for page in pages() for block in blocks_of(page) if block.language in languages]


def blocks_of(page: Path) -> list[Block]:
    """Return every fenced block of a page."""
    text = page.read_text("utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found["language"], found["note"], found["text"])
        for found in _BLOCK.finditer(text)
    ]


def regions_of(page: Path) -> list[str]:
    """Return the names of the generated parts of a page."""
    return [found["name"] for found in _REGION.finditer(page.read_text("utf-8"))]


def generated(page: Path, regions: Mapping[str, Region]) -> str:
    """Return a page's text with its generated parts made anew. Raises KeyError for one that nobody makes."""
    return _REGION.sub(
        lambda found: f"{found[1]}\n{regions[found['name']]().strip()}\n\n{found[3]}", page.read_text("utf-8")
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table in Markdown; heads that end with `:` stand over numbers."""
    rule = ["---:" if head.endswith(":") else "---" for head in heads]
    lines = [[head.removesuffix(":") for head in heads], rule, *[[*map(_cell, row)] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: object) -> str:
    """Return a text as code within a line."""
    return f"`{text}`" if f"{text}" else ""


def fenced(language: str, text: str) -> str:
    """Return a text as a block of code."""
    return f"```{language}\n{text.strip()}\n```"


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")

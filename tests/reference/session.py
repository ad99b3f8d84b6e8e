"""Sessions: the console blocks of the pages, run as a reader would run them, compared with what they show.

A block in ```console holds commands behind `$ ` (and `> ` where they go on) with their output. In the output
`...` stands for anything, on a line of its own for any lines. All blocks share one directory, in which
`fixtures` is that of the project; what a command made there, the next one finds. A command is run once,
however often it is shown. A block whose fence names a file (```toml file=prices.toml) is written there
before the commands of its page run. The `saasim` of a session is forked by a `Starter`.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple, Self

from tests.reference.page import ROOT, Block
from tests.reference.starter import Starter

ANYTHING = "..."
_TIMES = re.compile(r"\b\d+:\d\d min|\b\d+\.\d s\b")
"""What differs from one time to the next: how long something took."""

SPOKEN = {"CI", "BUILD_NUMBER", "COLUMNS", "LINES"}
"""What would make a program print otherwise than for the reader: pytest shortens no line under CI."""


class Shown(NamedTuple):
    """A command of a console block, and the output that the page shows."""

    command: str
    output: str


class Session:
    """A directory to run commands in, and what they said; a context manager that ends what it started."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._said: dict[str, str] = {}
        (directory / "fixtures").symlink_to(ROOT / "fixtures")
        told = {"NO_COLOR": "1", "PYTHONWARNINGS": "error"}
        self._environment = {name: value for name, value in os.environ.items() if name not in SPOKEN} | told
        self._starter = Starter(self._environment)
        path = [self._starter.path, Path(sys.executable).parent, os.environ["PATH"]]
        self._environment["PATH"] = os.pathsep.join(map(str, path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._starter.close()

    def provide(self, page: Sequence[Block]) -> None:
        """Write the files that a page shows."""
        for block in page:
            if block.file:
                path = self.directory / block.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, "utf-8")

    def run(self, command: str) -> str:
        """Return what a command says, without its progress. Raises AssertionError where it fails."""
        if command not in self._said:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=self.directory,
                env=self._environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert not done.returncode, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            lines = [line.rstrip() for line in done.stdout.splitlines()]
            self._said[command] = "\n".join(lines).strip("\n")
        return self._said[command]


def commands(block: Block) -> list[Shown]:
    """Part a console block into its commands."""
    found = []
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        first, *rest = part.splitlines()
        more = list(takewhile(lambda line: line.startswith(">"), rest))
        command = "\n".join([first, *(line[2:] for line in more)])
        found.append(Shown(command, "\n".join(rest[len(more) :]).strip("\n")))
    return found


def matches(shown: str, said: str) -> bool:
    """Tell whether a page shows what was said."""
    parts = [r"(?:[^\n]*\n)*?" if _is_gap(line) else f"{_pattern(line)}\n" for line in shown.splitlines()]
    return re.fullmatch("".join(parts), f"{said}\n" if said else "") is not None


def rewritten(block: Block, session: Session) -> str:
    """Return a console block's text with the output of today, cut where it was cut before."""
    parts = []
    for shown in commands(block):
        said = session.run(shown.command)
        output = shown.output if matches(shown.output, said) else _cut(said, like=shown.output)
        typed = "$ " + shown.command.replace("\n", "\n> ")
        parts.append("\n".join(filter(None, [typed, output])) + "\n")
    return "\n".join(parts)


def _cut(said: str, *, like: str) -> str:
    """Leave out what a page left out before: lines at the same place, parts of lines, and durations."""
    before = like.splitlines()
    partly = [line for line in before if ANYTHING in line and not _is_gap(line)]
    lines = [
        next((old for old in partly if re.fullmatch(_pattern(old), line)), line)
        for line in _TIMES.sub(ANYTHING, said).splitlines()
    ]
    at = next((number for number, line in enumerate(before) if _is_gap(line)), None)
    if at is None or len(lines) < len(before):
        return "\n".join(lines)
    tail = len(before) - at - 1
    return "\n".join([*lines[:at], before[at], *(lines[-tail:] if tail else [])])


def _is_gap(line: str) -> bool:
    return line.strip() == ANYTHING


def _pattern(line: str) -> str:
    return re.escape(line).replace(re.escape(ANYTHING), ".*")

"""The console's prompt: questions typed one after the other, with a history, against one run.

A statement may span lines and ends with `;`. Lines that begin with a point are for the prompt itself.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console as Screen

from metering.document import Problems
from simulator import tables
from simulator.console import Console
from simulator.values import visible

HELP = """\
  select ... ;    ask; a question may span lines and ends with ;
  .tables         what there is, and what it holds
  .schema NAME    the columns of a table or view
  .help           this
  .quit           leave (or Ctrl-D); Ctrl-C stops a question"""

TABLES = """
    select table_name as name, coalesce(comment, '') as holds from duckdb_tables() where not internal
    union all
    select view_name, coalesce(comment, 'the raw usage events of the log')
    from duckdb_views() where not internal order by name"""

COLUMNS = """
    select column_name as "column", lower(data_type) as type, coalesce(comment, '') as holds
    from duckdb_columns() where not internal and table_name = '{}' order by column_index"""

HISTORY_LINES = 2_000

ROWS_SHOWN = 40
"""A prompt shows no more rows than a screen holds; a query on the command line can have all."""


class Prompt:
    """A prompt on a console: reads lines with `read` until there are no more."""

    def __init__(self, console: Console, screen: Screen, *, read: Callable[[str], str], places: int) -> None:
        self._console = console
        self._screen = screen
        self._read = read
        self._places = places

    def run(self) -> None:
        """Answer questions until the user leaves."""
        for text in self._questions():
            try:
                if text.startswith("."):
                    if not self._command(*text.rstrip(";").split()):
                        return
                else:
                    self._ask(text)
            except Problems as problems:
                self._screen.print(visible(str(problems)), style="red")
            except KeyboardInterrupt:
                self._console.kill()
                self._screen.print("stopped", style="yellow")

    def _questions(self) -> Iterator[str]:
        """Yield whole statements and commands; Ctrl-C forgets what was typed so far."""
        typed: list[str] = []
        while True:
            try:
                line = self._read("saasim> " if not typed else "   ...> ")
            except EOFError:
                self._screen.print()
                return
            except KeyboardInterrupt:
                typed = []
                self._screen.print()
                continue
            typed += [line] if line.strip() else []
            text = "\n".join(typed).strip()
            if text.endswith(";") or (text.startswith(".") and len(typed) == 1):
                typed = []
                yield text

    def _command(self, word: str, *rest: str) -> bool:
        """Do what a line with a point says; tell whether to go on."""
        if word in {".quit", ".exit", ".q"}:
            return False
        if word == ".tables":
            self._ask(TABLES, limit=None)
        elif word == ".schema" and rest:
            self._ask(COLUMNS.format(rest[0].replace("'", "''")), limit=None)
        else:
            self._screen.print(HELP)
        return True

    def _ask(self, text: str, limit: int | None = ROWS_SHOWN) -> None:
        for answer in self._console.ask(text, limit=limit):
            rows = list(answer)
            tables.show(self._screen, answer.columns, rows, self._places)
            self._screen.print(row_note(len(rows), more=answer.more), style="dim")


def row_note(count: int, *, more: bool) -> str:
    """Say how many rows were shown, and whether there are more."""
    if more:
        return f"the first {count:,} rows; there are more"
    return "1 row" if count == 1 else f"{count:,} rows"


@contextlib.contextmanager
def line_reader(words: list[str]) -> Iterator[Callable[[str], str]]:
    """Give a way to read lines from the keyboard, with a history that is kept and completion of `words`."""
    try:
        import readline  # noqa: PLC0415 - Python may be built without it, and the prompt works without it
    except ImportError:
        yield input
        return
    path = history_file()
    with contextlib.suppress(OSError):
        readline.read_history_file(path)
    readline.set_history_length(HISTORY_LINES)
    readline.set_completer(lambda text, n: [*[w for w in words if w.startswith(text)], None][n])
    readline.parse_and_bind("tab: complete")
    try:
        yield input
    finally:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(path)
            path.chmod(0o600)


def history_file() -> Path:
    """Return where the prompt keeps what was typed, by the XDG rules."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "saasim" / "history"


def is_interactive() -> bool:
    """Tell whether somebody sits at the keyboard."""
    return sys.stdin.isatty() and sys.stdout.isatty()

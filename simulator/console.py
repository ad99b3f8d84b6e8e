"""The SQL console: questions to one run's ledger, answered by a child process that can only read that run.

The lock is in `simulator.query`. A question that takes too long, or is interrupted, ends with its process;
the next one starts another.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from metering.document import Problems, problem
from simulator import manifest

TIMEOUT_S = 60
"""How long a question may think, if nobody says otherwise."""

START_S = 30
"""How long the child may take to start; only a machine in trouble takes longer."""

READ_BYTES = 1 << 16

FRUGAL = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Environment in which libraries map no address space in advance, so that a tight bound on it can hold."""

_ONLY_READS = ("disabled by configuration", "disabled through configuration", "configuration has been locked")


class Column(NamedTuple):
    """A column of an answer; kinds are decimal, integer, float, boolean, text and json."""

    name: str
    kind: str
    places: int = 0


class Answer:
    """The answer to one statement, of so many that were asked. Its rows are read once, as they arrive.

    When they are read, `more` says whether a limit left rows out.
    """

    def __init__(self, columns: list[Column], messages: Iterator[dict[str, Any]], *, statements: int) -> None:
        self.columns = columns
        self.statements = statements
        self.more = False
        self._rows = self._read(messages)

    def __iter__(self) -> Iterator[list[Any]]:
        """Yield the rows that were not read yet; what a row holds is said by the columns."""
        return self._rows

    def _read(self, messages: Iterator[dict[str, Any]]) -> Iterator[list[Any]]:
        decimals = [number for number, column in enumerate(self.columns) if column.kind == "decimal"]
        while "rows" in (message := next(messages)):
            for row in message["rows"]:
                for number in decimals:
                    row[number] = None if row[number] is None else Decimal(row[number])
                yield row
        self.more = message["more"]


class Console:
    """A locked console on a run: `with Console(run) as console: console.ask("select 1")`."""

    def __init__(self, run: Path, *, timeout_s: float = TIMEOUT_S) -> None:
        """Open it on a published run. Raises Problems where there is none."""
        manifest.read(run)
        self.run = run
        self.timeout_s = timeout_s
        self._child: subprocess.Popen[bytes] | None = None
        self._pending = b""

    def __enter__(self) -> Self:
        """Nothing starts before the first question."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the child."""
        self.kill()

    def ask(self, text: str, *, limit: int | None = None) -> Iterator[Answer]:
        """Run every statement of `text` and yield its answer; read an answer before taking the next.

        Raises Problems for SQL that is wrong or not allowed, and for a question that takes too long.
        """
        child = self._started()
        assert child.stdin is not None
        child.stdin.write(json.dumps({"sql": text, "limit": limit}).encode() + b"\n")
        child.stdin.flush()
        messages = self._messages()
        while "done" not in (message := next(messages)):
            columns = [_column(name, kind) for name, kind in message["columns"]]
            answer = Answer(columns, messages, statements=message["statements"])
            yield answer
            deque(answer, maxlen=0)  # what the reader left stands before the next answer

    def kill(self) -> None:
        """End the child, whatever it is doing."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None
            self._pending = b""

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            script = Path(__file__).with_name("query.py")
            self._child = subprocess.Popen(  # noqa: S603 - our own script, and the user's own path
                [sys.executable, "-P", str(script), str(self.run)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | FRUGAL,
            )
            self._message(START_S)
        return self._child

    def _messages(self) -> Iterator[dict[str, Any]]:
        while True:
            yield self._message(self.timeout_s)

    def _message(self, patience_s: float) -> dict[str, Any]:
        """Return the child's next message. Raises Problems where it fails, dies, or takes too long."""
        child = self._child
        assert child is not None
        assert child.stdout is not None
        until = time.monotonic() + patience_s
        while b"\n" not in self._pending:
            ready = select.select([child.stdout], [], [], max(0, until - time.monotonic()))[0]
            if not ready:
                self.kill()
                raise problem("query", f"stopped after {patience_s:g} s", "narrow it, or give --timeout")
            data = os.read(child.stdout.fileno(), READ_BYTES)
            if not data:
                code = child.wait()
                self.kill()
                ending = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                raise problem("query", f"its process died ({ending})", "ask for less at a time")
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        if "failed" in message:
            raise refusal(message["failed"])
        return message


def refusal(message: str) -> Problems:
    """Return DuckDB's error as a problem of one line, with the remedy where the lock is the cause."""
    first, _, rest = message.partition("\nLINE ")
    number = rest.partition(":")[0]
    text = " ".join(first.split())
    remedy = ""
    if any(phrase in text for phrase in _ONLY_READS) or "read-only" in text:
        remedy = "the console only reads this run"
    return problem(f"query line {number}" if number.isdigit() else "query", text.rstrip(" ."), remedy)


def _column(name: str, kind: str) -> Column:
    word, _, places = kind.partition(" ")
    return Column(name, word, int(places or 0))

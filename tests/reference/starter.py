"""A starter: it has read the packages of the program once, and forks a process for every `saasim` of a page.

To start Python and to import the engine takes longer than most commands of the pages. What a forked process
runs is the program's own `main`, from its first line to its exit code, with the arguments, the environment,
the directory and the three streams of the shell that asked. Nothing is shared between two commands but what
had been imported before. The first command of each verb is forked from a process that has imported no module
of the project, so that a verb that forgets an import, or imports in a circle, is found.

`python -P starter.py DIRECTORY` listens at two sockets in the directory until its stdin ends. Its own streams
are no terminals, so those of its commands, which take their places, are none either.
"""

import contextlib
import importlib
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

FIRST, AGAIN = "first", "again"
"""The sockets: for the first command of a verb, and for the others."""

PACKAGES = (
    "duckdb", "faker", "polars", "pyarrow.parquet", "pydantic", "rich.console", "simpy", "sqlmodel", "typer",
)  # fmt: skip
"""What most verbs need of others. None of them runs a thread that a command would miss."""

ENGINE = ("simulator.commands.run", "simulator.commands.replay", "simulator.commands.compare")
"""The modules of the project that most verbs need."""

CLIENT = """\
#!{python} -ISE
import json, os, socket, sys
verb = next((word for word in sys.argv[1:] if not word.startswith("-")), "-")
try:
    os.mkdir(os.path.join({place!r}, "verb-" + verb.replace("/", "_")))
    name = "first"
except FileExistsError:
    name = "again"
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
    line.connect(os.path.join({place!r}, name))
    socket.send_fds(line, [len(asked).to_bytes(8, "big")], [0, 1, 2])
    line.sendall(asked)
    for stream in (0, 1, 2):
        os.close(stream)
    code = line.recv(8)
os._exit(int(code) if code else 70)
"""
"""The program that stands on the path in place of `saasim`: it hands over what it was given, and waits."""


class Starter:
    """A starter in a directory of its own, on whose `path` there is a `saasim`. Close it in the end."""

    def __init__(self, environment: dict[str, str]) -> None:
        """Start it under an environment; what is asked for meanwhile waits."""
        self._place = tempfile.TemporaryDirectory(prefix="saasim-")
        self.path = Path(self._place.name)
        program = self.path / "saasim"
        program.write_text(
            CLIENT.format(python=Path(sys.executable).resolve(), place=str(self.path)), "utf-8"
        )
        program.chmod(0o755)
        with (self.path / "log").open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(self.path)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        assert self._process.stdout.read(1) == b"!", f"no starter: {(self.path / 'log').read_text()}"

    def close(self) -> None:
        """End it, when nothing that it runs is left."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait()
        self._place.cleanup()


def main(place: Path) -> None:
    """Listen until stdin ends."""
    first, again = (listening(place / name) for name in (FIRST, AGAIN))
    sys.stdout.write("!")
    sys.stdout.flush()
    for name in PACKAGES:
        importlib.import_module(name)
    if not forked():
        first.close()
        for name in ENGINE:
            importlib.import_module(name)
        importlib.import_module("billing.ledger")._empty()  # what each new ledger is a copy of
        serve(again)
    again.close()
    serve(first)


def listening(path: Path) -> socket.socket:
    """Return a socket at which a path can be asked, also while its server is still busy."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(str(path))
    made.listen(16)
    return made


def serve(listener: socket.socket) -> NoReturn:
    """Fork a process for everybody who asks, and one that waits for it, until nobody can ask any more.

    Ends after the last of them.
    """
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            with contextlib.suppress(ChildProcessError):
                while os.wait():
                    pass
            os._exit(0)
        line, _ = listener.accept()
        if not forked():
            listener.close()
            answer(line)
        line.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def answer(line: socket.socket) -> NoReturn:
    """Run one command in a process of its own, and tell its exit code."""
    size, streams, _, _ = socket.recv_fds(line, 8, 3)
    left = int.from_bytes(size, "big")
    told = b""
    while len(told) < left:
        told += line.recv(left - len(told))
    words, directory, environment = json.loads(told)
    child = forked()
    if not child:
        line.close()
        become(words, directory, environment, streams)
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    line.sendall(str(code if code >= 0 else 128 - code).encode())  # as a shell says that a signal ended it
    os._exit(0)


def become(words: list[str], directory: str, environment: dict[str, str], streams: list[int]) -> NoReturn:
    """Be the program: `saasim` with these words, in this directory, under this environment."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["saasim", *words]
    program: Callable[[], None] = importlib.import_module("simulator.__main__").main
    program()
    os._exit(70)


def forked() -> int:
    """Fork, as `os.fork`; no thread that runs here matters to a child, of which newer Pythons cannot know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Targets: the files and the folder that an export writes, whole or not at all."""

import gzip
import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import polars as pl

from metering.document import problem
from simulator import manifest

CONTENTS = "tables.json"
"""The file of a folder that says what the others hold; a folder without it is not ours to overwrite."""

STDOUT = Path("-")
"""What stands for standard output, where an export is one file."""

Writer = Callable[[pl.DataFrame, Path], None]


class Folder:
    """A directory of tables, one file each: `with folder(path) as made: made.add(...)`.

    What is written is put in its place when the block ends without an error: files of an earlier export
    that no longer exist disappear.
    """

    def __init__(self, path: Path) -> None:
        """Use `folder`."""
        self.path = path
        self.partial = path.with_name(path.name + ".partial")
        self.files: list[dict[str, Any]] = []

    def add(self, name: str, frame: pl.DataFrame, write: Writer, told: dict[str, Any]) -> None:
        """Write a frame as a file of this name, and note its rows and hash beside what is `told` of it."""
        place = self.partial / name
        write(frame, place)
        stated = {"file": name, "rows": len(frame), "bytes": place.stat().st_size}
        self.files.append({**told, **stated, "sha256": manifest.digest(place)})

    def write(self, name: str, text: str) -> None:
        """Write a file beside the tables."""
        (self.partial / name).write_text(text, encoding="utf-8")


@contextmanager
def folder(path: Path, source: dict[str, Any]) -> Iterator[Folder]:
    """Fill a directory; `source` says in its `tables.json` what was exported.

    Raises Problems where something stands there that is no export.
    """
    _check(path)
    made = Folder(path)
    _empty(made.partial)
    made.partial.mkdir(parents=True)
    try:
        yield made
    except BaseException:
        _empty(made.partial)
        raise
    contents = {**source, "tables": made.files}
    made.write(CONTENTS, json.dumps(contents, indent=2, ensure_ascii=False) + "\n")
    _empty(path)
    made.partial.rename(path)


@contextmanager
def stream(path: Path) -> Iterator[IO[str]]:
    """Open a file of text to be written, packed where it ends with `.gz`; `-` is standard output.

    It stands in its place when the block ends without an error.
    """
    if path == STDOUT:
        yield sys.stdout
        return
    partial = path.with_name(path.name + ".partial")
    _make_room(path)
    with partial.open("wb") as raw, _gone_on_error(partial):
        packed = path.suffix == ".gz"
        binary = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if packed else raw
        text = io.TextIOWrapper(cast("IO[bytes]", binary), encoding="utf-8", newline="\n", write_through=True)
        yield text
        text.flush()
        text.detach()
        if packed:
            binary.close()
    partial.replace(path)


@contextmanager
def _gone_on_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def put(path: Path, data: bytes) -> None:
    """Write a file whole, where it may stand."""
    if path == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        return
    _make_room(path)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)


def _make_room(path: Path) -> None:
    """Make the directory of a file. Raises Problems where a directory stands in the file's place."""
    if path.is_dir():
        raise problem(str(path), "is a directory", "name a file with --out")
    path.parent.mkdir(parents=True, exist_ok=True)


def _check(path: Path) -> None:
    if path == STDOUT:
        raise problem("--out -", "takes one file, and this export is several", "name a directory")
    if path.exists() and not path.is_dir():
        raise problem(str(path), "is a file", "name a directory with --out")
    if path.is_dir() and any(path.iterdir()) and not (path / CONTENTS).is_file():
        remedy = "choose another place with --out, or remove it"
        raise problem(str(path), "is a directory that holds no export, and is not overwritten", remedy)


def _empty(path: Path) -> None:
    """Remove an earlier export: the files in it, and the directory."""
    if path.is_dir():
        for file in sorted(path.iterdir()):
            file.unlink()
        path.rmdir()

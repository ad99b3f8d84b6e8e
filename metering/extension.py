"""Extensions: a TOML file that names only what differs from another, and says so by `extends`.

Tables are merged key by key; every other value replaces the one below it, lists included. `removes` lists
what to drop from the file below before that, by dotted paths. A file may extend one that extends a third.
Layers know which file each value comes from, so that a problem names that file.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from metering.document import Problem, Problems, did_you_mean, problem, read
from metering.toml import to_toml

EXTENDS = "extends"
"""The key that names the file to begin with, relative to the file that holds it."""

REMOVES = "removes"
"""The key that lists the dotted paths of what is dropped from the file below."""

LAYERS_MAX = 8
"""Files that extend one another deeper than this are a mistake."""


class Layer(NamedTuple):
    """One file, and what it says."""

    path: Path
    data: dict[str, Any]

    def depth(self, parts: list[str]) -> int:
        """Return how many steps of a path lead through this file's own values."""
        at: Any = self.data
        for number, part in enumerate(parts):
            if not isinstance(at, dict) or part not in at:
                return number
            at = at[part]
        return len(parts)


class Layers:
    """A file and those that it extends, from the top down."""

    def __init__(self, path: Path) -> None:
        """Read them all. Raises Problems for a file that cannot be read, or that extends itself."""
        self.layers = list(_layers(path))

    @property
    def is_extended(self) -> bool:
        """Whether the file extends another."""
        return len(self.layers) > 1

    def merged(self) -> dict[str, Any]:
        """Return what all files say together, without `extends` and `removes`.

        Raises Problems for what should be removed and is not there.
        """
        whole: dict[str, Any] = {}
        for layer in reversed(self.layers):
            own = {key: value for key, value in layer.data.items() if key not in (EXTENDS, REMOVES)}
            if EXTENDS in layer.data:
                _remove(whole, layer)
            elif REMOVES in layer.data:
                own[REMOVES] = layer.data[REMOVES]  # nothing is below: the model says that it has no such key
            whole = _merged(whole, own)
        return whole

    def text(self) -> bytes:
        """Return the file as it stands, or all of them in one where it extends others."""
        if not self.is_extended:
            return self.layers[0].path.read_bytes()
        files = " and ".join(layer.path.name for layer in self.layers)
        return f"# {files} in one\n{to_toml(self.merged(), keeps_empty=True)}".encode()

    def folder(self, key: str) -> Path:
        """Return the directory of the file that a top-level key comes from; the lowest file's without one."""
        named = [layer for layer in self.layers if key in layer.data]
        return (named or self.layers)[0 if named else -1].path.parent

    def place(self, found: Problem) -> Problem:
        """Return a problem of the merged file at the file that its value comes from.

        That is the one whose own tables lead farthest along the problem's path, the upper of two equals.
        """
        top = self.layers[0].path
        path = found.place.removeprefix(f"{top}: ")
        if path == found.place:
            return found
        parts = path.partition("[")[0].split(".")
        layer = max(self.layers, key=lambda one: one.depth(parts))
        return found._replace(place=f"{layer.path}: {path}")


def schema(whole: dict[str, Any]) -> dict[str, Any]:
    """Return a file's JSON Schema with what extensions add: what extends another file may leave out all."""
    properties = {
        **whole["properties"],
        EXTENDS: {"type": "string", "description": "the file to begin with, relative to this one"},
        REMOVES: {
            "type": "array",
            "items": {"type": "string"},
            "description": "dotted paths of what is dropped from that file",
        },
    }
    needed = whole.get("required", [])
    rest = {key: value for key, value in whole.items() if key != "required"}
    return {**rest, "properties": properties, "anyOf": [{"required": needed}, {"required": [EXTENDS]}]}


def extends(path: Path) -> bool:
    """Tell whether a TOML file extends another, by its lines above the first table."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            return False
        if re.match(rf"\s*{EXTENDS}\s*=", line):
            return True
    return False


def _layers(path: Path) -> Iterator[Layer]:
    place, seen = str(path), list[Path]()
    while True:
        if path.resolve() in seen or len(seen) == LAYERS_MAX:
            raise problem(place, f"{path} comes back to itself, or extends too many", "extend another file")
        seen.append(path.resolve())
        if len(seen) > 1 and not path.is_file():
            raise problem(place, f"there is no file {path}", "name one relative to this file")
        layer = Layer(path, read(path))
        yield layer
        base = layer.data.get(EXTENDS)
        if base is None:
            return
        place = f"{path}: {EXTENDS}"
        if not isinstance(base, str) or not base:
            raise Problems([Problem(place, f"should be the name of a file (got {base!r:.80})")])
        path = path.parent / base


def _remove(whole: dict[str, Any], layer: Layer) -> None:
    """Drop what a layer removes from what is below it."""
    place, paths, missing = f"{layer.path}: {REMOVES}", layer.data.get(REMOVES, []), list[Problem]()
    if not isinstance(paths, list) or not all(isinstance(path, str) and path for path in paths):
        raise problem(place, "should list dotted paths", 'write it like ["plans.team.prices.calls"]')
    for path in paths:
        *parents, last = path.split(".")
        table: Any = whole
        for part in parents:
            table = table.get(part) if isinstance(table, dict) else None
        if isinstance(table, dict) and last in table:
            # what is merged shares its tables with what was read, so a fresh copy is what loses the key
            _replace(whole, parents, {key: value for key, value in table.items() if key != last})
        else:
            known = table if isinstance(table, dict) else whole
            missing.append(Problem(place, f"there is no {path!r} to remove", did_you_mean(last, known)))
    if missing:
        raise Problems(missing)


def _replace(whole: dict[str, Any], path: list[str], table: dict[str, Any]) -> None:
    """Put a table in the place of the one at a path, without changing the tables that were read."""
    if not path:
        whole.clear()
        whole.update(table)
        return
    at = whole
    for part in path[:-1]:
        at[part] = dict(at[part])
        at = at[part]
    at[path[-1]] = table


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    whole = dict(below)
    for key, value in above.items():
        is_table = isinstance(value, dict) and isinstance(below.get(key), dict)
        whole[key] = _merged(below[key], value) if is_table else value
    return whole

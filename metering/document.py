"""Documents: the TOML files that people write, read exactly and checked whole.

Every problem of a file is reported at once, each with its place, its value and the remedy. Numbers with a
point become Decimal, never float.
"""

import difflib
import tomllib
import types
import typing
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

FILE_BYTES_MAX = 4_000_000
"""A price book or scenario of more than 4 MB is a mistake (the largest real one here has 60 kB)."""

_WORDS_MAX = 12
"""How many known words a remedy lists."""

M = TypeVar("M", bound=BaseModel)


class Problem(NamedTuple):
    """One thing wrong with a document: where, what (with the value), and what to do about it."""

    place: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f"; {self.remedy}" if self.remedy else "")


class Problems(Exception):  # noqa: N818 - it is a list of problems, and reads as one
    """A document, name or directory that cannot be used, with every problem found in it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in the order found."""
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


def problem(place: str, message: str, remedy: str = "") -> Problems:
    """Return an exception for a single problem."""
    return Problems([Problem(place, message, remedy)])


def read(path: Path) -> dict[str, Any]:
    """Read a TOML file. Raises Problems where it is missing, too large, or not TOML (with its line)."""
    return parse(read_text(path), str(path))


def read_text(path: Path) -> str:
    """Read a file that somebody wrote. Raises Problems where it is missing, too large, or not UTF-8."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise problem(str(path), f"has more than {FILE_BYTES_MAX} bytes", "split it or check what it is")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise problem(str(path), f"is not UTF-8 text ({error})", "save it as UTF-8") from None
    except OSError as error:
        raise problem(
            str(path), f"cannot be read ({error.strerror})", "check the name and permissions"
        ) from None


def parse(text: str, place: str) -> dict[str, Any]:
    """Parse TOML text with exact decimals. Raises Problems with the line where it is not TOML."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise problem(place, f"is not valid TOML: {error}", "mend that line") from None


def validate(model: type[M], data: dict[str, Any], place: str) -> M:
    """Check `data` against a model. Raises Problems with every key that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise Problems(_problem(model, item, place) for item in error.errors()) from None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a remedy that names the nearest known word, or some of the known ones."""
    words = sorted(known)
    plain = {known_word.casefold(): known_word for known_word in reversed(words)}
    near = difflib.get_close_matches(word, words, n=1) or [
        plain[match] for match in difflib.get_close_matches(word.casefold(), plain, n=1)
    ]
    if near:
        return f"did you mean {near[0]!r}?"
    shown = [*words[:_WORDS_MAX], *(["..."] if len(words) > _WORDS_MAX else [])]
    return f"known: {', '.join(shown)}" if words else ""


def _problem(model: type[BaseModel], item: Any, place: str) -> Problem:
    where = f"{place}: {_dotted(item['loc'])}" if item["loc"] else place
    value = item.get("input")
    if item["type"] == "extra_forbidden":
        known = _fields_at(model, item["loc"][:-1])
        return Problem(where, "unknown key", did_you_mean(str(item["loc"][-1]), known) or "remove it")
    if item["type"] == "missing":
        return Problem(where, "is missing", "add it")
    message = item["msg"].removeprefix("Value error, ").replace("Input should", "should")
    shown = "" if isinstance(value, dict | list) else f" (got {str(value)!r:.80})"
    message, _, remedy = message.partition("; ")
    return Problem(where, message + shown, remedy)


def _dotted(location: Sequence[str | int]) -> str:
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _fields_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Name the fields that are known at a place within a nest of models."""
    here: Any = model
    for part in location:
        if isinstance(here, type) and issubclass(here, BaseModel) and part in here.model_fields:
            here = here.model_fields[str(part)].annotation
        here = _inner(here)
    here = _inner(here)
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _inner(hint: Any) -> Any:
    """Look through Optional, list[...] and dict[str, ...] to the model inside."""
    while typing.get_origin(hint) is not None:
        inner = [part for part in typing.get_args(hint) if part is not types.NoneType]
        models = [part for part in inner if isinstance(part, type) and issubclass(part, BaseModel)]
        hint = models[0] if models else inner[-1] if inner else Any
    return hint

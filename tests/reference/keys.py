"""Keys: how the values and defaults of a model's fields are written for people."""

import json
import types
import typing
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from billing.price import Key
from simulator.prior import Prior
from tests.reference.page import code

_WORDS: dict[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    Prior: "number or { mean, spread }",
    bool: "boolean",
    Decimal: "decimal",
    date: "date",
    Any: "anything",
}
_KEY_PATTERN = typing.get_args(Key)[1].metadata[0].pattern
_SIGNS = {Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}
_LIMIT = 10**6
"""A bound from here on only guards against typing errors, and is left out."""


def type_of(model: type[BaseModel], name: str) -> tuple[str, str]:
    """Return what a key takes and what it is without being given."""
    field = model.model_fields[name]
    return _value(field.annotation, field.metadata), _default(field)


def _value(hint: Any, metadata: typing.Iterable[Any] = ()) -> str:
    if any(getattr(item, "pattern", None) == _KEY_PATTERN for item in _flat(metadata)):
        return "key"
    if typing.get_origin(hint) is typing.Annotated:
        inner, *more = typing.get_args(hint)
        return _value(inner, [*more, *metadata])
    return _word(hint) + _bounds(metadata)


def _word(hint: Any) -> str:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    text = _WORDS.get(hint, getattr(hint, "__name__", str(hint)))
    if origin is Literal:
        text = ", ".join(code(part) for part in parts)
    elif origin in (typing.Union, types.UnionType):
        text = " or ".join(_value(part) for part in parts if part is not types.NoneType)
    elif origin is tuple:
        text = f"list of {_value(parts[0])}"
    elif origin is dict:
        text = f"table of {_value(parts[1])}"
    return text


def _flat(metadata: typing.Iterable[Any]) -> list[Any]:
    """Look through pydantic's FieldInfo to the constraints that it holds."""
    return [part for item in metadata for part in getattr(item, "metadata", [item])]


def _bounds(metadata: typing.Iterable[Any]) -> str:
    bounds = []
    for item in _flat(metadata):
        for kind, sign in _SIGNS.items():
            if isinstance(item, kind):
                bound = getattr(item, kind.__name__.lower())
                if isinstance(bound, date):
                    bounds.append(f"{sign} {bound}")
                elif abs(bound) < _LIMIT:
                    bounds.append(f"{sign} {bound:g}")
    return " " + ", ".join(bounds) if bounds else ""


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        return "as below"
    if value is None or value == "" or value in ((), {}):
        return "–"
    return code(toml(list(value) if isinstance(value, tuple) else value))


def toml(value: Any) -> str:
    """Write a value as it stands in a TOML file."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {toml(item)}' for key, item in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, bool | str):
        return json.dumps(value)
    return f"{value:_}" if isinstance(value, int) else f"{value}"

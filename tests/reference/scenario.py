"""The scenario's page: every table of a scenario file, and what the model of it says about itself."""

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from simulator.scenario import Scenario
from tests.reference.keys import type_of
from tests.reference.page import code, table


def keys(whole: type[BaseModel] = Scenario) -> str:
    """Describe every table of a scenario, or of another file, from the whole to its parts."""
    return "\n\n".join(_part(place, model) for place, model in parts(whole))


def parts(whole: type[BaseModel] = Scenario) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield each model once, with the first place in which it stands: `agents.customers.KEY.demand`."""
    seen: list[type[BaseModel]] = []
    waiting: list[tuple[str, type[BaseModel]]] = [("", whole)]
    while waiting:
        place, model = waiting.pop(0)
        if model not in seen:
            seen.append(model)
            yield place, model
            inner = list(_inner(place, model))
            waiting = [*inner, *waiting] if place else [*waiting, *inner]


def _inner(place: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        yield from _models(f"{place}.{name}".lstrip("."), field.annotation)


def _models(place: str, hint: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        yield place, hint
    ending = ".KEY" if typing.get_origin(hint) is dict else "[]" if typing.get_origin(hint) is tuple else ""
    for part in typing.get_args(hint):
        yield from _models(place + ending, part)


def _part(place: str, model: type[BaseModel]) -> str:
    rows = [(code(name), *type_of(model, name)) for name in model.model_fields]
    title = f"`[{place}]`" if place else "The file"
    return f"### {title}\n\n{_about(model)}\n\n{table(('key', 'value', 'default'), rows)}"


def _about(model: type[BaseModel]) -> str:
    """Return a docstring as Markdown: its paragraphs, unwrapped."""
    paragraphs = (
        (model.__doc__ or "One table for each kind of agent that the scenario has.").strip().split("\n\n")
    )
    return "\n\n".join(" ".join(text.split()) for text in paragraphs)

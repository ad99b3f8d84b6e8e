"""Priors: numbers of a scenario that nobody knows well: a mean, and how far from it the truth may lie.

`acquisition = -0.9` is a plain number, `acquisition = { mean = -0.9, spread = 0.3 }` the same number known to
about a third. A run uses the mean. `saasim whatif` draws one value for each seed, so that its intervals hold
what is not known about customers beside what is left to chance.
"""

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from annotated_types import Ge, Le
from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from simulator.chance import Chance

M = TypeVar("M", bound=BaseModel)


class Prior(float):
    """A number, the mean, that a standard deviation of `spread` belongs to; 0 where it is known."""

    spread: float

    def __new__(cls, mean: float, spread: float = 0.0) -> Self:
        """Make one of its mean and its spread."""
        made = super().__new__(cls, mean)
        made.spread = spread
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the spread in a copy, and on the way to another process."""
        return Prior, (float(self), self.spread)

    def draw(self, z: float, low: float, high: float) -> "Prior":
        """Return the value that is `z` standard deviations above the mean, within its bounds, as known."""
        return Prior(min(high, max(low, float(self) + self.spread * z)))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _prior, serialization=core_schema.plain_serializer_function_ser_schema(_written)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        number = {"type": "number"}
        both = {
            "type": "object",
            "properties": {"mean": number, "spread": {**number, "minimum": 0}},
            "required": ["mean"],
            "additionalProperties": False,
        }
        return {"anyOf": [both, number]}


def drawn(model: M, seed: int) -> M:
    """Return a part of a scenario with a value drawn for every prior in it, keyed by (seed, its key).

    Priors with one key (`acquisition` of each segment) are drawn together: what is not known of one segment's
    customers is mostly not known of the others' either.
    """
    changed = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        one = _drawn(value, seed, model, name)
        if one is not value:
            changed[name] = one
    return model.model_copy(update=changed) if changed else model


def _drawn(value: Any, seed: int, model: BaseModel, name: str) -> Any:
    if isinstance(value, Prior):
        z = Chance(seed).stream("prior", name).normal("draw")
        return value.draw(z, *_bounds(model, name)) if value.spread else value
    if isinstance(value, BaseModel):
        return drawn(value, seed)
    if isinstance(value, dict):
        parts = {key: _drawn(one, seed, model, name) for key, one in value.items()}
        return parts if any(parts[key] is not value[key] for key in value) else value
    return value


def _bounds(model: BaseModel, name: str) -> tuple[float, float]:
    """Return the least and the most that a number of a model may be."""
    low, high = float("-inf"), float("inf")
    for one in type(model).model_fields[name].metadata:
        if isinstance(one, Ge) and isinstance(one.ge, int | float):
            low = one.ge
        if isinstance(one, Le) and isinstance(one.le, int | float):
            high = one.le
    return low, high


def _prior(value: Any) -> Prior:
    """Read a number, or a table of its mean and its spread."""
    if isinstance(value, Prior):
        return value
    if not isinstance(value, Mapping):
        return Prior(_number(value, "the value"))
    if unknown := value.keys() - {"mean", "spread"}:
        message = f"unknown key {min(unknown)!r}; a prior has 'mean' and 'spread'"
        raise ValueError(message)
    if "mean" not in value:
        raise ValueError("has no mean; write it like { mean = -0.9, spread = 0.3 }")
    spread = _number(value.get("spread", 0), "spread")
    if spread < 0:
        message = f"spread {spread} is below 0; it is a standard deviation"
        raise ValueError(message)
    return Prior(_number(value["mean"], "mean"), spread)


def _number(value: Any, what: str) -> float:
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if number - number != 0:  # neither a number nor finite
        message = f"{what} should be a number (got {value!r:.40}); write it like -0.9"
        raise ValueError(message)
    return number


def _written(value: Prior) -> float | dict[str, float]:
    return {"mean": float(value), "spread": value.spread} if value.spread else float(value)

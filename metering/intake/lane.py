"""Lanes: the events that a row may make, as SQL over the columns `v0`, `v1`, ... of a file.

Where the rules of a map exclude each other a row has one lane, whichever rule it follows; otherwise each rule
has its own, and the name of the row is made one of each event by the rule's.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from metering.intake import reading
from metering.intake.mapping import Map, Named, Usage
from metering.intake.reading import listed, literal


class Lane(NamedTuple):
    """One event that a row may make: SQL over the columns `v0`, `v1`, ..."""

    active: str
    meter: str
    text: str
    number: str
    dimensions: str
    optional: str
    suffix: str


def is_constant(text: str) -> bool:
    """Say whether SQL is a text that is the same for every row."""
    return text.startswith("'")


def lanes(mapped: Map, at: Mapping[str, str]) -> list[Lane]:
    """Return the events that a row may make: one where the rules exclude each other, or one a rule."""
    kinds = mapped.kinds()
    each = [_lane(usage, at, kinds) for usage in mapped.usage]
    if len(each) == 1 or not mapped.is_exclusive:
        several = len(each) > 1
        suffixes = [usage.key for usage in mapped.usage]
        return [
            lane._replace(suffix=f":{key}" if several else "")
            for lane, key in zip(each, suffixes, strict=True)
        ]
    parts = {name: [getattr(lane, name) for lane in each] for name in Lane._fields}
    choose = {
        name: f"case {_whens(parts['active'], values)} end"
        for name, values in parts.items()
        if name not in {"active", "suffix"}
    }
    active = " or ".join(f"coalesce({test}, false)" for test in parts["active"])
    dimensions = "''" if set(parts["dimensions"]) == {"''"} else choose.pop("dimensions")
    choose.pop("dimensions", None)
    return [Lane(active=f"({active})", dimensions=dimensions, suffix="", **choose)]


def _whens(tests: Sequence[str], values: Sequence[str]) -> str:
    return " ".join(f"when {test} then {value}" for test, value in zip(tests, values, strict=True))


def _lane(usage: Usage, at: Mapping[str, str], kinds: Mapping[str, str]) -> Lane:
    tests = [
        f"{at[column]} in ({listed([value] if isinstance(value, str) else value)})"
        for column, value in usage.when.items()
    ]
    text = at[usage.quantity] if isinstance(usage.quantity, str) else literal(str(usage.quantity))
    number = f"{usage.quantity}::decimal(38, 12)"
    if isinstance(usage.quantity, str):
        number = reading.quantity(text, kinds[usage.quantity])
    return Lane(
        active=f"coalesce({' and '.join(tests)}, false)" if tests else "true",
        meter=_meter(usage.meter, at),
        text=text,
        number=number,
        dimensions=_dimensions(usage, at),
        optional=str(usage.optional).lower(),
        suffix="",
    )


def _dimensions(usage: Usage, at: Mapping[str, str]) -> str:
    if isinstance(usage.dimensions, str):
        return f"coalesce({at[usage.dimensions]}, '')" if usage.dimensions else "''"
    parts = [
        f"{literal(name)}, coalesce({at[column]}, '')" for name, column in sorted(usage.dimensions.items())
    ]
    return f"json_object({', '.join(parts)})::varchar" if parts else "''"


def _meter(meter: str | Named, at: Mapping[str, str]) -> str:
    if isinstance(meter, str):
        return literal(meter)
    if not meter.names:
        return reading.name(at[meter.column])
    cases = " ".join(f"when {literal(key)} then {literal(name)}" for key, name in meter.names.items())
    return f"case {at[meter.column]} {cases} end"

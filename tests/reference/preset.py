"""The presets' table: what each biller chooses where it differs from a book that says nothing."""

from billing.convention import PRESETS, Conventions
from tests.reference.page import Region, code, table


def regions() -> dict[str, Region]:
    """Return the generated part of the page about one's own biller."""
    return {"recipe.your-own-biller.presets": _table}


def _table() -> str:
    fields = Conventions.model_fields
    names = [name for name in fields if any(name in choices for choices in PRESETS.values())]
    rows = [
        [
            code(name),
            code("" if fields[name].default is None else fields[name].default),
            *(code(choices.get(name, "")) for choices in PRESETS.values()),
        ]
        for name in names
    ]
    return table(["convention", "default", *(code(preset) for preset in PRESETS)], rows)

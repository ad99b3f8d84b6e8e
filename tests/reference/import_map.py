"""The page of the map of an import: every table of a map, and every reason for which a row is set aside."""

from metering.intake.mapping import Map
from metering.intake.quarantine import REASONS
from tests.reference import scenario
from tests.reference.page import code, table


def keys() -> str:
    """Describe every table of a map, from the whole to its parts."""
    return scenario.keys(Map)


def reasons() -> str:
    """List why a row is quarantined."""
    return table(("quarantined as", "because"), [(code(word), why) for word, why in REASONS.items()])

"""Drivers: the numbers of a scenario that are changed one at a time, to see which of them matter.

A driver stands for one number in every segment: `churn` is the churn of all of them. It is lowered and
raised by `CHANGE` of itself, or, where it is a prior, by its spread. Everything else stays as it is, the
chances too: the same customers meet the same days, and what differs is what the number does.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from simulator.scenario import Scenario

CHANGE = 0.2
"""A driver is lowered and raised by this part of itself."""

SETTINGS = ("low", "high")
"""Both changes of a driver."""


class Driver(NamedTuple):
    """A number of a scenario: its name, what it is, where it stands (`*` is any key), its greatest value."""

    name: str
    title: str
    path: str
    most: float = float("inf")


_OF_CUSTOMERS = "agents.customers.*"

DRIVERS: tuple[Driver, ...] = (
    Driver("leads", "leads a month", f"{_OF_CUSTOMERS}.demand.leads"),
    Driver("wins", "leads won", f"{_OF_CUSTOMERS}.channels.*.wins", 1),
    Driver("cycle", "length of the sales cycle", f"{_OF_CUSTOMERS}.channels.*.cycle_days"),
    Driver("conversion", "free users who begin to pay", f"{_OF_CUSTOMERS}.conversion.rate", 1),
    Driver("churn", "customers who leave in a year", f"{_OF_CUSTOMERS}.churn", 0.99),
    Driver("attaches", "customers who add a product", f"{_OF_CUSTOMERS}.products.*.attaches", 1),
    Driver("usage", "usage of a customer", f"{_OF_CUSTOMERS}.products.*.uses.*.median"),
    Driver("growth", "growth of usage", f"{_OF_CUSTOMERS}.products.*.uses.*.growth", 1),
    Driver("fails", "cards that fail", f"{_OF_CUSTOMERS}.payment.fails", 1),
    Driver("clients", "own clients of consultants", "agents.consultants.offerings.*.clients"),
    Driver("parties", "groups that take courses", "agents.trainees.courses.*.formats.*.parties"),
    Driver("market", "devices of a maker", "agents.device_makers.market"),
    Driver("prices", "reaction to prices above the market's", f"{_OF_CUSTOMERS}.loyalty.acquisition"),
)
"""What may matter most. A scenario has those that it gives a number other than 0."""

PRIORS = ("prices",)
"""Drivers that count only where the scenario says how far the truth may lie."""


class Change(NamedTuple):
    """A driver, lowered or raised: by which factor (None for a prior), and the settings that do it."""

    driver: str
    title: str
    setting: str
    factor: float | None
    settings: dict[str, str]


def changes(scenario: Scenario) -> list[Change]:
    """Return both changes of every driver that a scenario has."""
    data = json.loads(scenario.model_dump_json(exclude_none=True))
    found = []
    for driver in DRIVERS:
        places = {
            ".".join(at): value for at, value in _places(data, driver.path.split(".")) if _counts(data, at)
        }
        for setting, sign in zip(SETTINGS, (-1, 1), strict=True):
            settings = {
                path: _text(moved)
                for path, value in places.items()
                if (moved := _moved(value, driver, sign)) != value
            }
            if settings:
                factor = None if driver.name in PRIORS else 1 + sign * CHANGE
                found.append(Change(driver.name, driver.title, setting, factor, settings))
    return found


def _counts(data: Any, path: tuple[str, ...]) -> bool:
    """Tell whether a number can have any effect: nobody sells where customers serve themselves, and nobody
    converts where nothing is free.
    """  # noqa: D205 - one sentence
    table = data
    for key in path[:-2]:
        table = table[key]
    if path[-1] in ("wins", "cycle_days"):
        return not table[path[-2]].get("is_self_serve")
    if path[-2:] == ("conversion", "rate"):
        return any(product.get("free") for product in table["products"].values())
    return True


def _places(
    data: Any, words: Sequence[str], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every number that a path of keys leads to, by its own path."""
    if not words:
        yield path, data
    elif isinstance(data, Mapping):
        for key in data if words[0] == "*" else [words[0]]:
            if key in data:
                yield from _places(data[key], words[1:], (*path, key))


def _moved(value: Any, driver: Driver, sign: int) -> Any:
    """Return a number, or each of several, lowered or raised; a prior by its spread."""
    if isinstance(value, list):
        return [_moved(one, driver, sign) for one in value]
    if isinstance(value, Mapping):
        return value["mean"] + sign * value["spread"]
    if driver.name in PRIORS or not isinstance(value, int | float):
        return value
    return min(driver.most, value * (1 + sign * CHANGE))


def _text(value: Any) -> str:
    """Write a number, or several, as TOML has them."""
    text = json.dumps(value)
    assert tomllib.loads(f"value = {text}")["value"] == value, f"TOML reads {text} as something else"
    return text

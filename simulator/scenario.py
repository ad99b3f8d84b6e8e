"""Scenarios: a company's market as data: its segments, its agents and how they behave, and its targets."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model

from analytics import plan_file
from billing import price_book
from billing.price import Key
from billing.price_book import PriceBook
from metering import extension
from metering.document import Problem, Problems, did_you_mean, parse, problem, validate
from metering.extension import Layers, extends
from metering.period import Period, months
from simulator.agents import AGENTS
from simulator.expectation import Year, expected
from simulator.plan.file import built_in as plans
from simulator.world import World

T = TypeVar("T")

STANDARD = "scenario.toml"
"""The file of a scenario in a folder of its own."""

MONTHS_MAX = 240
"""Twenty years: a longer run is a typing error."""


class Record(BaseModel):
    """A part of a scenario: unknown keys are refused, values cannot change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Segment(Record):
    """A group of customers that behave alike."""

    name: str
    source: str = ""


Agents: Any = create_model(
    "Agents",
    __base__=Record,
    **{kind: (agent.settings | None, None) for kind, agent in AGENTS.items()},  # type: ignore[call-overload]
)
"""The table `[agents]`: the settings of every kind in `AGENTS`, checked by that kind's own model."""


class Scenario(Record):
    """A company's market. `prices` is the price book's file, relative to the scenario's own.

    `plan` is a business plan, relative to this file as well: what it expects of its years is set beside what
    runs come to. A scenario without one may list `targets` itself.

    With `extends` a file names another (relative to itself), and only what differs from it: tables are merged
    key by key, everything else replaces what the other file says.
    """

    name: Key
    title: str
    starts_on: date
    months: int = Field(36, ge=1, le=MONTHS_MAX)
    seed: int = Field(1, ge=0, lt=2**63)
    prices: str = "prices.toml"
    plan: str = ""
    sources: dict[str, str] = {}
    segments: dict[Key, Segment]
    agents: Agents = Agents()
    targets: tuple[Year, ...] = ()

    def periods(self) -> Iterator[Period]:
        """Yield the months of the scenario."""
        return months(self.starts_on, self.months)

    def populate(self, world: World) -> None:
        """Bring every kind of agent that the scenario has into the world."""
        for kind, agent in AGENTS.items():
            settings = getattr(self.agents, kind)
            if settings is not None:
                agent.spawn(world, settings)


class Loaded(NamedTuple):
    """A scenario with the price book and the plan that it names, and the files they come from.

    `text` is the scenario's file; of one that extends another, both in one. `scenario.targets` are those of
    the plan, where it has one.
    """

    scenario: Scenario
    book: PriceBook
    path: Path
    prices_path: Path
    text: bytes
    plan_path: Path | None = None


def load(name: str | Path, overrides: Mapping[str, str] | None = None) -> Loaded:
    """Read a built-in scenario by name, or a scenario file, and its price book.

    `overrides` replaces values by their dotted path: `{"agents.customers.smb.churn": "0.02"}`.
    Raises Problems with everything that is wrong with either file.
    """
    path = _path(name)
    layers = Layers(path)
    data, text = layers.merged(), layers.text()
    _override(data, overrides or {})
    folder = path.parent if "prices" in (overrides or {}) else layers.folder("prices")
    prices_path = folder / str(data.get("prices", "prices.toml"))
    scenario, of_scenario = _attempt(validate, Scenario, data, str(path))
    book, of_book = _attempt(price_book.load, prices_path)
    if scenario is None or book is None:
        raise Problems([*map(layers.place, of_scenario), *of_book])
    plan_path = layers.folder("plan") / scenario.plan if scenario.plan else None
    if plan_path is not None:
        if scenario.targets:
            raise problem(f"{path}: targets", "are those of the plan", "remove them here, or 'plan'")
        plan = expected(plan_file.load(plan_path), str(plan_path))
        scenario = scenario.model_copy(update={"targets": plan})
    found = problems(scenario, book, str(path))
    if found:
        raise Problems(map(layers.place, found))
    return Loaded(scenario, book, path, prices_path, text, plan_path)


def _attempt(read_it: Callable[..., T], *arguments: Any) -> tuple[T | None, list[Problem]]:
    """Return what a reader reads, or else its problems, so that two files can report theirs together."""
    try:
        return read_it(*arguments), []
    except Problems as error:
        return None, error.problems


def built_in() -> list[str]:
    """Return the names of the scenarios that come with the program: `dbgpt`, and `dbgpt-market` beside it."""
    return sorted(_built_in())


def _built_in() -> dict[str, Path]:
    """Find them: a folder's `scenario.toml` by the folder's name, what extends it by both names."""
    folders = (Path(str(folder)) for folder in resources.files("fixtures").iterdir())
    found = {}
    for folder in sorted(one for one in folders if (one / STANDARD).is_file()):
        found[folder.name] = folder / STANDARD
        others = (path for path in sorted(folder.glob("*.toml")) if path.name != STANDARD)
        found |= {f"{folder.name}-{path.stem}": path for path in others if extends(path)}
    return found


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, for editors."""
    return extension.schema(Scenario.model_json_schema())


def _path(name: str | Path) -> Path:
    known = _built_in().get(str(name))
    if known is not None:
        return known
    path = Path(name)
    if path.suffix == ".toml" or path.exists() or len(path.parts) > 1:
        return path / STANDARD if path.is_dir() else path
    remedy = did_you_mean(str(name), [*built_in(), *plans()]) + " Or give the path of a scenario file"
    raise problem(str(name), "is no built-in scenario", remedy)


def _override(data: dict[str, Any], overrides: Mapping[str, str]) -> None:
    """Put the values in their places. Raises Problems for every path that leads nowhere."""
    problems, whole = [], Scenario.model_json_schema()
    for dotted, text in overrides.items():
        at, table = whole, data
        found: Any = data
        for part in dotted.split("."):
            at, table = _resolved(at, whole), found
            known = {*at.get("properties", {}), *(table if isinstance(table, dict) else ())}
            if part not in known or not isinstance(table, dict):
                problems.append(Problem(f"--set {dotted}", f"no key {part!r}", did_you_mean(part, known)))
                break
            at = at.get("properties", {}).get(part) or _any_value(at)
            found = table.setdefault(part, {})
        else:
            table[part] = _value(text)
    if problems:
        raise Problems(problems)


def _resolved(at: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Look through references and `anyOf` to the part of a JSON Schema that describes a table."""
    while True:
        if "$ref" in at:
            at = whole["$defs"][at["$ref"].rpartition("/")[2]]
        elif "anyOf" in at:
            at = next((one for one in at["anyOf"] if one.get("type") != "null"), {})
        else:
            return at


def _any_value(at: dict[str, Any]) -> dict[str, Any]:
    """Return what describes the values of a table whose keys people choose."""
    patterns = [*at.get("patternProperties", {}).values(), at.get("additionalProperties") or {}]
    return dict(patterns[0])


def _value(text: str) -> Any:
    """Read a value as TOML would; what is no TOML value is a string."""
    try:
        return parse(f"value = {text}", "--set")["value"]
    except Problems:
        return text


def problems(scenario: Scenario, book: PriceBook, place: str) -> list[Problem]:
    """Return a problem for everything that a scenario names and a price book does not have."""
    return list(_problems(scenario, book, place))


def _problems(scenario: Scenario, book: PriceBook, place: str) -> Iterator[Problem]:
    for kind in AGENTS:
        settings = getattr(scenario.agents, kind)
        where = f"{place}: agents.{kind}"
        if isinstance(settings, dict):
            for segment, part in settings.items():
                if segment not in scenario.segments:
                    remedy = did_you_mean(segment, scenario.segments)
                    yield Problem(f"{where}.{segment}", f"no segment {segment!r}", remedy)
                yield from _key_problems(part, book, f"{where}.{segment}")
        else:
            yield from _key_problems(settings, book, where)
    for number, year in enumerate(scenario.targets, start=1):
        for segment in year.customers:
            if segment not in scenario.segments:
                remedy = did_you_mean(segment, scenario.segments)
                yield Problem(f"{place}: targets[{number}].customers", f"no segment {segment!r}", remedy)
        for stream in year.revenue:  # a stream may be expected that the book does not sell yet
            near = get_close_matches(stream, sorted(book.streams()), n=1)
            if near and near[0] != stream:
                remedy = f"did you mean {near[0]!r}?"
                yield Problem(f"{place}: targets[{number}].revenue", f"no stream {stream!r}", remedy)


def _key_problems(settings: Any, book: PriceBook, where: str) -> Iterator[Problem]:
    keys = getattr(settings, "keys", None)
    if keys is not None:
        for place, message, remedy in keys(book):
            yield Problem(f"{where}.{place}" if place else where, message, remedy)

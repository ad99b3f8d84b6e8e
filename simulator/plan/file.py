"""The file of a plan: read, changed by what was typed, checked whole, and made into a company."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from analytics import plan_file
from analytics.plan import Plan
from billing.price import Key
from metering.document import Problem, Problems, did_you_mean, parse, problem, read, read_text, validate
from metering.period import Period, add_months
from metering.toml import to_toml
from simulator.plan.company import Compiled, compiled
from simulator.plan.spans import counted, whole
from simulator.plan.thing import Thing

STANDARD = "plan.toml"
"""The file of a plan in a folder of its own."""

ENDING = "-plan"
"""What is put behind the name of a company to mean its plan: `dbgpt-plan` is the plan of `dbgpt`."""

MONTHS = "months"


class Things(BaseModel):
    """The table `[things]` of a plan."""

    things: dict[Key, Thing]


class Loaded(NamedTuple):
    """A plan, the company made of it, the name of its run, and the text of the file with what was changed."""

    plan: Plan
    company: Compiled
    name: str
    path: Path
    text: bytes


def built_in() -> list[str]:
    """Return the names of the plans that come with the program."""
    folders = resources.files("fixtures").iterdir()
    return sorted(f"{folder.name}{ENDING}" for folder in folders if (folder / STANDARD).is_file())


def path_of(name: str) -> Path | None:
    """Return the file of a plan, by the name of a built-in one or as a path; None where it names no plan."""
    if name in built_in():
        return Path(str(resources.files("fixtures") / name.removesuffix(ENDING) / STANDARD))
    path = Path(name)
    if path.suffix != ".toml" or not path.is_file():
        return None
    try:
        return path if {"drivers", "figures", "things"} & read(path).keys() else None
    except Problems:
        return None


def load(path: Path, overrides: Mapping[str, str] | None = None) -> Loaded:
    """Read a plan's file and make a company of it.

    `overrides` replaces values by their dotted path: `{"drivers.price.value": "99"}`; `months` makes the run
    shorter. Raises Problems with everything that is wrong.
    """
    place, text = str(path), read_text(path)
    changes = dict(overrides or {})
    months = changes.pop(MONTHS, None)
    if changes:
        data = parse(text, place)
        _override(data, changes)
        text = to_toml(data)
    plan, company = loads(text, place, months=None if months is None else _count(months))
    stem = path.parent.name if path.name == STANDARD else path.stem
    return Loaded(plan, company, f"{stem.removesuffix(ENDING)}{ENDING}", path, text.encode())


def loads(text: str, place: str = "plan", *, months: int | None = None) -> tuple[Plan, Compiled]:
    """Read a plan from TOML text, and make a company of its first `months`, or all. Raises Problems."""
    plan = plan_file.loads(text, place)
    if not plan.things:
        raise problem(place, "has no [things], so there is nothing to bill", "say how its drivers are sold")
    if not plan.periods:
        raise problem(place, "has no [periods], so nothing has a date", "add them")
    things = validate(Things, {"things": plan.things}, place).things
    time = whole(plan)
    if months is not None:
        time = Period(time.starts_on, min(time.ends_on, add_months(time.starts_on, months)))
    numbers = counted(plan, things, place)
    return plan, compiled(plan.name, plan.currency, numbers, time, place=place, sources=plan.sources)


def _count(months: str) -> int:
    if not months.isdigit() or not int(months):
        raise problem("--months", f"{months!r} is no number of months", "give a whole number from 1 on")
    return int(months)


def _override(data: dict[str, Any], changes: Mapping[str, str]) -> None:
    """Put values in the place of those that are there. Raises Problems for every path that leads nowhere."""
    problems = []
    for dotted, text in changes.items():
        *path, last = dotted.split(".")
        table: Any = data
        for part in (*path, last):
            if not isinstance(table, dict) or part not in table:
                known = table if isinstance(table, dict) else ()
                problems.append(Problem(f"--set {dotted}", f"no key {part!r}", did_you_mean(part, known)))
                break
            if part is last:
                table[last] = _typed(text)
            else:
                table = table[part]
    if problems:
        raise Problems(problems)


def _typed(text: str) -> Any:
    """Read a value as TOML would; what is no TOML value is a string."""
    try:
        return parse(f"value = {text}", "--set")["value"]
    except Problems:
        return text

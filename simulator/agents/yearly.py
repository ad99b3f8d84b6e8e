"""Yearly figures: one number for each year of a scenario, as business plans have them; the last one lasts."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

from pydantic import Field

from simulator.chance import Stream
from simulator.world import Agent, Story, World

Figure = Annotated[float, Field(ge=0, le=1e9)]
Yearly = Annotated[tuple[Figure, ...], Field(min_length=1, max_length=20)]
"""A figure for each year: people, or how many of something arrive."""

Counts = Annotated[tuple[Annotated[int, Field(ge=0, le=10_000)], ...], Field(min_length=1, max_length=20)]
"""A whole number for each year."""

MONTHS = 12


def in_year(figures: Sequence[float], month: int) -> float:
    """Return the figure of the year of a month (0 is the first month)."""
    return figures[min(month // MONTHS, len(figures) - 1)]


def in_month(figures: Sequence[float], month: int) -> float:
    """Return the part of a year's figure that falls in a month; the twelve parts add up to the figure.

    Within a year the parts grow as the years around it do, so that no year begins with a leap.
    """
    growth = _monthly_growth(figures, month // MONTHS)
    parts = [growth**number for number in range(MONTHS)]
    return in_year(figures, month) * parts[month % MONTHS] / sum(parts)


def between(figures: Sequence[float], month: int) -> float:
    """Return a level on the straight lines between figures that hold at the beginning of each year."""
    year, part = divmod(month, MONTHS)
    here, there = in_year(figures, month), in_year(figures, (year + 1) * MONTHS)
    return here + (there - here) * part / MONTHS


def arrivals(world: World, chance: Stream, figures: Sequence[float], month: int) -> list[tuple[int, int]]:
    """Return (day, number) for those who arrive in a month: a Poisson number, on days of their own."""
    first, end = world.month_start(month), world.month_start(month + 1)
    count = chance.poisson("arrivals", month, mean=in_month(figures, month))
    days = [chance.integer(f"day {month}", number, low=first, high=end - 1) for number in range(count)]
    return sorted(zip(days, range(count), strict=True))


def arrive(world: World, office: Agent, figures: Sequence[float], welcome: Callable[[str], None]) -> Story:
    """Let newcomers come; `welcome` hears the name of each, its month and number in it: `m02-0007`."""
    for month in range(world.scenario.months):
        for day, number in arrivals(world, office.chance, figures, month):
            if day > world.today:
                yield world.on(day)
            welcome(f"m{month + 1:02}-{number + 1:04}")
        yield world.on(world.month_start(month + 1))


def spread(world: World, chance: Stream, counts: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Yield (name, day) for a planned number of arrivals each year, one at random in each equal part of it.

    A name is the year and a number in it (`y2-03`), so more arrivals in one year rename nobody of another.
    """
    for month in range(0, world.scenario.months, MONTHS):
        first, end = world.month_start(month), world.month_start(month + MONTHS)
        count = int(in_year(counts, month))
        for number in range(count):
            name = f"y{month // MONTHS + 1}-{number + 1:02}"
            yield name, first + int((end - first) * (number + chance.uniform(name)) / count)


def _monthly_growth(figures: Sequence[float], year: int) -> float:
    before, after = max(year - 1, 0), min(year + 1, len(figures) - 1)
    if after <= before or figures[before] <= 0 or figures[after] <= 0:
        return 1.0
    return float((figures[after] / figures[before]) ** (1 / (MONTHS * (after - before))))

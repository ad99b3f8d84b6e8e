"""Series: the numbers of several parts by month, side by side, as charts of lines and stacks take them."""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import altair as alt
import polars as pl

from simulator.chart.axis import months_between
from simulator.chart.column import month_label, plain, quarter_label, tooltip
from simulator.chart.theme import Style, Theme

SHOWN = 7
"""How many parts have a colour of their own; the smaller ones are put together as the rest."""

REST = "the rest"
NAMELESS = "(none)"


def apart(frame: pl.DataFrame, value: str, by: str, style: Style) -> "Series":
    """Put figures that do not add up, such as rates, side by side: of many parts the largest of the run."""
    present = [str(name) for name in frame[by].unique(maintain_order=True) if name]
    ranked = style.ranks.get(by, ())
    order = sorted(present, key=lambda name: ranked.index(name) if name in ranked else len(ranked))[:SHOWN]
    return series(frame.filter(pl.col(by).is_in(order)), value, by, names=order)


class Series(NamedTuple):
    """Numbers by month: for each name a list of as many numbers as there are months, None where unknown."""

    months: list[date]
    names: list[str]
    numbers: list[list[float | None]]
    step: int = 1

    @property
    def labels(self) -> list[str]:
        """What the months are called; with a step of three they are quarters."""
        return [month_label(one) if self.step == 1 else quarter_label(one) for one in self.months]

    @property
    def keys(self) -> list[str]:
        """The columns that hold the numbers: names that nobody chose, so that no name can break a chart."""
        return [f"s{number:02d}" for number in range(len(self.names))]

    def beside(self, other: "Series") -> "Series":
        """Return these series and others of the same months."""
        names, numbers = [*self.names, *other.names], [*self.numbers, *other.numbers]
        return self._replace(names=names, numbers=numbers)

    def last(self) -> float:
        """Return what the series add up to in the last month."""
        return sum(numbers[-1] or 0.0 for numbers in self.numbers)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each month, with every known number."""
        found: list[dict[str, Any]] = []
        for at, label in enumerate(self.labels):
            known = {
                key: plain(numbers[at])
                for key, numbers in zip(self.keys, self.numbers, strict=True)
                if numbers[at] is not None
            }
            found.append({"month": label, **known})
        return found

    def tooltips(self, unit: str) -> list[alt.Tooltip]:
        """Return what is shown when a month is pointed at: every series, under its name."""
        names = zip(self.keys, self.names, strict=True)
        return [
            tooltip("month", "month", "month" if self.step == 1 else "quarter"),
            *(tooltip(key, unit, name) for key, name in names),
        ]

    def values(self) -> list[float]:
        """Return all known numbers."""
        return [number for numbers in self.numbers for number in numbers if number is not None]

    def sums(self, *, positive: bool) -> list[float]:
        """Return for each month the sum of what is above 0, or of what is below."""
        found = []
        for at in range(len(self.months)):
            column = [numbers[at] or 0.0 for numbers in self.numbers]
            found.append(sum(number for number in column if (number > 0) == positive))
        return found


def series(
    frame: pl.DataFrame,
    value: str,
    by: str | None = None,
    *,
    names: Sequence[str] = (),
    step: int = 1,
    keep: bool = False,
) -> Series:
    """Put the numbers of a long table side by side: a series for each value of column `by`.

    The order is that of `names`, or else by size; of more than `SHOWN` parts the smaller ones are added up
    as the rest. A month without a row is unknown. A
    series of nothing but 0 is left out, unless it is to be kept.
    """
    months = months_between(frame["month"].min(), frame["month"].max(), step)  # type: ignore[arg-type]
    place = {month: at for at, month in enumerate(months)}
    wanted = list(names) or _by_size(frame, value, by)
    found: dict[str, list[float | None]] = {}
    for name in wanted:
        found[name] = [None] * len(months)
    for row in frame.iter_rows(named=True):
        name = value if by is None else str(row[by]) or NAMELESS
        if row[value] is not None:
            name = name if name in found else REST
            numbers = found.setdefault(name, [None] * len(months))
            at = place[row["month"]]
            numbers[at] = (numbers[at] or 0.0) + float(row[value])
    if keep:
        return Series(months, list(found), list(found.values()), step)
    # What is 0 throughout is not drawn, unless nothing else is there.
    told = {name: numbers for name, numbers in found.items() if any(numbers)}
    told = told or {name: numbers for name, numbers in found.items() if any(n is not None for n in numbers)}
    return Series(months, list(told), list(told.values()), step)


def columns(frame: pl.DataFrame, names: Sequence[str], step: int = 1) -> Series:
    """Put the columns of a table with one row a month side by side; those without any number are left out."""
    months = months_between(frame["month"].min(), frame["month"].max(), step)  # type: ignore[arg-type]
    told = {row["month"]: row for row in frame.iter_rows(named=True)}
    found: dict[str, list[float | None]] = {}
    for name in names:
        numbers = [told.get(month, {}).get(name) for month in months]
        if any(number is not None for number in numbers):
            found[name] = [None if number is None else float(number) for number in numbers]
    return Series(months, list(found), list(found.values()), step)


def joined(names: pl.Series) -> list[str]:
    """Return each name once, in the order in which they first come."""
    return [str(name) for name in names.unique(maintain_order=True)]


def colours(names: Sequence[str], theme: Theme) -> list[str]:
    """Return a colour for each name: those of the theme in turn, and grey for the rest."""
    found = [theme.series[number % len(theme.series)] for number in range(len(names))]
    return [theme.other if name == REST else colour for name, colour in zip(names, found, strict=True)]


def parts(names: Sequence[str], dimension: str, style: Style) -> list[str]:
    """Return a colour for each part: the same in every chart of a run that shows it.

    The larger parts of the run come first; those that the run does not rank follow in the order given.
    """
    hues, ranked = style.theme.series, style.ranks.get(dimension, ())
    taken: dict[str, int] = {}
    for name in sorted(names, key=lambda one: ranked.index(one) if one in ranked else len(ranked)):
        wanted = ranked.index(name) if name in ranked else len(taken)
        turns = [at % len(hues) for at in range(wanted, wanted + len(hues))]
        taken[name] = next((at for at in turns if at not in taken.values()), wanted % len(hues))
    return [style.theme.other if name == REST else hues[taken[name]] for name in names]


def _by_size(frame: pl.DataFrame, value: str, by: str | None) -> list[str]:
    if by is None:
        return [value]
    sizes = frame.group_by(by).agg(pl.col(value).abs().sum().alias("size"))
    ordered = [str(name) or NAMELESS for name in sizes.sort("size", by, descending=[True, False])[by]]
    return ordered if len(ordered) <= SHOWN else ordered[: SHOWN - 1]

"""Proration: what part of a period counts, and what of a whole amount it comes to; the one place for both.

A part is two whole numbers, its own length and that of the period, in the unit of the book's conventions: 17
of 31 days, 1479600 of 2678400 seconds. Numbers and columns go through the same rules, so that a quote, a year
that is credited and a million slices agree to the last digit.
"""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from billing.convention import Conventions
from billing.money import EXACT, over, times

UNITS = {
    "none": 86_400_000_000,
    "day": 86_400_000_000,
    "second": 1_000_000,
    "millisecond": 1_000,
    "microsecond": 1,
}
"""How many microseconds each unit of proration has; `none` looks at days, and charges whole periods."""

NOMINAL_DAYS = {1: 30, 3: 91, 6: 182, 12: 365}
"""How many days a period of so many months has by its name, whatever the calendar says."""

_MONTH_DAYS = 30
_MICROSECOND = timedelta(microseconds=1)


class Span(NamedTuple):
    """The time from `starts_at` up to, not including, `ends_at`."""

    starts_at: datetime
    ends_at: datetime

    @property
    def starts_on(self) -> date:
        """The day on which it starts."""
        return self.starts_at.date()

    @property
    def ends_on(self) -> date:
        """The day on which it ends, and the day after where that is the day on which it starts."""
        return max(self.ends_at.date(), self.starts_on + timedelta(days=1))


class Part(NamedTuple):
    """So many units of so many: a part of a period, from nothing to all of it."""

    part: int
    whole: int


def is_by_day(conventions: Conventions) -> bool:
    """Whether changes count from the start of their day; else from an instant within it."""
    return UNITS[conventions.proration] == UNITS["day"]


def counted_from(at: datetime, conventions: Conventions) -> datetime:
    """Return the instant from which something that happens at `at` counts: the start of its unit."""
    midnight = datetime.combine(at.date(), time())
    unit = UNITS[conventions.proration]
    return midnight + (at - midnight) // _MICROSECOND // unit * unit * _MICROSECOND


def part_of_period(span: Span, period: Span, conventions: Conventions, months: int = 1) -> Part:
    """Return what part a span is of the period that holds it, which lasts so many months."""
    whole = _divisor(conventions, months) or _length(period, conventions)
    if span == period:
        return Part(whole, whole)
    part = _length(span, conventions)
    if conventions.ends == "both" and span.ends_at != period.ends_at:
        part -= 1  # only the period's last day counts as well: the day of a change belongs to what follows
    return Part(min(part, whole), whole)


def part_columns(conventions: Conventions, months: int = 1) -> list[pl.Expr]:
    """Return `part_of_period` as the columns `part` and `whole`.

    From `from_at`, `until_at`, `period_starts_at` and `period_ends_at`.
    """
    starts_at, ends_at = pl.col("from_at"), pl.col("until_at")
    first, last = pl.col("period_starts_at"), pl.col("period_ends_at")
    fixed = _divisor(conventions, months)
    whole = _length_column(first, last, conventions) if fixed is None else pl.lit(fixed, pl.Int64)
    part = _length_column(starts_at, ends_at, conventions)
    if conventions.ends == "both":
        part = part - (ends_at != last).cast(pl.Int64)
    is_whole = (starts_at == first) & (ends_at == last)
    part = pl.when(is_whole).then(whole).otherwise(pl.min_horizontal(part, whole))
    return [part.cast(pl.Int64).alias("part"), whole.cast(pl.Int64).alias("whole")]


def amount_of(amount: Decimal, part: Part, conventions: Conventions) -> Decimal:
    """Return the part of a whole amount."""
    if part.part == part.whole:
        return amount
    if conventions.ratio_places is None:
        return over(times(amount, Decimal(part.part)), Decimal(part.whole))
    return times(amount, ratio(part, conventions))


def amount_column(amount: pl.Expr, conventions: Conventions) -> pl.Expr:
    """Return `amount_of` for a column, in rows with the columns `part` and `whole`."""
    part, whole = pl.col("part"), pl.col("whole")
    if conventions.ratio_places is None:
        some = over(times(amount, part.cast(EXACT)), whole.cast(EXACT))
    else:
        places = conventions.ratio_places
        units = part.cast(pl.Int128) * 10**places
        rounded = over(_rounded_column(units, whole.cast(pl.Int128), conventions), Decimal(10**places))
        some = times(amount, rounded)
    return pl.when(part == whole).then(amount).otherwise(some)


def ratio(part: Part, conventions: Conventions) -> Decimal:
    """Return a part as a number from 0 to 1, rounded as the conventions say (to 12 decimals at least)."""
    places = 12 if conventions.ratio_places is None else conventions.ratio_places
    units, rest = divmod(part.part * 10**places, part.whole)
    mode = conventions.ratio_rounding
    twice = 2 * rest
    goes_up = {
        "half_up": twice >= part.whole,
        "half_even": twice > part.whole or (twice == part.whole and units % 2 == 1),
        "up": rest > 0,
        "down": False,
    }
    return over(Decimal(units + goes_up[mode]), Decimal(10**places))


def _rounded_column(units: pl.Expr, whole: pl.Expr, conventions: Conventions) -> pl.Expr:
    """Divide and round as `ratio` does."""
    quotient, twice = units // whole, units % whole * 2
    mode = conventions.ratio_rounding
    goes_up = {
        "half_up": twice >= whole,
        "half_even": (twice > whole) | ((twice == whole) & (quotient % 2 == 1)),
        "up": twice > 0,
        "down": pl.lit(value=False),
    }
    return (quotient + goes_up[mode].cast(pl.Int128)).cast(EXACT)


def _divisor(conventions: Conventions, months: int) -> int | None:
    """Return the length of a period where the conventions fix it."""
    days = {"fixed_30": _MONTH_DAYS * months, "nominal": NOMINAL_DAYS[months]}.get(conventions.divisor)
    return None if days is None else days * UNITS["day"] // UNITS[conventions.proration]


def _length(span: Span, conventions: Conventions) -> int:
    """Return how many units a span has; with both ends counted, one more."""
    time_between = span.ends_at - span.starts_at
    if conventions.divisor == "thirty_360":
        time_between = _thirty(span.ends_at) - _thirty(span.starts_at)
    units = time_between // _MICROSECOND // UNITS[conventions.proration]
    return units + (conventions.ends == "both")


def _length_column(first: pl.Expr, last: pl.Expr, conventions: Conventions) -> pl.Expr:
    """Return `_length` for columns."""
    time_between = (last - first).dt.total_microseconds()
    if conventions.divisor == "thirty_360":
        time_between = _thirty_column(last) - _thirty_column(first)
    units = time_between // UNITS[conventions.proration]
    return units + 1 if conventions.ends == "both" else units


def _thirty(at: datetime) -> timedelta:
    """Return the time since the year 0 in a calendar where every month has thirty days."""
    months = at.year * 12 + at.month - 1
    days = months * _MONTH_DAYS + min(at.day, _MONTH_DAYS) - 1
    return timedelta(days=days) + (at - datetime.combine(at.date(), time()))


def _thirty_column(at: pl.Expr) -> pl.Expr:
    months = at.dt.year().cast(pl.Int64) * 12 + at.dt.month().cast(pl.Int64) - 1
    days = months * _MONTH_DAYS + pl.min_horizontal(at.dt.day().cast(pl.Int64), _MONTH_DAYS) - 1
    within = (at - at.dt.truncate("1d")).dt.total_microseconds()
    return days * UNITS["day"] + within

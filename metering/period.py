"""Periods: half-open spans of calendar days, always reckoned from an anchor.

A month end is anchor + n months, never "one month after the last month end": 31 January is followed by
28 February and then by 31 March, not by 28 March.
"""

import calendar
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

YEAR_MIN, YEAR_MAX = 2000, 2100
"""Dates outside this range are almost always typing errors, and calendars beyond it are not worth testing."""


class Period(NamedTuple):
    """The days from `starts_on` up to, not including, `ends_on`."""

    starts_on: date
    ends_on: date

    @property
    def label(self) -> str:
        """The month of a calendar month, as `2026-03`."""
        return f"{self.starts_on:%Y-%m}"

    @property
    def days(self) -> int:
        """How many days the period holds."""
        return (self.ends_on - self.starts_on).days

    @property
    def starts_at(self) -> datetime:
        """The first instant of the period, UTC without a zone."""
        return datetime.combine(self.starts_on, time())

    @property
    def ends_at(self) -> datetime:
        """The first instant after the period, UTC without a zone."""
        return datetime.combine(self.ends_on, time())

    def holds(self, day: date) -> bool:
        """Tell whether `day` lies in the period."""
        return self.starts_on <= day < self.ends_on


def add_months(anchor: date, months: int) -> date:
    """Return the day `months` after `anchor`, clipped to the end of a shorter month."""
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    day = anchor.day
    if day > _SHORTEST:
        day = min(day, calendar.monthrange(year, month + 1)[1])
    return date(year, month + 1, day)


_SHORTEST = 28
"""Every month has these days."""


def month_of(day: date) -> Period:
    """Return the calendar month that holds `day`."""
    first = day.replace(day=1)
    return Period(first, add_months(first, 1))


def months(first: date, count: int) -> Iterator[Period]:
    """Yield `count` calendar months, beginning with the one that holds `first`."""
    anchor = first.replace(day=1)
    for number in range(count):
        yield Period(add_months(anchor, number), add_months(anchor, number + 1))


def months_between(anchor: date, day: date) -> int:
    """Return how many whole anchored months have passed from `anchor` to `day` (negative before it)."""
    count = (day.year - anchor.year) * 12 + day.month - anchor.month
    return count if add_months(anchor, count) <= day else count - 1


def days_from(first: date, count: int) -> list[date]:
    """Return `count` days in a row, beginning with `first`."""
    return [first + timedelta(days=number) for number in range(count)]

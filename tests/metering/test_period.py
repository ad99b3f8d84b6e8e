"""Periods: half-open days, and month ends that never drift."""

import random
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from metering.period import Period, add_months, days_from, month_of, months, months_between

ANCHORS = [date(2026, 1, 31), date(2026, 1, 30), date(2026, 1, 29), date(2026, 1, 28), date(2028, 2, 29)]

FROM_31_JANUARY = """
    2026-01-31 2026-02-28 2026-03-31 2026-04-30 2026-05-31 2026-06-30 2026-07-31 2026-08-31 2026-09-30
    2026-10-31 2026-11-30 2026-12-31 2027-01-31 2027-02-28 2027-03-31 2027-04-30 2027-05-31 2027-06-30
    2027-07-31 2027-08-31 2027-09-30 2027-10-31 2027-11-30 2027-12-31 2028-01-31 2028-02-29 2028-03-31
    2028-04-30 2028-05-31 2028-06-30 2028-07-31 2028-08-31 2028-09-30 2028-10-31 2028-11-30 2028-12-31
"""


def test_month_ends_are_reckoned_from_the_anchor() -> None:
    """31 January + n months for 36 months: 28 February is followed by 31 March, never by 28 March."""
    assert FROM_31_JANUARY.split() == [str(add_months(date(2026, 1, 31), n)) for n in range(36)]


@pytest.mark.parametrize(
    ("months_later", "day"),
    [(12, "2029-02-28"), (24, "2030-02-28"), (36, "2031-02-28"), (48, "2032-02-29"), (-12, "2027-02-28")],
)
def test_a_leap_day_comes_back_in_the_next_leap_year(months_later: int, day: str) -> None:
    """29 February + 12 months is 28 February, + 48 months is 29 February again; backwards too."""
    assert day == str(add_months(date(2028, 2, 29), months_later))


def test_2100_has_no_leap_day() -> None:
    """A hundredth year is no leap year, unless it is a four hundredth."""
    assert (date(2100, 2, 28), date(2000, 2, 29)) == (
        add_months(date(2096, 2, 29), 48),
        add_months(date(1996, 2, 29), 48),
    )


@pytest.mark.parametrize("anchor", ANCHORS, ids=str)
def test_whole_months_between_undo_adding_months(anchor: date) -> None:
    """On the day of an anchored month n months have passed, on the day before one less."""
    for n in range(-60, 61):
        day = add_months(anchor, n)

        assert n == months_between(anchor, day), day
        assert n - 1 == months_between(anchor, day - timedelta(days=1)), day


def test_anchored_months_leave_no_day_out() -> None:
    """The months from an anchor follow each other: no gap, no overlap, 365 or 366 days a year."""
    for anchor in ANCHORS:
        bounds = [add_months(anchor, n) for n in range(49)]
        spans = [Period(*pair) for pair in pairwise(bounds)]

        assert 4 * 365 + 1 == sum(span.days for span in spans)
        assert {28, 29, 30, 31}.issuperset(span.days for span in spans)


def test_a_period_holds_its_first_day_and_not_its_last_bound() -> None:
    """Periods are half-open."""
    january = month_of(date(2026, 1, 15))

    assert Period(date(2026, 1, 1), date(2026, 2, 1)) == january
    assert [False, True, True, False] == [
        january.holds(day)
        for day in (date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 31), date(2026, 2, 1))
    ]


def test_a_period_knows_its_label_its_days_and_its_instants() -> None:
    """A month is named 2028-02 and lasts from its first midnight to the one after its last day."""
    february = month_of(date(2028, 2, 29))

    assert ("2028-02", 29) == (february.label, february.days)
    assert (datetime(2028, 2, 1), datetime(2028, 3, 1)) == (february.starts_at, february.ends_at)  # noqa: DTZ001


def test_months_begin_with_the_one_that_holds_the_day() -> None:
    """Any day of the first month will do, and a year's end is no border."""
    assert ["2026-11", "2026-12", "2027-01"] == [period.label for period in months(date(2026, 11, 30), 3)]
    assert [] == list(months(date(2026, 11, 30), 0))


def test_calendar_months_tile_the_calendar() -> None:
    """Each of 36 calendar months ends where the next begins."""
    run = list(months(date(2026, 1, 31), 36))

    assert [period.ends_on for period in run[:-1]] == [period.starts_on for period in run[1:]]
    assert 365 + 365 + 366 == sum(period.days for period in run)


def test_every_day_lies_in_its_month_only() -> None:
    """`month_of` and `holds` agree on random days."""
    rng = random.Random(7)
    for _ in range(500):
        day = date(2000, 1, 1) + timedelta(days=rng.randrange(36_000))

        assert month_of(day).holds(day)
        assert month_of(day) == next(months(day, 1))


def test_days_in_a_row_cross_a_leap_day() -> None:
    """Days are counted one by one."""
    assert ["2028-02-28", "2028-02-29", "2028-03-01"] == list(map(str, days_from(date(2028, 2, 28), 3)))

"""Levels that last are weighted with how long of a period they were held."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing.price_book import loads
from billing.quote import quote
from metering.document import Problems
from tests.billing.timed import BOOK
from tests.ledgers import closed, lines, metered, rows

SUM = {"aggregation": "weighted_sum"}
PEOPLE = {
    "aggregation": "weighted_unique_count",
    "of": "id",
    "operation": "operation_type",
    "recurring": True,
}
LAGO = {"quantity_places": 5, "quantity_rounding": "up"}
PERIOD = "2022-07-09/2022-08-09"


def held(meter: dict[str, Any], events: list[tuple[Any, ...]], **more: Any) -> Decimal:
    """Return the quantity that a meter makes of events, (when, quantity or thing[, operation])."""
    told = []
    for when, what, *operation in events:
        values = {"operation_type": operation[0]} if operation else {}
        if meter.get("of"):
            told.append({"at": when, "dimensions": {"id": what, **values}})
        else:
            told.append({"at": when, "quantity": what, "dimensions": values})
    request = {
        "price": {"meter": "level", "unit_price": 1},
        "meters": {"level": meter},
        "events": {"level": told},
        **more,
    }
    answer = quote(BOOK, request, month=date(2023, 8, 1))
    return sum((Decimal(line["quantity"]) for line in answer["lines"]), Decimal(0))


# getlago/lago-api, spec/services/billable_metrics/aggregations/weighted_sum_service_spec.rb
HOURS = [
    ("2023-08-01T00:00:00Z", 2), ("2023-08-01T01:00:00Z", 3), ("2023-08-01T01:30:00Z", 1),
    ("2023-08-01T02:00:00Z", -4), ("2023-08-01T04:00:00Z", -2), ("2023-08-01T05:00:00Z", 10),
    ("2023-08-01T05:30:00Z", -10),
]  # fmt: skip


@pytest.mark.parametrize(
    ("meter", "events", "expected"),
    [
        (SUM, HOURS, "0.02218"),
        (SUM, [("2023-08-01", 1000)], "1000"),
        (SUM, [], "0"),
        (SUM, [("2023-08-01", 3), ("2023-08-01", 3)], "6"),
        (SUM, [("2023-08-01T00:00:00Z", 2), ("2023-08-01T02:00:00Z", -1)], "1.00269"),
        (SUM, [("2023-08-01T01:00:00Z", 3)], "2.99597"),
        (SUM | {"recurring": True}, [("2023-07-31", 1000)], "1000"),
        (SUM | {"recurring": True}, [("2023-07-31", 1000), *HOURS], "1000.02218"),
        (SUM, [("2023-07-31", 1000), *HOURS], "0.02218"),
    ],
)
def test_a_running_total_is_weighted_by_the_second(
    meter: dict[str, Any], events: list[tuple[Any, ...]], expected: str
) -> None:
    """Lago's figures for August 2023, to the five decimals of its specs."""
    subscription = {
        "starts_at": "2023-04-01T22:22:22Z",
        "period": "2023-08",
        "conventions": "lago",
    }

    assert Decimal(expected) == round(held(meter, events, **subscription), 5)


def days(number: int, whole: int = 31) -> str:
    """Return a part of a month as Lago rounds it: up to five decimals."""
    return str(-(-number * 10**5 // whole) / Decimal(10**5))


# getlago/lago-api, spec/services/billable_metrics/prorated_aggregations/unique_count_service_spec.rb
@pytest.mark.parametrize(
    ("events", "more", "expected"),
    [
        pytest.param([("2022-06-09", "a")], {}, "1", id="persisted"),
        pytest.param([("2022-06-09", "a"), ("2022-07-19", "b")], {}, "1.67742", id="added in the period"),
        pytest.param([("2022-06-09", "a")], {"ends_on": "2022-07-25"}, days(16), id="terminated"),
        pytest.param([("2022-06-09", "a")], {"ends_on": "2022-07-24"}, days(15), id="upgraded"),
        pytest.param([("2022-06-09", "a")], {"starts_on": "2022-08-01"}, days(8), id="started late"),
        pytest.param([("2022-07-24", "a")], {}, days(16), id="added after 15 days"),
        pytest.param([("2022-07-09", "a")], {}, "1", id="added on the first day"),
        pytest.param(
            [("2022-06-09", "a"), ("2022-07-24T23:59:59Z", "a", "remove")], {}, days(16), id="removed"
        ),
        pytest.param(
            [("2022-06-09", "a"), ("2022-08-08T23:59:59Z", "a", "remove")], {}, "1", id="removed at last"
        ),
        pytest.param(
            [("2022-07-10", "a"), ("2022-08-07T23:59:59Z", "a", "remove")], {}, days(29), id="both"
        ),
        pytest.param(
            [("2022-07-09T01:00:00Z", "a"), ("2022-07-09T02:00:00Z", "a", "remove"),
             ("2022-07-09T03:00:00Z", "a", "add"), ("2022-07-09T04:00:00Z", "a", "remove")],
            {}, days(1), id="the same day",
        ),
        pytest.param(
            [(f"2022-07-{day}T{hour}:00:00Z", "a", what) for day in ("10", "15", "20")
             for hour, what in (("00", "add"), ("01", "remove"))],
            {}, days(3), id="three days",
        ),
        pytest.param([("2022-07-12", "a"), ("2022-07-20", "a")], {}, days(28), id="added twice"),
        pytest.param([("2022-07-12", "a", "remove")], {}, "0", id="removed before it was there"),
    ],
)  # fmt: skip
def test_each_thing_counts_for_its_days(
    events: list[tuple[Any, ...]], more: dict[str, Any], expected: str
) -> None:
    """Lago's figures for a period of 31 days: the day of a removal counts, and a day counts once."""
    subscription = {"starts_on": "2022-06-09", "period": PERIOD, "conventions": LAGO, **more}

    assert Decimal(expected) == held(PEOPLE, events, **subscription)


@pytest.mark.parametrize(
    ("period", "expected"), [("2022-09", days(16, 30)), ("2022-10", days(22)), ("2022-11", "0")]
)
def test_a_thing_stays_until_it_is_removed(period: str, expected: str) -> None:
    """Added on 15 September, removed on 22 October: https://getlago.com/changelog/recurring-count."""
    events = [("2022-09-15", "user"), ("2022-10-22", "user", "remove")]

    assert Decimal(expected) == held(PEOPLE, events, starts_on="2022-09-01", period=period, conventions=LAGO)


@pytest.mark.parametrize(
    ("meter", "events", "expected"),
    [
        # 10 for fifteen days, then 20 for fifteen
        ({"aggregation": "weighted_latest"}, [("2026-04-01", 10), ("2026-04-16", 20)], "15"),
        ({"aggregation": "weighted_latest", "recurring": True},
         [("2026-03-20", 10), ("2026-04-16", 20)], "15"),
        ({"aggregation": "weighted_latest"}, [("2026-03-20", 10), ("2026-04-16", 20)], "10"),
        # by the day a level counts from the start of its day, and the day's last one wins
        ({"aggregation": "weighted_latest", "weighted_by": "day"},
         [("2026-04-16T08:00:00Z", 90), ("2026-04-16T18:00:00Z", 20)], "10"),
        ({"aggregation": "weighted_sum", "weighted_by": "day"}, [("2026-04-16T18:00:00Z", 20)], "10"),
        ({"aggregation": "weighted_sum", "operation": "operation_type"},
         [("2026-04-01", 8), ("2026-04-16", 4, "remove")], "6"),
        # things by the second: half of a day of thirty
        ({**PEOPLE, "weighted_by": "second"},
         [("2026-04-02T00:00:00Z", "a"), ("2026-04-02T12:00:00Z", "a", "remove")], "0.016666666667"),
    ],
)  # fmt: skip
def test_levels_and_things_by_second_or_day(
    meter: dict[str, Any], events: list[tuple[Any, ...]], expected: str
) -> None:
    """Worked by hand for April 2026."""
    assert Decimal(expected) == held(meter, events, starts_on="2026-03-01", period="2026-04")


SEATS = """
[conventions]
{conventions}
[meters.seats]
aggregation = "weighted_latest"
event = "seats.changed"
quantity = "seats"
recurring = true
[meters.storage]
aggregation = "max"
[meters.people]
aggregation = "unique_count"
of = "user"
[meters.level]
aggregation = "latest"
[meters.calls]
[plans.team]
name = "Team"
stream = "s"
prices.seats = {{ meter = "seats", unit_price = 31 }}
prices.storage = {{ meter = "storage", unit_price = 1 }}
prices.level = {{ meter = "level", unit_price = 1 }}
prices.people = {{ meter = "people", unit_price = 10 }}
prices.calls = {{ meter = "calls", unit_price = 2, allowance = 5 }}
"""

TOLD = """
2026-01-10  a    subscription.started  s team
2026-01-10  a    seats.changed         s 2
2026-01-20  s    usage.recorded        storage 7
2026-01-21  s    usage.recorded        people 1 '{"user":"x"}'
2026-01-22  s    usage.recorded        level 9
2026-01-25  s    usage.recorded        calls 4
2026-02-03  s    usage.recorded        storage 5
2026-02-04  s    usage.recorded        people 1 '{"user":"x"}'
2026-02-05  s    usage.recorded        people 1 '{"user":"y"}'
2026-02-06  s    usage.recorded        level 3
2026-02-07  s    usage.recorded        calls 4
2026-02-15  s    usage.recorded        calls 1
2026-02-15  a    seats.changed         s 5
2026-03-01  s    usage.recorded        calls 6
"""


@pytest.mark.parametrize("step", [0, 1])
def test_usage_adds_up_over_the_subscriptions_own_period(step: int, tmp_path: Path) -> None:
    """From 10 January to 10 February: the most, the last and the different ones of two calendar months."""
    book = SEATS.format(conventions='periods = "anniversary"')

    tables = closed(tmp_path, book, TOLD, 3, step=step)

    found = lines(tables, "month price quantity starts_on ends_on", kind="usage")
    assert [
        ("2026-02", "calls", "8", "2026-01-10", "2026-02-10"),
        ("2026-02", "level", "3", "2026-01-10", "2026-02-10"),
        ("2026-02", "people", "2", "2026-01-10", "2026-02-10"),
        ("2026-02", "seats", "1.967741935484", "2026-01-10", "2026-02-10"),
        ("2026-02", "storage", "7", "2026-01-10", "2026-02-10"),
        ("2026-03", "calls", "7", "2026-02-10", "2026-03-10"),
        ("2026-03", "seats", "4.410714285714", "2026-02-10", "2026-03-10"),
    ] == [row for row in found if row[1] != "level" or row[2] != "0"]


def test_seat_days_of_a_calendar_month(tmp_path: Path) -> None:
    """Two seats from noon of the tenth: 21.5 of 31 days, and 31 for each seat of a month."""
    billed = metered(tmp_path, SEATS.format(conventions=""), "\n".join(TOLD.splitlines()[:3]), 1)

    assert [("1.387096774194", "43.00")] == lines(billed, "quantity amount", price="seats")


@pytest.mark.parametrize(
    ("meter", "named"),
    [
        ('aggregation = "weighted_unique_count"', "'of' goes with"),
        ("recurring = true", "'recurring' goes with"),
        ('weighted_by = "day"', "'weighted_by' goes with"),
        ('aggregation = "weighted_sum"\neach = true', "'each' tells"),
    ],
)
def test_a_meter_that_cannot_be_is_refused(meter: str, named: str) -> None:
    """What goes with a weight needs one."""
    with pytest.raises(Problems, match=named):
        loads(f'name = "x"\n[meters.m]\n{meter}\n[plans.p]\nname = "p"\nstream = "s"\n')


HELD = """
{conventions}
[meters.disk]
aggregation = "weighted_sum"
operation = "what"
{more}
[plans.team]
name = "Team"
stream = "s"
prices.disk = {{ meter = "disk", unit_price = 1 }}
[plans.big]
name = "Big"
stream = "s"
prices.disk = {{ meter = "disk", unit_price = 2 }}
"""

USED = """
2026-01-01            s    usage.recorded        disk 100
2026-01-11T00:00:00   a    subscription.started  s team
2026-01-11T00:00:00   s    usage.recorded        disk 31
2026-01-21            x    usage.recorded        disk 5
2026-01-21T00:00:00   a    plan.changed          s big 1
2026-02-01T00:00:00   s    usage.recorded        disk 3 '{"what":"remove"}'
"""


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(
    ("more", "sums"),
    [
        # 31 from the eleventh, and 128 with what was there before: ten days of team, eleven of big
        (
            "recurring = true",
            ["2026-01 team 42.258064516129 1", "2026-01 big 46.483870967742 0", "2026-02 big 128 1"],
        ),
        ("", ["2026-01 team 10 1", "2026-01 big 11 0", "2026-02 big -3 1"]),
    ],
)
def test_each_phase_weighs_its_part(step: int, more: str, sums: list[str], tmp_path: Path) -> None:
    """Levels are parted at a change of plan, and every event is counted where it happened, or in no phase."""
    tables = closed(tmp_path, HELD.format(conventions="", more=more), USED, 2, step=step)

    assert sorted(sums) == sorted(map(" ".join, rows(tables["usage"], "month plan quantity events")))
    unrated = rows(tables["unrated_usage"], "subject reason quantity events")
    assert [("s", "no_subscription", "100", "1"), ("x", "no_subscription", "5", "1")] == unrated

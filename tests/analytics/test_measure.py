"""Measures: every number of a ledger that a plan can name, held against figures worked out by hand."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from analytics.attainment import attained
from analytics.measure import MEASURES, Gauge, Ledger, Measure
from analytics.plan import Plan
from analytics.plan_file import loads
from metering.document import Problems
from simulator.plan.thing import EVENTS_OF
from tests.simulator.planned import Billed, billed

RECIPE = Path(__file__).parents[2] / "docs" / "recipes" / "plan-as-a-company.md"

COMPANY = """
[drivers]
pros = { values = { q1 = 1, q2 = 2, q3 = 2, q4 = 3, y2 = 3 } }
[things.pro]       # 100 a month: 300, 600, 600, 900, then 3,600
cadence = "month"
count = "pros"
price = 100
stream = "subscriptions"
segment = "smb"
[things.big]       # 12,000 a year, in year 2 only
cadence = "year"
count = 1
price = 12_000
periods = ["y2"]
stream = "subscriptions"
segment = "large"
[things.course]    # 24 at 50 in year 1
cadence = "piece"
event = "course.enrolled"
by = "pro"
count = 24
price = 50
periods = ["y1"]
stream = "training"
[things.plugin]    # 10,000 sold in year 1, of which 3,000 are kept
cadence = "amount"
agent = true
by = "pro"
count = 10_000
price = 0.30
periods = ["y1"]
stream = "marketplace"
[things.calls]
cadence = "unit"
by = "pro"
count = 7_000
price = 0
periods = ["y1"]
stream = "subscriptions"
[things.people]    # 2,000 in each year
cadence = "cost"
count = 2
price = 1_000
periods = ["y1", "y2"]
cost_centre = "team"
"""
Q1, Q4 = (date(2026, 1, 1), date(2026, 4, 1)), (date(2026, 10, 1), date(2027, 1, 1))
Y1, Y2 = (date(2026, 1, 1), date(2027, 1, 1)), (date(2027, 1, 1), date(2028, 1, 1))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Billed]:
    """Give the company, billed for two years."""
    made = billed(tmp_path_factory.mktemp("measure"), COMPANY)
    yield made
    made.ledger.close()


def asked(given: dict[str, Any] | str) -> Measure:
    """Read a measure as a plan has it."""
    return TypeAdapter(Ledger).validate_python(given)


CASES = [
    ({"measure": "revenue"}, Y1, 2_400 + 1_200 + 3_000),
    ({"measure": "revenue", "stream": "subscriptions"}, Q1, 300),
    ({"measure": "revenue", "stream": "subscriptions"}, Y2, 15_600),
    ({"measure": "revenue", "segment": "large"}, Y2, 12_000),
    ({"measure": "revenue", "thing": ["course", "plugin"]}, Y1, 4_200),
    ({"measure": "revenue", "thing": ["c*", "no-*"]}, Y1, 1_200),
    ({"measure": "monthly_revenue", "stream": "subscriptions"}, Q1, 100),
    ({"measure": "monthly_revenue", "stream": "subscriptions"}, Y1, 300),
    ({"measure": "billed", "thing": "plugin"}, Y1, 10_000),
    ({"measure": "payouts", "thing": "plugin"}, Y1, 7_000),
    ({"measure": "payouts", "agreement": "plugin"}, Y2, 0),
    ({"measure": "sold", "thing": "course"}, Y1, 24),
    ({"measure": "quantity", "meter": "calls"}, Y1, 7_000),
    ({"measure": "events", "event": "course.enrolled"}, Q1, 6),
    ({"measure": "mrr"}, Q4, 300),
    ({"measure": "mrr", "thing": "big"}, Y2, 1_000),
    ({"measure": "arr"}, Y2, 15_600),
    ({"measure": "customers"}, Y2, 4),
    ({"measure": "customers", "segment": "smb"}, Q1, 1),
    ({"measure": "subscriptions", "plan": "pro"}, Q4, 3),
    ({"measure": "costs"}, Y1, 2_000),
    ({"measure": "costs", "cost_centre": "team"}, Q1, 500),
    ({"measure": "income"}, Y2, 15_600 - 2_000),
    ({"measure": "nrr"}, Y2, 1),
    ({"measure": "nrr", "segment": "smb"}, Y2, 1),
    ({"measure": "mrr_new"}, Y1, 300),
    ("select count(*) from accounts where signed_up_on < $until", Q1, 2),
    ({"sql": "select 0.5"}, Q1, Decimal("0.5")),
]


@pytest.mark.parametrize(("given", "period", "value"), CASES)
def test_a_measure_of_a_period(
    company: Billed, given: dict[str, Any] | str, period: tuple[date, date], value: int
) -> None:
    """What is counted over the period, or stands at its end, of the whole or a part."""
    assert value == Gauge(company.ledger).value(asked(given), *period)


def test_every_measure_is_asked_here() -> None:
    """No measure is without a figure."""
    told = {given["measure"] for given, *_ in CASES if isinstance(given, dict) and "measure" in given}

    assert set() == MEASURES.keys() - told


@pytest.mark.parametrize(
    ("given", "period"),
    [
        ({"measure": "revenue", "stream": "support"}, Y1),  # nobody sells it
        ({"measure": "events", "event": "exam.sat"}, Y1),
        ({"measure": "nrr"}, Y1),  # there is no year before
        ({"measure": "nrr"}, Q1),  # a metric of years
        ({"measure": "cac", "segment": "unheard_of"}, Y2),
        ({"measure": "revenue", "thing": "c[ao]urse"}, Y1),  # only * stands for something else
        ("select null", Y1),
    ],
)
def test_there_is_no_number_where_there_is_nothing(
    company: Billed, given: dict[str, Any] | str, period: tuple[date, date]
) -> None:
    """What a ledger never has is not 0, but nothing."""
    assert None is Gauge(company.ledger).value(asked(given), *period)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"measure": "revenu"}, "did you mean 'revenue'"),
        ({"measure": "revenue", "meter": "x"}, "it can by: stream, segment, plan, thing"),
        ({"measure": "mrr_new", "segment": "smb"}, "it can by: none"),
        ({"measure": "revenue", "sql": "select 1"}, "exactly one of"),
        ({}, "exactly one of"),
        ({"measure": "revenue", "steam": "x"}, "Extra inputs"),
    ],
)
def test_a_measure_that_is_none_is_refused(given: dict[str, Any], message: str) -> None:
    """A wrong name and a part that a measure does not have are found before anything is asked."""
    with pytest.raises(ValidationError, match=message):
        asked(given)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("selec 1", "cannot be answered"),
        ("select * from accounts", "one number is asked"),
        ("select 'many'", "is no number"),
    ],
)
def test_sql_that_gives_no_number_is_a_problem(company: Billed, sql: str, message: str) -> None:
    """The problem names the figure, and says what the query did."""
    with pytest.raises(Problems, match=f"here: .*({message})"):
        Gauge(company.ledger).value(asked(sql), *Y1, "here")


def test_a_plan_of_other_years_is_held_against_the_run_month_by_month(company: Billed) -> None:
    """The plan's first month is the run's first month, and a year after the run's end is not over."""
    plan = plan_of(
        """
        [figures.subscriptions]
        printed = { y1 = "$2,400", y2 = "$15,000", y3 = "$20,000" }
        ledger = { measure = "revenue", stream = "subscriptions" }
        [figures.growth]
        growth_of = "subscriptions"
        printed = { y2 = "525%" }
        [figures.polled]
        printed = { y1 = "4.5" }
        """
    )
    rows = attained(plan, company.ledger)

    assert [
        ("subscriptions", "y1", 2_400, 0, "reached"),
        ("subscriptions", "y2", 15_600, 600, "missed"),
        ("subscriptions", "y3", None, None, "not over"),
        ("growth", "y2", Decimal("5.5"), Decimal("0.25"), "missed"),
        ("polled", "y1", None, None, "not simulated"),
    ] == [(row.figure, row.period, row.ledger, row.difference, row.state) for row in rows]


def plan_of(figures: str) -> Plan:
    """Read a plan whose years are 2030 to 2032."""
    years = "".join(f"y{n} = {{ starts_on = {2029 + n}-01-01, months = 12 }}\n" for n in (1, 2, 3))
    return loads(f'name = "Later"\n[periods]\n{years}{figures}')


def test_the_page_names_every_measure_and_every_way_to_sell() -> None:
    """docs/recipes/plan-as-a-company.md leaves none out."""
    page = RECIPE.read_text("utf-8")
    events = [event for kinds in EVENTS_OF.values() for event in kinds]

    assert [] == [name for name in (*MEASURES, *EVENTS_OF, *events) if f"`{name}`" not in page]

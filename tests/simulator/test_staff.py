"""Staff: the company spends exactly its budget, a part of it each month."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from metering.event import Event, MoneySpent
from simulator.agents import staff
from simulator.agents.staff import Cost, Staff
from tests.simulator.stage import EMPTY, Stage, lived, of, of_year

ENGINEERS = Cost(cost_centre="research.engineering", people=(12, 20), salary=Decimal(150_000))
ADVERTS = Cost(
    cost_centre="marketing.advertising",
    yearly=(Decimal("800000.01"),),
    shares={"/enterprise": Decimal("0.17"), "self_serve/smb": Decimal("0.83")},
)


def spent(*costs: Cost, months: int = 36) -> list[Event]:
    """Return what is spent on some lines of a budget."""
    return lived(Stage(months, [(staff.spawn, Staff(costs=costs))]))


def total(facts: list[Event]) -> Decimal:
    """Add up what facts say was spent."""
    return sum((fact.amount for fact in of(MoneySpent, facts)), Decimal(0))


@pytest.mark.parametrize(
    ("year", "engineers", "adverts"),
    [
        (2026, "1800000.00", "800000.01"),  # 12 people at $150,000
        (2027, "3000000.00", "800000.01"),
        (2028, "3000000.00", "800000.01"),  # the last figure lasts
    ],
)
def test_a_year_costs_what_the_budget_says_to_the_cent(year: int, engineers: str, adverts: str) -> None:
    """Twelve months, and all shares of a line, add up to its figure, whatever does not divide evenly."""
    assert Decimal(engineers) == total(of_year(spent(ENGINEERS), year))
    assert Decimal(adverts) == total(of_year(spent(ADVERTS), year))


def test_salaries_are_paid_on_the_last_day_of_each_month() -> None:
    """A year has twelve paydays, a leap February's among them."""
    days = [fact.occurred_at.date().isoformat() for fact in spent(ENGINEERS)]

    assert ["2026-01-31", "2026-02-28", "2026-03-31"] == days[:3]
    assert "2028-02-29" in days
    assert 36 == len(days)


def test_a_cost_is_split_over_channels_and_segments() -> None:
    """A share names the channel and the segment that its part is spent on."""
    facts = of(MoneySpent, spent(ADVERTS, months=12))
    enterprise = sum(fact.amount for fact in facts if fact.segment == "enterprise")

    assert Decimal("136000.00") == enterprise
    assert {("", "enterprise"), ("self_serve", "smb")} == {(fact.channel, fact.segment) for fact in facts}


def test_the_same_budget_is_spent_the_same_way_twice() -> None:
    """Nothing about a budget is left to chance."""
    assert spent(ENGINEERS, ADVERTS) == spent(ENGINEERS, ADVERTS)


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        ({"cost_centre": "cars.leased", "yearly": [1]}, "cost_centre"),
        ({"cost_centre": "general.other"}, "say what is spent"),
        ({"cost_centre": "general.other", "people": [1]}, "say what is spent"),
        ({"cost_centre": "general.other", "yearly": [1], "people": [1], "salary": 1}, "say what is spent"),
        ({"cost_centre": "general.other", "yearly": [1], "shares": {"/smb": "0.5"}}, "add up to 0.5"),
        ({"cost_centre": "general.other", "yearly": [1], "shares": {"smb": 1}}, "no channel/segment"),
    ],
)
def test_a_line_that_says_too_little_or_too_much_is_refused(cost: dict[str, object], message: str) -> None:
    """Each mistake in a budget says what to do about it."""
    with pytest.raises(ValidationError, match=message):
        Cost.model_validate(cost)


def test_costs_name_streams_and_the_currency_of_the_price_book() -> None:
    """A stream that the book lacks and a foreign currency are problems with their place."""
    settings = Staff(currency="EUR", costs=(ADVERTS, ENGINEERS.model_copy(update={"stream": "training"})))

    assert ["currency", "costs[2].stream"] == [problem.place for problem in settings.keys(EMPTY)]

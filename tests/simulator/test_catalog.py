"""The catalog: what agents buy by the piece has a price, also in the scenarios that come with the program."""

import pytest

from billing.price_book import loads
from simulator.agents.catalog import missing
from simulator.scenario import load

BOOK = loads(
    """
    name = "Services"
    [meters.milestones]
    event = "milestone.delivered"
    quantity = "share"
    dimensions = ["offering", "size"]
    [meters.hours]
    event = "hours.worked"
    quantity = "hours"
    dimensions = ["role", "offering"]
    [plans.catalog]
    name = "Catalog"
    stream = "services"
    [plans.catalog.prices.quick-start]
    meter = "milestones"
    where = { offering = "quick-start", size = "small" }
    unit_price = 15_000
    [plans.catalog.prices.architects]
    meter = "hours"
    where = { role = "architect" }
    unit_price = 350
    """
)


@pytest.mark.parametrize(
    ("event", "fields", "remedy"),
    [
        ("milestone.delivered", {"offering": "quick-start", "size": "small"}, None),
        ("hours.worked", {"role": "architect", "offering": "anything"}, None),
        ("hours.worked", {"role": "wizard", "offering": "anything"}, "known: architect"),
        ("milestone.delivered", {"offering": "quickstart", "size": "small"}, "did you mean 'quick-start'?"),
        ("milestone.delivered", {"offering": "quick-start", "size": "huge"}, "known: small"),
        ("order.placed", {"item": "kit"}, "add it to the price book"),
    ],
)
def test_a_thing_without_a_price_is_a_problem(event: str, fields: dict[str, str], remedy: str | None) -> None:
    """What some price counts is no problem; the remedy names what comes near."""
    problems = list(missing(BOOK, event, "somewhere", **fields))

    assert ([] if remedy is None else [remedy]) == [problem.remedy for problem in problems]


def test_a_book_without_a_catalog_sells_nothing() -> None:
    """Without the plan there is nothing to be bought by the piece."""
    book = loads('name = "Empty"\nplans = {}')

    assert 1 == len(list(missing(book, "order.placed", "somewhere", item="kit")))


@pytest.mark.parametrize("name", ["dbgpt", "ggml"])
@pytest.mark.parametrize("kind", ["partners", "device_makers", "consultants", "trainees", "staff"])
def test_the_scenarios_buy_only_what_their_price_books_sell(name: str, kind: str) -> None:
    """Every plan, agreement, offering, role, course, exam, item and stream of the settings is in the book."""
    loaded = load(name)

    assert [] == list(getattr(loaded.scenario.agents, kind).keys(loaded.book))

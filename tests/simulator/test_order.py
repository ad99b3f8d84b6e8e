"""Orders: what the customers of a plan order as they go."""

from collections import Counter
from datetime import date, datetime
from typing import Any

import pytest

from billing.price_book import loads
from metering.event import Event, OrderPlaced
from simulator.agents import order
from simulator.agents.order import Orders
from tests.simulator.stage import EMPTY, Stage, lived
from tests.simulator.test_support import subscribers

ORDERS = Orders(plans={"pro": {"model": 0.5, "plugin": 0.05}})


def ordered(settings: Orders, *spawns: tuple[Any, Any], months: int = 12, seed: int = 1) -> list[Event]:
    """Return every order."""
    facts = lived(Stage(months, [*spawns, (order.spawn, settings)]), seed=seed)
    return [fact for fact in facts if isinstance(fact.data, OrderPlaced)]


def test_a_plans_customers_order_what_they_need_on_average() -> None:
    """Half a model and a twentieth of a plugin a month, for each of 200 subscriptions."""
    pieces: Counter[str] = Counter()
    for fact in ordered(ORDERS, subscribers(200)):
        pieces[fact.data.item] += fact.data.quantity

    assert pieces["model"] / (200 * 11) == pytest.approx(0.5, rel=0.12)
    assert pieces["plugin"] / (200 * 11) == pytest.approx(0.05, rel=0.3)


def test_a_month_of_an_item_is_one_order() -> None:
    """Several pieces are ordered together: no account orders an item twice in a month."""
    facts = ordered(Orders(plans={"pro": {"model": 3.0}}), subscribers(20))
    months = Counter((fact.subject, fact.occurred_at.month) for fact in facts)

    assert set(months.values()) == {1}
    assert max(fact.data.quantity for fact in facts) > 3


def test_who_left_or_changed_the_plan_orders_nothing() -> None:
    """Only who still holds the plan on the day orders."""
    facts = ordered(ORDERS, subscribers(100, leave_on=100))
    late = [fact for fact in facts if fact.occurred_at.date() >= date(2026, 4, 16)]

    assert late
    assert all(int(fact.subject[1:4]) % 2 == 0 for fact in late)


def test_the_same_seed_gives_the_same_orders_and_another_item_moves_none() -> None:
    """Items are drawn apart."""
    models = Orders(plans={"pro": {"model": 0.5}})

    def of_models(settings: Orders, seed: int = 1) -> list[tuple[str, datetime, int]]:
        found = ordered(settings, subscribers(30), seed=seed)
        return [
            (one.subject, one.occurred_at, one.data.quantity) for one in found if one.data.item == "model"
        ]

    assert of_models(ORDERS) == of_models(models) != of_models(models, seed=2)


def test_the_price_book_must_sell_what_is_ordered() -> None:
    """A plan and an item that it lacks are problems."""
    assert [problem.place for problem in ORDERS.keys(EMPTY)] == ["plans", "plans.pro", "plans.pro"]
    book = loads(
        """
        name = "Shop"
        [meters.orders]
        event = "order.placed"
        dimensions = ["item"]
        [plans.pro]
        name = "Pro"
        stream = "s"
        [plans.catalog]
        name = "Catalog"
        stream = "s"
        prices.all = { meter = "orders", where = { item = ["model", "plugin"] }, unit_price = 1 }
        """
    )
    assert list(ORDERS.keys(book)) == []

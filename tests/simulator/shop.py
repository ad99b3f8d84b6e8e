"""A shop: a small price book, customers to whom nothing happens unless a test says so, and their story."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from billing.price_book import PriceBook, loads
from metering.event import AccountSignedUp, Event
from metering.period import Period, months
from simulator.agents import customer
from simulator.agents.habits import Habits
from simulator.world import Bill, World
from tests.simulator.stage import Stage, of

BOOK = loads("""
name = "Shop"
[meters.calls]
[plans.free]
name = "Free"
stream = "subscriptions"
seats = { maximum = 1 }
prices.calls = { meter = "calls", allowance = 1_000, unit_price = 0 }
[plans.pro]
name = "Pro"
stream = "subscriptions"
seats = { maximum = 5 }
prices.seats = { per = "seat", unit_price = 100 }
prices.calls = { meter = "calls", allowance = 50_000, unit_price = 0.01 }
[plans.max]
name = "Max"
stream = "subscriptions"
prices.seats = { per = "seat", unit_price = 200 }
prices.calls = { meter = "calls", allowance = 500_000, unit_price = 0.001 }
[plans.host]
name = "Hosting"
stream = "managed"
prices.base = { per = "subscription", unit_price = 50 }
[add_ons.extra]
name = "Extra"
plans = ["pro"]
price = { per = "add_on", unit_price = 30 }
""")

SELF_SERVE = {"web": {"share": 1, "is_self_serve": True}}
QUIET: dict[str, Any] = {
    "churn": 0.0,
    "channels": SELF_SERVE,
    "payment": {"by_card": 1, "fails": 0},
    "products": {
        "main": {
            "plans": ["pro", "max"],
            "seats": {"low": 3, "high": 3, "joins": 0, "leaves": 0},
            "uses": {"calls": {"median": 20_000, "sigma": 0.3, "growth": 0, "growth_sd": 0}},
            "upgrades": {"reckons": 1},
        }
    },
}
"""Customers to whom nothing happens, unless a test says so."""


def habits(**changes: Any) -> Habits:
    """Return quiet habits with some changes; `main__seats` changes the table `products.main.seats`."""
    table: dict[str, Any] = {**QUIET, "products": {"main": dict(QUIET["products"]["main"])}}
    for name, value in changes.items():
        product, _, key = name.partition("__")
        if key:
            table["products"][product] = {**table["products"].get(product, {}), key: value}
        else:
            table[name] = value
    return Habits.model_validate(table)


class Story(NamedTuple):
    """What happened: the facts and the usage of all months."""

    facts: list[Event]
    usage: pl.DataFrame

    def of(self, kind: type[Any]) -> list[Any]:
        """Return what the facts of one kind say."""
        return of(kind, self.facts)

    def facts_of(self, kind: type[Any]) -> list[Event]:
        """Return the facts of one kind."""
        return [fact for fact in self.facts if isinstance(fact.data, kind)]


Biller = Callable[[Period, Sequence[Event]], Iterable[Bill]]


def flat_bill(period: Period, facts: Sequence[Event]) -> Iterable[Bill]:
    """Bill every account $100 a month, whatever it holds."""
    for fact in facts:
        if isinstance(fact.data, AccountSignedUp):
            yield Bill(fact.subject, period.label, Decimal(100), Decimal(0), "INV")


def live(
    *segments: tuple[str, Habits],
    last: int = 12,
    seed: int = 1,
    biller: Biller | None = None,
    book: PriceBook = BOOK,
) -> Story:
    """Let the customers of some segments live, and hear the bills that a biller makes of all facts so far."""
    stage = Stage(last, [(customer.spawn, {name: habits}) for name, habits in segments])
    world = World(stage, book, seed=seed)
    facts, usage = list[Event](), list[pl.DataFrame]()
    for period in months(stage.starts_on, last):
        lived = world.live(period)
        facts += lived.facts
        usage.append(lived.usage)
        world.hear(biller(period, facts) if biller else [])
    return Story(facts, pl.concat(usage))


def demand(leads: float, at_start: int = 0) -> dict[str, Any]:
    """Return a demand of so many leads a month."""
    return {"leads": [leads], "at_start": at_start, "december": 1.0}

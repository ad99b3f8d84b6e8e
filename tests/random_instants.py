"""Random companies for conventions about instants: few prices, many changes at any time of the day."""

import json
import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from metering import event as facts
from metering.event import Event
from metering.period import Period
from metering.period import months as calendar_months
from tests.random_book import dump, money, rate

TIMES: dict[str, list[Any]] = {
    "rounding": ["half_up", "half_even", "up", "down"],
    "rounding_place": ["line", "invoice"],
    "proration": ["day", "second", "second", "millisecond", "microsecond"],
    "divisor": ["period", "period", "fixed_30", "thirty_360", "nominal"],
    "periods": ["calendar", "anniversary", "anniversary"],
    "recurring": ["arrears", "advance"],
    "cancellation": ["kept", "credited"],
    "cancel_day": ["free", "billed"],
    "allowance": ["prorated", "full"],
    "tier_edge": ["inclusive", "exclusive"],
}
METERS: dict[str, dict[str, Any]] = {
    "calls": {},
    "storage": {"aggregation": "weighted_sum"},
    "lasting": {"aggregation": "weighted_sum", "recurring": True},
    "seats": {"aggregation": "weighted_latest"},
    "days": {"aggregation": "weighted_sum", "weighted_by": "day"},
    "people": {"aggregation": "weighted_unique_count", "of": "who", "operation": "what"},
    "members": {
        "aggregation": "weighted_unique_count",
        "of": "who",
        "operation": "what",
        "recurring": True,
    },
    "sessions": {
        "aggregation": "weighted_unique_count",
        "of": "who",
        "operation": "what",
        "weighted_by": "second",
    },
}


def instants(seed: int) -> tuple[str, list[Event], list[Period]]:
    """Return a price book as TOML, the events in the order of time, and the months to bill."""
    rng = random.Random(f"instants {seed}")
    first = rng.choice([date(2023, 11, 1), date(2024, 1, 1), date(2025, 6, 1)])
    months = list(calendar_months(first, rng.choice((3, 6, 14))))
    events: list[tuple[datetime, str, Any]] = []
    for number in range(rng.randrange(1, 5)):
        for nth in range(rng.choice((1, 1, 2))):
            events += life(rng, f"account-{number}", f"s-{number}-{nth}", months)
    events.sort(key=lambda event: event[0])
    told = [Event("test", f"{n:04}", subject, at, data) for n, (at, subject, data) in enumerate(events)]
    return dump(book(rng)), told, months


def book(rng: random.Random) -> dict[str, Any]:
    """A few plans with fees and usage, under random conventions."""
    conventions = {name: rng.choice(ways) for name, ways in TIMES.items() if rng.random() < 0.8}
    if rng.random() < 0.4:
        conventions |= {"ratio_places": rng.choice((2, 9)), "ratio_rounding": rng.choice(TIMES["rounding"])}
    if rng.random() < 0.3:
        conventions |= {
            "quantity_places": rng.choice((1, 5)),
            "quantity_rounding": rng.choice(TIMES["rounding"]),
        }
    if conventions.get("proration", "day") == "day" and rng.random() < 0.4:
        conventions["ends"] = "both"
    plans = {f"plan-{number}": plan(rng) for number in range(3)}
    return {"name": "instants", "conventions": conventions, "meters": METERS, "plans": plans}


def plan(rng: random.Random) -> dict[str, Any]:
    """A plan with a fee, perhaps another for each seat and one of a year, and prices of usage."""
    prices: dict[str, Any] = {"fee": {"per": "subscription", "unit_price": money(rng)}}
    if rng.random() < 0.7:
        prices["seat"] = {**rate(rng, size=5), "per": "seat"}
    if rng.random() < 0.4:
        prices["licence"] = {"per": rng.choice(["subscription", "seat"]), "cadence": "year"}
        prices["licence"]["unit_price"] = money(rng, 5_000)
    for meter in rng.sample(list(METERS), rng.randrange(2, 6)):
        price = {**rate(rng, high=20), "meter": meter}
        if rng.random() < 0.6:
            price["allowance"] = Decimal(rng.randrange(300)) / rng.choice((1, 2, 10))
            price["allowance_per"] = rng.choice(["subscription", "seat"])
        prices[f"use-{meter}"] = price
    return {"name": "plan", "stream": "core", "prices": prices}


def instant(rng: random.Random, since: datetime, until: datetime) -> datetime:
    """An instant between two: of any microsecond, or on a round hour, or at midnight."""
    at = since + (until - since) * rng.random()
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    found = rng.choice([at, at, at.replace(minute=0, second=0, microsecond=0), midnight])
    return max(found, since)


def life(
    rng: random.Random, account: str, name: str, months: list[Period]
) -> list[tuple[datetime, str, Any]]:
    """A subscription: its start, changes at any time and sometimes two at once, its end, and its usage."""
    end = months[-1].ends_at
    begins = instant(rng, months[0].starts_at, months[len(months) // 2].ends_at)
    plans = [f"plan-{number}" for number in range(3)]
    trial = rng.choice((0, 0, 0, 5, 14))
    started = facts.SubscriptionStarted(name, rng.choice(plans), rng.randrange(1, 7), "month", trial)
    found: list[tuple[datetime, str, Any]] = [(begins, account, started)]
    at = begins
    for _ in range(rng.randrange(7)):
        at = at + rng.choice([timedelta(0), timedelta(hours=5), timedelta(days=9), timedelta(days=40)])
        at = instant(rng, at, at + timedelta(days=2)) if rng.random() < 0.8 else at
        seats = rng.randrange(1, 7)
        change: Any = facts.SeatsChanged(name, seats)
        if rng.random() < 0.4:
            change = facts.PlanChanged(name, rng.choice(plans), seats, "month")
        found.append((at, account, change))
    if rng.random() < 0.5:
        day = at.date() + timedelta(days=rng.choice((0, 0, 1, 20)))
        found.append((at + timedelta(seconds=1), account, facts.SubscriptionCancelled(name, day)))
    for _ in range(rng.randrange(80)):
        quantity = Decimal(rng.randrange(1, 2_000)) / rng.choice((1, 2, 8, 1000))
        when = instant(rng, begins - timedelta(days=3), end)
        meter, told = (
            rng.choice(list(METERS)),
            {"who": rng.choice("abc"), "what": rng.choice(("add", "remove"))},
        )
        dimensions = json.dumps(told) if "of" in METERS[meter] else ""
        found.append((when, name, facts.UsageRecorded(meter, quantity, dimensions)))
    return [one for one in found if months[0].starts_at <= one[0] < end]

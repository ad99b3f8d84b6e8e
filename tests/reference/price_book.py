"""The price book's page: every key of its models, and examples computed by what bills."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from billing import price_book
from billing.convention import Conventions
from billing.plan import AddOn, Plan, Seats
from billing.price import Change, Price, Rate, Tier
from billing.price_book import PriceBook
from billing.quote import quote
from billing.rule import After, Agreement, Commitment, Discount, Entitlement, Giver, Limit, Refund, Scope
from metering.meter import Meter
from simulator.values import to_json
from tests.reference import meanings
from tests.reference.keys import toml, type_of
from tests.reference.page import ROOT, code, fenced, table

PARTS: dict[str, tuple[type[BaseModel], type[BaseModel] | None]] = {
    "The book": (PriceBook, None),
    "`[conventions]`": (Conventions, None),
    "`[meters.KEY]`": (Meter, None),
    "`[plans.KEY]`": (Plan, None),
    "`[plans.KEY.seats]`": (Seats, None),
    "`[plans.KEY.commitment]`": (Commitment, None),
    "`[plans.KEY.limits.KEY]`": (Limit, None),
    "A rate": (Rate, None),
    "A tier of a rate": (Tier, None),
    "`[plans.KEY.prices.KEY]`": (Price, Rate),
    "A change of a price": (Change, Rate),
    "`[add_ons.KEY]`": (AddOn, None),
    "`[discounts.KEY]`": (Discount, None),
    "`[entitlements.KEY]`": (Entitlement, None),
    "`[entitlements.KEY.given_by]`": (Giver, None),
    "`[entitlements.KEY.given_by.after]`": (After, None),
    "`[entitlements.KEY.covers]`": (Scope, None),
    "`[refunds.KEY]`": (Refund, None),
    "`[agreements.KEY]`": (Agreement, Rate),
}
"""Every part of a price book: its model, and the model whose keys it has as well."""

TIERS = [{"up_to": 1_000, "unit_price": 1}, {"unit_price": Decimal("0.50")}]

MODELS: dict[str, tuple[dict[str, Any], int]] = {
    "flat": ({"flat_fee": 99}, 12),
    "unit": ({"unit_price": Decimal("0.007")}, 150_000),
    "graduated": ({"tiers": TIERS}, 1_500),
    "volume": ({"tiers": TIERS}, 1_500),
    "package": ({"package_size": 1_000, "unit_price": 5}, 1_001),
    "percentage": ({"unit_price": Decimal("0.25")}, 1_999),
}
"""One price of each model, and how many are priced."""

QUOTES: dict[str, dict[str, Any]] = {
    "A part of a month costs its days: from 11 January, 21 of 31": {
        "plan": "professional", "seats": 5, "starts_on": "2026-01-11",
    },
    "A whole month with 12,500 calls above the allowance": {
        "plan": "professional", "seats": 7, "usage": {"api_calls": 62_500},
    },
    "An allowance is prorated as the plan is: 50,000 x 21/31 calls are included": {
        "plan": "professional", "seats": 1, "usage": {"api_calls": 62_500}, "starts_on": "2026-01-11",
    },
    "A level costs the days on which it was held": {
        "plan": "managed-professional", "usage": {"storage_gb": 80}, "starts_on": "2026-01-11",
    },
    "A year in advance, at its own rate": {"plan": "professional", "seats": 7, "billing": "year"},
    "A window of a life: 800 devices before, 400 now": {
        "price": {"model": "graduated", "tiers": TIERS, "window": "life"}, "quantity": 400, "before": 800,
    },
    "A discount and a commitment: the contract year closes with what is missing": {
        "plan": "enterprise", "discount": "multi-year-2", "months": 12,
    },
}  # fmt: skip
"""What the semantics come to, as requests that `saasim quote` takes, about the price book of DB-GPT."""

MONTH = date(2026, 1, 1)


def keys() -> str:
    """Describe every key of every part."""
    return "\n\n".join(_part(title, *models) for title, models in PARTS.items())


def models() -> str:
    """Price one quantity by each model."""
    rows = []
    for model, (numbers, quantity) in MODELS.items():
        price = {"model": model, **numbers}
        answer = _quoted({"price": price, "quantity": quantity})
        steps = " + ".join(f"{s['quantity']} × {s['unit_price']}" for s in answer["lines"][0]["steps"])
        rows.append((code(model), code(toml(numbers).strip("{ }")), f"{quantity:,}", steps, answer["amount"]))
    return table(("model", "numbers", "quantity:", "steps", "amount:"), rows)


def quotes() -> str:
    """Quote every request, and show the lines that it comes to."""
    return "\n\n".join(f"{title}.\n\n{_shown(request)}" for title, request in QUOTES.items())


def names(model: type[BaseModel], inherited: type[BaseModel] | None = None) -> list[str]:
    """Return the keys of a model that it does not share with another."""
    return [name for name in model.model_fields if inherited is None or name not in inherited.model_fields]


def _part(title: str, model: type[BaseModel], inherited: type[BaseModel] | None) -> str:
    rows = [
        (code(name), *type_of(model, name), meanings.PRICE_BOOK[f"{model.__name__}.{name}"])
        for name in names(model, inherited)
    ]
    also = "\n\nAnd the keys of a rate." if inherited else ""
    return f"### {title}\n\n{table(('key', 'value', 'default', 'what it means'), rows)}{also}"


def _shown(request: Mapping[str, Any]) -> str:
    rows = [
        (
            line["month"][:7],
            f"{line['price']}, {line['kind']}",
            line["quantity"],
            line["allowance"],
            f"{line['starts_on']} – {line['ends_on']}",
            line["exact"],
            line["amount"],
        )
        for line in _quoted(request)["lines"]
    ]
    heads = ("month", "line", "quantity:", "included:", "service", "exact:", "amount:")
    return f"{fenced('json', to_json(request))}\n\n{table(heads, rows)}"


def _quoted(request: Mapping[str, Any]) -> dict[str, Any]:
    return quote(price_book.load(ROOT / "fixtures" / "dbgpt" / "prices.toml"), request, month=MONTH)

"""Quotes: what a plan or a single price comes to, by the same functions that bill.

A request is a mapping, as from a JSON line:

    {"plan": "professional", "seats": 5, "usage": {"api_calls": 62500}, "add_ons": {"premium-llm": 1}}
    {"price": {"model": "package", "package_size": 10000, "unit_price": 10}, "quantity": 12500}

`period` (`2026-03`) and `months` say which months are quoted, `starts_on` and `ends_on` when the subscription
lives, `billing` whether it pays by month or year, `discount` which discount it has, `before` what its meters
have counted before in a window of a year or a life, `dimensions` the values of a meter's dimensions.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Self

import polars as pl
from pydantic import Field, model_validator

from billing import entitlement, rating
from billing.bill import Carried, bill_measured, spans
from billing.day import spread, wanted
from billing.lines import slices
from billing.plan import Plan
from billing.price import Day, Price, Record
from billing.price_book import PriceBook
from billing.pricing import Step, explain
from billing.subscription import Subscriptions
from metering.document import did_you_mean, problem, validate
from metering.event import AddOnBought, Event, SubscriptionCancelled, SubscriptionStarted
from metering.frame import empty
from metering.log import Fact
from metering.meter import Meter
from metering.period import Period, months
from metering.usage import DAY_SCHEMA, EVENT_SCHEMA, MEASURED_SCHEMA

_SUBSCRIPTION = "quote"
_METER = "quantity"

Count = Annotated[Decimal, Field(ge=0, le=Decimal(10) ** 15, decimal_places=12)]


class Request(Record):
    """What to quote. Exactly one of `plan` and `price`."""

    plan: str | None = None
    price: dict[str, Any] | None = None
    quantity: Count | None = None
    currency: str | None = Field(None, pattern="^[A-Z]{3}$")
    seats: int = Field(1, ge=0)
    billing: str = Field("month", pattern="^(month|year)$")
    discount: str = ""
    add_ons: dict[str, Annotated[int, Field(ge=1)]] = Field({})
    usage: dict[str, Count] = Field({})
    before: dict[str, Count] | Count = Decimal(0)
    dimensions: dict[str, dict[str, str]] = Field({})
    period: str = Field("", pattern=r"^(20\d{2}-(0[1-9]|1[0-2]))?$")
    months: int = Field(1, ge=1, le=120)
    starts_on: Day | None = None
    ends_on: Day | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.plan is None) == (self.price is None):
            raise ValueError("needs exactly one of 'plan' and 'price'; name a plan, or describe a price")
        if self.price is not None and self.quantity is None:
            raise ValueError("a price needs a 'quantity'; say how many")
        if self.starts_on and self.ends_on and self.ends_on <= self.starts_on:
            raise ValueError(f"ends_on {self.ends_on} is not after starts_on {self.starts_on}; swap them")
        return self


def quote(
    book: PriceBook, request: Mapping[str, Any], *, month: date, place: str = "quote"
) -> dict[str, Any]:
    """Return what a request comes to: the exact and the rounded amount and the lines that make it up.

    What is above a limit of the plan is under `over_limit`; a month's usage is spread evenly over its days.
    `month` is quoted where the request names none. Amounts are text, exact to the last digit. Raises Problems
    for a request that is not right.
    """
    asked = validate(Request, dict(request), place)
    if asked.price is not None:
        book, asked = _bare(book, asked, place)
    _check(book, asked, place)
    first = date.fromisoformat(f"{asked.period}-01") if asked.period else asked.starts_on or month
    periods = list(months(first, asked.months))
    carried = Carried(_subscriptions(book, asked, periods))
    phases = carried.subscriptions.frame()
    carried.windows = _windows(book, asked, slices(phases, periods))
    measured = _measured(asked, periods, phases)
    given = entitlement.give(
        empty(EVENT_SCHEMA),
        carried.entitled,
        subscriptions=carried.subscriptions,
        book=book,
        periods=periods,
    )
    finer = wanted(phases, book, given.pairs())
    days = pl.concat([empty(DAY_SCHEMA), *(spread(measured, finer, phases, period) for period in periods)])
    billed = bill_measured(
        periods, measured, book=book, carried=carried, given=given, days=days, keep_free=True
    )
    lines = [_line(row, book, asked) for row in billed.lines.iter_rows(named=True)]
    exact = sum((Decimal(line["exact"]) for line in lines), Decimal(0))
    amount = sum((Decimal(line["amount"]) for line in lines), Decimal(0))
    whole = {"exact": _plain(exact), "amount": _plain(amount), "currency": book.currency, "lines": lines}
    return whole | _refused(billed.unrated)


def _bare(book: PriceBook, asked: Request, place: str) -> tuple[PriceBook, Request]:
    """Put a bare price into a book of its own, as the only price of a plan."""
    fields = dict(asked.price or {})
    if fields.get("per") is None:
        fields.setdefault("meter", _METER)
    price = validate(Price, fields, f"{place}: price")
    plan = Plan(name="quote", stream="quote", prices={"price": price})
    update: dict[str, Any] = {"plans": {_SUBSCRIPTION: plan}}
    update |= {name: {} for name in ("meters", "add_ons", "entitlements", "refunds")}
    if asked.currency is not None:
        update["currency"] = asked.currency
    quantity = asked.quantity or Decimal(0)
    changes: dict[str, Any] = {"plan": _SUBSCRIPTION}
    if price.meter is not None:
        known = book.meters.get(price.meter, Meter(dimensions=(*price.where, *price.group_by)))
        update["meters"] = {price.meter: known}
        changes["usage"] = {price.meter: quantity}
    elif quantity != int(quantity):
        raise problem(f"{place}: quantity", f"{quantity} seats cannot be counted", "name a whole number")
    else:
        changes["seats"] = int(quantity)
    return book.model_copy(update=update), asked.model_copy(update=changes)


def _check(book: PriceBook, asked: Request, place: str) -> None:
    named: tuple[tuple[str, Iterable[str], Mapping[str, Any]], ...] = (
        ("plan", [asked.plan or ""], book.plans),
        ("usage", asked.usage, book.meters),
        ("before", asked.before if isinstance(asked.before, dict) else (), book.meters),
        ("add_ons", asked.add_ons, book.add_ons),
        ("discount", [asked.discount] if asked.discount else [], book.discounts),
    )
    for field, keys, known in named:
        for key in keys:
            if key not in known:
                raise problem(f"{place}: {field}", f"the price book has no {key!r}", did_you_mean(key, known))


def _subscriptions(book: PriceBook, asked: Request, periods: list[Period]) -> Subscriptions:
    when = datetime.combine(asked.starts_on or periods[0].starts_on, time())
    facts: list[Any] = [
        SubscriptionStarted(_SUBSCRIPTION, asked.plan or "", asked.seats, asked.billing, 0, asked.discount),
        *(AddOnBought(_SUBSCRIPTION, key, count) for key, count in asked.add_ons.items()),
    ]
    if asked.ends_on is not None:
        facts.append(SubscriptionCancelled(_SUBSCRIPTION, asked.ends_on))
    events = (
        Event(_SUBSCRIPTION, str(number), _SUBSCRIPTION, when, data) for number, data in enumerate(facts)
    )
    subscriptions = Subscriptions()
    subscriptions.apply([Fact(number, event) for number, event in enumerate(events)], book)
    return subscriptions


def _measured(asked: Request, periods: list[Period], phases: pl.DataFrame) -> pl.DataFrame:
    """Put the usage asked about into the first phase of each month."""
    rows = []
    for period in periods:
        alive = spans(phases).filter(
            pl.col("starts_at") < period.ends_at,
            pl.col("ends_at").fill_null(period.ends_at) > period.starts_at,
        )
        for meter, quantity in asked.usage.items() if len(alive) else ():
            values = asked.dimensions.get(meter, {})
            text = json.dumps(values, sort_keys=True, separators=(",", ":")) if values else ""
            rows.append((_SUBSCRIPTION, alive["phase_no"][0], meter, text, period.starts_on, quantity, 1))
    return pl.DataFrame(rows, schema=MEASURED_SCHEMA, orient="row")


def _refused(unrated: pl.DataFrame) -> dict[str, Any]:
    """Say what of the usage asked about the plan does not serve."""
    over = unrated.filter(pl.col("reason") == "over_limit").sort("month", "meter")
    rows = [
        {"month": str(month), "meter": meter, "quantity": _plain(quantity)}
        for month, meter, quantity in over.select("month", "meter", "quantity").iter_rows()
    ]
    return {"over_limit": rows} if rows else {}


def _before(asked: Request, meter: str) -> Decimal:
    """Return what a meter has counted before in its window."""
    return asked.before.get(meter, Decimal(0)) if isinstance(asked.before, dict) else asked.before


def _windows(book: PriceBook, asked: Request, parts: pl.DataFrame) -> pl.DataFrame:
    """Put what the meters have counted before into every window that is longer than a month."""
    rows = []
    for plan, key, price in book.usage_prices():
        quantity = _before(asked, price.meter or "")
        if quantity and plan == asked.plan and price.window != "period" and len(parts):
            first = parts.select(window=rating.window_start(price)).row(0)[0]
            rows.append((_SUBSCRIPTION, plan, key, "", first, quantity))
    return pl.DataFrame(rows, schema=rating.CARRIED_SCHEMA, orient="row")


def _line(row: Mapping[str, Any], book: PriceBook, asked: Request) -> dict[str, Any]:
    words = {
        name: str(row[name]) for name in ("month", "plan", "price", "kind", "meter", "starts_on", "ends_on")
    }
    numbers = {name: _plain(row[name]) for name in ("quantity", "allowance", "exact", "amount")}
    steps = [
        {
            name: _plain(value) if isinstance(value, Decimal) else value
            for name, value in step._asdict().items()
        }
        for step in _steps(row, book, asked)
    ]
    return words | numbers | {"steps": steps}


def _steps(row: Mapping[str, Any], book: PriceBook, asked: Request) -> list[Step]:
    """Return the arithmetic of a line; its amounts add up to the line's exact amount."""
    prices = book.plans[row["plan"]].prices
    if row["kind"] not in {"recurring", "usage", "once"} or row["price"] not in prices:
        return []
    price = prices[row["price"]].on(row["month"])
    rate = price.annual if price.annual is not None and asked.billing == "year" else price
    before = Decimal(0) if price.window == "period" else _before(asked, row["meter"])
    steps = explain(rate, row["quantity"], before=before, allowance=row["allowance"])
    rest = row["exact"] - sum((step.amount for step in steps), Decimal(0))
    if rest:
        text = "less the days outside" if rest < 0 else "twelve months in advance"
        steps.append(Step(text, Decimal(1), rest, rest))
    return steps


def _plain(number: Decimal) -> str:
    """Write a number without an exponent and without zeros that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

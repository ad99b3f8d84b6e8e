"""Quotes: what a plan or a single price comes to, by the same functions that bill.

A request is a mapping, as from a JSON line:

    {"plan": "professional", "seats": 5, "usage": {"api_calls": 62500}, "add_ons": {"premium-llm": 1}}
    {"price": {"model": "package", "package_size": 10000, "unit_price": 10}, "quantity": 12500}

`period` (`2026-03`, or `2026-03-15/2026-04-15`) and `months` say which months are quoted, `starts_on` and
`ends_on`, or the instants `starts_at` and `ends_at`, when the subscription lives, `trial_days` how long it is
on trial, `changes` what changes and when (`billing.timeline.Change`), `billing` whether it pays by month or
year, `discount` which discounts it has (`"ten-off,tenth"`), `before` what its meters have counted before in a
window of a year or a life, `dimensions` the values of a meter's dimensions, `events` the single events of a
meter where these matter: numbers, or tables that say when (`{"at": "2026-03-20", "quantity": 5}`).
`conventions` names a biller's, or others than the book's, as text or a table. A request can bring its own
things: `prices` (a table of prices by key) or a table as `plan` instead of a plan's key, `discounts` (a list,
taken in its order), `entitlements` (a list; the plan that is quoted gives them, unless they say what does)
and `meters`.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

import polars as pl
from pydantic import Field, model_validator

from billing import entitlement, rating
from billing.bill import Billed, Carried, bill_measured
from billing.day import spread, wanted
from billing.lines import slices
from billing.plan import AddOn, Plan
from billing.price import Price
from billing.price_book import PriceBook, checked
from billing.pricing import Step, explain
from billing.rule import Discount, Entitlement, listed
from billing.subscription import Subscriptions
from billing.timeline import Change, Count, Happened, Quoted, Timing, days_of_events, measured_events, told
from metering.document import did_you_mean, problem, validate
from metering.event import SubscriptionStarted
from metering.frame import empty
from metering.log import Fact
from metering.meter import Meter
from metering.query import EACH
from metering.usage import EVENT_SCHEMA, MEASURED_SCHEMA

_SUBSCRIPTION = "quote"
_METER = "quantity"

_KINDS = 3


class Request(Timing):
    """What to quote. Exactly one of `plan`, `price` and `prices`."""

    plan: str | dict[str, Any] | None = None
    price: dict[str, Any] | None = None
    prices: dict[str, dict[str, Any]] | None = None
    meters: dict[str, dict[str, Any]] = Field({})
    discounts: tuple[dict[str, Any], ...] = ()
    entitlements: tuple[dict[str, Any], ...] = ()
    conventions: str | dict[str, Any] = ""
    expect: Decimal | None = None
    quantity: Count | None = None
    currency: str | None = Field(None, pattern="^[A-Z]{3}$")
    seats: int = Field(1, ge=0)
    billing: str = Field("month", pattern="^(month|year)$")
    discount: str = ""
    add_ons: dict[str, Annotated[int, Field(ge=1)]] = Field({})
    usage: dict[str, Count] = Field({})
    events: dict[str, tuple[Count | Happened, ...]] = Field({})
    before: dict[str, Count] | Count = Decimal(0)
    dimensions: dict[str, dict[str, str]] = Field({})

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if [self.plan, self.price, self.prices].count(None) != _KINDS - 1:
            raise ValueError("needs exactly one of 'plan' and 'price'; name a plan, or describe a price")
        if self.price is not None and self.quantity is None and not self.events:
            raise ValueError("a price needs a 'quantity'; say how many")
        for key, given in self.events.items():
            if len({isinstance(one, Happened) for one in given}) > 1:
                raise ValueError(f"some events of {key!r} say when and others do not; say it of all or none")
        return self


def quote(
    book: PriceBook, request: Mapping[str, Any], *, month: date, place: str = "quote"
) -> dict[str, Any]:
    """Return what a request comes to: the exact and the rounded amount and the lines that make it up.

    What is above a limit of the plan is under `over_limit`; a month's usage is spread evenly over its days,
    and its single events happen on the first one, in their order, unless they say when.
    `month` is quoted where the request names none. Amounts are text, exact to the last digit. Raises Problems
    for a request that is not right.
    """
    asked = validate(Request, dict(request), place)
    if asked.conventions:
        book = book.under(book.conventions.changed(asked.conventions, f"{place}: conventions"))
    book, asked = described(book, asked, place)
    _check(book, asked, place)
    quoted = asked.quoted(book.conventions, month, place)
    book = book.under(quoted.conventions)
    try:
        billed = _billed(book, asked, quoted)
    except pl.exceptions.InvalidOperationError as error:
        raise problem(place, "comes to more than an amount can hold (10^14)", "quote less of it") from error
    shown = [
        row for row in billed.lines.iter_rows(named=True) if quoted.shows(row["starts_on"], row["ends_on"])
    ]
    lines = [_line(row, book, asked) for row in shown]
    exact = sum((Decimal(line["exact"]) for line in lines), Decimal(0))
    amount = sum((Decimal(line["amount"]) for line in lines), Decimal(0))
    whole: dict[str, Any] = {
        "exact": _plain(exact),
        "amount": _plain(amount),
        "currency": book.currency,
        "lines": lines,
    }
    if asked.expect is not None:
        whole |= {"expect": _plain(asked.expect), "is_as_expected": amount == asked.expect}
    return whole | _refused(billed.unrated)


def _billed(book: PriceBook, asked: Request, quoted: Quoted) -> Billed:
    """Bill what is quoted, by the functions that bill a log."""
    periods = quoted.periods
    carried = Carried(_subscriptions(book, asked, quoted.starts_at))
    phases = carried.subscriptions.frame()
    parts = slices(phases, periods, book.conventions)
    carried.windows = _windows(book, asked, parts)
    undated, dated = _undated(book, asked, parts), _dated(book, asked)
    happened = measured_events(_SUBSCRIPTION, dated, meters=book.meters, parts=parts, periods=periods)
    given = entitlement.give(
        empty(EVENT_SCHEMA),
        carried.entitled,
        subscriptions=carried.subscriptions,
        book=book,
        periods=periods,
    )
    finer = wanted(phases, book, given.pairs())
    days = [spread(undated, finer, parts)]
    if dated:
        days.append(
            days_of_events(
                _SUBSCRIPTION, dated, meters=book.meters, parts=parts, periods=periods, wanted=finer
            )
        )
    return bill_measured(
        periods,
        pl.concat([undated, happened]),
        book=book,
        carried=carried,
        given=given,
        days=pl.concat(days),
        keep_free=True,
    )


def described(book: PriceBook, asked: Request, place: str) -> tuple[PriceBook, Request]:
    """Put what a request brings itself into the book, and name it in the request.

    Prices of its own stand in a book with nothing else but the meters. Raises Problems for what is not right.
    """
    changes: dict[str, Any] = {}
    own = {f"discount-{number}": given for number, given in enumerate(asked.discounts, start=1)}
    found = {key: validate(Discount, dict(given), f"{place}: {key}") for key, given in own.items()}
    update: dict[str, Any] = {"discounts": {**book.discounts, **found}}
    changes["discount"] = ",".join([*listed(asked.discount), *own])
    meters = {
        key: validate(Meter, dict(given), f"{place}: meters.{key}") for key, given in asked.meters.items()
    }
    plans, add_ons, changes["changes"] = _later_plans(asked, place)
    entitlements = {
        f"entitlement-{number}": validate(Entitlement, _by_plan(given, asked), f"{place}: entitlements")
        for number, given in enumerate(asked.entitlements, start=1)
    }
    if isinstance(asked.plan, str):
        update["entitlements"] = {**book.entitlements, **entitlements}
        update["meters"] = {**book.meters, **_implied(plans.values(), book, meters)}
        if not plans and not entitlements:
            return book.model_copy(update=update), asked.model_copy(update=changes)
        update |= {"plans": {**book.plans, **plans}, "add_ons": {**book.add_ons, **add_ons}}
        return checked(book.model_copy(update=update), place), asked.model_copy(update=changes)
    plan, own_add_ons = _own_plan(asked, place)
    plans = {_SUBSCRIPTION: plan, **plans}
    update |= {name: {} for name in ("refunds", "agreements", "replaces")}
    update["entitlements"] = entitlements
    update |= {"plans": plans, "add_ons": {**own_add_ons, **add_ons}}
    keys = {key for one in plans.values() for key in one.prices} | {*update["add_ons"]}
    update["discounts"] = {
        key: one for key, one in update["discounts"].items() if keys.issuperset(one.prices)
    }
    update["meters"] = _implied(plans.values(), book, meters)
    if asked.currency is not None:
        update["currency"] = asked.currency
    changes |= {"plan": _SUBSCRIPTION, **_counted(asked, plan, place)}
    return checked(book.model_copy(update=update), place), asked.model_copy(update=changes)


def _by_plan(given: Mapping[str, Any], asked: Request) -> dict[str, Any]:
    """Say of an entitlement that the plan which is quoted gives it, where it does not say what does."""
    giver = dict(given.get("given_by", {}))
    if not giver.keys() & {"meter", "plans"}:
        giver["plans"] = [asked.plan if isinstance(asked.plan, str) else _SUBSCRIPTION]
    return {**given, "given_by": giver}


def _implied(plans: Iterable[Plan], book: PriceBook, meters: dict[str, Meter]) -> dict[str, Meter]:
    """Return some meters, and for each meter of the plans that nobody describes the book's or a plain one."""
    found = dict(meters)
    for price in (price for plan in plans for price in plan.prices.values()):
        implied = Meter(dimensions=(*price.where, *price.group_by))
        if price.meter is not None:
            found.setdefault(price.meter, book.meters.get(price.meter, implied))
    return found


def _later_plans(asked: Request, place: str) -> tuple[dict[str, Plan], dict[str, AddOn], tuple[Change, ...]]:
    """Return the plans and add-ons that changes describe, by keys, and the changes that name these."""
    plans: dict[str, Plan] = {}
    add_ons: dict[str, AddOn] = {}
    changes = []
    for number, change in enumerate(asked.changes, start=1):
        if isinstance(change.plan, str) or [change.plan, change.price, change.prices].count(None) == _KINDS:
            changes.append(change)
            continue
        key = f"{_SUBSCRIPTION}-{number}"
        plans[key], own = _own_plan(change, f"{place}: changes.{number - 1}", key)
        add_ons |= own
        changes.append(change.model_copy(update={"plan": key}))
    return plans, add_ons, tuple(changes)


def _own_plan(asked: Request | Change, place: str, key: str = _SUBSCRIPTION) -> tuple[Plan, dict[str, AddOn]]:
    """Return the plan that a request or a change describes, and its price as an add-on where it is one."""
    if isinstance(asked.plan, dict):
        given = {"name": "quote", "stream": "quote", **asked.plan}
        return validate(Plan, given, f"{place}: plan"), {}
    prices = {}
    for name, given in (asked.prices or {"price": asked.price or {}}).items():
        fields = dict(given)
        if fields.get("per") is None:
            fields.setdefault("meter", _METER)
        where = f"{place}: price" if asked.prices is None else f"{place}: prices.{name}"
        prices[name] = validate(Price, fields, where)
    add_ons = {
        name: AddOn(name=name, plans=(key,), price=price)
        for name, price in prices.items()
        if price.per == "add_on"
    }
    own = {name: price for name, price in prices.items() if name not in add_ons}
    return Plan(name="quote", stream="quote", prices=own), add_ons


def _counted(asked: Request, plan: Plan, place: str) -> dict[str, Any]:
    """Say what the `quantity` of a single price is: usage, seats or add-ons."""
    if asked.quantity is None:
        return {}
    price = plan.prices.get("price")
    if price is not None and price.meter is not None:
        return {"usage": {**asked.usage, price.meter: asked.quantity}}
    if asked.quantity != int(asked.quantity):
        raise problem(
            f"{place}: quantity", f"{asked.quantity} seats cannot be counted", "name a whole number"
        )
    count = int(asked.quantity)
    return {"add_ons": {"price": count} if count else {}} if price is None else {"seats": count}


def _check(book: PriceBook, asked: Request, place: str) -> None:
    named: tuple[tuple[str, Iterable[str], Mapping[str, Any]], ...] = (
        ("plan", [str(asked.plan)], book.plans),
        ("changes", [str(change.plan) for change in asked.changes if change.plan], book.plans),
        ("changes", [key for change in asked.changes for key in change.add_ons], book.add_ons),
        ("usage", asked.usage, book.meters),
        ("events", asked.events, book.meters),
        ("before", asked.before if isinstance(asked.before, dict) else (), book.meters),
        ("add_ons", asked.add_ons, book.add_ons),
        ("discount", listed(asked.discount), book.discounts),
    )
    for field, keys, known in named:
        for key in keys:
            if key not in known:
                raise problem(f"{place}: {field}", f"the price book has no {key!r}", did_you_mean(key, known))


def _subscriptions(book: PriceBook, asked: Request, starts_at: datetime) -> Subscriptions:
    started = SubscriptionStarted(
        _SUBSCRIPTION, str(asked.plan), asked.seats, asked.billing, asked.trial_days, asked.discount
    )
    events = told(_SUBSCRIPTION, asked, started, asked.add_ons, starts_at=starts_at)
    subscriptions = Subscriptions()
    subscriptions.apply([Fact(number, event) for number, event in enumerate(events)], book)
    return subscriptions


def _dated(book: PriceBook, asked: Request) -> dict[str, list[Happened]]:
    """Return the events that say when they happened, by the meters that count them."""
    found = {key: [one for one in given if isinstance(one, Happened)] for key, given in asked.events.items()}
    return {key: happened for key, happened in found.items() if happened and key in book.meters}


def _undated(book: PriceBook, asked: Request, parts: pl.DataFrame) -> pl.DataFrame:
    """Put the usage asked about into the first phase of each period."""
    undated: list[tuple[str, dict[str, str], Decimal, int]] = [
        (key, {}, quantity, 1) for key, quantity in asked.usage.items()
    ]
    for key, given in asked.events.items():
        numbers = tuple(one for one in given if not isinstance(one, Happened))
        undated += [(key, *one) for one in _measured_events(book.meters[key], numbers)]
    firsts = parts.sort("from_at").unique("month", keep="first", maintain_order=True)
    rows = []
    for month, phase_no in firsts.select("month", "phase_no").iter_rows():
        for key, values, quantity, events in undated:
            named = {**asked.dimensions.get(key, {}), **values}
            text = json.dumps(named, sort_keys=True, separators=(",", ":")) if named else ""
            rows.append((_SUBSCRIPTION, phase_no, key, text, month, quantity, events))
    return pl.DataFrame(rows, schema=MEASURED_SCHEMA, orient="row")


def _measured_events(meter: Meter, given: tuple[Decimal, ...]) -> list[tuple[dict[str, str], Decimal, int]]:
    """Return what a meter makes of single events in their order: dimensions, quantity, number of events."""
    if meter.each:
        width = len(str(len(given)))  # so that names are in the order of the events
        return [({EACH: f"quote/{number:0{width}}"}, one, 1) for number, one in enumerate(given, start=1)]
    results: dict[str, Callable[[], Decimal]] = {
        "count": lambda: Decimal(len(given)),
        "max": lambda: max(given),
        "latest": lambda: given[-1],
    }
    counted = results.get(meter.aggregation, lambda: sum(given, Decimal(0)))()
    return [({}, counted, len(given))] if given else []


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
    prices = {key: add_on.price for key, add_on in book.add_ons.items()} | book.plans[row["plan"]].prices
    if row["kind"] not in {"recurring", "usage", "once"} or row["price"] not in prices:
        return []
    price = prices[row["price"]].on(row["month"])
    rate = price.annual if price.annual is not None and asked.billing == "year" else price
    before = None if price.window == "period" else _before(asked, row["meter"])
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

"""The auditor's view of what happened: what a subscription is on each day, and what it used in each phase."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from billing.price import CATALOG
from billing.price_book import PriceBook
from metering.event import (
    AccountSignedUp,
    AddOnBought,
    AddOnDropped,
    Event,
    PlanChanged,
    SeatsChanged,
    SubscriptionCancelled,
    SubscriptionReactivated,
    SubscriptionStarted,
)
from metering.meter import USAGE, Meter

ONE_DAY = timedelta(days=1)


class Day(NamedTuple):
    """What a subscription is on one day, as it stands when the day is over."""

    account: str
    plan: str
    billing: str
    seats: int
    add_ons: dict[str, int]
    discount: str
    trial: bool
    anchor: date
    started_on: date
    phase: int


class Used(NamedTuple):
    """Measured usage of one phase, meter and set of dimensions in one month.

    `plan` is the plan that rates it, where that is not the plan of the phase.
    """

    phase: int
    meter: str
    dimensions: dict[str, str]
    quantity: Decimal
    plan: str = ""


class Bit(NamedTuple):
    """What one event added to a meter whose events add up."""

    day: date
    number: int
    name: str
    phase: int
    meter: str
    dimensions: dict[str, str]
    quantity: Decimal

    @property
    def text(self) -> str:
        """The dimensions as the ledger writes them."""
        return json.dumps(self.dimensions, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


Lives = dict[str, dict[date, Day]]
Usage = dict[tuple[str, date], list[Used]]


@dataclass
class Now:
    """What a subscription is, while the days go by."""

    account: str
    plan: str
    billing: str
    seats: int
    discount: str
    started_on: date
    paid_from: date
    anchor: date
    ends_on: date | None = None
    phase: int = 0
    add_ons: dict[str, int] = field(default_factory=dict)


def live(events: list[Event], book: PriceBook, until: date) -> Lives:
    """Go through the days, apply what happened on each, and note what each subscription then is.

    Each day with a change begins a phase, and so does the first paid day after a trial.
    """
    happened = defaultdict(list)
    for event in events:
        happened[event.occurred_at.date()].append(event)
    subscriptions: dict[str, Now] = {}
    lives: Lives = defaultdict(dict)
    day = min(happened)
    while day < until:
        changed = {change(subscriptions, lives, event, day, book) for event in happened[day]}
        for name, now in subscriptions.items():
            if now.ends_on is None or day < now.ends_on:
                now.phase += name in changed or day == now.paid_from
                lives[name][day] = note(now, day)
        day += ONE_DAY
    return dict(lives)


def note(now: Now, day: date) -> Day:
    """What the subscription is on this day."""
    return Day(
        now.account,
        now.plan,
        now.billing,
        now.seats,
        dict(now.add_ons),
        now.discount,
        trial=day < now.paid_from,
        anchor=now.anchor,
        started_on=now.started_on,
        phase=now.phase,
    )


def change(subscriptions: dict[str, Now], lives: Lives, event: Event, day: date, book: PriceBook) -> str:
    """Let one event change its subscription; return the subscription's name, or nothing."""
    data = event.data
    if isinstance(data, AccountSignedUp) and CATALOG in book.plans:
        subscriptions[event.subject] = Now(event.subject, CATALOG, "month", 1, "", day, day, day)
        return event.subject
    if isinstance(data, SubscriptionStarted):
        paid_from = day + data.trial_days * ONE_DAY
        subscriptions[data.subscription] = Now(
            event.subject, data.plan, data.billing, data.seats, data.discount, day, paid_from, paid_from
        )
    elif isinstance(data, PlanChanged):
        now = subscriptions[data.subscription]
        now.plan, now.seats, now.billing = data.plan, data.seats, data.billing
        # Several changes on one day count as one: what matters is yesterday's billing. A change of billing
        # during a trial leaves the anchor on the first paid day.
        yesterday = lives[data.subscription].get(day - ONE_DAY)
        if yesterday is not None and yesterday.billing == data.billing:
            now.anchor = yesterday.anchor
        else:
            now.anchor = max(day, now.paid_from)
    elif isinstance(data, SeatsChanged):
        subscriptions[data.subscription].seats = data.seats
    elif isinstance(data, AddOnBought):
        add_ons = subscriptions[data.subscription].add_ons
        add_ons[data.add_on] = add_ons.get(data.add_on, 0) + data.quantity
    elif isinstance(data, AddOnDropped):
        subscriptions[data.subscription].add_ons.pop(data.add_on, None)
    elif isinstance(data, SubscriptionCancelled):
        # Our reading: who cancels for the same day has that day still, where the book bills it.
        is_billed = data.effective_on <= day and book.conventions.cancel_day == "billed"
        subscriptions[data.subscription].ends_on = day + ONE_DAY if is_billed else data.effective_on
        return ""
    elif isinstance(data, SubscriptionReactivated):
        # Our reading: who comes back names plan, seats and billing, so add-ons are gone; a discount that was
        # granted for some months, or for good, still belongs to the subscription. There is no new trial.
        now = subscriptions[data.subscription]
        now.plan, now.seats, now.billing = data.plan, data.seats, data.billing
        now.add_ons, now.ends_on, now.paid_from, now.anchor = {}, None, day, day
    else:
        return ""
    return str(data.subscription)


def measure(events: list[Event], book: PriceBook, lives: Lives) -> Usage:
    """Count the events of each meter by the phase of their day; by (subscription, first day of the month)."""
    samples = defaultdict(list)
    for event, _, key, name in counted_events(events, book, lives):
        meter, day = book.meters[key], event.occurred_at.date()
        phase = lives[name][day].phase
        place = name, day.replace(day=1), phase, key, json.dumps(dimensions_of(event, meter))
        samples[place].append((event.occurred_at, quantity_of(meter, event), value_of(event, meter.of)))
    usage: Usage = defaultdict(list)
    for (name, month, phase, key, values), found in samples.items():
        used = Used(phase, key, json.loads(values), aggregate(book.meters[key], found))
        usage[name, month].append(used)
    return dict(usage)


def bits(events: list[Event], book: PriceBook, lives: Lives) -> list[Bit]:
    """What each event added, for meters that are sums or counts, in the order of the log."""
    return [
        Bit(day, number, name, lives[name][day].phase, key, dimensions_of(event, meter), quantity)
        for event, number, key, name in counted_events(events, book, lives)
        for meter, day in [(book.meters[key], event.occurred_at.date())]
        if meter.aggregation in ("sum", "count")
        for quantity in [quantity_of(meter, event) if meter.aggregation == "sum" else Decimal(1)]
    ]


def counted_events(
    events: list[Event], book: PriceBook, lives: Lives
) -> Iterator[tuple[Event, int, str, str]]:
    """Each event with its number, the meters that count it, and the subscription that lives on its day."""
    for number, event in enumerate(events):
        for key, meter in book.meters.items():
            name = getattr(event.data, "subscription", "") or event.subject
            if counts(meter, key, event) and event.occurred_at.date() in lives.get(name, {}):
                yield event, number, key, name


def dimensions_of(event: Event, meter: Meter) -> dict[str, str]:
    """The event's values of the meter's dimensions; one that stands alone has its own name as well."""
    values = {dimension: value_of(event, dimension) for dimension in meter.dimensions}
    return values | ({"event": f"{event.source}/{event.id}"} if meter.each else {})


def counts(meter: Meter, key: str, event: Event) -> bool:
    """Whether the meter counts the event: facts by their type, recorded usage by the meter that it names."""
    return event.type == meter.event and (event.type != USAGE or event.data.meter == key)


def quantity_of(meter: Meter, event: Event) -> Decimal:
    """What the event adds."""
    if event.type == USAGE:
        return Decimal(event.data.quantity)
    return Decimal(getattr(event.data, meter.quantity)) if meter.quantity else Decimal(1)


def value_of(event: Event, dimension: str) -> str:
    """The event's value of a dimension, as text, truth as in JSON. Our reading: empty where it has none."""
    if event.type == USAGE:
        found = json.loads(event.data.dimensions or "{}").get(dimension, "")
    else:
        found = getattr(event.data, dimension, "")
    return str(found).lower() if isinstance(found, bool) else str(found)


def aggregate(meter: Meter, samples: list[tuple[datetime, Decimal, str]]) -> Decimal:
    """Add up what a meter saw, in the order of time."""
    quantities = [quantity for _, quantity, _ in samples]
    results: dict[str, Any] = {
        "sum": sum(quantities),
        "count": len(quantities),
        "max": max(quantities),
        "latest": quantities[-1],
        "unique_count": len({value for _, _, value in samples}),
    }
    return Decimal(results[meter.aggregation])

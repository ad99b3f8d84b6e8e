"""Charges that fall due on a day: years paid in advance, their changes in mid-term, and one-time fees.

These are few and depend on what was charged before, so each subscription is walked through its life in plain
Python. A term runs for twelve months from the anchor. At its start the whole year is charged; a change inside
it credits the rest of the old price and charges the rest of the new one, by days; nothing is refunded when a
subscription ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import polars as pl

from billing.lines import CHARGE_SCHEMA
from billing.money import over, times
from billing.price import CATALOG
from billing.price_book import PriceBook
from billing.pricing import amount
from billing.recurring import VALUE_SCHEMA, Item, add_on_item, plan_items, quantity_of
from billing.subscription import Phase, Subscriptions, with_plan_since
from metering.period import Period, add_months, month_of, months_between

TERM_MONTHS = 12


class Held(NamedTuple):
    """A yearly price in force: from when, for how many, what a year costs, and until when it was paid."""

    item: Item
    plan: str
    quantity: int
    yearly: Decimal
    from_on: date
    term: Period


class Value(NamedTuple):
    """That a subscription pays `yearly` for a price from `from_on` up to `until_on` (open when None)."""

    subscription: str
    plan: str
    key: str
    stream: str
    yearly: Decimal
    from_on: date
    until_on: date | None


@dataclass
class Walk:
    """What a walk through lives finds: charges (rows of `CHARGE_SCHEMA`), and the values of each life."""

    book: PriceBook
    since: date
    until: date
    charges: list[tuple[Any, ...]] = field(default_factory=list)
    values: dict[str, list[Value]] = field(default_factory=dict)
    _items: dict[str, list[tuple[str, Item]]] = field(default_factory=dict)
    _yearly: dict[tuple[str, int, bool, tuple[bool, ...]], Decimal] = field(default_factory=dict)

    def items(self, phase: Phase) -> Iterator[tuple[str, Item, int]]:
        """Yield each price of a phase with a name that is its own across plans, and how many it counts."""
        items = self._items.get(phase.plan)
        if items is None:
            items = [(f"{phase.plan}.{item.key}", item) for item in plan_items(phase.plan, self.book)]
            self._items[phase.plan] = items
        for name, item in items:
            yield name, item, quantity_of(item.price, seats=phase.seats)
        for key, number in phase.add_ons:
            if phase.plan not in self.book.add_ons[key].plans:
                continue  # it rests while the plan is one that it is not for
            item = add_on_item(key, self.book.add_ons[key], phase.plan, self.book)
            yield f"+{key}", item, quantity_of(item.price, seats=phase.seats, add_ons=number)

    def yearly(
        self, name: str, item: Item, count: int, day: date, *, phase: Phase, since_on: date
    ) -> Decimal:
        """Return what so many cost a year, by the version of the price that is in force on `day`."""
        by_year = phase.billing == "year"
        holding = tuple(change.holds(day, since_on, phase.anchor_on) for change in item.price.changes)
        key = (name, count, by_year, holding)
        if key not in self._yearly:
            price = item.price.changed(holding)
            if by_year and price.annual is not None:
                self._yearly[key] = amount(price.annual, Decimal(count))
            else:
                months = TERM_MONTHS if price.cadence == "billing" else 1
                self._yearly[key] = times(amount(price, Decimal(count)), Decimal(months))
        return self._yearly[key]

    def charge(self, phase: Phase, held: Held, kind: str, exact: Decimal, service: Period) -> None:
        """Charge what falls due on the first day of `service`, where that day is among those to bill."""
        if self.since <= service.starts_on < self.until and exact:
            month = month_of(service.starts_on).starts_on
            who = (month, phase.account, phase.subscription, phase.phase_no)
            what = (held.plan, held.item.key, held.item.stream, kind, "", "")
            self.charges.append((*who, *what, Decimal(held.quantity), Decimal(0), exact, *service))

    def charge_frame(self) -> pl.DataFrame:
        """Return the charges as a frame of `CHARGE_SCHEMA`."""
        return pl.DataFrame(self.charges, schema=CHARGE_SCHEMA, orient="row")


def dated_charges(
    subscriptions: Subscriptions,
    phases: pl.DataFrame,
    book: PriceBook,
    periods: Sequence[Period],
    known: Mapping[str, list[Value]],
) -> Walk:
    """Walk through the lives of subscriptions up to the end of `periods`; charge what falls due in these.

    Only subscriptions among `phases` are looked at, and of these only those in whose lives something happens
    now; the values of the others are `known` from an earlier walk.
    """
    since = periods[0].starts_on
    walk = Walk(book, since, periods[-1].ends_on)
    due_plans = [key for key in book.plans if key != CATALOG and _falls_due(key, book)]
    dated = phases.filter(pl.col("plan").is_in(due_plans) | (pl.col("billing") == "year"))
    renews = pl.col("anchor_on").dt.month().is_in([period.starts_on.month for period in periods])
    moves = (pl.col("starts_on") >= since) | pl.col("ends_on").is_not_null() | renews
    for subscription in dated.filter(moves)["subscription"].unique().sort():
        walk.values[subscription] = []
        _walk_life(subscriptions.phases[subscription], walk)
    for subscription in dated["subscription"].unique().sort():
        if subscription not in walk.values:
            walk.values[subscription] = known[subscription]
    return walk


def yearly_value(walk: Walk, periods: Sequence[Period]) -> pl.DataFrame:
    """Value yearly prices at each month's last instant (`VALUE_SCHEMA`)."""
    rows = [
        (
            period.starts_on,
            value.subscription,
            value.plan,
            value.key,
            value.stream,
            over(value.yearly, Decimal(12)),
        )
        for values in walk.values.values()
        for value in values
        for period in periods
        if value.from_on < period.ends_on and (value.until_on is None or value.until_on >= period.ends_on)
    ]
    return pl.DataFrame(rows, schema=VALUE_SCHEMA, orient="row").filter(pl.col("value") != 0)


@lru_cache(maxsize=4096)
def term_of(anchor: date, day: date) -> Period:
    """Return the contract year that holds `day`, counted from the anchor."""
    start = months_between(anchor, day) // TERM_MONTHS * TERM_MONTHS
    return Period(add_months(anchor, start), add_months(anchor, start + TERM_MONTHS))


def _falls_due(plan_key: str, book: PriceBook) -> bool:
    add_ons = (add_on.price for add_on in book.add_ons.values() if plan_key in add_on.plans)
    prices = (*book.plans[plan_key].prices.values(), *add_ons)
    return any(price.cadence != "billing" for price in prices)


def _walk_life(phases: Sequence[Phase], walk: Walk) -> None:
    """Walk through one subscription's phases in order."""
    held: dict[str, Held] = {}
    charged_once: set[str] = set()
    before: Phase | None = None
    for phase, since_on in with_plan_since(phases):
        if before is not None and (before.ends_on != phase.starts_on or before.end_reason != "changed"):
            _release(before, held, list(held), before.ends_on, walk)
        if phase.starts_on >= walk.until:
            break
        if not phase.trial:
            _charge_once(phase, since_on, walk, charged_once)
            for day in _moments(phase, walk.until):
                wanted = _wanted(phase, since_on, walk, day)
                _settle(before or phase, phase, day, held, wanted=wanted, walk=walk)
        before = phase
    if before is not None:
        _release(before, held, list(held), before.ends_on, walk)


def _moments(phase: Phase, until: date) -> Iterator[date]:
    """Yield the days on which a phase settles its yearly prices: its first, and each start of a term."""
    yield phase.starts_on
    end = until if phase.ends_on is None else min(until, phase.ends_on)
    term = term_of(phase.anchor_on, phase.starts_on)
    while term.ends_on < end:
        yield term.ends_on
        term = term_of(phase.anchor_on, term.ends_on)


def _settle(
    before: Phase, phase: Phase, day: date, held: dict[str, Held], *, wanted: Mapping[str, Held], walk: Walk
) -> None:
    """Credit what ends in mid-term, charge what begins; at the start of a term, charge all of it anew."""
    starts_term = all(price.term.starts_on == day for price in wanted.values())
    for key, old in list(held.items()):
        new = wanted.get(key)
        is_same = new is not None and (new.quantity == old.quantity or new.yearly == old.yearly)
        if is_same and not starts_term and day < old.term.ends_on:
            continue  # a year that is paid keeps its price
        if day < old.term.ends_on:
            rest = Period(day, old.term.ends_on)
            walk.charge(before, old, "credit", -_part(old, rest), rest)
        _release(before, held, [key], day, walk)
    for key, new in wanted.items():
        if key not in held:
            held[key] = new
            rest = Period(day, new.term.ends_on)
            walk.charge(phase, new, "recurring", _part(new, rest), rest)


def _part(price: Held, rest: Period) -> Decimal:
    if rest == price.term:
        return price.yearly
    return over(times(price.yearly, Decimal(rest.days)), Decimal(price.term.days))


def _release(phase: Phase, held: dict[str, Held], keys: list[str], day: date | None, walk: Walk) -> None:
    """Let prices go that are no longer in force on `day`, and note what they were worth until then."""
    for key in keys:
        old = held.pop(key)
        value = Value(
            phase.subscription, old.plan, old.item.key, old.item.stream, old.yearly, old.from_on, day
        )
        walk.values[phase.subscription].append(value)


def _wanted(phase: Phase, since_on: date, walk: Walk, day: date) -> dict[str, Held]:
    """Return the yearly prices that a phase pays on `day`, for the term that holds it."""
    term = term_of(phase.anchor_on, day)
    wanted = {}
    for name, item, count in walk.items(phase):
        if item.price.cadence == "year" or (item.price.cadence == "billing" and phase.billing == "year"):
            wanted[name] = Held(
                item,
                phase.plan,
                count,
                walk.yearly(name, item, count, day, phase=phase, since_on=since_on),
                day,
                term,
            )
    return wanted


def _charge_once(phase: Phase, since_on: date, walk: Walk, charged: set[str]) -> None:
    """Charge the one-time prices of a plan on the first paid day that a subscription is on it."""
    for name, item, count in walk.items(phase):
        if item.price.cadence == "once" and name not in charged:
            charged.add(name)
            day = phase.starts_on
            exact = amount(item.price.on(day.replace(day=1), since_on, phase.anchor_on), Decimal(count))
            service = Period(day, day + timedelta(days=1))
            walk.charge(phase, Held(item, phase.plan, count, exact, day, service), "once", exact, service)

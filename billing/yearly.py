"""Charges that fall due on a day: what is paid in advance, its changes in mid-term, and one-time fees.

These depend on what was charged before, so each subscription is walked through its life in plain Python. A
term is a year from the anchor, or, of monthly fees in advance, a billing period. At its start the whole term
is charged; a change inside it credits the rest of the old price and charges the rest of the new one. What is
left when a subscription ends is kept, or credited where the book says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import polars as pl

from billing.lines import CHARGE_SCHEMA
from billing.money import ZERO, over, times
from billing.price import CATALOG
from billing.price_book import PriceBook
from billing.pricing import amount
from billing.proration import Span, part_of_period
from billing.recurring import VALUE_SCHEMA, Item, add_on_item, plan_items, quantity_of
from billing.subscription import Phase, Subscriptions, with_plan_since
from billing.transition import Handover
from billing.unit_price import part_of_units
from metering.period import Period, add_months, month_of, months_between

TERM_MONTHS = 12


class Held(NamedTuple):
    """A price that is paid in advance: for how many, what a term of so many months costs, and which term."""

    item: Item
    plan: str
    quantity: int
    months: int
    amount: Decimal
    from_at: datetime
    term: Span

    @property
    def yearly(self) -> Decimal:
        """What it costs a year."""
        return self.amount if self.months == TERM_MONTHS else times(self.amount, TERM_MONTHS // self.months)

    @property
    def is_prorated(self) -> bool:
        """Whether a part of the term costs its part."""
        return self.months == TERM_MONTHS or self.item.price.prorate is not False


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
    """What a walk through lives finds: charges (rows of `CHARGE_SCHEMA`), and the values of each life.

    `terms` says of each charge, in the same order, what was held and which span of its term is charged.
    """

    book: PriceBook
    periods: Sequence[Period]
    handover: Handover | None = None
    charges: list[tuple[Any, ...]] = field(default_factory=list)
    terms: list[tuple[Held, Span]] = field(default_factory=list)
    values: dict[str, list[Value]] = field(default_factory=dict)
    _items: dict[tuple[bool, str], list[tuple[str, Item]]] = field(default_factory=dict)
    _costs: dict[tuple[int, str, int, int, bool, tuple[bool, ...]], Decimal] = field(default_factory=dict)

    @property
    def since(self) -> datetime:
        """The first instant that is billed."""
        return self.periods[0].starts_at

    @property
    def until(self) -> datetime:
        """The first instant that is not billed any more."""
        return self.periods[-1].ends_at

    @property
    def is_monthly(self) -> bool:
        """Whether monthly fees are paid in advance."""
        return self.book.conventions.recurring == "advance"

    def met(self, phase: Phase, day: date) -> tuple[PriceBook, Phase]:
        """Return the book by which what falls due on a day is charged, and the phase in its names."""
        return (self.book, phase) if self.handover is None else self.handover.for_years(phase, day)

    def items(self, phase: Phase, book: PriceBook) -> Iterator[tuple[str, Item, int]]:
        """Yield each price of a phase with a name that is its own across plans, and how many it counts."""
        known = (book is self.book, phase.plan)
        items = self._items.get(known)
        if items is None:
            items = [(f"{phase.plan}.{item.key}", item) for item in plan_items(phase.plan, book)]
            self._items[known] = items
        for name, item in items:
            yield name, item, quantity_of(item.price, seats=phase.seats)
        for key, number in phase.add_ons:
            if phase.plan not in book.add_ons[key].plans:
                continue  # it rests while the plan is one that it is not for
            item = add_on_item(key, book.add_ons[key], phase.plan, book)
            yield f"+{key}", item, quantity_of(item.price, seats=phase.seats, add_ons=number)

    def cost(
        self, name: str, item: Item, count: int, day: date, *, phase: Phase, since_on: date, months: int
    ) -> Decimal:
        """Return what so many cost a term, by the version of the price that is in force on `day`."""
        by_year = phase.billing == "year"
        holding = tuple(change.holds(day, since_on, phase.anchor_on) for change in item.price.changes)
        key = (id(item.price), name, count, months, by_year, holding)  # a price lives as long as its book
        if key not in self._costs:
            price = item.price.changed(holding)
            if by_year and price.annual is not None:
                self._costs[key] = amount(price.annual, Decimal(count))
            else:
                times_a_term = months if price.cadence == "billing" else 1
                self._costs[key] = times(amount(price, Decimal(count)), Decimal(times_a_term))
        return self._costs[key]

    def period_at(self, anchor: datetime, at: datetime) -> Span:
        """Return the billing period of a month that holds an instant."""
        if self.book.conventions.periods == "anniversary":
            return term_at(anchor, at, 1)
        day = at.date()
        near = (period for period in self.periods if period.starts_on <= day <= period.ends_on)
        given = next((period for period in near if period.starts_at <= at < period.ends_at), None)
        period = given or month_of(day)
        return Span(period.starts_at, period.ends_at)

    def part(self, held: Held, rest: Span, *, is_new: bool) -> Decimal:
        """Return what the rest of a term costs; without proration a change in mid-term costs nothing."""
        conventions = self.book.conventions
        if rest != held.term and (conventions.proration == "none" or not held.is_prorated):
            return held.amount if is_new else ZERO
        part = part_of_period(rest, held.term, conventions, held.months)
        return part_of_units(held.amount, Decimal(held.quantity), part, self.book)

    def charge(self, phase: Phase, held: Held, kind: str, exact: Decimal, service: Span) -> None:
        """Charge what falls due at the start of `service`, where that is among the times to bill."""
        if self.since <= service.starts_at < self.until and exact:
            month = service.starts_on.replace(day=1)
            who = (month, phase.account, phase.subscription, phase.phase_no)
            what = (held.plan, held.item.key, held.item.stream, kind, "", "")
            numbers = (Decimal(held.quantity), Decimal(0), exact)
            self.charges.append((*who, *what, *numbers, service.starts_on, service.ends_on))
            self.terms.append((held, service))

    def charge_frame(self) -> pl.DataFrame:
        """Return the charges as a frame of `CHARGE_SCHEMA`."""
        return pl.DataFrame(self.charges, schema=CHARGE_SCHEMA, orient="row")


def dated_charges(
    subscriptions: Subscriptions,
    phases: pl.DataFrame,
    book: PriceBook,
    periods: Sequence[Period],
    known: Mapping[str, list[Value]],
    *,
    handover: Handover | None = None,
) -> Walk:
    """Walk through the lives of subscriptions up to the end of `periods`; charge what falls due in these.

    Only subscriptions among `phases` are looked at, and of these only those in whose lives something happens
    now; the values of the others are `known` from an earlier walk. With `handover` a year or fee is charged
    by the book that it names for the day.
    """
    since = periods[0].starts_on
    walk = Walk(book, periods, handover)
    books = [book] if handover is None else [handover.before, handover.after]
    due_plans = [
        key
        for one in books
        for key in one.plans
        if key != CATALOG and (walk.is_monthly or _falls_due(key, one))
    ]
    dated = phases.filter(pl.col("plan").is_in(due_plans) | (pl.col("billing") == "year"))
    renews = pl.col("anchor_on").dt.month().is_in([period.starts_on.month for period in periods])
    moves = (pl.col("starts_on") >= since) | pl.col("ends_on").is_not_null() | renews
    moving = dated if walk.is_monthly else dated.filter(moves)
    for subscription in moving["subscription"].unique().sort():
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


def term_of(anchor: date, day: date, months: int = TERM_MONTHS) -> Period:
    """Return the term of so many months, a contract year by default, that holds `day`, from the anchor."""
    start = months_between(anchor, day) // months * months
    return Period(add_months(anchor, start), add_months(anchor, start + months))


@lru_cache(maxsize=4096)
def term_at(anchor: datetime, at: datetime, months: int = TERM_MONTHS) -> Span:
    """Return the term of so many months that holds an instant; it starts at the anchor's time of the day."""
    within = anchor - datetime.combine(anchor.date(), time())
    term = term_of(anchor.date(), (at - within).date(), months)
    return Span(term.starts_at + within, term.ends_at + within)


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
        if before is not None and (before.ends_at != phase.starts_at or before.end_reason != "changed"):
            _end(before, held, walk)
        if phase.starts_at >= walk.until:
            break
        if not phase.trial:
            _charge_once(phase, since_on, walk, charged_once)
            for at in _moments(phase, walk):
                wanted = _wanted(phase, since_on, walk, at)
                _settle(before or phase, phase, at, held, wanted=wanted, walk=walk)
        before = phase
    if before is not None:
        _end(before, held, walk)


def _moments(phase: Phase, walk: Walk) -> Iterator[datetime]:
    """Yield when a phase settles what it pays in advance: at its start, and at each start of a term."""
    yield phase.starts_at
    end = walk.until if phase.ends_at is None else min(walk.until, phase.ends_at)
    is_monthly = walk.is_monthly and phase.billing == "month"
    at = phase.starts_at
    while True:
        following = [term_at(phase.anchor_at, at).ends_at]
        if is_monthly:
            following.append(walk.period_at(phase.anchor_at, at).ends_at)
        at = min(following)
        if at >= end:
            return
        yield at


def _settle(
    before: Phase,
    phase: Phase,
    at: datetime,
    held: dict[str, Held],
    *,
    wanted: Mapping[str, Held],
    walk: Walk,
) -> None:
    """Credit what ends in mid-term, charge what begins; at the start of a term, charge all of it anew."""
    is_new = not held
    for key, old in list(held.items()):
        new = wanted.get(key)
        if new is not None and _goes_on(old, new, at):
            continue  # a term that is paid keeps its price
        _credit(before, old, at, walk)
        _release(before, held, [key], at, walk)
    for key, new in wanted.items():
        if key not in held:
            held[key] = new
            rest = Span(at, new.term.ends_at)
            walk.charge(phase, new, "recurring", walk.part(new, rest, is_new=is_new), rest)


def _goes_on(old: Held, new: Held, at: datetime) -> bool:
    """Whether what is paid stays as it is: the same for so many, in mid-term."""
    is_same = new.months == old.months and (new.quantity == old.quantity or new.amount == old.amount)
    return is_same and new.term.starts_at != at and at < old.term.ends_at


def _credit(phase: Phase, old: Held, at: datetime, walk: Walk) -> None:
    """Give back the rest of a term."""
    if at < old.term.ends_at:
        rest = Span(at, old.term.ends_at)
        walk.charge(phase, old, "credit", -walk.part(old, rest, is_new=False), rest)


def _end(phase: Phase, held: dict[str, Held], walk: Walk) -> None:
    """Let all prices go where a life ends or pauses."""
    is_credited = walk.book.conventions.cancellation == "credited" and phase.end_reason in _CANCELLED
    if is_credited and phase.ends_at is not None:
        for old in held.values():
            _credit(phase, old, phase.ends_at, walk)
    _release(phase, held, list(held), phase.ends_at, walk)


_CANCELLED = ("voluntary", "involuntary")


def _release(phase: Phase, held: dict[str, Held], keys: list[str], at: datetime | None, walk: Walk) -> None:
    """Let prices go that are no longer in force at an instant, and note what yearly ones were worth."""
    for key in keys:
        old = held.pop(key)
        if old.months == TERM_MONTHS:
            name = (phase.subscription, old.plan, old.item.key, old.item.stream)
            until_on = None if at is None else at.date()
            walk.values[phase.subscription].append(Value(*name, old.yearly, old.from_at.date(), until_on))


def _wanted(phase: Phase, since_on: date, walk: Walk, at: datetime) -> dict[str, Held]:
    """Return the prices that a phase pays in advance at an instant, each for the term that holds it."""
    wanted = {}
    book, phase = walk.met(phase, at.date())
    for name, item, count in walk.items(phase, book):
        months = _term_months(item, phase, walk)
        if months is None:
            continue
        is_monthly = months != TERM_MONTHS
        term = walk.period_at(phase.anchor_at, at) if is_monthly else term_at(phase.anchor_at, at)
        day = term.starts_on if is_monthly else at.date()
        cost = walk.cost(name, item, count, day, phase=phase, since_on=since_on, months=months)
        wanted[name] = Held(item, phase.plan, count, months, cost, at, term)
    return wanted


def _term_months(item: Item, phase: Phase, walk: Walk) -> int | None:
    """Return for how many months a price is paid in advance; None where it is not."""
    cadence = item.price.cadence
    if cadence == "year" or (cadence == "billing" and phase.billing == "year"):
        return TERM_MONTHS
    return 1 if cadence == "billing" and walk.is_monthly else None


def _charge_once(phase: Phase, since_on: date, walk: Walk, charged: set[str]) -> None:
    """Charge the one-time prices of a plan on the first paid day that a subscription is on it."""
    book, phase = walk.met(phase, phase.starts_on)
    for name, item, count in walk.items(phase, book):
        if item.price.cadence == "once" and name not in charged:
            charged.add(name)
            day = phase.starts_on
            exact = amount(item.price.on(day.replace(day=1), since_on, phase.anchor_on), Decimal(count))
            service = Span(phase.starts_at, phase.starts_at + timedelta(days=1))
            held = Held(item, phase.plan, count, TERM_MONTHS, exact, phase.starts_at, service)
            walk.charge(phase, held, "once", exact, service)
    if walk.handover is not None:  # what another book charges who comes to a plan, who is there does not pay
        later, phase = walk.handover.in_new_names(phase)
        charged.update(name for name, item, _ in walk.items(phase, later) if item.price.cadence == "once")

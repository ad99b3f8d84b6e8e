"""The facts of a plan: every subscription, piece and unit as an event, spread evenly over months and days.

Nothing is left to chance: the same plan gives the same events. Who holds a thing signs up at eight in the
morning and subscribes at nine, so that whatever it does at noon of the same day finds it there.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from metering import event
from metering.event import Event
from metering.log import USAGE_SCHEMA
from metering.meter import USAGE
from metering.period import Period, month_of, months
from simulator.plan.counted import Counted, Span
from simulator.plan.prices import is_under
from simulator.plan.spread import day_of, spread, whole_step

SIGN_UP, SUBSCRIBE, NOON, EVENING = time(8), time(9), time(12), time(18)
"""The times of day at which things happen."""


class Customer(NamedTuple):
    """Somebody who holds a thing, or buys it: the account, its subscription, and when it is there.

    `stays` are stretches of time from first to last day, half open. Somebody who only buys has no
    subscription, and is there throughout.
    """

    account: str
    subscription: str
    stays: tuple[Period, ...]

    def is_there(self, month: Period) -> bool:
        """Tell whether it is there all through a month."""
        return any(stay.starts_on <= month.starts_on and month.ends_on <= stay.ends_on for stay in self.stays)


class Happened(NamedTuple):
    """What happened in a month: facts in the order of the log, and usage."""

    facts: list[Event]
    usage: pl.DataFrame


class Company:
    """The customers of a plan's things, and everything that happens to them."""

    def __init__(
        self, things: Sequence[Counted], *, whole: Period, currency: str, minor_unit: Decimal
    ) -> None:
        self.things = things
        self.whole = whole
        self.currency = currency
        self.minor_unit = minor_unit
        self._customers: dict[str, list[Customer]] = {}
        for counted in things:  # those who are customers of their own first: others may buy as these
            if counted.thing.is_held and counted.thing.by is None:
                self._customers[counted.key] = self._holders(counted)
        for counted in things:
            if counted.thing.is_held and counted.thing.by is not None:
                self._customers[counted.key] = self._holders(counted)

    def live(self) -> Iterator[tuple[Period, Happened]]:
        """Yield every month with what happens in it."""
        facts: dict[date, list[Event]] = {}
        usage: dict[date, list[tuple[Any, ...]]] = {}
        for counted in self.things:
            numbered = enumerate(self._happenings(counted), start=1)
            for number, (at, subject, data) in numbered:
                month = at.date().replace(day=1)
                source = f"plan/{counted.key}"
                if isinstance(data, event.UsageRecorded):
                    row = (source, str(number), subject, data.meter, at, data.quantity, data.dimensions)
                    usage.setdefault(month, []).append(row)
                else:
                    facts.setdefault(month, []).append(Event(source, f"{number:08d}", subject, at, data))
        for period in _months(self.whole):
            rows = usage.get(period.starts_on, [])
            frame = pl.DataFrame(rows, schema=USAGE_SCHEMA, orient="row")
            yield period, Happened(facts.get(period.starts_on, []), frame)

    def _happenings(self, counted: Counted) -> Iterator[tuple[datetime, str, Any]]:
        """Yield (instant, subject, data) of everything that happens with a thing."""
        cadence = counted.thing.cadence
        if counted.thing.is_held:
            yield from self._held(counted)
        elif cadence == "cost":
            yield from self._spent(counted)
        else:
            if counted.thing.by is None:
                yield self._sign_up(counted, counted.key, self.whole.starts_on)
            if counted.thing.agent and counted.thing.sellers is None:
                yield self._sign_up(counted, f"{counted.key}-sellers", self.whole.starts_on)
            for span in counted.spans:
                yield from self._pieces(counted, span) if cadence == "piece" else self._units(counted, span)

    # who is there

    def _holders(self, counted: Counted) -> list[Customer]:
        most = max((int(span.number) for span in counted.spans), default=0)
        owners = self._customers.get(counted.thing.by or "", [])
        found = []
        for number in range(most):
            own = f"{counted.key}-{number + 1:0{len(str(most))}d}"
            account = owners[number % len(owners)].account if owners else own
            stays = [_stay(span) for span in counted.spans if number < span.number and span.held]
            found.append(Customer(account, f"{own}/subscription", tuple(_joined(stays))))
        return found

    def _there(self, key: str | None, month: Period, alone: str) -> list[Customer]:
        """Return who of a thing's customers is there in a month; `alone` where there is no such thing."""
        if key is None:
            return [Customer(alone, alone, (self.whole,))]
        return [customer for customer in self._customers[key] if customer.is_there(month)]

    def _sign_up(self, counted: Counted, account: str, day: date) -> tuple[datetime, str, Any]:
        thing = counted.thing
        name = (thing.name or counted.key).strip()
        mail = f"{account}@example.com"
        data = event.AccountSignedUp(
            f"{name} ({account})", mail, thing.segment, thing.channel, thing.country, "customer"
        )
        return datetime.combine(day, SIGN_UP), account, data

    # what happens

    def _held(self, counted: Counted) -> Iterator[tuple[datetime, str, Any]]:
        for customer in self._customers[counted.key]:
            account, subscription = customer.account, customer.subscription
            for number, stay in enumerate(customer.stays):
                if not number and counted.thing.by is None:
                    yield self._sign_up(counted, account, stay.starts_on)
                kind = event.SubscriptionReactivated if number else event.SubscriptionStarted
                yield datetime.combine(stay.starts_on, SUBSCRIBE), account, kind(subscription, counted.key)
                if stay.ends_on < self.whole.ends_on:
                    last = datetime.combine(day_before(stay.ends_on), EVENING)
                    yield last, account, event.SubscriptionCancelled(subscription, stay.ends_on)

    def _spent(self, counted: Counted) -> Iterator[tuple[datetime, str, Any]]:
        thing = counted.thing
        for span in counted.spans:
            step = whole_step(span.amount, Decimal(1), self.minor_unit)
            parts = spread(span.amount, span.months, step)
            for month, amount in zip(_months(span.period), parts, strict=True):
                if amount:
                    centre = thing.cost_centre or counted.key
                    data = event.MoneySpent(
                        centre, amount, self.currency, thing.channel, thing.segment, thing.stream or ""
                    )
                    yield datetime.combine(day_of(0, 1, month), NOON), "company", data

    def _pieces(self, counted: Counted, span: Span) -> Iterator[tuple[datetime, str, Any]]:
        """Yield one event (or two, for a project) for each piece."""
        counts = spread(span.number, span.months)
        for month, count in zip(_months(span.period), counts, strict=True):
            buyers = self._there(counted.thing.by, month, counted.key) if count else []
            for number in range(int(count)):
                at = datetime.combine(day_of(number, int(count), month), NOON)
                name = f"{counted.key}-{month.label}-{number + 1}"
                for data in _piece(counted, name):
                    yield at, buyers[number % len(buyers)].account, data

    def _units(self, counted: Counted, span: Span) -> Iterator[tuple[datetime, str, Any]]:
        """Yield one event a month and buyer, or seller where they are more, with its quantity."""
        thing = counted.thing
        step = whole_step(span.number, span.price, self.minor_unit)
        totals = spread(span.number, span.months, step)
        for month, total in zip(_months(span.period), totals, strict=True):
            buyers = self._there(thing.by, month, counted.key)
            sellers = self._there(thing.sellers, month, f"{counted.key}-sellers") if thing.agent else []
            shares = spread(total, max(len(buyers), len(sellers)), step)
            for number, quantity in enumerate(shares):
                if quantity:
                    buyer = buyers[number % len(buyers)]
                    seller = sellers[number % len(sellers)].account if sellers else ""
                    at = datetime.combine(day_of(number, len(shares), month), NOON)
                    under = buyer.subscription if is_under(counted) else buyer.account
                    subject = under if thing.happens == USAGE else buyer.account
                    yield at, subject, _unit(counted, under, seller, quantity)


def _piece(counted: Counted, name: str) -> Sequence[Any]:
    """Return what happens when one piece is sold; a project begins, and is delivered in one."""
    key = counted.key
    made: dict[str, Sequence[Any]] = {
        "order.placed": (event.OrderPlaced(key),),
        "course.enrolled": (event.CourseEnrolled(key, "course"),),
        "exam.sat": (event.ExamSat(key),),
        "milestone.delivered": (
            event.ProjectStarted(name, key, "medium", Decimal(0)),
            event.MilestoneDelivered(name, key, "medium", "all", Decimal(1)),
        ),
    }
    return made[counted.thing.happens]


def _unit(counted: Counted, subscription: str, seller: str, quantity: Decimal) -> Any:
    """Return what happens when so much is used, delivered or sold."""
    key = counted.key
    made: dict[str, Callable[[], Any]] = {
        USAGE: lambda: event.UsageRecorded(key, quantity),
        "devices.shipped": lambda: event.DevicesShipped(subscription, int(quantity), key),
        "hours.worked": lambda: event.HoursWorked(key, key, f"{key}-team", "consultant", quantity),
        "partner_revenue.reported": lambda: event.PartnerRevenueReported(subscription, quantity),
        "listing.sold": lambda: event.ListingSold(key, key, seller, quantity),
        "advert.clicked": lambda: event.AdvertClicked(key, 0, quantity),
        "savings.reported": lambda: event.SavingsReported(key, key, quantity),
    }
    return made[counted.thing.happens]()


def _months(period: Period) -> Iterator[Period]:
    first = month_of(period.starts_on)
    count = Span(period, Decimal(0), Decimal(0), 0).months
    return months(first.starts_on, count)


def _stay(span: Span) -> Period:
    """Return the part of a span's period for which its customers hold the thing: the last months."""
    starts = [month.starts_on for month in _months(span.period)]
    return Period(starts[len(starts) - span.held], span.period.ends_on)


def _joined(stays: Sequence[Period]) -> Iterator[Period]:
    """Join stretches that follow each other without a gap."""
    started: date | None = None
    for number, stay in enumerate(stays):
        started = started or stay.starts_on
        if number + 1 == len(stays) or stays[number + 1].starts_on != stay.ends_on:
            yield Period(started, stay.ends_on)
            started = None


def day_before(day: date) -> date:
    """Return the last day before a day."""
    return date.fromordinal(day.toordinal() - 1)

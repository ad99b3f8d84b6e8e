"""The auditor of instants: what changes at a second, in periods that begin when a subscription does.

The other rooms look at days of calendar months. Here a subscription is what its facts up to an instant make
of it, and a price costs the time between two instants at which something changes. It knows fees in arrears
and in advance, by the month and by the year, what is included, flows and levels that are weighted by time;
not what is rounded by the unit, and no dated changes of prices.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import NamedTuple

from billing.price import Price
from billing.price_book import PriceBook
from metering.event import (
    Event,
    PlanChanged,
    SeatsChanged,
    SubscriptionCancelled,
    SubscriptionStarted,
    UsageRecorded,
)
from metering.meter import Meter
from metering.period import Period, add_months
from tests.auditor.discount import settled
from tests.auditor.length import prorated
from tests.auditor.level import Span, count
from tests.auditor.line import Line
from tests.auditor.price import MODES, WIDE, ZERO, cost, money, reading

UNITS = {"day": 86_400_000_000, "second": 1_000_000, "millisecond": 1_000, "microsecond": 1}
TINY = timedelta(microseconds=1)
DAY = timedelta(days=1)


class State(NamedTuple):
    """What a subscription is between two instants."""

    starts_at: datetime
    ends_at: datetime
    plan: str
    seats: int
    trial: bool


class Term(NamedTuple):
    """A period from one instant to another, of so many months, and the month in which it is billed."""

    starts_at: datetime
    ends_at: datetime
    months: int
    month: date


class Life(NamedTuple):
    """A subscription: who has it, since when it pays, and what it is at which time."""

    name: str
    account: str
    anchor: datetime
    states: list[State]


class Paid(NamedTuple):
    """What is paid in advance for a term."""

    quantity: int
    amount: Decimal
    term: Term


def bill(events: list[Event], book: PriceBook, months: list[Period]) -> list[Line]:
    """Bill the months: every line of every subscription."""
    with localcontext(WIDE):
        until = months[-1].ends_at
        lines: list[Line] = []
        for life in lives(events, book, until):
            if book.conventions.recurring == "arrears":
                lines += in_arrears(life, book, until)
            lines += in_advance(life, book, until)
            lines += used(life, events, book, until)
        billed = {period.starts_on for period in months}
        return settled([line for line in lines if line.month in billed], book)


def counted(at: datetime, book: PriceBook) -> datetime:
    """From when on a fact of this instant counts: the start of its unit."""
    midnight, unit = datetime.combine(at.date(), time()), UNITS[book.conventions.proration]
    return midnight + (at - midnight) // TINY // unit * unit * TINY


def lives(events: list[Event], book: PriceBook, until: datetime) -> Iterator[Life]:
    """Every subscription that is started, as the facts about it make it."""
    ordered = sorted(events, key=lambda event: event.occurred_at)
    for event in ordered:
        if isinstance(event.data, SubscriptionStarted):
            name, begins = event.data.subscription, counted(event.occurred_at, book)
            anchor = begins + event.data.trial_days * DAY
            own = [one for one in ordered if getattr(one.data, "subscription", "") == name]
            ends = min([until + 800 * DAY, *filter(None, (ended(one, book) for one in own))])
            changed = (one for one in own if not isinstance(one.data, SubscriptionCancelled))
            cuts = {begins, anchor, ends, *(counted(one.occurred_at, book) for one in changed)}
            inside = sorted(at for at in cuts if begins <= at <= ends)
            states = [state_at(own, book, since, up_to, anchor) for since, up_to in pairwise(inside)]
            yield Life(name, event.subject, anchor, states)


def ended(event: Event, book: PriceBook) -> datetime | None:
    """When a cancellation ends its subscription. Our reading: the day is not its own any more.

    Who cancels for a day that has begun has the rest of the unit, or the day where the book bills it.
    """
    if not isinstance(event.data, SubscriptionCancelled):
        return None
    at, day = counted(event.occurred_at, book), datetime.combine(event.data.effective_on, time())
    is_billed = book.conventions.cancel_day == "billed" and book.conventions.proration == "day"
    return day if day > at else at + DAY * is_billed


def state_at(
    events: list[Event], book: PriceBook, since: datetime, until: datetime, anchor: datetime
) -> State:
    """What the facts up to an instant make of a subscription: the last one of each kind counts."""
    plan, seats = "", 0
    for event in events:
        if counted(event.occurred_at, book) <= since:
            if isinstance(event.data, SubscriptionStarted | PlanChanged):
                plan, seats = event.data.plan, event.data.seats
            elif isinstance(event.data, SeatsChanged):
                seats = event.data.seats
    return State(since, until, plan, seats, trial=since < anchor)


def later(at: datetime, months: int) -> datetime:
    """The same time of the day so many months later, at the end of a month that is too short."""
    return datetime.combine(add_months(at.date(), months), at.time())


def terms(life: Life, book: PriceBook, until: datetime, months: int = 1) -> Iterator[Term]:
    """The terms in which a subscription pays: from its anchor, or, by the month, the calendar's."""
    first = life.anchor
    if months == 1 and book.conventions.periods == "calendar":
        first = datetime.combine(life.anchor.date().replace(day=1), time())
    number = 0
    while (starts_at := later(first, number * months)) < until:
        ends_at = later(first, (number + 1) * months)
        yield Term(starts_at, ends_at, months, (ends_at - TINY).date().replace(day=1))
        number += 1


def parts(life: Life, term: Term) -> list[State]:
    """What a subscription is during a term, where it pays."""
    cut = [
        one._replace(starts_at=max(one.starts_at, term.starts_at), ends_at=min(one.ends_at, term.ends_at))
        for one in life.states
        if not one.trial
    ]
    return [one for one in cut if one.starts_at < one.ends_at]


def units(starts_at: datetime, ends_at: datetime, book: PriceBook) -> int:
    """How many units of proration lie between two instants; in 30/360 the 31st is the 30th once more."""
    between = ends_at - starts_at
    if book.conventions.divisor == "thirty_360":
        first, last = (
            (at.year * 360 + at.month * 30 + min(at.day, 30)) * DAY
            + (at - datetime.combine(at.date(), time()))
            for at in (starts_at, ends_at)
        )
        between = last - first
    return between // TINY // UNITS[book.conventions.proration]


def lengths(starts_at: datetime, ends_at: datetime, term: Term, book: PriceBook) -> tuple[int, int]:
    """How many units of a term lie between two of its instants, and how many it has."""
    said = book.conventions
    both = int(said.ends == "both")
    whole = units(term.starts_at, term.ends_at, book) + both
    if said.divisor in ("fixed_30", "nominal"):
        days = 30 * term.months if said.divisor == "fixed_30" else {1: 30, 12: 365}[term.months]
        whole = days * UNITS["day"] // UNITS[said.proration]
    if (starts_at, ends_at) == (term.starts_at, term.ends_at):
        return whole, whole
    return min(units(starts_at, ends_at, book) + both * (ends_at == term.ends_at), whole), whole


def days_of(starts_at: datetime, ends_at: datetime) -> tuple[date, date]:
    """The days of a service; one within a day has that day."""
    return starts_at.date(), max(ends_at.date(), starts_at.date() + DAY)


def quantity_of(price: Price, state: State) -> int:
    """How many a fee counts."""
    return state.seats if price.per == "seat" else 1


def line(  # noqa: PLR0917 - the columns of a line
    life: Life, month: date, plan: str, key: str, kind: str, span: tuple[date, date], amount: Decimal,
    quantity: Decimal, book: PriceBook,
) -> Line:  # fmt: skip
    """A line of an invoice."""
    place = life.account, month, life.name, plan, key, kind, *span
    price = book.plans[plan].prices[key]
    stream = price.stream or book.plans[plan].stream
    return Line(*place, "", stream, money(amount, book), quantity, price.meter or "")


def in_arrears(life: Life, book: PriceBook, until: datetime) -> Iterator[Line]:
    """Monthly fees, for each part of a period in which nothing changes."""
    for term in terms(life, book, until):
        for state in parts(life, term):
            for key, price in book.plans[state.plan].prices.items():
                quantity = quantity_of(price, state)
                if price.per is not None and price.cadence == "billing" and quantity:
                    whole = cost(price, Decimal(quantity), reading(book))
                    amount = prorated(whole, lengths(state.starts_at, state.ends_at, term, book), book)
                    span = days_of(state.starts_at, state.ends_at)
                    yield line(
                        life, term.month, state.plan, key, "recurring", span, amount, Decimal(quantity), book
                    )


def in_advance(life: Life, book: PriceBook, until: datetime) -> Iterator[Line]:
    """Fees that are paid for a whole term: at its start, and what changes for the rest of it."""
    kinds = {"year": 12} | ({"billing": 1} if book.conventions.recurring == "advance" else {})
    alive = [state for state in life.states if not state.trial]
    by_months = {months: list(terms(life, book, until, months)) for months in kinds.values()}
    paid: dict[tuple[str, str], Paid] = {}
    edges = [term.starts_at for found in by_months.values() for term in found]
    moments = sorted({state.starts_at for state in alive} | {at for at in edges if at >= life.anchor})
    for at in (at for at in moments if at < until):
        state = next((one for one in alive if one.starts_at <= at < one.ends_at), None)
        if state is None:
            break
        wanted: dict[tuple[str, str], Paid] = {}
        for key, price in book.plans[state.plan].prices.items():
            if price.per is not None and price.cadence in kinds and quantity_of(price, state):
                term = next(
                    one for one in by_months[kinds[price.cadence]] if one.starts_at <= at < one.ends_at
                )
                count = quantity_of(price, state)
                wanted[state.plan, key] = Paid(count, cost(price, Decimal(count), reading(book)), term)
        for place, old in list(paid.items()):
            new = wanted.get(place)
            same = new is not None and new.term == old.term and (new.quantity, new.amount)[0] == old.quantity
            if same or (new is not None and new.term == old.term and new.amount == old.amount):
                wanted.pop(place)
                continue
            del paid[place]
            if at < old.term.ends_at:
                yield rest(life, place, old, at, book, sign=-1)
        for place, new in wanted.items():
            paid[place] = new
            yield rest(life, place, new, at, book)
    end = alive[-1].ends_at if alive else until
    if book.conventions.cancellation == "credited" and end < until:
        yield from (rest(life, place, old, end, book, sign=-1) for place, old in paid.items()
                    if end < old.term.ends_at)  # fmt: skip


def rest(
    life: Life, place: tuple[str, str], paid: Paid, at: datetime, book: PriceBook, *, sign: int = 1
) -> Line:
    """What the rest of a term costs, or gives back."""
    amount = sign * prorated(paid.amount, lengths(at, paid.term.ends_at, paid.term, book), book)
    kind, span = "recurring" if sign > 0 else "credit", days_of(at, paid.term.ends_at)
    month = at.date().replace(day=1)
    return line(life, month, *place, kind, span, amount, Decimal(paid.quantity), book)


def used(life: Life, events: list[Event], book: PriceBook, until: datetime) -> Iterator[Line]:
    """Usage of each period, for the parts of it on the same plan together."""
    own = [
        (event.occurred_at, event.data)
        for event in sorted(events, key=lambda event: event.occurred_at)
        if isinstance(event.data, UsageRecorded) and event.subject == life.name
    ]
    alive = [(at, data) for at, data in own if any(one.starts_at <= at < one.ends_at for one in life.states)]
    for term in terms(life, book, until):
        pools: dict[str, list[State]] = defaultdict(list)
        for state in parts(life, term):
            pools[state.plan].append(state)
        for plan, pool in pools.items():
            for key, price in book.plans[plan].prices.items():
                if price.meter is None:
                    continue
                meter = book.meters[price.meter]
                told, heard = (
                    [(at, data) for at, data in some if data.meter == price.meter] for some in (own, alive)
                )
                spans = [Span(one.starts_at, one.ends_at) for one in pool]
                whole = Span(term.starts_at, term.ends_at)
                found = sum((count(meter, told, heard, one, whole) for one in spans), ZERO)
                quantity = to_places(found, meter, book)
                if quantity:
                    payable = quantity - included(price, pool, term, book)
                    amount = cost(price, payable, reading(book, plan, price))
                    days = [days_of(one.starts_at, one.ends_at) for one in pool]
                    span = days[0][0], max(last for _, last in days)
                    yield line(life, term.month, plan, key, "usage", span, amount, quantity, book)


def to_places(quantity: Decimal, meter: Meter, book: PriceBook) -> Decimal:
    """Round a quantity that was weighed by days, where the biller does."""
    places, mode = book.conventions.quantity_places, MODES[book.conventions.quantity_rounding]
    by_day = meter.weighted_by == "day" or (
        meter.aggregation == "weighted_unique_count" and not meter.weighted_by
    )
    if places is None or not by_day:
        return quantity
    return quantity.quantize(Decimal(1).scaleb(-places), rounding=mode)


def included(price: Price, pool: Iterable[State], term: Term, book: PriceBook) -> Decimal:
    """What the parts of a period include: each its part, or the largest of them all."""
    given = [(price.allowance * (one.seats if price.allowance_per == "seat" else 1), one) for one in pool]
    if book.conventions.allowance == "full":
        return max(units for units, _ in given)
    parted = [prorated(units, lengths(one.starts_at, one.ends_at, term, book), book) for units, one in given]
    return sum(parted, ZERO)

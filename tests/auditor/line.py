"""What the auditor bills: the prices that a subscription has on a day, and lines of invoices."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.price import Price, Rate
from billing.price_book import PriceBook
from metering.period import Period, add_months
from tests.auditor.life import ONE_DAY, Day
from tests.auditor.price import ZERO, version


class Line(NamedTuple):
    """One line of an invoice."""

    account: str
    month: date
    subscription: str
    plan: str
    price: str
    kind: str
    starts_on: date
    ends_on: date
    dimensions: str
    stream: str
    amount: Decimal
    quantity: Decimal = ZERO
    meter: str = ""


class Item(NamedTuple):
    """A recurring price of a plan or an add-on, as a subscription has it on a day."""

    plan: str
    key: str
    price: Price
    stream: str
    quantity: Decimal
    owner: str = ""
    """The plan that has the price; none has an add-on's, which stays the same price whatever the plan."""


def first(day: date) -> date:
    """The first day of the month."""
    return day.replace(day=1)


def items(today: Day, book: PriceBook) -> Iterator[Item]:
    """Every price that the subscription has today, but for usage. Lines of nothing are not written."""
    plan = book.plans[today.plan]
    for key, price in plan.prices.items():
        if price.per is not None:
            quantity = Decimal(today.seats if price.per == "seat" else 1)
            if quantity:
                yield Item(today.plan, key, price, price.stream or plan.stream, quantity, today.plan)
    for key, held in today.add_ons.items():
        # Our reading: an add-on is for the plans that it names, and rests while the plan is another.
        add_on = book.add_ons[key]
        if today.plan in add_on.plans and held:
            per = {"seat": today.seats, "subscription": 1, "add_on": held}
            stream = add_on.price.stream or add_on.stream or plan.stream
            yield Item(today.plan, key, add_on.price, stream, Decimal(per[str(add_on.price.per)]))


def is_yearly(item: Item, today: Day) -> bool:
    """Whether the price is paid a year in advance."""
    cadence = item.price.cadence
    return cadence == "year" or (cadence == "billing" and today.billing == "year")


def phases(days: dict[date, Day], month: Period) -> Iterator[tuple[Day, date, date]]:
    """Each phase within the month: what the subscription is, its first day and the day after its last."""
    inside = [day for day in days if month.holds(day)]
    for number in dict.fromkeys(days[day].phase for day in inside):
        own = [day for day in inside if days[day].phase == number]
        yield days[own[0]], own[0], own[-1] + ONE_DAY


def line_of(
    name: str, today: Day, item: Item, *, kind: str, span: tuple[date, date], amount: Decimal
) -> Line:
    """A line of a price, billed in the month in which its span begins."""
    place = today.account, first(span[0]), name, item.plan, item.key, kind
    return Line(*place, *span, "", item.stream, amount, item.quantity)


def since_of(days: dict[date, Day], day: date) -> date:
    """Since when the subscription has been on its plan without a break."""
    plan = days[day].plan
    while day - ONE_DAY in days and days[day - ONE_DAY].plan == plan:
        day -= ONE_DAY
    return day


def in_force(
    price: Price, day: date, days: dict[date, Day], alive: date
) -> tuple[Rate, Rate | None, Decimal]:
    """What is in force on a day, for what the subscription is on the day `alive`."""
    return version(price, day, since_of(days, alive), days[alive].anchor)


def year_of(anchor: date, day: date) -> tuple[date, date]:
    """The contract year that holds the day, and the day after it."""
    number = 0
    while add_months(anchor, 12 * number + 12) <= day:
        number += 1
    return add_months(anchor, 12 * number), add_months(anchor, 12 * number + 12)

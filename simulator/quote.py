"""Quotes: what a subscription would cost a month, asked by agents before they decide.

The price models are those that bill; proration, windows longer than a month and discounts are left out, for
nobody who chooses a plan reckons with them.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.money import ZERO
from billing.price import Change, Price, Rate
from billing.price_book import PriceBook
from billing.pricing import amount, charge
from billing.rule import Limit

MONTHS = 12
DAYS = 30
"""How many times a day's limit fits into a month."""

SEATS = "seats"
"""The name under which `limit` answers how many seats a plan may have."""


class Quote(NamedTuple):
    """What a month costs: the fee, whatever is used, and what the usage adds."""

    fee: Decimal
    usage: Decimal

    @property
    def total(self) -> Decimal:
        """Fee and usage together."""
        return self.fee + self.usage


class Stop(NamedTuple):
    """Where a plan stops to serve a meter: after so much in a month, or in a day."""

    most: float
    is_daily: bool = False


class Included(NamedTuple):
    """What a month of a plan includes of a meter, how much of it fits, and where the service stops, if so."""

    allowance: float
    is_per_seat: bool
    limit: float | None
    stop: Stop | None = None


class Quotes:
    """The quotes of one price book, remembered: most customers ask the same."""

    def __init__(self, book: PriceBook) -> None:
        self._book = book
        self._fees: dict[tuple[object, ...], Decimal] = {}
        self._known: dict[tuple[object, ...], Included] = {}
        self._prices: dict[tuple[str, date, date], list[Price]] = {}
        changes = list(_changes(book))
        self._dates = sorted({change.starts_on for change in changes})
        self._kept = sorted({change.starts_on for change in changes if change.applies == "new"})

    def quote(
        self,
        plan: str,
        day: date,
        *,
        seats: int = 1,
        billing: str = "month",
        add_ons: Mapping[str, int] | None = None,
        use: Mapping[str, float] | None = None,
        since: date | None = None,
    ) -> Quote:
        """Return what a month of a plan costs with the prices of a day and the `use` of each meter in it.

        `since` is the day since when the customer is on the plan; a newcomer without it.
        """
        extras = tuple((add_ons or {}).items())
        fee = self.fee(plan, day, seats=seats, billing=billing, add_ons=extras, since=since)
        return Quote(fee, self._usage(plan, day, seats, use or {}, since))

    def fee(
        self,
        plan: str,
        day: date,
        *,
        seats: int,
        billing: str,
        add_ons: tuple[tuple[str, int], ...] = (),
        since: date | None = None,
    ) -> Decimal:
        """Return what a month costs without usage; a year's fee counts with a twelfth."""
        month, kept = day.replace(day=1), self._generation(day, since)
        key = (plan, seats, billing, add_ons, month, kept)
        known = self._fees.get(key)
        if known is None:
            known = self._fees[key] = self._fee(
                plan, month, kept, seats=seats, billing=billing, extras=add_ons
            )
        return known

    def charge(self, plan: str, meter: str, day: date, *, seats: int, quantity: float) -> Decimal:
        """Return what a month's use of one meter adds to the bill."""
        return self._usage(plan, day, seats, {meter: quantity}, None)

    def sells(self, plan: str, add_on: str) -> bool:
        """Tell whether a plan may have an add-on."""
        return plan in self._book.add_ons[add_on].plans

    def add_on(self, key: str, day: date) -> Decimal:
        """Return what a month of an add-on costs."""
        first = day.replace(day=1)
        price = _of(self._book.add_ons[key].price, first, self._generation(day, None))
        return _monthly(price, Decimal(1), "month")

    def annual_discount(self, plan: str, day: date, *, seats: int) -> float:
        """Return what share of the fee is saved by who pays by the year."""
        monthly, yearly = (
            float(self.fee(plan, day, seats=seats, billing=billing)) for billing in ("month", "year")
        )
        return 1.0 - yearly / monthly if monthly > 0 else 0.0

    def changes(self, since: date, until: date) -> bool:
        """Tell whether any price of the book changes after one day, and not after another."""
        return bisect_right(self._dates, since) != bisect_right(self._dates, until)

    def allowance(
        self, plan: str, meter: str, day: date, *, seats: int = 1, since: date | None = None
    ) -> float:
        """Return how much of a meter a month of the plan includes (0 where it includes none)."""
        included = self._included(plan, meter, day, since)
        return included.allowance * seats if included.is_per_seat else included.allowance

    def limit(
        self, plan: str, meter: str, day: date, *, seats: int = 1, since: date | None = None
    ) -> float | None:
        """Return how much of a meter fits into a month of a plan: more is refused, or billed as another's.

        What lies above an allowance and costs nothing is refused as well.
        """
        included = self._included(plan, meter, day, since)
        if included.limit is None or not included.is_per_seat:
            return included.limit
        return included.limit * seats

    def stop(
        self, plan: str, meter: str, day: date, *, seats: int = 1, since: date | None = None
    ) -> Stop | None:
        """Return where a plan stops to serve a meter; nowhere if what is above a limit is billed."""
        included = self._included(plan, meter, day, since)
        if included.stop is None or not included.is_per_seat:
            return included.stop
        return included.stop._replace(most=included.stop.most * seats)

    def _included(self, plan: str, meter: str, day: date, since: date | None) -> Included:
        kept = self._generation(day, since)
        key = (plan, meter, day.year, day.month, kept)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._include(plan, meter, day, kept)
        return known

    def _include(self, plan: str, meter: str, day: date, kept: date) -> Included:
        if meter == SEATS:
            most = self._book.plans[plan].seats.maximum
            return Included(0.0, is_per_seat=False, limit=None if most is None else float(most))
        limits = [
            one for one in self._book.plans[plan].limits.values() if one.meter == meter and not one.where
        ]
        prices = [price for price in self._counting(plan, meter, day, kept) if price.allowance]
        free = [price for price in prices if price.model == "unit" and not price.unit_price]
        stops = [Stop(float(one.quantity), one.window == "day") for one in limits if one.then is None]
        stops += [Stop(float(price.allowance)) for price in free]
        monthly = [_monthly_quantity(one) for one in limits] + [float(price.allowance) for price in free]
        largest = max(prices, key=lambda price: price.allowance, default=None)
        per_seat = [one.per for one in limits] + [price.allowance_per for price in prices]
        return Included(
            float(largest.allowance) if largest else 0.0,
            "seat" in per_seat,
            min(monthly, default=None),
            min(stops, default=None, key=lambda one: one.most),
        )

    def _fee(
        self,
        plan: str,
        day: date,
        kept: date,
        *,
        seats: int,
        billing: str,
        extras: tuple[tuple[str, int], ...],
    ) -> Decimal:
        fee = ZERO
        for price in self._in_force(plan, day, kept):
            if price.per is not None:
                fee += _monthly(price, Decimal(seats if price.per == "seat" else 1), billing)
        for key, quantity in extras:
            fee += _monthly(_of(self._book.add_ons[key].price, day, kept), Decimal(quantity), billing)
        commitment = self._book.plans[plan].commitment
        return fee if commitment is None else max(fee, commitment.amount[0] / MONTHS)

    def _usage(
        self, plan: str, day: date, seats: int, use: Mapping[str, float], since: date | None
    ) -> Decimal:
        cost, kept = ZERO, self._generation(day, since)
        for meter, quantity in use.items():
            for price in self._counting(plan, meter, day, kept):
                cost += charge(price, Decimal(round(quantity)), allowance=_allowed(price, seats))
        return cost

    def _counting(self, plan: str, meter: str, day: date, kept: date) -> list[Price]:
        prices = self._in_force(plan, day.replace(day=1), kept)
        return [price for price in prices if price.meter == meter and not price.where]

    def _in_force(self, plan: str, day: date, kept: date) -> list[Price]:
        known = self._prices.get((plan, day, kept))
        if known is None:
            known = [_of(price, day, kept) for price in self._book.plans[plan].prices.values()]
            self._prices[plan, day, kept] = known
        return known

    def _generation(self, day: date, since: date | None) -> date:
        """Return the last day, up to that since when a customer is there, from which newcomers pay other."""
        at = bisect_right(self._kept, day if since is None else since)
        return self._kept[at - 1] if at else date.min


def _changes(book: PriceBook) -> Iterator[Change]:
    """Yield every dated change of a price that a subscription may pay."""
    for plan in book.plans.values():
        for price in plan.prices.values():
            yield from price.changes
    for add_on in book.add_ons.values():
        yield from add_on.price.changes


def _of(price: Price, day: date, kept: date) -> Price:
    """Return a price of a day for who came after `kept`, and before the next change for newcomers only.

    Who will pay a new price from the renewal on decides when it is announced, as if it held already.
    """
    return price.changed(
        one.starts_on <= day and (one.applies != "new" or one.starts_on <= kept) for one in price.changes
    )


def _monthly_quantity(limit: Limit) -> float:
    return float(limit.quantity) * (DAYS if limit.window == "day" else 1)


def _monthly(price: Price, quantity: Decimal, billing: str) -> Decimal:
    if price.cadence == "once":
        return ZERO
    if price.cadence == "year":
        return _twelfth(price, quantity)
    if billing == "year" and price.annual is not None:
        return _twelfth(price.annual, quantity)
    return amount(price, quantity)


def _twelfth(rate: Rate, quantity: Decimal) -> Decimal:
    return amount(rate, quantity) / MONTHS


def _allowed(price: Price, seats: int) -> Decimal:
    return price.allowance * seats if price.allowance_per == "seat" else price.allowance

"""Quotes: what a subscription would cost a month, asked by agents before they decide.

The price models are those that bill; proration, windows longer than a month and discounts are left out, for
nobody who chooses a plan reckons with them.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.money import ZERO
from billing.price import Price, Rate
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
        self._prices: dict[tuple[str, date], list[Price]] = {}

    def quote(
        self,
        plan: str,
        day: date,
        *,
        seats: int = 1,
        billing: str = "month",
        add_ons: Mapping[str, int] | None = None,
        use: Mapping[str, float] | None = None,
    ) -> Quote:
        """Return what a month of a plan costs with the prices of a day and the `use` of each meter in it."""
        fee = self.fee(plan, day, seats=seats, billing=billing, add_ons=tuple((add_ons or {}).items()))
        return Quote(fee, self._usage(plan, day, seats, use or {}))

    def fee(
        self, plan: str, day: date, *, seats: int, billing: str, add_ons: tuple[tuple[str, int], ...] = ()
    ) -> Decimal:
        """Return what a month costs without usage; a year's fee counts with a twelfth."""
        key = (plan, seats, billing, add_ons, day.year, day.month)
        known = self._fees.get(key)
        if known is None:
            known = self._fees[key] = self._fee(plan, day.replace(day=1), seats, billing, add_ons)
        return known

    def allowance(self, plan: str, meter: str, day: date, *, seats: int = 1) -> float:
        """Return how much of a meter a month of the plan includes (0 where it includes none)."""
        included = self._included(plan, meter, day)
        return included.allowance * seats if included.is_per_seat else included.allowance

    def limit(self, plan: str, meter: str, day: date, *, seats: int = 1) -> float | None:
        """Return how much of a meter fits into a month of a plan: more is refused, or billed as another's.

        What lies above an allowance and costs nothing is refused as well.
        """
        included = self._included(plan, meter, day)
        if included.limit is None or not included.is_per_seat:
            return included.limit
        return included.limit * seats

    def stop(self, plan: str, meter: str, day: date, *, seats: int = 1) -> Stop | None:
        """Return where a plan stops to serve a meter; nowhere if what is above a limit is billed."""
        included = self._included(plan, meter, day)
        if included.stop is None or not included.is_per_seat:
            return included.stop
        return included.stop._replace(most=included.stop.most * seats)

    def _included(self, plan: str, meter: str, day: date) -> Included:
        key = (plan, meter, day.year, day.month)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._include(plan, meter, day)
        return known

    def _include(self, plan: str, meter: str, day: date) -> Included:
        if meter == SEATS:
            most = self._book.plans[plan].seats.maximum
            return Included(0.0, is_per_seat=False, limit=None if most is None else float(most))
        limits = [
            one for one in self._book.plans[plan].limits.values() if one.meter == meter and not one.where
        ]
        prices = [price for price in self._counting(plan, meter, day) if price.allowance]
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
        self, plan: str, day: date, seats: int, billing: str, add_ons: tuple[tuple[str, int], ...]
    ) -> Decimal:
        fee = ZERO
        for price in self._in_force(plan, day):
            if price.per is not None:
                fee += _monthly(price, Decimal(seats if price.per == "seat" else 1), billing)
        for key, quantity in add_ons:
            fee += _monthly(self._book.add_ons[key].price.on(day), Decimal(quantity), billing)
        commitment = self._book.plans[plan].commitment
        return fee if commitment is None else max(fee, commitment.amount[0] / MONTHS)

    def _usage(self, plan: str, day: date, seats: int, use: Mapping[str, float]) -> Decimal:
        cost = ZERO
        for meter, quantity in use.items():
            for price in self._counting(plan, meter, day):
                cost += charge(price, Decimal(round(quantity)), allowance=_allowed(price, seats))
        return cost

    def _counting(self, plan: str, meter: str, day: date) -> list[Price]:
        prices = self._in_force(plan, day.replace(day=1))
        return [price for price in prices if price.meter == meter and not price.where]

    def _in_force(self, plan: str, day: date) -> list[Price]:
        known = self._prices.get((plan, day))
        if known is None:
            known = [price.on(day) for price in self._book.plans[plan].prices.values()]
            self._prices[plan, day] = known
        return known


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

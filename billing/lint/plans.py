"""Plans against plans: those that nobody should choose, and higher ones that are the cheaper."""

import itertools
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.lint.content import Pair, by_day, content, pairs
from billing.lint.curve import Curve, cheaper_from, horizon, never_cheaper, points
from billing.lint.finding import Finding, Purchase, figure
from billing.lint.purchase import MONTHS, SEATS, Order, Use, cost, has_seats, is_monthly, of_plan, unit_of
from billing.lint.tariff import Terms, curve, top_of, varied
from billing.money import ZERO
from billing.price_book import PriceBook

_PAYS = {"month": "by the month", "year": "a year in advance"}


class Menu:
    """The plans of a book under some terms: their pairs and, remembered, their curves."""

    def __init__(self, book: PriceBook, day: date | None) -> None:
        self.book = book
        self.day = day
        self.pairs = list(pairs(book))
        self._curves: dict[tuple[str, str, Use | str], Curve] = {}
        self._dominated: dict[tuple[str, str], bool] = {}
        self._entries: dict[str, Decimal] = {}

    def curve(self, key: str, billing: str, name: Use | str) -> Curve:
        """Return a plan's cost of a year by a quantity."""
        where = (key, billing, name)
        if where not in self._curves:
            self._curves[where] = curve(self.book, key, Terms(self.day, billing), name)
        return self._curves[where]

    def shared(self, pair: Pair) -> Iterator[Use | str]:
        """Yield the quantities by which two plans can be compared."""
        for name in pair.less.most:
            daily = isinstance(name, Use) and any(
                by_day(self.book.plans[key], name) for key in (pair.lower, pair.higher)
            )
            if name != SEATS and name in pair.much.most and not daily:
                yield name
        if has_seats(self.book.plans[pair.lower]):
            yield SEATS

    def book_names(self, key: str) -> list[Use | str]:
        """Return the quantities by which a plan varies."""
        return list(content(self.book, key).most)

    def entry(self, key: str) -> Decimal:
        """Return what a year of a plan costs at least."""
        if key not in self._entries:
            order = Order(key, seats=self.book.plans[key].seats.minimum)
            self._entries[key] = cost(self.book, order, self.day)
        return self._entries[key]

    def low(self, pair: Pair, name: Use | str) -> Decimal:
        """Return the least quantity of a comparison: the seats that both plans may have, or no usage."""
        plans = self.book.plans
        least = max(plans[pair.lower].seats.minimum, plans[pair.higher].seats.minimum)
        return Decimal(least) if name == SEATS else ZERO

    def billings(self, key: str) -> tuple[str, ...]:
        """Return how a plan can be paid where it makes a difference."""
        prices = self.book.plans[key].prices.values()
        return ("month", "year") if any(price.annual is not None for price in prices) else ("month",)

    def dominated(self, pair: Pair) -> bool:
        """Tell whether the lower plan is nowhere cheaper, and somewhere dearer, than the higher one."""
        who = (pair.lower, pair.higher)
        if who not in self._dominated:
            names = list(self.shared(pair))
            self._dominated[who] = all(self._nowhere_cheaper(pair, name) for name in names) and any(
                self.dearer_at(pair, name) is not None for name in names
            )
        return self._dominated[who]

    def _nowhere_cheaper(self, pair: Pair, name: Use | str) -> bool:
        low, high = self.low(pair, name), pair.less.most[name]
        return (high is not None and high < low) or never_cheaper(
            self.curve(pair.lower, "month", name), self.curve(pair.higher, "month", name), low, high
        )

    def dearer_at(self, pair: Pair, name: Use | str) -> Decimal | None:
        """Return a quantity at which the lower plan is dearer: its limit, or the first one found."""
        low, high = self.low(pair, name), pair.less.most[name]
        lower, higher = (self.curve(key, "month", name) for key in (pair.lower, pair.higher))
        if high is not None:
            return high if lower.at(high) > higher.at(high) else None
        return cheaper_from(lower, higher, low, low + horizon([lower, higher]))


def dominated(menu: Menu) -> Iterator[Finding]:
    """Find plans that cost as much or more than another at every quantity, and give no more.

    Where the other gives the same and the fee is higher, features may be worth it: that is no defect.
    """
    for pair in menu.pairs:
        if not pair.whole or not menu.dominated(pair):
            continue
        if not pair.more and menu.entry(pair.lower) > menu.entry(pair.higher):
            continue
        name = next(name for name in menu.shared(pair) if menu.dearer_at(pair, name) is not None)
        quantity = menu.dearer_at(pair, name)
        assert quantity is not None, "the name was chosen for it"
        told = (
            f", which gives more ({', '.join(pair.more)})"
            if pair.more
            else ", and the book says no difference"
        )
        yield Finding(
            "dominated", "error" if pair.more else "warning", f"plans.{pair.lower}", pair.higher,
            f"{pair.lower!r} costs as much as {pair.higher!r} or more at every quantity{told}",
            f"lower its price, drop it, or give it what {pair.higher!r} has not",
            _bought(menu, pair, "month", name, quantity),
        )  # fmt: skip


def _bought(menu: Menu, pair: Pair, billing: str, name: Use | str, quantity: Decimal) -> tuple[Purchase, ...]:
    terms, plans = Terms(menu.day, billing), menu.book.plans
    keys = (pair.lower, pair.higher)
    months = 1 if billing == "month" and is_monthly(menu.book, *keys) else MONTHS
    orders = (varied(key, terms, name, quantity, seats=plans[key].seats.minimum) for key in keys)
    return tuple(of_plan(menu.book, order._replace(months=months), menu.day) for order in orders)


def cheaper_upgrades(menu: Menu) -> Iterator[Finding]:
    """Find quantities for which a lower plan is sold, and at which a plan that gives more is cheaper.

    Of several plans that are, the one is told that is so first. Of usage that comes and goes it is a warning:
    whoever has a month of it too many need not change the plan.
    """
    by_lower: dict[str, list[Pair]] = {}
    for pair in menu.pairs:
        if pair.more and not menu.dominated(pair):
            by_lower.setdefault(pair.lower, []).append(pair)
    for lower, found in by_lower.items():
        for billing in menu.billings(lower):
            for name in menu.book_names(lower):
                crossings = [found for pair in found for found in _crossings_of(menu, pair, billing, name)]
                yield from (_cheaper(menu, crossing) for crossing in _first(crossings))


class Crossing(NamedTuple):
    """From where on the higher plan of a pair is the cheaper, and up to where the lower one is sold.

    `is_promise`: with seats that cost no more, as the higher plan promises.
    """

    pair: Pair
    billing: str
    name: Use | str
    start: Decimal
    top: Decimal | None
    is_promise: bool


def _first(crossings: list[Crossing]) -> Iterator[Crossing]:
    """Yield the first crossing, and the first by a promise where that comes before it."""
    priced = [crossing for crossing in crossings if not crossing.is_promise]
    promised = [crossing for crossing in crossings if crossing.is_promise]
    start: Decimal | None = None
    for found in (priced, promised):
        if found:
            first = min(found, key=lambda crossing: crossing.start)
            if start is None or first.start < start:
                yield first
            start = first.start


def _crossings_of(menu: Menu, pair: Pair, billing: str, name: Use | str) -> Iterator[Crossing]:
    if name not in menu.shared(pair):
        return
    lower, higher = (menu.curve(key, billing, name) for key in (pair.lower, pair.higher))
    low = menu.low(pair, name)
    top = top_of(menu.book, pair.lower, name, pair.less.most[name])
    plan = menu.book.plans[pair.higher]
    if top is None and (name != SEATS or plan.commitment is None):
        return  # nothing says that the lower plan is meant for so much: that is what a menu of plans is for
    high = top if top is not None else low + horizon([lower, higher])
    as_promised = [higher, Curve(lambda _: higher.at(low))] if name in plan.unlimited else [higher]
    for number, curve_of_higher in enumerate(as_promised):
        if high > low and lower.at(low) < curve_of_higher.at(low):
            start = cheaper_from(lower, curve_of_higher, low, high)
            if start is not None:
                yield Crossing(pair, billing, name, start, top, is_promise=bool(number))


def _lasts(menu: Menu, name: Use | str) -> bool:
    """Tell whether a quantity is bought to stay: seats and levels are, a month's flow is what it is."""
    return isinstance(name, str) or menu.book.meters[name.meter].is_level


def _cheaper(menu: Menu, crossing: Crossing) -> Finding:
    pair, billing, name, start, top, is_promise = crossing
    what = SEATS if isinstance(name, str) else f"{unit_of(menu.book, name)} a month"
    sold = (
        f"though {pair.lower!r} is sold up to {figure(top)}"
        if top is not None
        else "and nothing ends it there"
    )
    missing = "" if pair.whole else "; not everything that comes with the lower one comes with it"
    promised = ", which promises them without an end," if is_promise else ""
    dear, cheap = _bought(menu, pair, billing, name, start)
    if is_promise:
        cheap = _bought(menu, pair, billing, name, menu.low(pair, name))[1]
    return Finding(
        "cheaper-upgrade",
        "error" if top is not None and pair.whole and _lasts(menu, name) else "warning",
        f"plans.{pair.lower}",
        f"{pair.higher} {what} {billing}" + (" promised" if is_promise else ""),
        f"from {figure(start)} {what} on ({_PAYS[billing]}), {pair.higher!r}{promised} costs less than"
        f" {pair.lower!r}, {sold}{missing}",
        f"end {pair.lower!r} below {figure(start)} {what}, or raise the price of {pair.higher!r}",
        (dear, cheap),
    )


def unreachable(menu: Menu) -> Iterator[Finding]:
    """Find plans that no single other makes pointless, and that still are never the cheapest.

    They compete by one meter with plans that serve as much of it and bring as much with them.
    """
    rivals: dict[tuple[str, Use], list[Pair]] = {}
    for pair in menu.pairs:
        for name in menu.shared(pair):
            if pair.whole and isinstance(name, Use):
                rivals.setdefault((pair.lower, name), []).append(pair)
    for (key, name), found in rivals.items():
        if len(found) > 1 and not any(menu.dominated(pair) for pair in found):
            yield from _never_cheapest(menu, key, name, found)


def _never_cheapest(menu: Menu, key: str, name: Use, found: list[Pair]) -> Iterator[Finding]:
    """Yield a finding where at every quantity some rival costs less."""
    own = menu.curve(key, "month", name)
    others = [menu.curve(pair.higher, "month", name) for pair in found]
    most = found[0].less.most[name]
    high = horizon([own, *others]) if most is None else most
    if most is None and own.slope <= min(other.slope for other in others):
        return
    at = sorted({point for other in others for point in points(own, other, ZERO, high)})
    at = sorted({*at, *(_crossings(others, at))})
    if all(min(other.at(point) for other in others) < own.at(point) for point in at):
        quantity = min(at, key=lambda point: own.at(point) - min(other.at(point) for other in others))
        best = min(found, key=lambda pair: menu.curve(pair.higher, "month", name).at(quantity))
        yield Finding(
            "unreachable", "warning", f"plans.{key}", unit_of(menu.book, name),
            f"{key!r} is at no quantity of {unit_of(menu.book, name)} the cheapest: at {figure(quantity)} a"
            f" month it comes nearest, and {best.higher!r} still costs less",
            "lower its price until it is the best for someone, or drop it",
            _bought(menu, best, "month", name, quantity),
        )  # fmt: skip


def _crossings(others: list[Curve], at: list[Decimal]) -> Iterator[Decimal]:
    """Yield where rivals cross each other: there the cheapest of them is the dearest."""
    for number, one in enumerate(others):
        for other in others[number + 1 :]:
            for low, high in itertools.pairwise(at):
                if (one.at(low) - other.at(low)) * (one.at(high) - other.at(high)) < 0:
                    first, second = (one, other) if one.at(low) > other.at(low) else (other, one)
                    met = cheaper_from(second, first, low, high)
                    if met is not None:
                        yield from (met, met - 1) if met >= 1 else (met,)

"""Plans against plans: those that nobody should choose, and higher ones that are the cheaper."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from billing.lint.content import Pair, pairs
from billing.lint.curve import Curve, cheaper_from, never_cheaper
from billing.lint.finding import Finding, Purchase, figure
from billing.lint.purchase import SEATS, Order, Use, has_seats, of_plan, unit_of
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

    def curve(self, key: str, billing: str, name: Use | str) -> Curve:
        """Return a plan's cost of a year by a quantity."""
        where = (key, billing, name)
        if where not in self._curves:
            self._curves[where] = curve(self.book, key, Terms(self.day, billing), name)
        return self._curves[where]

    def shared(self, pair: Pair) -> Iterator[Use | str]:
        """Yield the quantities by which two plans can be compared."""
        for name in pair.less.most:
            if name != SEATS and name in pair.much.most:
                yield name
        if has_seats(self.book.plans[pair.lower]):
            yield SEATS

    def low(self, pair: Pair, name: Use | str) -> Decimal:
        """Return the least quantity of a comparison: the seats that both plans may have, or no usage."""
        plans = self.book.plans
        least = max(plans[pair.lower].seats.minimum, plans[pair.higher].seats.minimum)
        return Decimal(least) if name == SEATS else ZERO

    def billings(self, pair: Pair) -> tuple[str, ...]:
        """Return how the two can be paid where it makes a difference."""
        prices = [price for key in (pair.lower, pair.higher) for price in self.book.plans[key].prices.values()]
        return ("month", "year") if any(price.annual is not None for price in prices) else ("month",)

    def dominated(self, pair: Pair) -> bool:
        """Tell whether the lower plan is nowhere cheaper and somewhere dearer than the one that gives as much."""
        names = list(self.shared(pair))
        return (
            bool(names)
            and all(self._nowhere_cheaper(pair, name) for name in names)
            and any(self.dearer_at(pair, name) is not None for name in names)
        )

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
        return cheaper_from(lower, higher, low, max(lower.far, higher.far, low + 1))


def dominated(menu: Menu) -> Iterator[Finding]:
    """Find plans that cost as much or more than another at every quantity, and give no more.

    Where the other gives the same and the fee is higher, features may be worth it: that is no defect.
    """
    for pair in menu.pairs:
        if not pair.whole or not menu.dominated(pair):
            continue
        if not pair.more and _entry(menu, pair.lower) > _entry(menu, pair.higher):
            continue
        name = next(name for name in menu.shared(pair) if menu.dearer_at(pair, name) is not None)
        quantity = menu.dearer_at(pair, name)
        assert quantity is not None, "the name was chosen for it"
        told = f", which gives more ({', '.join(pair.more)})" if pair.more else ", and the book says no difference"
        yield Finding(
            "dominated", "error" if pair.more else "warning", f"plans.{pair.lower}", pair.higher,
            f"{pair.lower!r} costs as much as {pair.higher!r} or more at every quantity{told}",
            f"lower its price, drop it, or give it what {pair.higher!r} has not",
            _bought(menu, pair, "month", name, quantity),
        )  # fmt: skip


def _entry(menu: Menu, key: str) -> Decimal:
    return of_plan(menu.book, Order(key, seats=menu.book.plans[key].seats.minimum), menu.day).amount


def _bought(menu: Menu, pair: Pair, billing: str, name: Use | str, quantity: Decimal) -> tuple[Purchase, ...]:
    terms = Terms(menu.day, billing)
    seats = menu.book.plans
    return tuple(
        of_plan(menu.book, varied(key, terms, name, quantity, seats=seats[key].seats.minimum), menu.day)
        for key in (pair.lower, pair.higher)
    )


def cheaper_upgrades(menu: Menu) -> Iterator[Finding]:
    """Find quantities for which a lower plan is sold, and at which a plan that gives more is cheaper."""
    for pair in menu.pairs:
        if not pair.more or menu.dominated(pair):
            continue
        for billing in menu.billings(pair):
            for name in menu.shared(pair):
                yield from _cheaper(menu, pair, billing, name)


def _cheaper(menu: Menu, pair: Pair, billing: str, name: Use | str) -> Iterator[Finding]:
    lower, higher = (menu.curve(key, billing, name) for key in (pair.lower, pair.higher))
    low = menu.low(pair, name)
    top = top_of(menu.book, pair.lower, name, pair.less.most[name])
    committed = menu.book.plans[pair.higher].commitment is not None
    if top is None and not committed:
        return  # nothing says that the lower plan is meant for so much: that is what a menu of plans is for
    high = top if top is not None else max(lower.far, higher.far) * 100
    if high <= low or not lower.at(low) < higher.at(low):
        return
    start = cheaper_from(lower, higher, low, high)
    if start is None:
        return
    what = SEATS if isinstance(name, str) else f"{unit_of(menu.book, name)} a month"
    sold = f"though {pair.lower!r} is sold up to {figure(high)}" if top is not None else "and nothing ends it there"
    missing = "" if pair.whole else "; not everything that comes with the lower one comes with it"
    yield Finding(
        "cheaper-upgrade",
        "error" if top is not None and pair.whole else "warning",
        f"plans.{pair.lower}",
        f"{pair.higher} {what} {billing}",
        f"from {figure(start)} {what} on ({_PAYS[billing]}), {pair.higher!r} costs less than {pair.lower!r},"
        f" {sold}{missing}",
        f"end {pair.lower!r} at {figure(start - 1) if start > 1 else figure(start)} {what},"
        f" or raise the price of {pair.higher!r}",
        _bought(menu, pair, billing, name, start),
    )

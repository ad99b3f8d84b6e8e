"""Overages: one more unit of the same meter, in one plan and in another."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from billing.lint.content import Pair
from billing.lint.curve import slope_of
from billing.lint.finding import Finding, Purchase, figure
from billing.lint.plans import Menu
from billing.lint.purchase import Order, Use, counts, of_plan, of_rate, unit_of
from billing.price import Price

MULTIPLE = 5
"""From how many times as much one more unit is suspicious in a plan that gives no more.

Without a fee a unit may cost more, as it carries what others pay by their fee; but not several times as much.
"""


class Marginal(NamedTuple):
    """What one more unit costs in a plan once its allowance is used up, and the price that says so."""

    key: str
    price: Price
    unit_price: Decimal


def inversions(menu: Menu) -> Iterator[Finding]:
    """Find meters whose next unit costs more in the higher plan, or several times as much in the other."""
    found = []
    for pair in menu.pairs:
        for name in menu.shared(pair):
            if isinstance(name, Use):
                lower, higher = (_marginal(menu, key, name) for key in (pair.lower, pair.higher))
                if lower and higher:
                    found.append((pair, name, lower, higher))
    for pair, name, lower, higher in found:
        if pair.more and higher.unit_price > lower.unit_price > 0:
            yield _inverted(menu, pair, name, lower, higher)
    yield from _widest(menu, [item for item in found if _is_near(menu, item[0])])


def _is_near(menu: Menu, pair: Pair) -> bool:
    """Tell whether the higher plan begins as low as the lower one, or is the next above it.

    Two plans further apart have other customers, and other fees to carry.
    """
    entry = menu.entry(pair.lower)
    above = [menu.entry(other.higher) for other in menu.pairs if other.lower == pair.lower]
    nearest = min((start for start in above if start > entry), default=entry)
    return menu.entry(pair.higher) in (entry, nearest)


def _marginal(menu: Menu, key: str, name: Use) -> Marginal | None:
    prices = [price for price in menu.book.plans[key].prices.values() if counts(price, name)]
    if len(prices) != 1:
        return None
    return Marginal(key, prices[0], slope_of(prices[0]))


Found = tuple[Pair, Use, Marginal, Marginal]


def _widest(menu: Menu, found: list[Found]) -> Iterator[Finding]:
    """Yield for each plan and meter the nearest plan with several times less, whose bill differs most."""
    by_plan: dict[tuple[str, Use], list[tuple[Decimal, Finding]]] = {}
    for item in found:
        pair, name, lower, higher = item
        if higher.unit_price and lower.unit_price >= MULTIPLE * higher.unit_price:
            finding = _multiple(menu, *item)
            if finding.purchases[0].amount > finding.purchases[1].amount:
                near = (menu.entry(pair.higher), finding)
                by_plan.setdefault((lower.key, name), []).append(near)
    for findings in by_plan.values():
        yield min(findings, key=lambda near: (near[0], -_multiple_of(near[1])))[1]


def _multiple_of(finding: Finding) -> Decimal:
    dear, cheap = (purchase.amount for purchase in finding.purchases)
    return dear / cheap if cheap else dear * 10**9


def _inverted(menu: Menu, pair: Pair, name: Use, lower: Marginal, higher: Marginal) -> Finding:
    unit = unit_of(menu.book, name)
    size = max(price.package_size or Decimal(1) for price in (lower.price, higher.price))
    while higher.unit_price * size < 1:
        size *= 10
    dear, cheap = (_beyond(menu, item, unit, size) for item in (higher, lower))
    return Finding(
        "overage-inversion", "warning", _place(higher), f"{lower.key} {unit}",
        f"{figure(size)} {unit} above the allowance cost {figure(dear.amount)} in {pair.higher!r}, which"
        f" gives more ({', '.join(pair.more)}), and {figure(cheap.amount)} in {pair.lower!r}",
        f"do not charge more for overage in {pair.higher!r} than in {pair.lower!r}", (dear, cheap),
    )  # fmt: skip


def _beyond(menu: Menu, item: Marginal, unit: str, size: Decimal) -> Purchase:
    """Return the purchase of so many units, as a price alone, above the allowance."""
    name = f"{menu.book.plans[item.key].name}: {unit}"
    return of_rate(menu.book, name, item.price, item.price.allowance + size, item.price.allowance)


def _multiple(menu: Menu, pair: Pair, name: Use, lower: Marginal, higher: Marginal) -> Finding:
    unit = unit_of(menu.book, name)
    times = lower.unit_price / higher.unit_price
    quantity = max(higher.price.allowance, lower.price.allowance)
    if not quantity or quantity > (pair.less.most[name] or quantity):
        quantity = pair.less.most[name] or Decimal(1)
    if lower.price.allowance:  # both include something: what comes above it tells them apart
        quantity += max(price.package_size or Decimal(1000) for price in (lower.price, higher.price))
    purchases = tuple(
        of_plan(menu.book, Order(item.key, menu.book.plans[item.key].seats.minimum, months=1,
                                 usage={name: quantity}), menu.day)
        for item in (lower, higher)
    )  # fmt: skip
    return Finding(
        "overage-inversion", "warning", _place(lower), unit,
        f"one more of {unit} costs {figure(lower.unit_price)} in {pair.lower!r}, {_rounded(times)} times the"
        f" {figure(higher.unit_price)} in {pair.higher!r}, which gives as much",
        f"bring the two nearer to each other than {MULTIPLE} times", purchases,
    )  # fmt: skip


def _place(item: Marginal) -> str:
    return f"plans.{item.key}"


def _rounded(times: Decimal) -> str:
    return figure(times.quantize(Decimal("0.1")))

"""Tiers that make no sense, though nobody pays less for more by them."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from billing.lint.cliffs import Sold, rates
from billing.lint.curve import FINEST, ONE
from billing.lint.finding import Finding, figure
from billing.lint.purchase import of_rate
from billing.price import Tier
from billing.price_book import PriceBook


def tiers(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find tiers that change nothing, and unit prices that fall and then rise again."""
    for sold in [*rates(book), *_payouts(book)]:
        yield from _neighbours(sold)
        yield from _turns(book, sold)


def _payouts(book: PriceBook) -> Iterator[Sold]:
    for key, agreement in book.agreements.items():
        yield Sold(f"agreements.{key}", agreement.name or key, agreement, "of the amount", whole=False)


def _neighbours(sold: Sold) -> Iterator[Finding]:
    """Find a tier that charges what the one before it charges."""
    for number, (tier, beyond) in enumerate(zip(sold.rate.tiers, sold.rate.tiers[1:], strict=False), start=1):
        fee = tier.flat_fee if sold.rate.model == "volume" else Decimal(0)
        if tier.unit_price == beyond.unit_price and beyond.flat_fee == fee:
            yield Finding(
                "tier", "warning", sold.place, f"same {number}",
                f"tiers {number} and {number + 1} charge the same: nothing changes at"
                f" {figure(tier.up_to or 0)}",
                "join them, or correct one of them",
            )  # fmt: skip


def _turns(book: PriceBook, sold: Sold) -> Iterator[Finding]:
    """Find the first tier whose unit is dearer than the one before, after others have become cheaper."""
    stretch = sold.rate.tiers
    prices = [tier.unit_price for tier in stretch]
    for number in range(2, len(stretch)):
        if prices[number] > prices[number - 1] and _fell(prices[:number]):
            edge = stretch[number - 1].up_to or Decimal(0)
            size = _narrowest(stretch[number - 2 : number + 1], whole=sold.whole)
            bought = [of_rate(book, sold.text, sold.rate, edge + sold.allowance + part,
                              sold.allowance) for part in (-size, Decimal(0), size)]  # fmt: skip
            yield Finding(
                "tier", "warning", sold.place, "turns",
                f"the unit price falls to {figure(prices[number - 1])} and rises to {figure(prices[number])}"
                f" above {figure(edge)}: the last {figure(size)} up to there cost"
                f" {figure(bought[1].amount - bought[0].amount)}, the next {figure(size)}"
                f" {figure(bought[2].amount - bought[1].amount)}",
                "let unit prices fall throughout, or rise throughout", (bought[2], bought[1]),
            )  # fmt: skip
            return


def _fell(prices: Sequence[Decimal]) -> bool:
    return any(later < earlier for earlier, later in itertools.pairwise(prices))


def _narrowest(stretch: Sequence[Tier], *, whole: bool) -> Decimal:
    """Return how far one can go from the edge between the last two tiers without leaving either."""
    low, edge, high = (tier.up_to for tier in stretch)
    assert low is not None, "only the last tier is open"
    assert edge is not None, "only the last tier is open"
    width = edge - low if high is None else min(edge - low, high - edge)
    return ONE if whole and width < ONE else max(width, FINEST)

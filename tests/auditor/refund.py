"""The auditor's refunds: what missed guarantees give back, never more than the cap."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from billing.price_book import PriceBook
from billing.rule import Refund
from metering.period import Period, add_months
from tests.auditor.life import Bit
from tests.auditor.line import Line, first
from tests.auditor.price import ZERO, cents, twelve


def refunds(
    name: str, book: PriceBook, months: list[Period], lines: list[Line], bits: list[Bit]
) -> Iterator[Line]:
    """What one subscription gets back, month by month, rule by rule in the order of the book.

    Our reading: the service period of a refund is the month in which the guarantee was missed.
    """
    given: dict[tuple[tuple[str, ...], str, date | None], Decimal] = defaultdict(Decimal)
    for month in (period.starts_on for period in months):
        for refund in book.refunds.values():
            for value, misses in missed(refund, name, month, bits).items():
                fees = [line for line in lines if charged(line, refund, name, month, value)]
                total = sum((line.amount for line in fees), ZERO)
                spent = refund.prices, value, None if refund.by else month
                most = twelve(refund.cap * total) - given[spent]
                exact = min(twelve(twelve(refund.share * total) * misses), most)
                amount = cents(exact, book)
                if fees and amount > 0:
                    given[spent] += amount
                    line = named_for(fees, refund)
                    dimensions = json.dumps({refund.by: value}, separators=(",", ":")) if refund.by else ""
                    place = line.account, month, name, line.plan, line.price, "refund"
                    span = month, add_months(month, 1)
                    yield Line(*place, *span, dimensions, line.stream, -amount, misses)


def named_for(fees: list[Line], refund: Refund) -> Line:
    """The line whose price a refund names. Our reading: of that price the newest, of two plans the first."""
    found = [line for line in fees if line.amount]
    rank = refund.prices.index(min((line.price for line in found), key=refund.prices.index))
    found = [line for line in found if line.price == refund.prices[rank]]
    newest = max(line.month for line in found)
    return min((line for line in found if line.month == newest), key=lambda line: line.plan)


def missed(refund: Refund, name: str, month: date, bits: list[Bit]) -> dict[str, Decimal]:
    """How often the guarantee was missed in a month, by the value that ties the misses to lines."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for bit in bits:
        wanted = {key: [value] if isinstance(value, str) else value for key, value in refund.where.items()}
        if (bit.name, first(bit.day), bit.meter) == (name, month, refund.meter) and all(
            bit.dimensions[key] in wanted[key] for key in wanted
        ):
            found[bit.dimensions[refund.by] if refund.by else ""] += bit.quantity
    return dict(sorted(found.items()))


def charged(line: Line, refund: Refund, name: str, month: date, value: str) -> bool:
    """Whether the line is among the fees: all so far for the value, or this month's."""
    if line.subscription != name or line.price not in refund.prices or line.kind == "refund":
        return False
    if refund.by:
        return line.month <= month and json.loads(line.dimensions or "{}").get(refund.by) == value
    return line.month == month

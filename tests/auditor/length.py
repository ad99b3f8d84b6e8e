"""The auditor's parts of a period: how many days count, of how many, and what of an amount they are."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

from billing.price_book import PriceBook
from tests.auditor.price import MODES, twelve

Days = tuple[date, date]
"""A first day, and the day after the last."""

NOMINAL = {1: 30, 12: 365}


def lengths(
    span: Days, term: Days, book: PriceBook, *, months: int = 1, is_last: bool = True
) -> tuple[int, int]:
    """How many days of a term of so many months count for a span inside it.

    Our reading: without proration the last phase of a month costs all of it, those before it nothing. With
    both ends counted, the day after a term's last one counts, and the day of a change for what follows.
    """
    said = book.conventions
    if said.proration == "none":
        return (1, 1) if is_last else (0, 1)
    both = int(said.ends == "both")
    whole = between(term, book) + both
    if said.divisor == "fixed_30":
        whole = 30 * months
    if said.divisor == "nominal":
        whole = NOMINAL[months]
    if span == term:
        return whole, whole
    reaches_end = both if span[1] == term[1] else 0
    return min(between(span, book) + reaches_end, whole), whole


def between(span: Days, book: PriceBook) -> int:
    """How many days lie in a span; in months of thirty days the 31st is the 30th once more."""
    if book.conventions.divisor != "thirty_360":
        return (span[1] - span[0]).days
    first, last = (360 * day.year + 30 * day.month + min(day.day, 30) for day in span)
    return last - first


def prorated(amount: Decimal, days: tuple[int, int], book: PriceBook) -> Decimal:
    """What of an amount falls on so many of so many days."""
    some, whole = days
    places, mode = book.conventions.ratio_places, book.conventions.ratio_rounding
    if some == whole:
        return amount
    if places is None:
        return twelve(twelve(amount * some) / whole)
    scaled = Fraction(some * 10**places, whole)
    below = scaled.__floor__()
    rest = scaled - below
    half = Fraction(1, 2)
    up = {
        "half_up": rest >= half,
        "half_even": rest > half or (rest == half and below % 2),
        "up": rest,
        "down": 0,
    }
    assert set(up) == set(MODES)
    return twelve(amount * Decimal(below + bool(up[mode])).scaleb(-places))

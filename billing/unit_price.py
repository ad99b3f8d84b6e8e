"""Unit prices that are rounded once they are prorated, before they are multiplied.

By `rounding_place = "unit"` a part of a period costs the rounded part of one unit's price times the units.
Where units of a line cost different prices (tiers, packages, a minimum) there is no price of one: the line is
rounded, as everywhere else.
"""

from decimal import Decimal

import polars as pl

from billing.money import over, round_money, times
from billing.price_book import PriceBook
from billing.proration import Part, amount_column, amount_of


def part_of_units(full: Decimal, quantity: Decimal, part: Part, book: PriceBook) -> Decimal:
    """Return the part of what so many units cost, their unit price rounded first where the book says so."""
    exact = amount_of(full, part, book.conventions)
    if book.conventions.rounding_place != "unit" or part.part == part.whole or not quantity:
        return exact
    one = over(full, quantity)
    if times(one, quantity) != full:
        return exact
    price = amount_of(one, part, book.conventions)
    return times(round_money(price, book.currency, book.conventions.rounding), quantity)


def part_of_units_column(full: pl.Expr, quantity: pl.Expr, book: PriceBook) -> pl.Expr:
    """Return `part_of_units` for columns, in rows with the columns `part` and `whole`."""
    exact = amount_column(full, book.conventions)
    if book.conventions.rounding_place != "unit":
        return exact
    one = over(full, pl.when(quantity > 0).then(quantity))
    price = round_money(amount_column(one, book.conventions), book.currency, book.conventions.rounding)
    is_even = (pl.col("part") != pl.col("whole")) & (times(one, quantity) == full)
    return pl.when(is_even).then(times(price, quantity)).otherwise(exact)

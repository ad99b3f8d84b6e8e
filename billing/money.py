"""Money: exact arithmetic for numbers and columns alike, and the only place that rounds to a currency.

Money and quantities carry 12 decimals, rounded half to even after each product and quotient: what a Polars
`Decimal(38, 12)` column does, and what a single `Decimal` does here to the last digit. Amounts of money are
rounded once more, on the invoice line, to the currency's minor unit. Nothing else rounds.
"""

from collections.abc import Sequence
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from fractions import Fraction
from functools import lru_cache
from typing import Literal, TypeVar

import polars as pl

Q = TypeVar("Q", Decimal, pl.Expr)
"""A number or a column: what the one arithmetic takes and returns."""

Rounding = Literal["half_up", "half_even", "up", "down"]
Remainders = Literal["largest", "first", "last"]

EXACT = pl.Decimal(38, 12)
"""The type of columns of quantities and of amounts before rounding."""

POSTED = pl.Decimal(18, 4)
"""The type of columns of amounts that are rounded."""

SMALLEST = Decimal("0.000000000001")
"""The smallest part of a quantity or of an unrounded amount."""

ZERO = Decimal(0)

_TRAPS = [InvalidOperation, DivisionByZero, Overflow]
EXACTLY = Context(prec=100, rounding=ROUND_HALF_EVEN, traps=_TRAPS)
"""Wide enough for every sum and product of two exact numbers, and for a quotient that is then rounded."""

_FITS = Context(prec=38, rounding=ROUND_HALF_EVEN, traps=_TRAPS)
"""What does not fit a column of `EXACT` raises here too, and is never cut."""

# fmt: off
MINOR_UNITS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0,
    "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
    "CLF": 4, "UYW": 4,
}
# fmt: on
"""Decimals of the minor unit by ISO 4217 where they are not 2."""

WEIGHTS = 4
"""Decimals of the weights of `apportion`: those of posted amounts."""

ROUNDINGS = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "up": ROUND_UP, "down": ROUND_DOWN}
"""The `decimal` mode of each rounding. Half up is half away from zero, up away from and down toward zero."""


def exact(number: Q) -> Q:
    """Bring a number or a column to 12 decimals. Raises ArithmeticError for a number of 10^26 or more."""
    if isinstance(number, pl.Expr):
        return number.cast(EXACT)
    return _FITS.quantize(number, SMALLEST)


@lru_cache(maxsize=4096)
def literal(number: Decimal) -> pl.Expr:
    """Return a number as a constant column; left to itself, Polars takes the scale from the digits."""
    return pl.lit(f"{exact(number):f}").cast(EXACT)  # a text: for a Decimal, Polars imports numpy


def times(amount: Q, factor: Q | Decimal | int) -> Q:
    """Multiply by a factor of at most 12 decimals, keeping 12; the same for a number and for a column."""
    if isinstance(amount, pl.Expr):
        return amount * (literal(factor) if isinstance(factor, Decimal) else factor)
    return _FITS.quantize(EXACTLY.multiply(amount, factor), SMALLEST)


def over(amount: Q, divisor: Q | Decimal | int) -> Q:
    """Divide by a divisor of at most 12 decimals, keeping 12; the same for a number and for a column."""
    if isinstance(amount, pl.Expr):
        return amount / (literal(divisor) if isinstance(divisor, Decimal) else divisor)
    return _FITS.quantize(EXACTLY.divide(amount, divisor), SMALLEST)


def minor_units(currency: str) -> int:
    """Return how many decimals the currency's smallest unit has: 2 for USD, 0 for JPY, 3 for KWD."""
    return MINOR_UNITS.get(currency, 2)


def round_money(amount: Q, currency: str, mode: Rounding = "half_up") -> Q:
    """Round to the currency's minor unit, in the named mode; the same for a number and for a column."""
    if isinstance(amount, pl.Expr):
        return round_column(amount.cast(EXACT), minor_units(currency), mode)
    rounded = amount.quantize(_unit(currency), rounding=ROUNDINGS[mode], context=_FITS)
    return EXACTLY.plus(rounded)  # a column knows no negative zero


def round_column(amount: pl.Expr, places: int, mode: Rounding) -> pl.Expr:
    """Round a column of numbers to so many decimals."""
    if mode == "half_up":
        return amount.round(places, mode="half_away_from_zero")
    if mode == "half_even":
        return amount.round(places, mode="half_to_even")
    cut = amount.truncate(places)
    if mode == "down":
        return cut
    away = pl.lit(Decimal((0, (1,), -places)), dtype=EXACT)
    return cut + pl.when(amount > cut).then(away).when(amount < cut).then(-away).otherwise(literal(ZERO))


def _unit(currency: str) -> Decimal:
    return Decimal((0, (1,), -minor_units(currency)))


def split(total: Decimal, weights: Sequence[Decimal | int], currency: str) -> list[Decimal]:
    """Split a rounded amount in proportion to `weights`, by largest remainder, so that no minor unit is lost.

    The parts sum to `total`; each lies within one minor unit of its exact share; equal remainders go by
    position; `split(-x)` is `-split(x)`. A part of weight zero is zero. Negative weights (a customer's month
    of credits) count against the others. Raises ValueError where `total` is not in whole minor units or where
    the weights cannot share it: all zero, or adding up to nothing.
    """
    units = Fraction(total) * 10 ** minor_units(currency)
    shares = [Fraction(weight) for weight in weights]
    if units.denominator != 1:
        raise ValueError(f"{total} {currency} is not in whole minor units; round it before it is split")
    if not any(shares) or (units and not sum(shares)):
        raise ValueError(f"weights {[str(weight) for weight in weights]} add up to nothing; give one a value")
    if not units:
        return [_unit(currency) * 0 for _ in weights]
    parts = _largest_remainder(abs(int(units)), shares)
    sign = 1 if units > 0 else -1
    return [EXACTLY.multiply(_unit(currency), Decimal(sign * part)) for part in parts]


def _largest_remainder(units: int, shares: list[Fraction]) -> list[int]:
    """Give each the whole units of its share, then what is left one by one to the largest remainders."""
    total = sum(shares)
    owed = [units * share / total for share in shares]
    parts = [share.__floor__() for share in owed]
    # Sorting keeps the order of equals, so ties go by position.
    by_remainder = sorted(range(len(parts)), key=lambda position: parts[position] - owed[position])
    for position in by_remainder[: units - sum(parts)]:
        parts[position] += 1
    return parts


def allocate(
    rows: pl.DataFrame,
    *,
    exact: str,
    total: str,
    over: Sequence[str],
    currency: str,
    mode: Rounding = "half_up",
    remainders: Remainders = "largest",
) -> pl.Series:
    """Round exact amounts so that those of a group add up to its rounded total (the same in all its rows).

    `over` names the columns of a group. `largest`: each keeps its whole minor units, and what is missing goes
    one by one to the largest remainders, ties by the order of the rows. `first`, `last`: each is rounded in
    `mode`, and the difference goes to the group's first or last row.
    """
    unit, sums = literal(_unit(currency)), rows.select(*over, part=pl.col(exact), whole=pl.col(total))
    if remainders == "largest":
        cut = pl.col("part").truncate(minor_units(currency))
        floor = pl.when(cut > pl.col("part")).then(cut - unit).otherwise(cut)
        sums = sums.with_columns(whole_units=floor.cast(EXACT), rest=(pl.col("part") - floor).cast(EXACT))
        missing = (pl.col("whole") - pl.col("whole_units").sum().over(over)) * 10 ** minor_units(currency)
        place = pl.col("rest").rank("ordinal", descending=True).over(over)
        odd = pl.when(place.cast(pl.Int128) <= missing.cast(pl.Int128)).then(unit).otherwise(literal(ZERO))
        return sums.select(part=(pl.col("whole_units") + odd).cast(EXACT))["part"]
    sums = sums.with_columns(part=round_money(pl.col("part"), currency, mode).cast(EXACT)).with_row_index(
        "row"
    )
    rest = pl.col("whole") - pl.col("part").sum().over(over)
    chosen = pl.col("row").min() if remainders == "first" else pl.col("row").max()
    odd = pl.when(pl.col("row") == chosen.over(over)).then(rest).otherwise(literal(ZERO))
    return sums.select(part=(pl.col("part") + odd).cast(EXACT))["part"]


def apportion(
    rows: pl.DataFrame, *, total: str, weight: str, over: Sequence[str], currency: str
) -> pl.Series:
    """Split a total (a column, the same in all rows of a group) as `split` does, for every group at once.

    `over` names the columns of a group; ties go by the order of the rows; weights have 4 decimals at most.
    Raises AssertionError where the parts of a group do not add up to its total, as weights of nothing do not.
    """
    minor, fine = 10 ** minor_units(currency), 10**WEIGHTS
    units = rows.select(
        *over,
        owed=(pl.col(total).cast(EXACT) * minor).cast(pl.Int128),
        weight=(pl.col(weight).cast(EXACT) * fine).cast(pl.Int128),
    ).with_columns(whole=pl.col("weight").sum().over(over))
    one = pl.when(pl.col("whole") == 0).then(1).otherwise("whole")
    # A quotient of two negative numbers is the positive one: the remainder stays above zero.
    sign = one.sign()
    product = pl.col("owed").abs() * pl.col("weight") * sign
    units = units.with_columns(part=product // one.abs(), rest=product % one.abs())
    units = units.with_columns(
        left=pl.col("owed").abs() - pl.col("part").sum().over(over),
        place=pl.col("rest").rank("ordinal", descending=True).over(over).cast(pl.Int128),
    )
    odd = (pl.col("place") <= pl.col("left")).cast(pl.Int128)
    units = units.with_columns(part=(pl.col("part") + odd) * pl.col("owed").sign())
    lost = units.filter(pl.col("part").sum().over(over) != pl.col("owed"))
    assert not len(lost), f"parts that do not add up to their total: {lost.select(over).row(0)}"
    return units.select(pl.col("part").cast(EXACT) * literal(_unit(currency)))["part"]

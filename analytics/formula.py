"""The arithmetic that metrics share, as Polars expressions over rows sorted by part and month.

A `part` is one segment, plan, stream or channel, or "" where nothing is named; `age` is how many months of
history lie before the row's month.

Everything is Decimal to 12 places, half to even: the same ledger gives the same digits on every machine,
whatever the number of threads. A quotient whose denominator is 0 is NULL, never 0 and never infinite.

`earlier`, `trailing` and `allocated` look at other rows. They take plain expressions of columns, never each
other's results: Polars evaluates a window inside a window within the outer one's group, and says nothing.
"""

from decimal import Decimal

import polars as pl

from billing.money import EXACT


def exact(value: pl.Expr) -> pl.Expr:
    """Return the value as an exact number, so that it can be divided."""
    return value.cast(EXACT)


def ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Divide; NULL where the denominator is 0."""
    return exact(numerator) / pl.when(denominator != 0).then(exact(denominator))


def earlier(value: pl.Expr, months: int) -> pl.Expr:
    """Return the value of the same part so many months ago, 0 before the history begins."""
    return value.shift(months, fill_value=0).over("part")


def trailing(value: pl.Expr, months: int, *, lag: int = 0) -> pl.Expr:
    """Add up the value over `months` months, the last of them `lag` months ago."""
    since = value.cum_sum()  # two running totals: one window, however many months there are
    return (since.shift(lag, fill_value=0) - since.shift(lag + months, fill_value=0)).over("part")


def so_far(value: pl.Expr) -> pl.Expr:
    """Add up the value since the history began."""
    return value.cum_sum().over("part")


def annualised(rate: pl.Expr) -> pl.Expr:
    """Turn what is lost in one month into what is lost in 12 such months: 1 - (1 - rate)^12."""
    return pl.lit(Decimal(1)) - power(pl.lit(Decimal(1)) - rate, 12)


def power(value: pl.Expr, exponent: int) -> pl.Expr:
    """Multiply the value by itself, `exponent` factors in all; Polars has no powers of Decimals."""
    if exponent == 1:
        return value
    half = power(value, exponent // 2)
    return half * half * value if exponent % 2 else half * half


def allocated(amount: pl.Expr, weight: pl.Expr, *, over: tuple[str, ...] = ("month",)) -> pl.Expr:
    """Share out what the part named "" holds over all parts by weight; the parts still add up exactly.

    A part is the difference of two running totals, of which the last is the whole, so nothing is left over.
    Negative weights count as 0. Where all weights are 0 there is no key, and the amount stays where it is.
    """
    unnamed = pl.col("part") == ""
    shared = pl.when(unnamed).then(amount).otherwise(0).sum().over(over)
    weights = exact(weight.clip(lower_bound=0))
    whole = weights.sum().over(over)

    def reached(weight: pl.Expr) -> pl.Expr:
        return pl.when(weight == whole).then(shared).otherwise(ratio(shared * weight, whole))

    after, before = weights.cum_sum().over(over), (weights.cum_sum() - weights).over(over)
    own = pl.when(unnamed).then(0).otherwise(amount)
    return pl.when(whole == 0).then(amount).otherwise(own + reached(after) - reached(before))

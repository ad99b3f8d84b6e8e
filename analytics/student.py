"""Student's t: means of a few numbers, and how far from them the truth may lie.

The distribution for whole degrees of freedom is a finite sum (Abramowitz and Stegun, Handbook of Mathematical
Functions, 1964, 26.7.3 and 26.7.4); its quantile is found by bisection, to the last digits of a float.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from math import atan, cos, isfinite, pi, sin, sqrt
from typing import NamedTuple

CONFIDENCE = 0.95
"""The share of intervals, made in this way, that hold the truth."""

_STEPS = 200
"""Halvings: more than any interval of floats has."""

Number = int | float | Decimal


class Estimate(NamedTuple):
    """A mean of `size` independent numbers, and the ends of its interval: None where one number says nothing.

    The interval is that of `CONFIDENCE`; `sd` is the standard deviation of the numbers.
    """

    mean: float
    low: float | None
    high: float | None
    sd: float | None
    size: int

    @property
    def half_width(self) -> float | None:
        """How far the ends are from the mean."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def is_clear(self) -> bool:
        """Whether the interval lies on one side of 0: chance alone would hardly do that."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def estimate(numbers: Sequence[Number]) -> Estimate | None:
    """Return the mean of independent numbers with its interval, None for none.

    Numbers that are all the same have an interval of no width. Decimals are added up exactly.
    """
    if not numbers:
        return None
    count = len(numbers)
    exact = [Decimal(number) for number in numbers]
    middle = sum(exact, Decimal(0)) / count
    mean = float(middle)
    if count == 1:
        return Estimate(mean, None, None, None, 1)
    sd = sqrt(sum(float(number - middle) ** 2 for number in exact) / (count - 1))
    if len(set(exact)) == 1:
        return Estimate(float(exact[0]), float(exact[0]), float(exact[0]), 0.0, count)
    half = quantile((1 + CONFIDENCE) / 2, count - 1) * sd / sqrt(count)
    return Estimate(mean, mean - half, mean + half, sd, count)


def variance(numbers: Sequence[Number]) -> float:
    """Return the sample variance of two numbers or more."""
    mean = sum(float(number) for number in numbers) / len(numbers)
    return sum((float(number) - mean) ** 2 for number in numbers) / (len(numbers) - 1)


def within(t: float, degrees: int) -> float:
    """Return the chance that a number of Student's distribution lies between -t and t.

    Raises ValueError for less than one degree of freedom.
    """
    if degrees < 1:
        message = f"{degrees} degrees of freedom; there must be one or more"
        raise ValueError(message)
    angle = atan(t / sqrt(degrees))
    squared = cos(angle) ** 2
    if degrees == 1:
        return 2 * angle / pi
    term = cos(angle) if degrees % 2 else 1.0
    added = term
    for number in range(3 if degrees % 2 else 2, degrees - 1, 2):
        term *= squared * (number - 1) / number
        added += term
    return 2 / pi * (angle + sin(angle) * added) if degrees % 2 else sin(angle) * added


@cache
def quantile(chance: float, degrees: int) -> float:
    """Return the number below which Student's t lies with a chance: 2.262 for 0.975 and 9 degrees.

    Raises ValueError for a chance that is not above 0 and below 1.
    """
    if not (isfinite(chance) and 0 < chance < 1):
        message = f"{chance} is no chance between 0 and 1"
        raise ValueError(message)
    if chance < 1 / 2:
        return -quantile(1 - chance, degrees)
    low, high = 0.0, 1.0
    while within(high, degrees) < 2 * chance - 1:
        high *= 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle, degrees) < 2 * chance - 1 else (low, middle)
    return (low + high) / 2

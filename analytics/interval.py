"""Ranges of numbers, exactly: what a formula comes to when its drivers are ranges or are known roughly.

Two things can make a number wide, and they are kept apart. A plan may mean a range, "$100K-150K a project":
that has two ends. And an end that is only known as printed is an interval: "$1.3M" is somewhere between 1.25
and 1.35 million. A plain number is a range whose ends are the same interval of no width.

All is Fraction: nothing rounds. Arithmetic takes every combination of ends, so where a formula names the same
range twice, the result may be wider than it needs to be, and never narrower.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import product
from typing import NamedTuple

BITS_MAX = 4_096
"""Numbers of more than about 1,200 digits come from a mistake, and would take forever."""


class Interval(NamedTuple):
    """A number that lies somewhere from `least` to `most`."""

    least: Fraction
    most: Fraction

    @property
    def middle(self) -> Fraction:
        """The number halfway."""
        return (self.least + self.most) / 2

    def meets(self, other: "Interval") -> bool:
        """Tell whether both can be the same number."""
        return self.least <= other.most and other.least <= self.most


class Range(NamedTuple):
    """What lies between two ends; a plain number where they are the same."""

    low: Interval
    high: Interval

    @property
    def is_point(self) -> bool:
        """Whether it is one number."""
        return self.low == self.high

    @property
    def middle(self) -> Fraction:
        """The number halfway between the ends."""
        return (self.low.middle + self.high.middle) / 2


def point(number: Fraction | int) -> Range:
    """Return a plain number as a range."""
    end = Interval(Fraction(number), Fraction(number))
    return Range(end, end)


def add(parts: Iterable[Range]) -> Range:
    """Add up."""
    ranges = list(parts)
    return Range(
        *(
            Interval(
                sum((end.least for end in ends), Fraction()), sum((end.most for end in ends), Fraction())
            )
            for ends in ([one.low for one in ranges], [one.high for one in ranges])
        )
    )


def negative(value: Range) -> Range:
    """Turn the sign."""
    return Range(*(Interval(-end.most, -end.least) for end in (value.high, value.low)))


def times(left: Range, right: Range) -> Range:
    """Multiply."""
    return _combined(left, right, lambda one, other: one * other)


def over(left: Range, right: Range) -> Range:
    """Divide. Raises ArithmeticError where the divisor can be 0."""
    if right.low.least <= 0 <= right.high.most:
        message = "divides by zero"
        raise ArithmeticError(message)
    return _combined(left, right, lambda one, other: one / other)


def least(parts: Iterable[Range]) -> Range:
    """Return the smallest: each end is the smallest of the ends."""
    return _chosen(list(parts), min)


def greatest(parts: Iterable[Range]) -> Range:
    """Return the greatest: each end is the greatest of the ends."""
    return _chosen(list(parts), max)


def each(value: Range, function: Callable[[Fraction], Fraction]) -> Range:
    """Apply a function that never falls to every end."""
    return Range(*(Interval(function(end.least), function(end.most)) for end in value))


def check(value: Range) -> Range:
    """Return the value. Raises ArithmeticError where it has more digits than any plan can mean."""
    for end in value:
        for number in end:
            if max(number.numerator.bit_length(), number.denominator.bit_length()) > BITS_MAX:
                message = "comes to a number of more than a thousand digits"
                raise ArithmeticError(message)
    return value


def _combined(left: Range, right: Range, operation: Callable[[Fraction, Fraction], Fraction]) -> Range:
    found = [
        Interval(min(made), max(made))
        for one, other in product(dict.fromkeys(left), dict.fromkeys(right))
        for made in [[operation(a, b) for a, b in product(one, other)]]
    ]
    return Range(
        Interval(min(end.least for end in found), min(end.most for end in found)),
        Interval(max(end.least for end in found), max(end.most for end in found)),
    )


def _chosen(ranges: list[Range], choose: Callable[[list[Fraction]], Fraction]) -> Range:
    low, high = [one.low for one in ranges], [one.high for one in ranges]
    return Range(
        *(
            Interval(choose([end.least for end in ends]), choose([end.most for end in ends]))
            for ends in (low, high)
        )
    )

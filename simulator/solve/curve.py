"""Curves: what was tried, drawn on a terminal: the free number to the right, the measure upwards."""

from collections.abc import Sequence
from decimal import Decimal

from simulator.solve.task import Trial

WIDTH, HEIGHT = 56, 11
"""Columns and rows of the drawing."""

ALLOWED, REFUSED, BEST = "●", "○", "◆"
"""A number that meets the constraints, one that does not, and the one that was found."""


def drawn(tried: Sequence[Trial], best: Trial, bound: Decimal | None) -> list[str]:
    """Draw what one free number came to, with a line at the bound; nothing where there is nothing to draw."""
    points = [one for one in tried if one.value is not None and one.value.is_finite()]
    if len(points) < 2:  # noqa: PLR2004 - one point is no curve
        return []
    rights = [one.numbers[0] for one in points]
    values = [Decimal(one.value or 0) for one in points]
    levels = [*values, *([bound] if bound is not None else [])]
    low, high = min(levels), max(levels)
    left, right = min(rights), max(rights)
    rows = [[" "] * WIDTH for _ in range(HEIGHT)]
    if bound is not None:
        rows[_place(bound, low, high, HEIGHT)] = ["─"] * WIDTH
    order = sorted(range(len(points)), key=lambda number: (points[number] == best, not points[number].gap))
    for number in order:
        row, column = (
            _place(values[number], low, high, HEIGHT),
            _place(rights[number], left, right, WIDTH),
        )
        rows[row][column] = BEST if points[number] == best else REFUSED if points[number].gap else ALLOWED
    return ["".join(row).rstrip() for row in reversed(rows)]


def _place(value: Decimal, low: Decimal, high: Decimal, size: int) -> int:
    """Return in which of so many rows or columns a value lies."""
    return round((value - low) / (high - low) * (size - 1)) if high > low else 0

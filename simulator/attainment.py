"""Attainment in words: a plan's figure as it prints it, what that comes to, and what a ledger came to."""

from fractions import Fraction

from analytics.attainment import Row
from analytics.interval import Range, point
from analytics.printed import Printed, rounded, shown


def cells(row: Row) -> list[str]:
    """Write what is printed, what is recomputed (where it is another), the ledger's and the difference."""
    like, goal = row.printed, row.recomputed
    differs = goal is not None and not (like is not None and like.equals(goal))
    apart = "–" if row.difference is None else "0"
    if row.difference:
        apart = _written(point(Fraction(row.difference)), like, signed=True)
    return [
        like.text if like else "",
        _written(goal, like) if goal and differs else "",
        row.state if row.ledger is None else _written(point(Fraction(row.ledger)), like),
        apart,
    ]


def _written(value: Range, like: Printed | None, *, signed: bool = False) -> str:
    """Write a value to its last digit; shares and multiples as the plan writes them."""
    sign = "+" if signed and value.low.middle > 0 else ""
    if like is not None and like.unit:
        places = like.places + (4 if "%" in like.unit else 2)
        return sign + like.like(point(Fraction(rounded(value.middle, places))))
    ends = dict.fromkeys(shown(end.middle) for end in value)
    return sign + " to ".join(_with_sign(text, like.currency if like else "") for text in ends)


def _with_sign(text: str, currency: str) -> str:
    return f"-{currency}{text[1:]}" if text.startswith("-") else f"{currency}{text}"

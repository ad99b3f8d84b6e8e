"""Findings: what an audit of a plan says of one figure or claim."""

from typing import Literal, NamedTuple

from analytics.derivation import At
from analytics.interval import Range
from analytics.printed import Printed

Kind = Literal["wrong", "rounded"]


class Finding(NamedTuple):
    """One thing in a plan that does not follow.

    `check` is the way it was looked at: formula, total, periods, share, growth, multiple, cagr, case, shares
    (they add up to 100 %), range (it holds its base case) or claim. `recomputed` is what it comes to from the
    drivers, `as_printed` from the printed figures it is made of (None where it is made of none), `working`
    the formula with its numbers put in, `follows` the wrong figures that it is made of, if they explain it,
    `says` what a claim says.
    """

    kind: Kind
    check: str
    name: str
    period: str
    printed: Printed | None
    recomputed: Range | None
    as_printed: Range | None = None
    difference: Range | None = None
    working: str = ""
    cause: str = ""
    follows: tuple[str, ...] = ()
    source: str = ""
    says: str = ""

    @property
    def at(self) -> str:
        """The figure and its period, as formulas name them."""
        return str(At(self.name, self.period))

"""Quotients: formulas told as data, so that they can be worked out, explained, and asked why they are NULL.

A quotient is a sum of terms over a sum of terms (or such a sum alone), each term a figure or a metric over
some months, some months ago. A span of months is a number, or the name of the policy's field that holds it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import add, mul
from typing import NamedTuple

import polars as pl

from analytics.formula import earlier, ratio, so_far, trailing
from analytics.policy import DEFAULT, MetricPolicy

Span = int | str
"""A number, or the policy's field that holds it."""

WINDOW = "efficiency_window"
"""The months over which growth and what it costs are taken together."""

SINCE = 0
"""A term over this many months is added up since the history began."""

HISTORY = "history"
"""The code of a reason: the ledger is too young."""

NUMERATOR = "numerator"
"""The code of a reason: what is divided means nothing here, such as the burn of who burns nothing."""

DENOMINATOR = "denominator"
"""The code of a reason: there is nothing to divide by."""

OPERAND = "operand"
"""The code of a reason: a metric that it is made of has no value itself."""


class Reason(NamedTuple):
    """Why a metric has no value: a code (such as `HISTORY`) and what it means here."""

    code: str
    text: str


class Term(NamedTuple):
    """A figure or metric over `months`, up to `ago` months before, times some factors.

    The name "" stands for the number 1, so that a number of the policy can be a term.
    """

    name: str
    months: Span = 1
    ago: Span = 0
    times: tuple[Span, ...] = ()

    def factor(self, policy: MetricPolicy) -> int | Decimal:
        """Return the product of the factors."""
        return reduce(mul, (number(span, policy) for span in self.times), 1)

    def expression(self, policy: MetricPolicy) -> pl.Expr:
        """Return the term as a column."""
        factor = self.factor(policy)
        column = pl.lit(Decimal(1)) if not self.name else _over_months(self, policy)
        return column if factor == 1 else column * factor


@dataclass(frozen=True, slots=True)
class Quotient:
    """One sum of terms over another, less a number; without terms to divide by, the sum alone.

    NULL where fewer months of history are known than `needs` (spans that are added up), where the denominator
    is 0 (or not above 0, if `positive`), and, if it `unless` has a text, where the numerator is not above 0.
    """

    above: tuple[Term, ...]
    below: tuple[Term, ...] = ()
    less: int = 0
    needs: tuple[Span, ...] = ()
    positive: bool = False
    nothing: str = ""
    """What it means that there is nothing to divide by."""
    unless: str = ""
    """What it means that the numerator is not above 0, where it has to be."""
    doubtful: bool = False
    """Whether its terms are metrics that may have no value themselves."""

    def __call__(self, policy: MetricPolicy) -> pl.Expr:
        """Return the quotient as a column, unrounded."""
        above = total(self.above, policy)
        value = above
        if self.below:
            below = total(self.below, policy)
            value = ratio(above, pl.when(below > 0).then(below).otherwise(0) if self.positive else below)
        if self.unless:
            value = pl.when(above > 0).then(value)
        if self.needs:
            value = pl.when(pl.col("age") >= self.months(policy)).then(value)
        return value - self.less if self.less else value

    def months(self, policy: MetricPolicy) -> int:
        """Return how many months have to lie before the month."""
        return sum(int(number(span, policy)) for span in self.needs)

    def reasons(self, policy: MetricPolicy) -> Iterator[tuple[pl.Expr, Reason]]:
        """Yield when it has no value, and why: the first that holds is the reason."""
        if self.needs:
            text = f"fewer than {self.months(policy) + 1} months of history"
            yield pl.col("age") < self.months(policy), Reason(HISTORY, text)
        if self.unless:
            yield total(self.above, policy) <= 0, Reason(NUMERATOR, self.unless)
        if self.doubtful:
            for term in (*self.above, *self.below):
                yield pl.col(term.name).is_null(), Reason(OPERAND, f"{term.name} has no value")
        if self.nothing:
            yield pl.lit(value=True), Reason(DENOMINATOR, self.nothing)

    @property
    def null_when(self) -> str:
        """Say when it has no value, under the default policy."""
        return ", or ".join(reason.text for _, reason in self.reasons(DEFAULT))


def number(span: Span, policy: MetricPolicy) -> int | Decimal:
    """Return the number of a span."""
    if isinstance(span, int):
        return span
    found: int | Decimal = getattr(policy, span.removeprefix("-"))
    return -found if span.startswith("-") else found


def total(terms: tuple[Term, ...], policy: MetricPolicy) -> pl.Expr:
    """Add terms up."""
    return reduce(add, [term.expression(policy) for term in terms])


def _over_months(term: Term, policy: MetricPolicy) -> pl.Expr:
    months, ago = int(number(term.months, policy)), int(number(term.ago, policy))
    column = pl.col(term.name)
    if months == SINCE:
        return so_far(column)
    if months == 1:
        return earlier(column, ago) if ago else column
    return trailing(column, months, lag=ago)


def over(above: str, below: str, nothing: str, *, months: Span = 1, positive: bool = False) -> Quotient:
    """Return the quotient of two figures or metrics, both over the same months."""
    return Quotient((Term(above, months),), (Term(below, months),), positive=positive, nothing=nothing)


def grown(name: str, since: Span, nothing: str, *, needs: tuple[Span, ...] = ()) -> Quotient:
    """Return the growth of a balance since so many months ago, as a share of what it was then."""
    return Quotient((Term(name),), (Term(name, 1, since),), less=1, needs=needs, nothing=nothing)

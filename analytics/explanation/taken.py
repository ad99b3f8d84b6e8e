"""What discounts and bounds take off an invoice's lines, found by taking it off once more."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.life import subscriptions
from billing.adjustments import reduced
from billing.discount import ROUNDED_SCHEMA, SCOPES
from billing.lines import slices
from metering.frame import shaped
from metering.period import month_of

KINDS = tuple(kind for scope in SCOPES.values() for kind in scope)
"""The kinds of lines that something may be taken off."""


class Taken(NamedTuple):
    """What was taken off a line, or added to it: by what, of how much, and the whole that lines share."""

    cause: str
    kind: str
    subscription: str
    phase_no: int
    plan: str
    price: str
    meter: str
    dimensions: str
    starts_on: date
    ends_on: date
    net: Decimal
    exact: Decimal
    whole: Decimal | None
    base: Decimal | None

    def is_of(self, line: Line) -> bool:
        """Tell whether a line of the ledger is this."""
        own = (
            line.kind,
            line.subscription,
            line.phase_no,
            line.plan,
            line.price,
            line.meter,
            line.dimensions,
        )
        return own == self[1:8] and (line.starts_on, line.ends_on, line.exact) == (*self[8:10], self.exact)


def taken(evidence: Evidence, line: Line, entitled: Iterable[Line]) -> list[Taken]:
    """Return what is taken off the lines of a line's invoice; `entitled` are those that grants took off."""
    return evidence.once(
        ("taken", line.invoice), lambda: _taken(evidence, line, [one.line_no for one in entitled])
    )


def _taken(evidence: Evidence, line: Line, entitled: list[int]) -> list[Taken]:
    book = evidence.book
    frame: pl.DataFrame = evidence.connection.sql(
        "select * from invoice_lines where invoice = ? order by line_no", params=[line.invoice]
    ).pl()
    charged = frame.filter(pl.col("kind").is_in(KINDS) | pl.col("line_no").is_in(entitled))
    if book.conventions.rounding_place == "invoice":
        charged = charged.with_columns(amount="exact")
    phases = subscriptions(evidence, line.account).frame()
    parts = slices(phases, [month_of(line.month)], book.conventions).filter(~pl.col("trial"))
    made = reduced(shaped(charged, ROUNDED_SCHEMA), phases, parts, book).made
    return [_read(row) for part in made for row in part.iter_rows(named=True)]


def _read(row: Any) -> Taken:
    return Taken(**{name: row.get(name) for name in Taken._fields})

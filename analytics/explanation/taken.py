"""What discounts and bounds take off an invoice's lines, found by taking it off once more."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.life import subscriptions
from billing.adjustments import reduced
from billing.coupon import is_kept
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


def beside(evidence: Evidence, line: Line) -> tuple[str, tuple[Any, ...]]:
    """Say which lines tell what is taken off a line: those of its invoice.

    Of a book with coupons that are used up, those of all of the account's months so far.
    """
    if _looks_back(evidence):
        return "account = ? and month <= ?", (line.account, line.month)
    return "invoice = ?", (line.invoice,)


def _looks_back(evidence: Evidence) -> bool:
    return any(is_kept(rule) for rule in evidence.book.discounts.values())


def taken(evidence: Evidence, line: Line, entitled: Iterable[Line]) -> list[Taken]:
    """Return what is taken off the lines of a line's invoice; `entitled` are those that grants took off."""
    return evidence.once(("taken", line.invoice), lambda: _taken(evidence, line, entitled))


def _taken(evidence: Evidence, line: Line, entitled: Iterable[Line]) -> list[Taken]:
    book = evidence.book
    where, values = beside(evidence, line)
    query = f"select * from invoice_lines where {where} order by month, invoice, line_no"
    frame: pl.DataFrame = evidence.connection.sql(query, params=list(values)).pl()
    keys = pl.DataFrame(
        [(one.invoice, one.line_no) for one in entitled],
        schema={"invoice": pl.String(), "line_no": frame.schema["line_no"]},
        orient="row",
    ).with_columns(is_entitled=pl.lit(value=True))
    frame = frame.join(keys, on=["invoice", "line_no"], how="left", maintain_order="left")
    charged = frame.filter(pl.col("kind").is_in(KINDS) | pl.col("is_entitled"))
    charged = shaped(charged, ROUNDED_SCHEMA)
    if _looks_back(evidence):
        charged = _as_known(evidence, line, charged)
    if book.conventions.rounding_place == "invoice":
        charged = charged.with_columns(amount="exact")
    phases = subscriptions(evidence, line.account).frame()
    billed = charged["month"].unique().sort()
    parts = slices(phases, [month_of(month) for month in billed], book.conventions)
    made = reduced(charged, phases, parts.filter(~pl.col("trial")), book).made
    here = pl.col("month") == line.month
    return [_read(row) for part in made for row in part.filter(here).iter_rows(named=True)]


def _as_known(evidence: Evidence, line: Line, charged: pl.DataFrame) -> pl.DataFrame:
    """Put what adjusted earlier months up to a line's month into the lines that it adjusts."""
    moved: pl.DataFrame = evidence.connection.sql(
        "select l.* replace (a.service_month as month, a.adjusts as kind) from invoice_lines l "
        "join adjustments a using (invoice, line_no) where l.account = ? and l.month <= ?",
        params=[line.account, line.month],
    ).pl()
    moved = shaped(moved.filter(pl.col("kind").is_in(KINDS)), charged.schema)
    is_earlier = pl.col("month") < line.month
    earlier = pl.concat([charged.filter(is_earlier), moved.filter(is_earlier)])
    if not len(moved) or not len(earlier):
        return charged
    sums = ["quantity", "allowance", "exact", "amount"]
    keys = [name for name in charged.columns if name not in {*sums, "phase_no"}]
    together = earlier.group_by(keys).agg(pl.col(sums).sum(), pl.col("phase_no").max())
    return pl.concat([shaped(together, charged.schema), charged.filter(~is_earlier)])


def _read(row: Any) -> Taken:
    return Taken(**{name: row.get(name) for name in Taken._fields})

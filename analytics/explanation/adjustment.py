"""Adjustments: what became known late, as the difference of two bills of the month that it is about."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from analytics.explanation.charge import Charged, once, recurring
from analytics.explanation.earlier import billed_before
from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.happening import known_late
from analytics.explanation.line import reference
from analytics.explanation.node import Node, few, total
from analytics.explanation.tariff import with_rest
from analytics.explanation.usage import usage
from analytics.explanation.words import label, number
from metering.period import add_months

EXPLAINED = {"usage": usage, "recurring": recurring, "once": once}
"""The kinds of lines whose arithmetic is shown as it is with all that is known now."""


class Adjusted(NamedTuple):
    """A row of the ledger's `adjustments`."""

    service_month: date
    adjusts: str
    quantity_before: Decimal
    quantity_after: Decimal
    amount_before: Decimal
    amount_after: Decimal


def adjustment(evidence: Evidence, line: Line) -> Charged:
    """Explain a line about an earlier month: what that comes to now, less what had been billed for it."""
    columns = ", ".join(Adjusted._fields)
    rows = evidence.rows(
        f"select {columns} from adjustments where invoice = ? and line_no = ?", line.invoice, line.line_no
    )
    adjusted = Adjusted(*rows[0])
    month, kind = label(adjusted.service_month), adjusted.adjusts.replace("_", " ")
    now = _now(evidence, line, adjusted)
    text = f"{kind} of {month} with all that was known by the end of {label(line.month)}"
    parts = [Node(text, adjusted.amount_after, line.currency, tuple(now))]
    before = [reference(one) for one in _issued(evidence, line, adjusted)]
    less = Node(
        f"less what had been billed for {month}", -adjusted.amount_before, line.currency,
        reasons=few(before, line.currency, largest=evidence.largest, what="more lines"),
    )  # fmt: skip
    assert total(before) == adjusted.amount_before, (
        f"{line.thing}: {total(before)} had been billed for {month}"
    )
    if adjusted.amount_before:
        parts.append(less)
    late = known_late(evidence, line, adjusted.service_month)
    said = f"{number(adjusted.quantity_before)} before, {number(adjusted.quantity_after)} now"
    return Charged(parts, [Node(said, line.quantity), *late])


def _now(evidence: Evidence, line: Line, adjusted: Adjusted) -> list[Node]:
    """Return the lines that the month comes to with what was known at the end of the line's month."""
    known = evidence.known_in(line.month)
    lines = billed_before(known, line.account, add_months(adjusted.service_month, 1)).lines.filter(
        pl.col("month") == adjusted.service_month,
        pl.col("kind") == adjusted.adjusts,
        *(pl.col(name) == getattr(line, name) for name in _SAME),
    )
    return [_again(known, Line(*row)) for row in lines.select(Line._fields).iter_rows()]


_SAME = ("account", "subscription", "plan", "price", "meter", "dimensions", "starts_on", "ends_on")


def _again(evidence: Evidence, line: Line) -> Node:
    """Explain a line that was never issued as it is; what is off others is shown as it is."""
    text = f"{line.kind.replace('_', ' ')}: {line.price} of {line.plan}"
    if line.kind not in EXPLAINED or evidence.levels <= 0:
        return Node(text, line.amount, line.currency)
    charged = EXPLAINED[line.kind](evidence.below(), line)
    parts = with_rest(charged.parts, line.amount, "rounded", line.currency)
    return Node(text, line.amount, line.currency, tuple(parts), tuple(charged.reasons))


def _issued(evidence: Evidence, line: Line, adjusted: Adjusted) -> list[Line]:
    """Return what had been billed for the month before: its lines, and their adjustments."""
    same = " and ".join(f"{name} = ?" for name in _SAME)
    values = [getattr(line, name) for name in _SAME]
    own = evidence.lines(
        f"{same} and month = ? and kind = ?", *values, adjusted.service_month, adjusted.adjusts
    )
    later = evidence.lines(
        f"{same} and kind = 'adjustment' and month < ? and (invoice, line_no) in "
        "(select (invoice, line_no) from adjustments where service_month = ? and adjusts = ?)",
        *(*values, line.month, adjusted.service_month, adjusted.adjusts),
    )
    return own + later

"""Lines and invoices: what each is made of, by the kind of the line."""

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

from analytics.explanation import charge
from analytics.explanation.charge import Charged
from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.node import Node, added, fact
from analytics.explanation.tariff import with_rest
from analytics.explanation.words import days_text, label, money
from billing.money import minor_units

Explainer = Callable[[Evidence, Line], Charged]


def _later(room: str, name: str) -> Explainer:
    """Import a room when it is asked for: together they take longer to import than a line to explain."""

    def explained(evidence: Evidence, line: Line) -> Charged:
        function: Explainer = getattr(import_module(f"analytics.explanation.{room}"), name)
        return function(evidence, line)

    return explained


KINDS: dict[str, Explainer] = {
    "recurring": charge.recurring,
    "once": charge.once,
    "credit": charge.credit,
    "usage": _later("usage", "usage"),
    "discount": _later("deduction", "discount"),
    "refund": _later("deduction", "refund"),
    "true_up": _later("shortfall", "true_up"),
    "adjustment": _later("adjustment", "adjustment"),
}
"""How lines of each kind are explained."""


def invoice(evidence: Evidence, name: str) -> Node | None:
    """Explain an invoice: its lines, and what became of it. None where there is no such invoice."""
    rows = evidence.rows(
        "select account, month, issued_on, due_on, currency from invoices where invoice = ?", name
    )
    if not rows:
        return None
    account, month, issued_on, due_on, currency = rows[0]
    lines = [line(evidence.below(), one) for one in evidence.lines("invoice = ?", name)]
    paid = evidence.rows(
        "select kind, attempt, occurred_on, amount from payments where invoice = ? "
        "order by occurred_on, attempt",
        name,
    )
    reasons = [fact(f"issued on {issued_on}, due on {due_on}")]
    for kind, attempt, day, amount in paid:
        tries = f", try {attempt}" if attempt else ""
        reasons.append(fact(f"{kind.replace('_', ' ')} on {day}{tries}: {money(amount, currency)}"))
    return added(
        f"invoice of {account} for {label(month)}", lines, currency, thing=name, reasons=tuple(reasons)
    )


def line(evidence: Evidence, row: Line) -> Node:
    """Explain an invoice line: what it counts, each step of its arithmetic, and the rounding."""
    kind = row.kind.replace("_", " ")
    text = f"{kind}: {row.price} of {row.plan}, {days_text(row.starts_on, row.ends_on)}"
    if row.dimensions:
        text += f", {row.dimensions}"
    if evidence.levels <= 0:
        return Node(text, row.amount, row.currency, thing=row.thing)
    *others, last = evidence.sides()
    for side in others:
        with suppress(AssertionError, KeyError):  # it may be the other book that billed it
            return _explained(side, row, text)
    return _explained(last, row, text)


def _explained(evidence: Evidence, row: Line, text: str) -> Node:
    charged = KINDS[row.kind](evidence.known_in(row.month).below(), row)
    rounding = f"rounded {_mode(evidence, minor_units(row.currency))}"
    parts = with_rest(charged.parts, row.exact, "not explained", row.currency)
    assert len(parts) == len(charged.parts), f"{row.thing}: its steps add up to less or more than {row.exact}"
    parts = with_rest(parts, row.amount, rounding, row.currency)
    return Node(text, row.amount, row.currency, tuple(parts), tuple(charged.reasons), thing=row.thing)


def _mode(evidence: Evidence, places: int) -> str:
    """Say how the book rounds, and what: a line by itself, or as its part of the invoice."""
    convention = evidence.book.conventions
    whole = ", as its part of the invoice" if convention.rounding_place == "invoice" else ""
    return f"{convention.rounding.replace('_', ' ')} to {places} places{whole}"


def line_of(evidence: Evidence, name: str, number: int) -> Node | None:
    """Explain a line by its invoice and number. None where there is no such line."""
    found = evidence.lines("invoice = ? and line_no = ?", name, number)
    return line(evidence, found[0]) if found else None


def reference(row: Line) -> Node:
    """Return a line as others refer to it: its amount, and no explanation."""
    text = f"{row.kind.replace('_', ' ')}: {row.price} of {row.plan}, {days_text(row.starts_on, row.ends_on)}"
    return Node(text, row.amount, row.currency, thing=row.thing)

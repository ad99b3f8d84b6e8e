"""Entries of the journal: what was booked, on which accounts, and what it follows from."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.line import line as explain_line
from analytics.explanation.line import reference
from analytics.explanation.node import Node, added, fact, few
from analytics.explanation.recognised import earned
from analytics.explanation.words import instant, label, money


class Posting(NamedTuple):
    """A row of the ledger's `postings`, with the kind of its entry."""

    entry: str
    posting_no: int
    month: date
    kind: str
    ledger_account: str
    account: str
    stream: str
    invoice: str
    line_no: int
    cost_centre: str
    currency: str
    plan: str
    amount: Decimal

    @property
    def thing(self) -> str:
        """What `explain` calls the posting."""
        return f"{self.entry}/{self.posting_no}"

    @property
    def text(self) -> str:
        """Which account is debited or credited, and for whom."""
        side = "debit" if self.amount > 0 else "credit"
        about = [self.account, self.stream and f"stream {self.stream}", self.cost_centre]
        return f"{side} {self.ledger_account}" + "".join(f", {one}" for one in about if one)


def entry(evidence: Evidence, name: str) -> Node | None:
    """Explain an entry: its debits add up to what it moves, its credits to the same. None for no entry."""
    postings = _postings(evidence, "p.entry = ?", name)
    if not postings:
        return None
    first = postings[0]
    debits = [_posting(evidence.below(), one) for one in postings if one.amount > 0]
    others = [Node(one.text, one.amount, one.currency, thing=one.thing) for one in postings if one.amount < 0]
    text = f"{first.kind.replace('_', ' ')} booked in {label(first.month)}"
    parts = few(debits, first.currency, largest=max(evidence.largest, 12), what="more postings")
    shown = few(others, first.currency, largest=evidence.largest, what="more postings")
    return added(text, parts, first.currency, thing=name, reasons=shown)


def posting(evidence: Evidence, name: str, number: int) -> Node | None:
    """Explain a posting. None where there is no such posting."""
    found = _postings(evidence, "p.entry = ? and p.posting_no = ?", name, number)
    return _posting(evidence, found[0]) if found else None


def causes(evidence: Evidence, name: str, ledger_account: str) -> list[tuple[Posting, Node]]:
    """Return the postings of an entry on a ledger account, each with what it follows from."""
    postings = _postings(evidence, "p.entry = ? and p.ledger_account = ?", name, ledger_account)
    return [(one, _CAUSES[one.kind](evidence, one)) for one in postings]


def _postings(evidence: Evidence, where: str, *values: object) -> list[Posting]:
    tables = {"kind": "e.kind", "plan": "coalesce(l.plan, '')"}
    columns = ", ".join(tables.get(name, f"p.{name}") for name in Posting._fields)
    rows = evidence.rows(
        f"select {columns} from postings p join entries e using (entry) "
        "left join invoice_lines l on l.invoice = p.invoice and l.line_no = p.line_no "
        f"where {where} order by p.posting_no",
        *values,
    )
    return [Posting(*row) for row in rows]


def _posting(evidence: Evidence, one: Posting) -> Node:
    if evidence.levels <= 0:
        return Node(one.text, one.amount, one.currency, thing=one.thing)
    cause = _CAUSES[one.kind](evidence.below(), one)
    if cause.amount == one.amount and cause.parts:
        return Node(one.text, one.amount, one.currency, cause.parts, cause.reasons, cause.source, one.thing)
    # A credit is the other side of the same amount, so what makes it up stands below it with its own sign.
    whole = Node(cause.text, one.amount, one.currency, thing=cause.thing, source=cause.source)
    reasons = (cause,) if cause.parts else cause.reasons
    return Node(one.text, one.amount, one.currency, (whole,), reasons, thing=one.thing)


def _line(evidence: Evidence, one: Posting) -> Line:
    return evidence.lines("invoice = ? and line_no = ?", one.invoice, one.line_no)[0]


def _invoiced(evidence: Evidence, one: Posting) -> Node:
    """What an invoice books: its total, or a line."""
    if one.line_no:
        return explain_line(evidence, _line(evidence, one))
    lines = [reference(line) for line in evidence.lines("invoice = ?", one.invoice)]
    return added(f"the lines of {one.invoice}", lines, one.currency, thing=one.invoice)


def _recognised(evidence: Evidence, one: Posting) -> Node:
    return earned(evidence, _line(evidence, one), one.month, is_broken=one.kind == "breakage")


def _settled_invoice(evidence: Evidence, one: Posting) -> Node:
    """What a payment or a write-off settles."""
    rows = evidence.rows(
        "select position, source, id, type, occurred_at from events where subject = ? and type = ? "
        "and json_extract_string(data, '$.period') = ? order by position",
        one.account,
        "invoice.paid" if one.kind == "payment" else "invoice.written_off",
        _month_of(evidence, one.invoice),
    )
    said = [
        fact(f"{kind} on {instant(at)}", f"event {position} ({source} {key})")
        for position, source, key, kind, at in rows[:1]
    ]
    total_of = evidence.rows("select total from invoices where invoice = ?", one.invoice)[0][0]
    return Node(f"the total of {one.invoice}", total_of, one.currency, reasons=tuple(said), thing=one.invoice)


def _month_of(evidence: Evidence, invoice: str) -> str:
    return label(evidence.rows("select month from invoices where invoice = ?", invoice)[0][0])


def _paid_out(evidence: Evidence, one: Posting) -> Node:
    """What a payout, or its settlement, moves."""
    name = one.entry.removeprefix("SETTLED-")
    rows = evidence.rows("select amount, partner, account, agreement from payouts where payout = ?", name)
    amount, partner, account, agreement = rows[0]
    whole = Node(f"share of {partner} in {account} under {agreement}", amount, one.currency, thing=name)
    if not one.line_no:
        return whole
    text = f"its part that is taken off the revenue of {one.invoice}/{one.line_no}"
    return Node(text, one.amount, one.currency, reasons=(whole, reference(_line(evidence, one))))


def _spent(evidence: Evidence, one: Posting) -> Node:
    """What the company spent, as the fact says it."""
    position = int(one.entry.rpartition("-")[2])
    source, key, at, data = evidence.rows(
        "select source, id, occurred_at, data from events where position = ?", position
    )[0]
    said = json.loads(data)
    about = ", ".join(
        str(said[name]) for name in ("cost_centre", "segment", "channel", "stream") if said[name]
    )
    amount = Decimal(str(said["amount"]))
    text = f"money.spent on {instant(at)}: {money(amount, said['currency'])} for {about}"
    return Node(text, amount, one.currency, source=f"event {position} ({source} {key})")


_CAUSES: dict[str, Callable[[Evidence, Posting], Node]] = {
    "invoice": _invoiced,
    "recognition": _recognised,
    "breakage": _recognised,
    "payment": _settled_invoice,
    "write_off": _settled_invoice,
    "payout": _paid_out,
    "settlement": _paid_out,
    "cost": _spent,
}
"""What a posting of each kind of entry follows from."""

"""The document: everything that an invoice says, of one row of `invoices` and all its lines.

It is made of the ledger and the price book that billed it. Amounts are the ledger's: nothing is reckoned
again, and what is added up here is checked against the ledger's total.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.line import line as explained
from billing.money import EXACTLY, ZERO, minor_units
from metering.document import did_you_mean, problem
from simulator.invoice.seller import Seller

PRICE_PLACES = 6
"""A price of one unit with more places is not shown: the steps of the line say how it comes about."""

HEADS = {
    "discount": "Discounts",
    "credit": "Credits for what was paid in advance",
    "refund": "Refunds",
    "adjustment": "Adjustments of earlier months",
}
"""The sums below the lines, by the kind of what they add up; all other kinds are charges."""

CHARGES = "Charges"


class Step(NamedTuple):
    """A step of a line's arithmetic in words, and its amount where the currency can say it."""

    text: str
    amount: Decimal | None


class Item(NamedTuple):
    """A line as a customer reads it. `price` is what one costs, where one price is all there is to it."""

    line_no: int
    kind: str
    text: str
    detail: str
    starts_on: date
    ends_on: date
    quantity: Decimal
    unit: str
    price: Decimal | None
    amount: Decimal
    steps: tuple[Step, ...]


class Group(NamedTuple):
    """The lines of one subscription under one plan, and their sum."""

    title: str
    subscription: str
    items: tuple[Item, ...]
    amount: Decimal


class Customer(NamedTuple):
    """Who is billed."""

    account: str
    name: str
    email: str
    country: str


class Payment(NamedTuple):
    """What became of the invoice: `paid`, `failed` or `written_off`, when, and how much."""

    kind: str
    occurred_on: date
    amount: Decimal


class Invoice(NamedTuple):
    """An invoice: who, when, what, how much, and what became of it. `is_synthetic`: nobody is to pay it."""

    invoice: str
    seller: Seller
    customer: Customer
    month: date
    issued_on: date
    due_on: date
    currency: str
    groups: tuple[Group, ...]
    sums: tuple[tuple[str, Decimal], ...]
    total: Decimal
    payments: tuple[Payment, ...]
    due: Decimal
    is_synthetic: bool

    @property
    def places(self) -> int:
        """How many decimals the currency has."""
        return minor_units(self.currency)

    @property
    def is_credit_note(self) -> bool:
        """Whether it gives money back."""
        return self.total < 0


def document(evidence: Evidence, name: str, seller: Seller, *, is_synthetic: bool) -> Invoice:
    """Return an invoice of a ledger. Raises Problems where there is none of this name."""
    found = evidence.rows(
        "select i.account, month, issued_on, due_on, i.currency, total, a.name, email, country "
        "from invoices i left join accounts a on a.account = i.account where invoice = ?",
        name,
    )
    if not found:
        known = [number for (number,) in evidence.rows("select invoice from invoices order by invoice")]
        raise problem(name, "the ledger has no such invoice", did_you_mean(name, known))
    account, month, issued_on, due_on, currency, total, *about = found[0]
    lines = evidence.lines("invoice = ?", name)
    items = {row.line_no: _item(evidence, row) for row in lines}
    sums = _sums(lines)
    added = sum((amount for _, amount in sums), ZERO)
    assert added == total, f"{name}: its lines come to {added}, and it is {total}"
    payments = tuple(Payment(*row) for row in evidence.rows(_PAYMENTS, name))
    settled = sum((one.amount for one in payments if one.kind != "failed"), ZERO)
    return Invoice(
        name,
        seller,
        Customer(account, about[0] or account, about[1] or "", about[2] or ""),
        month,
        issued_on,
        due_on,
        currency,
        tuple(_groups(evidence, lines, items)),
        tuple(sums),
        total,
        payments,
        total - settled,
        is_synthetic,
    )


_PAYMENTS = """
    select kind, occurred_on, amount from payments where invoice = ?
    order by occurred_on, kind <> 'failed', attempt"""


def to_data(invoice: Invoice) -> dict[str, Any]:
    """Return an invoice as plain data, its amounts exact."""
    told = invoice._asdict() | {"seller": invoice.seller.model_dump()}
    for name in ("customer", "groups", "payments"):
        told[name] = _plain(told[name])
    told["sums"] = dict(invoice.sums)
    return told


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return {key: _plain(one) for key, one in value._asdict().items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _sums(lines: Sequence[Line]) -> list[tuple[str, Decimal]]:
    """Add the lines up by what they are: charges, then what is taken off them."""
    added: dict[str, Decimal] = {}
    for row in lines:
        head = HEADS.get(row.kind, CHARGES)
        added[head] = added.get(head, ZERO) + row.amount
    order = [CHARGES, *HEADS.values()]
    return sorted(added.items(), key=lambda one: order.index(one[0]))


def _groups(evidence: Evidence, lines: Sequence[Line], items: Mapping[int, Item]) -> Iterator[Group]:
    """Part the lines by subscription and plan, in the order of their first lines."""
    parts: dict[tuple[str, str], list[Line]] = {}
    for row in lines:
        parts.setdefault((row.subscription, row.plan), []).append(row)
    for (subscription, plan), rows in parts.items():
        known = evidence.book.plans.get(plan)
        own = "" if subscription == rows[0].account else subscription
        amount = sum((row.amount for row in rows), ZERO)
        yield Group(
            known.name if known else _titled(plan), own, tuple(items[r.line_no] for r in rows), amount
        )


def _item(evidence: Evidence, row: Line) -> Item:
    unit = _unit(evidence, row)
    steps = tuple(_steps(evidence, row))
    price = None if row.kind in HEADS or len(steps) > 1 else _price(row)
    if price is not None:
        steps = ()
    text = f"{_named(evidence, row)}{_KINDS.get(row.kind, '')}"
    quantity = -row.quantity if row.kind == "credit" else row.quantity
    detail = _dimensions(evidence, row)
    if row.kind == "adjustment":
        detail = _adjusted(evidence, row)
    return Item(
        row.line_no,
        row.kind,
        text,
        detail,
        row.starts_on,
        row.ends_on,
        quantity,
        unit,
        price,
        row.amount,
        steps,
    )


_KINDS = {
    "usage": "",
    "recurring": "",
    "once": ", one-time fee",
    "credit": ", credit for unused time",
    "discount": ", discount",
    "refund": ", refund",
    "true_up": ", up to the agreed minimum",
    "adjustment": ", adjustment",
}
"""What is said of a line's kind behind its name."""


def _named(evidence: Evidence, row: Line) -> str:
    plan = evidence.book.plans.get(row.plan)
    price = plan.prices.get(row.price) if plan else None
    if price is not None and price.name:
        return price.name
    if row.price in evidence.book.add_ons:
        return evidence.book.add_ons[row.price].name
    return _titled(row.price)


def _titled(key: str) -> str:
    words = key.replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:]


def _unit(evidence: Evidence, row: Line) -> str:
    """Name what the quantity counts; nothing where it is one of the thing itself."""
    if row.meter:
        meter = evidence.book.meters.get(row.meter)
        return (meter.unit if meter else "") or row.meter.replace("_", " ")
    plan = evidence.book.plans.get(row.plan)
    price = plan.prices.get(row.price) if plan else None
    return "seat" if price is not None and price.per == "seat" else ""


def _price(row: Line) -> Decimal | None:
    """Return what one costs, where so many at that price are the line; None where it is not so simple."""
    if not row.quantity or row.allowance or row.amount < 0 or row.amount != row.exact:
        return None
    price = EXACTLY.divide(row.amount, row.quantity).normalize(EXACTLY)
    places = -int(price.as_tuple().exponent)
    fits = places <= PRICE_PLACES and EXACTLY.multiply(price, row.quantity) == row.amount
    return price if fits else None


def _steps(evidence: Evidence, row: Line) -> Iterator[Step]:
    """Yield the steps of a line's arithmetic; none where the book at hand cannot explain it."""
    with suppress(AssertionError, KeyError):
        node = explained(evidence.below(evidence.levels - 1), row)
        places = minor_units(row.currency)
        for part in node.parts:
            if part.text.startswith("rounded ") or part.amount is None:
                continue
            is_whole = part.amount == round(part.amount, places)
            yield Step(part.text, part.amount if is_whole and part.amount else None)


def _dimensions(evidence: Evidence, row: Line) -> str:
    """Say the values that the price groups by; an account by its name, and no names of single events."""
    values = json.loads(row.dimensions) if row.dimensions else {}
    told = []
    for key, value in values.items():
        if key == "event":
            continue
        found = evidence.rows("select name from accounts where account = ?", str(value))
        told.append(f"{key.replace('_', ' ')}: {found[0][0] if found else value}")
    return ", ".join(told)


def _adjusted(evidence: Evidence, row: Line) -> str:
    """Say what a line of kind adjustment adjusts."""
    found = evidence.rows(
        "select service_month, adjusts, amount_before, amount_after from adjustments "
        "where invoice = ? and line_no = ?",
        *(row.invoice, row.line_no),
    )
    if not found:
        return ""
    month, kind, before, after = found[0]
    places = minor_units(row.currency)
    return f"{kind.replace('_', ' ')} of {month:%Y-%m}: {after:,.{places}f} instead of {before:,.{places}f}"

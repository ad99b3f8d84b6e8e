"""Words: everything on an invoice as text, once for the terminal and the PDF alike.

Names come from customers, so what could redraw a screen or turn the order of letters round is shown as an
escape, and a word that no line holds may be broken.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from analytics.explanation.words import counted, is_currency, money, number, percent
from simulator.invoice.document import Group, Invoice, Item, Payment
from simulator.values import visible

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip

WORD_MAX = 28
"""A longer word may be broken anywhere."""

NAME_MAX = 44
"""At the head and foot of a page a longer name is cut: it stands in full on the first page."""

MAY_BREAK = "\u200b"
"""The character at which a line may end, and that nobody sees."""

SYNTHETIC = "Simulated: this company, its customers and their usage are made up, and nobody is asked to pay."
TAXES = "Amounts are without taxes."

_LONG = re.compile(rf"\S{{{WORD_MAX},}}")


class Row(NamedTuple):
    """A line of the table: what, how many, at what price, how much, and the steps below it."""

    text: str
    detail: str
    quantity: str
    price: str
    amount: str
    steps: tuple[tuple[str, str], ...]


class Part(NamedTuple):
    """The lines of one subscription: its heading, what stands beside it, the rows, and their sum."""

    title: str
    about: str
    rows: tuple[Row, ...]
    amount: str


class Page(NamedTuple):
    """An invoice in words: `facts`, `sums` and `paid` are pairs of a label and what stands beside it.

    `running` are the seller and the customer as they stand at the head and foot of each page.
    """

    title: str
    number: str
    seller: tuple[str, ...]
    customer: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    headline: str
    status: str
    parts: tuple[Part, ...]
    sums: tuple[tuple[str, str], ...]
    total: tuple[str, str]
    paid: tuple[tuple[str, str], ...]
    due: tuple[str, str]
    notes: tuple[str, ...]
    running: tuple[str, str]
    issued: tuple[int, int, int]


def worded(invoice: Invoice) -> Page:
    """Return an invoice in words."""
    seller, customer, currency = invoice.seller, invoice.customer, invoice.currency
    title = "Credit note" if invoice.is_credit_note else "Invoice"
    tax_id = f"Tax ID {seller.tax_id}" if seller.tax_id else ""
    sums = invoice.sums if len(invoice.sums) > 1 else ()
    return Page(
        title,
        _safe(invoice.invoice),
        _lines(seller.name, *seller.address, seller.email, tax_id),
        _lines(customer.name, customer.email, customer.country),
        (
            ("Number", _safe(invoice.invoice)),
            ("Customer", _safe(customer.account)),
            ("Issued", day_text(invoice.issued_on)),
            ("Due", day_text(invoice.due_on)),
            ("Month", f"{MONTHS[invoice.month.month - 1]} {invoice.month.year}"),
            ("Currency", currency),
        ),
        money(abs(invoice.due or invoice.total), currency),
        _status(invoice),
        tuple(_part(group, currency) for group in invoice.groups),
        tuple((label, money(amount, currency)) for label, amount in sums),
        ("Total", money(invoice.total, currency)),
        tuple(_payment(one, currency) for one in invoice.payments),
        (
            "Still to be credited" if invoice.is_credit_note else "Amount due",
            money(abs(invoice.due), currency),
        ),
        tuple(_notes(invoice)),
        (_short(seller.name), _short(customer.name)),
        (invoice.issued_on.year, invoice.issued_on.month, invoice.issued_on.day),
    )


def day_text(day: date) -> str:
    """Write a day so that nobody takes the month for the day: `3 February 2026`."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def period_text(starts_on: date, ends_on: date) -> str:
    """Write a service period by its first and last day; whole months by their names."""
    last = ends_on - timedelta(days=1)
    if last <= starts_on:
        return day_text(starts_on)
    if starts_on.day == 1 and ends_on.day == 1:
        first, end = _month_text(starts_on), _month_text(last)
        if first == end:
            return first
        return f"{MONTHS[starts_on.month - 1]} – {end}" if starts_on.year == last.year else f"{first} – {end}"
    if (starts_on.year, starts_on.month) == (last.year, last.month):
        return f"{starts_on.day} – {day_text(last)}"
    return f"{day_text(starts_on)} – {day_text(last)}"


def _month_text(day: date) -> str:
    return f"{MONTHS[day.month - 1]} {day.year}"


def _part(group: Group, currency: str) -> Part:
    rows = tuple(_row(item, currency) for item in group.items)
    return Part(_safe(group.title), _safe(group.subscription), rows, money(group.amount, currency))


def _row(item: Item, currency: str) -> Row:
    detail = " · ".join(filter(None, [period_text(item.starts_on, item.ends_on), item.detail]))
    steps = tuple(
        (_safe(step.text), "" if step.amount is None else money(step.amount, currency)) for step in item.steps
    )
    return Row(
        _safe(item.text),
        _safe(detail),
        _quantity(item),
        "" if item.price is None else _price(item, currency),
        money(item.amount, currency),
        steps,
    )


def _quantity(item: Item) -> str:
    if is_currency(item.unit):
        return "" if item.price == 1 else money(item.quantity, item.unit)
    return counted(item.quantity, item.unit) if item.unit else number(item.quantity)


def _price(item: Item, currency: str) -> str:
    """Write what one costs; of what is itself money, the share that is taken of it."""
    price = item.price or Decimal(0)
    if is_currency(item.unit):
        return "" if price == 1 else percent(price)
    return money(price, currency)


def _status(invoice: Invoice) -> str:
    last = next((one for one in reversed(invoice.payments) if one.kind != "failed"), None)
    if last and not invoice.due:
        return f"{_settled(last)} on {day_text(last.occurred_on)}"
    if invoice.is_credit_note:
        return "to be credited"
    return "nothing to pay" if not invoice.due else f"due on {day_text(invoice.due_on)}"


def _payment(payment: Payment, currency: str) -> tuple[str, str]:
    day = day_text(payment.occurred_on)
    if payment.kind == "failed":
        return f"Payment failed on {day}", "–"
    return f"{_settled(payment).capitalize()} on {day}", money(-payment.amount, currency)


def _settled(payment: Payment) -> str:
    if payment.kind == "written_off":
        return "written off"
    return "paid" if payment.amount >= 0 else "credited"


def _notes(invoice: Invoice) -> Iterator[str]:
    days = (invoice.due_on - invoice.issued_on).days
    if invoice.due > 0:
        yield f"Payable within {counted(days, 'day')} of issue." if days > 0 else "Payable on receipt."
        yield from map(_safe, invoice.seller.payment)
    yield TAXES
    if invoice.seller.note:
        yield _safe(invoice.seller.note)
    if invoice.is_synthetic:
        yield SYNTHETIC


def _lines(*texts: str) -> tuple[str, ...]:
    return tuple(_safe(text) for text in texts if text)


def _short(text: str) -> str:
    return visible(text if len(text) <= NAME_MAX else f"{text[: NAME_MAX - 1]}…")


def _safe(text: str) -> str:
    """Return a text that keeps its place: no control characters, and no word that a line cannot hold."""
    return _LONG.sub(lambda word: MAY_BREAK.join(_cut(word[0])), visible(text))


def _cut(word: str) -> Iterator[str]:
    step = WORD_MAX // 2
    for first in range(0, len(word), step):
        yield word[first : first + step]

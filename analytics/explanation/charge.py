"""Charges that do not come from usage: months, what is paid in advance and credited, and one-time fees."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.life import Lived, Slice, dated, phase_of, slices_of, units_text
from analytics.explanation.node import Node, fact, total
from analytics.explanation.tariff import Tariff, steps, tariffs, with_rest
from analytics.explanation.words import counted, days_text, money
from billing.money import times
from billing.price import Price
from billing.proration import Span, part_of_period
from billing.subscription import Phase
from billing.unit_price import part_of_units
from billing.yearly import TERM_MONTHS, Held


class Charged(NamedTuple):
    """What an amount before rounding is made of, and what it follows from."""

    parts: Sequence[Node]
    reasons: Sequence[Node] = ()


class Advance(NamedTuple):
    """What was paid in advance, and which span of its term a line charges or gives back."""

    held: Held
    service: Span


def recurring(evidence: Evidence, line: Line) -> Charged:
    """Explain a month's or a year's charge. Raises AssertionError where no price of the book makes it."""
    if (advance := _advance(evidence, line)) is not None:
        return _in_advance(evidence, line, advance)
    lived = phase_of(evidence, line)
    found = [_in_arrears(evidence, line, lived, tariff) for tariff in tariffs(evidence, line)]
    assert found, f"{line.thing}: the price book has no price {line.price!r} of {line.plan!r}"
    fitting = [charged for charged in found if total(charged.parts) == line.exact]
    return (fitting or found)[0]


def once(evidence: Evidence, line: Line) -> Charged:
    """Explain a one-time fee, which is due on the first paid day on a plan."""
    advance = _advance(evidence, line)
    assert advance is not None, f"{line.thing}: nothing falls due once on {line.starts_on}"
    lived, tariff = phase_of(evidence, line), _tariff(evidence, line, advance.held)
    day = line.starts_on.replace(day=1)
    nodes = _counted(line, tariff.on(day, lived), tariff.cite(evidence, day, lived))
    return Charged(nodes, [fact(f"once, on {line.starts_on}: the first paid day on {line.plan}")])


def credit(evidence: Evidence, line: Line) -> Charged:
    """Explain what is given back of what was paid in advance and is not served as it was."""
    advance = _advance(evidence, line)
    assert advance is not None, f"{line.thing}: nothing that was paid in advance ends on {line.starts_on}"
    held, service = advance
    paid = evidence.lines(
        "kind = 'recurring' and subscription = ? and plan = ? and price = ? and quantity = ? "
        "and starts_on = ?",
        *(line.subscription, line.plan, line.price, line.quantity, held.from_at.date()),
    )
    lived = phase_of(evidence, paid[0]) if paid else phase_of(evidence, line)
    whole = _term(evidence, line, held, lived)
    back = _part(evidence, total(whole), held, service)
    text = f"less {_of_term(evidence, held, service)} of {money(total(whole), line.currency)}"
    node = Node(text, -back, line.currency, reasons=tuple(whole))
    said = [fact(f"paid in advance from {held.from_at.date()} up to {held.term.ends_on}")]
    said += [Node("charged then", one.amount, one.currency, thing=one.thing) for one in paid[:1]]
    return Charged([node], said)


def year_of(
    price: Price, quantity: Decimal, *, by_year: bool, months: int, unit: str, currency: str, source: str
) -> list[Node]:
    """Return the arithmetic of a term's price: its own rate, or so many months of the monthly one."""
    rate = price.annual if by_year and price.annual is not None else price
    nodes = steps(rate, quantity, unit=unit, currency=currency, source=source)
    if price.cadence != "billing" or rate is not price or months == 1:
        return nodes
    month = total(nodes)
    text = f"{months} months at {money(month, currency)}"
    return [Node(text, times(month, Decimal(months)), currency, reasons=tuple(nodes))]


def unit_of(price: Price, key: str) -> str:
    """Name what a recurring price counts."""
    return {"seat": "seat", "subscription": "subscription"}.get(price.per or "", key)


def _advance(evidence: Evidence, line: Line) -> Advance | None:
    """Find what of the subscription's advance payments a line is; None where it is in arrears."""
    wanted = (line.phase_no, line.plan, line.price, line.kind, line.quantity)
    for charge, (held, service) in dated(evidence, line.account, line.subscription):
        named = (charge["phase_no"], charge["plan"], charge["price"], charge["kind"], charge["quantity"])
        same = (charge["exact"], charge["starts_on"], charge["ends_on"])
        if named == wanted and same == (line.exact, line.starts_on, line.ends_on):
            return Advance(held, service)
    return None


def _in_advance(evidence: Evidence, line: Line, advance: Advance) -> Charged:
    held, service = advance
    lived = phase_of(evidence, line)
    nodes = _term(evidence, line, held, lived)
    part = _part(evidence, total(nodes), held, service)
    text = f"only {_of_term(evidence, held, service)}"
    what = "a year" if held.months == TERM_MONTHS else counted(held.months, "month")
    said = fact(f"{what} in advance, from {held.term.starts_on} up to {held.term.ends_on}")
    return Charged(with_rest(nodes, part, text, line.currency), [said, *_terms(lived.phase, held.item.price)])


def _in_arrears(evidence: Evidence, line: Line, lived: Lived, tariff: Tariff) -> Charged:
    part_of = _slice(evidence, line)
    day = part_of.period_starts_on
    price = tariff.on(day, lived)
    nodes = _counted(line, price, tariff.cite(evidence, day, lived))
    reasons = _terms(lived.phase, price)
    if price.prorate is False:
        return Charged(nodes, reasons)
    conventions = evidence.book.conventions
    part = part_of_units(total(nodes), line.quantity, part_of.of_period, evidence.book)
    days = days_text(line.starts_on, line.ends_on)
    text = f"only {units_text(part_of.of_period, conventions.proration)}: {days}"
    return Charged(with_rest(nodes, part, text, line.currency), reasons)


def _slice(evidence: Evidence, line: Line) -> Slice:
    """Return the part of the billing period that a line is for."""
    found = slices_of(evidence, line.account, line.subscription, line.month)
    own = [one for one in found if one.phase_no == line.phase_no and one.plan == line.plan]
    same = [one for one in own if one.from_on == line.starts_on]
    assert own, f"{line.thing}: phase {line.phase_no} of {line.subscription} has no part in the month"
    return (same or own)[0]


def _terms(phase: Phase, price: Price) -> list[Node]:
    """Say what the subscription was in the phase that is billed."""
    ends = "" if phase.ends_on is None else f" up to {phase.ends_on}"
    seats = f" with {counted(phase.seats, 'seat')}" if price.per == "seat" else ""
    text = f"phase {phase.phase_no} of {phase.subscription}: {phase.plan}{seats} from {phase.starts_on}{ends}"
    return [fact(text)]


def _counted(line: Line, price: Price, source: str) -> list[Node]:
    unit = unit_of(price, line.price)
    return steps(price, line.quantity, unit=unit, currency=line.currency, source=source)


def _tariff(evidence: Evidence, line: Line, held: Held) -> Tariff:
    """Return the price of the book that is held."""
    found = list(tariffs(evidence, line))
    assert found, f"{line.thing}: the price book has no price {line.price!r} of {line.plan!r}"
    return next((one for one in found if one.price.per == held.item.price.per), found[0])


def _term(evidence: Evidence, line: Line, held: Held, lived: Lived) -> list[Node]:
    """Return what so many cost a whole term, by the version of the price in force when it was taken."""
    tariff = _tariff(evidence, line, held)
    day = held.from_at.date() if held.months == TERM_MONTHS else held.term.starts_on
    price = tariff.on(day, lived)
    return year_of(
        price,
        line.quantity,
        by_year=lived.phase.billing == "year",
        months=held.months,
        unit=unit_of(price, line.price),
        currency=line.currency,
        source=tariff.cite(evidence, day, lived),
    )


def _part(evidence: Evidence, whole: Decimal, held: Held, service: Span) -> Decimal:
    """Return what a span of a term is of its price; without proration a part costs what the whole does."""
    conventions = evidence.book.conventions
    if service != held.term and (conventions.proration == "none" or not held.is_prorated):
        return whole
    part = part_of_period(service, held.term, conventions, held.months)
    return part_of_units(whole, Decimal(held.quantity), part, evidence.book)


def _of_term(evidence: Evidence, held: Held, service: Span) -> str:
    conventions = evidence.book.conventions
    part = part_of_period(service, held.term, conventions, held.months)
    return units_text(part, conventions.proration)

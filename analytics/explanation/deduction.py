"""Deductions: lines that take something off others. Discounts, what a grant makes cheaper, and refunds."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from analytics.explanation.charge import Charged
from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.life import phase_of
from analytics.explanation.line import reference
from analytics.explanation.node import Node, added, fact, few, total
from analytics.explanation.tariff import with_rest
from analytics.explanation.usage import dimensions_of, measured_by
from analytics.explanation.words import counted, label, money, number, percent
from billing.money import EXACTLY, ZERO, over, times
from billing.rule import Entitlement, Refund

OF_A_RECURRING = ("recurring", "credit")


class Covered(NamedTuple):
    """Units of a usage line that an entitlement makes cheaper, and the grants that were drawn for it."""

    entitlement: str
    quantity: Decimal
    grants: tuple[str, ...]


def discount(evidence: Evidence, line: Line) -> Charged:
    """Explain a discount: a share off a recurring line, or what grants take off a usage line."""
    return _cheaper(evidence, line) if line.meter else _share_off(evidence, line)


def refund(evidence: Evidence, line: Line) -> Charged:
    """Explain what is given back of fees for missed guarantees, up to its cap."""
    found = [
        _refunded(evidence, line, key, rule)
        for key, rule in evidence.book.refunds.items()
        if rule.meter == line.meter and line.price in rule.prices
    ]
    assert found, f"{line.thing}: the price book has no refund for {line.meter!r} and {line.price!r}"
    fitting = [charged for charged in found if total(charged.parts) == line.exact]
    return (fitting or found)[0]


def _share_off(evidence: Evidence, line: Line) -> Charged:
    key = phase_of(evidence, line).phase.discount
    rule = evidence.book.discounts[key]
    candidates = evidence.lines(
        "invoice = ? and subscription = ? and plan = ? and price = ? and phase_no = ? and quantity = ? "
        "and starts_on = ? and ends_on = ? and kind in ('recurring', 'credit')",
        *(line.invoice, line.subscription, line.plan, line.price, line.phase_no, line.quantity),
        *(line.starts_on, line.ends_on),
    )
    off = next((one for one in candidates if -times(one.amount, rule.share) == line.exact), None)
    assert off is not None, f"{line.thing}: no line of {line.invoice} is what {key!r} takes {rule.share} off"
    source = evidence.cite("discounts", key, source=rule.source)
    lasts = "" if rule.months is None else f", for {counted(rule.months, 'month')}"
    text = f"{percent(rule.share)} off {money(off.amount, line.currency)} of {off.thing}"
    node = Node(text, line.exact, line.currency, source=source)
    return Charged([node], [fact(f"discount {key}{lasts}", source), reference(off)])


def _cheaper(evidence: Evidence, line: Line) -> Charged:
    """Explain what grants that are not free take off a line of usage."""
    candidates = evidence.lines(
        "invoice = ? and subscription = ? and plan = ? and price = ? and meter = ? and dimensions = ? "
        "and kind = 'usage' and quantity > 0 and starts_on = ? and ends_on = ?",
        *(line.invoice, line.subscription, line.plan, line.price, line.meter, line.dimensions),
        *(line.starts_on, line.ends_on),
    )
    for off in candidates:
        parts = [_less(evidence, off, one) for one in _covered(evidence, off)]
        if total(parts) == line.exact:
            return Charged(parts, [reference(off)])
    raise AssertionError(f"{line.thing}: no grant and line of {line.invoice} come to {line.exact}")


def _covered(evidence: Evidence, off: Line) -> list[Covered]:
    """Return what each entitlement covers of the usage that a line rates."""
    units: dict[str, Decimal] = {}
    grants: dict[str, dict[str, None]] = {}
    for row in measured_by(evidence, off):
        drawn = evidence.rows(
            'select g.entitlement, g."grant", d.quantity from drawdowns d join grants g on g."grant" = d."grant" '
            "where not g.free and d.month = ? and d.subscription = ? and d.phase_no = ? and d.meter = ? "
            "and d.dimensions = ? order by all",
            *row.key,
        )
        for entitlement, grant, quantity in drawn:
            units[entitlement] = units.get(entitlement, ZERO) + quantity
            grants.setdefault(entitlement, {})[grant] = None
    return [Covered(key, quantity, tuple(grants[key])) for key, quantity in units.items()]


def _less(evidence: Evidence, off: Line, covered: Covered) -> Node:
    rule = evidence.book.entitlements[covered.entitlement]
    meter = evidence.book.meters[off.meter]
    part = over(times(off.amount, covered.quantity), off.quantity)
    units = counted(covered.quantity, meter.unit)
    cost = f"{money(part, off.currency)}, the part of {units} of {number(off.quantity)}"
    if rule.share is not None:
        less, text = times(part, rule.share), f"{percent(rule.share)} off {cost}"
    else:
        each = rule.amount or ZERO
        less = min(times(each, covered.quantity), part)
        text = f"{money(each, off.currency)} off each of {units}, at most {cost}"
    source = evidence.cite("entitlements", covered.entitlement, source=rule.source)
    reasons = tuple(_grant(evidence, grant, rule, source) for grant in covered.grants)
    return Node(text, -less, off.currency, reasons=reasons[: evidence.largest], source=source)


def _grant(evidence: Evidence, grant: str, rule: Entitlement, source: str) -> Node:
    rows = evidence.rows('select granted_on, expires_on, quantity from grants where "grant" = ?', grant)
    granted_on, expires_on, quantity = rows[0]
    units = "any number" if quantity is None else number(quantity)
    ends = f" up to {expires_on}" if expires_on else ""
    return fact(f"grant {grant}: {units} from {granted_on}{ends}", source)


def _refunded(evidence: Evidence, line: Line, key: str, rule: Refund) -> Charged:
    value = dimensions_of(line.dimensions).get(rule.by, "") if rule.by else ""
    fees = list(_fees(evidence, line, rule, value))
    billed = total(fees)
    due = times(times(billed, rule.share), line.quantity)
    source = evidence.cite("refunds", key, source=rule.source)
    misses = counted(line.quantity, evidence.book.meters[line.meter].unit)
    text = f"{misses} missed, {percent(rule.share)} each of {money(billed, line.currency)}"
    nodes = [Node(text, -due, line.currency, source=source)]
    before = _given_before(evidence, line, rule)
    most = EXACTLY.subtract(times(billed, rule.cap), total(before))
    if due > most:
        given = f", less {money(total(before), line.currency)} given back before" if before else ""
        limit = f"no more than {percent(rule.cap)} of the fees{given}"
        nodes = with_rest(nodes, -most, limit, line.currency)
    what = f"fees billed for {value}" if rule.by else "fees of the month"
    reasons = [added(what, few(fees, line.currency, largest=evidence.largest, what="more lines"), line.currency)]
    if before:
        reasons.append(added("given back before", before, line.currency))
    return Charged(nodes, reasons)


def _fees(evidence: Evidence, line: Line, rule: Refund, value: str) -> Iterator[Node]:
    """Yield the lines whose amounts are the fees that a refund is a share of."""
    names = ", ".join("?" for _ in rule.prices)
    when = "month <= ?" if rule.by else "month = ?"
    rows = evidence.lines(
        f"subscription = ? and price in ({names}) and {when} and amount <> 0 "
        "and kind not in ('refund', 'true_up')",
        *(line.subscription, *rule.prices, line.month),
    )
    for one in rows:
        if not rule.by or dimensions_of(one.dimensions).get(rule.by) == value:
            text = f"{label(one.month)}, {one.kind.replace('_', ' ')}: {one.price} of {one.plan}"
            yield Node(text, one.amount, one.currency, thing=one.thing)


def _given_before(evidence: Evidence, line: Line, rule: Refund) -> Sequence[Node]:
    """Return what refunds of the same prices gave back before, where they share a cap with a line's."""
    same = [
        (place, one)
        for place, one in enumerate(evidence.book.refunds.values())
        if set(one.prices) == set(rule.prices) and one.by == rule.by
    ]
    places = {one.meter: place for place, one in same}
    when = "month <= ?" if rule.by else "month = ?"
    rows = evidence.lines(
        f"subscription = ? and kind = 'refund' and dimensions = ? and {when}",
        *(line.subscription, line.dimensions, line.month),
    )
    own = (line.month, places.get(line.meter, 0))
    return [
        Node(f"{label(one.month)}, {one.meter}", -one.amount, one.currency, thing=one.thing)
        for one in rows
        if one.thing != line.thing and one.meter in places and (one.month, places[one.meter]) < own
    ]

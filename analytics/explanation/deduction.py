"""Deductions: lines that take something off others. Discounts, what a grant makes cheaper, and refunds."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from analytics.explanation.charge import Charged
from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.line import reference
from analytics.explanation.node import Node, added, fact, few, total
from analytics.explanation.taken import KINDS, Taken, beside, taken
from analytics.explanation.tariff import tariff_of, with_rest
from analytics.explanation.usage import dimensions_of, measured_by
from analytics.explanation.words import counted, label, money, number, percent
from billing.money import EXACTLY, ZERO, over, round_money, times
from billing.rule import Discount, Entitlement, Refund


class Covered(NamedTuple):
    """Units of a usage line that an entitlement makes cheaper, and the grants that were drawn for it."""

    entitlement: str
    quantity: Decimal
    grants: tuple[str, ...]


def discount(evidence: Evidence, line: Line) -> Charged:
    """Explain a discount: what grants take off usage, or what a discount or a maximum takes off any line."""
    found = _cheaper(evidence, line)
    return _off(evidence, line) if found is None else found


def bounded(evidence: Evidence, line: Line) -> Charged | None:
    """Explain what brings a price's line to its minimum, after discounts. None where nothing does."""
    rows = [one for one in taken(evidence, line, _entitled(evidence, line)) if one.is_of(line)]
    return _off(evidence, line) if rows else None


def refund(evidence: Evidence, line: Line) -> Charged:
    """Explain what is given back of fees for missed guarantees, up to its cap.

    Refunds of the same prices share a cap: they are walked through in the order of the book.
    """
    rules = [one for one in evidence.book.refunds.values() if one.meter == line.meter]
    for purse in dict.fromkeys((frozenset(one.prices), one.by) for one in rules if line.price in one.prices):
        given = _given_before(evidence, line, *purse)
        for key, rule in evidence.book.refunds.items():
            if (frozenset(rule.prices), rule.by) != purse:
                continue
            charged = _refunded(evidence, line, key, rule, given)
            exact = total(charged.parts)
            if exact == line.exact and rule.meter == line.meter:
                return charged
            if exact < 0:
                amount = round_money(-exact, line.currency, evidence.book.conventions.rounding)
                given = [*given, Node(f"{label(line.month)}, {key}", amount, line.currency)]
    message = f"{line.thing}: no refund of the price book gives {-line.exact} back"
    raise AssertionError(message)


def _entitled(evidence: Evidence, line: Line) -> list[Line]:
    """Return the discounts of a line's invoice that grants give."""
    if all(one.is_free for one in evidence.book.entitlements.values()):
        return []
    where, values = beside(evidence, line)
    lines = evidence.lines(f"{where} and kind = 'discount' and meter <> ''", *values)
    return [one for one in lines if _cheaper(evidence, one) is not None]


def _off(evidence: Evidence, line: Line) -> Charged:
    found = [one for one in taken(evidence, line, _entitled(evidence, line)) if one.is_of(line)]
    assert found, f"{line.thing}: no discount and no bound of the price book takes {-line.exact} off"
    one = found[0]
    text, source = _why(evidence, line, one)
    node = Node(text, one.exact, line.currency, source=source)
    return Charged([node], [reference(of) for of in _lines_of(evidence, line)[:1]])


def _why(evidence: Evidence, line: Line, one: Taken) -> tuple[str, str]:
    """Say what takes something off a line, and where the book has it."""
    net, currency = money(one.net, line.currency), line.currency
    if one.cause == "price":
        tariff = tariff_of(evidence, line)
        off = tariff.price.off or ZERO
        return f"{percent(off)} off {net}", evidence.cite(*tariff.path, "off", source=tariff.price.source)
    if one.cause in evidence.book.discounts:
        rule = evidence.book.discounts[one.cause]
        source = evidence.cite("discounts", one.cause, source=rule.source)
        lasts = _lasts(rule, line.currency)
        if rule.share is not None:
            return f"discount {one.cause}: {percent(rule.share)} off {net}{lasts}", source
        whole, base = money(one.whole or ZERO, currency), money(one.base or ZERO, currency)
        return f"discount {one.cause}: {whole} off {base}, of which {net} are of this line{lasts}", source
    if one.whole is not None:
        plan = evidence.book.plans[line.plan]
        most, base = money(plan.maximum or ZERO, currency), money(one.base or ZERO, currency)
        text = f"above the most of a month, {most}: {net} of {base} are of this line"
        return text, evidence.cite("plans", line.plan, "maximum", source=plan.source)
    tariff = tariff_of(evidence, line)
    name = "maximum" if line.kind == "discount" else "minimum"
    return f"brings {net} to the price's {name}", evidence.cite(
        *tariff.path, name, source=tariff.price.source
    )


def _lasts(rule: Discount, currency: str) -> str:
    """Say how long a discount is taken, where that is not for good."""
    said = [f", for {counted(rule.months, 'month')}"] if rule.months is not None else []
    if rule.times is not None:
        said.append(f", {counted(rule.times, 'time')}")
    if rule.window == "life":
        said.append(f", until {money(rule.amount or ZERO, currency)} are used up")
    return "".join(said)


def _lines_of(evidence: Evidence, line: Line) -> list[Line]:
    """Return the lines of the invoice that a deduction may be off."""
    same = evidence.lines(
        "invoice = ? and subscription = ? and plan = ? and price = ? and phase_no = ? and meter = ? "
        "and dimensions = ? and starts_on = ? and ends_on = ?",
        *(line.invoice, line.subscription, line.plan, line.price, line.phase_no, line.meter),
        *(line.dimensions, line.starts_on, line.ends_on),
    )
    return [one for one in same if one.kind in KINDS and (line.exact < 0) == (one.amount > 0)]


def _cheaper(evidence: Evidence, line: Line) -> Charged | None:
    """Explain what grants that are not free take off a line of usage. None where they do not come to it."""
    candidates = evidence.lines(
        "invoice = ? and subscription = ? and plan = ? and price = ? and meter = ? and dimensions = ? "
        "and kind = 'usage' and quantity > 0 and starts_on = ? and ends_on = ?",
        *(line.invoice, line.subscription, line.plan, line.price, line.meter, line.dimensions),
        *(line.starts_on, line.ends_on),
    )
    for off in candidates:
        parts = [_less(evidence, off, one) for one in _covered(evidence, off, line)]
        if parts and total(parts) == line.exact:
            return Charged(parts, [reference(off)])
    return None


def _covered(evidence: Evidence, off: Line, line: Line) -> list[Covered]:
    """Return what each entitlement covers of the usage that a line rates, as the discount counts it."""
    units: dict[str, Decimal] = {}
    grants: dict[str, dict[str, None]] = {}
    for row in measured_by(evidence, off):
        drawn = evidence.rows(
            'select g.entitlement, g."grant", d.quantity from drawdowns d join grants g '
            'on g."grant" = d."grant" '
            "where not g.free and d.month = ? and d.subscription = ? and d.phase_no = ? and d.meter = ? "
            "and d.dimensions = ? order by all",
            *row.key,
        )
        for entitlement, grant, quantity in drawn:
            units[entitlement] = units.get(entitlement, ZERO) + quantity
            grants.setdefault(entitlement, {})[grant] = None
    if len(units) == 1:  # some of what a grant covered may be rated by another plan, above a limit
        units = dict.fromkeys(units, line.quantity)
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


def _refunded(evidence: Evidence, line: Line, key: str, rule: Refund, given: Sequence[Node]) -> Charged:
    value = dimensions_of(line.dimensions).get(rule.by, "") if rule.by else ""
    fees = list(_fees(evidence, line, rule, value))
    billed, misses = total(fees), _misses(evidence, line, rule, value)
    due = times(times(billed, rule.share), misses)
    source = evidence.cite("refunds", key, source=rule.source)
    units = counted(misses, evidence.book.meters[rule.meter].unit)
    text = f"{key}: {units} of {rule.meter}, {percent(rule.share)} each of {money(billed, line.currency)}"
    nodes = [Node(text, -due, line.currency, source=source)]
    most = EXACTLY.subtract(times(billed, rule.cap), total(given))
    if due > most:
        before = f", less {money(total(given), line.currency)} given back before" if given else ""
        limit = f"no more than {percent(rule.cap)} of the fees{before}"
        nodes = with_rest(nodes, -max(most, ZERO), limit, line.currency)
    what = f"fees billed for {value}" if rule.by else "fees of the month"
    shown = few(fees, line.currency, largest=evidence.largest, what="more lines")
    reasons = [Node(what, billed, line.currency, shown)]
    if given:
        reasons.append(added("given back before", given, line.currency))
    return Charged(nodes, reasons)


def _misses(evidence: Evidence, line: Line, rule: Refund, value: str) -> Decimal:
    """Return how often a guarantee was missed in a line's month."""
    rows = evidence.rows(
        "select dimensions, sum(quantity) from usage where month = ? and subscription = ? and meter = ? "
        "group by dimensions",
        *(line.month, line.subscription, rule.meter),
    )
    found = ZERO
    for text, quantity in rows:
        values = dimensions_of(text)
        wanted = {name: (one,) if isinstance(one, str) else one for name, one in rule.where.items()}
        if all(values.get(name) in ones for name, ones in wanted.items()) and (
            not rule.by or values.get(rule.by) == value
        ):
            found += quantity
    return found


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


def _given_before(evidence: Evidence, line: Line, prices: frozenset[str], by: str) -> list[Node]:
    """Return what refunds of the same prices gave back in the months before, where these share a cap."""
    if not by:
        return []
    rows = evidence.lines(
        "subscription = ? and kind = 'refund' and dimensions = ? and month < ?",
        *(line.subscription, line.dimensions, line.month),
    )
    return [
        Node(f"{label(one.month)}, {one.meter}", -one.amount, one.currency, thing=one.thing)
        for one in rows
        if one.price in prices
    ]

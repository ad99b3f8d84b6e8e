"""Usage lines: what was counted, what was included or given, what the window held before, and the events."""

import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from analytics.explanation.charge import Charged
from analytics.explanation.earlier import counted_before
from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.happening import events
from analytics.explanation.life import Slice, phase_of, slices_of, units_text
from analytics.explanation.line import reference
from analytics.explanation.node import Node, added, fact, few, total
from analytics.explanation.tariff import steps, tariff_of, with_rest
from analytics.explanation.words import counted, label, number
from billing.money import EXACTLY, ZERO, times
from billing.price import Price
from billing.proration import amount_of
from metering.meter import Meter


class Measured(NamedTuple):
    """A row of the ledger's `usage`, and how much of it a line rates."""

    month: date
    subscription: str
    phase_no: int
    meter: str
    dimensions: str
    plan: str
    quantity: Decimal
    events: int
    rated: Decimal

    @property
    def key(self) -> tuple[date, str, int, str, str]:
        """What names it in other tables."""
        return self.month, self.subscription, self.phase_no, self.meter, self.dimensions


_SAME = " and ".join(f"t.{name} = ?" for name in ("month", "subscription", "phase_no", "meter", "dimensions"))


def usage(evidence: Evidence, line: Line) -> Charged:
    """Explain what usage costs: tier by tier, with what the window has counted before."""
    lived = phase_of(evidence, line)
    tariff = tariff_of(evidence, line)
    slices = [
        one for one in slices_of(evidence, line.account, line.subscription, line.month) if not one.trial
    ]
    day = max((one.period_starts_on for one in slices), default=line.month)
    price, meter = tariff.on(day, lived), evidence.book.meters[line.meter]
    source = tariff.cite(evidence, day, lived)
    before = None if price.window == "period" else counted_before(evidence, line, lived, price)
    earlier = _billed_before(evidence, line)
    nodes = steps(
        price,
        EXACTLY.add(line.quantity, sum((one.quantity for one in earlier), ZERO)),
        unit=meter.unit,
        currency=line.currency,
        source=source,
        before=before,
        allowance=EXACTLY.add(line.allowance, sum((one.allowance for one in earlier), ZERO)),
    )
    reasons = [_used(evidence, line, meter)]
    if meter.is_level and price.prorate is not False:
        nodes = _held(evidence, line, nodes, slices)
    if earlier:
        nodes = _rest(line, nodes, earlier)
    if price.allowance:
        reasons.append(_included(evidence, line, price, slices, source))
    if before is not None:
        reasons.append(_window(evidence, line, price, before, meter))
    return Charged(nodes, reasons)


def _billed_before(evidence: Evidence, line: Line) -> list[Line]:
    """Return the lines by which a plan that bills during the month had billed the same usage before."""
    plan = evidence.book.plans.get(line.plan)
    if plan is None or not plan.progressive:
        return []
    return evidence.lines(
        "month = ? and subscription = ? and plan = ? and price = ? and dimensions = ? and kind = 'usage' "
        "and starts_on < ?",
        *(line.month, line.subscription, line.plan, line.price, line.dimensions, line.starts_on),
    )


def _rest(line: Line, nodes: Sequence[Node], earlier: Sequence[Line]) -> list[Node]:
    """Return what usage comes to since the month began, less what had been billed of it."""
    last = line.ends_on - timedelta(days=1)
    so_far = Node(f"since the month began, up to {last}", total(nodes), line.currency, tuple(nodes))
    billed = sum((one.exact for one in earlier), ZERO)
    before = [reference(one) for one in earlier]
    return [so_far, Node("less what had been billed of it", -billed, line.currency, reasons=tuple(before))]


def measured_by(evidence: Evidence, line: Line) -> list[Measured]:
    """Return the measured usage that a line rates."""
    rows = evidence.rows(
        "select u.month, u.subscription, u.phase_no, u.meter, u.dimensions, u.plan, u.quantity, u.events, "
        "r.quantity from rated_usage r join usage u using (month, subscription, phase_no, meter, dimensions) "
        "where r.invoice = ? and r.line_no = ? order by all",
        *(line.invoice, line.line_no),
    )
    return [Measured(*row) for row in rows]


def _held(evidence: Evidence, line: Line, nodes: list[Node], slices: Sequence[Slice]) -> list[Node]:
    """Add that a level was held for a part of the month."""
    own = next(one for one in slices if one.phase_no == line.phase_no)
    conventions = evidence.book.conventions
    part = amount_of(total(nodes), own.of_period, conventions)
    text = f"held for {units_text(own.of_period, conventions.proration)}"
    return with_rest(nodes, part, text, line.currency)


def _used(evidence: Evidence, line: Line, meter: Meter) -> Node:
    """Return what a line counts, from the measured usage and its events."""
    rows = measured_by(evidence, line)
    parts = [_rated(evidence, line, row, meter) for row in rows]
    text = f"{counted(line.quantity, meter.unit)} counted by meter {line.meter}"
    if not rows or sum((row.rated for row in rows), ZERO) != line.quantity:
        return Node(text, line.quantity, meter.unit, reasons=tuple(parts))
    shown = few(parts, meter.unit, largest=evidence.largest, what="more rows of usage")
    source = evidence.cite("meters", line.meter, source=meter.source)
    return Node(text, line.quantity, meter.unit, shown, source=source)


def _rated(evidence: Evidence, line: Line, row: Measured, meter: Meter) -> Node:
    """Return what a line rates of one row of usage: what was measured less what others cover."""
    named = f", {row.dimensions}" if row.dimensions else ""
    text = f"{label(row.month)}, phase {row.phase_no}{named}: measured from {counted(row.events, 'event')}"
    found = events(evidence, line.account, row.key, meter)
    adds_up = meter.aggregation in ("sum", "count", "unique_count") and evidence.log is not None
    if adds_up and found and total(found) == row.quantity:
        shown = few(found, meter.unit, largest=evidence.largest, what="more events")
        whole = Node(text, row.quantity, meter.unit, shown)
    else:
        whole = Node(text, row.quantity, meter.unit, reasons=tuple(found[: evidence.largest]))
    if row.rated == row.quantity:
        return whole
    parts = [whole, *_elsewhere(evidence, line, row, meter)]
    left = f"{label(row.month)}, phase {row.phase_no}{named}: left to rate"
    parts = with_rest(parts, row.rated, _above(evidence, row), meter.unit)
    return added(left, parts, meter.unit)


def _elsewhere(evidence: Evidence, line: Line, row: Measured, meter: Meter) -> Iterator[Node]:
    """Yield what grants cover of a row, and what lines of other plans rate."""
    drawn = evidence.rows(
        'select t."grant", t.quantity from drawdowns t join grants g on g."grant" = t."grant" '
        f"where g.free and {_SAME} order by all",
        *row.key,
    )
    for grant, quantity in drawn:
        entitlement = str(grant).partition("/")[0]
        source = evidence.cite("entitlements", entitlement, source=_source(evidence, entitlement))
        yield Node(f"covered by grant {grant}", -quantity, meter.unit, source=source)
    others = evidence.rows(
        "select l.plan, max(t.quantity) from rated_usage t join invoice_lines l using (invoice, line_no) "
        f"where {_SAME} and l.plan <> ? and l.kind = 'usage' group by l.plan order by l.plan",
        *(*row.key, line.plan),
    )
    for plan, quantity in others:
        yield Node(f"rated as usage of {plan}", -quantity, meter.unit)
    late = evidence.rows(
        "select l.invoice, l.line_no, t.quantity from rated_usage t join invoice_lines l "
        f"using (invoice, line_no) where {_SAME} and l.plan = ? and l.price = ? and l.kind = 'adjustment' "
        "order by all",
        *(*row.key, line.plan, line.price),
    )
    for invoice, line_no, quantity in late:
        yield Node("known later", -quantity, meter.unit, thing=f"{invoice}/{line_no}")


def _source(evidence: Evidence, entitlement: str) -> str:
    found = evidence.book.entitlements.get(entitlement)
    return found.source if found else ""


def _above(evidence: Evidence, row: Measured) -> str:
    """Say what usage is that nothing rates."""
    limits = evidence.book.plans[row.plan].limits.values() if row.plan in evidence.book.plans else ()
    for limit in limits:
        if limit.meter == row.meter:
            each = " a seat" if limit.per == "seat" else ""
            return f"above the limit of {number(limit.quantity)} a {limit.window}{each} of {row.plan}"
    return "drawn or refused in other ways"


def _included(evidence: Evidence, line: Line, price: Price, slices: Sequence[Slice], source: str) -> Node:
    """Return what is included: the allowance, by the days of the phases that bring it."""
    meter = evidence.book.meters[line.meter]
    text = f"{counted(line.allowance, meter.unit)} included"
    if not line.allowance:
        return fact("nothing is included: the usage stepped here from another plan", source)
    is_parted = price.window == "period" and not meter.is_level
    parts = list(_allowances(evidence, line, price, slices)) if is_parted else []
    if parts and total(parts) == line.allowance:
        return Node(text, line.allowance, meter.unit, tuple(parts), source=source)
    each = fact(_each(price, meter.unit))
    return Node(text, line.allowance, meter.unit, reasons=(each, *parts), source=source)


def _allowances(evidence: Evidence, line: Line, price: Price, slices: Sequence[Slice]) -> Iterator[Node]:
    unit, conventions = evidence.book.meters[line.meter].unit, evidence.book.conventions
    for one in slices:
        if one.plan != line.plan:
            continue
        seats = one.seats if price.allowance_per == "seat" else 1
        part = amount_of(times(price.allowance, Decimal(seats)), one.of_period, conventions)
        each = f"{counted(seats, 'seat')} × " if price.allowance_per == "seat" else ""
        days = units_text(one.of_period, conventions.proration)
        yield Node(f"phase {one.phase_no}: {each}{number(price.allowance)} × {days}", part, unit)


def _each(price: Price, unit: str) -> str:
    per = " for each seat" if price.allowance_per == "seat" else ""
    window = {"period": "a month", "year": "a contract year", "life": "once"}[price.window]
    return f"{counted(price.allowance, unit)} {window}{per}"


def _window(evidence: Evidence, line: Line, price: Price, before: Decimal, meter: Meter) -> Node:
    """Return what the window had counted before, by the invoices that rated it."""
    name = {"year": "this contract year", "life": "the subscription's life"}[price.window]
    text = f"{counted(before, meter.unit)} before in {name}"
    earlier = evidence.lines(
        "subscription = ? and plan = ? and price = ? and dimensions = ? and kind = 'usage' and month < ?",
        *(line.subscription, line.plan, line.price, line.dimensions, line.month),
    )
    parts: list[Node] = []
    for one in reversed(earlier):
        if total(parts) >= before:
            break
        parts.append(Node(f"in {label(one.month)}", one.quantity, meter.unit, thing=one.thing))
    parts.reverse()
    rest = EXACTLY.subtract(before, total(parts))
    if rest:
        parts.append(Node("in months without an invoice", rest, meter.unit))
    return Node(
        text, before, meter.unit, few(parts, meter.unit, largest=evidence.largest, what="more months")
    )


def dimensions_of(text: str) -> dict[str, str]:
    """Read the dimensions of a row."""
    found: dict[str, str] = json.loads(text) if text else {}
    return found

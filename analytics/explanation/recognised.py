"""Recognition: what a month earns of a line whose service, or whose units, reach beyond its month."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.line import reference
from analytics.explanation.node import Node, added, fact
from analytics.explanation.tariff import with_rest
from analytics.explanation.words import money, number
from billing.money import ZERO, over, round_money, times
from metering.period import Period, add_months, month_of


class Drawn(NamedTuple):
    """How far the grants that a line sold are used up by the end of a month."""

    granted: Decimal
    drawn: Decimal
    lost: Decimal


def earned(evidence: Evidence, line: Line, month: date, *, is_broken: bool) -> Node:
    """Explain what a month earns of a deferred line: by its days, or as the units it sold are drawn."""
    period = month_of(month)
    by_days = line.ends_on > add_months(line.month, 1) and not is_broken
    if by_days:
        now, before = (_by_day(evidence, line, day) for day in (period.ends_on, period.starts_on))
    else:
        now = _by_units(evidence, line, period, is_broken=is_broken)
        before = _by_units(
            evidence, line, month_of(period.starts_on - timedelta(days=1)), is_broken=is_broken
        )
    parts = [now]
    if before.amount:
        parts.append(Node(f"less {before.text}", -before.amount, line.currency, reasons=before.parts))
    reasons = [reference(line)] if by_days else [reference(line), *_grants(evidence, line)]
    verb = "expired" if is_broken else "earned"
    return added(f"{verb} in {period.label} of {line.thing}", parts, line.currency, reasons=tuple(reasons))


def _by_day(evidence: Evidence, line: Line, day: date) -> Node:
    """Return what a line has earned before a day."""
    whole = Period(line.starts_on, line.ends_on).days
    passed = min(max((day - line.starts_on).days, 0), whole)
    exact = over(times(line.amount, Decimal(passed)), Decimal(whole))
    said = f"{number(passed)} of {number(whole)} days of {money(line.amount, line.currency)}"
    return _rounded(evidence, line, f"earned before {day}", Node(said, exact, line.currency))


def _rounded(evidence: Evidence, line: Line, text: str, node: Node) -> Node:
    assert node.amount is not None, f"{line.thing}: {node.text} has no amount"
    mode = evidence.book.conventions.rounding
    amount = round_money(node.amount, line.currency, mode)
    parts = with_rest([node], amount, f"rounded {mode.replace('_', ' ')}", line.currency)
    return Node(text, amount, line.currency, tuple(parts))


def _by_units(evidence: Evidence, line: Line, period: Period, *, is_broken: bool) -> Node:
    """Return what a line has earned by the end of a month of the units that it sold."""
    text = f"{'expired' if is_broken else 'drawn'} up to {period.label}"
    if period.starts_on < line.month:
        return Node(text, ZERO, line.currency)
    drawn = _drawn(evidence, line, period)
    lost = _share(evidence, line, drawn.lost, drawn, "expired undrawn")
    if is_broken:
        return Node(text, lost.amount, line.currency, lost.parts)
    whole = _share(evidence, line, drawn.drawn + drawn.lost, drawn, "drawn or expired")
    parts = (
        [whole]
        if not lost.amount
        else [whole, Node(f"less {lost.text}", -lost.amount, line.currency, reasons=lost.parts)]
    )
    return added(text, parts, line.currency)


def _share(evidence: Evidence, line: Line, units: Decimal, drawn: Drawn, what: str) -> Node:
    exact = over(times(line.amount, units), drawn.granted)
    text = f"{number(units)} of {number(drawn.granted)} units {what}"
    said = f"{text}, of {money(line.amount, line.currency)}"
    return _rounded(evidence, line, text, Node(said, exact, line.currency))


def _drawn(evidence: Evidence, line: Line, period: Period) -> Drawn:
    sold = _sold(evidence, line)
    assert sold, f"{line.thing}: no grant is earned as it is drawn"
    names = ", ".join("?" for _ in sold)
    rows = evidence.rows(
        'select g."grant", g.quantity, g.expires_on, coalesce(sum(d.quantity) filter (d.month <= ?), 0) '
        'from grants g left join drawdowns d on d."grant" = g."grant" '
        f'where g."grant" in ({names}) group by all',
        *(period.starts_on, *sold),
    )
    lost = (
        quantity - drawn
        for _, quantity, expires_on, drawn in rows
        if expires_on is not None and expires_on <= period.ends_on
    )
    return Drawn(sum((row[1] for row in rows), ZERO), sum((row[3] for row in rows), ZERO), sum(lost, ZERO))


def _sold(evidence: Evidence, line: Line) -> list[str]:
    """Return the grants that a line sells: those of its usage; a discount goes with the line it is off."""
    key = (line.subscription, line.phase_no, line.plan, line.price, line.meter, line.dimensions)
    usage = line
    if line.kind == "discount":
        same = evidence.lines(
            "invoice = ? and kind = 'usage' and subscription = ? and phase_no = ? and plan = ? and price = ? "
            "and meter = ? and dimensions = ?",
            *(line.invoice, *key),
        )
        usage = same[0] if same else line
    deferred = [name for name, one in evidence.book.entitlements.items() if one.deferred]
    rows = evidence.rows(
        'select "grant", line_no from grants where invoice = ? and list_contains(?, entitlement) '
        "order by all",
        *(usage.invoice, deferred),
    )
    shared = evidence.rows(
        "select distinct o.line_no from rated_usage r join rated_usage o "
        "using (invoice, month, subscription, phase_no, meter, dimensions) "
        "where r.invoice = ? and r.line_no = ?",
        *(usage.invoice, usage.line_no),
    )
    lines = {usage.line_no, *(number for (number,) in shared)}
    return [grant for grant, line_no in rows if line_no in lines]


def _grants(evidence: Evidence, line: Line) -> Iterator[Node]:
    sold = _sold(evidence, line)
    nodes = []
    for grant in sold:
        row = evidence.rows(
            'select granted_on, expires_on, quantity, drawn from grants where "grant" = ?', grant
        )[0]
        granted_on, expires_on, quantity, drawn = row
        ends = f" up to {expires_on}" if expires_on else ""
        said = f"{number(quantity)} units from {granted_on}{ends}, {number(drawn)} drawn by now"
        nodes.append(fact(f"grant {grant}: {said}"))
    yield from nodes[: evidence.largest]
    if len(nodes) > evidence.largest:
        yield fact(f"{number(len(nodes) - evidence.largest)} more grants")

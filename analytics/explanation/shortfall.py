"""Shortfalls: what a contract year lacks of the least that a plan, or a price, commits to."""

from collections.abc import Iterator
from datetime import date

import polars as pl

from analytics.explanation.charge import Charged
from analytics.explanation.deduction import bounded
from analytics.explanation.earlier import billed_before
from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.life import phase_of
from analytics.explanation.node import Node, added, fact, few, total
from analytics.explanation.tariff import Tariff, steps
from analytics.explanation.words import counted, days_text, label
from billing.money import ZERO
from metering.period import add_months, months_between

YEAR_MONTHS = 12

COMMITMENT = "commitment"
"""The price key of lines that true up an amount."""


def true_up(evidence: Evidence, line: Line) -> Charged:
    """Explain what a contract year is trued up by: an amount, or a quantity at its price."""
    if not line.meter:
        return _amount(evidence, line)
    found = None if _commits(evidence, line) else bounded(evidence, line)
    return _quantity(evidence, line) if found is None else found


def _commits(evidence: Evidence, line: Line) -> bool:
    """Tell whether a line's price commits to a quantity, which is trued up once a contract year is over."""
    price = evidence.book.plans[line.plan].prices[line.price]
    return bool(price.commitment) and (line.starts_on, line.ends_on) != (
        line.month,
        add_months(line.month, 1),
    )


def _amount(evidence: Evidence, line: Line) -> Charged:
    plan = evidence.book.plans[line.plan]
    assert plan.commitment is not None, f"{line.thing}: {line.plan} commits to nothing"
    number_of_year = _year_no(evidence, line)
    least = plan.commitment.in_year(number_of_year)
    source = evidence.cite("plans", line.plan, COMMITMENT, source=plan.commitment.source)
    billed = list(_billed(evidence, line))
    text = f"the least of contract year {number_of_year + 1}"
    nodes = [Node(text, least, line.currency, source=source)]
    if billed:
        shown = few(billed, line.currency, largest=evidence.largest, what="more months")
        nodes.append(
            Node("less what was billed in it", -total(_negative(billed)), line.currency, tuple(shown))
        )
    return Charged(
        nodes, [fact(f"contract year {number_of_year + 1}: {days_text(line.starts_on, line.ends_on)}")]
    )


def _negative(nodes: list[Node]) -> list[Node]:
    return [Node(node.text, -(node.amount or ZERO), node.unit) for node in nodes]


def _billed(evidence: Evidence, line: Line) -> Iterator[Node]:
    """Yield what was billed in each month of a contract year, taken off what is due.

    Where years begin within a month, a line counts for the day on which its service began.
    """
    by_anchor = evidence.book.conventions.periods == "anniversary"
    day = "starts_on" if by_anchor else "month"
    rows = evidence.rows(
        f"select {day}, sum(amount) from invoice_lines where subscription = ? and {day} >= ? and {day} < ? "
        f"and month <= ? and not (kind = 'true_up' and meter = '') group by all having sum(amount) <> 0 "
        "order by all",
        *(line.subscription, line.starts_on, line.ends_on, line.month),
    )
    for first, amount in rows:
        if by_anchor:
            yield Node(f"billed for service from {first} on", -amount, line.currency)
        else:
            invoice = f"INV-{label(first)}-{line.account}"
            yield Node(f"billed in {label(first)}", -amount, line.currency, thing=invoice)


def _quantity(evidence: Evidence, line: Line) -> Charged:
    """Explain a quantity that was committed to and not taken: it is priced as if it came last."""
    price = evidence.book.plans[line.plan].prices[line.price]
    tariff, lived = Tariff(price, ("plans", line.plan, "prices", line.price)), phase_of(evidence, line)
    year = _year_no(evidence, line)
    least = price.commitment[min(year, len(price.commitment) - 1)]
    unit = evidence.book.meters[line.meter].unit
    taken = list(_taken(evidence, line, unit))
    in_year = [node for month, node in taken if month >= line.starts_on]
    before = {
        "period": ZERO,
        "year": total(in_year),
        "life": total(node for _, node in taken),
    }[price.window]
    nodes = steps(
        tariff.on(line.month, lived), line.quantity, unit=unit, currency=line.currency,
        source=tariff.cite(evidence, line.month, lived), before=before,
    )  # fmt: skip
    source = evidence.cite("plans", line.plan, "prices", line.price, COMMITMENT, source=price.source)
    counted_nodes = [Node(f"committed to in contract year {year + 1}", least, unit, source=source)]
    counted_nodes += [Node(f"less {node.text}", -(node.amount or ZERO), unit) for node in in_year]
    text = f"{counted(line.quantity, unit)} committed to and not taken"
    missing = Node(text, line.quantity, unit, few(counted_nodes, unit, largest=YEAR_MONTHS + 1))
    reasons = [missing]
    if price.window != "period":
        reasons.append(
            added(
                "counted before in the window",
                [node for month, node in taken if price.window == "life" or month >= line.starts_on],
                unit,
            )
        )
    return Charged(nodes, reasons)


def _taken(evidence: Evidence, line: Line, unit: str) -> Iterator[tuple[date, Node]]:
    """Yield what the price counted in each month up to a line's, whether or not an invoice says it."""
    counted_by_month = billed_before(
        evidence, line.account, add_months(line.month, 1)
    ).carried.commitments.counted
    found = counted_by_month.filter(
        pl.col("subscription") == line.subscription,
        pl.col("plan") == line.plan,
        pl.col("price") == line.price,
        pl.col("counted") != 0,
    ).sort("month")
    for month, quantity in found.select("month", "counted").iter_rows():
        yield month, Node(f"counted in {label(month)}", quantity, unit)


def _year_no(evidence: Evidence, line: Line) -> int:
    """Return the number of a line's contract year, from 0."""
    anchor = phase_of(evidence, line).phase.anchor_on.replace(day=1)
    return months_between(anchor, line.starts_on.replace(day=1)) // YEAR_MONTHS

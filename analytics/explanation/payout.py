"""Payouts: what a partner earns of a customer's lines, by the bands of its agreement and what came before."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from analytics.explanation.evidence import Evidence
from analytics.explanation.line import reference
from analytics.explanation.node import Node, fact, few, total
from analytics.explanation.tariff import steps, with_rest
from analytics.explanation.words import instant, label, money, number
from billing.money import ZERO, over, times
from billing.price import Rate
from billing.rule import Agreement
from billing.schema import polars_schema
from billing.sharing import Part, Workings, deals, workings
from metering.event import Event, decode
from metering.log import Fact

_DEALS = ("deal.referred", "deal.sold")


class Payout(NamedTuple):
    """A row of the ledger's `payouts`."""

    payout: str
    month: date
    partner: str
    agreement: str
    kind: str
    account: str
    basis: Decimal
    amount: Decimal
    revenue: str
    currency: str


class Window(NamedTuple):
    """What a window earns in a month, and a customer's part of what was billed."""

    holder: str
    part: Decimal
    basis: Decimal
    before: Decimal
    earned: Decimal
    group: int
    plan: str | None


def payout(evidence: Evidence, name: str) -> Node | None:
    """Explain a payout. None where there is no such payout."""
    columns = ", ".join(Payout._fields)
    rows = evidence.rows(f"select {columns} from payouts where payout = ?", name)
    return _payout(evidence, Payout(*rows[0])) if rows else None


def _payout(evidence: Evidence, row: Payout) -> Node:
    kind = row.kind.replace("_", " ")
    text = f"{kind} to {row.partner} under {row.agreement}: {row.account}, {label(row.month)}"
    if evidence.levels <= 0:
        return Node(text, row.amount, row.currency, thing=row.payout)
    rule = evidence.book.agreements[row.agreement]
    window = _window(evidence, row)
    earned = _earned(evidence, row, rule, window)
    reasons = [_billed(evidence, row), *_before(evidence, row, rule, window), *_deal(evidence, row, rule)]
    reasons.append(fact(_revenue(row)))
    customers = _customers(evidence, row, window)
    if len(customers) == 1:
        return Node(text, row.amount, row.currency, earned.parts, tuple(reasons), earned.source, row.payout)
    share = over(times(window.earned, window.part), window.basis) if window.basis else ZERO
    part, basis, whole = (money(one, row.currency) for one in (window.part, window.basis, window.earned))
    said = f"{whole} × {part} of {basis} that was billed"
    parts = with_rest(
        [Node(said, share, row.currency)],
        row.amount,
        "split into whole cents, by the largest remainder",
        row.currency,
    )
    shown = few(customers, row.currency, largest=evidence.largest, what="more customers")
    split = Node("split over the customers of the month", total(customers), row.currency, shown)
    return Node(
        text, row.amount, row.currency, tuple(parts), (earned, split, *reasons), earned.source, row.payout
    )


def worked(evidence: Evidence, agreement: str) -> Workings:
    """Return how everything that is paid under an agreement comes about."""
    return evidence.once(("worked", agreement), lambda: _worked(evidence, agreement))


def _worked(evidence: Evidence, agreement: str) -> Workings:
    lines = evidence.once("lines", lambda: _table(evidence, "invoice_lines"))
    phases = evidence.once("phases", lambda: _table(evidence, "subscription_phases"))
    agreed = evidence.once("deals", lambda: deals(_facts(evidence), evidence.book))
    parts = [Part(lines, agreed, evidence.book)]
    return next(worked for _, worked in workings(parts, phases, agreement=agreement))


def _table(evidence: Evidence, name: str) -> pl.DataFrame:
    columns = ", ".join(f'"{column}"' for column in polars_schema(name).names())
    frame: pl.DataFrame = evidence.connection.sql(f'select {columns} from "{name}"').pl()
    return frame


def _facts(evidence: Evidence) -> list[Fact]:
    rows = evidence.rows(
        "select position, source, id, type, subject, occurred_at, data from events "
        "where type in (?, ?) order by position",
        *_DEALS,
    )
    return [
        Fact(position, Event(source, key, subject, at, decode(kind, data)))
        for position, source, key, kind, subject, at, data in rows
    ]


def _window(evidence: Evidence, row: Payout) -> Window:
    earned = worked(evidence, row.agreement).earned
    found = earned.filter(
        pl.col("month") == row.month, pl.col("partner") == row.partner, pl.col("account") == row.account
    )
    assert len(found) == 1, f"{row.payout}: {len(found)} shares of the month are its customer's"
    one: Any = found.row(0, named=True)
    return Window(**{name: one.get(name) for name in Window._fields})


def _earned(evidence: Evidence, row: Payout, rule: Agreement, window: Window) -> Node:
    """Return what the window earns in the month, band by band."""
    path: tuple[str, ...] = ("agreements", row.agreement)
    rate: Rate = rule
    if window.plan is not None:
        rate, path = (
            Rate(model="percentage", unit_price=rule.by_plan[window.plan]),
            (*path, "by_plan", window.plan),
        )
    source = evidence.cite(*path, source=rule.source)
    nodes = steps(
        rate, window.basis, unit=row.currency, currency=row.currency, source=source, before=window.before
    )
    rounding = f"rounded {evidence.book.conventions.rounding.replace('_', ' ')}"
    parts = with_rest(nodes, window.earned, rounding, row.currency)
    text = f"what {window.holder} earns in {label(row.month)}"
    return Node(text, window.earned, row.currency, tuple(parts), source=source)


def _customers(evidence: Evidence, row: Payout, window: Window) -> list[Node]:
    """Return what the window's customers were each paid out for."""
    earned = worked(evidence, row.agreement).earned
    accounts = earned.filter(pl.col("group") == window.group)["account"].to_list()
    rows = evidence.rows(
        "select account, amount, payout from payouts where month = ? and partner = ? and agreement = ? "
        "order by account",
        *(row.month, row.partner, row.agreement),
    )
    return [
        Node(account, amount, row.currency, thing=payout)
        for account, amount, payout in rows
        if account in accounts
    ]


def _billed(evidence: Evidence, row: Payout) -> Node:
    """Return the lines of the customer that the share is taken of."""
    eligible = worked(evidence, row.agreement).eligible.filter(
        pl.col("month") == row.month, pl.col("partner") == row.partner, pl.col("account") == row.account
    )
    keys = eligible.select("invoice", "line_no").sort("invoice", "line_no").rows()
    lines = evidence.lines("account = ? and month = ?", row.account, row.month)
    nodes = [reference(line) for line in lines if (line.invoice, line.line_no) in keys]
    text = f"billed to {row.account} in {label(row.month)}"
    return Node(
        text, row.basis, row.currency, few(nodes, row.currency, largest=evidence.largest, what="more lines")
    )


def _before(evidence: Evidence, row: Payout, rule: Agreement, window: Window) -> Iterator[Node]:
    """Yield what the window held before the month, by months."""
    if rule.window == "period":
        return
    earned = worked(evidence, row.agreement).earned
    own = earned.filter(pl.col("group") == window.group).select("holder", "partner", "window").unique()
    months = (
        earned.join(own, on=["holder", "partner", "window"])
        .filter(pl.col("month") < row.month)
        .group_by("month")
        .agg(pl.col("basis").first())
        .sort("month")
    )
    nodes = [Node(f"billed in {label(month)}", basis, row.currency) for month, basis in months.iter_rows()]
    text = f"before in this {'contract year' if rule.window == 'year' else 'agreement'}"
    shown = few(nodes, row.currency, largest=evidence.largest, what="more months")
    yield Node(text, window.before, row.currency, shown)


def _deal(evidence: Evidence, row: Payout, rule: Agreement) -> Iterator[Node]:
    """Yield the fact that makes the partner the customer's, or says that lines name whom to pay."""
    lasts = f"; it pays for {number(rule.months)} months" if rule.months is not None else ""
    if rule.payee:
        yield fact(f"the lines name {row.partner} as their {rule.payee}{lasts}")
        return
    for position, event in evidence.once("deal facts", lambda: _facts(evidence)):
        data = evidence.book.renamed(event.data)
        if (event.subject, data.partner, data.agreement) == (row.account, row.partner, row.agreement):
            said = f"{event.type} by {row.partner} on {instant(event.occurred_at)}{lasts}"
            yield fact(said, f"event {position} ({event.source} {event.id})")
            return


def _revenue(row: Payout) -> str:
    if row.revenue == "net":
        return "net: it is taken off the revenue of the lines"
    return "gross: it is an expense, and the lines stay revenue"

"""Balances: what a subscription's committed MRR at a month's end is made of."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import polars as pl

from analytics.explanation.charge import unit_of
from analytics.explanation.evidence import Evidence
from analytics.explanation.life import Lived, dated_walk, life, subscriptions
from analytics.explanation.node import Node
from analytics.explanation.tariff import Tariff, steps, with_rest
from analytics.explanation.words import counted, label
from analytics.lens import sees_the_ledger
from billing.lines import slices
from billing.pricing import amount as amount_of
from billing.recurring import quantity_of, values
from billing.yearly import yearly_value
from metering.period import month_of


def subscriptions_of(evidence: Evidence, account: str, month: date) -> Iterator[tuple[str, Node]]:
    """Yield each subscription of an account with committed MRR at a month's end, and what it is made of."""
    rows = evidence.rows(
        "select subscription, plan, amount from mrr_balances where month = ? and account = ? and amount > 0 "
        "order by subscription",
        *(month, account),
    )
    for subscription, plan, amount in rows:
        text, currency = (
            f"{subscription}, {plan}: committed MRR at the end of {label(month)}",
            evidence.book.currency,
        )
        if evidence.levels <= 0:
            yield subscription, Node(text, amount, currency)
            continue
        found = [
            _made_of(side, account, subscription, month, plan=plan, amount=amount)
            for side in evidence.sides()
        ]
        parts = next((parts for parts, is_whole in found if is_whole), found[0][0])
        yield subscription, Node(text, amount, currency, tuple(parts))


def _made_of(
    evidence: Evidence, account: str, subscription: str, month: date, *, plan: str, amount: Decimal
) -> tuple[list[Node], bool]:
    """Return what makes up a balance under one book, and whether its prices alone do."""
    lived = _alive(evidence, account, subscription, month)
    prices = list(_values(evidence, account, subscription, month, lived))
    parts = with_rest(prices, amount, _rest(evidence, lived, plan), evidence.book.currency)
    return parts, len(parts) == len(prices)


def _alive(evidence: Evidence, account: str, subscription: str, month: date) -> Lived | None:
    end = month_of(month).ends_at
    for lived in life(evidence, account, subscription):
        phase = lived.phase
        if phase.starts_at < end and (phase.ends_at is None or phase.ends_at >= end):
            return lived
    return None


def _rest(evidence: Evidence, lived: Lived | None, plan: str) -> str:
    """Say why the balance is not the sum of the prices."""
    book = evidence.book
    causes = [] if sees_the_ledger(evidence.policy) else [f"what the policy {evidence.policy.name} counts"]
    if lived is not None and lived.phase.discount:
        causes.append(f"discount {lived.phase.discount}")
    if plan in book.plans and book.plans[plan].commitment is not None:
        causes.append("a twelfth of the minimum commitment, where that is more")
    return " and ".join(causes) or "other terms"


def _values(
    evidence: Evidence, account: str, subscription: str, month: date, lived: Lived | None
) -> Iterator[Node]:
    """Yield what each recurring price of a subscription is worth a month."""
    folded, period = subscriptions(evidence, account), month_of(month)
    monthly = values(slices(folded.frame(), [period]), evidence.book)
    yearly = yearly_value(dated_walk(evidence, account), [period])
    for frame, is_yearly in ((monthly, False), (yearly, True)):
        own = frame.filter(pl.col("subscription") == subscription).sort("key")
        for plan, key, value in own.select("plan", "key", "value").iter_rows():
            yield _value(evidence, plan, key, value, lived, month=month, is_yearly=is_yearly)


def _value(
    evidence: Evidence,
    plan: str,
    key: str,
    value: Decimal,
    lived: Lived | None,
    *,
    month: date,
    is_yearly: bool,
) -> Node:
    book, currency = evidence.book, evidence.book.currency
    path: tuple[str, ...] = ("plans", plan, "prices", key)
    price = book.plans[plan].prices.get(key) if plan in book.plans else None
    if (price is None or price.meter is not None) and key in book.add_ons:
        price, path = book.add_ons[key].price, ("add_ons", key)
    if price is None or lived is None:
        return Node(key, value, currency)
    tariff = Tariff(price, path)
    source = tariff.cite(evidence, month, lived)
    if is_yearly:
        return Node(f"{key}: a twelfth of a year", value, currency, source=source)
    version = tariff.on(month, lived)
    count = quantity_of(version, seats=lived.phase.seats, add_ons=dict(lived.phase.add_ons).get(key, 0))
    if amount_of(version, Decimal(count)) != value:
        return Node(f"{key}: a month", value, currency, source=source)
    unit = unit_of(version, key)
    parts = steps(version, Decimal(count), unit=unit, currency=currency, source=source)
    if len(parts) == 1:
        return Node(f"{key}: {parts[0].text}", value, currency, source=source)
    return Node(f"{key}: {counted(count, unit)} a month", value, currency, tuple(parts), source=source)

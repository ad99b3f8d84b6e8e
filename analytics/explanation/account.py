"""An account's month: what it was billed, what it is worth a month, and what nobody billed it for."""

from datetime import date
from decimal import Decimal

from analytics.explanation.balance import subscriptions_of
from analytics.explanation.evidence import Evidence
from analytics.explanation.line import line
from analytics.explanation.node import Node, fact, total
from analytics.explanation.words import counted, label, number


def account_month(evidence: Evidence, account: str, month: date) -> Node:
    """Explain what an account was billed in a month: its lines, or why there are none."""
    currency = evidence.book.currency
    lines = [
        line(evidence.below(), one) for one in evidence.lines("account = ? and month = ?", account, month)
    ]
    reasons = [node for _, node in subscriptions_of(evidence.below(), account, month)]
    reasons += list(_unrated(evidence, account, month))
    if not lines:
        reasons.insert(0, fact("no invoice: nothing that it used or held costs anything in this month"))
    name = f"{account} {label(month)}"
    text = f"billed to {account} in {label(month)}"
    return Node(text, total(lines), currency, tuple(lines), tuple(reasons), thing=name)


def _unrated(evidence: Evidence, account: str, month: date) -> list[Node]:
    """Return the usage of a month that no line prices, and why."""
    rows = evidence.rows(
        "select subject, meter, reason, quantity, events from unrated_usage where month = ? and (subject = ? "
        "or subject in (select subscription from subscription_phases where account = ?)) order by all",
        *(month, account, account),
    )
    return [
        fact(f"not billed, {reason.replace('_', ' ')}: {_said(subject, meter, quantity, events)}")
        for subject, meter, reason, quantity, events in rows
    ]


def _said(subject: str, meter: str, quantity: Decimal, events: int) -> str:
    return f"{number(quantity)} of {meter} by {subject}, in {counted(events, 'event')}"

"""An account's month: what it was billed, what it is worth a month, and what nobody billed it for."""

from datetime import date

from analytics.explanation.balance import subscriptions_of
from analytics.explanation.evidence import Evidence
from analytics.explanation.line import line
from analytics.explanation.node import Node, fact, total
from analytics.explanation.words import counted, label, number


def account_month(evidence: Evidence, account: str, month: date) -> Node:
    """Explain what an account was billed in a month: its lines, or why there are none."""
    currency = evidence.book.currency
    lines = [line(evidence.below(), one) for one in evidence.lines("account = ? and month = ?", account, month)]
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
        "select u.subject, u.meter, u.reason, u.quantity, u.events from unrated_usage u where u.month = ? "
        "and (u.subject = ? or u.subject in (select subscription from subscription_phases where account = ?)) "
        "order by all",
        *(month, account, account),
    )
    return [
        fact(f"not billed, {reason.replace('_', ' ')}: {number(quantity)} of {meter} by {subject}, {counted(events, 'event')}")
        for subject, meter, reason, quantity, events in rows
    ]

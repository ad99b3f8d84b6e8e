"""Findings: what is wrong with a price book, with the two purchases that prove it, and their order."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal, NamedTuple

Severity = Literal["error", "warning"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning")
"""The graver first: an error lets somebody pay less for more, or nothing for what is sold."""


class Purchase(NamedTuple):
    """Something to buy: in words, as a request that `saasim quote` answers, and the amount it comes to."""

    text: str
    request: dict[str, Any]
    amount: Decimal


class Finding(NamedTuple):
    """A defect of a price book.

    `rule` names the check, `place` where in the book it is, `about` what it is about (a rule finds the same
    thing only once), `message` what is wrong, `remedy` what to do. `purchases` are two that prove it, the one
    that costs more first; none where the book itself is the proof.
    """

    rule: str
    severity: Severity
    place: str
    about: str
    message: str
    remedy: str
    purchases: tuple[Purchase, ...] = ()


RULES = {
    "cliff": "more costs less",
    "dominated": "a plan that costs no less at any quantity, and gives no more",
    "unreachable": "a plan that is never the cheapest",
    "cheaper-upgrade": "a plan that gives more costs less",
    "overage-inversion": "one more unit costs more in the wrong plan",
    "growth": "a plan grown by overage costs more than the next one",
    "bundle": "what comes with a purchase costs more by itself",
    "same-thing": "one thing under two prices",
    "pack": "prepaid units that are no cheaper",
    "content": "a fixed price apart from the price of what it holds",
    "tier": "tiers that make no sense",
    "discount": "a discount that is none",
    "payout": "more is paid out than is billed",
    "promise": "a promise that the prices break",
    "free-anyway": "a right to what is free anyway",
    "unused": "what nothing uses",
    "untriggered": "a rule that nothing in the run triggers",
    "unpriced": "events of the run that no rule prices",
}
"""What each rule finds, in the order in which findings are told."""


def figure(number: Decimal | int) -> str:
    """Write a number with its thousands apart and without zeros that say nothing."""
    text = f"{Decimal(number):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Return each finding once, errors first, by rule, otherwise in the order found."""
    once: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        once.setdefault((finding.rule, finding.place, finding.about), finding)
    rules = list(RULES)
    return sorted(
        once.values(), key=lambda finding: (SEVERITIES.index(finding.severity), rules.index(finding.rule))
    )

"""Findings: what is wrong with a price book, with the two purchases that prove it, and their order."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal, NamedTuple

Severity = Literal["error", "warning"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning")
"""The graver first. error: somebody pays less for more, or is paid for what is given away. warning: suspicious."""


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


def figure(number: Decimal | int) -> str:
    """Write a number with its thousands apart and without zeros that say nothing."""
    text = f"{Decimal(number):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Return each finding once, errors first, otherwise in the order found."""
    once: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        once.setdefault((finding.rule, finding.place, finding.about), finding)
    return sorted(once.values(), key=lambda finding: SEVERITIES.index(finding.severity))

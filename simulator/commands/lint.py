"""`saasim lint`: what is wrong with a price book, each finding with the two purchases that prove it."""

import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from analytics.trigger import gaps
from billing import price_book
from billing.ledger import Ledger
from billing.lint.checks import lint
from billing.lint.finding import RULES, SEVERITIES, Finding, Purchase, Severity, ordered
from billing.money import minor_units
from billing.price_book import PriceBook
from billing.rebilling import rebill
from simulator import tables
from simulator.failure import FAILED
from simulator.publication import find
from simulator.values import money_text, to_json, visible
from simulator.verification import evidence_of

STYLES: dict[Severity, tuple[str, str]] = {"error": ("✗", "bold red"), "warning": ("!", "yellow")}
"""The mark of a severity, and its style."""

MIN_COLUMNS = 20
"""No text is squeezed below this."""


def lint_book(path: Path, *, run: str, as_json: bool) -> int:
    """Print what is wrong with a price book, also as the book of a run; 1 where any of it is an error."""
    book = price_book.load(path)
    findings = lint(book)
    if run:
        findings = ordered([*findings, *_unmet(find(run), book)])
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        told = {
            "book": book.name,
            "currency": book.currency,
            "errors": errors,
            "warnings": len(findings) - errors,
            "findings": [_told(finding) for finding in findings],
        }
        sys.stdout.write(to_json(told) + "\n")
    else:
        _show(tables.terminal(sys.stdout), book, findings)
    return FAILED if errors else 0


def _unmet(run: Path, book: PriceBook) -> Iterator[Finding]:
    """Find rules that nothing in a run's log triggers, billed under the book, and events that none prices."""
    ledger = Ledger.create()
    rebill(evidence_of(run).log, ledger, book=book)
    for gap in gaps(ledger.connection, book):
        yield Finding(gap.kind, "warning", gap.rule, gap.event, gap.message, gap.remedy)


def _told(finding: Finding) -> dict[str, Any]:
    """Return a finding as data; each request is one that `saasim quote` answers with the amount."""
    fields = finding._asdict()
    return {**fields, "purchases": [purchase._asdict() for purchase in finding.purchases]}


def _show(screen: Console, book: PriceBook, findings: list[Finding]) -> None:
    """Print findings by severity and rule, then how many there are."""
    for (severity, rule), group in groupby(findings, key=lambda finding: (finding.severity, finding.rule)):
        mark, style = STYLES[severity]
        screen.print(Text.assemble((f"{mark} {rule}", style), f"  {RULES[rule]}"))
        for finding in group:
            _show_finding(screen, book, finding)
        screen.print()
    counts = Counter(finding.severity for finding in findings)
    said = [f"{counts[key]} {key}{'s' if counts[key] != 1 else ''}" for key in SEVERITIES if counts[key]]
    style = STYLES["error"][1] if counts["error"] else STYLES["warning"][1] if findings else "green"
    screen.print(f"{visible(book.name)}: {', '.join(said) or 'nothing found'}", style=style)


def _show_finding(screen: Console, book: PriceBook, finding: Finding) -> None:
    _print(screen, finding.place, 2, "bold")
    _print(screen, finding.message, 4)
    for line in _amounts(finding.purchases, book.currency, screen.width - 6):
        _print(screen, line, 6)
    _print(screen, f"→ {finding.remedy}", 4, "dim")


def _print(screen: Console, text: str, indent: int, style: str = "") -> None:
    """Print a text with an indent, which its further lines keep."""
    lines = textwrap.wrap(visible(text), max(MIN_COLUMNS, screen.width - indent), drop_whitespace=False)
    for line in lines:
        screen.print(" " * indent + line.rstrip(), style=style)


def _amounts(purchases: tuple[Purchase, ...], currency: str, width: int) -> list[str]:
    """Write purchases with their amounts below each other, at their points."""
    amounts = [money_text(purchase.amount, currency, minor_units(currency)) for purchase in purchases]
    widest = max(map(len, amounts), default=0)
    room = min(
        max((len(purchase.text) for purchase in purchases), default=0), max(MIN_COLUMNS, width - widest - 2)
    )
    return [
        f"{purchase.text if len(purchase.text) <= room else purchase.text[: room - 1] + '…':<{room}}"
        f"  {amount:>{widest}}"
        for purchase, amount in zip(purchases, amounts, strict=True)
    ]

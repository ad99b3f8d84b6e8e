"""`saasim audit`: what a business plan prints, and what it comes to."""

import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics import plan_file
from analytics.audit import Audit, audit
from analytics.finding import Finding
from analytics.interval import Range
from analytics.printed import Printed, rounded
from simulator import tables
from simulator.values import to_json

PLACES = 12
"""With so many places recomputed figures are written as JSON, where they do not end before."""


def audit_plan(path: Path, *, as_json: bool) -> int:
    """Print what does not follow in a plan; 1 where something is wrong."""
    plan = plan_file.load(path)
    found = audit(plan, str(path))
    if as_json:
        sys.stdout.write(to_json(_data(plan.name, found)) + "\n")
    else:
        _show(tables.terminal(sys.stdout), found)
    return 1 if found.of("wrong") else 0


def _data(name: str, found: Audit) -> dict[str, Any]:
    return {
        "plan": name,
        "figures": found.figures,
        "claims": found.claims,
        "wrong": [_row(finding) for finding in found.of("wrong")],
        "rounded": [_row(finding) for finding in found.of("rounded")],
    }


def _row(finding: Finding) -> dict[str, Any]:
    printed = finding.printed
    return {
        "check": finding.check,
        "name": finding.name,
        "period": finding.period or None,
        "printed": printed.text if printed else None,
        "recomputed": _number(finding.recomputed),
        "as_printed": _number(finding.as_printed),
        "difference": _number(finding.difference),
        "working": finding.working,
        "cause": finding.cause or None,
        "follows": finding.follows,
        "says": finding.says or None,
        "source": finding.source or None,
    }


def _number(value: Range | None) -> Any:
    """Return a value as one number, or as the two ends of a range."""
    if value is None:
        return None
    low, high = (rounded(end.middle, PLACES) for end in value)
    return low if low == high else [low, high]


def _show(screen: Console, found: Audit) -> None:
    wrong, near = found.of("wrong"), found.of("rounded")
    own = [finding for finding in wrong if finding.check != "claim" and not finding.follows]
    after = [finding for finding in wrong if finding.follows]
    claims = [finding for finding in wrong if finding.check == "claim"]
    for title, findings, style in (
        ("do not follow", own, "bold red"),
        ("only follow from those", after, "red"),
        ("are rounded", near, "dim"),
    ):
        if findings:
            screen.print(f"  {len(findings)} of {found.figures} figures {title}\n", style=style)
            screen.print(_figures(findings, explained=findings is not near))
            screen.print()
    if claims:
        screen.print(f"  {len(claims)} of {found.claims} claims do not hold\n", style="bold red")
        screen.print(_claims(claims))
        screen.print()
    if not wrong:
        told = [(found.figures, "figures follow"), (found.claims, "claims hold")]
        text = "  " + ", ".join(f"{count} of {count} {what}" for count, what in told if count)
        screen.print(text, style="bold green")


def _figures(findings: Sequence[Finding], *, explained: bool) -> Table:
    table = tables.plain_table()
    for head in ("source", "figure"):
        table.add_column(head, no_wrap=True)
    for head in ("printed", "comes to", "difference"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("how", min_width=tables.TEXT_MIN)
    for finding in findings:
        printed = finding.printed
        assert printed is not None, f"{finding.at} is printed"
        value = "" if finding.recomputed is None else printed.like(finding.recomputed)
        texts = (finding.source, finding.at, printed.text, value, _difference(finding, printed))
        table.add_row(*map(Text, (*texts, _how(finding, printed) if explained else finding.working)))
    return table


def _claims(findings: Sequence[Finding]) -> Table:
    table = tables.plain_table()
    for head in ("source", "claim"):
        table.add_column(head, no_wrap=True)
    for head in ("figures", "says"):
        table.add_column(head, min_width=tables.TEXT_MIN)
    for finding in findings:
        table.add_row(*map(Text, (finding.source, finding.at, finding.working, finding.says)))
    return table


def _difference(finding: Finding, printed: Printed) -> str:
    """Write by how much a figure is off, with its sign."""
    if finding.difference is None:
        return ""
    texts = []
    for end in dict.fromkeys(finding.difference):
        point = Range(end, end)
        texts.append(("+" if end.middle > Fraction() else "") + printed.like(point))
    return " to ".join(texts)


def _how(finding: Finding, printed: Printed) -> str:
    """Say how a figure was worked out, and what it may come from."""
    parts = [finding.working]
    if finding.as_printed is not None and finding.as_printed != finding.recomputed and not finding.follows:
        parts.append(f"{printed.like(finding.as_printed)} from what is printed")
    if finding.follows:
        parts.append(f"follows {', '.join(finding.follows)}")
    if finding.cause:
        parts.append(finding.cause)
    return "; ".join(parts)

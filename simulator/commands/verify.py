"""`saasim verify`: every invariant and every hash of a run, each with its figure."""

import sys

from rich.text import Text

from simulator import manifest, tables
from simulator.publication import find
from simulator.values import to_json, visible
from simulator.verification import CHECKS, Verdict, evidence_of, verify


def verify_run(name: str, *, as_json: bool) -> int:
    """Check a run and print a line a check; 1 where one fails."""
    run = find(name)
    screen = tables.terminal(sys.stdout)
    verdicts = []
    for verdict in verify(evidence_of(run)):
        verdicts.append(verdict)
        if not as_json:
            screen.print(_line(verdict, screen.width))
    failed = [verdict.check for verdict in verdicts if not verdict.holds]
    if as_json:
        told = {"run": str(run), "holds": not failed, "checks": [verdict._asdict() for verdict in verdicts]}
        sys.stdout.write(to_json(told) + "\n")
        return 1 if failed else 0
    if failed:
        screen.print(
            f"\n  {len(failed)} of {len(verdicts)} checks fail: {', '.join(failed)}", style="bold red"
        )
    else:
        note = (
            "" if (run / manifest.NAME).exists() else "; the run was not finished, so there is only its log"
        )
        screen.print(f"\n  all {len(verdicts)} checks hold{note}", style="bold green")
    return 1 if failed else 0


WIDE = 130
"""Where a line with its promise fits, however large the figures."""

_NAMES = max(map(len, CHECKS))
_PROMISES = max(len(check.promise) for check in CHECKS.values())


def _line(verdict: Verdict, width: int) -> Text:
    """Write a verdict; on a narrow screen its promise is left out."""
    promise = f"{verdict.promise:<{_PROMISES}}  " if width >= WIDE else ""
    mark = ("✓", "green") if verdict.holds else ("✗", "bold red")
    return Text.assemble(
        "  ", mark, f" {verdict.check:<{_NAMES}}  ", (promise, "dim"),
        (visible(verdict.figure), "" if verdict.holds else "red"),
    )  # fmt: skip

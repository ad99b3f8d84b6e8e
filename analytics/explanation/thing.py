"""Things: what can be explained, by the names that a ledger gives them.

INV-2026-03-acme      an invoice           INV-2026-03-acme/2        its second line
PAY-2026-03-...       a payout             REC-2026-03-.../1         a posting of an entry
mrr 2026-05           a metric of a month  acme 2026-05              an account's month
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from importlib import import_module
from typing import Any

from analytics.explanation.evidence import EVERY_LEVEL, Evidence
from analytics.explanation.line import invoice, line_of
from analytics.explanation.node import Node
from analytics.lens import seen
from analytics.policy import DEFAULT
from metering.document import Problems, did_you_mean, problem

ALIASES = {
    "mrr": "committed_mrr",
    "churn": "logo_churn",
    "payback": "payback_months",
    "margin": "gross_margin",
}
"""Short names of metrics."""

DEPTHS = {"metric": 2, "account": 3, "invoice": 3}
"""How far things that hold many others are explained, unless someone asks for more."""

_MONTH = re.compile(r"(.+?)\s+(\d{4})-(\d{2})")
_NUMBERED = re.compile(r"(.+)/(\d+)")

NEAR_MAX = 5


def explained(evidence: Evidence, name: str, *, by: str = "", depth: int | None = None) -> Node:
    """Explain a thing by its name. Raises Problems, with the nearest names, for what the ledger has not.

    `by` asks for a part of a metric, as in `segment=smb`; `depth` for so many levels.
    """
    name = " ".join(name.split())
    found = _MONTH.fullmatch(name)
    if found is not None:
        with seen(evidence.connection, evidence.policy):
            return _of_month(evidence, found[1], _month(found[2], found[3]), by=by, depth=depth)
    if evidence.policy != DEFAULT:
        remedy = "leave it out, or name one: mrr 2026-05"
        raise problem("policy", f"{name!r} is the same under every policy", remedy)
    if by:
        raise problem("by", f"{name!r} is not a metric of a month", "leave it out, or name one: mrr 2026-05")
    for kind, look in _LOOKS.items():
        limit = DEPTHS.get(kind, EVERY_LEVEL) if depth is None else depth
        node = look(replace(evidence, levels=limit), name)
        if node is not None:
            return node.cut(limit)
    raise _unknown(evidence, name)


def _of_month(evidence: Evidence, what: str, month: date, *, by: str, depth: int | None) -> Node:
    from_metrics = import_module("analytics.metrics")
    key = ALIASES.get(what.lower(), what.lower().replace(" ", "_"))
    if key in from_metrics.METRICS:
        limit = DEPTHS["metric"] if depth is None else depth
        asked = import_module("analytics.explanation.question").asked
        question = asked(replace(evidence, levels=limit), month, by)
        rule = from_metrics.METRICS[key]
        if question.by not in rule.splits:
            splits = ", ".join(split for split in rule.splits if split != "whole") or "none"
            raise problem("by", f"{key} cannot be split by {question.by}", f"its splits: {splits}")
        node: Node = import_module("analytics.explanation.metric").metric(question, key)
        return node.cut(limit)
    accounts = {
        account for (account,) in evidence.rows("select account from accounts where account = ?", what)
    }
    if not accounts:
        known = [
            *from_metrics.METRICS,
            *ALIASES,
            *_near(evidence, what, "select account as name from accounts"),
        ]
        raise problem("thing", f"there is no metric and no account {what!r}", did_you_mean(what, known))
    if by:
        raise problem("by", f"{what!r} is an account, and no metric", "leave it out")
    limit = DEPTHS["account"] if depth is None else depth
    room = import_module("analytics.explanation.account")
    found: Node = room.account_month(replace(evidence, levels=limit), what, month)
    return found.cut(limit)


def _month(year: str, month: str) -> date:
    try:
        return date(int(year), int(month), 1)
    except ValueError:
        raise problem("month", f"{year}-{month} is no month", "write it as 2026-05") from None


def _line(evidence: Evidence, name: str) -> Node | None:
    found = _NUMBERED.fullmatch(name)
    return None if found is None else line_of(evidence, found[1], int(found[2]))


def _payout(evidence: Evidence, name: str) -> Node | None:
    if not evidence.rows("select 1 from payouts where payout = ?", name):
        return None
    node: Node | None = import_module("analytics.explanation.payout").payout(evidence, name)
    return node


def _entry(evidence: Evidence, name: str) -> Node | None:
    node: Node | None = import_module("analytics.explanation.entry").entry(evidence, name)
    return node


def _posting(evidence: Evidence, name: str) -> Node | None:
    found = _NUMBERED.fullmatch(name)
    if found is None:
        return None
    node: Node | None = import_module("analytics.explanation.entry").posting(
        evidence, found[1], int(found[2])
    )
    return node


_LOOKS: dict[str, Callable[[Evidence, str], Node | None]] = {
    "invoice": invoice,
    "payout": _payout,
    "line": _line,
    "entry": _entry,
    "posting": _posting,
}
"""How each kind of thing is looked for, in this order."""


def _unknown(evidence: Evidence, name: str) -> Problems:
    """Return the problem of a name that the ledger does not have."""
    found = _NUMBERED.fullmatch(name)
    if found is not None and (count := _lines(evidence, found[1])):
        return problem("thing", f"{found[1]} has no line {found[2]}", f"it has {count}")
    names = "select invoice as name from invoices union all select entry from entries"
    near = _near(evidence, found[1] if found else name, names)
    if evidence.rows("select 1 from accounts where account = ?", name):
        return problem("thing", f"{name!r} is an account", f"name a month, too: '{name} 2026-05'")
    metrics = import_module("analytics.metrics").METRICS
    key = ALIASES.get(name.lower(), name.lower())
    if key in metrics:
        return problem("thing", f"{name!r} is a metric", f"name a month, too: '{name} 2026-05'")
    return problem("thing", f"there is no {name!r} in the ledger", did_you_mean(name, [*near, *metrics]))


def _lines(evidence: Evidence, name: str) -> str:
    lines = len(evidence.lines("invoice = ?", name))
    return f"lines 1 to {lines}" if lines else ""


def _near(evidence: Evidence, name: str, names: str) -> list[Any]:
    """Return the nearest of many names, which the ledger finds faster than Python."""
    query = f"select name from ({names}) order by levenshtein(name, ?), name limit {NEAR_MAX}"
    return [found for (found,) in evidence.rows(query, name)]

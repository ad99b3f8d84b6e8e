"""Everything of a ledger explained, for tests: nodes check themselves, so what is left is failures."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

from analytics.explanation import Evidence, Node, evidence_of, explain
from billing.close import close
from metering.event import Event
from tests.ledgers import book, engine, posted, record


def evidence(
    directory: Path, text: str, told: str | list[Event], months: int, first: str = "2026-01"
) -> Evidence:
    """Bill a company and return what its explanations are read from."""
    log = record(directory, told, months, first=first)
    tables = close(log, book=book(text), connection=engine())
    source = SimpleNamespace(connection=posted(tables), book=book(text), log=log, text=text)
    return evidence_of(source)


def things(known: Evidence) -> Iterator[str]:
    """Yield the name of every line, payout and entry of a ledger."""
    queries = (
        "select invoice || '/' || line_no from invoice_lines order by all",
        "select payout from payouts order by all",
        "select entry from entries where kind not in ('invoice', 'payout') order by all",
    )
    for query in queries:
        yield from (name for (name,) in known.rows(query))


def amounts(known: Evidence) -> dict[str, object]:
    """Return what the ledger says that each of its things comes to."""
    rows = known.rows(
        "select invoice || '/' || line_no, amount from invoice_lines "
        "union all select payout, amount from payouts "
        "union all select entry, sum(amount) filter (amount > 0) from postings join entries using (entry) "
        "where kind not in ('invoice', 'payout') group by entry"
    )
    return dict(rows)


def unexplained(known: Evidence) -> list[str]:
    """Explain every line, payout and entry; return those that cannot be, or that say another amount."""
    found, wanted = [], amounts(known)
    for name in things(known):
        try:
            node = explain(known, name)
        except AssertionError as error:
            found.append(f"{name}: {error}")
            continue
        if node.amount != wanted[name] or not (node.parts or not node.amount):
            found.append(f"{name}: {node.amount} is said, and it is {wanted[name]}")
    return found


def shown(node: Node, depth: int = 0, mark: str = "") -> Iterator[str]:
    """Write a tree as lines: `=` before what adds up, `-` before what says why."""
    amount = "" if node.amount is None else f"{node.amount.normalize():f} {node.unit} ".replace("  ", " ")
    yield f"{'  ' * depth}{mark}{amount}{node.text}"
    for part in node.parts:
        yield from shown(part, depth + 1, "= ")
    for reason in node.reasons:
        yield from shown(reason, depth + 1, "- ")

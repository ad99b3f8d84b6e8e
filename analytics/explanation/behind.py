"""What stands behind a row of a figure: the lines of an invoice, the causes of an entry, a payout."""

from collections.abc import Callable

from analytics.dimension import OF_ACCOUNTS
from analytics.explanation.entry import causes
from analytics.explanation.line import line
from analytics.explanation.node import Node, few, total
from analytics.explanation.payout import payout
from analytics.explanation.question import Question, Row
from billing.money import ZERO

Behind = Callable[[Row], Node | None]


def lines(question: Question, where: str) -> Behind:
    """Return what shows the lines of an invoice that a row adds up."""

    def shown(row: Row) -> Node | None:
        of_part = "true" if question.by in OF_ACCOUNTS else f"{question.by} = ?"
        values = () if question.by in OF_ACCOUNTS else (question.part,)
        evidence = question.evidence
        found = evidence.lines(f"invoice = ? and {where.replace('t.', '')} and {of_part}", row.thing, *values)
        parts = [line(evidence.below(), one) for one in found]
        return _node(question, row, parts, "more lines")

    return shown


def entries(question: Question, ledger_account: str, sign: int) -> Behind:
    """Return what shows why an entry moved a ledger account; `sign` is -1 where credits count as more."""

    def shown(row: Row) -> Node | None:
        parts: list[Node] = []
        for posting, cause in causes(question.evidence.below(), row.thing, ledger_account):
            if question.by == "stream" and posting.stream != question.part:
                continue
            if question.by == "plan" and posting.plan != question.part:
                continue
            amount = posting.amount * sign
            is_same = cause.amount == amount
            mirrored = Node(cause.text, amount, question.currency, reasons=(cause,))
            parts.append(cause if is_same else mirrored)
        return _node(question, row, parts, "more postings")

    return shown


def payouts(question: Question) -> Behind:
    """Return what shows how a payout comes about."""

    def shown(row: Row) -> Node | None:
        node = payout(question.evidence, row.thing)
        return node if node is not None and node.amount == row.amount else None

    return shown


def _node(question: Question, row: Row, parts: list[Node], what: str) -> Node | None:
    """Return the row with its parts, where these are all that it adds up."""
    if total(parts) != row.amount or not (row.amount or ZERO):
        return None
    shown = few(parts, question.currency, largest=question.evidence.largest, what=what)
    return Node(row.text, row.amount, question.currency, shown, thing=row.thing)

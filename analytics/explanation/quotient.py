"""Quotients: a formula that is told as data, with the numbers of its terms."""

from collections.abc import Callable
from decimal import Decimal

from analytics.explanation.node import Node, total
from analytics.explanation.question import Question
from analytics.explanation.words import RATIO, label, number
from analytics.quotient import SINCE, Quotient, Term
from analytics.quotient import number as number_of
from billing.money import EXACTLY, over, times

Numbered = Callable[[Question, str], Node]
"""What explains a number that a formula uses by its name."""


def of_quotient(question: Question, formula: Quotient, numbered: Numbered, unit: str) -> Node:
    """Explain the value of a quotient: its formula with the numbers in it, and each of them."""
    above = [_term(question, term, numbered, unit) for term in formula.above]
    if not formula.below:
        return Node(_sum(above), total(above), unit, tuple(above))
    below = [_term(question, term, numbered, "") for term in formula.below]
    value = over(total(above), total(below))
    text = f"{_sum(above)} / {_sum(below)}"
    if formula.less:
        value, text = EXACTLY.subtract(value, formula.less), f"{text} − {number(formula.less)}"
    return Node(text, value, unit or RATIO, reasons=(*above, *below))


def operands(question: Question, formula: Quotient, numbered: Numbered) -> list[Node]:
    """Return the numbers of a quotient that has no value."""
    every = (*formula.above, *formula.below)
    return [_term(question, term, numbered, "") for term in every if _is_known(question, term)]


def _is_known(question: Question, term: Term) -> bool:
    return not term.name or question.value(term.name) is not None


def _sum(nodes: list[Node]) -> str:
    """Write a sum of numbers: `(3 − 1)`."""
    text = number(nodes[0].amount or Decimal(0))
    for node in nodes[1:]:
        amount = node.amount or Decimal(0)
        text += f" − {number(abs(amount))}" if amount < 0 else f" + {number(amount)}"
    return f"({text})" if len(nodes) > 1 else text


def _term(question: Question, term: Term, numbered: Numbered, unit: str) -> Node:
    """Return a term: the number by its name, or its sum over months, times its factors."""
    node = _summed(question, term, numbered)
    if unit and node.unit != unit:
        node = Node(node.text, node.amount, unit, reasons=node.children)
    factor = term.factor(question.policy)
    if factor == 1:
        return node
    value = times(node.amount or Decimal(0), factor)
    text = f"less {node.text}" if factor == -1 else f"{number(factor)} × {node.text}"
    return Node(text, value, unit or node.unit, reasons=(node,))


def _summed(question: Question, term: Term, numbered: Numbered) -> Node:
    if not term.name:
        return Node("1", Decimal(1))
    months, ago = (int(number_of(span, question.policy)) for span in (term.months, term.ago))
    if months == 1 and not ago:
        return numbered(question, term.name)
    name, rows = term.name.replace("_", " "), question.months
    ages = range(ago, min(len(rows), len(rows) if months == SINCE else ago + months))
    nodes = [
        Node(f"{name} of {label(rows[-1 - age]['month'])}", question.value(term.name, age), "")
        for age in ages
        if question.value(term.name, age)
    ]
    told = "so far" if months == SINCE else f"over {number(months)} months" if months > 1 else ""
    before = f"{number(ago)} months before" if ago else ""
    text = ", ".join(word for word in (name, told, before) if word)
    if months == 1:
        return Node(text, total(nodes), "")
    return Node(text, total(nodes), "", tuple(nodes))

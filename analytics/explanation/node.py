"""A node: one number of an explanation, what adds up to it, and why each of that is so.

`parts` are numbers of the same unit that sum to the node's amount, to the last digit: that is checked when a
node is made. `reasons` are other numbers and facts that it follows from (a ratio, a price, a count of days);
nothing is added up over them.
"""

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from analytics.explanation.words import amount_text, number
from billing.money import EXACTLY, ZERO

LARGEST = 5
"""How many of many parts are shown one by one, unless someone asks for more."""


@dataclass(frozen=True, slots=True)
class Node:
    """One number and where it comes from.

    `unit` is a currency's code, the unit of a meter, `ratio`, or "" for a plain number; `source` says where
    the price book or the log has it; `thing` is what `explain` calls it, where it can be explained by itself.
    Raises AssertionError, with the node's name, where the parts do not add up to the amount.
    """

    text: str
    amount: Decimal | None = None
    unit: str = ""
    parts: tuple["Node", ...] = ()
    reasons: tuple["Node", ...] = ()
    source: str = ""
    thing: str = ""

    def __post_init__(self) -> None:
        """Hold the parts against the amount."""
        if self.parts:
            added = total(self.parts)
            name = f"{self.thing} {self.text}".strip()
            assert self.amount is not None, f"{name} has parts and no amount"
            assert added == self.amount, f"{name}: its parts add up to {added}, and it is {self.amount}"

    @property
    def children(self) -> tuple["Node", ...]:
        """What adds up to the node, then what it follows from."""
        return self.parts + self.reasons

    def walk(self) -> Iterator["Node"]:
        """Yield the node and all below it, from the top down."""
        yield self
        for child in self.children:
            yield from child.walk()

    def cut(self, depth: int) -> "Node":
        """Return the node without what lies more than so many steps below it."""
        if depth <= 0:
            return replace(self, parts=(), reasons=())
        parts, reasons = ([child.cut(depth - 1) for child in some] for some in (self.parts, self.reasons))
        return replace(self, parts=tuple(parts), reasons=tuple(reasons))

    def to_dict(self) -> dict[str, Any]:
        """Return the node as data; what is empty is left out."""
        told: dict[str, Any] = {"text": self.text}
        if self.amount is not None:
            told |= {"amount": self.amount, "unit": self.unit}
        told |= {name: getattr(self, name) for name in ("thing", "source") if getattr(self, name)}
        for name in ("parts", "reasons"):
            if children := getattr(self, name):
                told[name] = [child.to_dict() for child in children]
        return told

    def _repr_html_(self) -> str:
        """Show the tree in a notebook: a part opens what it is made of."""
        return f'<div class="saasim-explanation">{"".join(_html(self, is_open=True))}</div>'


def total(parts: Iterable[Node]) -> Decimal:
    """Add up the amounts of some parts, exactly."""
    added = ZERO
    for part in parts:
        assert part.amount is not None, f"{part.text} is a part and has no amount"
        added = EXACTLY.add(added, part.amount)
    return added


def added(text: str, parts: Sequence[Node], unit: str, **more: Any) -> Node:
    """Return a node whose amount is the sum of its parts."""
    return Node(text, total(parts), unit, tuple(parts), **more)


def few(parts: Sequence[Node], unit: str, *, largest: int = LARGEST, what: str = "more") -> tuple[Node, ...]:
    """Return the largest parts, and one part for all the others together; few parts stay as they are."""
    if len(parts) <= largest + 1:
        return tuple(parts)
    order = sorted(range(len(parts)), key=lambda place: (-abs(parts[place].amount or ZERO), place))
    kept = sorted(order[:largest])
    rest = [part for place, part in enumerate(parts) if place not in kept]
    return (*(parts[place] for place in kept), Node(f"{number(len(rest))} {what}", total(rest), unit))


def fact(text: str, source: str = "", *, reasons: Sequence[Node] = (), thing: str = "") -> Node:
    """Return a node that says something and has no number of its own."""
    return Node(text, source=source, reasons=tuple(reasons), thing=thing)


def _html(node: Node, *, is_open: bool) -> Iterator[str]:
    amount = "" if node.amount is None else f"<b>{html.escape(amount_text(node.amount, node.unit))}</b> "
    about = " ".join(html.escape(word) for word in (node.thing, node.source) if word)
    line = f"{amount}{html.escape(node.text)}" + (f" <small>{about}</small>" if about else "")
    if not node.children:
        yield f"<div style='margin-left:1.2em'>{line}</div>"
        return
    yield f"<details{' open' if is_open else ''} style='margin-left:1.2em'><summary>{line}</summary>"
    for child in node.children:
        yield from _html(child, is_open=False)
    yield "</details>"

"""Formulas: arithmetic that people write, read into a tree and worked out exactly. Nothing is ever run.

Python's parser reads the text, and only what stands in `_node` is accepted: numbers, names, `+ - * / **`,
`min`, `max`, `sum` and `root`. A name may carry a period and an end: `price`, `price.y2`, `price.y2.low`.
"""

import ast
import keyword
import re
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from fractions import Fraction
from functools import reduce
from typing import NamedTuple

from analytics import interval
from analytics.interval import Interval, Range, point
from analytics.printed import shown

TEXT_MAX = 1_000
DEPTH_MAX = 100
EXPONENT_MAX = 60
"""A longer or deeper formula is better told in several figures; a higher power is a typing error."""

BEFORE = "before"
PARTS = "parts"
MONTHS = "months"
ENDS = ("low", "high")
FUNCTIONS = ("min", "max", "sum", "root")
RESERVED = (*FUNCTIONS, BEFORE, PARTS, MONTHS, *ENDS, *keyword.kwlist)
"""What no driver, figure or period can be called: a formula could not name it."""

_ROOT = Context(prec=50)
_NEAR = Context(prec=40)  # so the root of 4 is 2; a growth rate is printed with three digits, or five
_NUMBER = re.compile(r"\d+(_\d+)*(\.\d+(_\d+)*)?")
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_COMPARISONS = {ast.Eq: "==", ast.LtE: "<=", ast.GtE: ">=", ast.Lt: "<", ast.Gt: ">", ast.In: "in"}
_STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2, "negative": 3, "**": 4}
_SIGNS = {"*": "×", "/": "/", "+": "+", "-": "−", "**": "^"}


class Number(NamedTuple):
    """A number of the formula itself, or one that was put in."""

    value: Range


class Name(NamedTuple):
    """A driver or figure: in the period at hand ("") or in another, all of it or one end of a range."""

    name: str
    period: str = ""
    end: str = ""


class Operation(NamedTuple):
    """An operator or function and what it works on."""

    kind: str
    parts: "tuple[Node, ...]"


class Comparison(NamedTuple):
    """A chain of comparisons: `1 <= x <= 2` has three parts and two signs."""

    signs: tuple[str, ...]
    parts: "tuple[Node, ...]"


Node = Number | Name | Operation
Lookup = Callable[[Name], Range]


def formula(text: str) -> Node:
    """Read a formula. Raises ValueError, with what is wrong and the remedy, where it is none."""
    source = " ".join(text.split())
    return _node(_parsed(source), source)


def claim(text: str) -> Comparison:
    """Read a comparison of formulas. Raises ValueError where it is none."""
    source = " ".join(text.split())
    tree = _parsed(source)
    if not isinstance(tree, ast.Compare):
        message = f"{text!r} compares nothing; write it like a == b, a <= b or a in b"
        raise ValueError(message)  # noqa: TRY004 - pydantic's way to say that a value is wrong
    parts = (tree.left, *tree.comparators)
    for sign in tree.ops:
        if type(sign) not in _COMPARISONS:
            message = f"{text!r} compares in an unknown way; use {', '.join(_COMPARISONS.values())}"
            raise ValueError(message)
    return Comparison(
        tuple(_COMPARISONS[type(sign)] for sign in tree.ops), tuple(_node(part, source) for part in parts)
    )


def names(node: Node) -> Iterator[Name]:
    """Yield every name in a formula, in its order, as often as it stands there."""
    if isinstance(node, Name):
        yield node
    elif isinstance(node, Operation):
        for part in node.parts:
            yield from names(part)


def replaced(node: Node, put: Callable[[Name], Node]) -> Node:
    """Return the formula with something else in the place of each name."""
    if isinstance(node, Name):
        return put(node)
    if isinstance(node, Operation):
        return Operation(node.kind, tuple(replaced(part, put) for part in node.parts))
    return node


def depth(node: Node) -> int:
    """Return how many parts of a formula stand within each other."""
    return 1 + max(map(depth, node.parts), default=0) if isinstance(node, Operation) else 1


def evaluate(node: Node, lookup: Lookup) -> Range:
    """Work a formula out. Raises ArithmeticError where it divides by zero or grows beyond measure."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Name):
        return _end(lookup(node), node.end)
    values = [evaluate(part, lookup) for part in node.parts]
    return interval.check(_APPLY[node.kind](values))


def text(node: Node, write: Callable[[Name], str]) -> str:
    """Write a formula for people, `2,000 × 1,200 + 100 × 50,000`; `write` says what stands for a name."""
    if isinstance(node, Number):
        return range_text(node.value)
    if isinstance(node, Name):
        return write(node)
    if node.kind in FUNCTIONS and node.kind != "sum":
        return f"{node.kind}({', '.join(text(part, write) for part in node.parts)})"
    if node.kind == "negative":
        return f"−{_within(node.parts[0], 3, write)}"
    sign, strength = ("+", 1) if node.kind == "sum" else (_SIGNS[node.kind], _STRENGTH[node.kind])
    first, *rest = node.parts
    firmer = strength + (node.kind in ("-", "/", "**"))
    pieces = [_within(first, strength, write), *(_within(part, firmer, write) for part in rest)]
    return f" {sign} ".join(pieces)


def range_text(value: Range) -> str:
    """Write a value: a number, or two with `to` between them."""
    low, high = shown(value.low.middle), shown(value.high.middle)
    return low if low == high else f"{low} to {high}"


def _within(node: Node, strength: int, write: Callable[[Name], str]) -> str:
    written = text(node, write)
    weakest = _STRENGTH.get("+" if node.kind == "sum" else node.kind, 5) if isinstance(node, Operation) else 5
    is_range = not isinstance(node, Operation) and " to " in written
    return f"({written})" if weakest < strength or is_range else written


def _parsed(text: str) -> ast.expr:
    if len(text) > TEXT_MAX:
        message = f"has more than {TEXT_MAX} letters; tell it in several figures"
        raise ValueError(message)
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        message = f"{text!r} is no formula; write it like 12 * customers * price"
        raise ValueError(message) from None
    return tree


def _node(tree: ast.expr, source: str, depth: int = 1) -> Node:
    if depth > DEPTH_MAX:
        message = f"has more than {DEPTH_MAX} parts within each other; tell it in several figures"
        raise ValueError(message)
    if isinstance(tree, ast.Constant) and type(tree.value) in (int, float):
        return _number(tree, source)
    if isinstance(tree, ast.Name | ast.Attribute):
        return _name(tree, source)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return Operation("negative", (_node(tree.operand, source, depth + 1),))
    if isinstance(tree, ast.BinOp) and type(tree.op) in _OPERATORS:
        if isinstance(tree.op, ast.Pow):
            _check_exponent(tree.right, source)
        kind = _OPERATORS[type(tree.op)]
        parts = (tree.left, tree.right)
        return Operation(kind, tuple(_node(part, source, depth + 1) for part in parts))
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.keywords:
        return _call(tree.func.id, tree.args, source, depth)
    message = (
        f"{_written(tree, source)!r} has no meaning here; use + - * / **, {', '.join(FUNCTIONS)} and names"
    )
    raise ValueError(message)


def _number(tree: ast.Constant, source: str) -> Number:
    written = _written(tree, source)
    if not _NUMBER.fullmatch(written):
        message = f"{written!r} is no plain number; write it like 1200 or 0.25"
        raise ValueError(message)
    return Number(point(Fraction(written.replace("_", ""))))


def _written(tree: ast.expr, source: str) -> str:
    return ast.get_source_segment(source, tree) or source


def _name(tree: ast.expr, source: str) -> Name:
    written = _written(tree, source)
    parts: list[str] = []
    while isinstance(tree, ast.Attribute):
        parts.insert(0, tree.attr)
        tree = tree.value
    if not isinstance(tree, ast.Name) or len(parts) > len(ENDS):
        message = f"{written!r} is no name; write it like price, price.y2 or price.y2.low"
        raise ValueError(message)
    end = parts.pop() if parts and parts[-1] in ENDS else ""
    if len(parts) > 1:
        message = f"{written!r} names two periods; write it like price.y2 or price.y2.low"
        raise ValueError(message)
    return Name(tree.id, parts[0] if parts else "", end)


def _check_exponent(power: ast.expr, source: str) -> None:
    whole = isinstance(power, ast.Constant) and type(power.value) is int and 1 <= power.value <= EXPONENT_MAX
    if not whole:
        message = f"{_written(power, source)!r} is no exponent; use a whole number from 1 to {EXPONENT_MAX}"
        raise ValueError(message)


def _call(name: str, arguments: list[ast.expr], source: str, depth: int) -> Node:
    if name not in FUNCTIONS:
        message = f"there is no function {name!r}; known: {', '.join(FUNCTIONS)}"
        raise ValueError(message)
    parts = tuple(_node(part, source, depth + 1) for part in arguments)
    if name == "sum" and len(parts) == 1 and isinstance(parts[0], Name) and not parts[0].period:
        return parts[0]._replace(period=PARTS)
    if not parts or (name == "root" and not _is_root(parts)):
        wanted = "a value and a number from 1 on, root(x, 2)" if name == "root" else f"values, {name}(a, b)"
        message = f"{name} takes {wanted}"
        raise ValueError(message)
    return Operation(name, parts)


def _is_root(parts: tuple[Node, ...]) -> bool:
    return len(parts) == len(ENDS) and isinstance(parts[1], Number) and parts[1].value.middle >= 1


def _end(value: Range, end: str) -> Range:
    if not end:
        return value
    chosen: Interval = getattr(value, end)
    return Range(chosen, chosen)


def _root(values: list[Range]) -> Range:
    degree = values[1].middle
    exponent = _ROOT.divide(Decimal(degree.denominator), Decimal(degree.numerator))

    def taken(number: Fraction) -> Fraction:
        if number < 0:
            message = "takes the root of a negative number"
            raise ArithmeticError(message)
        whole = _ROOT.divide(Decimal(number.numerator), Decimal(number.denominator))
        return Fraction(_NEAR.plus(_ROOT.power(whole, exponent))) if number else number

    return interval.each(values[0], taken)


def _power(values: list[Range]) -> Range:
    return reduce(interval.times, [values[0]] * int(values[1].middle))


_APPLY: dict[str, Callable[[list[Range]], Range]] = {
    "+": interval.add,
    "-": lambda values: interval.add([values[0], interval.negative(values[1])]),
    "*": lambda values: interval.times(values[0], values[1]),
    "/": lambda values: interval.over(values[0], values[1]),
    "**": _power,
    "negative": lambda values: interval.negative(values[0]),
    "sum": interval.add,
    "min": interval.least,
    "max": interval.greatest,
    "root": _root,
}

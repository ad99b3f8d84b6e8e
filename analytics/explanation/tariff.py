"""Tariffs: which price of the book a line is charged by, and its arithmetic step by step in words."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from analytics.explanation.book import Path
from analytics.explanation.evidence import Evidence, Line
from analytics.explanation.life import Lived
from analytics.explanation.node import Node, total
from analytics.explanation.words import counted, is_currency, money, number, percent, plural
from billing.money import EXACTLY, ZERO
from billing.price import Price, Rate
from billing.pricing import Step, explain


class Tariff(NamedTuple):
    """A price of the book, and the keys that lead to it."""

    price: Price
    path: Path

    def on(self, day: date, lived: Lived) -> Price:
        """Return the version of the price that is in force on a day for a phase."""
        return self.price.on(day, lived.since_on, lived.phase.anchor_on)

    def cite(self, evidence: Evidence, day: date, lived: Lived) -> str:
        """Return the place of the version that is in force: the price's, or that of its last change."""
        holding = [
            number
            for number, change in enumerate(self.price.changes)
            if change.holds(day, lived.since_on, lived.phase.anchor_on)
        ]
        path = (*self.path, "changes", holding[-1]) if holding else self.path
        return evidence.cite(*path, source=self.price.source)


def tariffs(evidence: Evidence, line: Line) -> Iterator[Tariff]:
    """Yield the prices that a line may be charged by: of its plan, and the add-on of the same key."""
    plan = evidence.book.plans.get(line.plan)
    if plan is not None and line.price in plan.prices:
        price = plan.prices[line.price]
        if (price.meter or "") == line.meter:
            yield Tariff(price, ("plans", line.plan, "prices", line.price))
    if line.price in evidence.book.add_ons and not line.meter:
        add_on = evidence.book.add_ons[line.price]
        price = add_on.price.model_copy(update={"source": add_on.price.source or add_on.source})
        yield Tariff(price, ("add_ons", line.price))


def tariff_of(evidence: Evidence, line: Line) -> Tariff:
    """Return the price that a line is charged by. Raises AssertionError where the book has none such."""
    found = next(tariffs(evidence, line), None)
    assert found is not None, f"{line.thing}: the price book has no price {line.price!r} of {line.plan!r}"
    return found


def steps(
    rate: Rate,
    quantity: Decimal,
    *,
    unit: str,
    currency: str,
    source: str,
    before: Decimal | None = None,
    allowance: Decimal = ZERO,
) -> list[Node]:
    """Return the arithmetic of a rate, a node a step; together they are what `billing.pricing` charges."""
    found = explain(rate, quantity, before=before, allowance=allowance)
    return [Node(worded(step, rate, unit, currency), step.amount, currency, source=source) for step in found]


def worded(step: Step, rate: Rate, unit: str, currency: str) -> str:
    """Say a step in words and numbers."""
    price = money(step.unit_price, currency)
    if step.text == "included":
        return f"{counted(step.quantity, unit or 'unit')} included"
    if step.text in ("up to the minimum", "beyond the maximum"):
        bound = rate.minimum if step.text == "up to the minimum" else rate.maximum
        return step.text if bound is None else f"{step.text} of {money(bound, currency)}"
    if "flat fee" in step.text:
        return f"{_of_units(step.text, unit)}: {price}"
    if rate.model == "percentage" or is_currency(unit):
        band = step.text.removeprefix("less ").replace("units", "").replace("share of the amount", "").strip()
        return f"{percent(step.unit_price)} of {money(step.quantity, currency)} {band}".strip()
    less, quantity, text = "", step.quantity, step.text
    if text.startswith("less "):
        less, quantity, text = "less ", -quantity, text.removeprefix("less ")
    if quantity == 1:
        text = text.replace("packages", "package").replace("units", unit or "unit")
    return f"{less}{number(quantity)} {_of_units(text, unit)} at {price}"


def _of_units(text: str, unit: str) -> str:
    """Put the unit's name for the units of a step."""
    if not unit:
        return text
    found = PACKAGES.match(text)
    if found is not None:
        return f"{found[0]} {plural(unit)}{text[found.end() :]}"
    return text.replace("units", plural(unit))


PACKAGES = re.compile(r".*packages? of [\d,.]*\d")


def with_rest(
    nodes: Sequence[Node], whole: Decimal, text: str, currency: str, *, reasons: Iterable[Node] = ()
) -> list[Node]:
    """Add a node for what some nodes lack of the whole, where they lack anything."""
    rest = EXACTLY.subtract(whole, total(nodes))
    return [*nodes, Node(text, rest, currency, reasons=tuple(reasons))] if rest else list(nodes)

"""Pricing: what a quantity costs, each model once, for a number and for a column alike.

A price is the cumulative cost of the first units of its window, and a slice costs the difference. So the same
six functions price an overage, a royalty on devices and a share of revenue; they quote one bill to an agent
and rate a million rows, equal to the last of 12 decimals. They use operators only: `between` and `inside`
here, and the arithmetic of `billing.money`, know whether they hold a `Decimal` or a Polars expression.
"""

from collections.abc import Iterator
from decimal import Decimal, localcontext
from functools import reduce
from operator import add
from typing import NamedTuple, Protocol

import polars as pl

from billing.money import EXACTLY, ZERO, Q, exact, literal, times
from billing.price import Model, Rate, Tier

ONE = Decimal(1)


class PriceModel(Protocol):
    """A price model: the cost of the first `quantity` units, which are never less than none."""

    def __call__(self, rate: Rate, quantity: Q) -> Q:
        """Return the cost, for a number or for a column."""


class Step(NamedTuple):
    """One step of the arithmetic behind a charge: so many units at a price each make an amount."""

    text: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal


def amount(rate: Rate, quantity: Q) -> Q:
    """Return what the first `quantity` units cost; none, or less than none, cost nothing.

    Raises ArithmeticError (a column: Polars' ComputeError) for an amount of 10^26 or more.
    """
    with localcontext(EXACTLY):  # sums are exact, whatever precision the caller works with
        return _cumulative(rate, quantity)


def charge(rate: Rate, quantity: Q, *, before: Q | None = None, allowance: Q | Decimal = ZERO) -> Q:
    """Return what `quantity` units cost that follow `before` others, where the first `allowance` are free.

    All three count in the same window, so that the charges of a window add up to its `amount`.
    """
    with localcontext(EXACTLY):
        if before is None:
            return _cumulative(rate, quantity - allowance)
        until = _cumulative(rate, before - allowance)
        return exact(_cumulative(rate, before + quantity - allowance) - until)


def explain(
    rate: Rate, quantity: Decimal, *, before: Decimal = ZERO, allowance: Decimal = ZERO
) -> list[Step]:
    """Return the steps that add up to `charge` exactly.

    Where more units change the price of those before (volume tiers), a step takes off what these had cost.
    """
    after = EXACTLY.add(before, quantity)
    included = EXACTLY.subtract(min(after, allowance), min(before, allowance))
    steps = [Step("included", included, ZERO, ZERO)] if included else []
    for text, price, priced, counted in _components(_unbounded(rate)):
        units = charge(counted, quantity, before=before, allowance=allowance)
        cost = charge(priced, quantity, before=before, allowance=allowance)
        if units or cost:
            steps.append(Step(text if units > 0 else f"less {text}", units, price, cost))
    whole = charge(rate, quantity, before=before, allowance=allowance)
    rest = EXACTLY.subtract(whole, charge(_unbounded(rate), quantity, before=before, allowance=allowance))
    if rest:
        steps.append(Step("up to the minimum" if rest > 0 else "beyond the maximum", ONE, rest, rest))
    return steps


def _unbounded(rate: Rate) -> Rate:
    return rate.model_copy(update={"minimum": None, "maximum": None})


def _cumulative(rate: Rate, quantity: Q) -> Q:
    counted = between(exact(quantity), ZERO, None)
    cost = PRICE_MODELS[rate.model](rate, counted)
    if rate.minimum is not None:
        cost = cost + between(inside(counted, ZERO, None, rate.minimum) - cost, ZERO, None)
    if rate.maximum is not None:
        cost = between(cost, ZERO, rate.maximum)
    return exact(cost)


def flat(rate: Rate, quantity: Q) -> Q:
    """One fee, whatever the quantity."""
    return inside(quantity, ZERO, None, rate.flat_fee or ZERO)


def unit(rate: Rate, quantity: Q) -> Q:
    """The same price for each unit."""
    return times(quantity, rate.unit_price or ZERO)


def graduated(rate: Rate, quantity: Q) -> Q:
    """Each unit by the tier that it falls in; a tier's flat fee as soon as a unit falls in."""
    parts = []
    for low, tier in bands(rate):
        parts.append(times(between(quantity, low, tier.up_to), tier.unit_price))
        if tier.flat_fee:
            parts.append(inside(quantity, low, None, tier.flat_fee))
    return reduce(add, parts)


def volume(rate: Rate, quantity: Q) -> Q:
    """All units, and one flat fee, by the tier that the total falls in."""
    prices = [inside(quantity, low, tier.up_to, tier.unit_price) for low, tier in bands(rate)]
    fees = [inside(quantity, low, tier.up_to, tier.flat_fee) for low, tier in bands(rate)]
    return times(quantity, reduce(add, prices)) + reduce(add, fees)


def package(rate: Rate, quantity: Q) -> Q:
    """A price for each started package; packages are counted without rounding."""
    size = rate.package_size or ONE
    started = quantity // size + inside(quantity % size, ZERO, None, ONE)
    return times(started, rate.unit_price or ZERO)


def percentage(rate: Rate, quantity: Q) -> Q:
    """A share of an amount of money, which is the quantity."""
    return times(quantity, rate.unit_price or ZERO)


PRICE_MODELS: dict[Model, PriceModel] = {
    "flat": flat,
    "unit": unit,
    "graduated": graduated,
    "volume": volume,
    "package": package,
    "percentage": percentage,
}
"""Every price model by its name in the price book."""


def bands(rate: Rate) -> Iterator[tuple[Decimal, Tier]]:
    """Yield each tier with its lower bound, above which it begins."""
    low: Decimal | None = ZERO
    for tier in rate.tiers:
        assert low is not None, "only the last tier is open"
        yield low, tier
        low = tier.up_to


def between(quantity: Q, low: Decimal, high: Decimal | None) -> Q:
    """How much of `quantity` lies above `low`, up to and including `high`."""
    if isinstance(quantity, pl.Expr):
        return (quantity - literal(low)).clip(literal(ZERO), None if high is None else literal(high - low))
    if quantity <= low:
        return ZERO
    return (quantity if high is None or quantity < high else high) - low


def inside(quantity: Q, low: Decimal, high: Decimal | None, value: Decimal) -> Q:
    """`value` where `quantity` lies above `low`, up to and including `high`, and 0 elsewhere."""
    if isinstance(quantity, pl.Expr):
        reached = quantity > literal(low)
        if high is not None:
            reached &= quantity <= literal(high)
        return pl.when(reached).then(literal(value)).otherwise(literal(ZERO))
    return value if low < quantity and (high is None or quantity <= high) else ZERO


def _components(rate: Rate) -> Iterator[tuple[str, Decimal, Rate, Rate]]:
    """Yield the rates that add up to `rate`: text, price, the rate, and it at a price of 1, as a count."""
    if not rate.tiers:
        name = "flat_fee" if rate.model == "flat" else "unit_price"
        price = getattr(rate, name)
        yield _text(rate), price, rate, rate.model_copy(update={name: ONE})
    for number, (low, tier) in enumerate(bands(rate)):
        for name, what in (("unit_price", "units"), ("flat_fee", "flat fee for units")):
            price = getattr(tier, name)
            if price or name == "unit_price":
                text = f"{what} {_range(low, tier.up_to)}"
                yield text, price, _only(rate, number, name, price), _only(rate, number, name, ONE)


def _only(rate: Rate, number: int, name: str, price: Decimal) -> Rate:
    """Return the rate with this price as its only one."""
    tiers = [tier.model_copy(update={"unit_price": ZERO, "flat_fee": ZERO}) for tier in rate.tiers]
    tiers[number] = tiers[number].model_copy(update={name: price})
    return rate.model_copy(update={"tiers": tuple(tiers)})


def _text(rate: Rate) -> str:
    size = rate.package_size or ONE
    texts = {"flat": "flat fee", "unit": "units", "package": f"started packages of {_number(size)}"}
    return texts.get(rate.model, "share of the amount")


def _range(low: Decimal, high: Decimal | None) -> str:
    above = f"above {_number(low)}" if low or high is None else ""
    up_to = "" if high is None else f"up to {_number(high)}"
    return f"{above} {up_to}".strip()


def _number(number: Decimal) -> str:
    return f"{number.normalize():,f}"

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

from billing.money import EXACTLY, ZERO, Q, exact, literal, over, times
from billing.price import Model, Packages, Rate, Terms, Tier

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

    All three count in the same window, so that the charges of a window add up to its `amount`. What is due
    when nothing is used belongs to a window of its own: it is not charged after others.
    """
    with localcontext(EXACTLY):
        if before is None:
            return _cumulative(rate, quantity - allowance)
        if rate.terms.flat_at_zero or rate.terms.minimum_at_zero:
            rate = rate.under(rate.terms._replace(flat_at_zero=False, minimum_at_zero=False))
        until = _cumulative(rate, before - allowance)
        return exact(_cumulative(rate, before + quantity - allowance) - until)


def explain(
    rate: Rate, quantity: Decimal, *, before: Decimal | None = None, allowance: Decimal = ZERO
) -> list[Step]:
    """Return the steps that add up to `charge` exactly.

    Where more units change the price of those before (volume tiers), a step takes off what these had cost.
    """
    earlier = before or ZERO
    after = EXACTLY.add(earlier, quantity)
    included = EXACTLY.subtract(min(after, allowance), min(earlier, allowance))
    steps = [Step("included", included, ZERO, ZERO)] if included else []
    for text, price, priced, counted in components(_unbounded(rate)):
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
    tiers = tuple(tier.model_copy(update={"maximum": None}) for tier in rate.tiers)
    return rate.model_copy(update={"minimum": None, "maximum": None, "tiers": tiers})


def _cumulative(rate: Rate, quantity: Q) -> Q:
    counted = between(exact(quantity), ZERO, None)
    cost = PRICE_MODELS[rate.model](rate, counted)
    terms = rate.terms
    if rate.flat_fee and rate.model != "flat":
        cost = cost + inside(counted, ZERO, None, rate.flat_fee)
    if terms.flat_at_zero and rate.tiers:
        cost = cost + unused(counted, rate.tiers[0].flat_fee)
    if terms.has_minimum and rate.minimum is not None:
        least = inside(counted, ZERO, None, rate.minimum)
        if terms.minimum_at_zero:
            least = least + unused(counted, rate.minimum)
        cost = cost + between(least - cost, ZERO, None)
    if terms.has_maximum and rate.maximum is not None:
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
        units = packed(between(quantity, low, tier.up_to), tier.package_size, rate.packages)
        cost = times(units, tier.unit_price)
        if tier.flat_fee:
            cost = cost + inside(quantity, low, None, tier.flat_fee)
        parts.append(cost if tier.maximum is None else between(cost, ZERO, tier.maximum))
    return reduce(add, parts)


def volume(rate: Rate, quantity: Q) -> Q:
    """All units, and one flat fee, by the tier that the total falls in."""
    ends = rate.terms.ends_inclusive
    tiers = list(bands(rate))
    prices = [inside(quantity, low, tier.up_to, tier.unit_price, ends=ends) for low, tier in tiers]
    fees = [inside(quantity, low, tier.up_to, tier.flat_fee, ends=ends) for low, tier in tiers]
    units = quantity
    if any(tier.package_size is not None for _, tier in tiers):
        counts = [packed(quantity, tier.package_size, rate.packages) for _, tier in tiers]
        reached = [inside(quantity, low, tier.up_to, ONE, ends=ends) for low, tier in tiers]
        units = reduce(add, (times(one, count) for count, one in zip(counts, reached, strict=True)))
    cost = times(units, reduce(add, prices)) + reduce(add, fees)
    for low, tier in tiers:
        if tier.maximum is not None:
            here = inside(quantity, low, tier.up_to, ONE, ends=ends)
            cost = cost - times(here, between(cost, tier.maximum, None))
    return cost


def package(rate: Rate, quantity: Q) -> Q:
    """A price for each started package; packages are counted without rounding."""
    return times(packed(quantity, rate.package_size or ONE, rate.packages), rate.unit_price or ZERO)


def percentage(rate: Rate, quantity: Q) -> Q:
    """A share of an amount of money, which is the quantity."""
    return times(quantity, rate.unit_price or ZERO)


def packed(quantity: Q, size: Decimal | None, packages: Packages | None) -> Q:
    """Count packages of a size: those that are started, only full ones, or with a part's part."""
    if size is None:
        return quantity
    if packages == "exact":
        return over(quantity, size)
    full = quantity // size
    return full if packages == "down" else full + inside(quantity % size, ZERO, None, ONE)


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


def inside(quantity: Q, low: Decimal, high: Decimal | None, value: Decimal, *, ends: bool = True) -> Q:
    """`value` where `quantity` lies above `low`, up to and including `high`, and 0 elsewhere.

    Without its `ends`, `high` itself belongs to what follows, and so does `low` here, but for nothing at all.
    """
    starts = not ends and low > 0
    if isinstance(quantity, pl.Expr):
        reached = quantity >= literal(low) if starts else quantity > literal(low)
        if high is not None:
            reached &= quantity <= literal(high) if ends else quantity < literal(high)
        return pl.when(reached).then(literal(value)).otherwise(literal(ZERO))
    if quantity < low or (quantity == low and not starts):
        return ZERO
    return value if high is None or quantity < high or (ends and quantity == high) else ZERO


def unused(quantity: Q, value: Decimal) -> Q:
    """`value` where `quantity` is nothing, and 0 elsewhere."""
    if isinstance(quantity, pl.Expr):
        return pl.when(quantity == literal(ZERO)).then(literal(value)).otherwise(literal(ZERO))
    return ZERO if quantity else value


def components(rate: Rate) -> Iterator[tuple[str, Decimal, Rate, Rate]]:
    """Yield the rates that add up to `rate`: text, price, the rate, and it at a price of 1, as a count.

    Bounds are left out: `rate` has none.
    """
    if not rate.tiers:
        name = "flat_fee" if rate.model == "flat" else "unit_price"
        price = getattr(rate, name)
        alone = rate if rate.model == "flat" else rate.model_copy(update={"flat_fee": None})
        yield _text(rate), price, alone, alone.model_copy(update={name: ONE})
        if rate.flat_fee and rate.model != "flat":
            fee = rate.model_copy(update={"unit_price": ZERO})
            yield "flat fee", rate.flat_fee, fee, fee.model_copy(update={"flat_fee": ONE})
    for number, (low, tier) in enumerate(bands(rate)):
        for name in ("unit_price", "flat_fee"):
            price = getattr(tier, name)
            if price or name == "unit_price":
                text = f"{_what(rate, tier, name)} {_range(low, tier.up_to, rate.terms)}"
                yield text, price, _only(rate, number, name, price), _only(rate, number, name, ONE)


def _only(rate: Rate, number: int, name: str, price: Decimal) -> Rate:
    """Return the rate with this price as its only one."""
    tiers = [tier.model_copy(update={"unit_price": ZERO, "flat_fee": ZERO}) for tier in rate.tiers]
    tiers[number] = tiers[number].model_copy(update={name: price})
    return rate.model_copy(update={"tiers": tuple(tiers)})


def _text(rate: Rate) -> str:
    if rate.model == "package":
        return _packages(rate.package_size or ONE, rate.packages)
    return {"flat": "flat fee", "unit": "units"}.get(rate.model, "share of the amount")


def _what(rate: Rate, tier: Tier, name: str) -> str:
    units = "units" if tier.package_size is None else _packages(tier.package_size, rate.packages)
    return units if name == "unit_price" else "flat fee for units"


def _packages(size: Decimal, packages: Packages | None) -> str:
    kind = {"down": "full packages", "exact": "packages"}.get(packages or "", "started packages")
    return f"{kind} of {_number(size)}"


def _range(low: Decimal, high: Decimal | None, terms: Terms) -> str:
    above = ("above" if terms.ends_inclusive else "from") + f" {_number(low)}" if low or high is None else ""
    up_to = "" if high is None else ("up to" if terms.ends_inclusive else "below") + f" {_number(high)}"
    return f"{above} {up_to}".strip()


def _number(number: Decimal) -> str:
    return f"{number.normalize():,f}"

"""The ladder: the rates that lie between an old and a new price, one cause of a change a rung.

A rung changes one thing and keeps the rest: first how the biller reads a rate (tier edges, fees at zero),
then its shape (the model, the bounds of tiers, the size of a package) at the old prices, then the prices,
then the minimum, then the maximum. So the differences of what a quantity costs from rung to rung add up to
the whole difference, whatever the quantity.

What a shape costs "at the old prices" is only sure where both prices have the same bands. Tiers are paired in
their order where there are as many, otherwise by their bounds; a band that the old price does not have brings
its own price with it, so that all of its effect is that of the shape. Between a flat fee and a price for each
there is no common band at all.
"""

from decimal import Decimal
from typing import NamedTuple

from billing.money import ZERO, over, times
from billing.price import Rate, Tier

CONVENTION, TIER, PRICE, MINIMUM, MAXIMUM = "convention", "tier", "price", "minimum", "maximum"


class Rung(NamedTuple):
    """A rate on the way from the old price to the new one, and the cause that the step to it is."""

    cause: str
    rate: Rate


class Band(NamedTuple):
    """What units above `low`, up to `high`, cost: `price` for each `size`, a fee, and a most in all."""

    low: Decimal
    high: Decimal | None
    price: Decimal
    size: Decimal
    flat_fee: Decimal
    maximum: Decimal | None

    def price_of(self, size: Decimal) -> Decimal:
        """Return what a package of another size costs at the same price for a unit."""
        return self.price if size == self.size else times(over(self.price, self.size), size)


def rungs(old: Rate, new: Rate) -> list[Rung]:
    """Return the rates from the old to the new one, each with its cause; none where they are equal."""
    before, last = plain(old), plain(new)
    known = before.under(last.terms)
    mates = _paired(known, last)
    found = []
    for cause, rate in (
        (CONVENTION, known),
        (TIER, _bounded(_at_prices(last, mates), mates, known.minimum, known.maximum)),
        (PRICE, _bounded(last, mates, known.minimum, known.maximum)),
        (MINIMUM, _bounded(last, mates, last.minimum, known.maximum)),
        (MAXIMUM, last),
    ):
        if rate != before:
            found.append(Rung(cause, rate))
            before = rate
    return found


def plain(rate: Rate) -> Rate:
    """Return the rate of a price alone, without what is counted and when."""
    return Rate.model_construct(**{name: getattr(rate, name) for name in Rate.model_fields}).under(rate.terms)


def scaled(rate: Rate, factor: int) -> Rate:
    """Return a rate with every amount times a factor: what twelve months of it cost."""
    tiers = tuple(tier.model_copy(update=_times(tier, factor)) for tier in rate.tiers)
    return plain(rate).model_copy(update=_times(rate, factor) | {"tiers": tiers}).under(rate.terms)


def _times(rate: Rate | Tier, factor: int) -> dict[str, Decimal]:
    names = ("unit_price", "flat_fee", "minimum", "maximum")
    prices = {name: getattr(rate, name, None) for name in names}
    return {name: times(price, factor) for name, price in prices.items() if price is not None}


def bands(rate: Rate) -> list[Band]:
    """Return a rate as bands, whatever its model."""
    one = Decimal(1)
    if not rate.tiers:
        price, fee = rate.unit_price or ZERO, rate.flat_fee or ZERO
        return [Band(ZERO, None, price, rate.package_size or one, fee, None)]
    lows = [ZERO, *(tier.up_to or ZERO for tier in rate.tiers)]
    return [
        Band(low, tier.up_to, tier.unit_price, tier.package_size or one, tier.flat_fee, tier.maximum)
        for low, tier in zip(lows, rate.tiers, strict=False)
    ]


def _paired(old: Rate, new: Rate) -> list[Band]:
    """Return for each band of the new rate the old one's that it goes by: its own, where there is none."""
    before, after = bands(old), bands(new)
    if (old.model == "flat") != (new.model == "flat"):
        return after
    if len(before) == len(after):
        return before
    by_bounds = {(band.low, band.high): band for band in before}
    return [by_bounds.get((band.low, band.high), band) for band in after]


def _at_prices(new: Rate, mates: list[Band]) -> Rate:
    """Return the new rate's shape at the prices of the bands that it goes by."""
    one = Decimal(1)
    tiers = tuple(
        tier.model_copy(
            update={"unit_price": mate.price_of(tier.package_size or one), "flat_fee": mate.flat_fee}
        )
        for tier, mate in zip(new.tiers, mates, strict=False)
    )
    if tiers:
        return new.model_copy(update={"tiers": tiers})
    [mate] = mates
    update: dict[str, Decimal] = {}
    if new.model != "flat":
        update["unit_price"] = mate.price_of(new.package_size or one)
    if new.flat_fee is not None or mate.flat_fee:
        update["flat_fee"] = mate.flat_fee
    return new.model_copy(update=update)


def _bounded(rate: Rate, mates: list[Band], minimum: Decimal | None, maximum: Decimal | None) -> Rate:
    """Return a rate with other bounds: a least and a most in all, and the most that each band may cost."""
    tiers = tuple(
        tier.model_copy(update={"maximum": mate.maximum})
        for tier, mate in zip(rate.tiers, mates, strict=False)
    )
    return rate.model_copy(update={"minimum": minimum, "maximum": maximum, "tiers": tiers})

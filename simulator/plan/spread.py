"""Spreading: a number over parts, evenly, so that the parts add up to it and nothing is left to chance."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from metering.period import Period


def spread(total: Decimal, parts: int, step: Decimal = Decimal(1)) -> list[Decimal]:
    """Part `total` into so many parts that differ by one `step` at most; what is left over is spread too.

    The first n parts together are the whole steps of n/parts of the total, so no part strays by a step from
    its exact share, and where there are fewer steps than parts they stand at even distances. Raises
    ValueError where `total` is not in whole steps.
    """
    steps, rest = divmod(total, step)
    if rest:
        raise ValueError(f"{total} is not in whole steps of {step}")
    bounds = [int(steps) * part // parts for part in range(parts + 1)]
    return [(until - since) * step for since, until in pairwise(bounds)]


def whole_step(total: Decimal, price: Decimal, minor_unit: Decimal, finest: Decimal = Decimal(1)) -> Decimal:
    """Return the smallest step in which `total` can be parted so that every part costs whole minor units.

    That is a power of ten from `finest` on: 500,000 calls at 0.001 go in steps of 10. Where there is none,
    parts are rounded when they are billed, and the step is the finest that holds the total.
    """
    step = finest
    while step <= total and not total % step:
        if not step * price % minor_unit:
            return step
        step *= 10
    return finest if not total % finest else _last_place(total)


def _last_place(number: Decimal) -> Decimal:
    """Return one unit of a number's last decimal place."""
    exponent = number.normalize().as_tuple().exponent
    assert isinstance(exponent, int), f"{number} is no number"
    return Decimal(1).scaleb(min(exponent, 0))


def day_of(position: int, count: int, month: Period) -> date:
    """Return the day of the `position`-th (from 0) of `count` things that happen in a month."""
    return month.starts_on + timedelta(days=(2 * position + 1) * month.days // (2 * count))

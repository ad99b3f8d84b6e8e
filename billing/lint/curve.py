"""Curves: cost as a function of one quantity, and the places where two of them can cross.

A rate is linear between its edges, so what is true at the edges, just above them and at the crossing points
that are solved from them is true everywhere: nothing is searched by trying numbers. Packages are stairs; of a
stretch with very many, some are looked at and the first crossing is then found by halving.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from billing.money import ZERO
from billing.price import Rate
from billing.pricing import amount, bands

STAIRS_MAX = 256
"""How many steps of a package are looked at in a stretch without another edge."""

FINEST = Decimal("0.000001")
"""The smallest part of a unit that counts as more: a meter that is not counted in whole units."""

ONE = Decimal(1)


class Piece(NamedTuple):
    """A stretch of a rate: above `low`, up to and including `high`, `fixed` and `slope` for each unit."""

    low: Decimal
    high: Decimal | None
    fixed: Decimal
    slope: Decimal

    def at(self, quantity: Decimal) -> Decimal:
        """Return what the stretch says of a quantity."""
        return self.fixed + self.slope * quantity


def pieces(rate: Rate) -> list[Piece]:
    """Return the stretches of a rate without its minimum and maximum; none of a package, which is stairs.

    The stairs of a tier's packages are taken as the slope that they have from one to the next.
    """
    if rate.model == "package":
        return []
    if not rate.tiers:
        fixed, slope = rate.flat_fee or ZERO, rate.unit_price or ZERO
        return [Piece(ZERO, None, fixed, slope)]
    found, fixed = [], ZERO
    for low, tier in bands(rate):
        slope = tier.unit_price / (tier.package_size or ONE)
        if rate.model == "volume":
            found += _capped(Piece(low, tier.up_to, tier.flat_fee, slope), tier.maximum)
            continue
        most = None if tier.maximum is None else fixed + tier.maximum
        found += _capped(Piece(low, tier.up_to, fixed + tier.flat_fee - low * slope, slope), most)
        fixed = found[-1].at(tier.up_to) if tier.up_to is not None else fixed
    return found


def _capped(piece: Piece, most: Decimal | None) -> list[Piece]:
    """Cut a stretch where it reaches what it costs at most."""
    if most is None or (not piece.slope and piece.fixed <= most):
        return [piece]
    flat = Piece(piece.low, piece.high, most, ZERO)
    if piece.at(piece.low) >= most:
        return [flat]
    met = ((most - piece.fixed) / piece.slope).quantize(FINEST)
    if piece.high is not None and met >= piece.high:
        return [piece]
    return [piece._replace(high=met), flat._replace(low=met)]


def stairs(rate: Rate) -> list[tuple[Decimal, Decimal]]:
    """Return where packages of a rate begin, and their sizes."""
    if rate.model == "package":
        return [(ZERO, rate.package_size or ONE)]
    starts = [(ZERO if rate.model == "volume" else low, tier) for low, tier in bands(rate)]
    return [(low, tier.package_size) for low, tier in starts if tier.package_size is not None]


def clamped(rate: Rate, cost: Decimal) -> Decimal:
    """Return a cost within the rate's minimum and maximum."""
    least = cost if rate.minimum is None else max(cost, rate.minimum)
    return least if rate.maximum is None else min(least, rate.maximum)


def slope_of(rate: Rate) -> Decimal:
    """Return what one more unit costs in the end, beyond every edge."""
    if rate.maximum is not None:
        return ZERO
    if rate.model == "package":
        return (rate.unit_price or ZERO) / (rate.package_size or ONE)
    return pieces(rate)[-1].slope


def is_free(rate: Rate) -> bool:
    """Tell whether no quantity costs anything."""
    return not any(amount(rate, edge + 1) for edge in [ZERO, *edges_of(rate)])


def edges_of(rate: Rate) -> list[Decimal]:
    """Return the quantities above which a rate bends or jumps: ends of tiers, least and greatest costs."""
    found = [piece.high for piece in pieces(rate) if piece.high is not None]
    for bound in (rate.minimum, rate.maximum):
        for piece in pieces(rate) if bound is not None else ():
            if bound is not None and piece.slope:
                met = (bound - piece.fixed) / piece.slope
                if met > piece.low and (piece.high is None or met < piece.high):
                    found.append(met.quantize(FINEST))
    return found


class Curve:
    """A cost as a function of one quantity, with all the places where it bends or jumps.

    `steps` are (start, size) of packages; `whole` quantities are counted in whole units; `slope` is the cost
    of one more unit in the end; `floor` is what the cost never falls below (a commitment).
    """

    def __init__(
        self,
        cost: Callable[[Decimal], Decimal],
        *,
        edges: Sequence[Decimal] = (),
        steps: Sequence[tuple[Decimal, Decimal]] = (),
        slope: Decimal = ZERO,
        whole: bool = True,
        floor: Decimal = ZERO,
    ) -> None:
        self._cost = cost
        self._known: dict[Decimal, Decimal] = {}
        self.edges = tuple(sorted({edge for edge in edges if edge > 0}))
        self.steps = tuple(steps)
        self.slope = slope
        self.whole = whole
        self.floor = floor

    def at(self, quantity: Decimal) -> Decimal:
        """Return what a quantity costs."""
        return max(self.floor, self.bare(quantity))

    def bare(self, quantity: Decimal) -> Decimal:
        """Return what a quantity would cost without the floor."""
        if quantity not in self._known:
            self._known[quantity] = self._cost(quantity)
        return self._known[quantity]

    @cached_property
    def far(self) -> Decimal:
        """A quantity beyond every edge and a few packages."""
        size = max((start + 4 * size for start, size in self.steps), default=ZERO)
        return 2 * max((ONE, *self.edges)) + size


def horizon(curves: Sequence[Curve]) -> Decimal:
    """Return a quantity beyond which no two curves cross: past their edges, and where their ends meet."""
    far = max(curve.far for curve in curves)
    ends = [far]
    for one, other in itertools.combinations(curves, 2):
        if one.slope != other.slope:
            apart = (one.at(far) - other.at(far)) / (other.slope - one.slope)
            ends.append(far + max(ZERO, apart))
    return (2 * max(ends)).to_integral_value(ROUND_CEILING)


def after(quantity: Decimal, *, whole: bool) -> Decimal:
    """Return the least quantity above another."""
    return quantity // 1 + 1 if whole else quantity + FINEST


def points(one: Curve, other: Curve, low: Decimal, high: Decimal) -> list[Decimal]:
    """Return the quantities in [low, high] between which both curves are straight, in rising order."""
    hard = sorted({low, high, *(edge for edge in (*one.edges, *other.edges) if low < edge < high)})
    found = set(hard)
    for start, size in (*one.steps, *other.steps):
        for lower, upper in itertools.pairwise(hard):
            found.update(_stairs(start, size, lower, upper))
    whole = one.whole and other.whole
    found |= {after(point, whole=whole) for point in found if after(point, whole=whole) <= high}
    if whole:
        found = {point // 1 for point in found}
    known = sorted(point for point in found if low <= point <= high)
    for curve in (one, other):
        if curve.floor:
            known = sorted({*known, *_bends(curve, known, whole=whole)})
    return known


def _stairs(start: Decimal, size: Decimal, low: Decimal, high: Decimal) -> Iterator[Decimal]:
    """Yield the ends of packages between two quantities: all, or the first, the last and some between."""
    first = max(ZERO, (low - start) // size)
    last = (high - start) // size
    count = int(last - first) + 1
    stride = max(1, -(-count // STAIRS_MAX))
    for number in [*range(0, count, stride), count - 1]:
        end = start + (first + number) * size
        if low < end < high:
            yield end


def _bends(curve: Curve, known: Sequence[Decimal], *, whole: bool) -> Iterator[Decimal]:
    """Yield where a curve leaves its floor."""
    for low, high in itertools.pairwise(known):
        under, over = curve.bare(low), curve.bare(high)
        if under < curve.floor < over:
            met = _met(low, high, under - curve.floor, over - curve.floor)
            yield from (met // 1, met // 1 + 1) if whole else (met,)


def _met(low: Decimal, high: Decimal, below: Decimal, above: Decimal) -> Decimal:
    """Return where the straight line from `below` (at low) to `above` (at high) passes zero."""
    share = Fraction(-below) / (Fraction(above) - Fraction(below))
    met = Fraction(low) + share * (Fraction(high) - Fraction(low))
    return (Decimal(met.numerator) / Decimal(met.denominator)).quantize(FINEST)


def cheaper_from(dear: Curve, cheap: Curve, low: Decimal, high: Decimal) -> Decimal | None:
    """Return the least quantity in [low, high] at which `cheap` costs less than `dear`; None without one."""
    whole = dear.whole and cheap.whole

    def less(quantity: Decimal) -> bool:
        return cheap.at(quantity) < dear.at(quantity)

    looked = points(dear, cheap, low, high)
    for number, point in enumerate(looked):
        if less(point):
            if not number:
                return point
            beyond = looked[number + 1] if number + 1 < len(looked) else point
            return _least(less, looked[number - 1], beyond if less(beyond) else point, whole=whole)
    return None


def _least(less: Callable[[Decimal], bool], low: Decimal, high: Decimal, *, whole: bool) -> Decimal:
    """Return the first whole quantity above `low` for which `less` is true, knowing that it is at `high`.

    Where no whole unit between does, the units are parted, to the least parts that are needed.
    """
    unit = ONE
    while True:
        first, last = low // unit + 1, high // unit
        if last >= first and less(last * unit):
            while first < last:
                middle = (first + last) // 2
                first, last = (first, middle) if less(middle * unit) else (middle + 1, last)
            return first * unit
        if whole or unit <= FINEST:
            return high
        unit /= 10


def never_cheaper(one: Curve, other: Curve, low: Decimal, high: Decimal | None) -> bool:
    """Tell whether `one` costs less than `other` nowhere from `low` up to `high` (or without an end)."""
    end = max(one.far, other.far, low + 1) if high is None else high
    if high is None and one.slope < other.slope:
        return False
    return all(one.at(point) >= other.at(point) for point in points(one, other, low, end))

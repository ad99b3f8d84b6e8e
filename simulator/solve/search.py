"""Search: the whole numbers at which a function of one or two of them is as wanted, within constraints.

The function is anything: prices have tiers, packages and caps, so it may jump, rest and turn. It is looked at
on a grid first; between two points of the grid at which it lies on either side of what is wanted, the step is
bracketed down to two neighbours (regula falsi, Illinois, with bisections between, so that it always ends).
What grows best is narrowed by golden sections, and the edge of what the constraints allow by bisection. Every
number that was tried is kept: they are the curve.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import pairwise, product
from typing import Literal, NamedTuple

At = tuple[int, ...]
"""Where something was tried: a whole number for each free one."""

Kind = Literal["equal", "most", "least"]
State = Literal["solved", "infeasible", "out of reach"]

ENDLESS = Decimal("Infinity")
GRID = 9
"""Points of the first look along one number."""

GRID_OF_TWO = 7
"""The same along each of two."""

_GOLDEN = Decimal("0.618033988749894848")
_ROUNDS = 2  # of a finer look at the second of two numbers
_THIRD = 3  # each third step of a bracket halves it


class Tried(NamedTuple):
    """What some numbers came to: the value aimed at (None for none), and how far from what is allowed.

    A `gap` of 0 meets every constraint.
    """

    at: At
    value: Decimal | None
    gap: Decimal

    @property
    def is_allowed(self) -> bool:
        """Whether every constraint is met."""
        return self.gap == 0


class Aim(NamedTuple):
    """What is wanted of the value: to be `equal` to a bound, as large as can be (`most`), or as small."""

    kind: Kind
    bound: Decimal = Decimal(0)

    def error(self, tried: Tried) -> Decimal:
        """Return how far a value is from what is wanted; of two, the better one has the smaller error."""
        if tried.value is None:
            return ENDLESS
        if self.kind == "equal":
            return abs(tried.value - self.bound)
        return -tried.value if self.kind == "most" else tried.value


class Span(NamedTuple):
    """The range of one free number, both ends included, and where it is today."""

    low: int
    high: int
    start: int

    def grid(self, count: int) -> list[int]:
        """Return so many numbers, evenly from end to end, and today's."""
        size = self.high - self.low
        even = (self.low + size * number // (count - 1) for number in range(count))
        return sorted({*even, min(self.high, max(self.low, self.start))})


class Found(NamedTuple):
    """What a search came to: the best numbers, in which state, and those that meet the aim alone, if any.

    infeasible: the aim or the constraints can be met, not both; `best` then meets the constraints as far as
    they can be, and is nearest to the aim. out of reach: no number meets the aim.
    """

    state: State
    best: Tried
    unconstrained: Tried | None = None


class Search:
    """A search over the spans of one or two numbers. `tried` keeps everything that was looked at."""

    def __init__(self, attempt: Callable[[At], Tried], spans: tuple[Span, ...], aim: Aim) -> None:
        self._attempt = attempt
        self._spans = spans
        self._aim = aim
        self.tried: dict[At, Tried] = {}

    def run(self) -> Found:
        """Search. Raises ValueError for more than two numbers, or none."""
        if len(self._spans) not in (1, 2):
            message = f"{len(self._spans)} free numbers; one or two can be searched"
            raise ValueError(message)
        if self._aim.kind == "equal":
            return self._equal()
        return self._best()

    def look(self, at: At) -> Tried:
        """Try some numbers, once."""
        if at not in self.tried:
            self.tried[at] = self._attempt(at)
        return self.tried[at]

    # to be equal

    def _equal(self) -> Found:
        roots = list(self._roots(()) if len(self._spans) == 1 else self._roots_of_two())
        allowed = [root for root in roots if root.is_allowed]
        if allowed:
            return Found("solved", min(self._closest(allowed), key=self._distance))
        if not roots:
            self._narrow_to_nearest()
        else:
            self._narrow_to_allowed()
        nearest = min(roots, key=lambda root: (root.gap, self._distance(root)), default=None)
        return Found("infeasible" if roots else "out of reach", self._nearest(), nearest)

    def _closest(self, roots: list[Tried]) -> list[Tried]:
        """Return the better half of the roots along two numbers: they meet the aim more or less closely."""
        if len(self._spans) == 1:
            return roots
        errors = sorted(self._aim.error(root) for root in roots)
        return [root for root in roots if self._aim.error(root) <= errors[(len(errors) - 1) // 2]]

    def _roots(self, rest: At, count: int = GRID) -> Iterator[Tried]:
        """Yield where the value is as wanted along the first number, the others being `rest`."""
        points = [self.look((first, *rest)) for first in self._spans[0].grid(count)]
        known = [point for point in points if point.value is not None]
        for one in known:
            if self._side(one) == 0:
                yield one
        for one, other in pairwise(known):
            if self._side(one) * self._side(other) < 0:
                yield self._bracket(one, other)

    def _roots_of_two(self) -> Iterator[Tried]:
        """Yield roots along the first number for values of the second, finer where they are best."""
        span, found = self._spans[1], list[Tried]()
        seconds, step = span.grid(GRID_OF_TWO), (span.high - span.low) // (GRID_OF_TWO - 1)
        for _ in range(1 + _ROUNDS):
            for second in seconds:
                found += self._roots((second,), GRID_OF_TWO)
            if not found or step < 2:  # noqa: PLR2004 - there is nothing between neighbours
                break
            centre = min(found, key=lambda root: (root.gap, self._distance(root))).at[1]
            step = max(1, step // 2)
            seconds = [one for one in (centre - step, centre + step) if span.low <= one <= span.high]
        yield from found

    def _bracket(self, one: Tried, other: Tried) -> Tried:
        """Narrow two numbers on either side of the aim down to neighbours; return the nearer one."""
        weights = [abs(self._off(one)), abs(self._off(other))]
        steps = 0
        while other.at[0] - one.at[0] > 1:
            steps += 1
            width = other.at[0] - one.at[0]
            part = (
                width * weights[0] / (weights[0] + weights[1]) if all(map(Decimal.is_finite, weights)) else 0
            )
            inner = width // 2 if steps % _THIRD == 0 or not part else min(width - 1, max(1, round(part)))
            middle = self.look((one.at[0] + inner, *one.at[1:]))
            side = self._side(middle)
            if side == 0:
                return middle
            if side == self._side(one):
                one, weights = middle, [abs(self._off(middle)), weights[1] / 2]
            else:
                other, weights = middle, [weights[0] / 2, abs(self._off(middle))]
        return min(
            one, other, key=lambda end: (not end.is_allowed, self._aim.error(end), self._distance(end))
        )

    def _off(self, tried: Tried) -> Decimal:
        return (tried.value if tried.value is not None else ENDLESS) - self._aim.bound

    def _side(self, tried: Tried) -> int:
        off = self._off(tried)
        return (off > 0) - (off < 0)

    # to be the most or the least

    def _best(self) -> Found:
        count = GRID if len(self._spans) == 1 else GRID_OF_TWO
        for at in product(*(span.grid(count) for span in self._spans)):
            self.look(at)
        allowed = [one for one in self.tried.values() if one.is_allowed and one.value is not None]
        if not allowed:
            self._narrow_to_allowed()
            allowed = [one for one in self.tried.values() if one.is_allowed and one.value is not None]
        if not allowed:
            alone = min(self.tried.values(), key=lambda one: (self._aim.error(one), self._distance(one)))
            return Found("infeasible", self._nearest(), alone)
        self._climb(min(allowed, key=self._rank))
        return Found("solved", self._nearest())

    def _climb(self, best: Tried) -> None:
        """Go uphill along each number in turn, as far as allowed, until no step is better."""
        while True:
            for axis in range(len(self._spans)):
                self._climb_along(axis, best)
            better = min(self.tried.values(), key=self._rank)
            if len(self._spans) > 1:
                better = self._walk(better)
            if better == best or len(self._spans) == 1:
                return
            best = better

    def _walk(self, best: Tried) -> Tried:
        """Go uphill in any of eight directions by steps that halve: along an edge of what is allowed, too."""
        step = max(max(1, (span.high - span.low) // (GRID_OF_TWO - 1) // 2) for span in self._spans)
        while step:
            around = (
                tuple(place + step * way for place, way in zip(best.at, ways, strict=True))
                for ways in product((-1, 0, 1), repeat=len(self._spans))
            )
            inside = [
                self.look(at)
                for at in around
                if all(one.low <= place <= one.high for one, place in zip(self._spans, at, strict=True))
            ]
            better = min([best, *inside], key=self._rank)
            if better == best:
                step //= 2
            best = better
        return best

    def _climb_along(self, axis: int, best: Tried) -> None:
        """Narrow down the best along one number, between the neighbours of the best that is known."""
        line = sorted(at for at in self.tried if _rest(at, axis) == _rest(best.at, axis))
        place = line.index(best.at)
        low = self._edge(axis, best, line[place - 1]) if place else best.at
        high = self._edge(axis, best, line[place + 1]) if place + 1 < len(line) else best.at
        if low == best.at and high == best.at and len(line) == 1:
            span = self._spans[axis]
            low = self._edge(axis, best, _moved(best.at, axis, span.low))
            high = self._edge(axis, best, _moved(best.at, axis, span.high))
        self._golden(axis, low, high, self._rank)

    def _edge(self, axis: int, allowed: Tried, beyond: At) -> At:
        """Return the last number that is allowed on the way from one that is to another."""
        if self.look(beyond).is_allowed:
            return beyond
        inside, outside = allowed.at, beyond
        while abs(outside[axis] - inside[axis]) > 1:
            middle = _moved(inside, axis, (inside[axis] + outside[axis]) // 2)
            if self.look(middle).is_allowed:
                inside = middle
            else:
                outside = middle
        return inside

    def _golden(self, axis: int, low: At, high: At, rank: Callable[[Tried], object]) -> None:
        """Narrow down where something is best between two numbers; all that is tried is kept."""
        left, right = low[axis], high[axis]
        while right - left > 2:  # noqa: PLR2004 - then every number between is known
            part = max(1, int((right - left) * (1 - _GOLDEN)))
            one, other = left + part, right - part
            if one >= other:
                one, other = left + (right - left) // 2, left + (right - left) // 2 + 1
            ranks = [rank(self.look(_moved(low, axis, place))) for place in (one, other)]
            if ranks[0] <= ranks[1]:  # type: ignore[operator]
                right = other if other < right else right - 1
            else:
                left = one if one > left else left + 1
        for place in range(left, right + 1):
            self.look(_moved(low, axis, place))

    # to come near

    def _narrow_to_nearest(self) -> None:
        """Look closer where the value comes nearest to the aim."""
        self._narrow(lambda one: (self._aim.error(one), self._distance(one)))

    def _narrow_to_allowed(self) -> None:
        """Look closer where the constraints end, or are broken least."""
        if any(one.is_allowed for one in self.tried.values()):
            for axis in range(len(self._spans)):
                known = sorted(self.tried.values(), key=lambda one: (_rest(one.at, axis), one.at[axis]))
                for one, other in pairwise(known):
                    if _rest(one.at, axis) == _rest(other.at, axis) and one.is_allowed != other.is_allowed:
                        inside, outside = (one, other) if one.is_allowed else (other, one)
                        self._edge(axis, inside, outside.at)
        else:
            self._narrow(lambda one: (one.gap, self._aim.error(one), self._distance(one)))

    def _narrow(self, rank: Callable[[Tried], tuple[object, ...]]) -> None:
        best = min(self.tried.values(), key=rank)
        for axis in range(len(self._spans)):
            line = sorted(at for at in self.tried if _rest(at, axis) == _rest(best.at, axis))
            place = line.index(best.at)
            self._golden(axis, line[max(0, place - 1)], line[min(len(line) - 1, place + 1)], rank)

    def _nearest(self) -> Tried:
        return min(self.tried.values(), key=lambda one: (one.gap, self._aim.error(one), self._distance(one)))

    def _rank(self, tried: Tried) -> tuple[object, ...]:
        return (tried.gap, self._aim.error(tried), self._distance(tried))

    def _distance(self, tried: Tried) -> Decimal:
        """Return how far numbers are from today's, in parts of their ranges."""
        parts: Iterable[Decimal] = (
            Decimal(abs(at - span.start)) / max(1, span.high - span.low)
            for at, span in zip(tried.at, self._spans, strict=True)
        )
        return sum(parts, Decimal(0))


def _rest(at: At, axis: int) -> At:
    return at[:axis] + at[axis + 1 :]


def _moved(at: At, axis: int, place: int) -> At:
    return (*at[:axis], place, *at[axis + 1 :])

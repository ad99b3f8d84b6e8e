"""Effects of a price change: what it does by itself, what it does in all, and what customers add to that.

Every trial is one company under two price books with common random numbers: `before` is how it stands under
its own book, `replayed` how its own events are billed under the other (behaviour frozen), `after` how the
same company fares when it lives under the other. Then

    mechanical = replayed − before,  total = after − before,  reaction = after − replayed,

and their means over independent trials have intervals of Student's t. Both companies of a trial meet the same
customers, so what they have in common cancels: `variance_removed` says how many times larger the variance of
the total effect would be between companies that have nothing in common.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from analytics.standing import Place, Standing, difference
from analytics.student import Estimate, estimate, variance

PAIRS_MIN = 2
"""From so many trials on there is a variance."""


class Trial(NamedTuple):
    """One seed: how the company stands under each book, and what of the reaction came by which channel.

    `channels` are amounts of what was billed that add up to `after` less `replayed`; `counts` are pairs,
    under the first book and under the second.
    """

    seed: int
    before: Standing
    replayed: Standing
    after: Standing
    channels: Mapping[str, Decimal]
    counts: Mapping[str, tuple[Decimal, Decimal]]


class Effect(NamedTuple):
    """The three effects on one measure, and the level `before`; None where no trial has a number."""

    place: Place
    before: Estimate | None
    mechanical: Estimate | None
    total: Estimate | None
    reaction: Estimate | None
    variance_removed: float | None


def effects(trials: Sequence[Trial]) -> list[Effect]:
    """Return the effects on every measure that any trial has, in the order of the first."""
    replays = [difference(one.replayed, one.before) for one in trials]
    totals = [difference(one.after, one.before) for one in trials]
    reactions = [difference(one.after, one.replayed) for one in trials]
    places = dict.fromkeys(place for one in totals for place in one)
    return [
        Effect(
            place,
            _mean(one.before.get(place) for one in trials),
            _mean(one.get(place) for one in replays),
            _mean(one.get(place) for one in totals),
            _mean(one.get(place) for one in reactions),
            variance_removed([(one.before.get(place), one.after.get(place)) for one in trials]),
        )
        for place in places
    ]


def variance_removed(pairs: Sequence[tuple[Decimal | None, Decimal | None]]) -> float | None:
    """Return the variance of an unpaired difference by that of the paired one; None where that is 0.

    Unpaired companies have nothing in common, so the variance of their difference is the sum of theirs.
    """
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    if len(both) < PAIRS_MIN:
        return None
    paired = variance([other - one for one, other in both])
    apart = variance([one for one, _ in both]) + variance([other for _, other in both])
    return apart / paired if paired > 0 else None


def _mean(numbers: object) -> Estimate | None:
    return estimate([number for number in numbers if number is not None])  # type: ignore[attr-defined]

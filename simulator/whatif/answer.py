"""Answers: what an experiment came to, from the outcomes of its seeds."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from analytics.break_even import BreakEven
from analytics.effect import Effect, effects
from analytics.standing import Place
from analytics.student import CONFIDENCE, Estimate, estimate
from simulator.whatif.experiment import Outcome
from simulator.whatif.sweep import Sweep, mean_changes, of, zero

PRICE = "price"
"""The reaction that is churn: its sweep shows how much of it the change can bear."""


class Even(NamedTuple):
    """Break-even churn over the seeds: customers affected, the rise of their bills, who may leave.

    `share` may leave at once, `monthly` every month; None for a price cut. `leavers` and `leavers_a_month`
    (in the first one) count them. Below 0 is how many more must come.
    """

    customers: Estimate
    rise: Estimate
    share: Estimate
    leavers: Estimate
    monthly: Estimate | None
    leavers_a_month: Estimate | None


class Point(NamedTuple):
    """What one value of a sweep came to: the effects on revenue and on customers."""

    value: Decimal
    revenue: Effect
    customers: Effect


class Swept(NamedTuple):
    """A sweep, value by value, and where the total effect on revenue turns, if it does."""

    name: str
    points: tuple[Point, ...]
    turns_at: float | None


class Answer(NamedTuple):
    """What the change of prices does: effects, channels of the reaction, counts, break-even, sweeps."""

    seeds: int
    effects: list[Effect]
    channels: dict[str, Estimate | None]
    counts: dict[str, tuple[float, float]]
    break_even: Even | None
    swept: list[Swept]


def answer(outcomes: Sequence[Outcome], sweeps: Sequence[Sweep]) -> Answer:
    """Return the answer of an experiment: `outcomes` of all its cases, in their order."""
    plain = [one for one in outcomes if one.case.label is None]
    trials = [one.trial for one in plain]
    channels = {name: estimate([one.channels[name] for one in trials]) for name in trials[0].channels}
    changed = mean_changes([one.counts for one in trials])
    levels = {
        name: float(sum((one.counts[name][0] for one in trials), Decimal(0)) / len(trials))
        for name in changed
    }
    return Answer(
        len(trials),
        effects(trials),
        channels,
        {name: (levels[name], levels[name] + changed[name]) for name in changed},
        _even([one.break_even for one in plain]),
        [_swept(sweep, outcomes) for sweep in sweeps],
    )


def _even(found: Sequence[BreakEven | None]) -> Even | None:
    known = [one for one in found if one is not None]
    if not known:
        return None
    monthly = [one.monthly for one in known if one.monthly is not None]
    first = [one.customers * one.monthly for one in known if one.monthly is not None]
    return Even(
        customers=_estimated([one.customers for one in known]),
        rise=_estimated([float(one.after / one.before) - 1 if one.before else 0.0 for one in known]),
        share=_estimated([one.share for one in known]),
        leavers=_estimated([one.leavers for one in known]),
        monthly=estimate(monthly),
        leavers_a_month=estimate(first),
    )


def _estimated(numbers: Sequence[float]) -> Estimate:
    found = estimate(numbers)
    assert found is not None, "no number to estimate from"
    return found


def _swept(sweep: Sweep, outcomes: Sequence[Outcome]) -> Swept:
    points = []
    for value in sweep.values:
        trials = [one.trial for one in outcomes if one.case.label == (sweep.name, value)]
        found = effects(trials)
        points.append(Point(value, of(found, "revenue"), of(found, "customers")))
    totals = [point.revenue.total.mean if point.revenue.total else 0.0 for point in points]
    return Swept(sweep.name, tuple(points), zero([float(value) for value in sweep.values], totals))


def told(found: Answer) -> dict[str, Any]:
    """Return an answer as plain data, for JSON."""
    return {
        "seeds": found.seeds,
        "confidence": CONFIDENCE if found.seeds > 1 else None,
        "effects": [_effect(one) for one in found.effects],
        "channels": {name: _plain(one) for name, one in found.channels.items()},
        "counts": {name: {"before": one, "after": other} for name, (one, other) in found.counts.items()},
        "break_even": None
        if found.break_even is None
        else {name: _plain(one) for name, one in found.break_even._asdict().items()},
        "sweeps": [
            {
                "name": one.name,
                "turns_at": one.turns_at,
                "points": [
                    {
                        "value": point.value,
                        "revenue": _effect(point.revenue),
                        "customers": _effect(point.customers),
                    }
                    for point in one.points
                ],
            }
            for one in found.swept
        ],
    }


def _effect(one: Effect) -> dict[str, Any]:
    place: Place = one.place
    return {
        "split": place.split,
        "part": place.part,
        "measure": place.measure,
        **{name: _plain(getattr(one, name)) for name in ("before", "mechanical", "total", "reaction")},
        "variance_removed": one.variance_removed,
    }


def _plain(one: Estimate | None) -> Mapping[str, float | int | None] | None:
    return None if one is None else one._asdict()

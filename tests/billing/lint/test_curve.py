"""Curves: what is solved from edges is what looking at every quantity finds."""

import random
from decimal import Decimal
from itertools import pairwise

import pytest

from billing.lint.cliffs import Cliff, falls
from billing.lint.curve import Curve, cheaper_from, edges_of, never_cheaper, slope_of
from billing.price import Rate, Tier
from billing.pricing import charge

RANGE = range(400)
"""Every quantity that is looked at; all edges lie in its first half."""


def money(rng: random.Random, high: int) -> Decimal:
    """Make a price in quarters."""
    return Decimal(rng.randrange(1, high * 4)) / 4


def any_rate(rng: random.Random) -> Rate:
    """Make a rate of any model, with small edges."""
    model = rng.choice(["unit", "flat", "graduated", "volume", "package"])
    bounds = {"minimum": money(rng, 60)} if rng.random() < 0.2 else {}
    if model in {"graduated", "volume"}:
        ends = sorted(rng.sample(range(1, 150), rng.randrange(1, 4)))
        tiers = [Tier(up_to=Decimal(end), unit_price=money(rng, 5)) for end in ends]
        fee = money(rng, 40) if rng.random() < 0.3 else Decimal(0)
        tiers.append(Tier(unit_price=money(rng, 5), flat_fee=fee))
        return Rate(model=model, tiers=tuple(tiers), **bounds)
    if model == "flat":
        return Rate(model="flat", flat_fee=money(rng, 200), **bounds)
    size = {"package_size": Decimal(rng.randrange(2, 30))} if model == "package" else {}
    return Rate(model=model, unit_price=money(rng, 30 if size else 5), **size, **bounds)


def curve(rate: Rate, fee: Decimal, allowance: Decimal) -> Curve:
    """Return the cost of a fee and of what exceeds an allowance."""
    steps = [(allowance, rate.package_size)] if rate.package_size else []
    return Curve(
        lambda quantity: fee + charge(rate, quantity, allowance=allowance),
        edges=[edge + allowance for edge in [Decimal(0), *edges_of(rate)]],
        steps=steps,
        slope=slope_of(rate),
    )


def any_pair(seed: int) -> tuple[Curve, Curve]:
    """Make two curves."""
    rng = random.Random(seed)
    return tuple(  # type: ignore[return-value]
        curve(any_rate(rng), Decimal(rng.randrange(200)), Decimal(rng.randrange(60))) for _ in range(2)
    )


@pytest.mark.parametrize("seed", range(60))
def test_the_first_quantity_that_is_cheaper_is_the_one_that_looking_at_all_finds(seed: int) -> None:
    """No quantity before it is cheaper, and it is."""
    dear, cheap = any_pair(seed)
    looked = [Decimal(q) for q in RANGE if cheap.at(Decimal(q)) < dear.at(Decimal(q))]

    assert next(iter(looked), None) == cheaper_from(dear, cheap, Decimal(0), Decimal(RANGE[-1]))


@pytest.mark.parametrize("seed", range(60))
def test_never_cheaper_is_true_of_every_quantity(seed: int) -> None:
    """Up to a bound it says what looking at all says."""
    one, other = any_pair(seed)
    everywhere = all(one.at(Decimal(q)) >= other.at(Decimal(q)) for q in RANGE)

    assert everywhere == never_cheaper(one, other, Decimal(0), Decimal(RANGE[-1]))


@pytest.mark.parametrize("seed", range(60))
def test_the_falls_of_a_rate_are_those_that_looking_at_all_finds(seed: int) -> None:
    """Each whole quantity that costs more than the next, and how far what lies above costs no more."""
    rate = any_rate(random.Random(seed))
    costs = [charge(rate, Decimal(q)) for q in RANGE]
    looked = []
    for q, (cost, beyond) in enumerate(pairwise(costs)):
        if beyond < cost:
            until = next((n for n in range(q + 1, len(costs)) if costs[n] > cost), len(costs)) - 1
            looked.append(Cliff(Decimal(q), Decimal(q + 1), Decimal(until)))

    found = [cliff for cliff in falls(rate, whole=True) if cliff.edge < RANGE[-1]]
    assert looked == [cliff._replace(until=min(cliff.until, Decimal(RANGE[-1]))) for cliff in found]

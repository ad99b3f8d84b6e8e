"""Searches: the numbers at which a function is as wanted, told by a formula or by brute force."""

from collections.abc import Callable
from decimal import Decimal
from itertools import product
from random import Random

import pytest

from simulator.solve.search import Aim, At, Kind, Search, Span, Tried

Value = Callable[[At], Decimal]
Gap = Callable[[At], Decimal]
FREE = Decimal(0)


def unbound(at: At) -> Decimal:
    """Allow everything."""
    return FREE


def search(value: Value, *spans: Span, kind: Kind = "equal", bound: int = 0, gap: Gap = unbound) -> Search:
    """Return a search of a function, within constraints."""
    return Search(lambda at: Tried(at, value(at), gap(at)), spans, Aim(kind, Decimal(bound)))


@pytest.mark.parametrize("slope", [3, -7])
def test_a_line_is_solved_where_it_crosses(slope: int) -> None:
    """Where a + b x = 0: at x = -a / b, to the number, in few trials."""
    one = search(lambda at: Decimal(slope * (at[0] - 6_173)), Span(0, 10_000, 5_000))

    found = one.run()

    assert (found.state, found.best.at) == ("solved", (6_173,))
    assert len(one.tried) < 16


def test_between_two_numbers_the_nearer_one_is_taken() -> None:
    """3 x = 100 has no whole x: 33 is nearer than 34."""
    assert search(lambda at: Decimal(3 * at[0]), Span(0, 1_000, 0), bound=100).run().best.at == (33,)


def test_a_step_is_found_where_it_is() -> None:
    """Started packages jump: the value is below the aim up to 4,320 and above it from 4,321 on."""
    one = search(lambda at: Decimal(-5 if at[0] <= 4_320 else 90), Span(0, 9_999, 0))

    assert one.run().best.at == (4_320,)


def test_of_several_crossings_the_one_nearest_to_today_is_taken() -> None:
    """A parabola crosses at 1,000 and at 9,000."""

    def parabola(at: At) -> Decimal:
        return Decimal((at[0] - 1_000) * (at[0] - 9_000))

    assert search(parabola, Span(0, 10_000, 7_000)).run().best.at == (9_000,)
    assert search(parabola, Span(0, 10_000, 2_000)).run().best.at == (1_000,)


def test_what_is_as_wanted_today_stays() -> None:
    """Where everything is right, nothing moves."""
    assert search(lambda at: FREE, Span(0, 100, 42)).run().best.at == (42,)


def test_out_of_reach_is_the_nearest_there_is() -> None:
    """What is never below 10 comes nearest to 0 at its bottom, at 37."""
    one = search(lambda at: Decimal((at[0] - 37) ** 2 + 10), Span(0, 1_000, 900))

    found = one.run()

    assert (found.state, found.best.at, found.unconstrained) == ("out of reach", (37,), None)


def test_a_constraint_that_forbids_the_answer_is_infeasible_and_the_nearest_is_told() -> None:
    """It wants x = 700 and allows x <= 555."""
    one = search(
        lambda at: Decimal(at[0] - 700),
        Span(0, 1_000, 100),
        gap=lambda at: Decimal(max(0, at[0] - 555)),
    )

    found = one.run()

    assert (found.state, found.best.at) == ("infeasible", (555,))
    assert found.unconstrained is not None
    assert found.unconstrained.at == (700,)


def test_where_nothing_is_allowed_the_least_forbidden_is_told() -> None:
    """Two constraints that exclude each other: x >= 600 and x <= 400 are broken least between them."""
    one = search(
        lambda at: Decimal(at[0]),
        Span(0, 1_000, 100),
        kind="most",
        gap=lambda at: Decimal(max(0, 600 - at[0]) ** 2 + max(0, at[0] - 400) ** 2),
    )

    found = one.run()

    assert found.state == "infeasible"
    assert found.best.at == (500,)


@pytest.mark.parametrize(("kind", "sign"), [("most", 1), ("least", -1)])
def test_the_top_of_a_hill_is_found(kind: Kind, sign: int) -> None:
    """−(x − 4,321)² is the most at 4,321, and its negative the least."""
    one = search(lambda at: Decimal(-sign * (at[0] - 4_321) ** 2), Span(0, 10_000, 0), kind=kind)

    assert one.run().best.at == (4_321,)


def test_the_most_that_is_allowed_lies_at_the_edge() -> None:
    """A rising line within x <= 1,234."""
    one = search(
        lambda at: Decimal(at[0]),
        Span(0, 100_000, 10),
        kind="most",
        gap=lambda at: Decimal(max(0, at[0] - 1_234)),
    )

    assert one.run().best.at == (1_234,)


def test_two_numbers_are_solved_together() -> None:
    """3 x + 5 y = 800 with y <= 100: the answer meets both, within the coarseness of whole numbers."""
    one = search(
        lambda at: Decimal(3 * at[0] + 5 * at[1] - 800),
        Span(0, 200, 60),
        Span(0, 200, 60),
        gap=lambda at: Decimal(max(0, at[1] - 100)),
    )

    found = one.run()

    assert found.state == "solved"
    assert abs(3 * found.best.at[0] + 5 * found.best.at[1] - 800) <= 1
    assert found.best.at[1] <= 100


def test_the_top_of_a_hill_over_two_numbers_is_found() -> None:
    """A round hill with its top at (420, 170)."""
    one = search(
        lambda at: Decimal(-((at[0] - 420) ** 2) - (at[1] - 170) ** 2),
        Span(0, 1_000, 500),
        Span(0, 1_000, 500),
        kind="most",
    )

    assert one.run().best.at == (420, 170)


def test_three_numbers_are_refused() -> None:
    """There is no curve over three numbers."""
    with pytest.raises(ValueError, match="one or two"):
        search(lambda at: FREE, *[Span(0, 1, 0)] * 3).run()


@pytest.mark.parametrize("seed", range(30))
def test_what_only_rises_is_solved_as_brute_force_solves_it(seed: int) -> None:
    """Random staircases with tiers and jumps: of all numbers, none comes nearer to the aim."""
    chance = Random(seed)
    steps = [chance.choice((0, 1, 1, 2, 50)) for _ in range(400)]
    heights = [sum(steps[: number + 1]) for number in range(400)]
    bound = chance.randint(heights[0], heights[-1])
    one = search(lambda at: Decimal(heights[at[0]]), Span(0, 399, chance.randrange(400)), bound=bound)

    found = one.run()

    assert abs(heights[found.best.at[0]] - bound) == min(abs(height - bound) for height in heights)
    assert len(one.tried) < 40


@pytest.mark.parametrize("seed", range(30))
def test_what_has_one_top_is_solved_as_brute_force_solves_it(seed: int) -> None:
    """Random hills, allowed up to a random number: of all that are allowed, none is higher."""
    chance = Random(seed)
    top, edge = chance.randrange(400), chance.randrange(400)
    left, right = chance.randint(1, 9), chance.randint(1, 9)

    def hill(at: At) -> Decimal:
        return Decimal(-left * (top - at[0]) if at[0] < top else -right * (at[0] - top))

    one = search(hill, Span(0, 399, 0), kind="most", gap=lambda at: Decimal(max(0, at[0] - edge)))

    best = max(range(edge + 1), key=lambda place: hill((place,)))
    assert one.run().best.at == (best,)


@pytest.mark.parametrize("together", [max, sum], ids=["square", "triangle"])
@pytest.mark.parametrize("seed", range(10))
def test_planes_over_two_numbers_are_maximized_as_brute_force_does(
    seed: int, together: Callable[[At], int]
) -> None:
    """A plane within a square or a triangle: the best corner, or a number as good."""
    chance = Random(seed)
    rises = chance.randint(1, 5), chance.randint(1, 5)
    most = chance.randint(10, 50)

    def plane(at: At) -> Decimal:
        return Decimal(rises[0] * at[0] + rises[1] * at[1])

    one = search(
        plane,
        Span(0, 30, 0),
        Span(0, 30, 0),
        kind="most",
        gap=lambda at: Decimal(max(0, together(at) - most)),
    )
    allowed = [at for at in product(range(31), repeat=2) if together(at) <= most]

    assert plane(one.run().best.at) == max(map(plane, allowed))

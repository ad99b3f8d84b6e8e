"""Yearly figures: what a plan says of a year, month by month and head by head."""

from itertools import pairwise

import pytest

from simulator.agents.yearly import arrivals, between, in_month, in_year, spread
from simulator.chance import Chance
from simulator.world import World
from tests.simulator.stage import EMPTY, Stage

PLANS = [(12.0,), (100.0, 300.0, 700.0), (0.0, 5.0, 0.0), (10.0, 10.0), (80_000.0, 1.0)]


@pytest.mark.parametrize("figures", PLANS)
def test_the_months_of_a_year_add_up_to_its_figure(figures: tuple[float, ...]) -> None:
    """However a plan grows or shrinks, twelve months are the year; the last figure lasts."""
    for year in range(5):
        months = [in_month(figures, 12 * year + month) for month in range(12)]

        assert pytest.approx(in_year(figures, 12 * year)) == sum(months)
        assert min(months) >= 0
    assert figures[-1] == in_year(figures, 600)


def test_no_year_of_steady_growth_begins_with_a_leap() -> None:
    """Where years treble, each month grows by the twelfth root of three, over the turn of the year, too."""
    months = [in_month((100.0, 300.0, 900.0), month) for month in range(36)]

    assert all(pytest.approx(3 ** (1 / 12)) == after / before for before, after in pairwise(months))


def test_a_level_goes_straight_from_year_to_year() -> None:
    """Eight people grow to twenty over a year, one a month; after the last figure nothing moves."""
    assert [8, 9, 14, 20, 20] == [between((8.0, 20.0), month) for month in (0, 1, 6, 12, 50)]


def test_arrivals_are_a_poisson_number_on_days_of_the_month() -> None:
    """They come in the order of their days, with numbers that more arrivals do not change."""
    world = World(Stage(12, []), EMPTY, seed=1)
    few, more = (arrivals(world, Chance(1).stream("market", "a"), (figure,), 3) for figure in (600.0, 900.0))

    assert few == sorted(few)
    assert {(day, number) for day, number in few} <= set(more)
    assert all(world.month_start(3) <= day < world.month_start(4) for day, _ in more)
    assert 30 < len(few) < 70


def test_planned_arrivals_are_spread_over_their_year() -> None:
    """Each of a year's newcomers has its own part of it, and a name that other years do not change."""
    world = World(Stage(36, []), EMPTY, seed=1)
    chance = Chance(1).stream("programme", "silver")
    planned, other = (list(spread(world, chance, counts)) for counts in ((4, 0, 2), (4, 9, 2)))

    assert ["y1-01", "y1-02", "y1-03", "y1-04", "y3-01", "y3-02"] == [name for name, _ in planned]
    assert [0, 1, 2, 3] == [day * 4 // 365 for _, day in planned[:4]]
    assert set(planned) <= set(other)

"""Student's t: the quantiles are those of the printed tables, and intervals are made of them."""

from decimal import Decimal
from math import sqrt

import pytest

from analytics.student import Estimate, estimate, quantile, variance, within

# NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2: critical values of Student's t distribution
PUBLISHED = """
    1    3.078   6.314  12.706  31.821  63.657
    2    1.886   2.920   4.303   6.965   9.925
    3    1.638   2.353   3.182   4.541   5.841
    4    1.533   2.132   2.776   3.747   4.604
    5    1.476   2.015   2.571   3.365   4.032
    9    1.383   1.833   2.262   2.821   3.250
   10    1.372   1.812   2.228   2.764   3.169
   19    1.328   1.729   2.093   2.539   2.861
   29    1.311   1.699   2.045   2.462   2.756
   99    1.290   1.660   1.984   2.365   2.626
"""
CHANCES = (0.90, 0.95, 0.975, 0.99, 0.995)
ROWS = [line.split() for line in PUBLISHED.strip().splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} degrees")
def test_quantiles_are_those_of_the_printed_table(row: list[str]) -> None:
    """Each is the printed number to its three places."""
    degrees, *printed = row

    found = [quantile(chance, int(degrees)) for chance in CHANCES]

    assert found == pytest.approx([float(number) for number in printed], abs=0.0006)


def test_the_distribution_is_symmetric_and_its_quantile_its_inverse() -> None:
    """What lies below -t lies above t; the quantile of a chance has just that chance below it."""
    for degrees in (1, 2, 3, 6, 11, 40):
        for chance in (0.6, 0.8, 0.975, 0.9995):
            t = quantile(chance, degrees)
            assert quantile(1 - chance, degrees) == pytest.approx(-t)
            assert (1 + within(t, degrees)) / 2 == pytest.approx(chance, abs=1e-12)


def test_many_degrees_come_near_the_normal_distribution() -> None:
    """With ten thousand of them 97.5 % lie below 1.96."""
    assert quantile(0.975, 10_000) == pytest.approx(1.960, abs=0.001)


def test_an_interval_is_the_mean_and_t_times_its_standard_error() -> None:
    """Of 10, 12, 14, 16: mean 13, sd 2.582, and t of 3 degrees is 3.182."""
    found = estimate([10, 12, 14, 16])

    assert found is not None
    half = 3.18245 * sqrt(20 / 3) / 2
    assert found.mean == 13
    assert (found.low, found.high) == pytest.approx((13 - half, 13 + half), abs=1e-4)
    assert found.sd == pytest.approx(sqrt(20 / 3))
    assert found.size == 4


def test_one_number_has_no_interval_and_none_has_no_estimate() -> None:
    """An interval from one company would be made up."""
    assert estimate([Decimal("1.5")]) == Estimate(1.5, None, None, None, 1)
    assert estimate([]) is None


def test_equal_numbers_have_an_interval_of_no_width() -> None:
    """Three zeros are exactly zero, and are no clear effect."""
    found = estimate([Decimal(0), 0, Decimal("0.00")])

    assert found == Estimate(0.0, 0.0, 0.0, 0.0, 3)
    assert not found.is_clear
    assert found.half_width == 0


def test_an_effect_is_clear_where_its_interval_leaves_zero_out() -> None:
    """Around 10 with little noise it is, around 1 with much noise it is not."""
    clear, unclear = estimate([9, 10, 11]), estimate([-9, 1, 11])

    assert clear is not None
    assert unclear is not None
    assert (clear.is_clear, unclear.is_clear) == (True, False)


def test_the_variance_is_that_of_a_sample() -> None:
    """Of 2, 4, 4, 4, 5, 5, 7, 9: 32 / 7."""
    assert variance([2, 4, 4, 4, 5, 5, 7, 9]) == pytest.approx(32 / 7)


@pytest.mark.parametrize(("chance", "degrees"), [(0.0, 3), (1.0, 3), (float("nan"), 3), (0.975, 0)])
def test_what_is_no_chance_or_no_degree_is_refused(chance: float, degrees: int) -> None:
    """Neither a chance of 1 nor no degree of freedom has a quantile."""
    with pytest.raises(ValueError, match=r"chance|degrees"):
        quantile(chance, degrees)

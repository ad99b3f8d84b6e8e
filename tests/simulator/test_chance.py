"""Chance: draws are looked up by name, are as random as they claim, and a column has the scalar's numbers."""

import math
from collections.abc import Callable
from functools import partial
from statistics import correlation, fmean, median, pvariance

import polars as pl
import pytest

from simulator.chance import Chance, Stream, uniform_at, with_uniforms

COUNT = 20_000
CHI_SQUARE_MOST = 330.0
"""255 degrees of freedom exceed it once in 1,000 times; the draws are fixed, so a pass stays a pass."""


def stream(identity: str = "17") -> Stream:
    """Return the draws of a customer."""
    return Chance(1).stream("customer", identity)


def column(keys: list[int], counters: range) -> pl.DataFrame:
    """Return a uniform for every key and counter, key by key."""
    frame = pl.DataFrame({"key": pl.Series(keys, dtype=pl.UInt64)}).join(
        pl.DataFrame({"n": list(counters)}), how="cross"
    )
    return with_uniforms(frame.lazy(), "key", u=pl.col("n")).collect()


def across(key: Callable[[int], int]) -> list[float]:
    """Return the first uniform of every key."""
    return list(column([key(n) for n in range(COUNT)], range(1))["u"])


def chi_square(numbers: list[float], bins: int = 256) -> float:
    """Return how far the numbers are from filling equal bins equally."""
    counts = [0] * bins
    for number in numbers:
        counts[int(number * bins)] += 1
    expected = len(numbers) / bins
    return sum((count - expected) ** 2 / expected for count in counts)


def test_a_draw_depends_on_its_name_only() -> None:
    """The same seed, kind, id, purpose and n give the same number, whatever was drawn before."""
    fresh, used = stream(), stream()
    for n in range(100):
        used.uniform("churn", n)

    assert fresh.uniform("seats", 7) == used.uniform("seats", 7)


def test_the_numbers_are_pinned() -> None:
    """They are the same on every machine and in every version: a change here changes every recorded run."""
    assert stream().uniform("churn", 3) == 0.8940716919750121
    assert stream().key("usage") == 11208926454225691305
    assert uniform_at(11208926454225691305, 20454) == 0.2255852999272222


@pytest.mark.parametrize(
    "other",
    [
        Chance(2).stream("customer", "17"),
        Chance(1).stream("partner", "17"),
        Chance(1).stream("customer", "18"),
        Chance(1).stream("custome", "r17"),
    ],
    ids=["seed", "kind", "id", "no boundary slips"],
)
def test_another_name_has_another_number(other: Stream) -> None:
    """Seed, kind and id each make a stream of its own."""
    assert stream().uniform("churn", 3) != other.uniform("churn", 3)


def test_purpose_and_number_do_not_run_together() -> None:
    """Purpose "a1", n 1 is not purpose "a", n 11."""
    assert len({stream().uniform(purpose, n) for purpose, n in (("a1", 1), ("a", 11), ("a11", 0))}) == 3


def test_a_uniform_has_exactly_53_bits() -> None:
    """Every uniform lies in [0, 1) and is a whole multiple of 2**-53, in both worlds."""
    single = [stream().uniform("x", n) for n in range(1000)]
    whole = column([5], range(1000))["u"].to_list()

    assert all(0.0 <= number < 1.0 and (number * 2**53).is_integer() for number in single + whole)
    assert any((number * 2**53) % 2 for number in single)
    assert any((number * 2**53) % 2 for number in whole)


def test_the_column_has_the_numbers_of_the_scalar() -> None:
    """One key, one counter, one number: computed one by one or by the column."""
    keys = [0, 1, 2**63, 2**64 - 1, stream().key("usage")]
    frame = column(keys, range(20_400, 20_420))

    assert [uniform_at(key, n) for key, n, _ in frame.rows()] == frame["u"].to_list()


ONE = stream()
NUMBERS: dict[str, Callable[[], list[float]]] = {
    "one stream": lambda: [ONE.uniform("x", n) for n in range(COUNT)],
    "many agents": lambda: [stream(str(n)).uniform("x") for n in range(COUNT)],
    "column along a key": lambda: list(column([ONE.key("x")], range(COUNT))["u"]),
    "column across keys": lambda: across(lambda n: stream(str(n)).key("x")),
    "column, counting keys": lambda: across(lambda n: n),
}
"""Ways to walk through the numbers, the last one harder than any use here."""


@pytest.mark.parametrize("way", NUMBERS)
def test_uniforms_are_uniform_and_independent(way: str) -> None:
    """Mean, variance, 256 equal bins and correlations with the next ones are those of independent draws."""
    numbers = NUMBERS[way]()

    assert abs(fmean(numbers) - 0.5) < 4 * math.sqrt(1 / 12 / COUNT)
    assert abs(pvariance(numbers) * 12 - 1) < 0.03
    assert chi_square(numbers) < CHI_SQUARE_MOST
    for lag in (1, 2, 3, 7):
        assert abs(correlation(numbers[lag:], numbers[:-lag])) < 4 / math.sqrt(COUNT)


def test_neighbouring_keys_are_independent() -> None:
    """The days of one flow say nothing about the same days of the next, even for keys that differ by one."""
    rows = column([1000, 1001, 1002], range(COUNT)).partition_by("key")
    one, two, three = (rows[number]["u"].to_list() for number in range(3))

    assert max(map(abs, (correlation(one, two), correlation(two, three), correlation(one, three)))) < 0.03


def test_eight_at_once_are_independent() -> None:
    """The eight uniforms of one octet are uniform, and no two of them go together."""
    octets = list(zip(*(stream().octet("x", n) for n in range(COUNT)), strict=True))

    assert all(chi_square(list(numbers)) < CHI_SQUARE_MOST for numbers in octets)
    assert all(
        abs(correlation(octets[one], octets[two])) < 0.03 for one in range(8) for two in range(one + 1, 8)
    )


def test_the_first_of_eight_is_the_uniform_of_that_name() -> None:
    """`octet` extends `uniform`, so that a decision that grows another part moves none."""
    assert stream().uniform("x", 5) == stream().octet("x", 5)[0]


SHAPES: dict[str, tuple[Callable[[int], float], float, float]] = {
    "normal": (partial(ONE.normal, "x", mean=3.0, sd=2.0), 3.0, 4.0),
    "exponential": (partial(ONE.exponential, "x", mean=2.0), 2.0, 4.0),
    "poisson, small": (partial(ONE.poisson, "x", mean=0.7), 0.7, 0.7),
    "poisson, large": (partial(ONE.poisson, "x", mean=900.0), 900.0, 900.0),
    "integer": (partial(ONE.integer, "x", low=1, high=6), 3.5, 35 / 12),
    "bernoulli": (partial(ONE.bernoulli, "x", p=0.2), 0.2, 0.16),
    "choice": (partial(ONE.choice, "x", among=[0.0, 10.0]), 5.0, 25.0),
    "pick": (partial(ONE.pick, "x", weights={1: 3.0, 0: 1.0, 9: 0.0}), 0.75, 0.1875),
}
"""Draws, with the mean and the variance that they claim."""


@pytest.mark.parametrize("name", SHAPES)
def test_a_draw_has_the_mean_and_the_variance_that_it_claims(name: str) -> None:
    """Over 20,000 draws the mean is within four standard errors, the variance within 6 %."""
    draw, mean, variance = SHAPES[name]
    numbers = [float(draw(n)) for n in range(COUNT)]

    assert abs(fmean(numbers) - mean) < 4 * math.sqrt(variance / COUNT)
    assert pvariance(numbers) == pytest.approx(variance, rel=0.06)


def test_a_lognormal_has_its_median_and_spread() -> None:
    """Half of the draws lie below the median, and logarithms spread by sigma."""
    numbers = [stream().lognormal("x", n, median=40.0, sigma=1.2) for n in range(COUNT)]

    assert median(numbers) == pytest.approx(40.0, rel=0.05)
    assert math.sqrt(pvariance(map(math.log, numbers))) == pytest.approx(1.2, rel=0.03)


def test_usage_is_as_unequal_as_the_literature_says() -> None:
    """With sigma = 1.2 the top 20 % of accounts make 64 % of use, and the mean is twice the median."""
    numbers = sorted(stream(str(n)).lognormal("use", median=1.0, sigma=1.2) for n in range(COUNT))

    assert sum(numbers[COUNT * 4 // 5 :]) / sum(numbers) == pytest.approx(0.64, abs=0.02)
    assert fmean(numbers) / median(numbers) == pytest.approx(2.05, abs=0.1)


def test_more_expected_leads_keep_those_that_were_there() -> None:
    """A larger mean never gives a smaller count: a busier market has the same leads, and more."""
    for n in range(500):
        counts = [stream().poisson("leads", n, mean=mean) for mean in (5.0, 8.0, 50.0, 399.0, 401.0)]

        assert counts == sorted(counts)


def test_an_integer_reaches_both_ends() -> None:
    """Both `low` and `high` are drawn, and nothing beyond."""
    assert {stream().integer("x", n, low=2, high=4) for n in range(200)} == {2, 3, 4}

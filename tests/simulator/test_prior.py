"""Priors: numbers with a spread, drawn once a seed, and used by their mean everywhere else."""

import pickle
from statistics import mean, stdev

import pytest
from pydantic import ValidationError

from simulator.agents.habits import Loyalty
from simulator.prior import Prior, drawn


def test_a_plain_number_is_a_prior_without_a_spread() -> None:
    """It is the number, and nothing is drawn for it."""
    loyal = Loyalty(acquisition=-0.9)

    assert loyal.acquisition == -0.9
    assert loyal.acquisition.spread == 0
    assert drawn(loyal, 7) is loyal


def test_a_prior_counts_as_its_mean() -> None:
    """Whoever reckons with it reckons with -0.9."""
    loyal = Loyalty.model_validate({"acquisition": {"mean": -0.9, "spread": 0.3}})

    assert loyal.acquisition * 2 == -1.8
    assert loyal.acquisition.spread == 0.3


def test_a_seed_always_draws_the_same_value_and_another_another() -> None:
    """What is drawn is keyed by the seed; the drawn value is known from then on."""
    loyal = Loyalty.model_validate({"acquisition": {"mean": -0.9, "spread": 0.3}})
    one, again, other = (drawn(loyal, seed).acquisition for seed in (1, 1, 2))

    assert one == again != other
    assert one.spread == 0


def test_draws_have_the_mean_and_the_spread() -> None:
    """Of 2,000 seeds, and all within the bounds of the number."""
    loyal = Loyalty.model_validate({"acquisition": {"mean": -0.9, "spread": 0.1}})
    values = [float(drawn(loyal, seed).acquisition) for seed in range(2_000)]

    assert mean(values) == pytest.approx(-0.9, abs=0.01)
    assert stdev(values) == pytest.approx(0.1, abs=0.01)
    wide = Loyalty.model_validate({"usage": {"mean": -0.1, "spread": 2}})
    assert {-0.95, 0.0} <= {float(drawn(wide, seed).usage) for seed in range(50)}


def test_segments_go_up_and_down_together() -> None:
    """Priors of one name are drawn together, each around its own mean."""
    small = Loyalty.model_validate({"price": {"mean": 1, "spread": 0.1}})
    large = Loyalty.model_validate({"price": {"mean": 5, "spread": 0.2}})

    for seed in range(5):
        steps = (drawn(small, seed).price - 1) / 0.1, (drawn(large, seed).price - 5) / 0.2
        assert steps[0] == pytest.approx(steps[1])


def test_a_prior_goes_to_another_process_and_back() -> None:
    """Its spread goes with it."""
    copy = pickle.loads(pickle.dumps(Prior(-0.9, 0.3)))  # noqa: S301 - it is our own

    assert (copy, copy.spread) == (-0.9, 0.3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("many", "should be a number"),
        ({"spread": 0.3}, "has no mean"),
        ({"mean": -0.9, "sd": 0.3}, "unknown key 'sd'"),
        ({"mean": -0.9, "spread": -1}, "below 0"),
        ({"mean": "nan"}, "should be a number"),
        (-9, "greater than or equal to -5"),
        ({"mean": 0.5}, "less than or equal to 0"),
    ],
)
def test_what_is_no_prior_is_refused(value: object, message: str) -> None:
    """With what is wrong, and within the bounds of the number."""
    with pytest.raises(ValidationError, match=message):
        Loyalty.model_validate({"acquisition": value})

"""Survival: Kaplan and Meier's curve of textbook data and of ledgers, and what censoring does."""

import random

import polars as pl
import pytest

from analytics.survival import kaplan_meier, lives, median, survival
from tests.analytics.company import Company, month

# Freireich et al. (Blood 21, 1963): weeks in remission of 21 patients given 6-MP; `c` is still in it.
REMISSIONS = "6 6 6 6c 7 9c 10 10c 11c 13 16 17c 19c 20c 22 23 25c 32c 32c 34c 35c"

# What statistics books print of it: weeks, at risk, S, Greenwood's standard error, and the log-log band.
PRINTED = (
    (6, 21, 0.8571, 0.0764, 0.6197, 0.9516),
    (7, 17, 0.8067, 0.0869, 0.5631, 0.9228),
    (10, 15, 0.7529, 0.0963, 0.5032, 0.8894),
    (13, 12, 0.6902, 0.1068, 0.4316, 0.8491),
    (16, 11, 0.6275, 0.1141, 0.3675, 0.8049),
    (22, 7, 0.5378, 0.1282, 0.2678, 0.7468),
    (23, 6, 0.4482, 0.1346, 0.1881, 0.6801),
)


def told(text: str) -> tuple[list[int], list[bool]]:
    """Read lives: ages, with `c` behind those that are censored."""
    words = text.split()
    return [int(word.rstrip("c")) for word in words], [not word.endswith("c") for word in words]


@pytest.mark.parametrize("row", PRINTED, ids=[f"week-{row[0]}" for row in PRINTED])
def test_the_curve_of_the_remissions_is_the_printed_one(row: tuple[float, ...]) -> None:
    """Estimate, standard error and band of the best known data set of survival analysis."""
    age, at_risk, *figures = row
    found = kaplan_meier(*told(REMISSIONS)).row(int(age), named=True)

    assert (age, at_risk) == (found["age"], found["at_risk"])
    names = ("survival", "std_error", "low", "high")
    assert figures == pytest.approx([found[name] for name in names], abs=6e-5)


def test_without_censoring_survival_is_the_share_that_is_left() -> None:
    """Then nothing has to be estimated, and the standard error is the binomial one."""
    rng = random.Random(1)
    ages = [rng.randrange(1, 20) for _ in range(80)]
    curve = kaplan_meier(ages, [True] * 80)

    for age, share, error in curve.select("age", "survival", "std_error").iter_rows():
        left = sum(one > age for one in ages) / 80
        assert left == pytest.approx(share, abs=1e-12)
        if 0 < left < 1:
            assert (left * (1 - left) / 80) ** 0.5 == pytest.approx(error)
        else:
            assert error is None


def test_a_life_counts_up_to_the_age_at_which_it_was_lost_from_sight() -> None:
    """By hand: 1 of 4 ends at 1, one leaves the sample at 2, 1 of the 2 others ends at 3: 3/4 x 1/2."""
    curve = kaplan_meier([1, 2, 3, 3], [True, False, True, False])

    assert [4, 4, 3, 2] == curve["at_risk"].to_list()
    assert [1.0, 0.75, 0.75, 0.375] == curve["survival"].to_list()


def test_who_is_seen_late_is_not_at_risk_before() -> None:
    """Left truncation: two of four were only seen from age 5 on, so the end at 3 was one of two."""
    curve = kaplan_meier([3, 8, 8, 9], [True, True, False, False], entered=[0, 0, 5, 5])

    assert [2, 1, 3] == curve.filter(pl.col("age").is_in([3, 5, 8]))["at_risk"].to_list()
    assert pytest.approx([0.5, 0.5, 0.5 * 2 / 3, 0.5 * 2 / 3]) == [
        curve["survival"][age] for age in (3, 7, 8, 9)
    ]


def test_the_band_says_nothing_where_nobody_or_everybody_has_ended() -> None:
    """At S = 1 and S = 0 the estimate has no spread that one could know of."""
    curve = kaplan_meier([1, 2], [True, True])

    assert [None, None] == [curve["std_error"][0], curve["high"][2]]
    assert 0 < curve["low"][1] < curve["survival"][1] < curve["high"][1] < 1


def test_order_and_copies_of_lives_do_not_move_the_curve() -> None:
    """Twice the same lives give the same shares, and a spread that is smaller by the root of two."""
    ages, ended = told(REMISSIONS)
    once, twice = (
        kaplan_meier(ages, ended),
        kaplan_meier([*reversed(ages), *ages], [*reversed(ended), *ended]),
    )

    assert once["survival"].to_list() == pytest.approx(twice["survival"].to_list())
    assert once["std_error"][23] == pytest.approx(twice["std_error"][23] * 2**0.5)


def test_the_median_is_the_age_by_which_a_half_has_ended() -> None:
    """Week 23 in the remissions; there is none while more than a half is still there."""
    assert 23 == median(kaplan_meier(*told(REMISSIONS)))
    assert median(kaplan_meier([1, 5, 5], [True, False, False])) is None


def company() -> Company:
    """Tell of one who left, one who left and came back, one who stays and one who came in the last month."""
    found = Company().mrr("left", 10, 10, 0, 0, 0).mrr("back", 10, 0, 0, 10, 10)
    return found.mrr("stays", 0, 10, 10, 10, 10).mrr("late", 0, 0, 0, 0, 10)


def test_the_end_of_the_data_is_nobody_s_end() -> None:
    """Who pays in the last closed month is censored at the age reached by then."""
    found = lives(company().ledger()).select("account", "began", "age", "ended").rows()

    expected = [("back", month(0), 1, True), ("late", month(4), 0, False), ("left", month(0), 2, True)]
    assert [*expected, ("stays", month(1), 3, False)] == found


def test_a_ledger_s_curve_is_that_of_its_customers_lives() -> None:
    """Of three who could leave at age 1 one did, of two at age 2 another: 2/3 and 1/3."""
    curve = survival(company().ledger())

    assert [4, 3, 2, 1] == curve["at_risk"].to_list()
    assert pytest.approx([1, 2 / 3, 1 / 3, 1 / 3]) == curve["survival"].to_list()


def test_the_lives_of_segments_are_those_of_the_whole() -> None:
    """At risk and ended add up over the segments at every age."""
    ledger = company().account("big", segment="enterprise").mrr("big", 50, 50, 50, 0, 0).ledger()
    parts = survival(ledger, "segment").group_by("age").agg(pl.col("at_risk", "ended", "censored").sum())

    assert survival(ledger).select("age", "at_risk", "ended", "censored").rows() == parts.sort("age").rows()


def test_a_ledger_without_customers_has_no_curve() -> None:
    """No rows, and no error."""
    assert survival(Company().bill("ada", 0, 10).ledger()).is_empty()
    assert survival(Company().ledger()).is_empty()

"""Decisions: the models of the literature have the numbers that the literature has for them."""

from math import exp, prod

import pytest
from pydantic import ValidationError

from simulator.agents import decision
from simulator.agents.habits import Conversion, Demand, Loyalty, Shock, Upgrades, Use

LOYAL = Loyalty(settles_months=24.0)


def hazard(tenure: int, *, churn: float = 0.3, shocked: bool = False, idle: bool = False) -> float:
    """Return the chance to leave in a month."""
    return decision.hazard(churn, LOYAL, tenure=tenure, shocked=shocked, idle=idle)


@pytest.mark.parametrize("churn", [0.0, 0.03, 0.08, 0.15, 0.5, 0.9])
def test_the_hazards_of_a_year_lose_what_is_asked_for(churn: float) -> None:
    """3 %, 8 % and 15 % a year are the targets of the three segments (D:1700)."""
    kept = prod(1.0 - hazard(tenure, churn=churn) for tenure in range(12))

    assert 1.0 - kept == pytest.approx(churn, abs=1e-9)


def test_the_hazard_is_that_of_the_shifted_beta_geometric() -> None:
    """Alpha / (alpha + beta + t): with alpha + beta = 24 months it halves in two years."""
    alpha = hazard(0) * 24

    assert [hazard(tenure) for tenure in (1, 7, 24)] == pytest.approx(
        [alpha / (24 + tenure) for tenure in (1, 7, 24)]
    )
    assert hazard(24) == pytest.approx(hazard(0) / 2)


def test_shock_and_idleness_multiply_the_hazard() -> None:
    """Their weights are logarithms of ratios, and no chance exceeds 1."""
    assert hazard(3, shocked=True) == pytest.approx(hazard(3) * exp(0.6))
    assert hazard(3, shocked=True, idle=True) == pytest.approx(hazard(3) * exp(1.3))
    assert hazard(0, churn=0.999, shocked=True, idle=True) == 1.0


def test_conversion_within_half_a_year_is_the_documents() -> None:
    """A monthly hazard of 0.85 to 1.38 % converts 5 to 8 % in six months (D:111)."""

    def six_months(rate: float) -> float:
        month = decision.conversion(Conversion(rate=rate), pressure=0.5, price=1.0, users=1)
        return 1.0 - (1.0 - month) ** 6

    assert six_months(0.0085) == pytest.approx(0.05, abs=0.001)
    assert six_months(0.0138) == pytest.approx(0.08, abs=0.001)


def test_an_agent_that_stands_for_many_converts_as_one_of_them_would() -> None:
    """Forty users of 0.19 % each: 7.3 % that one of them does, not 7.6 %."""
    chance = decision.conversion(Conversion(rate=0.0019), pressure=0.0, price=1.0, users=40)

    assert chance == pytest.approx(1 - 0.9981**40)


def test_pressure_begins_at_seventy_percent() -> None:
    """Below it nothing changes, above it the odds grow."""
    chances = [
        decision.upgrade(Upgrades(), pressure=pressure, bill=100.0, next_bill=400.0)
        for pressure in (0.0, 0.7, 1.0, 2.0)
    ]

    assert chances[0] == chances[1] == pytest.approx(1 / (1 + exp(5 - 1.5 / 4)))
    assert chances[1] < chances[2] < chances[3]


@pytest.mark.parametrize(
    ("bill", "chance"), [(100.0, 0.0), (150.0, 0.0), (151.0, 0.352), (200.0, 0.45), (900.0, 0.6)]
)
def test_a_bill_shock_needs_half_as_much_again(bill: float, chance: float) -> None:
    """min(0.6, 0.25 + 0.2 s) above s = 0.5; alerts halve it; nobody is shocked by a first bill."""
    assert decision.reaction(Shock(), bill=bill, usual=100.0) == pytest.approx(chance)
    assert decision.reaction(Shock(alerts=True), bill=bill, usual=100.0) == pytest.approx(chance / 2)
    assert decision.reaction(Shock(), bill=bill, usual=0.0) == 0.0


def test_leads_grow_on_a_line_from_year_end_to_year_end() -> None:
    """200, then 500 and 1,000 a month (D:1681); December is quieter; the last level lasts."""
    demand = Demand(leads=(0, 200, 500, 1000), december=0.5)
    leads = [decision.leads_in(demand, month, 1) for month in range(60)]

    assert leads[11:13] == pytest.approx([200 * 11.5 / 12, 200 + 300 * 0.5 / 12])
    assert leads[36:] == [1000.0] * 24
    assert decision.leads_in(demand, 11, 12) == pytest.approx(leads[11] / 2)
    assert decision.leads_in(demand, -5, 8) == leads[0]


def test_the_season_of_a_year_moves_leads_and_makes_none() -> None:
    """January with three times the weight of the others has 36 of the year's 14 x 12 parts."""
    flat = Demand(leads=(100,), december=1.0)
    early = Demand(leads=(100,), december=1.0, season=(3, *[1] * 11))
    months = range(1, 13)

    assert 1200 == pytest.approx(sum(decision.leads_in(early, 0, month) for month in months))
    assert 1200 == pytest.approx(sum(decision.leads_in(flat, 0, month) for month in months))
    assert decision.leads_in(early, 0, 1) == pytest.approx(300 * 12 / 14)
    assert decision.season_of(early, 7) == pytest.approx(12 / 14)


def test_a_season_needs_a_month() -> None:
    """Weights of zero all the year, or fewer than twelve, are refused."""
    for season in ((0,) * 12, (1,) * 11):
        with pytest.raises(ValidationError, match="season"):
            Demand(season=season)


def test_newcomers_begin_with_more() -> None:
    """6 % a month are 2.01 times after a year; without growth all begin alike."""
    assert decision.newcomers(Use(median=1, newcomers=0.06), 12) == pytest.approx(1.06**12)
    assert decision.newcomers(Use(median=1), 35) == 1.0


@pytest.mark.parametrize(
    ("quoted", "effect"), [(100.0, 1.0), (110.0, 1 / 1.1), (200.0, 0.5), (1.0, 2.0), (0.0, 1.0)]
)
def test_price_wins_and_loses_customers(quoted: float, effect: float) -> None:
    """With elasticity -1, 10 % more wins 1/1.1 as many; never more than twice as many."""
    assert decision.price_effect(quoted, 100.0, -1.0) == pytest.approx(effect)


def test_use_ramps_up() -> None:
    """1 - exp(-t/30): after a month 63 %, and the mean of the first month is 37 %."""
    assert decision.ramp(29.999, 30.001, 30.0) == pytest.approx(1 - exp(-1), abs=1e-4)
    assert decision.ramp(0, 30, 30.0) == pytest.approx(exp(-1))


def test_growth_has_its_bounds() -> None:
    """Nobody grows faster than `growth_most` for years on end."""
    use = Use(median=1.0, growth=0.02, growth_sd=0.04, growth_most=0.08)

    assert exp(decision.growth(use, 0.0)) == pytest.approx(1.02)
    assert exp(decision.growth(use, 9.0)) == pytest.approx(1.08)
    assert exp(decision.growth(use, -99.0)) == pytest.approx(0.5)


def test_seasons_average_to_one() -> None:
    """Whatever the amplitude, a year's use is the same, with its peak in October."""
    year = [decision.season(0.1, month) for month in range(1, 13)]

    assert sum(year) == pytest.approx(12)
    assert max(year) == year[9] == pytest.approx(1.1)

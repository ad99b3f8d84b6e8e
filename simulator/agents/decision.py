"""Decisions: the chances and sizes behind what customers do, as plain functions of what they see.

Each is a model of the literature with the habits of a segment as its numbers; none draws or remembers.
"""

from functools import cache
from math import cos, exp, log, log1p, pi

from simulator.agents.habits import Conversion, Demand, Loyalty, Shock, Upgrades, Use

MONTHS = 12
DAYS_A_MONTH = 365.25 / MONTHS
DECEMBER = 12
PRESSED = 0.7
"""The share of an allowance from which customers feel it."""

IDLE = 0.2
"""Below this share of an allowance customers wonder what they pay for."""

PEAK_MONTH = 10
"""The month in which seasonal use peaks."""

PRICED_IN_MOST = 2.0
"""A price wins at most twice as many customers as the one that the market expects."""


def leads_in(demand: Demand, month: int, calendar_month: int) -> float:
    """Return the mean number of leads in a month (0 is the first): on a line between the year ends."""
    knots, year, part = demand.leads, max(month, 0) // MONTHS, max(month, 0) % MONTHS
    if year >= len(knots) - 1:
        level = knots[-1]
    else:
        level = knots[year] + (knots[year + 1] - knots[year]) * (part + 0.5) / MONTHS
    return (
        level * season_of(demand, calendar_month) * (demand.december if calendar_month == DECEMBER else 1.0)
    )


def season_of(demand: Demand, calendar_month: int) -> float:
    """Return how many times as much is bought in a month as in the average one."""
    return demand.season[calendar_month - 1] * MONTHS / sum(demand.season)


def conversion(habits: Conversion, *, pressure: float, price: float, users: int) -> float:
    """Return the chance that a free account begins to pay this month; one agent may stand for many users."""
    hazard = habits.rate * exp(habits.pressure * max(0.0, pressure - PRESSED)) * price
    return 1.0 - (1.0 - min(1.0, hazard)) ** users


def price_effect(quoted: float, expected: float, elasticity: float) -> float:
    """Return how many times as many customers a price wins as the one that the market is used to."""
    if expected <= 0 or quoted <= 0:
        return 1.0
    return min(PRICED_IN_MOST, exp(elasticity * log(quoted / expected)))


def arc_effect(price: float, before: float, elasticity: float) -> float:
    """Return how many times as much is used at a price as at the one before: the arc elasticity.

    Change by mean (R. G. D. Allen, 1934): near the ordinary elasticity for small changes, and finite where
    something was free before, or is now.
    """
    if price == before or price + before <= 0:
        return 1.0
    half = elasticity * (price - before) / (price + before)
    return (1.0 + half) / (1.0 - half)


def yearly(share: float, weight: float, *, discount: float, before: float) -> float:
    """Return the share that pays by the year, where `share` did with the annual discount before."""
    if discount == before or not 0.0 < share < 1.0:
        return share
    return 1.0 / (1.0 + (1.0 - share) / share * exp(-weight * (discount - before)))


@cache
def first_hazard(churn: float, settles_months: float) -> float:
    """Return the first month's hazard that loses a share `churn` of customers within twelve months.

    With hazards h / (1 + t / s) the share lost grows with h, so bisection finds it.
    """
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        kept = 1.0
        for month in range(MONTHS):
            kept *= 1.0 - middle / (1.0 + month / settles_months)
        low, high = (middle, high) if 1.0 - kept < churn else (low, middle)
    return (low + high) / 2


def hazard(churn: float, habits: Loyalty, *, tenure: int, shocked: bool, idle: bool) -> float:
    """Return the chance to leave this month, after `tenure` months."""
    first = first_hazard(churn, habits.settles_months)
    log_ratio = habits.shocked * shocked + habits.idle * idle
    return min(1.0, first / (1.0 + tenure / habits.settles_months) * exp(log_ratio))


def upgrade(habits: Upgrades, *, pressure: float, bill: float, next_bill: float) -> float:
    """Return the chance to go one plan up this month, for who does not reckon."""
    bills = bill / next_bill if next_bill > 0 else 1.0
    score = habits.base + habits.pressure * max(0.0, pressure - PRESSED) + habits.bill * bills
    return 1.0 / (1.0 + exp(-score))


def reaction(habits: Shock, *, bill: float, usual: float) -> float:
    """Return the chance to react to a bill."""
    over = bill / usual - 1.0 if usual > 0 else 0.0
    if over <= habits.above:
        return 0.0
    return min(habits.most, habits.base + habits.slope * over) * (0.5 if habits.alerts else 1.0)


def ramp(first: float, last: float, ramp_days: float) -> float:
    """Return the mean of 1 - exp(-t / ramp_days) over days `first` to `last` after the start."""
    spent = exp(-first / ramp_days) - exp(-last / ramp_days)
    return 1.0 - spent * ramp_days / (last - first)


def growth(use: Use, normal: float) -> float:
    """Return the logarithm of a subscription's growth a month, from its standard normal number."""
    return log1p(min(use.growth_most, max(-0.5, use.growth + use.growth_sd * normal)))


def newcomers(use: Use, month: int) -> float:
    """Return how many times as much those use who come in a month (0 is the first) as those of the first."""
    return (1.0 + use.newcomers) ** month


def season(amplitude: float, calendar_month: int) -> float:
    """Return how many times the average month's use a month has."""
    return 1.0 + amplitude * cos(2 * pi * (calendar_month - PEAK_MONTH) / MONTHS)

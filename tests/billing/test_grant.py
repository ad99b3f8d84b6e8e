"""Grants of plans: who looks at some months only finds what who looks at the whole life finds of them."""

import random
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest

from billing.grant import Grant, by_plans
from billing.subscription import Phase
from tests.ledgers import book

BOOK = """
[meters]
calls = {{}}
[plans.basic]
name = "Basic"
stream = "subscriptions"
[plans.pro]
name = "Pro"
stream = "subscriptions"
[entitlements.free]
covers = {{ meter = "calls" }}
quantity = 100
given_by = {{ plans = ["pro"], renews = "{renews}" }}
{months}
"""

UNTIL = date(2028, 6, 1)


def life(seed: int) -> list[Phase]:
    """Make the phases of a life by chance: new anchors, other plans, trials, pauses."""
    chance = random.Random(seed)
    day, anchor, phases = date(2026, 1, 1) + timedelta(chance.randrange(25)), None, list[Phase]()
    for number in range(1, chance.randrange(2, 9)):
        anchor = day if anchor is None or chance.random() < 0.3 else anchor
        last = day + timedelta(chance.choice([1, 27, 31, 45, 90, 200, 400]))
        phases.append(
            Phase(
                subscription="acme-1",
                phase_no=number,
                account="acme",
                plan=chance.choice(["pro", "pro", "pro", "basic"]),
                billing="month",
                seats=chance.randrange(1, 4),
                add_ons=(),
                discount="",
                trial=chance.random() < 0.1,
                anchor_at=datetime.combine(anchor, time()),
                starts_at=datetime.combine(day, time()),
                ends_at=datetime.combine(last, time()),
                end_reason="",
            )
        )
        day = last + timedelta(chance.choice([0, 0, 0, 0, 40]))
    if chance.random() < 0.5:
        phases[-1] = phases[-1]._replace(ends_at=None)
    return phases


def lasts_until(grant: Grant) -> date:
    """Return the first day on which nothing can be drawn of a grant any more."""
    return grant.ends_on or date.max


@pytest.mark.parametrize("months", ["", "months = 2"])
@pytest.mark.parametrize("renews", ["month", "year", "never"])
def test_what_is_given_since_a_day_is_what_is_given_at_all_and_lasts_until_then(
    renews: str, months: str
) -> None:
    """To begin with the last renewal before a day finds every grant that can be drawn on it or later."""
    prices, compared = book(BOOK.format(renews=renews, months=months)), 0
    for seed in range(25):
        phases = life(seed)
        every = list(by_plans(phases, prices, UNTIL))
        assert all(one.granted_on <= two.granted_on for one, two in pairwise(every))
        for number in range(29):
            since = date(2026 + number // 12, number % 12 + 1, 1)
            found = list(by_plans(phases, prices, UNTIL, since))
            assert [one for one in every if lasts_until(one) >= since] == found, (seed, since)
            compared += len(found)
    assert compared > 250

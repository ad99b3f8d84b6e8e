"""Reactions: what customers do about prices that differ from those they are used to, in five ways."""

from datetime import date
from typing import Any

import pytest

from billing.price_book import PriceBook
from billing.transition import Transition
from metering.event import AccountSignedUp, PlanChanged, SubscriptionCancelled, SubscriptionStarted
from metering.period import months
from simulator.agents import customer, decision
from simulator.agents.habits import Habits
from simulator.world import World
from tests.ledgers import book
from tests.simulator.shop import SELF_SERVE, Story, demand, habits
from tests.simulator.stage import Stage

SHOP = """
    [meters.calls]
    [plans.basic]
    name = "Basic"
    stream = "subscriptions"
    prices.seats = {{ per = "seat", unit_price = 60 }}
    prices.calls = {{ meter = "calls", allowance = 1_000_000, unit_price = 0.01 }}
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.seats = {{ per = "seat", unit_price = {seat}, annual = {{ unit_price = {year} }} {change} }}
    prices.calls = {{ meter = "calls", unit_price = {call} }}
"""


def shop(seat: str = "100", call: str = "0.01", year: str = "1200", change: str = "") -> PriceBook:
    """Return a book with two plans, some of whose prices a test names."""
    return book(SHOP.format(seat=seat, call=call, year=year, change=change))


OWN = shop()


def people(count: int, leads: float = 0.0, **more: Any) -> Habits:
    """Return customers of Pro who were there before, and some who come; they react to nothing unless told."""
    indifferent = {"acquisition": 0, "usage": 0, "price": 0, "downgrades": 0, "annual": 0}
    table = {"demand": demand(leads, count), "main__plans": ["basic", "pro"], "main__starts": {"pro": 1}}
    table |= {"main__upgrades": {"reckons": 0, "base": -99, "pressure": 0, "bill": 0}}
    loyalty = indifferent | more.pop("loyalty", {})
    return habits(**table, **more, loyalty=loyalty)


def live(who: Habits, new: PriceBook, *, last: int = 4, seed: int = 1, **change: Any) -> Story:
    """Let customers live who are used to their own book, under a new one."""
    stage = Stage(last, [(customer.spawn, {"web": who})])
    world = World(stage, new, seed=seed, transition=Transition(OWN, **change))
    lived = [world.live(period) for period in months(stage.starts_on, last)]
    usage = lived[0].usage.vstack(lived[1].usage)
    for part in lived[2:]:
        usage = usage.vstack(part.usage)
    return Story([fact for part in lived for fact in part.facts], usage)


def left(story: Story) -> int:
    """Count who cancelled."""
    return len(story.of(SubscriptionCancelled))


def test_a_book_that_is_only_written_otherwise_changes_nothing() -> None:
    """Customers who react to everything do the same at the same prices, to the last call."""
    restless = {"acquisition": -1, "usage": -0.5, "price": 1, "downgrades": 1, "annual": 10}
    who = people(30, 20, loyalty=restless, main__yearly=0.3)

    one, other = live(who, OWN), live(who, book(SHOP.format(seat=100, call="0.010", year=1200, change=" ")))

    assert one.facts == other.facts
    assert one.usage.equals(other.usage)


@pytest.mark.parametrize("channels", [SELF_SERVE, {"sales": {"share": 1, "qualifies": 1, "wins": 0.4}}])
def test_fewer_sign_up_at_higher_prices_and_more_at_lower_ones(channels: dict[str, Any]) -> None:
    """With an elasticity of -1 half the price wins twice as many, and twice the price half as many."""
    who = people(0, 400, loyalty={"acquisition": -1}, main__uses={}, channels=channels)

    counts = [len(live(who, shop(seat=seat), last=5).of(AccountSignedUp)) for seat in ("100", "200", "50")]

    assert counts[1] / counts[0] == pytest.approx(0.5, abs=0.06)
    assert counts[2] / counts[0] == pytest.approx(2.0, abs=0.15)


def test_who_signs_up_at_a_high_price_would_have_at_a_low_one() -> None:
    """Nobody is replaced by somebody else: dear customers are some of the cheap ones."""
    who = people(0, 60, loyalty={"acquisition": -1}, main__uses={})
    names = [
        {fact.subject for fact in live(who, shop(seat=seat)).facts_of(AccountSignedUp)}
        for seat in ("200", "100", "50")
    ]

    assert names[0] < names[1] < names[2]


def test_less_is_used_of_what_costs_more() -> None:
    """At twice the price, with an arc elasticity of -0.4: (1 − 0.4/3) / (1 + 0.4/3)."""
    who = people(200, loyalty={"usage": -0.4})

    same, dear = (int(live(who, shop(call=call)).usage["quantity"].sum()) for call in ("0.01", "0.02"))

    assert dear / same == pytest.approx((1 - 0.4 / 3) / (1 + 0.4 / 3), rel=0.01)


def test_what_was_free_and_costs_something_is_used_less_but_not_given_up() -> None:
    """From nothing to something is the largest change there is, and has an end: (1 − e) / (1 + e)."""
    assert decision.arc_effect(5.0, 0.0, -0.4) == pytest.approx(0.6 / 1.4)
    assert decision.arc_effect(0.0, 5.0, -0.4) == pytest.approx(1.4 / 0.6)
    assert decision.arc_effect(0.0, 0.0, -0.4) == 1.0
    assert decision.arc_effect(1.01, 1.0, -0.4) == pytest.approx(1.01**-0.4, abs=1e-5)


def test_who_was_there_leaves_by_the_rise_of_its_own_bill() -> None:
    """Of 500, at +20 % and a `price` of 0.5, a tenth; at a lower price nobody."""
    who = people(500, loyalty={"price": 0.5}, main__uses={})

    assert left(live(who, shop(seat="120"))) / 500 == pytest.approx(0.1, abs=0.03)
    assert left(live(who, shop(seat="80"))) == 0


def test_the_bill_that_rises_is_that_of_the_customer() -> None:
    """Where usage is nine tenths of the bill, a seat that costs twice as much raises it by a tenth."""
    uses = {"calls": {"median": 270_000, "sigma": 0.001, "ramp_days": 0.1, "growth": 0, "growth_sd": 0}}
    who = people(500, loyalty={"price": 1}, main__uses=uses)  # $300 for seats, $2,700 for calls

    assert left(live(who, shop(seat="200"))) / 500 == pytest.approx(0.1, abs=0.035)


def test_who_comes_at_the_new_price_knows_no_other() -> None:
    """Newcomers at a price that was doubled before they came do not leave for it."""
    who = people(0, 60, loyalty={"price": 1}, main__uses={})

    assert left(live(who, shop(seat="200"))) == 0


def test_a_rise_is_felt_once_in_the_month_in_which_it_comes() -> None:
    """From March on: nobody leaves before, many in March, nobody for it after."""
    who = people(400, loyalty={"price": 0.5}, main__uses={})
    story = live(who, shop(seat="150"), last=6, from_on=date(2026, 3, 1))

    assert {fact.occurred_at.month for fact in story.facts_of(SubscriptionCancelled)} == {3}
    assert left(story) / 400 == pytest.approx(0.25, abs=0.06)


def test_who_keeps_the_old_price_sees_no_rise() -> None:
    """With the policy `new` nobody who was there leaves; a dated change for newcomers does the same."""
    who = people(300, loyalty={"price": 1}, main__uses={})
    change = ', changes = [{ starts_on = 2026-03-01, unit_price = 200, applies = "%s" }]'

    assert left(live(who, shop(seat="200"), policy="new", from_on=date(2026, 3, 1))) == 0
    assert left(live(who, shop(change=change % "new"))) == 0
    assert left(live(who, shop(change=change % "now"))) == 300


def test_phased_rises_come_to_equal_shares() -> None:
    """A share of the customers each month of three."""
    who = people(600, loyalty={"price": 1}, main__uses={})
    story = live(who, shop(seat="200"), last=6, policy="phased", from_on=date(2026, 2, 1), phase_months=3)
    per_month = [
        sum(fact.occurred_at.month == month for fact in story.facts_of(SubscriptionCancelled))
        for month in range(1, 7)
    ]

    assert per_month[:1] + per_month[4:] == [0, 0, 0]
    assert per_month[1:4] == pytest.approx([200, 200, 200], abs=45)


def test_a_smaller_plan_is_taken_by_some_for_a_rise() -> None:
    """At +50 % and `downgrades` of 0.4 a fifth of 500 go to Basic; at the old price nobody does."""
    who = people(500, loyalty={"downgrades": 0.4}, main__uses={})

    def to_basic(seat: str) -> int:
        return len([one for one in live(who, shop(seat=seat)).of(PlanChanged) if one.plan == "basic"])

    assert to_basic("150") / 500 == pytest.approx(0.2, abs=0.05)
    assert to_basic("100") == 0


def test_more_pay_by_the_year_where_that_saves_more() -> None:
    """From no discount to 20 %, at a weight of 5: log odds of +1, so 20 % become 40 %, new and old."""
    who = people(300, 100, loyalty={"annual": 5}, main__yearly=0.2, main__uses={})
    told = [live(who, shop(year=year)) for year in ("1200", "960")]

    shares = [decision.yearly(0.2, 5.0, discount=saved, before=0.0) for saved in (0.0, 0.2)]
    assert shares == pytest.approx([0.2, 1 / (1 + 4 * 2.718281828**-1)])
    for story, share in zip(told, shares, strict=True):
        old = {
            fact.data.subscription for fact in story.facts_of(SubscriptionStarted) if "-0-0" in fact.subject
        }
        yearly = {one.subscription for one in story.of(SubscriptionStarted) if one.billing == "year"}
        yearly |= {one.subscription for one in story.of(PlanChanged) if one.billing == "year"}
        assert len(yearly & old) / len(old) == pytest.approx(share, abs=0.07)
        new = len(story.of(SubscriptionStarted)) - len(old)
        assert len(yearly - old) / new == pytest.approx(share, abs=0.07)


def test_a_lower_discount_takes_no_paid_year_back() -> None:
    """Who pays by the year goes on; only newcomers pay by the month more often."""
    who = people(200, loyalty={"annual": 5}, main__yearly=0.5, main__uses={})

    assert live(who, shop(year="1300")).of(PlanChanged) == []

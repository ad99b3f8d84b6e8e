"""Reviews: what a customer decides on the first of a month, when the bill for the last one is there.

One draw decides both whether and when: below the chance of something, a uniform number is itself uniform, and
says on which day of the month.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from simulator.agents import decision
from simulator.agents.account import Account
from simulator.agents.subscription import Subscription
from simulator.world import World

SHOCK_MONTHS = 2
"""For how long a shocking bill makes a customer think of leaving."""

WORTHWHILE = 0.95
"""Who reckons changes plan for a bill of less than 95 % of today's, not for a smaller gain."""


class Act(NamedTuple):
    """Something that a customer will do on a day of this month."""

    day: int
    does: Callable[[], object]


def review(account: Account) -> list[Act]:
    """Look at everything that an account holds, and return what it will do this month, in order."""
    acts = [*meet_bill(account)]
    for subscription in [*account.held.values()]:
        subscription.flow()
        if subscription.is_leaving or subscription.started == account.world.today:
            continue
        if subscription.is_free:
            acts += consider_paying(account, subscription)
        elif subscription.free_until <= account.world.today:
            acts += consider(account, subscription)
    acts += consider_more(account)
    return sorted(acts, key=lambda act: act.day)


def meet_bill(account: Account) -> Iterator[Act]:
    """Compare what the last bill asks for use with what is usual; a shock may lead to something.

    Fees are no surprise: the customer chose its seats, its add-ons and its plan.
    """
    bill, account.bill = account.bill, None
    if bill is None or not account.held:
        return
    habits, month, used = account.habits.shock, account.world.month, float(bill.usage_total)
    usual = used if account.usual_usage is None else account.usual_usage
    account.usual_usage = habits.memory * usual + (1.0 - habits.memory) * used
    fees = sum(one.fee() for one in account.held.values())
    if fees + used > (fees + usual) * (1.0 + habits.above):
        account.shocked_until = month + SHOCK_MONTHS
    chance = decision.reaction(habits, bill=fees + used, usual=fees + usual)
    draw, way = account.agent.chance.octet("shock", month)[:2]
    day = day_of(account.world, draw, chance)
    if day is not None:
        yield Act(day, partial(react, account, way))


def react(account: Account, draw: float) -> None:
    """Do something about a shocking bill: change the dearest plan, use less of it, or leave."""
    habits = account.habits.shock
    held = [one for one in account.held.values() if not one.is_leaving and not one.is_free]
    if not held:
        return
    dearest = max(held, key=lambda one: one.quote().usage)
    draw *= habits.changes + habits.throttles + habits.churns
    if draw < habits.churns:
        account.leave(dearest)
    elif draw < habits.churns + habits.changes and account.change_to(
        dearest, dearest.cheapest(dearest.product.paid)
    ):
        return
    else:
        dearest.less(habits.throttle)


def consider_paying(account: Account, subscription: Subscription) -> Iterator[Act]:
    """Use the free plan on, give it up, or begin to pay."""
    habits = account.habits.conversion
    draw = account.agent.chance.octet("month", account.world.month)
    day = day_of(account.world, draw[0], habits.abandons)
    if day is not None:
        yield Act(day, partial(account.give_up, subscription))
        return
    if account.never_pays:
        return
    rate = decision.conversion(
        habits,
        pressure=subscription.pressure(),
        price=account.market.price_effect(subscription.key)
        * decision.season_of(account.habits.demand, account.world.date().month),
        users=account.habits.demand.stands_for,
    )
    day = day_of(account.world, draw[1], rate)
    if day is not None:
        yield Act(day, partial(account.convert, subscription))


def consider(account: Account, subscription: Subscription) -> Iterator[Act]:
    """Leave, change plan, seats or add-ons, or, mostly, do nothing."""
    world, pressure, rise = account.world, subscription.pressure(), subscription.rise()
    draw = account.agent.chance.octet(subscription.key, world.month)
    day = day_of(world, draw[0], chance_to_leave(account, subscription, pressure, rise))
    if day is not None:
        yield Act(day, partial(account.leave, subscription))
        return
    yield from consider_less(account, subscription, rise, draw[3])
    yield from consider_paying_yearly(account, subscription)
    yield from consider_plan(account, subscription, pressure, draw[1])
    yield from consider_seats(account, subscription, draw[2])
    quotes, add_on_effect = subscription.quotes, account.market.add_on_effect
    for key, extra in subscription.product.add_ons.items():
        has = key in subscription.add_ons
        wish = account.agent.chance.uniform(f"{key} wish", world.month)
        day = day_of(world, wish, extra.drops if has else extra.buys * add_on_effect(key, quotes))
        if day is not None:
            yield Act(day, partial(account.drop if has else account.buy, subscription, key))


def chance_to_leave(account: Account, subscription: Subscription, pressure: float, rise: float) -> float:
    """Return the chance to leave this month; a rise of its own bill adds to it once."""
    tenure = int((account.world.today - subscription.started) / decision.DAYS_A_MONTH)
    chance = decision.hazard(
        account.habits.churn,
        account.habits.loyalty,
        tenure=tenure,
        shocked=account.world.month <= account.shocked_until,
        idle=0.0 < pressure < decision.IDLE,
    )
    return min(1.0, chance + rise * account.habits.loyalty.price)


def consider_less(account: Account, subscription: Subscription, rise: float, draw: float) -> Iterator[Act]:
    """Take a smaller plan because prices rose."""
    target = subscription.next_down() if rise > 0 else None
    day = day_of(account.world, draw, min(1.0, rise * account.habits.loyalty.downgrades))
    if target is not None and day is not None:
        yield Act(day, partial(account.change_to, subscription, target))


def consider_paying_yearly(account: Account, subscription: Subscription) -> Iterator[Act]:
    """Pay by the year from today on, if its discount has grown enough for this customer."""
    market, quotes = account.market, subscription.quotes
    if subscription.billing == "year" or quotes is market.usual:
        return
    share = market.yearly_share(subscription.key, subscription.plan, subscription.seats, quotes)
    if share > subscription.product.yearly and account.would_pay_yearly(subscription, subscription.plan):
        yield Act(account.world.today, partial(account.pay_yearly, subscription))


def consider_plan(
    account: Account, subscription: Subscription, pressure: float, draw: float
) -> Iterator[Act]:
    """Change to a plan that fits, is cheaper, or is simply the next one."""
    habits, fits = subscription.product.upgrades, subscription.fits(subscription.plan)
    if fits and account.world.today - subscription.changed < habits.dwell_days:
        return
    target, chance = subscription.next_up(), 1.0
    if fits and subscription.reckons:
        target = cheaper(subscription)
    elif fits and target is not None:
        bill, next_bill = subscription.quote().total, subscription.quote(target).total
        chance = decision.upgrade(habits, pressure=pressure, bill=float(bill), next_bill=float(next_bill))
    day = day_of(account.world, draw, chance)
    if target is not None and day is not None:
        yield Act(day, partial(account.change_to, subscription, target))


def cheaper(subscription: Subscription) -> str | None:
    """Return the plan that is worthwhile to change to; within a prepaid year only a larger one is."""
    paid = subscription.product.paid
    if subscription.billing == "year":
        paid = paid[paid.index(subscription.plan) :]
    best = subscription.cheapest(paid)
    own = float(subscription.quote().total)
    is_worthwhile = float(subscription.quote(best).total) < WORTHWHILE * own
    return best if best != subscription.plan and is_worthwhile else None


def consider_seats(account: Account, subscription: Subscription, draw: float) -> Iterator[Act]:
    """Let people join and leave."""
    habits, chance, world = subscription.product.seats, account.agent.chance, account.world
    if habits.high > 1:
        mean = habits.joins * subscription.seats * subscription.seat_response()
        joins = chance.poisson(f"{subscription.key} joins", world.month, mean=mean)
        leaves = chance.poisson(
            f"{subscription.key} leaves", world.month, mean=habits.leaves * subscription.seats
        )
        day = day_of(world, draw, 1.0)
        if joins != leaves and day is not None:
            yield Act(day, partial(account.resize, subscription, joins - leaves))


def consider_more(account: Account) -> Iterator[Act]:
    """Add another product, once the first one is paid for."""
    if account.is_settled:
        for key, product in account.habits.products.items():
            is_sold = product.attaches and account.world.month >= product.sold_from
            if is_sold and key not in account.known:
                draw = account.agent.chance.uniform(f"attaches {key}", account.world.month)
                day = day_of(account.world, draw, product.attaches * account.market.price_effect(key))
                if day is not None:
                    yield Act(day, partial(account.add, key))


def day_of(world: World, draw: float, chance: float) -> int | None:
    """Return on which day of what is left of the month something of a chance happens, if it does."""
    if draw >= chance:
        return None
    days_left = world.month_start(world.month + 1) - world.today
    return world.today + int(draw / chance * days_left)

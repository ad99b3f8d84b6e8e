"""Support: tickets, clients of support alone, and packs that are drawn down or expire."""

from collections import Counter, defaultdict
from datetime import date, datetime
from statistics import fmean
from typing import Any

import pytest

from billing.price_book import loads
from metering.event import (
    AccountSignedUp,
    Event,
    OrderPlaced,
    PlanChanged,
    SubscriptionCancelled,
    SubscriptionStarted,
    TicketOpened,
    TicketResolved,
    UsageRecorded,
)
from metering.period import add_months
from simulator.agents import support
from simulator.agents.support import Clients, Pack, Packs, Severity, Support
from simulator.world import Story, World
from tests.simulator.stage import EMPTY, Stage, lived, of, of_year

SEVERITIES = {
    "P1": Severity(share=0.03, hours=8, met=0.5),
    "P2": Severity(share=0.12, hours=24),
    "P3": Severity(share=0.45, hours=72),
    "P4": Severity(share=0.40, hours=120),
}
DESK = Support(tickets={"pro": 1.5}, severities=SEVERITIES)


def subscribers(count: int, leave_on: int = 0) -> tuple[Any, None]:
    """Return what brings so many subscriptions to `pro` on the second day; half of them change or leave."""

    def spawn(world: World, settings: Any) -> None:
        for number in range(count):
            agent = world.agent("customer", f"{number:03}")

            def story(agent: Any = agent, number: int = number) -> Story:
                yield world.on(1)
                name = f"c{number:03}-main"
                world.record(agent, f"c{number:03}", SubscriptionStarted(name, "pro"))
                if leave_on and number % 2:
                    yield world.on(leave_on)
                    ends = world.date(leave_on + 5)
                    fact = (
                        PlanChanged(name, "max", 1) if number % 4 == 1 else SubscriptionCancelled(name, ends)
                    )
                    world.record(agent, f"c{number:03}", fact)

            world.start(agent, story())

    return spawn, None


def history(settings: Support, *spawns: tuple[Any, Any], months: int = 24, seed: int = 1) -> list[Event]:
    """Return what happens at a desk."""
    return lived(Stage(months, [*spawns, (support.spawn, settings)]), seed=seed)


def facts_of(kind: type[Any], facts: list[Event]) -> list[Event]:
    """Return the facts of a kind."""
    return [fact for fact in facts if isinstance(fact.data, kind)]


def test_subscriptions_open_as_many_tickets_as_their_plan_does_on_average() -> None:
    """1.5 a month: the average of many subscriptions, and some open many more than others."""
    facts = history(DESK, subscribers(200))
    tickets = Counter(fact.data.subscription for fact in facts_of(TicketOpened, facts))

    assert fmean(tickets.values()) / 23 == pytest.approx(1.5, rel=0.15)
    ordered = sorted(tickets.values())
    assert ordered[-20] > 2 * ordered[100]


def test_severities_come_in_their_shares_and_urgent_tickets_are_resolved_first() -> None:
    """3 % are P1; the hours to resolve one grow from P1 to P4; the share within time is each one's own."""
    facts = history(DESK, subscribers(200))
    opened = Counter(fact.severity for fact in of(TicketOpened, facts))
    hours: dict[str, list[float]] = defaultdict(list)
    for fact in of(TicketResolved, facts):
        hours[fact.severity].append(float(fact.hours))

    assert opened["P1"] / opened.total() == pytest.approx(0.03, abs=0.01)
    assert opened["P3"] / opened.total() == pytest.approx(0.45, abs=0.03)
    means = [fmean(hours[severity]) for severity in SEVERITIES]
    assert means == sorted(means)
    urgent = [fact.met for fact in of(TicketResolved, facts) if fact.severity == "P1"]
    assert sum(urgent) / len(urgent) == pytest.approx(0.5, abs=0.1)


def test_a_ticket_is_resolved_as_many_days_later_as_its_hours_take() -> None:
    """Resolved is what was opened, under the same subscription, never before it was."""
    facts = history(DESK, subscribers(20), months=6)
    opened: dict[str, list[datetime]] = defaultdict(list)
    for fact in facts:
        if isinstance(fact.data, TicketOpened):
            opened[fact.data.subscription].append(fact.occurred_at)
        if isinstance(fact.data, TicketResolved):
            ages = [(fact.occurred_at - at).days for at in opened[fact.data.subscription]]
            assert int(fact.data.hours / 24) in {age + more for age in ages for more in (-1, 0, 1)}


def test_who_left_or_changed_the_plan_opens_no_tickets_under_it() -> None:
    """A plan that the desk does not know has none, and a subscription that ended neither."""
    facts = history(DESK, subscribers(100, leave_on=100), months=12)
    late = [fact for fact in facts_of(TicketOpened, facts) if fact.occurred_at.date() >= date(2026, 4, 16)]

    assert len(late) > 100
    assert all(int(fact.data.subscription[1:4]) % 2 == 0 for fact in late)


def test_clients_hold_a_support_plan_and_nothing_else() -> None:
    """Those of the first day are there; others come; each renews after a year, or leaves on that day."""
    clients = Clients(plans={"standard": 3, "premium": 1}, at_start=80, joins=(40.0, 0.0), renewal=0.75)
    facts = history(Support(severities=SEVERITIES, clients=clients))
    started = {fact.subject: fact for fact in facts_of(SubscriptionStarted, facts)}
    ended = {fact.subject: fact.data.effective_on for fact in facts_of(SubscriptionCancelled, facts)}

    first = [fact for account, fact in started.items() if "-m00-" in account]
    assert [date(2026, 1, 1)] * 80 == [fact.occurred_at.date() for fact in first]
    assert 25 < len(started) - 80 < 58
    standard = sum(fact.data.plan == "standard" for fact in started.values())
    assert standard / len(started) == pytest.approx(0.75, abs=0.12)
    assert {"support"} == {fact.segment for fact in of(AccountSignedUp, facts)}
    assert 10 < len(ended) < 55
    assert all(day == add_months(started[one].occurred_at.date(), 12) for one, day in ended.items())


PACKS = Packs(
    kinds={"pack-10": Pack(units=10), "hours-40": Pack(units=40, unit="hour")},
    joins=(120.0, 0.0),
    again=0.5,
)


def units(fact: Event) -> int:
    """Return how many units of a pack a fact draws."""
    if isinstance(fact.data, UsageRecorded):
        return int(fact.data.quantity)
    return int(isinstance(fact.data, TicketOpened))


def test_packs_are_drawn_down_and_never_further() -> None:
    """What is asked for after an order is at most what the pack holds, and within 12 months."""
    facts = history(Support(severities=SEVERITIES, packs=PACKS), months=36)
    left: Counter[str] = Counter()
    expires: dict[str, date] = {}
    for fact in facts:
        if isinstance(fact.data, OrderPlaced):
            left[fact.subject] = PACKS.kinds[fact.data.item].units
            expires[fact.subject] = add_months(fact.occurred_at.date(), 12)
        elif units(fact):
            left[fact.subject] -= units(fact)
            assert left[fact.subject] >= 0
            assert fact.occurred_at.date() < expires[fact.subject]
    assert 90 < len(left) < 150


def test_some_of_what_was_bought_is_lost() -> None:
    """Buyers who need a fifth more than a pack in a year lose some of it still: use is uneven."""
    facts = history(Support(severities=SEVERITIES, packs=PACKS.model_copy(update={"again": 0.0})), months=36)
    bought = sum(PACKS.kinds[fact.item].units for fact in of(OrderPlaced, facts))
    used = sum(map(units, facts))

    assert 0.05 < 1 - used / bought < 0.30


def test_half_buy_another_pack() -> None:
    """Once a pack is used up or over, the next one is bought with that chance."""
    facts = history(Support(severities=SEVERITIES, packs=PACKS), months=36)
    orders = Counter(fact.subject for fact in facts_of(OrderPlaced, facts))

    assert sum(count > 1 for count in orders.values()) / len(orders) == pytest.approx(0.5, abs=0.12)


def test_hours_are_usage_of_the_account_and_incidents_are_tickets_of_none() -> None:
    """Packs belong to accounts: neither names a subscription."""
    facts = history(Support(severities=SEVERITIES, packs=PACKS), months=12)

    assert {""} == {fact.subscription for fact in of(TicketOpened, facts)}
    assert {"support_hours"} == {fact.meter for fact in of(UsageRecorded, facts)}
    assert {fact.subject for fact in facts_of(UsageRecorded, facts)} <= {
        fact.subject for fact in facts_of(AccountSignedUp, facts)
    }


def test_the_same_seed_gives_the_same_history_whatever_else_there_is() -> None:
    """Buyers of packs neither move nor rename the tickets of subscribers."""
    alone = history(DESK, subscribers(20))
    both = history(DESK.model_copy(update={"packs": PACKS}), subscribers(20))

    assert alone == history(DESK, subscribers(20))
    assert alone != history(DESK, subscribers(20), seed=2)
    assert alone == [fact for fact in both if "pack" not in fact.source]


def test_more_of_one_year_move_nobody_of_another() -> None:
    """The clients of the first year live the same whatever the second brings."""

    def clients(*joins: float) -> list[Event]:
        settings = Clients(plans={"standard": 1}, joins=joins)
        return history(Support(severities=SEVERITIES, clients=settings), months=24)

    assert of_year(clients(50.0, 50.0), 2026)[:60] == of_year(clients(50.0, 0.0), 2026)[:60]


def test_the_price_book_must_know_what_support_sells() -> None:
    """Each plan, pack and meter that it lacks is a problem at its place; what it has is none."""
    settings = Support(
        severities=SEVERITIES,
        tickets={"pro": 1.0},
        clients=Clients(plans={"standard": 1.0}),
        packs=PACKS,
    )
    places = [problem.place for problem in settings.keys(EMPTY)]
    assert places == ["tickets", "clients.plans", "packs.kinds", "packs.kinds", "packs.meter"]

    book = loads(
        """
        name = "Shop"
        [meters.orders]
        event = "order.placed"
        dimensions = ["item"]
        [meters.support_hours]
        [plans]
        pro = { name = "Pro", stream = "s" }
        standard = { name = "Standard", stream = "s" }
        [plans.catalog]
        name = "Catalog"
        stream = "s"
        prices.packs = { meter = "orders", where = { item = ["pack-10", "hours-40"] }, unit_price = 1 }
        """
    )
    assert list(settings.keys(book)) == []

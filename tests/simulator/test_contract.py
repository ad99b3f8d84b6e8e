"""Contracts: clients with a yearly subscription who have so many projects done in each of its years."""

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from itertools import pairwise
from statistics import mean

from metering.event import Event, ProjectStarted, SubscriptionCancelled, SubscriptionStarted
from metering.period import add_months, months
from simulator.agents import consultant
from simulator.agents.contract import Holder
from simulator.agents.practice import Contract, Offering, Practice
from simulator.world import Bill, World
from tests.simulator.stage import EMPTY, Stage, lived, of

PRACTICE = Practice(
    people={"engineer": (60.0,)},
    sizes={"medium": (1.0,)},
    milestones={"delivery": Decimal(1)},
    offerings={"bronze": Offering(hours={"medium": 30}, team={"engineer": 1})},
    contracts={"annual": Contract(joins=(20, 0, 0), projects={"bronze": 12.0}, renewal=0.8)},
    attrition=0.0,
)


def history(practice: Practice = PRACTICE, *, seed: int = 1) -> list[Event]:
    """Return three years of a practice."""
    return lived(Stage(36, [(consultant.spawn, practice)]), seed=seed)


def test_as_many_sign_as_planned_each_for_a_year_in_advance() -> None:
    """Twenty in the first year and nobody later, one in each twentieth of the year."""
    facts = [fact for fact in history() if isinstance(fact.data, SubscriptionStarted)]
    days = [fact.occurred_at.date() for fact in facts]

    assert 20 == len({fact.subject for fact in facts})
    assert {("annual", "year")} == {(fact.data.plan, fact.data.billing) for fact in facts}
    assert all(0 < (after - before).days < 40 for before, after in pairwise(days))


def test_a_contract_has_its_projects_done_in_each_of_its_years() -> None:
    """Twelve a year on average, for its own account and only while it lasts."""
    facts = history()
    since = {f.subject: f.occurred_at.date() for f in facts if isinstance(f.data, SubscriptionStarted)}
    until = {f.subject: f.data.effective_on for f in facts if isinstance(f.data, SubscriptionCancelled)}
    done: dict[str, list[date]] = defaultdict(list)
    for fact in facts:
        if isinstance(fact.data, ProjectStarted):
            done[fact.subject].append(fact.occurred_at.date())

    first = [sum(day < add_months(since[account], 12) for day in days) for account, days in done.items()]
    assert 10 < mean(first) < 14
    for account, days in done.items():
        assert since[account] <= min(days)
        assert max(days) <= until.get(account, date(2029, 1, 1))


def test_four_in_five_renew_and_the_others_end_with_their_year() -> None:
    """A contract that is not renewed ends on its anniversary, as was said the day before."""
    facts = history()
    since = {f.subject: f.occurred_at.date() for f in facts if isinstance(f.data, SubscriptionStarted)}
    ended = [fact for fact in facts if isinstance(fact.data, SubscriptionCancelled)]

    assert 3 <= len(ended) <= 14  # of some 20 + 16 chances at 20 %
    for fact in ended:
        assert fact.data.effective_on in {add_months(since[fact.subject], 12 * year) for year in (1, 2, 3)}
        assert 1 == (fact.data.effective_on - fact.occurred_at.date()).days


def test_a_contract_that_is_never_paid_ends_at_once() -> None:
    """Who defaults orders nothing more, and does not renew."""
    world = World(Stage(24, []), EMPTY, seed=1)
    ordered: list[int] = []
    holder = Holder(world, PRACTICE, lambda *_: ordered.append(world.today), plan="annual", name="y1-01")
    world.start(holder.agent, holder.live(10))
    facts = []
    for period in months(date(2026, 1, 1), 24):
        facts += world.live(period).facts
        if period.label == "2026-06":
            holder.default()
            world.hear([Bill("nobody", period.label, Decimal(1), Decimal(0), "INV")])

    [end] = of(SubscriptionCancelled, facts)
    assert "involuntary" == end.reason
    assert ordered
    assert max(ordered) <= world.day_of(end.effective_on)


def test_the_same_seed_signs_the_same_contracts() -> None:
    """Another contract more moves nobody else's."""
    one, other = history(), history()
    more = PRACTICE.model_copy(
        update={"contracts": {**PRACTICE.contracts, "small": Contract(joins=(1,), projects={"bronze": 1.0})}}
    )
    signed = Counter(fact.subject for fact in history(more) if isinstance(fact.data, SubscriptionStarted))

    assert one == other
    assert {f.subject for f in one if isinstance(f.data, SubscriptionStarted)} < set(signed)

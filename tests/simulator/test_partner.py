"""Partners: they join, pay fees, bring customers, sell under their own brand, and leave."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from billing.price_book import loads
from metering.event import (
    AccountSignedUp,
    AddOnBought,
    AddOnDropped,
    DealReferred,
    Event,
    OrderPlaced,
    PartnerJoined,
    PartnerRevenueReported,
    SoldThroughPartner,
    SubscriptionCancelled,
    SubscriptionStarted,
)
from metering.period import add_months
from simulator.agents import partner
from simulator.agents.partner import Help, Partners, Programme, Sales
from simulator.world import Story, World
from tests.simulator.stage import EMPTY, Stage, lived, of

SILVER = Programme(
    joins=(8, 0),
    plan="partner-silver",
    renewal=1.0,
    brings=1.0,
    resells=0.4,
    referral="silver-referral",
    resale="silver-resale",
)
SHARE = Programme(joins=(20, 0), plan="white-label-share", renewal=1.0, sales=Sales(median=400_000.0))

Spawn = tuple[Callable[[World, Any], None], Any]


def bring(*programmes: tuple[str, Programme]) -> Spawn:
    """Return what brings partners of some programmes into the world."""
    return partner.spawn, Partners(programmes=dict(programmes))


def customers(count: int, channel: str = "partner") -> Spawn:
    """Return what signs up so many customers of a channel, one every other day from the second month on."""

    def spawn(world: World, settings: Any) -> None:
        for number in range(count):
            agent = world.agent("customer", f"c{number:03}")

            def sign_up(agent: Any = agent, number: int = number) -> Story:
                yield world.on(31 + 2 * number)
                fact = AccountSignedUp("Somebody", "somebody@example.com", "smb", channel)
                world.record(agent, f"account-{number:03}", fact)

            world.start(agent, sign_up())

    return spawn, None


def history(*spawns: Spawn, months: int = 36, seed: int = 1) -> list[Event]:
    """Return what happens in a small world."""
    return lived(Stage(months, spawns), seed=seed)


def deals(facts: list[Event]) -> dict[str, tuple[str, str]]:
    """Return partner and agreement of every customer with a deal."""
    found = [fact for fact in facts if isinstance(fact.data, DealReferred | SoldThroughPartner)]
    assert len(found) == len({fact.subject for fact in found})
    return {fact.subject: (fact.data.partner, fact.data.agreement) for fact in found}


def test_as_many_join_each_year_as_planned() -> None:
    """Joins are a plan: eight in the first year, spread over it, two in each later one."""
    facts = history(bring(("silver", SILVER.model_copy(update={"joins": (8, 2)}))))
    joined = [fact.occurred_at for fact in facts if isinstance(fact.data, PartnerJoined)]

    assert {2026: 8, 2027: 2, 2028: 2} == Counter(at.year for at in joined)
    assert 3 <= sum(at.month <= 6 for at in joined if at.year == 2026) <= 5


def test_a_partner_has_an_account_and_pays_a_yearly_fee() -> None:
    """It signs up as a partner, joins a programme, and subscribes to the programme's plan, in this order."""
    facts = history(bring(("silver", SILVER)))
    first = [fact for fact in facts if fact.subject == "partner-silver-y1-01"]

    assert ["account.signed_up", "partner.joined", "subscription.started"] == [fact.type for fact in first]
    assert ("partner", "partner", "silver") == (
        first[0].data.kind,
        first[0].data.segment,
        first[1].data.programme,
    )
    assert ("partner-silver", "year") == (first[2].data.plan, first[2].data.billing)


def test_every_customer_of_the_channel_belongs_to_one_partner() -> None:
    """Where there are partners, each of their customers gets one deal, right after it signed up."""
    facts = history(bring(("silver", SILVER)), customers(200))
    signed_up = {fact.subject: fact.occurred_at for fact in facts if fact.subject.startswith("account-")}
    closed = deals(facts)

    assert 200 == len(closed)
    for fact in facts:
        if isinstance(fact.data, DealReferred | SoldThroughPartner):
            assert 0 <= (fact.occurred_at - signed_up[fact.subject]).total_seconds() <= 1
    resold = sum(agreement == "silver-resale" for _, agreement in closed.values())
    assert 0.3 < resold / len(closed) < 0.5


def test_customers_of_other_channels_belong_to_nobody() -> None:
    """Partners get no deal for a customer that came by itself, and none for another partner."""
    assert not deals(history(bring(("silver", SILVER)), customers(50, "self_serve")))


def test_one_more_partner_takes_only_what_it_wins_itself() -> None:
    """A new rival wins some customers, and every other one stays with the partner it had."""
    gold = Programme(joins=(1, 0), brings=4.0, referral="gold-referral", renewal=1.0)
    before = deals(history(bring(("silver", SILVER)), customers(300)))
    after = deals(history(bring(("silver", SILVER), ("gold", gold)), customers(300)))
    taken = [account for account in before if after[account][0] == "partner-gold-y1-01"]

    assert 20 < len(taken) < 200
    assert [] == [one for one in before if one not in taken and before[one] != after[one]]


def test_stronger_partners_bring_more() -> None:
    """Twice the strength wins twice the customers, once all have ramped up."""
    strong = SILVER.model_copy(update={"brings": 2.0})
    spawns = [(partner.spawn, Partners(programmes={"silver": SILVER, "gold": strong}, quality_sigma=0.0))]
    late = [
        who
        for account, (who, _) in deals(history(*spawns, customers(450))).items()
        if account > "account-150"
    ]

    assert 1.5 < sum("gold" in who for who in late) / sum("silver" in who for who in late) < 2.7


def test_a_partner_reports_its_own_sales_every_quarter() -> None:
    """Reports come each quarter of the partnership, ramp up in the first year, and are in whole cents."""
    facts = history(bring(("white-label-share", SHARE)))
    reports = [fact for fact in facts if isinstance(fact.data, PartnerRevenueReported)]
    joined = {fact.subject: fact.occurred_at.date() for fact in facts if isinstance(fact.data, PartnerJoined)}
    quarter: Counter[int] = Counter()
    for fact in reports:
        days = (fact.occurred_at.date() - joined[fact.subject]).days
        quarter[round(days / 91.3) - 1] += fact.data.amount
        assert fact.data.amount == fact.data.amount.quantize(Decimal("0.01"))

    assert quarter[0] < quarter[1] < quarter[3]
    yearly = 4 * quarter[5] / 20  # twenty partners, all ramped up
    assert 300_000 < yearly < 700_000
    assert {"partner-white-label-share-y1-01-white-label-share"} == {
        fact.data.subscription for fact in reports if fact.subject == "partner-white-label-share-y1-01"
    }


def test_where_nothing_is_shared_only_deployments_are_reported() -> None:
    """A partner with a licence says how many customers it put into operation, not what it sold."""
    sales = Sales(median=800_000.0, per_deployment=40_000.0, is_shared=False)
    reports = of(
        PartnerRevenueReported, history(bring(("license", SHARE.model_copy(update={"sales": sales}))))
    )

    assert {0} == {report.amount for report in reports}
    assert sum(report.deployments for report in reports) > 100


def test_who_does_not_renew_leaves_and_brings_nobody() -> None:
    """The subscription ends on the anniversary; customers who come later belong to nobody."""
    facts = history(
        bring(("silver", SILVER.model_copy(update={"joins": (1, 0), "renewal": 0.0}))), customers(450)
    )
    [joined] = [fact.occurred_at.date() for fact in facts if isinstance(fact.data, PartnerJoined)]
    [cancelled] = of(SubscriptionCancelled, facts)

    assert cancelled.effective_on == joined.replace(year=joined.year + 1)
    assert cancelled.effective_on > max(
        fact.occurred_at.date() for fact in facts if isinstance(fact.data, DealReferred | SoldThroughPartner)
    )


def test_a_programme_may_ask_for_orders_at_first_and_every_year() -> None:
    """A training partner pays for its certification once and for its renewal each year after."""
    training = Programme(
        joins=(1, 0), renewal=1.0, joins_with={"certification": 1}, renews_with={"renewal": 1}
    )
    facts = history(bring(("training", training)))

    assert ["certification", "renewal", "renewal"] == [order.item for order in of(OrderPlaced, facts)]
    assert not of(SubscriptionStarted, facts)


def test_neither_order_nor_company_changes_a_history() -> None:
    """Another programme, before or after, changes nothing for the partners of this one."""
    one, other = ("silver", SILVER), ("share", SHARE)
    alone = history(bring(one), customers(100))
    both = history(bring(one, other), customers(100))

    assert both == history(customers(100), bring(other, one))
    assert alone == [fact for fact in both if not fact.source.startswith("saasim/partner/share")]


def test_the_same_seed_gives_the_same_history() -> None:
    """Twice the same, and with another seed another."""
    assert history(bring(("share", SHARE))) == history(bring(("share", SHARE)))
    assert history(bring(("share", SHARE))) != history(bring(("share", SHARE)), seed=2)


@pytest.mark.parametrize(
    ("programme", "message"),
    [
        ({"joins": [1], "brings": 1}, "name referral, or set resells = 1"),
        ({"joins": [1], "brings": 1, "resells": 1}, "name resale, or set resells = 0"),
        ({"joins": [1], "sales": {"median": 1}}, "name a plan"),
        ({"joins": []}, "joins"),
    ],
)
def test_a_programme_that_cannot_work_is_refused(programme: dict[str, Any], message: str) -> None:
    """Each mistake says what to do about it."""
    with pytest.raises(ValidationError, match=message):
        Programme.model_validate(programme)


def test_programmes_name_what_the_price_book_has() -> None:
    """Plans, agreements and items that the book lacks are problems with a remedy."""
    book = loads(
        """
        name = "Partners"
        [plans.partner-silver]
        name = "Silver"
        stream = "partners"
        [agreements.silver-referral]
        kind = "referral"
        model = "percentage"
        unit_price = 0.15
        """
    )
    settings = Partners(programmes={"silver": SILVER})

    assert [("programmes.silver.resale", "did you mean 'silver-referral'?")] == [
        (problem.place, problem.remedy) for problem in settings.keys(book)
    ]
    assert 3 == len(list(settings.keys(EMPTY)))


def test_some_partners_have_an_add_on_for_their_first_months() -> None:
    """Half of them take an engineer for six months, from the day they join on, unless they leave before."""
    helped = SHARE.model_copy(update={"joins": (60, 0), "add_ons": {"engineer": Help(share=0.5, months=6)}})
    facts = history(bring(("share", helped)), months=24)
    bought = {fact.subject: fact.occurred_at.date() for fact in facts if isinstance(fact.data, AddOnBought)}
    dropped = {fact.subject: fact.occurred_at.date() for fact in facts if isinstance(fact.data, AddOnDropped)}

    assert 20 < len(bought) < 40
    assert dropped == {account: add_months(day, 6) for account, day in bought.items()}


def test_an_add_on_goes_with_a_subscription() -> None:
    """A programme without a plan cannot have one."""
    with pytest.raises(ValidationError, match="add_ons go with a subscription; name a plan"):
        Programme(joins=(1,), add_ons={"engineer": Help(share=1.0)})

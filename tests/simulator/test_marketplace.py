"""The marketplace: sellers join, publish, pay to be seen and leave; customers buy once or every month."""

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from billing.price_book import loads
from metering.event import (
    AdvertClicked,
    Event,
    ListingPublished,
    ListingSold,
    SubscriptionCancelled,
    SubscriptionStarted,
)
from simulator.agents import shopper
from simulator.agents.marketplace import (
    Adverts,
    Category,
    Marketplace,
    SellerPlan,
    Sellers,
    Shoppers,
    Slot,
)
from tests.simulator.stage import EMPTY, Stage, lived, of
from tests.simulator.test_support import facts_of, subscribers

PLUGIN = Category(weight=3, buys=0.5, price=(49, 499), monthly=0.8, monthly_price=(9, 99), licences=(1, 4))
TEMPLATE = Category(weight=1, buys=0.2, price=(500, 5_000))
SELLERS = Sellers(
    plans={
        "free": SellerPlan(weight=1, is_free=True),
        "standard": SellerPlan(weight=1),
        "premium": SellerPlan(weight=1, pull=3.0),
    },
    at_start=60,
    joins=(60.0, 0.0),
    leaves=0.02,
    slots={"featured": Slot(takes=0.05, months=2)},
    adverts={"search": Adverts(share=0.25, clicks=20, bid=(2, 10))},
)
PLACE = Marketplace(
    categories={"plugin": PLUGIN, "template": TEMPLATE},
    sellers=SELLERS,
    shoppers=Shoppers(share=0.5, plans={"pro": 1.0}, drops=0.1),
)


def history(
    settings: Marketplace = PLACE, *, buyers: int = 100, months: int = 18, seed: int = 1
) -> list[Event]:
    """Return what happens in a marketplace with so many customers."""
    return lived(Stage(months, [subscribers(buyers), (shopper.spawn, settings)]), seed=seed)


def changed(part: str, **changes: Any) -> Marketplace:
    """Return the place with some of its sellers' or shoppers' habits changed."""
    return PLACE.model_copy(update={part: getattr(PLACE, part).model_copy(update=changes)})


def plans(facts: list[Event]) -> dict[str, str]:
    """Return the plan of every seller."""
    started = [
        fact for fact in facts_of(SubscriptionStarted, facts) if fact.data.subscription.endswith("-plan")
    ]
    return {fact.subject: fact.data.plan for fact in started}


def test_sellers_join_under_their_plans_and_some_leave() -> None:
    """Those of the first day and those who come, a third on each plan; 2 % leave a month."""
    facts = history()
    chosen = plans(facts)
    left = [
        fact for fact in facts_of(SubscriptionCancelled, facts) if fact.data.subscription.endswith("-plan")
    ]

    assert 100 < len(chosen) < 145
    assert all(
        count / len(chosen) == pytest.approx(1 / 3, abs=0.13) for count in Counter(chosen.values()).values()
    )
    assert 0.12 < len(left) / len(chosen) < 0.40


def test_free_sellers_publish_in_the_first_category_and_sell_nothing() -> None:
    """Who keeps 100 % may offer free plugins only (D:1354): nothing of theirs is ever sold."""
    facts = history()
    free = {account for account, plan in plans(facts).items() if plan == "free"}
    categories = {fact.data.category for fact in facts_of(ListingPublished, facts) if fact.subject in free}

    assert categories == {"plugin"}
    assert not {fact.seller for fact in of(ListingSold, facts)} & free


def test_a_listing_is_published_before_it_is_sold_and_keeps_its_price() -> None:
    """One licence of a listing costs the same each time, within the range of its category."""
    facts = history()
    published: dict[str, date] = {}
    prices: dict[str, set[Decimal]] = defaultdict(set)
    for fact in facts:
        if isinstance(fact.data, ListingPublished):
            published[fact.data.listing] = fact.occurred_at.date()
        if isinstance(fact.data, ListingSold):
            sale = fact.data
            assert published[sale.listing] < fact.occurred_at.date()
            prices[sale.listing].add(sale.amount / sale.quantity)
            assert 1 <= sale.quantity <= (4 if sale.category == "plugin" else 1)
            low, high = (9, 499) if sale.category == "plugin" else (500, 5_000)
            assert low <= sale.amount / sale.quantity <= high
    assert len(prices) > 30
    assert all(len(one) == 1 for one in prices.values())


def test_nothing_is_sold_of_a_seller_who_left() -> None:
    """On the day of the cancellation at the latest; who pays monthly for it stops."""
    facts = history(changed("sellers", leaves=0.1))
    left: dict[str, date] = {}
    for fact in facts:
        if isinstance(fact.data, SubscriptionCancelled) and fact.data.subscription.endswith("-plan"):
            left[fact.subject] = fact.data.effective_on
        if isinstance(fact.data, ListingSold):
            assert fact.occurred_at.date() < left.get(fact.data.seller, date.max)
    assert len(left) > 50


def test_half_of_the_customers_buy_as_often_as_their_category_says() -> None:
    """Half shop; those make 0.2 new purchases of templates a month each."""
    facts = history(buyers=300, months=12)
    buyers = {fact.subject for fact in facts_of(ListingSold, facts)}
    templates = [fact for fact in of(ListingSold, facts) if fact.category == "template"]

    assert len(buyers) / 300 == pytest.approx(0.5, abs=0.08)
    assert len(templates) / (len(buyers) * 11) == pytest.approx(0.2, rel=0.2)


def test_what_is_bought_by_the_month_is_paid_on_one_day_of_every_month_until_it_is_dropped() -> None:
    """A monthly listing is paid without a gap; a tenth is dropped each month."""
    facts = history()
    paid: dict[tuple[str, str], list[date]] = defaultdict(list)
    for fact in facts_of(ListingSold, facts):
        paid[fact.subject, fact.data.listing].append(fact.occurred_at.date())
    days: dict[str, set[int]] = defaultdict(set)
    for (account, _), dates in paid.items():
        days[account] |= {day.day for day in dates}
    assert all(len(one) == 1 for one in days.values())

    kept = dropped = 0
    for dates in paid.values():
        months = [day.year * 12 + day.month for day in dates]
        if len(set(months)) > 1:
            kept += len(set(months)) - 1
            dropped += max(months) < 2027 * 12 + 6
    assert dropped / (kept + dropped) == pytest.approx(0.1, abs=0.05)


def test_premium_listings_are_sought_for_more() -> None:
    """A plan that pulls three times as much sells about three times as much; luck apart."""
    facts = history(changed("sellers", quality_sigma=0.0, slots={}, leaves=0.0), buyers=300)
    chosen = plans(facts)
    sold = Counter(chosen[fact.seller] for fact in of(ListingSold, facts) if fact.category == "template")

    assert 1.8 < sold["premium"] / sold["standard"] < 5.0


def test_a_slot_lasts_as_long_as_it_was_taken_for_and_one_at_a_time() -> None:
    """Two months, of sellers who take money; never two of the same at once."""
    facts = history()
    chosen = plans(facts)
    started = {fact.data.subscription: fact for fact in facts_of(SubscriptionStarted, facts)}
    ends = {fact.data.subscription: fact.data.effective_on for fact in facts_of(SubscriptionCancelled, facts)}
    slots = [name for name in started if "-featured-" in name]

    assert len(slots) > 30
    taken: dict[str, date] = {}
    for name in sorted(slots, key=lambda name: started[name].occurred_at):
        fact = started[name]
        assert chosen[fact.subject] != "free"
        first = fact.occurred_at.date()
        assert taken.get(fact.subject, first) <= first
        taken[fact.subject] = ends[name]
        assert 59 <= (ends[name] - first).days <= 62


def test_adverts_cost_what_was_bid_for_each_click() -> None:
    """A quarter of the sellers advertise; each has one bid, between $2 and $10."""
    facts = history()
    bids: dict[str, set[Decimal]] = defaultdict(set)
    for fact in facts_of(AdvertClicked, facts):
        bids[fact.subject].add(fact.data.amount / fact.data.clicks)
    paying = sum(plan != "free" for plan in plans(facts).values())

    assert 0.12 < len(bids) / paying < 0.40
    assert all(len(one) == 1 and 2 <= min(one) <= 10 for one in bids.values())


def test_the_same_seed_gives_the_same_history() -> None:
    """And another seed another."""
    assert history(months=6) == history(months=6)
    assert history(months=6) != history(months=6, seed=2)


def test_customers_who_buy_move_no_seller() -> None:
    """Sellers live the same however many buy from them."""
    sellers = [fact for fact in history(buyers=0) if "seller" in fact.source]

    assert sellers == [fact for fact in history(buyers=50) if "seller" in fact.source]


def test_the_lower_end_of_a_range_comes_first() -> None:
    """A price from 500 to 49 is a mistake."""
    with pytest.raises(ValidationError, match=r"price goes from 500.0 to 49.0; put the lower end first"):
        Category(weight=1, buys=1, price=(500, 49))


def test_the_price_book_must_know_what_the_marketplace_sells() -> None:
    """Each category, placement and plan that it lacks is a problem; what it has is none."""
    places = Counter(problem.place for problem in PLACE.keys(EMPTY))
    assert places == {
        "categories": 2, "sellers.adverts": 1, "sellers.plans": 3, "sellers.slots": 1, "shoppers.plans": 1,
    }  # fmt: skip
    book = loads(
        """
        name = "Place"
        [meters.sales]
        event = "listing.sold"
        quantity = "amount"
        dimensions = ["category", "seller"]
        [meters.adverts]
        event = "advert.clicked"
        quantity = "amount"
        [plans]
        free = { name = "Free", stream = "s" }
        standard = { name = "Standard", stream = "s" }
        premium = { name = "Premium", stream = "s" }
        featured = { name = "Featured", stream = "s" }
        pro = { name = "Pro", stream = "s" }
        [plans.catalog]
        name = "Catalog"
        stream = "s"
        prices.sales = { meter = "sales", where = { category = ["plugin", "template"] }, unit_price = 1 }
        prices.adverts = { meter = "adverts", unit_price = 1 }
        """
    )
    assert list(PLACE.keys(book)) == []

"""Visitors: they order pieces of the catalog, once or again and again."""

from collections import Counter
from statistics import mean

from metering.event import AccountSignedUp, Event, OrderPlaced
from simulator.agents import visitor
from simulator.agents.visitor import Shop, Shops
from tests.fixtures.books import book
from tests.simulator.stage import EMPTY, Stage, lived, of, of_year

KITS = Shop(items={"migration-kit": 1}, visitors=(0.0, 120.0), segment="startup")
MODELS = Shop(
    items={"self-service-small": 0.7, "self-service-large": 0.3},
    visitors=(200.0, 0.0),
    again=0.5,
    stays_months=6.0,
    segment="startup",
)


def history(months: int = 36, *, seed: int = 1, **shops: Shop) -> list[Event]:
    """Return what the visitors of some shops do."""
    return lived(Stage(months, [(visitor.spawn, Shops(shops=shops))]), seed=seed)


def orders(facts: list[Event]) -> Counter[str]:
    """Count the orders of each account."""
    return Counter(fact.subject for fact in facts if isinstance(fact.data, OrderPlaced))


def test_a_year_brings_as_many_as_planned_and_each_orders_on_its_first_day() -> None:
    """Nobody in the first year, about 120 in the second; a kit is bought once."""
    facts = history(24, kits=KITS)

    assert not of_year(facts, 2026)
    assert 90 < len(orders(facts)) < 150
    assert {1} == set(orders(facts).values())
    signed_up = {f.subject: f.occurred_at for f in facts if isinstance(f.data, AccountSignedUp)}
    assert all(signed_up[f.subject] == f.occurred_at for f in facts if isinstance(f.data, OrderPlaced))


def test_who_comes_again_orders_once_in_two_months_for_half_a_year() -> None:
    """One order at first and 6 x 0.5 later on average, until the visitor stays away."""
    counts = orders(history(models=MODELS))

    assert 3.2 < mean(counts.values()) < 4.8
    assert 1 in counts.values()
    assert max(counts.values()) > 8


def test_what_is_ordered_follows_the_weights() -> None:
    """Seven in ten models are small."""
    items = Counter(one.item for one in of(OrderPlaced, history(models=MODELS)))

    assert {"self-service-small", "self-service-large"} == set(items)
    assert 0.64 < items["self-service-small"] / items.total() < 0.76


def test_one_shop_moves_nobody_of_another() -> None:
    """The visitors of a shop are the same whether there is another or not."""
    alone, together = history(models=MODELS), history(kits=KITS, models=MODELS)

    assert alone == [fact for fact in together if "kits" not in fact.source]
    assert alone == history(models=MODELS)
    assert alone != history(models=MODELS, seed=2)


def test_the_price_book_must_sell_what_visitors_order() -> None:
    """GGML sells both; an empty book sells neither."""
    shops = Shops(shops={"kits": KITS, "models": MODELS})

    assert not list(shops.keys(book("ggml")))
    assert ["shops.kits.items"] + ["shops.models.items"] * 2 == [one.place for one in shops.keys(EMPTY)]

"""Device makers: they sign, design in, pilot, and ship along an S-curve."""

from datetime import date, timedelta
from itertools import accumulate
from statistics import mean

import pytest

from metering.event import (
    DevicesShipped,
    Event,
    PartnerJoined,
    PartnerRevenueReported,
    PlanChanged,
    SubscriptionCancelled,
    SubscriptionStarted,
    UsageRecorded,
)
from simulator.agents import device_maker
from simulator.agents.device_maker import DeviceMakers, Maker, Served, adopted
from simulator.world import World
from tests.simulator.stage import EMPTY, Stage, lived, of, of_year, told

ONE = DeviceMakers(
    plan="oem-license",
    joins=(1, 0),
    design_in_months=6,
    design_in_sigma=0,
    market=1_000_000,
    market_sigma=0,
    noise=0,
)


def makers(settings: DeviceMakers, *, months: int = 120, seed: int = 1) -> list[Event]:
    """Return the history of device makers alone."""
    return lived(Stage(months, [(device_maker.spawn, settings)]), seed=seed)


@pytest.mark.parametrize(
    ("years", "share"),
    [(-1, 0.0), (0, 0.0), (1, 0.036), (2, 0.085), (3, 0.151), (100, 1.0)],
)
def test_adoption_follows_the_curve_of_bass(years: float, share: float) -> None:
    """With p = 0.03 and q = 0.38 the first three years reach 3.6, 8.5 and 15.1 % of the market."""
    assert pytest.approx(share, abs=0.0006) == adopted(years, 0.03, 0.38)


def test_shipments_rise_to_a_peak_in_the_seventh_year_and_fall() -> None:
    """Sales are greatest ln(q/p) / (p + q) = 6.2 years after the launch; nothing is ever taken back."""
    facts = makers(ONE, months=240)
    yearly = [sum(one.devices for one in of(DevicesShipped, of_year(facts, 2027 + n))) for n in range(18)]

    assert 2033 <= 2027 + yearly.index(max(yearly)) <= 2034
    assert yearly[:6] == sorted(yearly[:6])
    assert yearly[8:] == sorted(yearly[8:], reverse=True)
    assert all(batch.devices > 0 for batch in of(DevicesShipped, facts))


def test_the_units_shipped_are_those_of_the_curve() -> None:
    """Without noise, what was shipped by the end of a quarter is the market times what is adopted."""
    facts = makers(ONE)
    launched = told(facts, "device-maker")[0].occurred_at.date()
    total = list(accumulate(batch.devices for batch in of(DevicesShipped, facts)))
    years = (date(2035, 12, 31) - launched).days / 365.25 - (6 + 3) / 12

    assert pytest.approx(1_000_000 * adopted(years, 0.03, 0.38), rel=0.005) == total[-1]
    assert total[-1] < 1_000_000


def test_batches_are_reported_on_the_last_day_of_a_quarter() -> None:
    """A maker reports once a quarter, under its own licence."""
    facts = [fact for fact in makers(ONE) if isinstance(fact.data, DevicesShipped)]

    assert {(3, 31), (6, 30), (9, 30), (12, 31)} == {(f.occurred_at.month, f.occurred_at.day) for f in facts}
    assert {"oem-y1-01-license"} == {fact.data.subscription for fact in facts}


def test_nothing_is_shipped_before_the_design_in_is_done() -> None:
    """A maker that signs first designs in for half a year, then pilots with a few units."""
    facts = makers(ONE.model_copy(update={"pilot_units": 300}))
    signed = next(fact for fact in facts if isinstance(fact.data, SubscriptionStarted))
    batches = [fact for fact in facts if isinstance(fact.data, DevicesShipped)]

    assert (batches[0].occurred_at - signed.occurred_at).days >= 182
    assert 0 < batches[0].data.devices <= 300


def test_markets_differ_as_the_lognormal_says() -> None:
    """The median of the markets is the one given; their mean is larger."""
    settings = ONE.model_copy(update={"market_sigma": 1.0, "market": 1_000.0})
    world = World(Stage(1, []), EMPTY, seed=1)
    markets = sorted(Maker(world, settings, f"m-{number}").market for number in range(400))

    assert 850 < markets[200] < 1_150
    assert 1_350 < mean(markets) < 2_000


def test_one_more_maker_changes_no_other_history() -> None:
    """Who else signs, and in which year, changes nothing for those who sign anyway."""
    few, more = (makers(ONE.model_copy(update={"joins": joins, "noise": 0.2})) for joins in ((2, 0), (2, 3)))

    assert few == [fact for fact in more if fact.subject.startswith("oem-y1-")]


def test_the_same_seed_gives_the_same_history() -> None:
    """Twice the same, and with another seed another."""
    assert makers(ONE) == makers(ONE)
    assert makers(ONE.model_copy(update={"noise": 0.2})) != makers(
        ONE.model_copy(update={"noise": 0.2}), seed=2
    )


def test_those_who_signed_before_ship_sooner() -> None:
    """A partner of the first day is somewhere within its design-in already."""
    settings = ONE.model_copy(update={"signed_before": 20, "joins": (0,), "design_in_months": 12.0})
    facts = makers(settings, months=24)
    first: dict[str, int] = {}
    for fact in facts:
        if isinstance(fact.data, DevicesShipped):
            first.setdefault(fact.subject, (fact.occurred_at.date() - date(2026, 1, 1)).days)

    assert 20 == len(of(PartnerJoined, facts)) == len(first)
    assert min(first.values()) <= 180
    assert max(first.values()) > 364


def test_a_maker_of_many_deployments_moves_to_a_larger_licence() -> None:
    """Deployments are reported to the licence; a year begins on the plan that they have earned."""
    settings = ONE.model_copy(
        update={
            "plan": "oem-startup",
            "counts": "deployments",
            "market": 1_000.0,
            "imitation": 1.5,
            "upgrades": {"oem-growth": 350, "oem-enterprise": 850},
        }
    )
    facts = makers(settings)
    reports = of(PartnerRevenueReported, facts)

    assert ["oem-growth", "oem-enterprise"] == [change.plan for change in of(PlanChanged, facts)]
    assert {0} == {report.amount for report in reports}
    assert 900 < sum(report.deployments for report in reports) <= 1_000


def test_who_does_not_renew_ships_no_more() -> None:
    """Without renewal a licence ends on its first anniversary, and nothing follows."""
    settings = ONE.model_copy(update={"renewal": 0.0, "design_in_months": 1.0, "pilot_months": 1.0})
    facts = makers(settings)
    cancelled = next(fact for fact in facts if isinstance(fact.data, SubscriptionCancelled))
    signed = next(fact for fact in facts if isinstance(fact.data, SubscriptionStarted))

    assert cancelled is facts[-1]
    assert cancelled.data.effective_on == signed.occurred_at.date().replace(year=2027)
    assert len(of(DevicesShipped, facts)) >= 3


def test_settings_name_plans_that_the_price_book_has() -> None:
    """A plan that is not in the book is a problem with its place."""
    problems = list(ONE.model_copy(update={"upgrades": {"oem-growth": 1}}).keys(EMPTY))

    assert ["plan", "upgrades.oem-growth"] == [problem.place for problem in problems]


def test_a_maker_reports_every_month_how_many_customers_are_to_be_supported() -> None:
    """A level: a share of all units that it has reported so far, on the last day of each month."""
    served = ONE.model_copy(update={"market": 1_000, "served": Served(meter="customers", share=0.5)})
    shipped, levels = 0, list[int]()
    for fact in makers(served, months=60):
        if isinstance(fact.data, DevicesShipped):
            shipped += fact.data.devices
        if isinstance(fact.data, UsageRecorded):
            assert (fact.subject, fact.data.meter) == ("oem-y1-01-license", "customers")
            assert (fact.occurred_at + timedelta(days=1)).day == 1
            assert abs(int(fact.data.quantity) - shipped / 2) <= 0.5 + shipped * 0.2
            levels.append(int(fact.data.quantity))
    assert levels == sorted(levels)
    assert len(levels) > 30


def test_the_price_book_must_have_the_level() -> None:
    """A meter that it lacks is a problem."""
    served = ONE.model_copy(update={"served": Served(meter="customers")})

    assert ["plan", "served.meter"] == [problem.place for problem in served.keys(EMPTY)]

"""A rule that nothing triggers and an event that no rule prices are gaps that name both."""

from pathlib import Path

import pytest

from analytics.trigger import ACTS, Gap, gaps
from metering.event import EVENTS
from tests.ledgers import book, closed, posted

BOOK = """
[meters.calls]
dimensions = ["model", "region"]
[meters.orders]
event = "order.placed"
quantity = "quantity"
dimensions = ["item"]
[meters.misses]
event = "outcome.measured"
dimensions = ["metric", "met"]
[plans.pro]
name = "Pro"
stream = "software"
prices.base = { per = "subscription", unit_price = 10 }
prices.large = { meter = "calls", where = { model = "large" }, unit_price = 1 }
limits.large = { meter = "calls", where = { model = "large" }, quantity = 5, then = "scale" }
[plans.scale]
name = "Scale"
stream = "software"
prices.large = { meter = "calls", where = { model = "large" }, unit_price = 0.5 }
[plans.catalog]
name = "Catalog"
stream = "services"
prices.pack = { meter = "orders", where = { item = "pack" }, unit_price = 100 }
[add_ons.backup]
name = "Backup"
plans = ["pro"]
price = { per = "add_on", unit_price = 5 }
[discounts.early]
share = 0.1
[entitlements.pack]
given_by = { meter = "orders", where = { item = "pack" } }
covers = { meter = "calls", where = { model = "large" } }
quantity = 10
[refunds.uptime]
meter = "misses"
where = { metric = "uptime", met = "false" }
prices = ["base"]
share = 0.5
[agreements.referral]
kind = "referral"
model = "percentage"
unit_price = 0.1
"""

SIGN_UP = "2026-01-01T00:00  acme  account.signed_up  Acme a@example.com smb direct\n"
START = f"{SIGN_UP}2026-01-01T00:00  acme  subscription.started  acme-1 pro\n"
LARGE = """'{"model":"large","region":"eu"}'"""
SMALL = """'{"model":"small","region":"eu"}'"""

EVERYTHING = f"""{START}
2026-01-01T00:00  hub     account.signed_up      Hub h@example.com partner direct kind=partner
2026-01-01T00:00  acme    deal.referred          hub referral
2026-01-01T00:00  acme    add_on.bought          acme-1 backup
2026-01-01T00:00  acme    subscription.started   acme-2 scale discount=early
2026-01-02        acme-1  usage.recorded         calls 2 {LARGE}
2026-01-03        acme-2  usage.recorded         calls 2 {LARGE}
2026-01-01        acme    order.placed           pack
2026-01-20        acme    outcome.measured       uptime false subscription=acme-1
"""


def found(directory: Path, told: str, text: str = BOOK) -> list[Gap]:
    """Return the gaps between a book and the ledger of what is told."""
    return gaps(posted(closed(directory, text, told, 1)), book(text))


def test_where_everything_happened_there_is_no_gap(tmp_path: Path) -> None:
    """Each rule was set off, each event found its rule."""
    assert [] == found(tmp_path, EVERYTHING)


def test_in_an_empty_month_every_rule_waits(tmp_path: Path) -> None:
    """Each rule is named with the event that would trigger it; an idle plan stands for its rules."""
    assert [
        ("plans.pro", "subscription.started with plan pro"),
        ("plans.scale", "subscription.started with plan scale"),
        ("plans.catalog.prices.pack", "order.placed with item pack"),
        ("add_ons.backup", "add_on.bought with add_on backup"),
        ("discounts.early", "subscription.started with discount early"),
        ("entitlements.pack", "order.placed with item pack"),
        ("refunds.uptime", "outcome.measured with metric uptime, met false"),
        ("agreements.referral", "deal.referred or deal.sold with agreement referral"),
    ] == [(gap.rule, gap.event) for gap in found(tmp_path, SIGN_UP)]


@pytest.mark.parametrize(
    ("told", "rule", "event"),
    [
        ("", "plans.pro.prices.large", "usage.recorded of calls with model large"),
        ("", "plans.pro.limits.large", "usage.recorded of calls with model large"),
        ("2026-01-02 acme order.placed pack", "entitlements.pack",
         "usage.recorded of calls with model large"),
        ("2026-01-02 acme outcome.measured uptime true subscription=acme-1", "refunds.uptime",
         "outcome.measured with metric uptime, met false"),
    ],
    ids=["price", "limit", "drawn", "refund"],
)  # fmt: skip
def test_a_rule_that_waits_names_its_event(tmp_path: Path, told: str, rule: str, event: str) -> None:
    """On a plan that somebody has: a price and a limit without usage, a pack undrawn, a guarantee kept."""
    assert (rule, event) in [(gap.rule, gap.event) for gap in found(tmp_path, START + told)]


def test_a_plan_that_only_a_limit_leads_to_is_reached(tmp_path: Path) -> None:
    """What steps over the limit of Pro is priced by Scale, so Scale is no idle plan."""
    idle = [gap.rule for gap in found(tmp_path, f"{START}2026-01-02 acme-1 usage.recorded calls 9 {LARGE}")]

    assert "plans.scale" not in idle
    assert "plans.pro.limits.large" not in idle


@pytest.mark.parametrize(
    ("told", "rule", "message"),
    [
        (f"2026-01-02 acme-1 usage.recorded calls 3 {SMALL}", "plans.pro.prices",
         "no price of plan 'pro' counts usage.recorded of calls with model small: 1 event of acme-1"),
        ("2026-01-02 acme order.placed mug 2", "plans.catalog.prices",
         "no price of plan 'catalog' counts order.placed with item mug: 1 event of acme"),
        ("2026-01-02 acme-1 usage.recorded cals 3", "meters.cals", "no meter 'cals': 1 event of acme-1"),
        ("2026-01-02 acme exam.sat developer", "meters", "no meter counts exam.sat: 1 event of acme"),
        (f"2026-01-02 ghost-1 usage.recorded calls 3 {LARGE}", "plans",
         "usage.recorded of calls without a subscription: 1 event of ghost-1"),
    ],
    ids=["dimension", "item", "meter", "kind", "subscription"],
)  # fmt: skip
def test_an_event_that_no_rule_prices_is_named_with_what_it_lacks(
    tmp_path: Path, told: str, rule: str, message: str
) -> None:
    """Usage with a value that no price picks, of no meter or subscription; a kind that no meter counts."""
    told_gaps = found(tmp_path, f"{EVERYTHING}{told}")

    assert [("unpriced", rule, message)] == [(gap.kind, gap.rule, gap.message) for gap in told_gaps]
    assert told_gaps[0].remedy


def test_a_meter_that_is_misspelt_gets_the_near_one_named(tmp_path: Path) -> None:
    """The remedy is the key that was meant."""
    told = f"{EVERYTHING}2026-01-02 acme-1 usage.recorded cals 3"

    assert ["did you mean 'calls'?"] == [gap.remedy for gap in found(tmp_path, told)]


def test_many_events_are_one_gap(tmp_path: Path) -> None:
    """Regions, which no rule picks, do not part them; the first subject stands for all."""
    told = "".join(
        f"""2026-01-0{day} acme-1 usage.recorded calls 1 '{{"model":"small","region":"{region}"}}'\n"""
        for day, region in ((2, "eu"), (3, "us"), (4, "us"))
    )

    (gap,) = found(tmp_path, EVERYTHING + told)

    assert gap.message.endswith("3 events of acme-1")


def test_trials_are_outside(tmp_path: Path) -> None:
    """What is used in a free trial needs no price."""
    told = f"""{SIGN_UP}2026-01-01T00:00 acme subscription.started acme-3 pro trial_days=14
2026-01-02 acme-3 usage.recorded calls 3 {SMALL}
"""

    assert "plans.pro.prices" not in [gap.rule for gap in found(tmp_path, told)]


def test_events_that_act_by_themselves_are_known() -> None:
    """No name in the list is misspelt."""
    assert set(ACTS) <= set(EVENTS)

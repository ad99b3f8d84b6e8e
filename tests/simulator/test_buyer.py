"""Buyers: who buys by the piece pays its bills, and partners who never pay are partners no longer."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from metering.event import (
    AccountSignedUp,
    Event,
    InvoicePaid,
    InvoiceWrittenOff,
    PaymentFailed,
    SubscriptionCancelled,
)
from metering.period import months
from simulator.agents import device_maker, partner, trainee
from simulator.agents.device_maker import DeviceMakers
from simulator.agents.habits import Payment
from simulator.agents.partner import Partners, Programme
from simulator.agents.trainee import Course, Offer, Trainees
from simulator.world import Bill, World
from tests.simulator.stage import EMPTY, Stage, of

NEVER = Payment(by_card=0.0, defaults=1.0, patience_days=60)


def billed(spawn: Any, settings: Any) -> list[Event]:
    """Live through a year in which every account is sent a bill of $100 after its first month."""
    stage = Stage(12, [(spawn, settings)])
    world = World(stage, EMPTY, seed=1)
    facts: list[Event] = []
    for period in months(date(2026, 1, 1), 12):
        lived = world.live(period).facts
        facts += lived
        new = [fact.subject for fact in lived if isinstance(fact.data, AccountSignedUp)]
        world.hear(Bill(account, period.label, Decimal(100), Decimal(0), "INV") for account in new)
    return facts


def test_trainees_pay_by_card_at_once_and_companies_later() -> None:
    """Who comes alone pays on the day of the bill; companies take their time."""
    offers = {"alone": Offer(parties=(60.0,)), "company": Offer(parties=(60.0,), segment="smb")}
    settings = Trainees(
        courses={"fundamentals": Course(formats=offers)},
        payment=Payment(by_card=1.0, fails=0.0),
        company_payment=Payment(by_card=0.0, days=30.0),
    )
    paid = [fact for fact in billed(trainee.spawn, settings) if isinstance(fact.data, InvoicePaid)]
    alone = [fact.data.days for fact in paid if "alone" in fact.subject]
    companies = [fact.data.days for fact in paid if "company" in fact.subject]

    assert {0} == set(alone)
    assert 20 < sorted(companies)[len(companies) // 2] < 40


@pytest.mark.parametrize(
    ("spawn", "settings"),
    [
        (
            partner.spawn,
            Partners(programmes={"silver": Programme(joins=(4,), plan="partner-silver")}, payment=NEVER),
        ),
        (device_maker.spawn, DeviceMakers(plan="oem", joins=(4,), market=1_000.0, payment=NEVER)),
    ],
    ids=["partner", "device maker"],
)
def test_a_partner_that_never_pays_loses_its_subscription(spawn: Any, settings: Any) -> None:
    """When a bill is given up after two months, the partnership ends, once."""
    facts = billed(spawn, settings)
    lost = [fact.subject for fact in facts if isinstance(fact.data, InvoiceWrittenOff)]
    cancelled = [fact.subject for fact in facts if isinstance(fact.data, SubscriptionCancelled)]

    assert 3 <= len(lost)
    assert sorted(lost) == sorted(cancelled)
    assert {"involuntary"} == {one.reason for one in of(SubscriptionCancelled, facts)}
    assert not of(PaymentFailed, facts)
    assert not of(InvoicePaid, facts)

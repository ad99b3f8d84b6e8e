"""Bills: customers hear them, pay them or not, and change what they do; and prices win and lose customers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

import polars as pl
import pytest

from billing.price_book import PriceBook
from metering.event import (
    AccountSignedUp,
    Event,
    InvoicePaid,
    InvoiceWrittenOff,
    PaymentFailed,
    SubscriptionCancelled,
)
from metering.period import Period
from simulator.world import Bill
from tests.simulator.shop import BOOK, Story, demand, flat_bill, habits, live


def shocking(period: Period, facts: Sequence[Event]) -> Iterable[Bill]:
    """Bill what is usual, and in June ten times as much for usage."""
    for bill in flat_bill(period, facts):
        usage = Decimal(3000 if period.label == "2026-06" else 20)
        yield bill._replace(usage_total=usage)


def test_a_bill_shock_changes_behaviour() -> None:
    """The loop is closed: after a shocking bill customers leave or use less, who would have stayed."""
    shy = habits(
        demand=demand(0, at_start=200),
        shock={"most": 1.0, "base": 1.0, "changes": 0, "throttles": 1, "churns": 1},
        loyalty={"returns": 0.0},
    )
    calm = live(("a", shy), biller=lambda *_: [])
    shocked = live(("a", shy), biller=shocking)

    def calls(story: Story, month: int) -> float:
        rows = story.usage.filter(pl.col("occurred_at").dt.month() == month)
        return float(rows["quantity"].cast(pl.Float64).sum())

    assert calm.of(SubscriptionCancelled) == []
    assert len(shocked.of(SubscriptionCancelled)) == pytest.approx(100, abs=25)
    assert {one.effective_on.month for one in shocked.of(SubscriptionCancelled)} == {8}
    assert calls(shocked, 6) == calls(calm, 6)
    assert calls(shocked, 9) == pytest.approx(0.3 * calls(calm, 9), rel=0.2)


def test_cards_are_charged_at_once_and_tried_again() -> None:
    """Paid on the day of issue, or on day 1, 3, 5, 7 or 14 after, or written off, with the customer lost."""
    cards = habits(demand=demand(0, at_start=200), payment={"by_card": 1, "fails": 0.2, "recovers": 0.3})
    story = live(("a", cards), biller=flat_bill)
    days = Counter(one.days for one in story.of(InvoicePaid))
    lost = [fact.subject for fact in story.facts_of(InvoiceWrittenOff)]

    assert set(days) == {0, 1, 3, 5, 7, 14}
    tried = Counter((fact.subject, fact.data.period) for fact in story.facts_of(PaymentFailed))
    assert max(tried.values()) == 6
    first_tries = sum(one.attempt == 1 for one in story.of(PaymentFailed))
    assert len(lost) / first_tries == pytest.approx(0.7**5, abs=0.06)
    ended = {fact.subject: fact.data.reason for fact in story.facts_of(SubscriptionCancelled)}
    assert all(ended[account] == "involuntary" for account in lost)


def test_invoices_are_paid_late_or_never() -> None:
    """Around 40 days after issue, some never: those are written off after 120 days."""
    slow = {"by_card": 0, "days": 40, "days_sigma": 0.3, "defaults": 0.02}
    story = live(("a", habits(demand=demand(0, at_start=100), payment=slow)), biller=flat_bill)
    days = sorted(one.days for one in story.of(InvoicePaid))

    assert days[len(days) // 2] == pytest.approx(40, abs=2)
    assert story.of(PaymentFailed) == []
    assert story.of(InvoiceWrittenOff)
    issued = {one.period for one in story.of(InvoiceWrittenOff)}
    assert max(issued) <= "2026-08"


def test_each_bill_is_settled_once() -> None:
    """Whatever happens, a bill is paid or written off once; a bill of zero asks for nothing."""

    def biller(period: Period, facts: Sequence[Event]) -> Iterable[Bill]:
        for bill in flat_bill(period, facts):
            yield bill._replace(total=Decimal(int(bill.account[-2:]) % 3 * 100 - 100))

    cards = habits(demand=demand(0, at_start=30), payment={"by_card": 0.5, "fails": 0.3})
    facts = live(("a", cards), biller=biller).facts
    settled = Counter(
        (fact.subject, fact.data.period)
        for fact in facts
        if isinstance(fact.data, InvoicePaid | InvoiceWrittenOff)
    )

    assert max(settled.values()) == 1
    assert {int(account[-2:]) % 3 for account, _ in settled} == {0, 2}
    failed = {fact.subject for fact in facts if isinstance(fact.data, PaymentFailed)}
    assert {int(account[-2:]) % 3 for account in failed} == {2}  # a credit cannot bounce


def test_dearer_prices_win_fewer_customers() -> None:
    """With elasticity -1, twice the expected price wins half as many of the same leads."""
    sales = {"sales": {"share": 1, "qualifies": 1.0, "wins": 0.4, "cycle_days": 20}}

    def won(expected: float) -> int:
        buyers = habits(
            demand=demand(60),
            channels=sales,
            loyalty={"acquisition": -1.0},
            main__expects={"pro": expected},
        )
        return len(live(("a", buyers)).of(AccountSignedUp))

    assert won(150) == pytest.approx(won(300) / 2, rel=0.15)


def test_a_price_rise_loses_some_at_once() -> None:
    """When the price of a plan doubles, a tenth of the rise in customers leaves that month."""
    book = BOOK.model_dump(mode="json", exclude_defaults=True)
    book["plans"]["pro"]["prices"]["seats"]["changes"] = [{"starts_on": "2026-07-01", "unit_price": 200}]
    dearer = PriceBook.model_validate(book)
    many = habits(demand=demand(0, at_start=400), loyalty={"price": 0.1, "returns": 0.0})
    left = live(("a", many), book=dearer).facts_of(SubscriptionCancelled)

    assert {fact.occurred_at.month for fact in left} == {7}
    assert len(left) / 400 == pytest.approx(0.1, abs=0.035)

"""Parts of a period cost what each biller says that they cost: published figures, and laws."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from billing.convention import Conventions
from billing.proration import (
    Part,
    Span,
    amount_column,
    amount_of,
    counted_from,
    part_columns,
    part_of_period,
    ratio,
)
from metering.document import Problems
from tests.billing.timed import asked, fee, shown

MARCH = "2024-03-01/2024-03-31"
"""Flexprice's tests take a period that ends with the first instant of its last day."""

FLEXPRICE = {"recurring": "advance", "ends": "both"}


@pytest.mark.parametrize(
    ("before", "change", "expected", "net"),
    [
        pytest.param(
            fee(10), {"price": fee(20)}, ["-5.48", "10.97"], "5.49", id="basic_upgrade_immediate"
        ),
        pytest.param(
            fee(100), {"price": fee(30)}, ["-54.84", "16.45"], "-38.39", id="downgrade_with_credit_cap"
        ),
        pytest.param(
            {"per": "seat", "unit_price": 10}, {"seats": 10}, ["-27.42", "54.84"], "27.42",
            id="quantity_change_increase",
        ),
    ],
)  # fmt: skip
def test_flexprice_counts_both_ends(
    before: dict[str, Any], change: dict[str, Any], expected: list[str], net: str
) -> None:
    """17 of 31 days from 15 March: flexprice, internal/domain/proration/calculator_test.go."""
    quantity = 5 if before["per"] == "seat" else 1
    request = {"period": MARCH, "changes": [{"at": "2024-03-15", **change}], "quantity": quantity}
    lines = asked(FLEXPRICE, before, **request)["lines"]

    in_mid_term = [line["amount"] for line in lines if line["starts_on"] == "2024-03-15"]

    assert expected == in_mid_term
    assert Decimal(net) == sum(map(Decimal, in_mid_term))


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"add_ons": {"price": 1}}, "13.71"), ({"drops": ["price"]}, "-21.94")],
    ids=["add_item_no_credit", "remove_item_with_credit"],
)
def test_flexprice_charges_and_credits_items(change: dict[str, Any], expected: str) -> None:
    """25 x 17/31 for an item that comes, 40 x 17/31 for one that goes (the same file)."""
    unit_price = 25 if "add_ons" in change else 40
    held = 0 if "add_ons" in change else 1
    price = {"per": "add_on", "unit_price": unit_price}
    change = {"at": "2024-03-15", **change}
    answer = asked(FLEXPRICE, price, quantity=held, period=MARCH, changes=[change])

    assert [expected] == [line["amount"] for line in answer["lines"] if line["starts_on"] == "2024-03-15"]


@pytest.mark.parametrize(
    ("conventions", "period", "before", "at", "after", "expected"),
    [
        # https://docs.stripe.com/billing/subscriptions/prorations: halfway from 10 to 20 USD a month
        ("stripe", "2026-04-01/2026-05-01", 10, "2026-04-16", 20, ["-5", "10"]),
        # https://docs.datacake.de/portal/billing: from 1 to 3 EUR halfway, as Stripe's invoices say it
        ("stripe", "2026-04-01/2026-05-01", 1, "2026-04-16T00:00:00Z", 3, ["-0.5", "1.5"]),
        # https://changelog.baremetrics.com/api---proration-charge-fixes-ymQbm: from 12 to 24 after a week
        ("stripe", "2026-02-01/2026-03-01", 12, "2026-02-08", 24, ["-9", "18"]),
        # Half a day is half a day: 14.5 of 30
        ("stripe", "2026-04-01/2026-05-01", 30, "2026-04-16T12:00:00Z", 60, ["-14.5", "29"]),
        # https://support.chargebee.com/support/solutions/articles/15293: 30 to 100, 15 of 30 days are left
        ("chargebee", "2026-11-01/2026-12-01", 30, "2026-11-16", 100, ["-15", "50"]),
        # https://www.chargebee.com/docs/proration-old.html: 60 to 30 on 21 April 2012, 20 of 30 days used
        ("chargebee", "2012-04-01/2012-05-01", 60, "2012-04-21", 30, ["-20", "10"]),
        # https://docs.useautumn.com/documentation/modelling-pricing/proration: 20 to 50 halfway, 15 in all
        ("stripe", "2026-06-01/2026-07-01", 20, "2026-06-16", 50, ["-10", "25"]),
        # killbill, TestProRation.testSinglePlan_WithPhaseChange: 14 of 28 days from 10 February 2011
        ("killbill", "2011-02-10/2011-03-10", 1000, "2011-02-24", 2000, ["-500", "1000"]),
        # killbill, TestProRation.testPlanChange_BeforeBillingDay: 8 of 28 days are used
        ("killbill", "2011-02-07/2011-03-07", 28, "2011-02-15", 56, ["-20", "40"]),
    ],
)
def test_a_change_in_mid_term_credits_and_charges_the_rest(  # noqa: PLR0917 - the columns of a table
    conventions: str, period: str, before: int, at: str, after: int, expected: list[str]
) -> None:
    """The unused part of the old price is given back, and the rest of the new one charged."""
    answer = asked(conventions, fee(before), period=period, changes=[{"at": at, "price": fee(after)}])

    first, *rest = shown(answer, "kind", "amount")

    assert f"recurring {before}" == first
    assert [f"credit {expected[0]}", f"recurring {expected[1]}"] == rest


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "fixed", "expected"),
    [
        # killbill, TestProRation.testSinglePlan_LeapYearFebruaryProRation and others: real days
        ("2012-02-01", "2012-02-15", False, "0.482758621"),
        ("2011-02-01", "2011-02-14", False, "0.464285714"),
        # killbill, TestInvoiceDateUtils with fixed 30 days: testProRationBeforeFirstBillingPeriod2
        ("2023-05-15", "2023-05-23", True, "0.266666667"),
        ("2023-06-15", "2023-06-23", True, "0.266666667"),
        # between months the start's month counts as 30 days: 26 - 1 (the same class)
        ("2024-01-20", "2024-02-15", True, "0.833333333"),
    ],
)
def test_killbill_rounds_the_ratio(starts_on: str, ends_on: str, fixed: bool, expected: str) -> None:
    """Nine decimals, half up; KillBillMoney.MAX_SCALE and ROUNDING_METHOD."""
    conventions = Conventions(ratio_places=9, divisor="thirty_360" if fixed else "period")
    span = Span(datetime.fromisoformat(starts_on), datetime.fromisoformat(ends_on))
    first = span.starts_at.replace(day=1)
    period = Span(first, (first + timedelta(days=32)).replace(day=1))
    if span.ends_at > period.ends_at:
        period = Span(span.starts_at, span.starts_at + timedelta(days=31))

    part = part_of_period(span, period, conventions)

    assert Decimal(expected) == ratio(part, conventions)


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "expected"),
    [
        ("2026-01-15", "2026-02-01", "16"),
        ("2026-02-15", "2026-03-01", "16"),
        ("2026-01-01", "2026-01-31", "29"),
    ],
)
def test_months_of_thirty_days(starts_on: str, ends_on: str, expected: str) -> None:
    """Every month has thirty days: what is left from the fifteenth is sixteen of them, in any month."""
    month = {"starts_on": starts_on, "ends_on": ends_on, "period": starts_on[:7]}

    assert expected == asked("divisor=thirty_360", fee(30), **month)["exact"]


@pytest.mark.parametrize(
    ("conventions", "request_", "expected"),
    [
        # Lago bills the first and the last day: docs, "billing periods"; 17 days from 15 March
        ("lago", {"starts_on": "2026-03-15"}, ["recurring 2026-03-15 2026-04-01 17"]),
        # the day of a termination is billed
        ("lago", {"changes": [{"at": "2026-03-15T18:00:00Z", "cancels": True}]},
         ["recurring 2026-03-01 2026-03-16 15"]),
        # of an upgrade, the day goes to the new plan
        ("lago", {"changes": [{"at": "2026-03-15", "price": fee(62)}]},
         ["recurring 2026-03-01 2026-03-15 14", "recurring 2026-03-15 2026-04-01 34"]),
        # Meteroid: half-open days
        ("meteroid", {"starts_on": "2026-03-01", "ends_on": "2026-03-31"},
         ["recurring 2026-03-01 2026-03-31 30"]),
        ("divisor=nominal", {"ends_on": "2026-03-16"}, ["recurring 2026-03-01 2026-03-16 15.5"]),
        ("divisor=fixed_30", {"ends_on": "2026-03-16"}, ["recurring 2026-03-01 2026-03-16 15.5"]),
        ("divisor=fixed_30", {"starts_on": "2026-03-02"}, ["recurring 2026-03-02 2026-04-01 31"]),
        # OpenMeter: the ratio of durations
        ("openmeter", {"period": "2026-03-01/2026-04-01", "starts_at": "2026-03-16T12:00:00Z"},
         ["recurring 2026-03-16 2026-04-01 15.5"]),
        ("second", {"ends_at": "2026-03-01T00:00:01Z"}, ["recurring 2026-03-01 2026-03-02 0"]),
        ("second", {"starts_at": "2026-03-31T12:00:00.9Z"}, ["recurring 2026-03-31 2026-04-01 0.5"]),
        ("proration=none", {"starts_on": "2026-03-15"}, ["recurring 2026-03-15 2026-04-01 31"]),
        ("proration=none", {"changes": [{"at": "2026-03-15", "price": fee(62)}]},
         ["recurring 2026-03-15 2026-04-01 62"]),
    ],
)  # fmt: skip
def test_a_part_of_a_month_in_arrears(
    conventions: str, request_: dict[str, Any], expected: list[str]
) -> None:
    """A fee of 31 a month in March, by each biller's way to count."""
    span = {"period": "2026-03"} | request_

    assert expected == shown(asked(conventions, fee(31), **span))


@pytest.mark.parametrize(
    ("conventions", "changes", "expected"),
    [
        ("", [{"at": "2026-03-17", "cancels": True}], ["recurring 2026-03-01 31"]),
        ("cancellation=credited", [{"at": "2026-03-17", "cancels": True}],
         ["recurring 2026-03-01 31", "credit 2026-03-17 -15"]),
        ("cancellation=credited,cancel_day=billed", [{"at": "2026-03-17", "cancels": True}],
         ["recurring 2026-03-01 31", "credit 2026-03-18 -14"]),
        ("proration=none", [{"at": "2026-03-17", "price": fee(62)}], ["recurring 2026-03-01 31"]),
        ("proration=none,cancellation=credited", [{"at": "2026-03-17", "cancels": True}],
         ["recurring 2026-03-01 31"]),
        ("", [{"at": "2026-03-17", "billing": "year"}],
         ["recurring 2026-03-01 31", "credit 2026-03-17 -15", "recurring 2026-03-17 372"]),
        ("second", [{"at": "2026-03-17T12:00:00Z", "price": fee(62)},
                    {"at": "2026-03-17T18:00:00Z", "price": fee(31)}],
         ["recurring 2026-03-01 31", "credit 2026-03-17 -14.5", "recurring 2026-03-17 29",
          "credit 2026-03-17 -28.5", "recurring 2026-03-17 14.25"]),
    ],
)  # fmt: skip
def test_fees_in_advance(conventions: str, changes: list[dict[str, Any]], expected: list[str]) -> None:
    """A fee of 31 for March is charged on its first day; what changes later is settled then."""
    own = ",".join(filter(None, ["recurring=advance", conventions]))

    answer = asked(own, fee(31), period="2026-03", changes=changes)

    assert sorted(expected) == sorted(shown(answer, "kind", "starts_on", "amount"))


@pytest.mark.parametrize("recurring", ["arrears", "advance"])
def test_periods_from_an_anchor_are_clipped_at_month_ends(recurring: str) -> None:
    """31 January is followed by 28 February, and that by 31 March: the anchor is not forgotten."""
    conventions = {"periods": "anniversary", "recurring": recurring}

    answer = asked(conventions, fee(30), starts_on="2026-01-31", months=4)

    assert [
        "2026-01-31 2026-02-28 30",
        "2026-02-28 2026-03-31 30",
        "2026-03-31 2026-04-30 30",
        "2026-04-30 2026-05-31 30",
    ] == shown(answer, "starts_on", "ends_on", "amount")
    months = [line["month"][:7] for line in answer["lines"]]
    ended = ["2026-02", "2026-03", "2026-04", "2026-05"]
    assert (ended if recurring == "arrears" else ["2026-01", *ended[:3]]) == months


def test_an_anchor_within_a_day() -> None:
    """A period starts and ends at the anchor's time of the day."""
    answer = asked(
        "stripe",
        fee(31),
        starts_at="2026-01-10T18:00:00Z",
        changes=[{"at": "2026-02-10T06:00:00Z", "price": fee(62)}],
    )

    assert [
        "recurring 2026-01-10 2026-02-10 31",
        "credit 2026-02-10 2026-02-11 -0.5",
        "recurring 2026-02-10 2026-02-11 1",
    ] == shown(answer)


UNITS = ("day", "second", "millisecond", "microsecond")


@pytest.mark.parametrize("seed", range(40))
def test_the_parts_of_a_period_that_was_only_cut_cost_all_of_it(seed: int) -> None:
    """Whatever the unit and the ends, and in months of thirty days: what was cut adds up again."""
    rng = random.Random(seed)
    conventions = Conventions(
        proration=rng.choice(UNITS),
        ends=rng.choice(["half_open", "both"]),
        divisor=rng.choice(["period", "thirty_360"]),
    )
    period = Span(at("2026-01-31T09:30"), at("2026-02-28T09:30"))
    if conventions.proration == "day":
        period = Span(*(counted_from(at, conventions) for at in period))
    cuts = [counted_from(random_instant(rng, period), conventions) for _ in range(rng.randrange(6))]
    bounds = sorted({period.starts_at, *(max(cut, period.starts_at) for cut in cuts), period.ends_at})

    parts = [part_of_period(Span(*pair), period, conventions) for pair in pairwise(bounds)]

    assert len({part.whole for part in parts}) == 1
    assert parts[0].whole == sum(part.part for part in parts)
    exact = [amount_of(Decimal("99.99"), part, conventions) for part in parts]
    assert abs(sum(exact) - Decimal("99.99")) <= len(parts) * Decimal("0.000000000001")


@pytest.mark.parametrize("seed", range(40))
def test_columns_say_what_numbers_say(seed: int) -> None:
    """The one arithmetic: every convention gives a column the part and the amount of a number."""
    rng = random.Random(seed)
    conventions = Conventions(
        proration=rng.choice(["none", *UNITS]),
        ends=rng.choice(["half_open", "both"]),
        divisor=rng.choice(["period", "fixed_30", "thirty_360", "nominal"]),
        ratio_places=rng.choice([None, 0, 2, 9, 12]),
        ratio_rounding=rng.choice(["half_up", "half_even", "up", "down"]),
    )
    months = rng.choice([1, 12])
    spans = []
    for _ in range(50):
        first = at("2024-01-01") + timedelta(hours=rng.randrange(24 * 366))
        period = Span(first, first + timedelta(days=rng.randrange(28, 32) * months))
        cut = sorted(random_instant(rng, period) for _ in range(2))
        some = rng.choice([Span(*cut), Span(period.starts_at, cut[0]), Span(cut[0], period.ends_at), period])
        own = [counted_from(at, conventions) for at in (*some, *period)]
        if own[0] < own[1]:
            spans.append((Span(*own[:2]), Span(*own[2:]), Decimal(rng.randrange(10**9)) / 1000))
    frame = pl.DataFrame(
        [(*span, *period, amount) for span, period, amount in spans],
        schema=dict.fromkeys(("from_at", "until_at", "period_starts_at", "period_ends_at"), pl.Datetime("us"))
        | {"amount": pl.Decimal(38, 12)},
        orient="row",
    )  # fmt: skip

    found = frame.with_columns(part_columns(conventions, months)).with_columns(
        exact=amount_column(pl.col("amount"), conventions)
    )

    parts = [part_of_period(span, period, conventions, months) for span, period, _ in spans]
    assert parts == [Part(*row) for row in found.select("part", "whole").iter_rows()]
    expected = [
        amount_of(amount, part, conventions) for part, (_, _, amount) in zip(parts, spans, strict=True)
    ]
    assert expected == found["exact"].to_list()


def at(text: str) -> datetime:
    """Read an instant."""
    return datetime.fromisoformat(text)


def random_instant(rng: random.Random, period: Span) -> datetime:
    """Any instant of a period."""
    return period.starts_at + timedelta(
        seconds=rng.random() * (period.ends_at - period.starts_at).total_seconds()
    )


def test_a_ratio_is_rounded_exactly() -> None:
    """Halves go up, to the even one, up or down: 1/8 = 0.125."""
    rounded = {
        mode: ratio(Part(1, 8), Conventions(ratio_places=2, ratio_rounding=mode))
        for mode in ("half_up", "half_even", "up", "down")
    }

    assert {
        "half_up": Decimal("0.13"),
        "half_even": Decimal("0.12"),
        "up": Decimal("0.13"),
        "down": Decimal("0.12"),
    } == rounded


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"period": "March"}, "is no period"),
        ({"period": "2026-03-15/2026-03-01"}, "ends before it begins"),
        ({"starts_on": "2026-03-01", "starts_at": "2026-03-01"}, "say the same"),
        ({"changes": [{"at": "2026-03-15"}]}, "says nothing that changes"),
        ({"changes": [{"at": "2026-03-15", "plan": "nobody"}]}, "no 'nobody'"),
        ({"starts_at": "2026-03-02", "ends_at": "2026-03-01"}, "is not after"),
    ],
)
def test_a_request_that_is_not_right_is_refused(request_: dict[str, Any], named: str) -> None:
    """The problem says what is wrong, and where."""
    with pytest.raises(Problems, match=named):
        asked("", fee(1), **request_)


def test_a_span_within_a_day_has_that_day() -> None:
    """A span that begins and ends on one day has that day."""
    day = date(2026, 3, 5)

    span = Span(at("2026-03-05T09:00"), at("2026-03-05T17:00"))

    assert (day, day + timedelta(days=1)) == (span.starts_on, span.ends_on)

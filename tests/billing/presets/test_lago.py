"""Lago: cases from getlago/lago-api (spec/services) and getlago.com/docs/guide/plans/charges."""

from decimal import Decimal
from typing import Any

import pytest

from tests.billing.presets import Case, comes_to, fee, quoted, tiers, usage

GRADUATED = {"model": "graduated", "tiers": tiers((10, 10, 2), (20, 5, 3), (None, 5, 3))}
SHARES = {"model": "graduated", "tiers": tiers((10, "0.01", 200), (20, "0.02", 300), (None, "0.03", 400))}
VOLUME = {"model": "volume", "tiers": tiers((100, 2, 10), (200, 1, 0), (None, "0.5", 50))}
DOCS_VOLUME = {
    "model": "volume",
    "tiers": tiers(
        (10_000, "0.001", 10), (50_000, "0.0008", 10), (100_000, "0.0006", 10), (None, "0.0004", 10)
    ),
}
DOCS_SHARES = {
    "model": "graduated",
    "tiers": tiers((1_000, "0.01", 200), (10_000, "0.02", 300), (None, "0.03", 400)),
}

CHARGES: list[Case] = [
    # charge_models/graduated_service_spec.rb; at zero since lago-api pull request 5760 (2026-06)
    (usage(0, **GRADUATED), "2"),
    (usage(1, **GRADUATED), "12"),
    (usage(10, **GRADUATED), "102"),
    (usage(11, **GRADUATED), "110"),
    (usage(12, **GRADUATED), "115"),
    (usage(21, **GRADUATED), "163"),
    # charge_models/graduated_percentage_service_spec.rb: a graduated price of an amount
    (usage(0, **SHARES), "200"),
    (usage(1, **SHARES), "200.01"),
    (usage(10, **SHARES), "200.1"),
    (usage(11, **SHARES), "500.12"),
    (usage(12, **SHARES), "500.14"),
    (usage(21, **SHARES), "900.33"),
    # charge_models/volume_service_spec.rb
    (usage(0, **VOLUME), "10"),
    (usage(1, **VOLUME), "12"),
    (usage(100, **VOLUME), "210"),
    (usage("100.5", **VOLUME), "100.5"),
    (usage(101, **VOLUME), "101"),
    (usage(200, **VOLUME), "200"),
    (usage(210, **VOLUME), "155"),
    (usage(300, **VOLUME), "200"),
    # charge_models/package_service_spec.rb
    (usage(121, model="package", unit_price=100, package_size=10), "1300"),
    (usage(121, model="package", unit_price=100, package_size=10, allowance=10), "1200"),
    (usage(121, model="package", unit_price=100, package_size=10, allowance=200), "0"),
    # docs: charge-models/package, volume, graduated-percentage (the first two transactions, cumulated)
    (usage(201, model="package", unit_price=5, package_size=100, allowance=100), "10"),
    (usage(65_000, **DOCS_VOLUME), "49"),
    (usage(500, **DOCS_SHARES), "205"),
    (usage(1_050, **DOCS_SHARES), "511"),
    (usage(5_050, **DOCS_SHARES), "591"),
    # docs: charge-models/graduated: $1, $0.50 and $0.10 for the 1st and 2nd hundred and all above
    (usage(250, model="graduated", tiers=tiers((100, 1), (200, "0.5"), (None, "0.1"))), "155"),
    # docs: spending-minimum: $50 of usage are trued up to the $100 promised, and nothing as well
    (usage(5_000, unit_price="0.01", minimum=100), "100"),
    (usage(0, unit_price="0.01", minimum=100), "100"),
    # the same page: a spending minimum is always prorated; from 22 January, 10 of 31 days
    (usage(0, unit_price="0.01", minimum=100) | {"period": "2026-01", "starts_on": "2026-01-22"}, "32.26"),
    (usage(5_000, unit_price="0.01", minimum=100) | {"period": "2026-01", "starts_on": "2026-01-22"}, "50"),
    # docs: prorated-vs-full: what is used up is charged in full, and so a part of a month has all free units
    (usage(150, unit_price=1, allowance=100) | {"period": "2026-01", "starts_on": "2026-01-22"}, "50"),
    (
        usage(201, model="package", unit_price=5, package_size=100, allowance=100)
        | {"period": "2026-01", "ends_on": "2026-01-12"},
        "10",
    ),
    # charge_models/percentage_service_spec.rb: rate alone, and rate after a free amount
    (usage(4, model="percentage", unit_price="0.029"), "0.12"),
    (usage(800, model="percentage", unit_price="0.013", allowance=250), "7.15"),
    # charge_models/dynamic_service_spec.rb: events carry their amounts
    (usage("1234.56", model="percentage", unit_price=1), "1234.56"),
]


@pytest.mark.parametrize(("request_", "amount"), CHARGES)
def test_a_charge_comes_to_what_lago_says(request_: dict[str, Any], amount: str) -> None:
    """Charge models, each with its edges and with nothing used."""
    assert amount == comes_to(request_, "lago")


def transactions(amounts: list[Any], **rate: Any) -> dict[str, Any]:
    """Ask about transactions that are priced one by one."""
    price = {"meter": "payments", "model": "percentage", **rate}
    return {
        "prices": {"payments": price},
        "meters": {"payments": {"each": True}},
        "events": {"payments": amounts},
    }


TRANSACTIONS: list[tuple[dict[str, Any], str]] = [  # charge_models/percentage_service_spec.rb
    (transactions([10, 80, 10_000], unit_price="0.0299"), "301.691"),
    (transactions([10, 80, 10_000], unit_price="0.0299", minimum="1.75", maximum=12), "16.142"),
    (transactions([10, 80, 10_000], unit_price="0.0299", flat_fee=2, minimum="1.75", maximum=12), "18.691"),
    (transactions([200, 200, 200, 200], unit_price="0.013", flat_fee=2), "18.4"),
    (transactions([200, 200, 200, 200], unit_price=0, flat_fee=2), "8"),
    (transactions([100, 1_000, 10_000], unit_price="0.01", minimum="1.75", maximum=12), "23.75"),
    (transactions([100, 1_000, 10_000], unit_price="0.01", flat_fee=1, minimum="1.75", maximum=12), "25"),
]


@pytest.mark.parametrize(("request_", "exact"), TRANSACTIONS)
def test_a_transaction_has_a_fee_a_least_and_a_most_of_its_own(request_: dict[str, Any], exact: str) -> None:
    """A percentage with a fixed fee for each event, and bounds for each event."""
    assert exact == comes_to(request_, "lago", exact=True)


def test_free_units_of_an_amount_are_free_of_the_rate_and_not_of_the_fee() -> None:
    """Two prices of one kind of event say so: a rate after a free amount, and a fee of each event after two.

    charge_models/percentage_service_spec.rb: (800 - 250) x 1.3 % + (4 - 2) x 2 = 11.15
    """
    request = {
        "prices": {
            "rate": {
                "meter": "amount",
                "model": "percentage",
                "unit_price": Decimal("0.013"),
                "allowance": 250,
            },
            "fee": {"meter": "payments", "unit_price": 2, "allowance": 2},
        },
        "usage": {"amount": 800, "payments": 4},
    }

    assert "11.15" == comes_to(request, "lago")


def free(told: list[Any], rate: dict[str, Any], **right: Any) -> dict[str, Any]:
    """Ask about transactions of which some are free each month."""
    given = {"covers": {"meter": "payments"}, "given_by": {"renews": "month"}, **right}
    return transactions(told, **rate) | {"entitlements": [given] if right else []}


FOUR = [50, 100, 250, 400]  # their running total is the specs' 50, 150, 400, 800
RATE = {"unit_price": "0.013", "flat_fee": 2}
BOUNDED = {"unit_price": "0.0299", "minimum": "1.75", "maximum": 12}
THREE = [10, 80, 10_000]

FREE: list[tuple[dict[str, Any], str]] = [  # charge_models/percentage_service_spec.rb
    # free_units_per_events, free_units_per_total_aggregation: what is reached first
    (free(FOUR, RATE, events=3, quantity=250), "11.15"),
    (free(FOUR, RATE, quantity=250), "11.15"),
    (free(FOUR, RATE, events=3), "7.2"),
    (free(FOUR, RATE), "18.4"),
    (free(FOUR, RATE, events=3, quantity=500), "7.2"),
    (free(FOUR[:3], RATE, events=5), "0"),
    # the same beside a least and a most of each transaction
    (free(THREE, BOUNDED, events=2), "12"),
    (free(THREE, BOUNDED, quantity=30), "13.794"),
    (free(THREE, BOUNDED, events=3, quantity=10_000), "2.691"),
    # free events are the first in time, whatever the order in which they are told
    (free([{"at": "2026-01-09", "quantity": 400}, {"at": "2026-01-02", "quantity": 50},
           {"at": "2026-01-05", "quantity": 250}, {"at": "2026-01-03T08:00:00Z", "quantity": 100}],
          RATE, events=3), "7.2"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "exact"), FREE)
def test_the_first_transactions_of_a_month_are_free(request_: dict[str, Any], exact: str) -> None:
    """So many transactions, so much money, or both: free of the rate and of the fee of each.

    With a least and a most there a free amount outlives the free transactions, and without them it does not
    (the same settings, two code paths); here the right ends with what ends first.
    """
    assert exact == comes_to(request_, "lago", exact=True)


def test_each_month_has_free_transactions_of_its_own() -> None:
    """Two of January and two of February: the third of each pays 1 % of 100."""
    events = [{"at": f"2026-0{month}-{day:02}", "quantity": 100} for month in (1, 2) for day in (3, 9, 20)]
    lines = quoted(free(events, {"unit_price": "0.01"}, events=2) | {"months": 2}, "lago")["lines"]

    assert [("2026-01-01", "1"), ("2026-02-01", "1")] == [(line["month"], line["amount"]) for line in lines]


def test_an_upgrade_in_mid_cycle_pays_each_plan_for_its_days() -> None:
    """docs, subscriptions/upgrades-downgrades: 100 a month, 200 from 15 January on: 14/31 and 17/31."""
    change = {"at": "2026-01-15T10:30:00Z", "price": {"per": "subscription", "unit_price": 200}}
    lines = quoted(fee(100, changes=[change], period="2026-01"), "lago")["lines"]

    assert [("2026-01-01", "45.16"), ("2026-01-15", "109.68")] == [
        (line["starts_on"], line["amount"]) for line in lines
    ]


@pytest.mark.parametrize(("ends_on", "credit"), [("2028-01-01", "-181"), ("2027-01-01", "-180")])
def test_a_year_has_the_days_of_its_own_february(ends_on: str, credit: str) -> None:
    """From 1 July a year has 366 days where it holds a 29 February; the day of a termination is paid for."""
    days = 366 if ends_on > "2028" else 365
    request = {
        "plan": {"prices": {"fee": {"per": "subscription", "cadence": "year", "unit_price": days}}},
        "starts_on": f"{int(ends_on[:4]) - 1}-07-01",
        "months": 7,
        "changes": [{"at": f"{ends_on}T15:00:00Z", "cancels": True}],
    }

    lines = quoted(request, "lago,cancellation=credited")["lines"]
    assert [credit] == [line["amount"] for line in lines if line["kind"] == "credit"]


COUPONS: list[
    Case
] = [  # spec/services/credits/applied_coupons_service_spec.rb, in cents of an invoice of 100
    (fee(100, discounts=[{"amount": 10}, {"share": "0.2"}]), "72"),
    (fee(100, discounts=[{"amount": 10}, {"amount": 20}]), "70"),
    (fee(100, discounts=[{"share": "0.15"}, {"share": "0.2"}]), "68"),
    (fee(100, discounts=[{"share": "0.2"}, {"amount": 10}]), "70"),
    (fee(100, discounts=[{"amount": 110}]), "0"),
    (fee(100, discounts=[{"amount": 90}, {"amount": 20}, {"share": "0.5"}]), "0"),
]


@pytest.mark.parametrize(("request_", "amount"), COUPONS)
def test_coupons_are_taken_in_the_order_in_which_they_were_applied(
    request_: dict[str, Any], amount: str
) -> None:
    """Each is taken of what the one before has left, and never more than that."""
    assert amount == comes_to(request_, "lago")


def test_a_coupon_limited_to_a_metric_is_off_its_fee_alone() -> None:
    """credits/applied_coupons_service_spec.rb: fees of 75 and 12; 82 off the plan's, 5 off the metric's."""
    request = {
        "plan": {
            "prices": {
                "fee": {"per": "subscription", "unit_price": 75},
                "calls": {"meter": "calls", "unit_price": 1},
            }
        },
        "usage": {"calls": 12},
        "discounts": [{"amount": 82}, {"amount": 5, "on": "usage", "prices": ["calls"]}],
    }

    assert "7" == comes_to(request, "lago")


def test_a_percentage_is_rounded_once_and_shared_by_the_fees() -> None:
    """A coupon is rounded as a whole: 10 % of 0.45 is 0.05 (0.045), and not three times 0.02 (0.015)."""
    prices = {key: {"per": "subscription", "unit_price": Decimal("0.15")} for key in ("a", "b", "c")}
    request = {"plan": {"prices": prices}, "discounts": [{"share": Decimal("0.1")}]}
    lines = [line for line in quoted(request, "lago")["lines"] if line["kind"] == "discount"]

    assert "0.4" == comes_to(request, "lago")
    assert ["-0.02", "-0.02", "-0.01"] == [line["amount"] for line in lines]

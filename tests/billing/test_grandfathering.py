"""Grandfathering: a new price reaches everybody, only new customers, or old ones when they renew."""

from datetime import date
from pathlib import Path

import pytest

from billing.price import renewal
from tests.ledgers import billed, lines, metered

PLANS = """
[meters.calls]
[plans.pro]
name = "Pro"
stream = "subs"
[plans.pro.prices.seats]
per = "seat"
unit_price = 100
changes = [{ starts_on = 2026-04-01, applies = "RULE", unit_price = 150 }]
[plans.pro.prices.calls]
meter = "calls"
unit_price = 1
changes = [{ starts_on = 2026-04-01, applies = "RULE", unit_price = 2 }]
[plans.lite]
name = "Lite"
stream = "subs"
prices.base = { per = "subscription", unit_price = 10 }
"""
FACTS = """
2026-02-01  old    subscription.started  old pro
2026-02-01  back   subscription.started  back pro
2026-04-01  fresh  subscription.started  fresh pro
2026-05-01  back   plan.changed          back lite 1
2026-07-01  back   plan.changed          back pro 1
"""


@pytest.mark.parametrize(
    ("rule", "old", "back"),
    [  # from which month on the new price is paid; everybody who comes in April pays it at once
        ("now", "2026-04", "2026-04"),
        ("renewal", "2027-02", "2026-07"),  # `old` renews on 1 February 2027
        ("new", "never", "2026-07"),  # `back` left the plan, and comes to it anew in July
    ],
)
def test_a_price_step_reaches_whom_its_rule_says(rule: str, old: str, back: str) -> None:
    """Old customers move now, at their renewal, or never; who leaves the plan and returns is new to it."""
    bill = billed(PLANS.replace("RULE", rule), FACTS, 16)
    paid = lines(bill, "subscription month amount", price="seats", kind="recurring")
    raised = {
        who: min((m for name, m, x in paid if name == who and x == "150.00"), default="never")
        for who, _, _ in paid
    }
    kept = {
        who: max((m for name, m, x in paid if name == who and x == "100.00"), default="none")
        for who, _, _ in paid
    }

    assert raised == {"old": old, "back": back, "fresh": "2026-04"}
    assert kept["fresh"] == "none"
    assert all(kept[who] < raised[who] for who in ("old", "back"))


@pytest.mark.parametrize(("rule", "amounts"), [("now", "4 4"), ("renewal", "2 4"), ("new", "2 4")])
def test_usage_keeps_an_old_price_too(rule: str, amounts: str, tmp_path: Path) -> None:
    """Two calls in April: the old customer pays $1 each or $2, the new one $2."""
    calls = "2026-04-03  old    usage.recorded  calls 2\n2026-04-03  fresh  usage.recorded  calls 2"
    bill = metered(tmp_path, PLANS.replace("RULE", rule), FACTS + calls, 7)

    paid = lines(bill, "subscription amount", price="calls")
    found = {row[0]: row[1] for row in paid}

    assert [f"{found['old']} {found['fresh']}"] == [" ".join(f"{x}.00" for x in amounts.split())]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("now", [1200, 1800, 1800]), ("renewal", [1200, 1800, 1800]), ("new", [1200, 1200, 1200])],
)
def test_a_year_keeps_its_price_until_it_renews(rule: str, expected: list[int]) -> None:
    """A year that is paid keeps its price in any case; with `new` it renews at the old one, for ever."""
    bill = billed(PLANS.replace("RULE", rule), "2026-02-01  a  subscription.started  a pro billing=year", 26)

    assert [f"{amount}.00" for amount in expected] == [x for (x,) in lines(bill, "amount", kind="recurring")]


@pytest.mark.parametrize("rule", ["now", "renewal", "new"])
def test_months_billed_one_by_one_agree(rule: str) -> None:
    """Committed revenue at each month's end goes by the same version as the bill."""
    bill = billed(PLANS.replace("RULE", rule), FACTS, 16)
    values = {
        (f"{month:%Y-%m}", subscription): f"{value:.2f}"
        for month, subscription, value in bill.values.filter(key="seats")
        .select("month", "subscription", "value")
        .iter_rows()
    }
    charged = {(m, who): x for m, who, x in lines(bill, "month subscription amount", price="seats")}

    assert values == charged


@pytest.mark.parametrize(
    ("anchor", "day", "expected"),
    [
        ("2026-02-15", "2026-02-15", "2026-02-15"),
        ("2026-02-15", "2026-02-16", "2027-02-15"),
        ("2026-02-15", "2027-02-14", "2027-02-15"),
        ("2026-02-15", "2025-01-01", "2026-02-15"),
        ("2024-02-29", "2026-02-28", "2026-02-28"),
        ("2024-02-29", "2026-03-01", "2027-02-28"),
    ],
)
def test_a_renewal_is_the_next_start_of_a_contract_year(anchor: str, day: str, expected: str) -> None:
    """Counted from the anchor, not before it, by calendar; 29 February is the 28th in other years."""
    found = renewal(date.fromisoformat(anchor), date.fromisoformat(day))

    assert date.fromisoformat(expected) == found


def test_prices_may_step_several_times_each_in_its_own_way() -> None:
    """A step for everybody comes through, though one before it was for new customers only."""
    steps = """
    [plans.pro]
    name = "Pro"
    stream = "subs"
    [plans.pro.prices.base]
    per = "subscription"
    unit_price = 10
    changes = [
        { starts_on = 2026-02-01, applies = "new", unit_price = 20 },
        { starts_on = 2026-03-01, unit_price = 30 },
        { starts_on = 2026-04-01, applies = "new", unit_price = 40 },
    ]
    """
    bill = billed(
        steps, "2026-01-01  a  subscription.started  a pro\n2026-02-01  b  subscription.started  b pro", 4
    )

    assert lines(bill, "month subscription amount") == [
        ("2026-01", "a", "10.00"), ("2026-02", "a", "10.00"), ("2026-02", "b", "20.00"),
        ("2026-03", "a", "30.00"), ("2026-03", "b", "30.00"), ("2026-04", "a", "30.00"),
        ("2026-04", "b", "30.00"),
    ]  # fmt: skip

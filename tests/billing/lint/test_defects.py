"""Defects: each is found in a book that has it, alone, and nothing is found in the same book without it."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

import pytest

from billing.lint.checks import lint
from billing.lint.finding import RULES, Finding
from billing.price_book import loads
from billing.quote import quote
from simulator.commands.quote import request
from simulator.values import to_json
from tests.billing.lint.clean import CLEAN, edited


class Case(NamedTuple):
    """An edit of the clean book, and what is found: rule, severity, place and the two amounts."""

    edits: dict[str, str]
    rule: str
    severity: str
    place: str
    amounts: tuple[str, ...] = ()


YEARLY = 'annual = { model = "graduated", tiers = [{ up_to = 50, unit_price = 450 }, { unit_price = 400 }] }'

CASES = {
    "all units at the group's price: 5 x 400 > 6 x 300": Case(
        {'model = "graduated"\ntiers = [{ up_to = 5, unit_price = 400 }, { up_to = 20, unit_price = 300 }, {'
         : 'model = "volume"\ntiers = [{ up_to = 5, unit_price = 400 }, { up_to = 20, unit_price = 300 }, {',
         "{ unit_price = 250 }]": "{ unit_price = 290 }]"},
        "cliff", "error", "plans.catalog.prices.course", ("2000", "1800"),
    ),
    "a flat fee that ends": Case(
        {"{ up_to = 5, unit_price = 400 }": "{ up_to = 5, flat_fee = 1_900 }",
         'model = "graduated"\ntiers = [{ up_to = 5,': 'model = "volume"\ntiers = [{ up_to = 5,',
         "{ unit_price = 250 }]": "{ unit_price = 290 }]"},
        "cliff", "error", "plans.catalog.prices.course", ("1900", "1800"),
    ),
    "20 % on everything after $1M": Case(
        {'model = "graduated"\ntiers = [{ up_to = 1_000_000':
         'model = "volume"\ntiers = [{ up_to = 1_000_000'},
        "cliff", "error", "agreements.partner", ("250000", "200000.20"),
    ),
    "a seat cheaper than the calls that come with it": Case(
        {"": """
            [meters.jobs]
            aggregation = "count"
            [plans.team]
            name = "Team"
            stream = "team"
            prices.seats = { per = "seat", unit_price = 10 }
            prices.jobs = { meter = "jobs", allowance = 1_000, allowance_per = "seat", unit_price = 0.02 }
        """},
        "cliff", "error", "plans.team.prices.jobs", ("360", "240"),
    ),
    "a plan that costs more than one that serves more": Case(
        {"": """
            [plans.old]
            name = "Old"
            stream = "core"
            prices.calls = { meter = "calls", unit_price = 0.003 }
            limits.calls = { meter = "calls", quantity = 5_000 }
        """},
        "dominated", "error", "plans.old", ("15", "10"),
    ),
    "a plan of the same fee and dearer usage": Case(
        {"": """
            [plans.tiny]
            name = "Tiny"
            stream = "lines"
            prices.base = { per = "subscription", unit_price = 10 }
            prices.messages = { meter = "messages", unit_price = 0.11 }
        """},
        "dominated", "warning", "plans.tiny", ("10.11", "10.10"),
    ),
    "a plan between two that are both cheaper somewhere": Case(
        {'prices.base = { per = "subscription", unit_price = 30 }':
         'prices.base = { per = "subscription", unit_price = 55 }'},
        "unreachable", "warning", "plans.medium", ("77.24", "65.56"),
    ),
    "more seats than the unlimited plan is worth": Case(
        {"seats = { maximum = 100 }": "seats = { maximum = 200 }",
         YEARLY: ""},
        "cheaper-upgrade", "error", "plans.business", ("60120", "60000"),
    ),
    "more usage than the next plan is worth": Case(
        {"quantity = 8_000": "quantity = 20_000"},
        "cheaper-upgrade", "warning", "plans.payg", ("21.01", "21"),
    ),
    "overage dearer in the higher plan": Case(
        {"unit_price = 0.80": "unit_price = 1.20"},
        "overage-inversion", "warning", "plans.business", ("1.20", "1"),
    ),
    "the same plan with another overage": Case(
        {"": """
            [meters.jobs]
            aggregation = "count"
            [plans.blocks]
            name = "Blocks"
            stream = "jobs"
            prices.base = { per = "subscription", unit_price = 10 }
            [plans.blocks.prices.jobs]
            meter = "jobs"
            allowance = 100
            model = "package"
            package_size = 100
            unit_price = 5
            [plans.hybrid]
            name = "Hybrid"
            stream = "jobs"
            prices.base = { per = "subscription", unit_price = 10 }
            prices.jobs = { meter = "jobs", allowance = 100, unit_price = 0.25 }
        """},
        "overage-inversion", "warning", "plans.hybrid", ("260", "60"),
    ),
    "cores that cost more than the plan that includes them": Case(
        {"": """
            [meters.cores]
            aggregation = "max"
            [plans.host]
            name = "Host"
            stream = "hosting"
            prices.base = { per = "subscription", unit_price = 100 }
            prices.cores = { meter = "cores", allowance = 2, unit_price = 50 }
            [plans.farm]
            name = "Farm"
            stream = "hosting"
            prices.base = { per = "subscription", unit_price = 300 }
            prices.cores = { meter = "cores", allowance = 8, unit_price = 50 }
        """},
        "growth", "warning", "plans.host", ("400", "300"),
    ),
    "overage of several times the next plan": Case(
        {"": """
            [meters.jobs]
            aggregation = "count"
            [plans.few]
            name = "Few"
            stream = "jobs"
            prices.base = { per = "subscription", unit_price = 10 }
            prices.jobs = { meter = "jobs", allowance = 100, unit_price = 0.50 }
            [plans.many]
            name = "Many"
            stream = "jobs"
            prices.base = { per = "subscription", unit_price = 50 }
            prices.jobs = { meter = "jobs", allowance = 1_000, unit_price = 0.40 }
        """},
        "growth", "warning", "plans.few", ("460", "50"),
    ),
    "a plan cheaper than what it includes": Case(
        {'prices.base = { per = "subscription", unit_price = 500 }':
         'prices.base = { per = "subscription", unit_price = 6_000 }'},
        "bundle", "error", "plans.enterprise.includes", ("72000", "60000"),
    ),
    "a plan cheaper than the exams that come with it": Case(
        {'covers = { meter = "exams" }, quantity = 10': 'covers = { meter = "exams" }, quantity = 601'},
        "bundle", "error", "entitlements.exams", ("60100", "60000"),
    ),
    "a course cheaper than its voucher": Case(
        {"unit_price = 100, stream": "unit_price = 401, stream"},
        "bundle", "error", "entitlements.voucher", ("401", "400"),
    ),
    "one thing under two prices": Case(
        {'where = { offering = "tuning" }\nunit_price = 5_000':
         'where = { offering = "tuning" }\nunit_price = 25_000'},
        "same-thing", "error", "plans.catalog.prices.tuning-project", ("25000", "5000"),
    ),
    "a larger pack that smaller ones undercut": Case(
        {"unit_price = 8_000": "unit_price = 9_500"},
        "pack", "error", "plans.catalog.prices.pack-50", ("9500", "9000"),
    ),
    "a pack as dear as the piece": Case(
        {"unit_price = 1_800": "unit_price = 2_000"},
        "pack", "warning", "plans.catalog.prices.pack-10", ("2000", "2000"),
    ),
    "a project dearer than its hours": Case(
        {"unit_price = 4_000": "unit_price = 4_300"},
        "content", "warning", "plans.catalog.prices.project", ("4300", "4000"),
    ),
    "a project cheaper than its hours in packs": Case(
        {"unit_price = 4_000": "unit_price = 3_500"},
        "content", "warning", "plans.catalog.prices.project", ("3600", "3500"),
    ),
    "a discount that the smallest pack beats": Case(
        {"amount = 50 }": "amount = 10 }"},
        "discount", "warning", "entitlements.members", ("1900", "1800"),
    ),
    "tiers that charge the same": Case(
        {"{ unit_price = 250 }]": "{ unit_price = 300 }]"},
        "tier", "warning", "plans.catalog.prices.course",
    ),
    "a unit price that falls and rises": Case(
        {"{ unit_price = 250 }]": "{ unit_price = 320 }]"},
        "tier", "warning", "plans.catalog.prices.course", ("11300", "6500"),
    ),
    "a year dearer than its months": Case(
        {"annual = { unit_price = 150 }": "annual = { unit_price = 181 }"},
        "discount", "error", "add_ons.connector.price.annual", ("181", "180"),
    ),
    "a year as dear as its months": Case(
        {"annual = { unit_price = 150 }": "annual = { unit_price = 180 }"},
        "discount", "warning", "add_ons.connector.price.annual", ("180", "180"),
    ),
    "further seats dearer than the first": Case(
        {"{ up_to = 50, unit_price = 45 }, { unit_price = 40 }":
         "{ up_to = 50, unit_price = 45 }, { unit_price = 46 }"},
        "discount", "warning", "plans.business.prices.seats", ("2296", "2250"),
    ),
    "a commitment that takes back the discount": Case(
        {"amount = 50_000": "amount = 60_000"},
        "discount", "warning", "plans.enterprise.commitment", ("60000", "60000"),
    ),
    "a change that changes nothing": Case(
        {"{ starts_on = 2027-01-01, unit_price = 210 }": "{ starts_on = 2027-01-01, unit_price = 200 }"},
        "discount", "warning", "plans.catalog.prices.hours.changes[1]",
    ),
    "a cap below the refund": Case(
        {"cap = 0.50": "cap = 0.20"}, "discount", "warning", "refunds.quality.cap",
    ),
    "shares of more than everything": Case(
        {"unit_price = 0.50, streams": "unit_price = 0.91, streams"},
        "payout", "warning", "agreements.referral", ("1010", "1000"),
    ),
    "unlimited calls that cost": Case(
        {'unlimited = ["seats"]': 'unlimited = ["seats", "calls"]'},
        "promise", "error", "plans.enterprise.unlimited", ("60006", "60000"),
    ),
    "unlimited seats with a maximum": Case(
        {'unlimited = ["seats"]': 'unlimited = ["seats"]\nseats = { maximum = 500 }'},
        "promise", "error", "plans.enterprise.unlimited",
    ),
    "an allowance that nothing ends": Case(
        {"": """
            [meters.jobs]
            [plans.jobs]
            name = "Jobs"
            stream = "jobs"
            prices.jobs = { meter = "jobs", allowance = 100, unit_price = 0 }
        """},
        "free-anyway", "warning", "plans.jobs.prices.jobs",
    ),
    "a refund of what costs nothing": Case(
        {'prices = ["project"]\nshare': 'prices = ["gift"]\nshare',
         "": """
            [plans.catalog.prices.gift]
            meter = "stages"
            where = { offering = "gift" }
            group_by = ["project"]
            unit_price = 0
        """},
        "free-anyway", "warning", "refunds.quality.prices",
    ),
    "a right to what is free": Case(
        {"": """
            [plans.catalog.prices.test]
            meter = "places"
            where = { course = "test" }
            unit_price = 0
            [entitlements.test]
            given_by = { plans = ["pro"] }
            covers = { meter = "places", where = { course = "test" } }
            quantity = 1
        """},
        "free-anyway", "warning", "entitlements.test",
    ),
    "a meter that nothing uses": Case({"": "[meters.jobs]"}, "unused", "warning", "meters.jobs"),
    "an add-on of no plan": Case(
        {'plans = ["pro", "business"]': "plans = []"}, "unused", "warning", "add_ons.connector.plans",
    ),
    "a giver that nothing sells": Case(
        {"": """
            [entitlements.typo]
            given_by = { meter = "orders", where = { item = "pack-5" } }
            covers = { meter = "hours" }
            quantity = 5
        """},
        "unused", "warning", "entitlements.typo.given_by.where",
    ),
    "a limit below the allowance": Case(
        {'limits.calls = { meter = "calls", quantity = 30_000 }':
         'limits.calls = { meter = "calls", quantity = 9_000 }'},
        "unused", "warning", "plans.pro.limits.calls",
    ),
}  # fmt: skip


def found(text: str) -> list[Finding]:
    """Return what the linter finds in a book."""
    return lint(loads(text))


def test_nothing_is_found_in_the_clean_book() -> None:
    """One of everything, and nothing wrong."""
    assert [] == found(CLEAN)


@pytest.mark.parametrize("name", CASES)
def test_a_defect_is_found_and_nothing_else(name: str) -> None:
    """The same book but for one edit: one finding, with its place and its two amounts."""
    case = CASES[name]
    (finding, *more) = found(edited(case.edits))

    assert [] == [(other.rule, other.place, other.message) for other in more]
    assert (case.rule, case.severity, case.place) == (finding.rule, finding.severity, finding.place)
    assert list(map(Decimal, case.amounts)) == [purchase.amount for purchase in finding.purchases]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.amounts])
def test_a_proof_can_be_quoted(name: str) -> None:
    """Each purchase is a request, and billing itself answers it with the same amount."""
    text = edited(CASES[name].edits)
    for finding in found(text):
        for purchase in finding.purchases:
            asked = request(to_json(purchase.request), "proof")
            told = quote(loads(text), asked, month=date(2026, 1, 1))

            assert purchase.amount == Decimal(told["amount"]), purchase


def test_every_rule_has_a_defect_here() -> None:
    """No rule is left without a book that it finds something in."""
    of_runs = {"untriggered", "unpriced"}

    assert set(RULES) - of_runs == {case.rule for case in CASES.values()}

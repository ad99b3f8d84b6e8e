"""Transition: a log under two price books; who comes to the new one when, and what goes on counting."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from billing.close import close
from billing.price_book import PriceBook
from billing.schema import TABLES
from billing.transition import POLICIES, Policy, Transition, share_of
from metering.document import Problems
from metering.event import Event, UsageRecorded
from metering.frame import empty
from metering.log import USAGE_SCHEMA, Log
from tests.ledgers import Tables, book, engine, facts, instant, lines, record, rows, run_of


def replayed(log: Log, after: PriceBook, transition: Transition | None = None) -> Tables:
    """Bill and close a log."""
    return close(log, book=after, connection=engine(), transition=transition)


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """Put rows in an order of their own."""
    return frame.sort(frame.columns)


def differ(one: Tables, other: Tables) -> list[str]:
    """Return the tables in which two ledgers differ, whatever the order of rows."""
    return [
        name
        for name in TABLES
        if not one[name].sort(one[name].columns).equals(other[name].sort(other[name].columns))
    ]


def test_shares_are_equal_and_an_account_stays_in_its_own() -> None:
    """Of 12,000 accounts each of six shares has about 2,000; who else there is does not matter."""
    found = [share_of(f"account-{number}", 6) for number in range(12_000)]

    assert set(range(6)) == set(found)
    assert all(1_850 < found.count(share) < 2_150 for share in range(6))
    assert [0] * 9 == [share_of(f"account-{number}", 1) for number in range(9)]


PLANS = """
meters.calls = {}
[plans.pro]
name = "Pro"
stream = "subs"
prices.base = { per = "subscription", unit_price = 100, annual = { unit_price = 1000 } }
prices.calls = { meter = "calls", unit_price = 1 }
"""
DEARER = PLANS.replace("= 100,", "= 120,").replace("= 1000 }", "= 1100 }").replace("= 1 }", "= 2 }")


def changed(directory: Path, after: str, told: str, how: Transition, count: int = 14) -> Tables:
    """Tell a company of two books, and bill it."""
    return replayed(record(directory, told, count), book(after), how)


def paid(tables: Tables, price: str, **where: str) -> dict[str, str]:
    """Return what a price came to by month."""
    return {row[0]: row[1] for row in lines(tables, "month amount", price=price, **where)}


@pytest.mark.parametrize(
    ("policy", "old", "fresh"),
    [  # the first month at 120 of who came in January, and what 27 days of August cost who comes then
        ("now", "2026-06", "104.52"),
        ("new", "never", "104.52"),
        ("renewal", "2027-02", "104.52"),
        ("cohort", "2026-06", "87.10"),
    ],
)
def test_who_comes_to_the_new_book_when(policy: Policy, old: str, fresh: str, tmp_path: Path) -> None:
    """Old customers come now, never or with their contract year; new ones at once, but for a cohort."""
    told = """
    2026-01-12  old    subscription.started  old-1 pro
    2026-08-05  fresh  subscription.started  fresh-1 pro
    """
    how = Transition(book(PLANS), policy, date(2026, 6, 1), cohort=frozenset({"old"}))
    tables = changed(tmp_path, DEARER, told, how)
    raised = [month for month, amount in paid(tables, "base", account="old").items() if amount == "120.00"]

    assert old == min(raised, default="never")
    assert fresh == paid(tables, "base", account="fresh")["2026-08"]


def test_an_account_is_phased_in_the_month_of_its_share(tmp_path: Path) -> None:
    """Each of 20 accounts pays 120 from June plus its share on; who comes in the meantime pays it at once."""
    names = [f"account-{number}" for number in range(20)]
    told = "".join(f"2026-01-01  {name}  subscription.started  {name}-1 pro\n" for name in names)
    told += "2026-07-01  fresh  subscription.started  fresh-1 pro\n"
    tables = changed(tmp_path, DEARER, told, Transition(book(PLANS), "phased", date(2026, 6, 1), 4))
    first = {
        name: min(month for month, amount in paid(tables, "base", account=name).items() if amount == "120.00")
        for name in [*names, "fresh"]
    }

    assert {name: f"2026-{6 + share_of(name, 4):02}" for name in names} | {"fresh": "2026-07"} == first
    assert {"2026-06", "2026-07", "2026-08", "2026-09"} == set(first.values())


def test_a_year_that_is_paid_keeps_its_price_until_its_term_ends(tmp_path: Path) -> None:
    """A year from January 2026 costs 1,000; everybody changes in June; the next year costs 1,100."""
    told = "2026-01-12  a  subscription.started  a-1 pro billing=year"
    tables = changed(tmp_path, DEARER, told, Transition(book(PLANS), "now", date(2026, 6, 1)))

    assert {"2026-01": "1000.00", "2027-01": "1100.00"} == paid(tables, "base")
    moved = rows(tables["mrr_movements"], "month kind cause amount")
    assert [
        ("2026-01", "new", "subscription", "83.33"),
        ("2027-01", "expansion", "price", "8.33"),
    ] == [(month, kind, cause, f"{Decimal(amount):.2f}") for month, kind, cause, amount in moved]


def test_a_price_that_changes_moves_recurring_revenue_by_price(tmp_path: Path) -> None:
    """The month of the change has an expansion of 20 with the cause `price`, and no other month has any."""
    told = "2026-01-01  a  subscription.started  a-1 pro"
    tables = changed(tmp_path, DEARER, told, Transition(book(PLANS), "now", date(2026, 6, 1)))

    assert [("2026-01", "new", "subscription", "100"), ("2026-06", "expansion", "price", "20")] == [
        (month, kind, cause, f"{Decimal(amount).normalize():f}")
        for month, kind, cause, amount in rows(tables["mrr_movements"], "month kind cause amount")
    ]


TIERS = """
meters.devices = {}
[plans.oem]
name = "OEM"
stream = "oem"
[plans.oem.prices.royalty]
meter = "devices"
model = "graduated"
window = "WINDOW"
tiers = [{ up_to = 100, unit_price = FIRST }, { unit_price = REST }]
"""
SHIPPED = """
2026-01-01  maker  subscription.started  m-1 oem
2026-02-10  m-1    usage.recorded        devices 80
2026-05-10  m-1    usage.recorded        devices 60
"""


@pytest.mark.parametrize(("window", "amount"), [("life", "64.00"), ("year", "64.00"), ("period", "120.00")])
def test_a_window_goes_on_counting_in_the_new_book(window: str, amount: str, tmp_path: Path) -> None:
    """80 devices in February leave 20 of the first tier: in May 20 at 2.00 and 40 at 0.60 are 64.00."""

    def tiers(first: str, rest: str) -> str:
        return TIERS.replace("WINDOW", window).replace("FIRST", first).replace("REST", rest)

    how = Transition(book(tiers("1", "0.5")), "now", date(2026, 4, 1))
    tables = changed(tmp_path, tiers("2", "0.6"), SHIPPED, how)

    assert {"2026-02": "80.00", "2026-05": amount} == paid(tables, "royalty")


def test_a_window_that_is_new_counts_what_was_used_before(tmp_path: Path) -> None:
    """The book before had no window; the new one counts a life from its beginning."""
    before = TIERS.replace("WINDOW", "period").replace("FIRST", "1").replace("REST", "0.5")
    after = TIERS.replace("WINDOW", "life").replace("FIRST", "2").replace("REST", "0.6")
    tables = changed(tmp_path, after, SHIPPED, Transition(book(before), "now", date(2026, 4, 1)))

    assert {"2026-02": "80.00", "2026-05": "64.00"} == paid(tables, "royalty")


COMMITTED = PLANS.replace("[plans.pro]", "[plans.pro]\ncommitment = { amount = 3000 }")


def test_a_commitment_of_both_books_counts_the_whole_contract_year(tmp_path: Path) -> None:
    """Five months at 100 and seven at 120 are 1,340; 1,660 are missing to 3,000."""
    told = "2026-01-01  a  subscription.started  a-1 pro"
    after = COMMITTED.replace("= 100,", "= 120,")
    tables = changed(tmp_path, after, told, Transition(book(COMMITTED), "now", date(2026, 6, 1)))

    assert {"2026-12": "1660.00"} == paid(tables, "commitment")


def test_a_commitment_that_is_new_begins_with_the_next_contract_year(tmp_path: Path) -> None:
    """Who came without one owes nothing for the year that had begun; the second year has it."""
    told = "2026-01-01  a  subscription.started  a-1 pro"
    tables = changed(tmp_path, COMMITTED, told, Transition(book(PLANS), "now", date(2026, 6, 1)), 24)

    assert {"2027-12": "1800.00"} == paid(tables, "commitment")


PACK = """
meters.calls = {}
meters.packs = {}
[plans.pro]
name = "Pro"
stream = "subs"
prices.calls = { meter = "calls", unit_price = 1 }
prices.packs = { meter = "packs", unit_price = 50 }
[entitlements.pack]
given_by = { meter = "packs" }
covers = { meter = "calls" }
quantity = UNITS
months = 12
"""


@pytest.mark.parametrize(("after", "drawn"), [("10", "100 10"), ("100", "100 100")])
def test_a_grant_keeps_the_terms_of_the_book_that_gave_it(after: str, drawn: str, tmp_path: Path) -> None:
    """A pack of February has its 100 units in June too; one that is bought in June has what is new."""
    told = """
    2026-01-01  a    subscription.started  a-1 pro
    2026-02-03  a-1  usage.recorded        packs 1
    2026-06-02  a-1  usage.recorded        packs 1
    2026-06-20  a-1  usage.recorded        calls 250
    """
    how = Transition(book(PACK.replace("UNITS", "100")), "now", date(2026, 5, 1))
    tables = changed(tmp_path, PACK.replace("UNITS", after), told, how)

    found = rows(tables["grants"].sort("granted_on"), "entitlement drawn")
    assert [("pack", units) for units in drawn.split()] == found
    assert {"2026-06": f"{250 - sum(map(int, drawn.split()))}.00"} == paid(tables, "calls")


SHARED = """
[agreements.bands]
kind = "revenue_share"
model = "graduated"
tiers = [{ up_to = 300, unit_price = FIRST }, { unit_price = REST }]
"""


def test_bands_of_a_partner_go_on_adding_up(tmp_path: Path) -> None:
    """10 % of the first 300 and 20 % above; from March 30 % and 50 %: March still fills the first band."""
    told = """
    2026-01-01  a  deal.referred         partner bands
    2026-01-01  a  subscription.started  a-1 pro
    """
    before, after = (
        PLANS + SHARED.replace("FIRST", first).replace("REST", rest)
        for first, rest in (("0.1", "0.2"), ("0.3", "0.5"))
    )
    how = Transition(book(before), "now", date(2026, 3, 1))
    tables = changed(tmp_path, after, told, how, 5)

    assert [("2026-01", "10.00"), ("2026-02", "10.00"), ("2026-03", "30.00"), ("2026-04", "50.00")] == rows(
        tables["payouts"], "month amount"
    )[:4]


STEPS = """
meters.calls = {}
[plans.lite]
name = "Lite"
stream = "subs"
limits.calls = { meter = "calls", quantity = 10, then = "pro" }
prices.calls = { meter = "calls", unit_price = 3 }
[plans.pro]
name = "Pro"
stream = "subs"
prices.calls = { meter = "calls", unit_price = PRICE }
"""


def test_usage_that_stepped_to_the_plan_that_is_then_bought_stays_one_pool(tmp_path: Path) -> None:
    """Above 10 calls `lite` bills by `pro`; who buys `pro` in that month has its new price a month later."""
    told = """
    2026-01-01  a    subscription.started  a-1 lite
    2026-06-03  a-1  usage.recorded        calls 15
    2026-06-15  a    plan.changed          a-1 pro 1
    2026-06-20  a-1  usage.recorded        calls 4
    2026-07-20  a-1  usage.recorded        calls 4
    """
    how = Transition(book(STEPS.replace("PRICE", "1")), "new", date(2026, 5, 1))
    tables = changed(tmp_path, STEPS.replace("PRICE", "2"), told, how)

    assert [("2026-06", "lite", "30.00"), ("2026-06", "pro", "9.00"), ("2026-07", "pro", "8.00")] == lines(
        tables, "month plan amount", price="calls"
    )


def test_a_plan_that_is_left_and_taken_again_within_a_month_stays_one_pool(tmp_path: Path) -> None:
    """`pro`, five days of `lite`, `pro` again: June's calls of `pro` are one line, at the old price."""
    told = """
    2026-01-01  a    subscription.started  a-1 pro
    2026-06-03  a-1  usage.recorded        calls 6
    2026-06-10  a    plan.changed          a-1 lite 1
    2026-06-15  a    plan.changed          a-1 pro 1
    2026-06-20  a-1  usage.recorded        calls 4
    2026-07-20  a-1  usage.recorded        calls 4
    """
    how = Transition(book(STEPS.replace("PRICE", "1")), "new", date(2026, 5, 1))
    tables = changed(tmp_path, STEPS.replace("PRICE", "2"), told, how)

    assert [("2026-06", "pro", "10.00"), ("2026-07", "pro", "8.00")] == lines(
        tables, "month plan amount", price="calls"
    )


MERGED = DEARER.replace("[plans.pro]", "[plans.one]") + '[replaces]\npro = "one"\n'


def test_a_plan_that_has_another_name_parts_the_phase(tmp_path: Path) -> None:
    """Until May `pro`, then `one`: a phase each, and usage, lines and recurring revenue refer to them."""
    told = """
    2026-01-01  a    subscription.started  a-1 pro
    2026-03-03  a-1  usage.recorded        calls 7
    2026-07-03  a-1  usage.recorded        calls 7
    2026-09-01  a    seats.changed         a-1 2
    """
    tables = changed(tmp_path, MERGED, told, Transition(book(PLANS), "now", date(2026, 6, 1)))

    assert [("1", "pro", "2026-06-01"), ("2", "one", "2026-09-01"), ("3", "one", "")] == rows(
        tables["subscription_phases"].sort("phase_no"), "phase_no plan ends_on"
    )
    assert [("1", "pro", "7.00"), ("2", "one", "14.00")] == lines(
        tables, "phase_no plan amount", price="calls"
    )
    assert [("2026-03", "1"), ("2026-07", "2")] == sorted(rows(tables["usage"], "month phase_no"))
    held = rows(tables["mrr_balances"].sort("month"), "month plan")
    assert ("2026-05", "pro") in held
    assert ("2026-06", "one") in held


def test_a_fee_for_comers_is_not_charged_to_who_is_there(tmp_path: Path) -> None:
    """A setup fee of the new book falls due for who comes in August, not for who changes seats in July."""
    told = """
    2026-01-12  old    subscription.started  old-1 pro
    2026-07-01  old    seats.changed         old-1 4
    2026-08-05  fresh  subscription.started  fresh-1 pro
    """
    after = PLANS + 'prices.setup = { per = "subscription", unit_price = 75, cadence = "once" }\n'
    tables = changed(tmp_path, after, told, Transition(book(PLANS), "now", date(2026, 6, 1)))

    assert [("fresh", "2026-08", "75.00")] == lines(tables, "account month amount", price="setup")


PROGRESSIVE = PLANS.replace("[plans.pro]", "[plans.pro]\nprogressive = [5, 20]")
USED = """
2026-01-01  a    subscription.started  a-1 pro
2026-01-05  a-1  usage.recorded        calls 7
2026-02-05  a-1  usage.recorded        calls 30
2026-03-05  a-1  usage.recorded        calls 12
2026-05-05  a-1  usage.recorded        calls 9
"""


@pytest.mark.parametrize("policy", POLICIES)
def test_bills_within_a_month_stay_as_they_are(policy: Policy, tmp_path: Path) -> None:
    """A book with bills during the month, to itself: the same invoices, more than months."""
    log = record(tmp_path, USED, 6)
    how = Transition(book(PROGRESSIVE), policy, date(2026, 3, 1), 2, frozenset("a"))
    tables = replayed(log, book(PROGRESSIVE), how)

    assert [] == differ(replayed(log, book(PROGRESSIVE)), tables)
    assert len(tables["invoices"]) > 6


def test_a_late_event_is_billed_by_the_book_of_its_own_month(tmp_path: Path) -> None:
    """11 calls of February become known in April, after the change in March: 11.00 at February's price."""
    log = Log.create(tmp_path / "log")
    calls = UsageRecorded("calls", Decimal(11))
    late = Event("late", "1", "a-1", instant("2026-02-09"), calls, recorded_at=instant("2026-04-02"))
    for period in run_of(6):
        here = [event for event in facts(USED) if period.holds(event.occurred_at.date())]
        log.append(period, [*here, late] if period.label == "2026-04" else here, empty(USAGE_SCHEMA))
    tables = replayed(log, book(DEARER), Transition(book(PLANS), "now", date(2026, 3, 1)))

    found = lines(tables, "month starts_on price amount", kind="adjustment")
    assert [("2026-04", "2026-02-01", "calls", "11.00")] == found


@pytest.mark.parametrize(
    ("after", "how", "words"),
    [
        (f'currency = "EUR"\n{PLANS}', {}, "use one currency"),
        (PLANS, {"from_on": date(2026, 6, 15)}, "not the first day of a month"),
        (PLANS, {"policy": "phased", "phase_months": 0}, "is no number of months"),
        (PLANS, {"policy": "later"}, "there is no policy 'later'"),
        (f'conventions.periods = "anniversary"\n{PLANS}', {}, "other conventions.periods"),
    ],
)
def test_a_transition_that_cannot_be_says_why(
    after: str, how: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """Another currency, a day within a month, no months to phase, an unknown policy, other periods."""
    with pytest.raises(Problems, match=words):
        changed(
            tmp_path, after, "2026-01-12  a  subscription.started  a-1 pro", Transition(book(PLANS), **how)
        )

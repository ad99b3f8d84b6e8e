"""Explanations of lines, payouts and entries: whatever is said adds up, and is what was billed.

A node refuses parts that do not add up to it, so a test that explains everything holds all of it. The trees
below are worked out by hand.
"""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from analytics.explanation import Evidence, Node, evidence_of, explain
from billing.rebilling import replay
from billing.transition import Transition
from metering.document import Problems
from tests import stories
from tests.analytics.explanations import evidence, shown, unexplained
from tests.ledgers import book, record
from tests.random_company import company

TEAM = """
    name = "Team"
    meters.calls = { unit = "call" }
    [discounts.early]
    share = 0.15
    months = 1
    [plans.team]
    name = "Team"
    stream = "subscriptions"
    prices.seats = { per = "seat", unit_price = 30, annual = { unit_price = 300 }, source = "page 3" }
    [plans.team.prices.calls]
    meter = "calls"
    allowance = 1_000
    model = "graduated"
    tiers = [{ up_to = 500, unit_price = 0.005 }, { unit_price = 0.004 }]
    [agreements.referral]
    kind = "referral"
    model = "percentage"
    unit_price = 0.10
"""
TOLD = """
    2026-01-05  north   account.signed_up     "North" north@north.example smb partner kind=partner
    2026-01-08  acme    account.signed_up     "Acme" billing@acme.example smb partner
    2026-01-08  acme    deal.referred         north referral
    2026-01-10  acme    subscription.started  acme-1 team seats=3 discount=early
    2026-01-20  acme-1  usage.recorded        calls 900
    2026-01-28  acme-1  usage.recorded        calls 800
    2026-02-01  bolt    account.signed_up     "Bolt" billing@bolt.example smb web
    2026-02-01  bolt    subscription.started  bolt-1 team seats=2 billing=year
    2026-02-13  acme    invoice.paid          2026-01 days=12
    2026-02-15  acme    seats.changed         acme-1 5
    2026-03-04  bolt    seats.changed         bolt-1 3
"""


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Return the small company above, after three months."""
    return evidence(tmp_path_factory.mktemp("team"), TEAM, TOLD, 3)


def test_a_part_of_a_month_shows_its_days_and_its_rounding(team: Evidence) -> None:
    """3 x $30 = $90; 22 of 31 days of it are 63.870967741935, and 63.87 is billed."""
    assert list(shown(explain(team, "INV-2026-01-acme/3"))) == [
        "63.87 USD recurring: seats of team, 2026-01-10 to 2026-01-31",
        "  = 90 USD 3 seats at $30.00",
        "  = -26.129032258065 USD only 22 of 31 days: 2026-01-10 to 2026-01-31",
        "  = -0.000967741935 USD rounded half up to 2 places",
        "  - phase 1 of acme-1: team with 3 seats from 2026-01-10 up to 2026-02-15",
    ]


def test_usage_shows_its_tiers_its_allowance_and_its_events(team: Evidence) -> None:
    """1,700 calls, of which 1,000 x 22 / 31 are free; 500 at $0.005 and the rest at $0.004."""
    assert list(shown(explain(team, "INV-2026-01-acme/1"))) == [
        "4.46 USD usage: calls of team, 2026-01-10 to 2026-01-31",
        "  = 0 USD 709.677419354839 calls included",
        "  = 2.5 USD 500 calls up to 500 at $0.005",
        "  = 1.961290322581 USD 490.322580645161 calls above 500 at $0.004",
        "  = -0.001290322581 USD rounded half up to 2 places",
        "  - 1700 call 1,700 calls counted by meter calls",
        "    = 1700 call 2026-01, phase 1: measured from 2 events",
        "      = 900 call 2026-01-20 12:00:00",
        "      = 800 call 2026-01-28 12:00:00",
        "  - 709.677419354839 call 709.677419354839 calls included",
        "    = 709.677419354839 call phase 1: 1,000 × 22 of 31 days",
    ]


def test_an_event_is_named_by_its_place_in_the_log(team: Evidence) -> None:
    """Position, source and id: who doubts a number looks the event up."""
    events = [node.source for node in explain(team, "INV-2026-01-acme/1").walk() if "event" in node.source]

    assert events == ["event 4 (test 5)", "event 5 (test 6)"]


def test_a_discount_says_of_which_line(team: Evidence) -> None:
    """15 % of 63.87 are 9.5805."""
    assert list(shown(explain(team, "INV-2026-01-acme/2"))) == [
        "-9.58 USD discount: seats of team, 2026-01-10 to 2026-01-31",
        "  = -9.5805 USD discount early: 15 % off $63.87, for 1 month",
        "  = 0.0005 USD rounded half up to 2 places",
        "  - 63.87 USD recurring: seats of team, 2026-01-10 to 2026-01-31",
    ]


def test_a_credit_says_what_was_paid(team: Evidence) -> None:
    """Two seats cost $600 from 1 February; from 4 March on 334 of 365 days are left of that."""
    assert list(shown(explain(team, "INV-2026-03-bolt/1"))) == [
        "-549.04 USD credit: seats of team, 2026-03-04 to 2027-01-31",
        "  = -549.041095890411 USD less 334 of 365 days of $600.00",
        "    - 600 USD 2 seats at $300.00",
        "  = 0.001095890411 USD rounded half up to 2 places",
        "  - paid in advance from 2026-02-01 up to 2027-02-01",
        "  - 600 USD charged then",
    ]


def test_a_month_of_a_year_is_earned_by_its_days(team: Evidence) -> None:
    """28 of 365 days of $600 in February: 46.03."""
    assert list(shown(explain(team, "REC-2026-02-INV-2026-02-bolt", depth=4))) == [
        "46.03 USD recognition booked in 2026-02",
        "  = 46.03 USD debit deferred_revenue, bolt, stream subscriptions",
        "    = 46.03 USD earned before 2026-03-01",
        "      = 46.027397260274 USD 28 of 365 days of $600.00",
        "      = 0.002602739726 USD rounded half up",
        "    - 600 USD recurring: seats of team, 2026-02-01 to 2027-01-31",
        "  - -46.03 USD credit revenue, bolt, stream subscriptions",
    ]


def test_a_payout_says_its_basis_and_its_deal(team: Evidence) -> None:
    """10 % of 4.46 - 9.58 + 63.87 = 58.75 are 5.875."""
    assert list(shown(explain(team, "PAY-2026-01-north-referral-acme"))) == [
        "5.88 USD referral to north under referral: acme, 2026-01",
        "  = 5.875 USD 10 % of $58.75",
        "  = 0.005 USD rounded half up",
        "  - 58.75 USD billed to acme in 2026-01",
        "    = 4.46 USD usage: calls of team, 2026-01-10 to 2026-01-31",
        "    = -9.58 USD discount: seats of team, 2026-01-10 to 2026-01-31",
        "    = 63.87 USD recurring: seats of team, 2026-01-10 to 2026-01-31",
        "  - 0 USD before in this agreement",
        "  - deal.referred by north on 2026-01-08 12:00:00",
        "  - gross: it is an expense, and the lines stay revenue",
    ]


def test_a_step_says_where_the_book_has_its_price(team: Evidence) -> None:
    """The line of the key in the price book, and the source that stands beside it."""
    lines = TEAM.splitlines()
    steps = explain(team, "INV-2026-01-acme/3").parts

    assert steps[0].source == f"prices.toml:{1 + lines.index(lines[9])} (page 3)"
    assert "prices.seats" in lines[9]


def test_a_payment_leads_to_its_fact(team: Evidence) -> None:
    """Cash came because the log says that the invoice was paid."""
    node = explain(team, "PAID-INV-2026-01-acme")

    assert node.amount == Decimal("58.75")
    assert any("invoice.paid on 2026-02-13" in one.text for one in node.walk())


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        ("INV-2026-01-acm", "there is no 'INV-2026-01-acm' in the ledger; did you mean 'INV-2026-01-acme'?"),
        ("INV-2026-01-acme/9", "INV-2026-01-acme has no line 9; it has lines 1 to 3"),
        ("nrrr 2026-02", "there is no metric and no account 'nrrr'; did you mean 'nrr'?"),
        ("acne 2026-02", "there is no metric and no account 'acne'; did you mean 'acme'?"),
        ("nrr", "'nrr' is a metric; name a month, too: 'nrr 2026-05'"),
        ("nrr 2026-13", "2026-13 is no month; write it as 2026-05"),
        ("mrr 2027-02", "the ledger has not closed 2027-02; it has 2026-01 to 2026-03"),
        ("acme", "'acme' is an account; name a month, too: 'acme 2026-05'"),
    ],
)
def test_an_unknown_thing_names_the_nearest(team: Evidence, thing: str, told: str) -> None:
    """What is not there is a problem that says what is."""
    with pytest.raises(Problems, match=re.escape(told)):
        explain(team, thing)


def test_depth_cuts_the_tree(team: Evidence) -> None:
    """No level shows the number alone, one level what adds up to it."""
    whole = explain(team, "INV-2026-01-acme/1")

    assert explain(team, "INV-2026-01-acme/1", depth=0).children == ()
    assert explain(team, "INV-2026-01-acme/1", depth=1).parts == whole.cut(1).parts


def test_parts_that_do_not_add_up_are_refused() -> None:
    """The node is named: a wrong explanation is a crash, and no explanation."""
    parts = (Node("one", Decimal(1), "USD"), Node("two", Decimal(2), "USD"))

    with pytest.raises(AssertionError, match="INV-1/1 a line: its parts add up to 3, and it is 4"):
        Node("a line", Decimal(4), "USD", parts, thing="INV-1/1")


def test_an_account_without_an_invoice_says_why(team: Evidence) -> None:
    """Bolt came in February: in January there is nothing to bill."""
    node = explain(team, "bolt 2026-01")

    assert node.amount == 0
    assert "no invoice" in node.reasons[0].text


def test_a_late_event_is_the_difference_of_two_bills(tmp_path: Path) -> None:
    """300 calls of January become known in February: they fall above the 500, at $0.004: $1.20 more."""
    told = (
        TOLD.partition("    2026-02-01  bolt")[0]
        + """
    2026-01-29>2026-02-03  acme-1  usage.recorded  calls 300
    """
    )
    known = evidence(tmp_path, TEAM, told, 2)
    late = [
        name
        for (name,) in known.rows(
            "select invoice || '/' || line_no from invoice_lines where kind = 'adjustment'"
        )
    ]

    assert unexplained(known) == []
    assert [list(shown(explain(known, name, depth=2))) for name in late] == [[
        "1.2 USD adjustment: calls of team, 2026-01-10 to 2026-01-31",
        "  = 5.66 USD usage of 2026-01 with all that was known by the end of 2026-02",
        "    = 5.66 USD usage: calls of team",
        "  = -4.46 USD less what had been billed for 2026-01",
        "    - 4.46 USD usage: calls of team, 2026-01-10 to 2026-01-31",
        "  - 300 1,700 before, 2,000 now",
        "  - 300 call late: 2026-01-29 12:00:00, known on 2026-02-03 12:00:00",
    ]]  # fmt: skip


def test_a_replay_is_explained_by_the_book_that_billed_each_line(tmp_path: Path) -> None:
    """A seat costs $30 before February and $36 from then on; Bolt's year, paid in February, $300 and $360."""
    log = record(tmp_path, TOLD, 3)
    text = TEAM.replace("unit_price = 30,", "unit_price = 36,").replace(
        "unit_price = 300", "unit_price = 360"
    )
    change = Transition(book(TEAM), "now", date(2026, 2, 1))
    known = evidence_of(replay(log, book(text), transition=change), log=log)

    assert unexplained(known) == []
    assert [explain(known, name).parts[0].text for name in ("INV-2026-01-acme/3", "INV-2026-03-acme/1")] == [
        "3 seats at $30.00",
        "5 seats at $36.00",
    ]


def test_a_replay_in_memory_leads_to_its_events_and_without_its_log_says_so(tmp_path: Path) -> None:
    """A replay knows its log; a ledger alone explains every usage line by what was measured."""
    found = replay(record(tmp_path, TOLD, 3), book(TEAM))
    events = [node for node in explain(found, "INV-2026-01-acme/1").walk() if node.source.startswith("event")]
    bare = SimpleNamespace(connection=found.connection, book=found.book)
    alone = explain(bare, "INV-2026-01-acme/1")

    assert [900, 800] == [node.amount for node in events]
    assert explain(found, "INV-2026-01-acme/1").amount == alone.amount
    assert any("which is not at hand" in node.text for node in alone.walk())


def test_a_bill_during_the_month_is_what_usage_comes_to_less_what_was_billed(tmp_path: Path) -> None:
    """900 calls are free but for 190.32; with the 800 of the 28th, 990.32 are paid: $0.95 and $3.51 more."""
    text = TEAM.replace('name = "Team"\n    stream', 'name = "Team"\n    progressive = [0.5]\n    stream')
    known = evidence(tmp_path, text, TOLD, 3)

    assert unexplained(known) == []
    assert list(shown(explain(known, "INV-2026-01-acme/1", depth=2)))[:6] == [
        "3.51 USD usage: calls of team, 2026-01-21 to 2026-01-31",
        "  = 4.461290322581 USD since the month began, up to 2026-01-31",
        "    = 0 USD 709.677419354839 calls included",
        "    = 2.5 USD 500 calls up to 500 at $0.005",
        "    = 1.961290322581 USD 490.322580645161 calls above 500 at $0.004",
        "  = -0.951612903226 USD less what had been billed of it",
    ]


@pytest.mark.parametrize("seed", [14, 25])
def test_every_number_under_a_random_book_is_explained(seed: int, tmp_path: Path) -> None:
    """Other models, conventions, tiers, caps and shares, told by a generator that knows nothing of this."""
    text, told, periods = company(seed, moot=True)
    first = periods[0].label

    assert unexplained(evidence(tmp_path, text, told, len(periods), first)) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_every_number_of_a_random_company_is_explained(seed: int, tmp_path: Path) -> None:
    """Windows, limits, grants, commitments, credits, breakage, shares: all lines, payouts, entries add up."""
    told = stories.told(seed, accounts=1)

    assert unexplained(evidence(tmp_path, stories.BOOK, told, stories.MONTHS, f"{stories.FIRST:%Y-%m}")) == []

"""Subscriptions: facts fold into phases, in which nothing about a subscription changes."""

import pytest

from billing.subscription import Phase, Subscriptions
from tests.ledgers import book, expected, facts, folded, positions, rows

BOOK = """
    [plans.pro]
    name = "Pro"
    stream = "s"
    [plans.team]
    name = "Team"
    stream = "s"
    [plans.catalog]
    name = "Catalog"
    stream = "s"
    [add_ons.llm]
    name = "LLM"
    plans = ["pro", "team"]
    price = { per = "add_on", unit_price = 200 }
    [add_ons.vpc]
    name = "VPC"
    plans = ["team"]
    price = { per = "add_on", unit_price = 50 }
    [discounts.early]
    share = 0.1
"""


def phases(table: str, subscription: str = "s") -> list[tuple[str, ...]]:
    """Fold facts; return starts, ends, plan, seats, billing, trial, anchor, add-ons and end reason."""
    return [told(phase) for phase in folded(BOOK, table).phases.get(subscription, [])]


def told(phase: Phase) -> tuple[str, ...]:
    """Tell a phase in words."""
    add_ons = ",".join(f"{key}={count}" for key, count in phase.add_ons)
    trial = "trial" if phase.trial else "paid"
    words = (
        phase.starts_on,
        phase.ends_on or "",
        phase.plan,
        phase.seats,
        phase.billing,
        trial,
        phase.anchor_on,
    )
    return (*map(str, words), add_ons, phase.end_reason)


FOLDS = {  # what is told; the facts; starts, ends, plan, seats, billing, trial, anchor, add-ons, end reason
    "a start is a phase without an end": (
        "2026-01-10  a  subscription.started  s pro 3",
        "2026-01-10  -  pro  3  month  paid  2026-01-10  -  -",
    ),
    "a trial is a phase before the paid one, and the anchor is the first paid day": (
        "2026-01-25  a  subscription.started  s pro trial_days=14",
        """
        2026-01-25  2026-02-08  pro  1  month  trial  2026-02-08  -  changed
        2026-02-08  -           pro  1  month  paid   2026-02-08  -  -
        """,
    ),
    "the day of a change belongs to the new plan, whatever the hour": (
        """
        2026-01-01            a  subscription.started  s pro
        2026-02-10T23:59:59   a  plan.changed          s team 4
        """,
        """
        2026-01-01  2026-02-10  pro   1  month  paid  2026-01-01  -  changed
        2026-02-10  -           team  4  month  paid  2026-01-01  -  -
        """,
    ),
    "a change at midnight is one of the day that begins": (
        """
        2026-01-01            a  subscription.started  s pro
        2026-02-10T00:00:00   a  seats.changed         s 4
        """,
        """
        2026-01-01  2026-02-10  pro  1  month  paid  2026-01-01  -  changed
        2026-02-10  -           pro  4  month  paid  2026-01-01  -  -
        """,
    ),
    "of several changes on one day the last one counts": (
        """
        2026-01-01            a  subscription.started  s pro
        2026-02-10T08:00:00   a  seats.changed         s 2
        2026-02-10T09:00:00   a  plan.changed          s team 7
        2026-02-10T10:00:00   a  seats.changed         s 5
        """,
        """
        2026-01-01  2026-02-10  pro   1  month  paid  2026-01-01  -  changed
        2026-02-10  -           team  5  month  paid  2026-01-01  -  -
        """,
    ),
    "a change on the first day leaves no phase of no days": (
        """
        2026-01-01T08:00:00   a  subscription.started  s pro
        2026-01-01T09:00:00   a  plan.changed          s team 2
        """,
        "2026-01-01  -  team  2  month  paid  2026-01-01  -  -",
    ),
    "several changes on several days are several phases": (
        """
        2026-01-01  a  subscription.started  s pro
        2026-01-05  a  seats.changed         s 2
        2026-03-05  a  seats.changed         s 3
        """,
        """
        2026-01-01  2026-01-05  pro  1  month  paid  2026-01-01  -  changed
        2026-01-05  2026-03-05  pro  2  month  paid  2026-01-01  -  changed
        2026-03-05  -           pro  3  month  paid  2026-01-01  -  -
        """,
    ),
    "another rhythm sets a new anchor": (
        """
        2026-01-31  a  subscription.started  s pro
        2026-03-15  a  plan.changed          s pro 2 year
        """,
        """
        2026-01-31  2026-03-15  pro  1  month  paid  2026-01-31  -  changed
        2026-03-15  -           pro  2  year   paid  2026-03-15  -  -
        """,
    ),
    "the same rhythm keeps the anchor": (
        """
        2026-01-31  a  subscription.started  s pro billing=year
        2026-03-15  a  plan.changed          s team 2 year
        """,
        """
        2026-01-31  2026-03-15  pro   1  year  paid  2026-01-31  -  changed
        2026-03-15  -           team  2  year  paid  2026-01-31  -  -
        """,
    ),
    "an add-on that is bought twice adds up": (
        """
        2026-01-01  a  subscription.started  s pro
        2026-01-05  a  add_on.bought         s llm
        2026-02-05  a  add_on.bought         s llm 2
        """,
        """
        2026-01-01  2026-01-05  pro  1  month  paid  2026-01-01  -      changed
        2026-01-05  2026-02-05  pro  1  month  paid  2026-01-01  llm=1  changed
        2026-02-05  -           pro  1  month  paid  2026-01-01  llm=3  -
        """,
    ),
    "an add-on that is dropped is gone whole, others stay": (
        """
        2026-01-01            a  subscription.started  s team
        2026-01-01T13:00:00   a  add_on.bought         s llm 2
        2026-01-01T14:00:00   a  add_on.bought         s vpc
        2026-02-05            a  add_on.dropped        s llm
        """,
        """
        2026-01-01  2026-02-05  team  1  month  paid  2026-01-01  llm=2,vpc=1  changed
        2026-02-05  -           team  1  month  paid  2026-01-01  vpc=1        -
        """,
    ),
    "a change inside a trial reaches the paid phase too": (
        """
        2026-01-01  a  subscription.started  s pro trial_days=30
        2026-01-11  a  plan.changed          s team 4
        """,
        """
        2026-01-01  2026-01-11  pro   1  month  trial  2026-01-31  -  changed
        2026-01-11  2026-01-31  team  4  month  trial  2026-01-31  -  changed
        2026-01-31  -           team  4  month  paid   2026-01-31  -  -
        """,
    ),
    "a trial that becomes yearly is paid from its end": (
        """
        2026-01-01  a  subscription.started  s pro trial_days=30
        2026-01-31  a  plan.changed          s pro 2 year
        """,
        """
        2026-01-01  2026-01-31  pro  1  month  trial  2026-01-31  -  changed
        2026-01-31  -           pro  2  year   paid   2026-01-31  -  -
        """,
    ),
    "a cancellation ends the last phase on its day": (
        """
        2026-01-01  a  subscription.started    s pro
        2026-02-10  a  subscription.cancelled  s 2026-03-01 involuntary
        """,
        "2026-01-01  2026-03-01  pro  1  month  paid  2026-01-01  -  involuntary",
    ),
    "a change before a cancellation takes effect keeps its end": (
        """
        2026-01-01  a  subscription.started    s pro
        2026-02-10  a  subscription.cancelled  s 2026-03-01
        2026-02-20  a  seats.changed           s 9
        """,
        """
        2026-01-01  2026-02-20  pro  1  month  paid  2026-01-01  -  changed
        2026-02-20  2026-03-01  pro  9  month  paid  2026-01-01  -  voluntary
        """,
    ),
    "a cancellation may come forward": (
        """
        2026-01-01  a  subscription.started    s pro
        2026-02-10  a  subscription.cancelled  s 2026-06-01
        2026-02-20  a  subscription.cancelled  s 2026-03-01
        """,
        "2026-01-01  2026-03-01  pro  1  month  paid  2026-01-01  -  voluntary",
    ),
    "a cancellation for a day that is past ends on the day it is told": (
        """
        2026-01-01  a  subscription.started    s pro
        2026-03-10  a  subscription.cancelled  s 2026-02-01
        """,
        "2026-01-01  2026-03-10  pro  1  month  paid  2026-01-01  -  voluntary",
    ),
    "a trial that is cancelled never pays": (
        """
        2026-01-01  a  subscription.started    s pro trial_days=30
        2026-01-10  a  subscription.cancelled  s 2026-01-31
        """,
        "2026-01-01  2026-01-31  pro  1  month  trial  2026-01-31  -  voluntary",
    ),
    "a trial may end early": (
        """
        2026-01-01  a  subscription.started    s pro trial_days=30
        2026-01-10  a  subscription.cancelled  s 2026-01-10
        """,
        "2026-01-01  2026-01-10  pro  1  month  trial  2026-01-31  -  voluntary",
    ),
    "a subscription that comes back has a new anchor, no add-ons, and its discount": (
        """
        2026-01-01  a  subscription.started      s pro discount=early
        2026-01-01T13:00:00  a  add_on.bought    s llm
        2026-02-10  a  subscription.cancelled    s 2026-03-01
        2026-05-05  a  subscription.reactivated  s team 2 year
        """,
        """
        2026-01-01  2026-03-01  pro   1  month  paid  2026-01-01  llm=1  voluntary
        2026-05-05  -           team  2  year   paid  2026-05-05  -      -
        """,
    ),
    "a subscription may come back on the day on which it ended": (
        """
        2026-01-01  a  subscription.started      s pro
        2026-02-10  a  subscription.cancelled    s 2026-03-01
        2026-03-01  a  subscription.reactivated  s pro
        """,
        """
        2026-01-01  2026-03-01  pro  1  month  paid  2026-01-01  -  voluntary
        2026-03-01  -           pro  1  month  paid  2026-03-01  -  -
        """,
    ),
    "a subscription may end and come back again and again": (
        """
        2026-01-01  a  subscription.started      s pro
        2026-02-01  a  subscription.cancelled    s 2026-02-01
        2026-03-01  a  subscription.reactivated  s pro
        2026-04-01  a  subscription.cancelled    s 2026-04-01 involuntary
        2026-05-01  a  subscription.reactivated  s pro
        """,
        """
        2026-01-01  2026-02-01  pro  1  month  paid  2026-01-01  -  voluntary
        2026-03-01  2026-04-01  pro  1  month  paid  2026-03-01  -  involuntary
        2026-05-01  -           pro  1  month  paid  2026-05-01  -  -
        """,
    ),
    "a return that ends on its first day leaves the end as it was": (
        """
        2026-01-01           a  subscription.started      s pro
        2026-02-10           a  subscription.cancelled    s 2026-03-01 involuntary
        2026-03-01T08:00:00  a  subscription.reactivated  s pro
        2026-03-01T09:00:00  a  subscription.cancelled    s 2026-03-01
        """,
        "2026-01-01  2026-03-01  pro  1  month  paid  2026-01-01  -  involuntary",
    ),
    "what ends on its first day never was": (
        """
        2026-01-01T08:00:00  a  subscription.started    s pro
        2026-01-01T09:00:00  a  subscription.cancelled  s 2026-01-01
        """,
        "",
    ),
}


@pytest.mark.parametrize(("table", "told_phases"), FOLDS.values(), ids=list(FOLDS))
def test_facts_fold_into_phases(table: str, told_phases: str) -> None:
    """Each fold of the contract, as a table of phases."""
    found = phases(table)

    assert expected(told_phases) == found
    numbers = [phase.phase_no for phase in folded(BOOK, table).phases.get("s", [])]
    assert list(range(1, len(numbers) + 1)) == numbers


def test_every_account_holds_the_catalog_from_its_sign_up() -> None:
    """A pseudo subscription named like the account, for ever."""
    table = "2026-01-10  acme  account.signed_up  Acme a@example.com smb web"

    assert expected("2026-01-10  -  catalog  1  month  paid  2026-01-10  -  -") == phases(table, "acme")


def test_without_a_catalog_a_sign_up_holds_nothing() -> None:
    """A book that sells nothing by the piece needs no catalog."""
    text = '[plans.pro]\nname = "Pro"\nstream = "s"'

    assert {} == folded(text, "2026-01-10  acme  account.signed_up  Acme a@example.com smb web").phases


def test_subscriptions_do_not_touch_each_other() -> None:
    """Facts about one leave the other alone, within one account as well."""
    table = """
        2026-01-01  a  subscription.started    s pro
        2026-01-01  a  subscription.started    t pro
        2026-02-01  a  seats.changed           t 5
        2026-02-10  a  subscription.cancelled  t 2026-03-01
    """

    assert expected("2026-01-01  -  pro  1  month  paid  2026-01-01  -  -") == phases(table)


def test_facts_may_be_folded_month_by_month() -> None:
    """Folding in parts gives the phases of folding at once, and the frame keeps up with both."""
    table = "\n".join(lines for lines, _ in list(FOLDS.values())[2:5])
    told_facts = positions(facts(table))
    whole, parts = Subscriptions(), Subscriptions()
    whole.apply(told_facts, book(BOOK))
    for fact in told_facts:
        parts.apply([fact], book(BOOK))
        parts.frame()

    order = ["subscription", "phase_no"]
    assert whole.phases == parts.phases
    assert whole.frame().sort(order).equals(parts.frame().sort(order))


def test_the_frame_holds_every_phase() -> None:
    """The ledger's subscription_phases, with add-ons as JSON."""
    subscriptions = folded(
        BOOK,
        """
        2026-01-01  a  subscription.started    s team discount=early
        2026-01-05  a  add_on.bought           s vpc 2
        2026-02-01  a  subscription.cancelled  s 2026-03-01
        """,
    )

    assert expected("""
        s  1  a  {}         early  2026-01-01  2026-01-05  changed
        s  2  a  {"vpc":2}  early  2026-01-05  2026-03-01  voluntary
    """) == rows(
        subscriptions.frame().sort("phase_no"),
        "subscription phase_no account add_ons discount starts_on ends_on end_reason",
    )

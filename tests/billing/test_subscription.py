"""Subscriptions: facts fold into phases, in which nothing about a subscription changes."""

from pathlib import Path

import pytest

from billing.subscription import Phase, Subscriptions
from metering.document import Problems
from tests.ledgers import book, closed, expected, facts, folded, positions, rows

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


IGNORED = {  # a fact that changes nothing, and the reason that is given
    "a second start": ("2026-03-01  a  subscription.started      s team", "the subscription exists already"),
    "a change of nothing": ("2026-03-01  a  plan.changed              x pro 1", "no such subscription"),
    "seats of nothing": ("2026-03-01  a  seats.changed             x 1", "no such subscription"),
    "an add-on to nothing": ("2026-03-01  a  add_on.bought             x llm", "no such subscription"),
    "an add-on from nothing": ("2026-03-01  a  add_on.dropped            x llm", "no such subscription"),
    "the end of nothing": ("2026-03-01  a  subscription.cancelled    x 2026-03-01", "no such subscription"),
    "the return of nothing": ("2026-03-01  a  subscription.reactivated  x pro", "no such subscription"),
    "the return of what is alive": (
        "2026-03-01  a  subscription.reactivated  s pro",
        "the subscription is alive",
    ),
    "a change after the end": ("2026-05-01  a  seats.changed             s 1", "the subscription has ended"),
    "a second end": (
        "2026-05-01  a  subscription.cancelled    s 2026-06-01",
        "the subscription has ended before",
    ),
}


@pytest.mark.parametrize(("fact", "reason"), IGNORED.values(), ids=list(IGNORED))
def test_a_fact_that_changes_nothing_is_kept_with_its_reason(fact: str, reason: str) -> None:
    """Nothing disappears silently: the position and why."""
    end = "2026-04-10  a  subscription.cancelled  s 2026-04-20"
    before = folded(BOOK, f"2026-01-01  a  subscription.started  s pro\n{end}")
    after = folded(BOOK, f"2026-01-01  a  subscription.started  s pro\n{fact}\n{end}")

    assert [] == before.ignored
    assert [reason] == [ignored.reason for ignored in after.ignored]
    assert before.phases == after.phases


def test_ignored_facts_are_in_the_ledger(tmp_path: Path) -> None:
    """With the position that the log gave them."""
    tables = closed(
        tmp_path,
        BOOK,
        "2026-01-05  a  subscription.started  s pro\n2026-01-06  a  seats.changed  x 2",
        1,
    )

    assert [("1", "no such subscription")] == rows(tables["ignored_events"], "position reason")


UNKNOWN = [
    ("2026-01-01  a  subscription.started      s prp", "has no plan 'prp'", "did you mean 'pro'?"),
    (
        "2026-01-01  a  subscription.started      s pro discount=erly",
        "has no discount 'erly'",
        "did you mean 'early'?",
    ),
    ("2026-01-01  a  plan.changed              s prp 1", "has no plan 'prp'", "did you mean 'pro'?"),
    ("2026-01-01  a  subscription.reactivated  s prp", "has no plan 'prp'", "did you mean 'pro'?"),
    ("2026-01-01  a  add_on.bought             s lmm", "has no add-on 'lmm'", "did you mean 'llm'?"),
    ("2026-01-01  a  add_on.dropped            s lmm", "has no add-on 'lmm'", "did you mean 'llm'?"),
]


@pytest.mark.parametrize(("fact", "message", "remedy"), UNKNOWN)
def test_a_key_that_the_book_does_not_have_is_a_problem(fact: str, message: str, remedy: str) -> None:
    """The place is the fact's position, the remedy a near key."""
    with pytest.raises(Problems) as raised:
        folded(BOOK, fact)

    assert f"event 0: the price book 'Test' {message}; add it to the book; {remedy}" == str(raised.value)


def test_every_unknown_key_is_named_once() -> None:
    """Three unknown keys in five facts are three problems."""
    with pytest.raises(Problems) as raised:
        folded(
            BOOK,
            """
            2026-01-01  a  subscription.started  s x
            2026-01-02  a  subscription.started  t x
            2026-01-03  a  add_on.bought         t y
            2026-01-04  a  add_on.bought         t y
            2026-01-05  a  subscription.started  u pro discount=z
            """,
        )

    assert ["event 0", "event 2", "event 4"] == [problem.place for problem in raised.value.problems]


def test_an_unknown_add_on_is_a_problem_even_when_the_plan_changes_later() -> None:
    """What follows an unknown key does not hide it."""
    with pytest.raises(Problems, match="has no add-on 'x'"):
        folded(
            BOOK,
            """
            2026-01-01  a  subscription.started  s pro
            2026-01-03  a  add_on.bought         s x
            2026-01-04  a  plan.changed          s team 1
            """,
        )


def test_a_book_may_stand_in_for_the_keys_of_another() -> None:
    """`replaces` names this book's plan for the log's, so that the log can be replayed."""
    text = f'replaces = {{ gold = "team", bot = "llm", old = "early" }}\n{BOOK}'
    table = """
        2026-01-01           a  subscription.started  s gold discount=old
        2026-01-01T13:00:00  a  add_on.bought         s bot 2
    """

    (phase,) = folded(text, table).phases["s"]
    assert ("team", "early", (("llm", 2),)) == (phase.plan, phase.discount, phase.add_ons)


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

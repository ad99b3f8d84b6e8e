"""Facts that fold into nothing: those that change nothing, and those that the book does not know."""

from pathlib import Path

import pytest

from metering.document import Problems
from tests.ledgers import closed, folded, rows

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

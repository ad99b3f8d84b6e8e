"""Movements of committed MRR: why it moved, told the same however the story goes on."""

import pytest

from tests.billing.recurring_book import BOOK
from tests.ledgers import closed, expected, rows, unbridged


def test_who_comes_back_is_reactivated(tmp_path_factory: pytest.TempPathFactory) -> None:
    """From 0 for the first time is new, from 0 again a reactivation, also by another subscription."""
    table = """
        2026-01-01  a  subscription.started      s plain
        2026-02-10  a  subscription.cancelled    s 2026-02-20
        2026-04-10  a  subscription.reactivated  s plain
        2026-05-10  a  subscription.cancelled    s 2026-05-20
        2026-06-10  a  subscription.started      t pro 1
    """
    tables = closed(tmp_path_factory.mktemp("mrr"), BOOK, table, 6)

    assert expected("""
        2026-01  new           40
        2026-02  churn         -40
        2026-04  reactivation  40
        2026-05  churn         -40
        2026-06  reactivation  100
    """) == rows(tables["mrr_movements"].with_columns(change="amount"), "month kind change")
    assert [] == unbridged(tables)


def test_a_price_that_rises_is_a_movement(tmp_path_factory: pytest.TempPathFactory) -> None:
    """On 15 June: the month of July is the first that costs more; a year paid in advance stays as it is."""
    table = """
        2026-05-01  a  subscription.started  s pro 1
        2026-05-01  b  subscription.started  t pro 1 year
    """
    tables = closed(tmp_path_factory.mktemp("mrr"), BOOK, table, 4, first="2026-05")

    assert expected("""
        2026-05  a  new        subscription  2026-05-01
        2026-05  b  new        subscription  2026-05-01
        2026-07  a  expansion  price         2026-07-01
    """) == rows(tables["mrr_movements"], "month account kind cause effective_on")


def test_a_churn_keeps_its_cause_when_the_customer_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """What happened in March does not change because of May."""
    table = """
        2026-01-01  a  subscription.started      s plain
        2026-03-10  a  subscription.cancelled    s 2026-03-20
        2026-05-10  a  subscription.reactivated  s plain
    """
    tables = closed(tmp_path_factory.mktemp("mrr"), BOOK, table, 5)

    assert [("2026-03", "voluntary", "2026-03-20")] == rows(
        tables["mrr_movements"], "month cause effective_on", kind="churn"
    )


def test_a_move_to_a_free_plan_is_a_churn_by_plan(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The cause is what changed, and the day is that of the change."""
    table = """
        2026-01-01  a  subscription.started  s plain
        2026-03-10  a  plan.changed          s free 1
    """
    tables = closed(tmp_path_factory.mktemp("mrr"), BOOK, table, 3)

    assert [("2026-03", "plan", "2026-03-10")] == rows(
        tables["mrr_movements"], "month cause effective_on", kind="churn"
    )


def test_no_seats_at_all_is_a_churn_by_seats(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A subscription without seats is worth nothing, and seats are what changed."""
    table = """
        2026-01-01  a  subscription.started  s pro 2
        2026-03-10  a  seats.changed         s 0
    """
    tables = closed(tmp_path_factory.mktemp("mrr"), BOOK, table, 3)

    assert [("2026-03", "seats", "2026-03-10")] == rows(
        tables["mrr_movements"], "month cause effective_on", kind="churn"
    )


def test_an_account_that_signs_up_twice_counts_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A second sign-up is no second account: one row in accounts, one balance a subscription."""
    table = """
        2026-01-01  a  account.signed_up     A a@example.com smb web
        2026-01-02  a  account.signed_up     A a@example.com enterprise web
        2026-01-03  a  subscription.started  s plain
    """
    tables = closed(tmp_path_factory.mktemp("mrr"), BOOK, table, 1)

    assert (1, 1, 1) == tuple(len(tables[name]) for name in ("accounts", "mrr_balances", "mrr_movements"))

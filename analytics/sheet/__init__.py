"""Sheets: the metrics of any company that keeps plain tables, as CSV or JSON.

    filled = fill(["subscriptions.csv", "costs.csv"])
    monthly(filled.connection)

Tables of subscriptions, movements or monthly MRR, with bills, usage, costs and cash beside them where they
are known, become a ledger in memory with the tables and views of any other; so metrics, SQL, policies and
charts work on it. The format of the tables: docs/reference/metrics-input.md.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from duckdb import DuckDBPyConnection

from analytics.policy import DEFAULT, MetricPolicy
from analytics.sheet import balance, booking, history, rate
from analytics.sheet.change import changes
from analytics.sheet.reading import read
from analytics.sheet.span import spans
from billing.ledger import Ledger

NO_REVENUE = "no table of revenue or invoices: each month is taken to bill and earn its committed MRR"
NO_PAYMENTS = "no table of payments or cash: bills are taken to be paid in the month in which they are billed"
NO_COSTS = "no table of costs: margins, CAC and what follows from them are those of a company without costs"


class Filled(NamedTuple):
    """A ledger in memory that was filled from sheets, its currency, and what had to be taken for granted."""

    connection: DuckDBPyConnection
    currency: str
    notes: list[str]


def fill(arguments: Sequence[str], *, until: date | None = None, policy: MetricPolicy = DEFAULT) -> Filled:
    """Read sheets and fill a ledger with them; `until` lies in the last month, if that is not the data's.

    An argument is a file, or `kind=FILE`; the policy says how many days a month has for a weekly price.
    Raises Problems with what is wrong, by file and row.
    """
    told = read(arguments)
    currency = rate.reporting(told)
    told = rate.in_one(told, currency)
    lived = spans(told, policy)
    periods = history.history(told, until)
    rates = rate.rates(told, currency, periods)
    accounts = history.accounts(told, periods)
    worth = balance.held(lived, rates, periods)
    ledger = Ledger.create()
    ledger.post({
        "accounts": accounts,
        "subscription_phases": balance.phases(lived),
        "mrr_changes": changes(lived, worth, rates, accounts, periods),
        "mrr_balances": balance.balances(worth, accounts),
        "mrr_movements": balance.movements(worth, lived, rates, accounts, periods),
        **booking.book(told, worth, rates, currency, periods),
    })  # fmt: skip
    return Filled(ledger.connection, currency, _notes(set(told)))


def _notes(kinds: set[str]) -> list[str]:
    found = [] if kinds & {"revenue", "invoices"} else [NO_REVENUE]
    found += [] if kinds & {"payments", "cash"} else [NO_PAYMENTS]
    return found + ([] if "costs" in kinds else [NO_COSTS])

"""The journal: every amount of money as a double entry that sums to zero."""

from decimal import Decimal

import polars as pl
import pytest

from metering.document import Problems
from tests.ledgers import Tables, closed, expected, posted, rows

BOOK = """
    meters.calls = {}
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.seat = { per = "seat", unit_price = 100, annual = { unit_price = 950 } }
    prices.calls = { meter = "calls", unit_price = 1, stream = "usage" }
    [agreements.tenth]
    kind = "referral"
    model = "percentage"
    unit_price = 0.1
"""

COMPANY = """
    2026-01-01  acme  subscription.started  acme-1 pro 2
    2026-01-05  acme-1  usage.recorded      calls 30
    2026-01-05  acme  deal.referred         pete tenth
    2026-01-31  beta  subscription.started  beta-1 pro 1 year
    2026-01-01  late  subscription.started  late-1 pro 1
    2026-01-01  lost  subscription.started  lost-1 pro 1
    2026-03-10  lost  subscription.cancelled  lost-1 2026-03-10 involuntary
    2026-01-07  -     money.spent           adverts 99.50 channel=web segment=smb stream=subscriptions
    2026-02-07  -     money.spent           rent 1000 EUR
    2026-02-09  acme  invoice.paid          2026-01 8
    2026-02-10  acme  invoice.paid          2026-01 9     # paid already
    2026-02-11  acme  invoice.written_off   2026-01       # paid already
    2026-02-12  acme  invoice.paid          2026-07 1     # no such invoice
    2026-02-12  nobody  invoice.paid        2026-01 1     # no such invoice
    2026-03-03  late  payment.failed        2026-01 1
    2026-03-06  late  payment.failed        2026-01 2 insufficient_funds
    2026-03-09  late  invoice.paid          2026-01 36
    2026-03-10  late  payment.failed        2026-01 3     # paid already
    2026-03-03  lost  payment.failed        2026-01 1
    2026-03-10  lost  invoice.written_off   2026-01
    2026-03-11  lost  invoice.paid          2026-01 38    # given up already
    2026-03-12  acme  invoice.paid          2026-02 11
    2026-03-12  pete  account.signed_up     Pete p@example.com partner web kind=partner
"""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Close a company of two paying customers, a late and a lost one, for three months."""
    return closed(tmp_path_factory.mktemp("journal"), BOOK, COMPANY, 3)


def entry(company: Tables, name: str) -> list[tuple[str, ...]]:
    """Return the postings of an entry."""
    found = company["postings"].filter(entry=name).sort("posting_no")
    return rows(found, "posting_no ledger_account account stream amount")


def balance(company: Tables, ledger_account: str, **where: str) -> Decimal:
    """Return the balance of a ledger account at the end."""
    frame = company["postings"].filter(ledger_account=ledger_account, **where)
    return Decimal(frame["amount"].sum()) if len(frame) else Decimal(0)


def test_every_entry_sums_to_zero_in_each_currency(company: Tables) -> None:
    """And no entry has a single posting."""
    sums = company["postings"].group_by("entry", "currency").agg(pl.col("amount").sum(), pl.len())

    assert [] == sums.filter((pl.col("amount") != 0) | (pl.col("len") < 2)).rows()


def test_postings_and_entries_belong_together(company: Tables) -> None:
    """Every posting has one entry, every entry postings, numbered from 1; months agree with days."""
    postings, entries = company["postings"], company["entries"]
    heads = entries.select("entry", "month", "kind")

    assert len(entries) == entries["entry"].n_unique() == postings["entry"].n_unique()
    assert len(postings) == len(postings.join(heads, on=["entry", "month"]))
    counts = postings.group_by("entry").agg(pl.len().cast(pl.Int64), pl.col("posting_no").max())
    assert counts["len"].equals(counts["posting_no"].alias("len"))


ENTRIES = {  # the entry; number, ledger account, account, stream, amount
    "INV-2026-01-acme": """
        1  receivable  acme  -              230.00
        2  revenue     acme  usage          -30.00
        3  revenue     acme  subscriptions  -200.00
    """,
    "INV-2026-01-beta": """
        1  receivable        beta  -              950.00
        2  deferred_revenue  beta  subscriptions  -950.00
    """,
    "REC-2026-01-INV-2026-01-beta": """
        1  deferred_revenue  beta  subscriptions  2.60
        2  revenue           beta  subscriptions  -2.60
    """,
    "REC-2026-02-INV-2026-01-beta": """
        1  deferred_revenue  beta  subscriptions  72.88
        2  revenue           beta  subscriptions  -72.88
    """,
    "PAID-INV-2026-01-acme": """
        1  cash        acme  -  230.00
        2  receivable  acme  -  -230.00
    """,
    "LOST-INV-2026-01-lost": """
        1  bad_debt    lost  -  100.00
        2  receivable  lost  -  -100.00
    """,
    "PAY-2026-01-pete-tenth-acme": """
        1  partner_share    pete  -  23.00
        2  partner_payable  pete  -  -23.00
    """,
    "SETTLED-PAY-2026-01-pete-tenth-acme": """
        1  partner_payable  pete  -  23.00
        2  cash             pete  -  -23.00
    """,
}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_books_its_cause(company: Tables, name: str) -> None:
    """Debits are positive, credits negative."""
    assert expected(ENTRIES[name]) == entry(company, name)


def test_entries_are_booked_in_their_month_and_on_their_day(company: Tables) -> None:
    """What closes a month is booked on the day after it; payments and costs on their own day."""
    named = company["entries"].filter(pl.col("entry").is_in(list(ENTRIES)) | (pl.col("kind") == "cost"))

    assert expected("""
        2026-01  2026-01-07  cost
        2026-01  2026-02-01  invoice
        2026-01  2026-02-01  payout
        2026-01  2026-02-01  recognition
        2026-02  2026-02-01  settlement
        2026-02  2026-02-07  cost
        2026-02  2026-02-09  payment
        2026-02  2026-03-01  recognition
        2026-03  2026-03-10  write_off
    """) == sorted(set(rows(named, "month booked_on kind")))


def test_costs_are_booked_with_what_they_were_for(company: Tables) -> None:
    """Cost centre, segment, channel and stream; each in its own currency."""
    costs = company["postings"].filter(pl.col("entry").str.starts_with("COST"))

    assert expected("""
        expense  adverts  smb  web  subscriptions  USD  99.50
        cash     adverts  smb  web  subscriptions  USD  -99.50
        expense  rent     -    -    -              EUR  1000.00
        cash     rent     -    -    -              EUR  -1000.00
    """) == rows(costs, "ledger_account cost_centre segment channel stream currency amount")


def test_the_receivable_is_what_open_invoices_come_to(company: Tables) -> None:
    """Invoices less what was paid or given up, customer by customer."""
    settled = company["payments"].filter(pl.col("kind") != "failed").select("invoice")
    unpaid = company["invoices"].join(settled, on="invoice", how="anti")

    assert [("acme", "1"), ("beta", "1"), ("late", "2"), ("lost", "2")] == rows(
        unpaid.group_by("account").agg(invoices=pl.len()).sort("account"), "account invoices"
    )
    for account, total in unpaid.group_by("account").agg(pl.col("total").sum()).iter_rows():
        assert total == balance(company, "receivable", account=account)


def test_deferred_revenue_is_what_is_not_earned_yet(company: Tables) -> None:
    """950 less 60 of 365 days: 156.16 are earned by the end of March."""
    assert Decimal("-793.84") == balance(company, "deferred_revenue")


def test_the_payable_is_what_partners_are_owed(company: Tables) -> None:
    """March's payout is settled in April only."""
    assert [("2026-01", "23.00"), ("2026-02", "20.00"), ("2026-03", "20.00")] == rows(
        company["payouts"], "month amount"
    )
    assert Decimal("-20.00") == balance(company, "partner_payable", account="pete")
    assert Decimal("63.00") == balance(company, "partner_share", account="pete")


def test_cash_is_what_came_in_less_what_went_out(company: Tables) -> None:
    """230 + 200 + 100 paid, 43 to the partner, 99.50 spent."""
    assert Decimal("387.50") == balance(company, "cash", currency="USD")
    assert Decimal("-1000.00") == balance(company, "cash", currency="EUR")


def test_revenue_and_what_is_deferred_are_all_that_was_billed(company: Tables) -> None:
    """Nothing billed is lost between the accounts."""
    billed = company["invoices"]["total"].sum()

    assert billed == -balance(company, "revenue") - balance(company, "deferred_revenue")


def test_an_invoice_is_settled_once(company: Tables) -> None:
    """The first payment or write-off counts; later ones, and those of unknown invoices, are ignored."""
    assert expected("""
        INV-2026-01-acme  paid         0  2026-02-09  230.00
        INV-2026-01-late  failed       1  2026-03-03  100.00
        INV-2026-01-late  failed       2  2026-03-06  100.00
        INV-2026-01-late  paid         0  2026-03-09  100.00
        INV-2026-01-lost  failed       1  2026-03-03  100.00
        INV-2026-01-lost  written_off  0  2026-03-10  100.00
        INV-2026-02-acme  paid         0  2026-03-12  200.00
    """) == rows(
        company["payments"].sort("invoice", "occurred_on"), "invoice kind attempt occurred_on amount"
    )


def test_a_payment_has_no_entry_without_an_invoice(company: Tables) -> None:
    """Entries of payments are those of the payments that count."""
    assert 4 == len(company["entries"].filter(pl.col("kind").is_in(["payment", "write_off"])))


def test_a_credit_note_is_a_negative_invoice(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A month of credits books a negative receivable, and unearned revenue goes down."""
    table = """
        2026-01-01  a  subscription.started  s pro 2 year
        2026-07-02  a  seats.changed         s 0
    """
    tables = closed(tmp_path_factory.mktemp("credit"), BOOK, table, 7)

    assert expected("""
        1  receivable        a  -              -952.60
        2  deferred_revenue  a  subscriptions  952.60
    """) == entry(tables, "INV-2026-07-a")  # 1900 x 183/365


def test_a_cost_finer_than_the_ledger_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A cost finer than the ledger's columns is a problem that names it, never cut."""
    with pytest.raises(Problems, match=r"event 0: 0.00004 is finer than a ten-thousandth; round it"):
        closed(tmp_path_factory.mktemp("cost"), BOOK, "2026-01-05  -  money.spent  energy 0.00004", 1)


def test_the_trial_balance_is_zero_in_every_month(company: Tables) -> None:
    """Each month's balances add up to zero in each currency, and the last month's are the accounts' sums."""
    connection = posted(company)
    sums = connection.sql("select month, currency, sum(balance) from trial_balance group by all").fetchall()
    last = connection.sql(
        "select ledger_account, balance from trial_balance where month = '2026-03-01' and currency = 'USD'"
    ).fetchall()

    assert {Decimal(0)} == {total for _, _, total in sums}
    assert 6 == len(sums)
    assert {name: balance(company, name, currency="USD") for name, _ in last} == dict(last)

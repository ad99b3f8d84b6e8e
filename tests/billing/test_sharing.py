"""Sharing: what partners are paid out of their customers' invoices; no cent is made or lost."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from billing.sharing import DEAL_SCHEMA, share
from metering.document import Problems
from tests.ledgers import FIRST, Tables, billed, book, closed, expected, folded, rows

BOOK = """
    [plans.pro]
    name = "Pro"
    stream = "subscriptions"
    prices.seat = { per = "seat", unit_price = 100, annual = { unit_price = 1000 } }
    [plans.help]
    name = "Help"
    stream = "support"
    prices.base = { per = "subscription", unit_price = 77 }
    [agreements.referral]
    kind = "referral"
    model = "percentage"
    unit_price = 0.1
    months = 3
    streams = ["subscriptions"]
    [agreements.all]
    kind = "commission"
    model = "percentage"
    unit_price = 0.05
    [agreements.third]
    kind = "resale"
    model = "percentage"
    unit_price = 0.333333
    [agreements.bands]
    kind = "revenue_share"
    model = "graduated"
    tiers = [{ up_to = 1000, unit_price = 0.2 }, { up_to = 2000, unit_price = 0.15 }, { unit_price = 0.1 }]
    [agreements.each]
    kind = "revenue_share"
    per = "account"
    model = "graduated"
    tiers = [{ up_to = 1000, unit_price = 0.2 }, { unit_price = 0.1 }]
    [agreements.yearly]
    kind = "revenue_share"
    window = "year"
    model = "graduated"
    tiers = [{ up_to = 1000, unit_price = 0.2 }, { unit_price = 0.1 }]
    [agreements.monthly]
    kind = "revenue_share"
    window = "period"
    model = "graduated"
    tiers = [{ up_to = 500, unit_price = 0.2 }, { unit_price = 0.1 }]
    [agreements.help]
    kind = "resale"
    model = "percentage"
    unit_price = 0.5
    prices = ["base"]
    [agreements.agent]
    kind = "resale"
    model = "percentage"
    unit_price = 0.25
    revenue = "net"
    [agreements.better]
    kind = "royalty"
    model = "volume"
    tiers = [{ up_to = 1000, unit_price = 0.1 }, { unit_price = 0.2 }]
"""


def payouts(text: str, told: str, months: int, *deals: str) -> list[tuple[str, ...]]:
    """Share what a company bills; a deal is `account partner agreement month`."""
    frame = deals_of(*deals)
    phases = folded(text, told).frame()
    found = share(billed(text, told, months).lines, frame, book(text), phases).payouts
    return rows(found.sort("month", "partner", "agreement", "account"), "month account basis amount")


def deals_of(*deals: str) -> pl.DataFrame:
    """Read deals."""
    agreed = [(*deal.split()[:3], date.fromisoformat(f"{deal.split()[3]}-01")) for deal in deals]
    return pl.DataFrame(agreed, schema=DEAL_SCHEMA, orient="row")


TWO = """
    2026-01-01  a  subscription.started  sa pro 6
    2026-01-01  b  subscription.started  sb pro 3
"""

SHARES = {  # what is told; the facts; months; the deals; month, account, basis, amount
    "a share of each month's lines": (
        "2026-01-01  a  subscription.started  sa pro 2",
        2,
        ["a p all 2026-01"],
        """
        2026-01  a  200.00  10.00
        2026-02  a  200.00  10.00
        """,
    ),
    "only the agreement's streams count": (
        "2026-01-01  a  subscription.started  sa pro 2\n2026-01-01  a  subscription.started  sh help",
        1,
        ["a p referral 2026-01", "a q all 2026-01"],
        """
        2026-01  a  200.00  20.00   # subscriptions only
        2026-01  a  277.00  13.85   # every stream
        """,
    ),
    "three months count from the month of the deal, which is the first": (
        "2026-01-01  a  subscription.started  sa pro 2",
        6,
        ["a p referral 2026-02"],
        """
        2026-02  a  200.00  20.00
        2026-03  a  200.00  20.00
        2026-04  a  200.00  20.00
        """,
    ),
    "a band that is crossed is crossed by the partner's customers together": (
        TWO,  # 900 at 20 %; 100 at 20 % + 800 at 15 % = 140; 200 at 15 % + 700 at 10 % = 100
        3,
        ["a p bands 2026-01", "b p bands 2026-01"],
        """
        2026-01  a  600.00  120.00
        2026-01  b  300.00  60.00
        2026-02  a  600.00  93.33   # 93.333...
        2026-02  b  300.00  46.67   # 46.666...: the larger remainder
        2026-03  a  600.00  66.67
        2026-03  b  300.00  33.33
        """,
    ),
    "bands of partners are their own": (
        TWO,  # 600, 400 at 20 %, 200 at 15 %; 300, 300
        2,
        ["a p bands 2026-01", "b q bands 2026-01"],
        """
        2026-01  a  600.00  120.00
        2026-01  b  300.00  60.00
        2026-02  a  600.00  110.00
        2026-02  b  300.00  60.00
        """,
    ),
    "equal remainders go by position": (  # 300 x 0.333333 = 100.00
        "\n".join(f"2026-01-01  {n}  subscription.started  s{n} pro 1" for n in ("c", "a", "b")),
        1,
        ["a p third 2026-01", "b p third 2026-01", "c p third 2026-01"],
        """
        2026-01  a  100.00  33.34
        2026-01  b  100.00  33.33
        2026-01  c  100.00  33.33
        """,
    ),
    "each account may have bands of its own": (  # a: 600, then 400 at 20 % and 200 at 10 %
        TWO,
        2,
        ["a p each 2026-01", "b p each 2026-01"],
        """
        2026-01  a  600.00  120.00
        2026-01  b  300.00  60.00
        2026-02  a  600.00  100.00
        2026-02  b  300.00  60.00
        """,
    ),
    "a window of a month begins anew each month": (  # 500 at 20 % + 400 at 10 % = 140
        TWO,
        2,
        ["a p monthly 2026-01", "b p monthly 2026-01"],
        """
        2026-01  a  600.00  93.33
        2026-01  b  300.00  46.67
        2026-02  a  600.00  93.33
        2026-02  b  300.00  46.67
        """,
    ),
    "with volume the band that is reached counts for everything before": (  # 600 at 10 %; 1,200 at 20 % - 60
        "2026-01-01  a  subscription.started  sa pro 6",
        3,
        ["a p better 2026-01"],
        """
        2026-01  a  600.00  60.00
        2026-02  a  600.00  180.00
        2026-03  a  600.00  120.00
        """,
    ),
    "what is credited takes back its share": (  # 10,000 in January; 3,650 days' worth: 184 of 365 days
        "2026-01-01  a  subscription.started  sa pro 10 year\n2026-07-01  a  seats.changed  sa 1",
        7,
        ["a p all 2026-01"],
        """
        2026-01  a  10000.00  500.00
        2026-07  a  -4536.99  -226.85
        """,
    ),
    "what came before the deal does not count": (
        TWO,
        2,
        ["a p all 2026-02"],
        "2026-02  a  600.00  30.00",
    ),
    "a customer may have brought two partners": (
        "2026-01-01  a  subscription.started  sa pro 2",
        1,
        ["a p all 2026-01", "a q all 2026-01", "a p third 2026-01"],
        """
        2026-01  a  200.00  10.00
        2026-01  a  200.00  66.67
        2026-01  a  200.00  10.00
        """,
    ),
    "only the agreement's prices count": (  # 50 % of 77, not of 200
        "2026-01-01  a  subscription.started  sa pro 2\n2026-01-01  a  subscription.started  sh help",
        1,
        ["a p help 2026-01"],
        "2026-01  a  77.00  38.50",
    ),
    "a partner without a customer's invoice gets nothing": (TWO, 1, ["x p all 2026-01"], ""),
}


@pytest.mark.parametrize(("told", "months", "deals", "due"), SHARES.values(), ids=list(SHARES))
def test_partners_are_paid_out_of_invoices(told: str, months: int, deals: list[str], due: str) -> None:
    """Payouts with cents worked out by hand."""
    assert expected(due) == payouts(BOOK, told, months, *deals)


def test_a_years_window_is_counted_from_the_first_deal() -> None:
    """First deal in March: 500 a month reach 1,000 in April; in the next March all begin anew."""
    told = "\n".join(f"2026-01-01  {n}  subscription.started  s{n} pro {q}" for n, q in (("a", 5), ("b", 1)))
    found = payouts(BOOK, told, 15, "a p yearly 2026-03", "b p yearly 2026-06")
    amounts = {(month, account): amount for month, account, _, amount in found}

    assert ["100.00", "100.00", "50.00", "50.00", "100.00"] == [
        amounts[month, "a"] for month in ("2026-03", "2026-04", "2026-05", "2027-02", "2027-03")
    ]
    assert ["10.00", "10.00", "20.00"] == [amounts[month, "b"] for month in ("2026-06", "2027-02", "2027-03")]


def test_each_partner_of_an_account_has_a_year_of_its_own() -> None:
    """Where bands are each account's: an older deal does not begin the other's year."""
    text = BOOK.replace("[agreements.yearly]", '[agreements.yearly]\n    per = "account"')
    told = "2026-01-01  a  subscription.started  sa pro 5"
    frame = deals_of("a p yearly 2026-01", "a q yearly 2026-03")
    found = share(billed(text, told, 15).lines, frame, book(text), folded(text, told).frame()).payouts

    assert expected("""
        2026-12  p  50.00
        2026-12  q  50.00
        2027-01  p  100.00   # its year begins anew
        2027-01  q  50.00
        2027-02  p  100.00
        2027-02  q  50.00
        2027-03  p  50.00
        2027-03  q  100.00
    """) == rows(found.filter(pl.col("month") >= date(2026, 12, 1)), "month partner amount")


def test_an_agents_resale_is_taken_off_the_streams_that_were_billed(tmp_path: Path) -> None:
    """Net: 25 % of 200 and of 77 are 69.25 in all, 50 and 19.25 off the revenue of the two lines."""
    tables = closed(
        tmp_path,
        BOOK,
        """
        2026-01-01  a  deal.sold             p agent
        2026-01-01  a  subscription.started  sa pro 2
        2026-01-01  a  subscription.started  sh help
        """,
        2,
    )
    of_payout = pl.col("entry").str.starts_with("PAY-2026-01"), pl.col("month") == FIRST

    assert expected("""
        partner_payable  p  -              -69.25
        revenue          a  subscriptions  50.00
        revenue          a  support        19.25
    """) == rows(tables["postings"].filter(of_payout), "ledger_account account stream amount")
    assert Decimal("207.75") * 2 == -revenue(tables)


def revenue(tables: Tables) -> Decimal:
    """Return all revenue."""
    return Decimal(tables["postings"].filter(pl.col("ledger_account") == "revenue")["amount"].sum())


def test_a_payout_says_what_it_is(tmp_path: Path) -> None:
    """Number, partner, agreement, kind and currency; of several deals of a kind the first counts."""
    tables = closed(
        tmp_path,
        f'currency = "EUR"\n{BOOK}',
        """
        2026-01-01  a  subscription.started  sa pro 1
        2026-01-31  a  deal.referred         p referral
        2026-02-01  a  deal.referred         p referral
        2026-02-28  a  deal.sold             q all
        """,
        4,
    )

    assert expected("""
        PAY-2026-01-p-referral-a  2026-01  p  referral  referral    a  100.00  10.00  EUR
        PAY-2026-02-p-referral-a  2026-02  p  referral  referral    a  100.00  10.00  EUR
        PAY-2026-02-q-all-a       2026-02  q  all       commission  a  100.00  5.00   EUR
        PAY-2026-03-p-referral-a  2026-03  p  referral  referral    a  100.00  10.00  EUR
        PAY-2026-03-q-all-a       2026-03  q  all       commission  a  100.00  5.00   EUR
        PAY-2026-04-q-all-a       2026-04  q  all       commission  a  100.00  5.00   EUR
    """) == rows(tables["payouts"], "payout month partner agreement kind account basis amount currency")
    assert 4 == len(tables["invoices"])


def test_an_unknown_agreement_is_a_problem(tmp_path: Path) -> None:
    """Named once, with a near key."""
    with pytest.raises(Problems) as raised:
        closed(
            tmp_path,
            BOOK,
            """
            2026-01-05  a  deal.referred  p referal
            2026-01-06  b  deal.sold      p referal
            2026-01-07  c  deal.sold      p x
            """,
            1,
        )

    assert [
        (
            "event 0: the price book 'Test' has no agreement 'referal'; "
            "add it to the book; did you mean 'referral'?"
        ),
        "event 2",
    ] == [str(raised.value.problems[0]), raised.value.problems[1].place]


def test_no_cent_is_made_or_lost() -> None:
    """Of seven customers: in every month the payouts add up to what the bands of all months give."""
    told = "\n".join(
        f"2026-0{1 + n % 3}-{1 + 3 * n:02}  c{n}  subscription.started  s{n} pro {n + 1}" for n in range(7)
    )
    found = payouts(BOOK, told, 6, *(f"c{n} p bands 2026-01" for n in range(7)))
    so_far, earned = Decimal(0), Decimal(0)
    for month in (f"2026-0{n}" for n in range(1, 7)):
        mine = [(Decimal(basis), Decimal(amount)) for when, _, basis, amount in found if when == month]
        before, so_far = so_far, so_far + sum(basis for basis, _ in mine)
        exact = _bands(so_far) - _bands(before)

        assert abs(exact - sum(amount for _, amount in mine)) <= Decimal("0.005")
        earned += sum(amount for _, amount in mine)
        for basis, amount in mine:
            assert abs(exact * basis / (so_far - before) - amount) <= Decimal("0.015")
    assert earned > 0


def _bands(amount: Decimal) -> Decimal:
    return (
        min(amount, Decimal(1000)) * Decimal("0.2")
        + max(Decimal(0), min(amount, Decimal(2000)) - 1000) * Decimal("0.15")
        + max(Decimal(0), amount - 2000) * Decimal("0.1")
    )

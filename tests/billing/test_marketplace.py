"""Marketplace: whom a line names is paid, by what is sold and by the seller's own plan, net or gross."""

import random
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from analytics.metrics import monthly, monthly_by
from billing.ledger import digests
from simulator import invariants
from tests.ledgers import Tables, closed, expected, posted, rows

BOOK = """
    [meters.sales]
    event = "listing.sold"
    quantity = "amount"
    dimensions = ["category", "seller"]
    [plans.catalog]
    name = "Catalog"
    stream = "marketplace"
    [plans.catalog.prices.plugin]
    meter = "sales"
    unit_price = 1
    where = { category = "plugin" }
    group_by = ["seller"]
    [plans.catalog.prices.model]
    meter = "sales"
    unit_price = 1
    where = { category = "model" }
    group_by = ["seller"]
    stream = "models"
    [plans.catalog.prices.course]
    meter = "sales"
    unit_price = 1
    where = { category = "course" }
    group_by = ["seller"]
    stream = "training"
    [plans.seller]
    name = "Seller"
    stream = "marketplace"
    prices.base = { per = "subscription", unit_price = 29 }
    [plans.premium]
    name = "Premium seller"
    stream = "marketplace"
    prices.base = { per = "subscription", unit_price = 99 }
    [agreements.listings]
    kind = "commission"
    model = "percentage"
    unit_price = 0.7
    prices = ["plugin", "model"]
    payee = "seller"
    by_plan = { premium = 0.8, seller = 0.75 }
    revenue = "net"
    [agreements.courses]
    kind = "revenue_share"
    model = "graduated"
    window = "year"
    tiers = [{ up_to = 1000, unit_price = 0.6 }, { unit_price = 0.5 }]
    prices = ["course"]
    payee = "seller"
    [agreements.referral]
    kind = "referral"
    model = "percentage"
    unit_price = 0.1
"""
GROSS = BOOK.replace('revenue = "net"', 'revenue = "gross"')

SIGNED = "".join(
    f"    2026-01-01  {name}  account.signed_up  {name.title()} {name}@x.example smb web\n"
    for name in ("ann", "bob", "sue", "tom")
)

PAYOUTS = {  # what is told; months; the facts; month, partner, agreement, account, basis, amount
    "a premium seller's plugin of $1,000 leaves 800 to the seller and 200 to the company": (
        1,
        """
        2026-01-02  sue  subscription.started  sue-1 premium
        2026-01-05  ann  listing.sold          x plugin sue 1000
        """,
        "2026-01  sue  listings  ann  1000.00  800.00",
    ),
    "who has no such plan gets the agreement's own share": (
        1,
        "2026-01-05  ann  listing.sold  x plugin sue 1000",
        "2026-01  sue  listings  ann  1000.00  700.00",
    ),
    "the plan of the month's last day counts": (
        3,
        """
        2026-01-02  sue  subscription.started    sue-1 premium
        2026-01-05  ann  listing.sold            x plugin sue 100
        2026-02-05  ann  listing.sold            x plugin sue 100
        2026-02-28  sue  plan.changed            sue-1 seller 1
        2026-03-05  ann  listing.sold            x plugin sue 100
        2026-03-06  sue  subscription.cancelled  sue-1 2026-03-31
        """,
        """
        2026-01  sue  listings  ann  100.00  80.00
        2026-02  sue  listings  ann  100.00  75.00
        2026-03  sue  listings  ann  100.00  70.00
        """,
    ),
    "of several plans the first that the agreement names counts": (
        1,
        """
        2026-01-02  sue  subscription.started  sue-1 seller
        2026-01-02  sue  subscription.started  sue-2 premium
        2026-01-02  tom  subscription.started  tom-1 seller
        2026-01-05  ann  listing.sold          x plugin sue 100
        2026-01-05  ann  listing.sold          x plugin tom 100
        """,
        """
        2026-01  sue  listings  ann  100.00  80.00
        2026-01  tom  listings  ann  100.00  75.00
        """,
    ),
    "what a seller earns is rounded once and split over the buyers": (  # 0.7 x 100.01 = 70.007
        1,
        """
        2026-01-05  ann  listing.sold  x plugin sue 33.34
        2026-01-05  bob  listing.sold  x plugin sue 33.33
        2026-01-06  tom  listing.sold  x model  sue 33.34
        """,
        """
        2026-01  sue  listings  ann  33.34  23.34
        2026-01  sue  listings  bob  33.33  23.33
        2026-01  sue  listings  tom  33.34  23.34
        """,
    ),
    "bands add up over all buyers of a seller, in years from its first sale": (
        13,
        """
        2026-01-05  ann  listing.sold  x course sue 900
        2026-02-05  bob  listing.sold  x course sue 300    # 100 at 60 %, 200 at 50 %
        2026-02-05  bob  listing.sold  x course tom 300
        2026-12-05  ann  listing.sold  x course sue 100
        2027-01-05  ann  listing.sold  x course sue 100
        """,
        """
        2026-01  sue  courses  ann  900.00  540.00
        2026-02  sue  courses  bob  300.00  160.00
        2026-02  tom  courses  bob  300.00  180.00
        2026-12  sue  courses  ann  100.00  50.00
        2027-01  sue  courses  ann  100.00  60.00
        """,
    ),
    "a deal about the buyer is shared as well": (
        1,
        """
        2026-01-05  ann  deal.referred  bob referral
        2026-01-05  ann  listing.sold   x plugin sue 1000
        """,
        """
        2026-01  bob  referral  ann  1000.00  100.00
        2026-01  sue  listings  ann  1000.00  700.00
        """,
    ),
    "a sale that names nobody is the company's own": (1, "2026-01-05  ann  listing.sold  x plugin '' 10", ""),
}


@pytest.mark.parametrize(("months", "told", "due"), PAYOUTS.values(), ids=list(PAYOUTS))
def test_sellers_are_paid(tmp_path: Path, months: int, told: str, due: str) -> None:
    """Payouts worked out by hand; no deal is needed."""
    tables = closed(tmp_path, BOOK, SIGNED + told, months)

    assert expected(due) == rows(
        tables["payouts"].sort("month", "partner", "account"), "month partner agreement account basis amount"
    )


SALE = PAYOUTS["a premium seller's plugin of $1,000 leaves 800 to the seller and 200 to the company"][1]


def entry(tables: Tables) -> list[tuple[str, ...]]:
    """Return the postings of payouts."""
    names = tables["entries"].filter(pl.col("kind") == "payout").select("entry", holder="account")
    found = tables["postings"].join(names, on="entry", maintain_order="left")
    return rows(found, "holder posting_no ledger_account account stream invoice line_no amount")


def test_an_agents_revenue_is_what_remains(tmp_path: Path) -> None:
    """Net: 1,000 is billed and 800 owed to the seller, so that the revenue is 200 (ASC 606-10-55-36)."""
    tables = closed(tmp_path, BOOK, SIGNED + SALE, 1)

    assert expected("""
        sue  1  partner_payable  sue  -            -                0  -800.00
        sue  2  revenue          ann  marketplace  INV-2026-01-ann  1  800.00
    """) == entry(tables)
    assert Decimal(200) == earned(tables, "ann")


def test_a_principals_revenue_is_the_whole_sale(tmp_path: Path) -> None:
    """Gross: the revenue is 1,000, and the seller's 800 are an expense."""
    tables = closed(tmp_path, GROSS, SIGNED + SALE, 1)

    assert expected("""
        sue  1  partner_share    sue  -  -  0  800.00
        sue  2  partner_payable  sue  -  -  0  -800.00
    """) == entry(tables)
    assert Decimal(1000) == earned(tables, "ann")


def earned(tables: Tables, account: str) -> Decimal:
    """Return the revenue of an account."""
    of = (pl.col("ledger_account") == "revenue") & (pl.col("account") == account)
    return -total(tables["postings"].filter(of))


def test_a_payout_of_several_streams_is_taken_off_each(tmp_path: Path) -> None:
    """70 % of 10.01 + 20.02 = 21.02: 7.01 and 14.01 by the largest remainder (7.0067, 14.0133)."""
    told = """
        2026-01-05  ann  listing.sold  x model  sue 10.01
        2026-01-05  ann  listing.sold  x plugin sue 20.02
    """

    assert expected("""
        sue  1  partner_payable  sue  -            -                0  -21.02
        sue  2  revenue          ann  models       INV-2026-01-ann  1  7.01
        sue  3  revenue          ann  marketplace  INV-2026-01-ann  2  14.01
    """) == entry(closed(tmp_path, BOOK, SIGNED + told, 1))


NET_AND_GROSS = [  # book; revenue, payouts, net_revenue; of the stream and of the plan of the sale: revenue
    (BOOK, (299, 800, 299), 299, 200),
    (GROSS, (1099, 800, 299), 1099, 1000),
]


@pytest.mark.parametrize(("text", "whole", "of_stream", "of_plan"), NET_AND_GROSS, ids=["net", "gross"])
def test_metrics_take_a_share_off_once(
    tmp_path: Path, text: str, whole: tuple[int, ...], of_stream: int, of_plan: int
) -> None:
    """Net or gross, net revenue is the same: 200 of the sale and 99 of the seller's plan."""
    con = posted(closed(tmp_path, text, SIGNED + SALE.replace("01-02", "01-01"), 1))
    (month,) = monthly(con).to_dicts()
    streams, plans = monthly_by(con, "stream"), monthly_by(con, "plan")

    assert whole == (month["revenue"], month["payouts"], month["net_revenue"])
    assert [("marketplace", of_stream)] == streams.filter(pl.col("revenue") != 0).select(
        "stream", "revenue"
    ).rows()
    assert of_plan == plans.filter(pl.col("plan") == "catalog")["revenue"].item()


def market(seed: int) -> str:
    """Tell of a year of a market: sellers that change plans, and sales of every kind."""
    dice = random.Random(seed)
    told = []
    for name in ("sue", "tom"):
        told.append(f"2026-01-{dice.randint(1, 28):02}  {name}  subscription.started  {name}-1 seller")
        told.append(f"2026-0{dice.randint(2, 9)}-01T00:00:00  {name}  plan.changed  {name}-1 premium 1")
    for _ in range(120):
        day = f"2026-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
        kind = dice.choice(["plugin", "model", "course"])
        amount = Decimal(dice.randint(1, 99999)) / 100
        buyer, seller = dice.sample(["ann", "bob", "sue", "tom"], 2)
        told.append(f"{day}  {buyer}  listing.sold  x {kind} {seller} {amount}")
    return SIGNED + "\n".join(told)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_sold_is_what_is_paid_out_and_what_remains(tmp_path: Path, seed: int) -> None:
    """GMV = revenue + payouts to the cent, for every stream; gross changes whose expense it is, no payout."""
    net, gross = (closed(tmp_path / str(n), text, market(seed), 12) for n, text in enumerate((BOOK, GROSS)))
    taken = net["payouts"].filter(pl.col("revenue") == "net")
    sales = net["invoice_lines"].filter(pl.col("kind") == "usage")

    assert net["payouts"].drop("revenue").equals(gross["payouts"].drop("revenue"))
    assert set() == set(gross["payouts"]["revenue"]) - {"gross"}
    for stream in ("models", "marketplace", "training"):
        of = pl.col("stream") == stream
        lines = total(net["invoice_lines"].filter(of))
        posted_here = net["postings"].filter(of, pl.col("ledger_account") == "revenue")
        paid = total(posted_here.filter(pl.col("entry").str.starts_with("PAY-")))
        assert lines == paid - total(posted_here)
        assert (paid > 0) == (stream != "training")
    assert total(taken) == revenue(gross) - revenue(net)
    assert total(taken, "basis") == total(sales.filter(pl.col("stream") != "training"))


def total(frame: pl.DataFrame, name: str = "amount") -> Decimal:
    """Add up a column."""
    return Decimal(frame[name].sum())


def revenue(tables: Tables) -> Decimal:
    """Return all revenue."""
    return -total(tables["postings"].filter(pl.col("ledger_account") == "revenue"))


def test_months_one_by_one_pay_the_same(tmp_path: Path) -> None:
    """Whatever the step, every table of the ledger is the same."""
    ledgers = [closed(tmp_path / str(step), BOOK, market(7), 12, step=step) for step in (0, 1, 5)]

    at_once, *others = (digests(posted(tables)) for tables in ledgers)
    assert all(at_once == other for other in others)


def test_the_order_of_the_facts_does_not_matter(tmp_path: Path) -> None:
    """Sales told in another order, at the same times, give the same payouts and postings of payouts."""
    told = market(11)
    turned = "\n".join(reversed(told.splitlines()))
    one, other = (closed(tmp_path / str(n), BOOK, text, 12) for n, text in enumerate((told, turned)))

    assert one["payouts"].equals(other["payouts"])
    assert entry(one) == entry(other)


def test_the_ledger_asks_what_the_market_sold(tmp_path: Path) -> None:
    """The view's take rate is what remains of GMV."""
    con = posted(closed(tmp_path, BOOK, SIGNED + SALE, 1))
    found = con.sql("select gmv, payouts, take, take_rate, sellers, buyers from marketplace_by_month")

    assert [(Decimal(1000), Decimal(800), Decimal(200), Decimal("0.2"), 1, 1)] == found.fetchall()


@pytest.mark.parametrize("text", [BOOK, GROSS], ids=["net", "gross"])
def test_the_invariants_hold_in_a_market(tmp_path: Path, text: str) -> None:
    """Every check of the ledger by itself: lines and their revenue, payouts and their postings, balances."""
    con = posted(closed(tmp_path, text, market(5), 12))
    found = {name: one for name, one in vars(invariants).items() if isinstance(one, invariants.Invariant)}

    assert {"SHARES", "PAYOUTS", "REVENUE", "ENTRIES", "ONCE"} <= set(found)

    def wrong(one: invariants.Invariant) -> list[tuple[object, ...]]:
        query = one.wrong.replace("{unit}", "0.01").replace("{parts}", "1").replace("{signals}", "''")
        return con.sql(query).fetchall()

    assert {} == {name: rows for name, one in found.items() if (rows := wrong(one))}

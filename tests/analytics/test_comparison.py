"""Comparison: two ledgers of one log, worked by hand, and laws that hold whatever the prices."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import analytics
from analytics.comparison import MEASURES, SPLITS, Comparison, compare, compare_each
from analytics.comparison.sums import sums
from analytics.metrics import monthly, monthly_by
from billing import replay
from billing.price_book import loads
from billing.schema import ddl
from metering.document import Problems
from tests.analytics.company import READ
from tests.analytics.test_laws import company
from tests.ledgers import closed, posted, record

BOOK = """
name = "prices"
[meters.calls]
[plans.pro]
name = "Pro"
stream = "subs"
[plans.pro.prices.seats]
per = "seat"
unit_price = 100
[plans.pro.prices.calls]
meter = "calls"
allowance = 1000
unit_price = 0.01
[discounts]
early = { share = 0.10 }
[agreements.referral]
kind = "referral"
model = "percentage"
unit_price = 0.1
"""
FACTS = """
2026-01-01  small  account.signed_up     Small s@example.com smb self_serve
2026-01-01  small  subscription.started  small-1 pro
2026-01-01  large  account.signed_up     Large l@example.com enterprise partner
2026-01-01  large  subscription.started  large-1 pro seats=10 discount=early
2026-01-01  large  deal.referred         north referral
2026-01-15  small-1  usage.recorded      calls 3000
2026-01-15  large-1  usage.recorded      calls 900
"""
DEARER = BOOK.replace("unit_price = 100", "unit_price = 120")


def compared(
    directory: Path, before: str, after: str, facts: str = FACTS, *, months: int = 2, later: str = ""
) -> Comparison:
    """Bill one log under two books (the new one another log, if `later` is given), and compare."""
    ledgers = [
        posted(closed(directory / name, text, told, months))
        for name, text, told in (("a", before, facts), ("b", after, later or facts))
    ]
    return compare(*ledgers, books=(loads(before), loads(after)))


def test_the_same_prices_differ_in_nothing(tmp_path: Path) -> None:
    """A = B: every difference is exactly zero, and nobody is to explain."""
    found = compared(tmp_path, BOOK, BOOK)

    for frame in (found.totals, found.parts, found.customers, found.invoices):
        assert {0} == set(frame["change"].drop_nulls())
        assert {0} >= set(frame["relative"].drop_nulls())
    for frame in (found.lines, found.causes, found.causes_by("month", "plan"), found.largest(10)):
        assert not len(frame)


def test_a_changed_seat_price_is_told_by_customer_and_cause(tmp_path: Path) -> None:
    """$100 -> $120 a seat over two months: small +$40 of $220, large +$360 net of 10 % of $1,800."""
    found = compared(tmp_path, BOOK, DEARER)

    assert [row[:5] for row in found.customers.rows()] == [
        ("large", "enterprise", Decimal(1800), Decimal(2160), Decimal(360)),
        ("small", "smb", Decimal(220), Decimal(260), Decimal(40)),
    ]
    assert found.causes.rows() == [
        ("price", Decimal(440)),  # 11 seats, two months, $20
        ("discount", Decimal(-40)),
        ("partner share", Decimal(-36)),
    ]
    assert found.rises() == {Decimal("0.1"): 2, Decimal("0.2"): 0, Decimal("0.5"): 0}
    assert found.spread()["p50"] in {Decimal("0.2"), Decimal("0.181818")}
    assert ["large", "small"] == found.losers(5)["account"].to_list()
    assert not len(found.winners(5))


def test_measures_are_those_of_the_company(tmp_path: Path) -> None:
    """Two months: $20 of usage, 11 seats less large's 10 %; a tenth of large's bills goes to the partner."""
    found = compared(tmp_path, BOOK, DEARER)
    told = {row["measure"]: (row["before"], row["after"]) for row in found.totals.iter_rows(named=True)}

    assert told["billed"] == (2020, 2420)
    assert told["revenue"] == (2020, 2420)
    assert told["payouts"] == (180, 216)
    assert told["committed_mrr"] == (1000, 1200)
    assert told["nrr"] == (None, None)
    assert told["gross_margin"] == (1, 1)
    assert found.kept == 400 - 36


def test_parts_customers_lines_and_causes_add_up(tmp_path: Path) -> None:
    """Whatever the split, its changes add up to the change of the whole, of every measure that is a sum."""
    found = compared(tmp_path, BOOK, BOOK.replace("unit_price = 100", "unit_price = 70"))
    totals = dict(found.totals.select("measure", "change").iter_rows())

    for split in (*((one,) for one in SPLITS), ("segment", "cohort", "month"), ("account", "stream")):
        own = found.by(*split)
        for measure in ("billed", "revenue", "payouts"):
            assert totals[measure] == own.filter(pl.col("measure") == measure)["change"].sum()
        if "month" not in split:
            assert totals["committed_mrr"] == own.filter(pl.col("measure") == "committed_mrr")["change"].sum()
        assert found.kept == found.causes_by(*split)["change"].sum()
    assert totals["billed"] == found.customers["change"].sum() == found.lines["change"].sum()
    assert totals["billed"] == found.invoices["change"].sum() == found.shares["change"].sum()
    assert totals["billed"] - totals["payouts"] == found.causes["change"].sum()


def test_who_is_billed_under_one_book_only_has_no_relative_change(tmp_path: Path) -> None:
    """From nothing to $2,000 is no percentage: NULL, and not infinite; but it is a rise by more than half."""
    free = BOOK.replace("unit_price = 100", "unit_price = 0")
    found = compared(tmp_path, free, BOOK)

    assert [None] == found.customers.filter(found.customers["account"] == "large")["relative"].to_list()
    assert found.rises() == dict.fromkeys(found.rises(), 2)


def test_lines_of_a_customer_come_with_their_cause(tmp_path: Path) -> None:
    """Large pays $400 more for its seats, and $40 less of it by its discount."""
    found = compared(tmp_path, BOOK, DEARER)

    assert [row[3:8] for row in found.lines_of("large").rows()] == [
        ("seats", "recurring", "price", Decimal(2000), Decimal(2400)),
        ("seats", "discount", "discount", Decimal(-200), Decimal(-240)),
    ][: len(found.lines_of("large"))]
    assert len(found.lines_of("large")) == 2
    assert len(found.lines_of("large", 1)) == 1


def test_cohorts_are_quarters_of_sign_up_and_dimensions_go_together(tmp_path: Path) -> None:
    """Both signed up in the first quarter; what is no dimension is named with the nearest one."""
    found = compared(tmp_path, BOOK, DEARER)
    billed = found.by("cohort", "segment").filter(pl.col("measure") == "billed")

    assert [("2026-Q1", "enterprise"), ("2026-Q1", "smb")] == billed.select("cohort", "segment").rows()
    with pytest.raises(Problems, match="did you mean 'segment'"):
        found.by("segmnt")


def test_only_months_that_both_ledgers_have_are_compared(tmp_path: Path) -> None:
    """Two months against three: the third, in which small bought a seat, has nothing to be compared with."""
    longer = FACTS + "2026-03-01  small  seats.changed  small-1 2\n"
    ledgers = [
        posted(closed(tmp_path / f"{count}", BOOK, facts, count))
        for count, facts in ((2, FACTS), (3, longer))
    ]
    found = compare(*ledgers, books=(loads(BOOK), loads(BOOK)))

    assert ["2026-01", "2026-02"] == found.months
    assert {0} == set(found.totals["change"].drop_nulls())


def test_a_book_that_bills_nothing_any_more_is_compared_in_all_months(tmp_path: Path) -> None:
    """Everything free: the months are those of the log, and the whole amount is gone."""
    free = BOOK.replace("unit_price = 100", "unit_price = 0").replace("unit_price = 0.01", "unit_price = 0")
    found = compared(tmp_path, BOOK, free)

    assert ["2026-01", "2026-02"] == found.months
    assert Decimal(-2020) == found.customers["change"].sum()
    assert "unexplained" not in found.causes["cause"]


def test_a_book_that_drops_a_price_of_a_year_is_compared(tmp_path: Path) -> None:
    """What it billed is gone, and what another price of a year bills more is told beside it."""
    yearly = BOOK.replace("allowance = 1000", 'window = "year"\nallowance = 1000')
    exams = """[meters.exams]
[plans.pro.prices.exams]
meter = "exams"
window = "year"
unit_price = 50
"""
    facts = (
        FACTS + "2026-02-03  small-1  usage.recorded  exams 2\n2026-02-04  small-1  usage.recorded  calls 1\n"
    )
    found = compared(
        tmp_path, yearly + exams, yearly.replace("unit_price = 0.01", "unit_price = 0.02"), facts
    )

    # small: 2,000 calls of January and 1 of February a cent dearer, and two exams of 50 that nobody bills.
    assert Decimal("20.01") - 100 == found.customers["change"].sum()
    assert "unexplained" not in found.causes["cause"]


def test_a_customer_who_signs_up_later_is_still_one_customer(tmp_path: Path) -> None:
    """Two logs may let an account come in another segment or quarter: its bills are compared all the same."""
    moved = FACTS.replace("s@example.com smb", "s@example.com mid_market")
    found = compared(tmp_path, BOOK, BOOK, FACTS, later=moved)

    assert ["large", "small"] == found.customers["account"].to_list()
    assert ["enterprise", "smb"] == found.customers["segment"].to_list()
    assert {0} == set(found.customers["change"])


def test_several_ledgers_are_compared_with_one(tmp_path: Path) -> None:
    """A against B and C gives what A against B, and A against C give."""
    texts = (BOOK, DEARER, BOOK.replace("share = 0.10", "share = 0.20"))
    ledgers = [posted(closed(tmp_path / f"{n}", text, FACTS, 2)) for n, text in enumerate(texts)]
    first, *others = ledgers
    found = compare_each(first, others, books=[loads(text) for text in texts])

    assert [Decimal(400), Decimal(-200)] == [one.customers["change"].sum() for one in found]


def test_replays_in_memory_are_compared_with_their_own_books(tmp_path: Path) -> None:
    """`replay` and `compare` go together: a log under two books, and why they differ."""
    log = record(tmp_path, FACTS, 2)
    found = compare(*replay(log, [loads(BOOK), loads(DEARER)]))

    assert "price" == found.causes["cause"][0]
    assert Decimal(400) == found.customers["change"].sum()


def test_without_price_books_nothing_is_said_of_prices(tmp_path: Path) -> None:
    """Who has no books learns how much lines changed, and that the rest is not explained."""
    ledgers = [posted(closed(tmp_path / name, text, FACTS, 2)) for name, text in (("a", BOOK), ("b", DEARER))]

    assert {"unexplained", "discount", "partner share"} == set(compare(*ledgers).causes["cause"])


def test_ledgers_of_two_currencies_are_not_compared(tmp_path: Path) -> None:
    """Dollars and euros have no difference."""
    euros = BOOK.replace('name = "prices"', 'name = "prices"\ncurrency = "EUR"')

    with pytest.raises(Problems, match="one currency"):
        compared(tmp_path, BOOK, euros)


@pytest.mark.parametrize("nothing", ["no-such-run", 17])
def test_what_is_no_ledger_is_said(nothing: Any) -> None:
    """A path without a ledger, or a number, is the user's mistake."""
    with pytest.raises(Problems):
        compare(nothing, nothing)


def test_the_library_names_compare() -> None:
    """`from analytics import compare` is the way in, and other names are refused as ever."""
    assert analytics.compare is compare
    with pytest.raises(AttributeError, match="no attribute 'compar'"):
        _ = analytics.compar


def test_a_notebook_shows_names_as_text(tmp_path: Path) -> None:
    """A customer called <script> is a name like any other."""
    facts = FACTS.replace("small ", "'<script>alert(1)</script>' ").replace(
        "'<script>alert(1)</script>' ", "<script>", 2
    )
    found = compared(tmp_path, BOOK, DEARER, facts)

    shown = found._repr_html_()
    assert "<script>" not in shown
    assert "committed mrr" in shown
    assert "+20.0 %" in shown


def test_a_comparison_as_plain_values_has_everything(tmp_path: Path) -> None:
    """`to_dict` holds every frame as rows."""
    told = compared(tmp_path, BOOK, DEARER).to_dict()

    assert {"totals", "parts", "customers", "lines", "causes", "spread", "rises", "months"} <= told.keys()
    assert told["causes"][0] == {"cause": "price", "change": Decimal(440)}


def whole_ledger(seed: int) -> duckdb.DuckDBPyConnection:
    """Return the ledger of a made-up company, with the tables that metrics do not read, too."""
    connection = company(seed).ledger()
    for statement in ddl():
        if statement.startswith("create table") and statement.split('"')[1] not in READ:
            connection.execute(statement)
    return connection


@pytest.mark.parametrize("seed", range(6))
def test_measures_are_those_of_the_metrics(seed: int) -> None:
    """A reading's sums are what `analytics.metrics` derives in another way, month by month, part by part."""
    connection = whole_ledger(seed)
    reading = analytics.comparison.read(connection)
    whole = sums(reading, ["month"]).rows_by_key("month", named=True, unique=True)
    for row in monthly(connection).iter_rows(named=True):
        mine = whole.get(f"{row['month']:%Y-%m}", dict.fromkeys(MEASURES, None))
        for measure in ("revenue", "billed", "payouts", "committed_mrr", "nrr"):
            assert (row[measure] or 0) == (mine[measure] or 0), (row["month"], measure)
        if row["gross_margin"] is not None:
            assert row["gross_margin"] == mine["gross_margin"]
    for split in ("segment", "stream", "plan"):
        parts = monthly_by(connection, split).group_by(split).agg(pl.col("revenue", "billed").sum())
        mine = sums(reading, [split]).rows_by_key(split, named=True, unique=True)
        for row in parts.iter_rows(named=True):
            for measure in ("revenue", "billed"):
                assert row[measure] == (mine.get(row[split], {}).get(measure) or 0), (split, row, measure)

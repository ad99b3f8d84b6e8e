"""Sheets: the metrics of a company that keeps plain tables, and textbook cases that anyone can check."""

import json
import random
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analytics.cohorts import cohorts
from analytics.metrics import METRICS, monthly, monthly_by
from analytics.sheet import NO_COSTS, NO_PAYMENTS, NO_REVENUE, Filled, fill
from analytics.sheet.kind import KINDS
from billing.views.metrics import FAMILIES
from metering.document import Problems
from tests.analytics.company import plain


def told(directory: Path, **sheets: str) -> Filled:
    """Write tables as CSV, one a keyword, and fill a ledger with them; words are divided by spaces."""
    names = []
    for kind, text in sheets.items():
        rows = [",".join(line.split()) for line in text.splitlines() if line.strip()]
        path = directory / f"{kind}.csv"
        path.write_text("\n".join(rows).replace("-,", ",") + "\n", "utf-8")
        names.append(str(path))
    filled = fill(names)
    filled.connection.execute("pragma disable_optimizer")  # for few rows it takes longer than the query
    return filled


def at(filled: Filled, month: str, *names: str) -> tuple[Any, ...]:
    """Return metrics of a month, rounded to 6 places, as plain numbers; the views say the same."""
    day = date.fromisoformat(f"{month}-01")
    frame = monthly(filled.connection, names=names).with_columns(pl.selectors.decimal().round(6))
    row = frame.filter(pl.col("month") == day).select(names).row(0)
    seen = [asked(filled, name, day) for name in names]
    assert list(map(str, map(plain, row))) == list(map(str, map(plain, seen)))
    return tuple(map(plain, row))


def asked(filled: Filled, name: str, day: date) -> Any:
    """Return a metric as the view of its family has it."""
    view = next(view for view, family in FAMILIES.items() if {name, f"~{name}"} & {*family.names("")})
    found = filled.connection.sql(f"select {name} from {view} where month = '{day}'").fetchall()[0][0]
    return round(found, 6) if isinstance(found, Decimal) else found


def movements(filled: Filled) -> list[tuple[Any, ...]]:
    """Return what moved MRR: month, account, kind and amount."""
    rows = filled.connection.sql(
        "select strftime(month, '%Y-%m'), account, kind, amount from mrr_movements order by all"
    ).fetchall()
    return [(month, account, kind, plain(amount)) for month, account, kind, amount in rows]


THREE = """
    customer  start       end         amount  interval  quantity  plan   segment
    ada       2026-01-29  -           1200    year      1         pro    smb
    bob       2026-01-15  2026-03-10  50      month     2         basic  smb
    bob       2026-03-10  2026-05-02  60      month     2         basic  smb
    eve       2026-02-01  -           300     quarter   1         pro    enterprise
"""


def test_subscriptions_become_mrr_and_its_movements(tmp_path: Path) -> None:
    """A year counts a twelfth, a quarter a third; a span holds from its first day up to its end."""
    filled = told(tmp_path, subscriptions=THREE)

    assert [
        ("2026-01", "ada", "new", 100),
        ("2026-01", "bob", "new", 100),
        ("2026-02", "eve", "new", 100),
        ("2026-03", "bob", "expansion", 20),
        ("2026-05", "bob", "churn", -120),
    ] == movements(filled)
    assert (300, 3) == at(filled, "2026-02", "committed_mrr", "subscriptions")
    assert (2, "0.333333") == at(filled, "2026-05", "customers", "logo_churn")


CASES: Mapping[str, tuple[Mapping[str, str], str, Mapping[str, Any]]] = {
    "stripe-s-glossary-10-opening-1-lost-1-new": (
        {
            "subscriptions": "customer start end amount\n"
            + "\n".join(f"c{number} 2026-01-01 - 10" for number in range(9))
            + "\nc9 2026-01-01 2026-02-10 10\nlate 2026-02-03 - 10"
        },
        "2026-02",
        {"logo_churn": "0.1", "revenue_churn": "0.1", "customers": 10},
    ),
    "ltv-of-arpa-100-margin-80-churn-2": (
        {
            "subscriptions": "customer start end amount\n"
            + "\n".join(f"c{number} 2026-01-01 - 100" for number in range(49))
            + "\nc49 2026-01-01 2026-02-28 100",
            "costs": "month cost_centre amount\n2026-01 cogs-hosting 1000\n2026-02 cogs-hosting 980",
        },
        "2026-02",
        {"trailing_churn": "0.02", "recurring_margin": "0.8", "ltv": 4000, "arpa": 100},
    ),
    "burn-multiple-of-3m-for-1m-of-arr": (
        {
            "mrr": "customer month amount\na 2026-01 100000\na 2026-02 100000\na 2026-03 100000\n"
            "a 2026-04 130000\na 2026-05 160000\na 2026-06 183333.333333333333",
            "cash": "month amount\n2026-04 -1000000\n2026-05 -900000\n2026-06 -1100000",
        },
        "2026-06",
        {"burn_multiple": 3, "net_burn": 1100000},
    ),
    "nrr-is-grr-and-expansion-added-110-not-106": (
        {
            "mrr": "customer month amount\n"
            + "\n".join(f"a 2025-{m:02} 850\nb 2025-{m:02} 150" for m in range(1, 13))
            + "\na 2026-01 1100"
        },
        "2026-01",
        {"grr": "0.85", "nrr": "1.1", "logo_churn_12m": "0.5"},
    ),
    "annualised-churn-of-2.5-percent-a-month-is-26.2": (
        {
            "subscriptions": "customer start end amount\n"
            + "\n".join(f"c{number} 2026-01-01 - 10" for number in range(39))
            + "\nc39 2026-01-01 2026-02-10 10"
        },
        "2026-02",
        {"logo_churn": "0.025", "logo_churn_annualised": "0.262002"},
    ),
    "cac-and-payback-of-a-quarter-s-lag": (
        {
            "subscriptions": "customer start end amount\na 2026-04-01 - 500\nb 2026-04-10 - 500",
            "costs": "month cost_centre amount\n2026-01 sales-pay 8000\n2026-01 marketing-ads 2000\n"
            "2026-04 cogs-hosting 200",
        },
        "2026-04",
        {"matched_cost": 10000, "cac": 5000, "gross_margin": "0.8", "payback_months": "12.5"},
    ),
    "quick-ratio-of-4": (
        {
            "movements": "customer date amount\na 2026-01-01 1000\nb 2026-01-01 100\na 2026-02-05 200\n"
            "b 2026-02-06 -50\nc 2026-02-07 200\na 2026-02-20 -150\nb 2026-02-28 -50"
        },
        "2026-02",  # a: +50 in all, c: 200 new, b: -100
        {"quick_ratio": "2.5", "mrr_expansion": 50, "mrr_churn": -100, "committed_mrr": 1250},
    ),
    "utilisation-has-no-consultant": (
        {"subscriptions": "customer start amount\na 2026-01-01 10"},
        "2026-01",
        {"utilisation": None, "logo_churn": None, "quick_ratio": None},
    ),
    "a-week-is-a-year-s-days-over-84": (
        {"subscriptions": "customer start amount interval\na 2026-01-01 10 week\nb 2026-01-01 1 day"},
        "2026-01",
        {"committed_mrr": "73.919643"},  # 10 x 365.25 / 84 + 365.25 / 12
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_textbook_case_comes_out_right(tmp_path: Path, case: str) -> None:
    """Published examples, told as tables, in the formulas and in the views."""
    sheets, month, expected = CASES[case]

    assert expected == dict(zip(expected, at(told(tmp_path, **sheets), month, *expected), strict=True))


def test_subscription_periods_end_nobody_where_the_data_ends(tmp_path: Path) -> None:
    """The shape of dbt's MRR playbook: whoever is still there on the last day of the data has not left."""
    periods = """
        subscription_id  customer_id  start_date  end_date    monthly_amount
        1                1            2018-12-01  2019-04-01  50
        2                2            2018-12-01  2019-06-01  75
        3                1            2019-05-01  2019-06-01  60
        4                3            2019-02-01  2019-03-01  20
    """
    filled = told(tmp_path, subscription_periods=periods)

    assert [
        ("2018-12", "1", "new", 50),
        ("2018-12", "2", "new", 75),
        ("2019-02", "3", "new", 20),
        ("2019-03", "3", "churn", -20),
        ("2019-04", "1", "churn", -50),
        ("2019-05", "1", "reactivation", 60),
    ] == movements(filled)
    assert ("2019-05", 135) == (
        f"{monthly(filled.connection)['month'][-1]:%Y-%m}",
        *at(filled, "2019-05", "committed_mrr"),
    )


def test_three_ways_to_tell_a_company_are_one_company(tmp_path: Path) -> None:
    """Prices with days, movements and balances of months give the same metrics."""
    draw = random.Random(5)
    prices, moves, months = ["customer start end amount"], ["customer date amount"], ["customer month amount"]
    for number in range(12):
        first, last = sorted(draw.sample(range(1, 12), 2))
        amount = draw.randint(1, 9000)
        prices.append(f"c{number} 2026-{first:02}-01 2026-{last:02}-01 {amount}")
        moves += [f"c{number} 2026-{first:02}-01 {amount}", f"c{number} 2026-{last:02}-01 -{amount}"]
        months += [f"c{number} 2026-{month:02} {amount}" for month in range(first, last)]
    prices.append("stays 2026-01-01 - 7")
    moves.append("stays 2026-01-01 7")
    months += [f"stays 2026-{month:02} 7" for month in range(1, 13)]
    ways = {"subscriptions": prices, "movements": moves, "mrr": months}
    found = {}
    for kind, rows in ways.items():
        path = tmp_path / f"{kind}.csv"
        path.write_text("\n".join(",".join(row.split()) for row in rows).replace("-,", ","), "utf-8")
        found[kind] = monthly(fill([str(path)], until=date(2026, 12, 1)).connection)

    assert found["subscriptions"].equals(found["mrr"])
    assert found["subscriptions"].equals(found["movements"])


RATES = """
    month    currency  rate
    2026-01  EUR       1.1
    2026-02  EUR       1.2
    2026-03  EUR       1.05
    2026-05  EUR       1.123456789
"""
ABROAD = """
    customer  start       end         amount  currency  plan
    ada       2026-01-10  2026-04-10  100     EUR       pro
    bob       2026-01-10  -           100     USD       pro
    eve       2026-02-10  2026-03-15  50      EUR       pro
    eve       2026-03-15  2026-06-15  80      EUR       max
"""


def test_what_rates_do_is_a_movement_of_its_own(tmp_path: Path) -> None:
    """A change counts at the rate of its month; the rest of the balance is revalued in the line `fx`."""
    filled = told(tmp_path, subscriptions=ABROAD, rates=RATES)

    assert "USD" == filled.currency
    assert [
        ("2026-01", "ada", "new", 110),
        ("2026-01", "bob", "new", 100),
        ("2026-02", "ada", "fx", 10),
        ("2026-02", "eve", "new", 60),
        ("2026-03", "ada", "fx", -15),
        ("2026-03", "eve", "expansion", "31.5"),  # 30 x 1.05
        ("2026-03", "eve", "fx", "-7.5"),  # 50 x -0.15
        ("2026-04", "ada", "churn", -105),
        ("2026-05", "eve", "fx", "5.87654312"),  # 80 x 0.073456789
        ("2026-06", "eve", "churn", "-89.87654312"),
    ] == movements(filled)
    assert (10, 280) == at(filled, "2026-02", "mrr_fx", "committed_mrr")
    assert monthly_by(filled.connection, "plan").filter(plan="pro")["mrr_fx"].to_list()[1:4] == [
        Decimal(10), Decimal("-22.5"), 0,
    ]  # fmt: skip


@pytest.mark.parametrize("sheets", [{"subscriptions": THREE}, {"subscriptions": ABROAD, "rates": RATES}])
def test_changes_add_up_to_every_balance(tmp_path: Path, sheets: Mapping[str, str]) -> None:
    """What `mrr_changes` says day by day sums to `mrr_balances` at each month's end."""
    con = told(tmp_path, **sheets).connection

    rows = con.sql("""
        with held as (select month, sum(amount) as amount from mrr_balances group by month)
        select h.month, h.amount, sum(c.amount) from held h
        join mrr_changes c on c.month <= h.month and not c.scheduled group by all
    """).fetchall()
    assert rows
    assert [] == [row for row in rows if row[1] != row[2]]


def test_a_year_that_is_billed_in_advance_is_earned_by_the_day(tmp_path: Path) -> None:
    """An invoice of 3,650 for a year is 310 of January; what is paid is told, and so is what is not."""
    filled = told(
        tmp_path,
        subscriptions="customer start end amount interval\na 2026-01-01 2027-01-01 3650 year",
        invoices="customer date amount start end\na 2026-01-01 3650 2026-01-01 2027-01-01",
        payments="customer date amount\na 2026-02-05 3000",
    )

    names = ("billed", "revenue", "deferred_revenue", "receivable", "cash")
    assert (3650, 310, 3340, 3650, 0) == at(filled, "2026-01", *names)
    assert (0, 280, 3060, 650, 3000) == at(filled, "2026-02", *names)
    assert [NO_COSTS] == filled.notes


def test_without_bills_and_payments_each_month_earns_its_mrr(tmp_path: Path) -> None:
    """That is said, since it is taken for granted."""
    filled = told(tmp_path, subscriptions=THREE)

    assert (300, 300, 500, 0) == at(filled, "2026-02", "revenue", "billed", "cash", "receivable")
    assert [NO_REVENUE, NO_PAYMENTS, NO_COSTS] == filled.notes


def test_usage_stands_beside_what_is_committed(tmp_path: Path) -> None:
    """Usage revenue enters usage MRR, and no movement."""
    usage = "customer month amount\nada 2026-01 30\nada 2026-02 60\nada 2026-03 90"
    filled = told(tmp_path, subscriptions=THREE, usage=usage)

    assert (60, 320, 20) == at(filled, "2026-03", "usage_mrr", "committed_mrr", "mrr_expansion")


def test_json_says_what_csv_says(tmp_path: Path) -> None:
    """One file may hold several tables, with numbers as numbers."""
    path = tmp_path / "company.json"
    rows = [
        {"customer": "ada", "start": "2026-01-05", "amount": 19.99},
        {"customer": "bob", "start": "2026-01-06", "amount": "1", "end": None},
    ]
    costs = [{"month": "2026-01", "category": "sales", "amount": 5}]
    path.write_text(json.dumps({"subscriptions": rows, "costs": costs}), "utf-8")

    assert ("20.99", 5) == at(fill([str(path)]), "2026-01", "committed_mrr", "acquisition_cost")


WRONG = {
    "customer,start,amount\nada,2026-02-30,1\n": "row 2: start '2026-02-30' is no day of the calendar",
    "customer,start,amount\nada,2026-02-03,1,000\n": "is not CSV",
    'customer,start,amount\nada,2026-02-03,"1,000"\n': "row 2: amount '1,000' is no number",
    "customer,start\nada,2026-02-03\n": "subscriptions need a column 'amount'; add it",
    "customer,start,amount,quantty\nada,2026-02-03,1,1\n": "no column 'quantty'; did you mean 'quantity'?",
    "customer,start,amount\n,2026-02-03,1\n": "row 2: customer is missing",
    "customer,start,amount\nada,2026-02-03,-1\n": "row 2: amount -1.000000000000 is below 0",
    "customer,start,end,amount\nada,2026-02-03,2026-02-03,1\n": "row 2: ends on 2026-02-03, and starts on",
    "customer,subscription,start,amount\nada,s,2026-02-03,1\nada,s,2026-05-01,2\n": "'s' overlaps row 2",
    "customer,start,amount,interval\nada,2026-02-03,1,fortnight\n": "interval 'fortnight' is no interval",
    "customer,start,amount,segment\nada,2026-02-03,1,smb\nada,2026-03-03,1,big\n": "segment 'big', and 'smb'",
    "customer,start,amount,currency\nada,2026-02-03,1,EUR\nbob,2026-03-03,1,USD\n": "use EUR, USD; add a",
    "": "is empty",
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_used_is_refused_by_its_row(tmp_path: Path, text: str) -> None:
    """A wrong cell is named by file and row, with its remedy."""
    path = tmp_path / "subscriptions.csv"
    path.write_text(text, "utf-8")

    with pytest.raises(Problems) as caught:
        fill([str(path)])
    assert WRONG[text] in str(caught.value)


def test_every_problem_of_every_file_is_said_at_once(tmp_path: Path) -> None:
    """Who mends tables mends them once."""
    for name, text in {
        "subscriptions": "customer,start,amount\na,x,y\nb,2026-01-01,z\n",
        "costs": "month\nx\n",
    }.items():
        (tmp_path / f"{name}.csv").write_text(text, "utf-8")

    with pytest.raises(Problems) as caught:
        fill([str(tmp_path / "subscriptions.csv"), str(tmp_path / "costs.csv"), "colours=x.csv", "gone.csv"])
    assert len(caught.value.problems) == 7


def test_the_kind_of_a_table_is_told_by_its_name_or_its_columns(tmp_path: Path) -> None:
    """`export.csv` with the columns of costs is a table of costs; a kind can be said."""
    (tmp_path / "export.csv").write_text("month,category,amount\n2026-01,sales,5\n", "utf-8")
    (tmp_path / "book.csv").write_text("customer,month,amount\na,2026-01,5\n", "utf-8")

    with pytest.raises(Problems, match=r"may be mrr or .*say what it is: mrr="):
        fill([str(tmp_path / "book.csv")])
    filled = fill([str(tmp_path / "export.csv"), f"mrr={tmp_path / 'book.csv'}"])
    assert (5, 5) == at(filled, "2026-01", "acquisition_cost", "committed_mrr")


def test_segments_and_cohorts_work_on_tables(tmp_path: Path) -> None:
    """A ledger that was filled is a ledger like any other."""
    con = told(tmp_path, subscriptions=THREE).connection

    parts = monthly_by(con, "segment").filter(pl.col("month") == date(2026, 5, 1))
    assert [("enterprise", 100), ("smb", 100)] == parts.select("segment", "committed_mrr").rows()
    assert 9 == len(cohorts(con))  # five months of January's, four of February's
    assert set(METRICS) >= set(monthly(con).columns) - {"month"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_explains_its_columns(kind: str) -> None:
    """Each table and column says what it is; what is left out has a value that can be read."""
    assert KINDS[kind].description.endswith(".")
    assert all(column.description for column in KINDS[kind].columns.values())
    assert KINDS[kind].needed

"""Replay: a log under a book gives one ledger, however often, in however many steps, whatever comes later."""

import random
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from billing.bill import Billed
from billing.close import close
from billing.ledger import Ledger, digests
from billing.rebilling import measure_log, rebill
from billing.schema import TABLES, keys, polars_schema
from metering.document import Problems
from metering.event import Event
from metering.frame import empty
from metering.log import USAGE_SCHEMA, Log
from metering.period import Period
from tests.ledgers import Tables, book, engine, record, rows, run_of
from tests.stories import BOOK, FIRST, MONTHS, told

ENDLESS = {
    "subscription_phases": {"ends_on"},
    "grants": {"expires_on", "quantity"},
    "mrr_changes": {"event"},
}
"""What has no value where there is no end, or where the price book moves and no fact does."""


def company(directory: Path, events: list[Event], *, months: int = MONTHS) -> Log:
    """Record a company."""
    return record(directory, events, months, first=FIRST)


def ledger_of(log: Log, *, step: int = 0, measured: pl.DataFrame | None = None) -> dict[str, str]:
    """Replay a log and return the digests of its ledger."""
    ledger = Ledger.create()
    rebill(log, ledger, book=book(BOOK), step=step, measured=measured)
    return digests(ledger.connection)


@pytest.fixture(scope="module", params=[1, 2])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Record one of two random companies."""
    return company(tmp_path_factory.mktemp("replay"), told(request.param))


@pytest.fixture(scope="module")
def ledger(log: Log) -> dict[str, str]:
    """Replay the company all months at once."""
    return ledger_of(log)


@pytest.fixture(scope="module")
def tables(log: Log) -> Tables:
    """Close the company all months at once."""
    return close(log, book=book(BOOK), connection=engine())


def test_the_companies_are_worth_replaying(tables: Tables) -> None:
    """Every table of the ledger has rows, and every kind of line, payment, movement and entry is there."""
    assert ["adjustments"] == [name for name in TABLES if not len(tables[name])]  # all came in time
    assert {"recurring", "usage", "once", "credit", "discount", "true_up"} == set(
        tables["invoice_lines"]["kind"]
    )
    assert {"new", "expansion", "contraction", "churn"} <= set(tables["mrr_movements"]["kind"])
    assert 8 == tables["entries"]["kind"].n_unique()


def test_replaying_twice_gives_the_same_ledger(log: Log, ledger: dict[str, str]) -> None:
    """Table by table the canonical exports are equal, byte for byte."""
    assert ledger == ledger_of(log)
    assert set(TABLES) == set(ledger)


@pytest.mark.parametrize("step", [1, 5])
def test_months_one_by_one_give_what_all_at_once_give(log: Log, ledger: dict[str, str], step: int) -> None:
    """A run that bills every month comes to the ledger of a replay that bills all of them at once."""
    assert ledger == ledger_of(log, step=step)


def test_usage_that_is_measured_already_need_not_be_measured_again(log: Log, ledger: dict[str, str]) -> None:
    """Once for every book with the same meters."""
    measured = measure_log(log, book=book(BOOK), connection=engine())

    assert ledger == ledger_of(log, measured=measured)
    assert ledger == ledger_of(log, measured=measured, step=5)


def test_a_log_that_is_opened_again_gives_the_same_ledger(log: Log, ledger: dict[str, str]) -> None:
    """What is on disk is all there is."""
    assert ledger == ledger_of(Log.open(log.directory))


def test_order_and_re_delivery_change_nothing(tmp_path: Path) -> None:
    """A company that is told in another order, some of it twice, has the same ledger."""
    events = told(5, accounts=4)
    again = random.Random(5).sample([*events, *events[::3]], len(events) + len(events[::3]))
    once, twice = Log.create(tmp_path / "once"), Log.create(tmp_path / "twice")
    for log, delivered in ((once, events), (twice, again)):
        _append_all(log, [Event(*event) for event in delivered])

    assert sum(block.duplicates for block in twice.blocks) == len(events[::3])
    assert ledger_of(once) == ledger_of(twice)


def _append_all(log: Log, events: list[Event]) -> None:
    for period in run_of(MONTHS, FIRST):
        here = [event for event in events if period.holds(event.occurred_at.date())]
        log.append(period, here, empty(USAGE_SCHEMA))


CLOSED = (
    "usage",
    "unrated_usage",
    "invoices",
    "invoice_lines",
    "payouts",
    "mrr_balances",
    "mrr_movements",
    "postings",
)


RETOLD = {("mrr_movements", "cause"), ("mrr_movements", "effective_on")}
"""Their own test is test_mrr.test_a_churn_keeps_its_cause_when_the_customer_comes_back."""


def test_what_is_closed_does_not_change_because_of_what_comes_later(
    tmp_path: Path, log: Log, tables: Tables
) -> None:
    """The first eight months of a log give, month by month, what they give within the whole log."""
    cut = Log.create(tmp_path / "cut")
    for period in log.periods[:8]:
        usage = pl.read_parquet(log.usage_files([period])).drop("position", "recorded_at")
        cut.append(period, [fact.event for fact in log.facts([period])], usage)
    short = close(cut, book=book(BOOK), connection=engine())
    last = log.periods[7].starts_on

    for name in CLOSED:
        columns = [column for column in polars_schema(name) if (name, column) not in RETOLD]
        early = tables[name].filter(pl.col("month") <= last)
        assert early.select(columns).sort(columns).equals(short[name].select(columns).sort(columns)), name


def test_companies_in_one_log_do_not_touch_each_other(tmp_path: Path) -> None:
    """Two companies together are billed as each alone, but for what they share: partners."""
    one, two = told(21, 3, "a"), told(22, 3, "b")
    together = [
        event._replace(source=f"{event.source}-{number}")
        for number, some in enumerate((one, two))
        for event in some
    ]
    lines = [
        close(company(tmp_path / str(n), events), book=book(BOOK), connection=engine())["invoice_lines"]
        for n, events in enumerate((one, two, together))
    ]

    columns = polars_schema("invoice_lines").names()
    assert pl.concat(lines[:2]).sort(columns).equals(lines[2].sort(columns))


def test_names_do_not_matter(tmp_path: Path) -> None:
    """The same company under other names has the same amounts."""
    amounts = [
        close(company(tmp_path / names, told(31, 3, names)), book=book(BOOK), connection=engine())[
            "invoice_lines"
        ]
        .select("month", "amount", "kind")
        .sort("month", "amount", "kind")
        for names in ("a", "z")
    ]

    assert amounts[0].equals(amounts[1])


def test_every_key_names_one_row(tables: Tables) -> None:
    """The keys of the schema are unique in every table, and no column that has a value is null."""
    for name in TABLES:
        assert len(tables[name]) == tables[name].select(keys(name)).n_unique(), name
        assert polars_schema(name) == tables[name].schema
        nulls = [column for column in tables[name].columns if tables[name][column].null_count()]
        assert set(nulls) <= ENDLESS.get(name, set()), name


def test_invoices_lines_and_postings_agree(tables: Tables) -> None:
    """Lines sum to invoices, invoices to receivables, lines to revenue and what is deferred."""
    lines = tables["invoice_lines"].group_by("invoice").agg(pl.col("amount").sum())
    receivable = tables["postings"].filter(
        pl.col("entry") == pl.col("invoice"), pl.col("ledger_account") == "receivable"
    )
    earned = tables["postings"].filter(pl.col("ledger_account").is_in(["revenue", "deferred_revenue"]))
    bills = tables["invoices"].select("invoice", "total")

    assert 0 == len(bills.join(lines, on="invoice").filter(pl.col("total") != pl.col("amount")))
    assert 0 == len(bills.join(receivable, on="invoice").filter(pl.col("total") != pl.col("amount")))
    assert bills["total"].sum() == -earned["amount"].sum()


def test_payouts_sum_to_what_the_bands_give(tables: Tables) -> None:
    """Each month's payouts of a partner are the rounded difference of two points on its bands."""
    paid = tables["payouts"].filter(agreement="bands").group_by("partner", "month")
    months = paid.agg(pl.col("basis", "amount").sum()).sort("partner", "month")
    so_far: dict[str, Decimal] = {}
    for partner, basis, amount in months.select("partner", "basis", "amount").iter_rows():
        before = so_far.get(partner, Decimal(0))
        so_far[partner] = before + basis

        assert abs(_bands(so_far[partner]) - _bands(before) - amount) <= Decimal("0.005")
    assert so_far


def _bands(amount: Decimal) -> Decimal:
    above = max(Decimal(0), amount)
    return min(above, Decimal(2000)) * Decimal("0.2") + max(Decimal(0), above - 2000) * Decimal("0.1")


def test_no_service_is_charged_twice(tables: Tables) -> None:
    """Monthly lines of one price of a subscription do not overlap; those of a changed month meet."""
    monthly = tables["invoice_lines"].filter(
        pl.col("kind") == "recurring", pl.col("ends_on") <= pl.col("month").dt.offset_by("1mo")
    )
    billed_by_month = monthly.join(
        tables["subscription_phases"].filter(billing="month"), on=["subscription", "phase_no"], how="semi"
    ).filter(~pl.col("price").is_in(["license", "audit"]))
    follows = pl.col("starts_on") >= pl.col("ends_on").shift().over(
        ["subscription", "plan", "price"], order_by="starts_on"
    )

    assert len(billed_by_month)
    assert billed_by_month.select(follows.fill_null(value=True).all()).item()


def test_phases_do_not_overlap_and_are_never_empty(tables: Tables) -> None:
    """Half-open, in order, numbered from 1, each of a day at least."""
    phases = tables["subscription_phases"].sort("subscription", "phase_no")
    before = pl.col("ends_on").shift().over("subscription")

    assert 0 == len(phases.filter(pl.col("ends_on") <= pl.col("starts_on")))
    assert 0 == len(phases.filter(pl.col("starts_on") < before))
    assert 0 == len(phases.filter(pl.col("phase_no") != pl.int_range(1, pl.len() + 1).over("subscription")))


def test_the_progress_of_a_close_is_told(log: Log) -> None:
    """After each step: its last month and its bill, whose lines are those of the ledger."""
    seen: list[tuple[Period, Billed]] = []
    tables = close(
        log,
        book=book(BOOK),
        connection=engine(),
        step=5,
        progress=lambda month, bill: seen.append((month, bill)),
    )

    assert ["2026-03", "2026-08", "2026-12"] == [month.label for month, _ in seen]
    assert tables["invoice_lines"].equals(pl.concat([bill.lines for _, bill in seen]))


def test_an_empty_log_cannot_be_closed(tmp_path: Path) -> None:
    """There is nothing to bill."""
    with pytest.raises(Problems, match="the log is empty; record a month first"):
        close(Log.create(tmp_path), book=book(BOOK), connection=duckdb.connect())


def test_a_log_without_facts_has_an_empty_ledger(tmp_path: Path) -> None:
    """Three months in which nothing happened: every table is there, and empty."""
    tables = close(record(tmp_path, "", 3), book=book(BOOK), connection=engine(), step=1)

    assert dict.fromkeys(TABLES, 0) == {name: len(table) for name, table in tables.items()}
    assert all(polars_schema(name) == table.schema for name, table in tables.items())


def test_accounts_are_those_that_signed_up(tables: Tables) -> None:
    """With the partner that brought them first."""
    assert [f"a{n}" for n in range(8)] == [account for (account,) in rows(tables["accounts"], "account")]
    assert {"", "p0", "p1"} >= set(tables["accounts"]["partner"])

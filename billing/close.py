"""The close: everything that follows from the bills of a whole log.

Payouts, committed MRR, payments and the journal of all months, in one pass over columns.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl

from billing import entitlement, journal, mrr, recognition, sharing
from billing.bill import Billed, Carried, bill
from billing.lines import months_of, slices
from billing.price_book import PriceBook
from billing.schema import as_table, polars_schema
from metering.document import Problem, Problems, problem
from metering.event import AccountSignedUp, InvoicePaid, InvoiceWrittenOff, MoneySpent, PaymentFailed
from metering.log import Fact, Log
from metering.period import Period


def close(
    log: Log,
    *,
    book: PriceBook,
    connection: duckdb.DuckDBPyConnection,
    measured: pl.DataFrame | None = None,
    step: int = 0,
    progress: Callable[[Period, Billed], None] | None = None,
) -> dict[str, pl.DataFrame]:
    """Bill every month of a log and return every table of the ledger.

    Months are billed `step` at a time, all at once when 0: the rows are the same. `measured` is what
    `metering.usage.measure` gave for the log, where that is known already. Raises Problems for facts that
    name what the book does not have, AssertionError for a broken invariant.
    """
    carried, periods, done = Carried(), log.periods, []
    size = step or max(1, len(periods))
    for first in range(0, len(periods), size):
        part = periods[first : first + size]
        known = None
        if measured is not None:
            known = measured.filter(pl.col("month").is_between(part[0].starts_on, part[-1].starts_on))
        billed = bill(part, log=log, book=book, carried=carried, connection=connection, measured=known)
        carried = billed.carried
        done.append(billed)
        if progress:
            progress(part[-1], billed)
    if not done:
        raise problem(str(log.directory), "the log is empty", "record a month first")
    return _settle(done, log, book, carried)


def _settle(done: Sequence[Billed], log: Log, book: PriceBook, carried: Carried) -> dict[str, pl.DataFrame]:
    facts, periods = log.facts(), log.periods
    phases = carried.subscriptions.frame()
    lines, bills = (pl.concat([part.lines for part in done]), pl.concat([part.invoices for part in done]))
    values = pl.concat([part.values for part in done])
    agreed = sharing.deals(facts, book)
    payouts, taken = sharing.share(lines, agreed, book, phases)
    accounts = _accounts(facts, agreed)
    held = mrr.held_at_month_ends(slices(phases, periods), values, book)
    moved = mrr.recurring(held, phases, accounts, book, periods)
    payments = _payments(facts, bills)
    grants, drawdowns, sold = _entitled(done, carried, book, periods)
    served, broken = recognition.recognise_drawn(lines, sold, grants, drawdowns, book=book, periods=periods)
    booked = journal.journal([
        journal.invoice_entries(bills, lines, sold),
        journal.recognition_entries(recognition.recognise(lines, book, periods)),
        journal.recognition_entries(served),
        journal.recognition_entries(broken, "breakage"),
        journal.payment_entries(payments),
        journal.payout_entries(payouts, taken),
        journal.settlement_entries(_settled(payouts, periods)),
        journal.cost_entries(_costs(facts)),
    ])  # fmt: skip
    return {
        "events": log.fact_frame(),
        "accounts": accounts,
        "subscription_phases": as_table(phases.sort("subscription", "phase_no"), "subscription_phases"),
        "ignored_events": _ignored(carried),
        "usage": pl.concat([part.usage for part in done]),
        "rated_usage": pl.concat([part.rated for part in done]),
        "unrated_usage": pl.concat([part.unrated for part in done]),
        "grants": grants,
        "drawdowns": drawdowns,
        "invoices": bills,
        "invoice_lines": lines,
        "payouts": payouts,
        "payments": payments,
        "entries": booked.entries,
        "postings": booked.postings,
        "mrr_balances": moved.balances,
        "mrr_movements": moved.movements,
    }


def _entitled(
    done: Sequence[Billed], carried: Carried, book: PriceBook, periods: Sequence[Period]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return the ledger's `grants` and `drawdowns`, and which lines are earned by drawing."""
    given = [grant for part in done for grant in part.given]
    drawdowns, sold = (pl.concat([part.drawdowns for part in done]), pl.concat([part.sold for part in done]))
    grants = entitlement.grants(
        given, drawdowns, sold, subscriptions=carried.subscriptions, book=book, periods=periods
    )
    return grants, drawdowns, sold


def _ignored(carried: Carried) -> pl.DataFrame:
    return pl.DataFrame(carried.subscriptions.ignored, schema=polars_schema("ignored_events"), orient="row")


def _accounts(facts: Sequence[Fact], agreed: pl.DataFrame) -> pl.DataFrame:
    brought = dict(
        agreed.unique("account", keep="first", maintain_order=True).select("account", "partner").iter_rows()
    )
    rows = [
        (event.subject, data.kind, data.name, data.email, data.segment, data.channel, data.country,
         event.occurred_at.date(), brought.get(event.subject, ""))
        for _, event in facts
        for data in [event.data]
        if isinstance(data, AccountSignedUp)
    ]  # fmt: skip
    accounts = pl.DataFrame(rows, schema=polars_schema("accounts"), orient="row")
    return accounts.unique("account", keep="first", maintain_order=True).sort("account")


def _payments(facts: Sequence[Fact], bills: pl.DataFrame) -> pl.DataFrame:
    """Match what facts say about invoices with the invoices; an invoice is settled once."""
    rows = []
    for _, event in facts:
        data, day = event.data, event.occurred_at.date()
        if isinstance(data, InvoicePaid):
            rows.append((event.subject, data.period, "paid", 0, day))
        elif isinstance(data, InvoiceWrittenOff):
            rows.append((event.subject, data.period, "written_off", 0, day))
        elif isinstance(data, PaymentFailed):
            rows.append((event.subject, data.period, "failed", data.attempt, day))
    columns = ("account", "label", "kind", "attempt", "occurred_on")
    said = pl.DataFrame(rows, schema=dict(zip(columns, _SAID, strict=True)), orient="row")
    known = bills.with_columns(label=pl.col("month").dt.strftime("%Y-%m"))
    found = said.join(known, on=["account", "label"], maintain_order="left").with_columns(amount="total")
    settles = (pl.col("kind") != "failed").cast(pl.Int64)
    settled_before = settles.cum_sum().over("invoice") - settles
    found = found.filter(settled_before == 0).unique(
        ["invoice", "kind", "attempt"], keep="first", maintain_order=True
    )
    return as_table(found, "payments")


_SMALLEST = Decimal("0.0001")

_SAID = (pl.String, pl.String, pl.String, pl.Int64, pl.Date)


def _settled(payouts: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Return the payouts that are settled in these months, each on the first day after its own."""
    moved = payouts.with_columns(month=pl.col("month").dt.offset_by("1mo"))
    return moved.join(months_of(periods), on="month", how="semi")


def _costs(facts: Sequence[Fact]) -> pl.DataFrame:
    """Read what was spent. Raises Problems for an amount that is finer than the ledger keeps."""
    spent = [(position, event.data) for position, event in facts if isinstance(event.data, MoneySpent)]
    if fine := [(position, data.amount) for position, data in spent if data.amount % _SMALLEST]:
        what = "is finer than a ten-thousandth"
        raise Problems(
            Problem(f"event {position}", f"{amount} {what}", "round it") for position, amount in fine
        )
    rows = [
        (position, event.occurred_at.date(), data.cost_centre, data.segment, data.channel, data.stream,
         data.currency, data.amount)
        for position, event in facts
        for data in [event.data]
        if isinstance(data, MoneySpent)
    ]  # fmt: skip
    postings = polars_schema("postings")
    names = ("cost_centre", "segment", "channel", "stream", "currency", "amount")
    schema: dict[str, Any] = {"position": pl.Int64, "occurred_on": pl.Date} | {
        name: postings[name] for name in names
    }
    return pl.DataFrame(rows, schema=schema, orient="row")

"""The close: from facts and usage to invoices, payouts and journal entries, for one month or for many at once.

Every stage works on columns over any number of months in a row, with what it needs of earlier months carried
in. So a run that closes month by month and a replay that closes all months at once come to the same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import duckdb
import polars as pl

from billing import adjustments, invoice, journal, mrr, rating, recognition, sharing
from billing.lines import charges, months_of, slices
from billing.price_book import PriceBook
from billing.recurring import monthly_charges, monthly_value
from billing.schema import as_table, polars_schema
from billing.subscription import Subscriptions
from billing.yearly import dated_charges, yearly_value
from metering.event import (
    AccountSignedUp,
    InvoicePaid,
    InvoiceWrittenOff,
    MoneySpent,
    PaymentFailed,
)
from metering.frame import empty
from metering.log import Fact, Log
from metering.period import Period
from metering.usage import measure


@dataclass
class Carried:
    """What a close needs to know of the months before: the state of the books, and nothing of the log."""

    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    accounts: pl.DataFrame = field(default_factory=lambda: empty(polars_schema("accounts")))
    deals: pl.DataFrame = field(default_factory=lambda: empty(sharing.DEAL_SCHEMA))
    windows: pl.DataFrame = field(default_factory=lambda: empty(rating.CARRIED_SCHEMA))
    billed: pl.DataFrame = field(default_factory=lambda: empty(adjustments.BILLED_SCHEMA))
    basis: pl.DataFrame = field(default_factory=lambda: empty(sharing.BASIS_SCHEMA))
    deferred: pl.DataFrame = field(default_factory=lambda: empty(recognition.DEFERRED_SCHEMA))
    held: pl.DataFrame = field(default_factory=lambda: empty(mrr.HELD_SCHEMA))
    payers: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"account": pl.String}))
    open_invoices: pl.DataFrame = field(default_factory=lambda: empty(polars_schema("invoices")))
    payable: pl.DataFrame = field(default_factory=lambda: empty(polars_schema("payouts")))


class Closing(NamedTuple):
    """The rows that some months add to the ledger, by table, and what the next months have to know."""

    tables: dict[str, pl.DataFrame]
    carried: Carried


def close(
    periods: Sequence[Period],
    *,
    log: Log,
    book: PriceBook,
    carried: Carried,
    connection: duckdb.DuckDBPyConnection,
    measured: pl.DataFrame | None = None,
) -> Closing:
    """Bill some months in a row of a log under a price book.

    `measured` is what `metering.usage.measure` gave for these months, where that is known already. Raises
    Problems for facts that name what the book does not have, AssertionError for a broken invariant.
    """
    facts = log.facts(periods)
    subscriptions = carried.subscriptions
    subscriptions.apply(facts, book)
    phases = subscriptions.frame()
    if measured is None:
        measured = measure(connection, log, meters=book.meters, spans=spans(phases), periods=periods)
    parts = slices(phases, periods)
    usage, homeless = _at_home(measured, phases)
    rated = rating.rate(usage, parts, book, carried.windows)
    walk = dated_charges(subscriptions.phases.values(), book, periods)
    raw = charges([monthly_charges(parts, book), walk.charge_frame(), rated.charges])
    lines = adjustments.rounded(raw, book)
    less = adjustments.rounded(adjustments.discounts(lines, phases, book), book)
    lines = pl.concat([lines, less])
    more, billed = adjustments.true_ups(
        lines, parts, book, phases=phases, periods=periods, billed=carried.billed
    )
    lines = invoice.number_lines(pl.concat([lines, adjustments.rounded(more, book)]), book)
    bills = invoice.invoices(lines, book)
    agreed = sharing.deals(facts, book, carried.deals)
    shared = sharing.share(lines, agreed, book, basis=carried.basis)
    accounts = pl.concat([carried.accounts, _accounts(facts)])
    values = pl.concat([monthly_value(parts, book), yearly_value(walk, periods)])
    held = mrr.held_at_month_ends(parts, values, phases, book)
    moved = mrr.recurring(
        held, _ended(phases), accounts, book, periods, earlier=carried.held, payers=carried.payers
    )
    deferred = pl.concat([carried.deferred, recognition.deferred_lines(lines)])
    payments, left_open = _payments(facts, pl.concat([carried.open_invoices, bills]))
    owed = pl.concat([carried.payable, shared.payouts])
    booked = journal.journal([
        journal.invoice_entries(bills, lines),
        journal.recognition_entries(recognition.recognise(deferred, book, periods)),
        journal.payment_entries(payments),
        journal.payout_entries(shared.payouts),
        journal.settlement_entries(_settled(owed, periods)),
        journal.cost_entries(_costs(facts)),
    ])  # fmt: skip
    tables = {
        "usage": usage,
        "unrated_usage": _unrated(homeless, rated.unrated, book),
        "invoice_lines": lines,
        "invoices": bills,
        "payouts": shared.payouts,
        "payments": payments,
        "entries": booked.entries,
        "postings": booked.postings,
        "mrr_balances": moved.balances,
        "mrr_movements": moved.movements,
    }
    last = periods[-1]
    after = replace(
        carried,
        accounts=accounts,
        deals=agreed,
        windows=rated.carried,
        billed=billed,
        basis=shared.basis,
        deferred=deferred.filter(pl.col("ends_on") > last.ends_on),
        held=moved.held,
        payers=moved.payers,
        open_invoices=left_open,
        payable=owed.filter(pl.col("month") == last.starts_on),
    )
    return Closing(tables, after)


def standing(carried: Carried) -> dict[str, pl.DataFrame]:
    """Return the tables that say how things stand after the last month closed: accounts and phases."""
    brought = carried.deals.unique("account", keep="first", maintain_order=True).select("account", "partner")
    accounts = carried.accounts.drop("partner").join(brought, on="account", how="left", maintain_order="left")
    accounts = accounts.with_columns(pl.col("partner").fill_null("")).sort("account")
    phases = carried.subscriptions.frame().sort("subscription", "phase_no")
    return {"accounts": as_table(accounts, "accounts"), "subscription_phases": phases}


def spans(phases: pl.DataFrame) -> pl.DataFrame:
    """Return when each phase lasts, as `metering.usage.measure` wants to know it."""
    return phases.select(
        "phase_no",
        subject="subscription",
        starts_at=pl.col("starts_on").cast(pl.Datetime("us")),
        ends_at=pl.col("ends_on").cast(pl.Datetime("us")),
    )


def _at_home(measured: pl.DataFrame, phases: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part measured usage into the ledger's `usage`, and what belongs to no phase."""
    known = measured.filter(pl.col("phase_no").is_not_null()).rename({"subject": "subscription"})
    usage = known.join(
        phases.select("subscription", "phase_no", "account", "plan"),
        on=["subscription", "phase_no"],
        how="left",
        maintain_order="left",
    )
    usage = usage.sort("month", "subscription", "phase_no", "meter", "dimensions")
    return as_table(usage, "usage"), measured.filter(pl.col("phase_no").is_null())


def _unrated(homeless: pl.DataFrame, unpriced: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Say of each usage that is on no invoice why: without a subscription, a meter or a price."""
    schema = polars_schema("unrated_usage")
    no_meter = ~pl.col("meter").is_in(list(book.meters))
    reason = pl.when(no_meter).then(pl.lit("no_meter"))
    rows = pl.concat([
        homeless.with_columns(reason=reason.otherwise(pl.lit("no_subscription"))).select(schema.keys()),
        unpriced.with_columns(subject="subscription", reason=reason.otherwise(pl.lit("no_price"))).select(schema.keys()),
    ])  # fmt: skip
    keys = ["month", "subject", "meter", "reason"]
    totals = rows.group_by(keys).agg(pl.col("quantity", "events").sum()).sort(keys)
    return as_table(totals, "unrated_usage")


def _accounts(facts: Sequence[Fact]) -> pl.DataFrame:
    rows = [
        (event.subject, data.kind, data.name, data.email, data.segment, data.channel, data.country,
         event.occurred_at.date(), "")
        for _, event in facts
        for data in [event.data]
        if isinstance(data, AccountSignedUp)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=polars_schema("accounts"), orient="row")


def _ended(phases: pl.DataFrame) -> pl.DataFrame:
    last = phases.sort("subscription", "phase_no").unique("subscription", keep="last", maintain_order=True)
    return last.select("subscription", "end_reason", ended_on="ends_on")


def _payments(facts: Sequence[Fact], bills: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
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
    done = found.filter(pl.col("kind") != "failed")
    return as_table(found, "payments"), bills.join(done, on="invoice", how="anti", maintain_order="left")


_SAID = (pl.String, pl.String, pl.String, pl.Int64, pl.Date)


def _settled(payouts: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Return the payouts that are settled in these months, each on the first day after its own."""
    moved = payouts.with_columns(month=pl.col("month").dt.offset_by("1mo"))
    return moved.join(months_of(periods), on="month", how="semi")


def _costs(facts: Sequence[Fact]) -> pl.DataFrame:
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

"""The ledger's tables, declared once: from here come the DDL, the Polars schemas and the reference page.

`month` is always the first day of a calendar month. Exact amounts and quantities are DECIMAL(38, 12); amounts
that were rounded and posted are DECIMAL(18, 4), which holds every currency of ISO 4217 (most use 2 places).
Primary keys are checked by `saasim verify`, not by the database: DuckDB loads 12 times slower with them.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from sqlalchemy import Column, Numeric, TypeDecorator, inspect
from sqlmodel import SQLModel

from billing import mrr_tables
from billing.column import column, exact, key, posted
from billing.money import EXACT, POSTED
from metering.frame import shaped


class EventRow(SQLModel, table=True):
    """Every business fact, in the envelope of CloudEvents 1.0 (high-volume usage stays in log/usage)."""

    __tablename__ = "events"
    position: int = key("place in the total order of the log, gapless from 0 over facts and usage together")
    source: str = column("CloudEvents source: who reported it")
    id: str = column("CloudEvents id, unique within its source for ever")
    type: str = column("CloudEvents type, such as subscription.started")
    subject: str = column("the account (of a customer or a partner) that the fact is about")
    occurred_at: datetime = column("when it happened, UTC")
    recorded_at: datetime = column("when it became known, UTC")
    data: str = column("the fact's fields as JSON")


class AccountRow(SQLModel, table=True):
    """Every customer and partner that signed up."""

    __tablename__ = "accounts"
    account: str = key("the account")
    kind: str = column("customer or partner")
    name: str = column("name (made up)")
    email: str = column("mail address (made up, example domains)")
    segment: str = column("segment, such as smb, mid_market, enterprise")
    channel: str = column("acquisition channel")
    country: str = column("ISO 3166 country code")
    signed_up_on: date = column("day of sign-up")
    partner: str = column("the partner that referred or sold it, or empty")


class SubscriptionPhaseRow(SQLModel, table=True):
    """The life of each subscription as half-open phases in which nothing about it changed."""

    __tablename__ = "subscription_phases"
    subscription: str = key("the subscription")
    phase_no: int = key("number of the phase, from 1")
    account: str = column("the account that holds it")
    plan: str = column("plan key of the price book")
    billing: str = column("month or year")
    seats: int = column("seats")
    add_ons: str = column("add-ons and their quantities, as JSON")
    discount: str = column("discount key, or empty")
    trial: bool = column("whether the phase is a free trial")
    anchor_on: date = column("day from which contract years are counted")
    starts_on: date = column("first day")
    ends_on: date | None = column("first day after the phase; NULL while it lasts")
    end_reason: str = column("changed, voluntary, involuntary, paused, or empty while it lasts")


class UsageRow(SQLModel, table=True):
    """Measured usage: a row for each phase, meter, set of dimensions and month. Prices see nothing finer."""

    __tablename__ = "usage"
    month: date = key("service month")
    subscription: str = key("the subscription that used")
    phase_no: int = key("its phase")
    meter: str = key("meter key of the price book")
    dimensions: str = key("values of the meter's dimensions, as JSON, or empty")
    account: str = column("the account that holds the subscription")
    plan: str = column("plan of the phase")
    quantity: Decimal = exact("the meter's aggregate")
    events: int = column("how many events it was measured from")


class RatedUsageRow(SQLModel, table=True):
    """Which invoice line rates which measured usage; several lines may rate the same."""

    __tablename__ = "rated_usage"
    invoice: str = key("the invoice")
    line_no: int = key("the line")
    month: date = key("service month of the usage")
    subscription: str = key("the subscription that used")
    phase_no: int = key("its phase")
    meter: str = key("meter key of the price book")
    dimensions: str = key("values of the meter's dimensions, as in usage")
    quantity: Decimal = exact("how much of it the line rates: what was not above a limit or drawn for free")


class UnratedUsageRow(SQLModel, table=True):
    """Usage that no invoice line prices, with the reason: nothing disappears silently."""

    __tablename__ = "unrated_usage"
    month: date = key("month in which it occurred")
    subject: str = key("the subscription or account that the events name")
    meter: str = key("the meter that the events name")
    reason: str = key("why: no_subscription, no_meter, no_price, trial, over_limit or not_due")
    quantity: Decimal = exact("total quantity")
    events: int = column("how many events")


class GrantRow(SQLModel, table=True):
    """Every right to units of a meter, free or cheaper, that an entitlement gave."""

    __tablename__ = "grants"
    grant: str = key("the grant: its entitlement, and the event, or the subscription and day, that gave it")
    entitlement: str = column("entitlement key of the price book")
    account: str = column("the account that may draw it")
    subscription: str = column("the subscription that got it")
    meter: str = column("the meter whose usage it covers")
    granted_on: date = column("first day on which it covers usage")
    expires_on: date | None = column("first day on which it no longer does; NULL for never")
    quantity: Decimal | None = exact("how many units; NULL for all")
    drawn: Decimal = exact("how many units were drawn")
    free: bool = column("whether units cost nothing; else a discount line takes something off")
    invoice: str = column("the invoice whose revenue is earned as it is drawn, or empty")
    line_no: int = column("the line of that invoice, or 0")


class DrawdownRow(SQLModel, table=True):
    """How much of a month's usage a grant covered; a unit of usage is covered once."""

    __tablename__ = "drawdowns"
    grant: str = key("the grant")
    month: date = key("service month of the usage")
    subscription: str = key("the subscription that used")
    phase_no: int = key("its phase")
    meter: str = key("meter key of the price book")
    dimensions: str = key("values of the meter's dimensions, as in usage")
    quantity: Decimal = exact("how many units")


class IgnoredEventRow(SQLModel, table=True):
    """Facts that change nothing, with the reason: nothing disappears silently."""

    __tablename__ = "ignored_events"
    position: int = key("position of the fact in the log")
    reason: str = column("why it changes nothing, such as: the subscription has ended")


class InvoiceRow(SQLModel, table=True):
    """Every invoice: one for each account and month with something to bill."""

    __tablename__ = "invoices"
    invoice: str = key("invoice number")
    account: str = column("the account that is billed")
    month: date = column("the month that the invoice closes")
    issued_on: date = column("day of issue: the first day after the month")
    due_on: date = column("day when payment is due")
    currency: str = column("ISO 4217 code")
    line_count: int = column("number of lines")
    total: Decimal = posted("sum of the lines")


class InvoiceLineRow(SQLModel, table=True):
    """Every line of every invoice, with the service period it pays for."""

    __tablename__ = "invoice_lines"
    invoice: str = key("the invoice")
    line_no: int = key("number of the line, from 1")
    month: date = column("the month that the invoice closes")
    account: str = column("the account that is billed")
    subscription: str = column("the subscription that the line is for (the account itself for catalog sales)")
    phase_no: int = column("the phase that it is for (the last one where several were measured together)")
    plan: str = column("plan, or catalog")
    price: str = column("price key of the book within the plan, or add-on key")
    stream: str = column("revenue stream")
    kind: str = column("recurring, usage, once, credit, discount, refund, true_up or adjustment")
    meter: str = column("the meter that was rated, or empty")
    dimensions: str = column("values that the price groups by, as JSON, or empty")
    quantity: Decimal = exact("what was counted: seats, or units used in this service period")
    allowance: Decimal = exact("how many of the units were included")
    exact: Decimal = exact("amount before rounding")
    amount: Decimal = posted("amount after rounding: what is billed")
    currency: str = column("ISO 4217 code")
    starts_on: date = column("first day of the service period")
    ends_on: date = column("first day after it")


class AdjustmentRow(SQLModel, table=True):
    """What each line of kind adjustment adjusts: the lines about an earlier month, after something late."""

    __tablename__ = "adjustments"
    invoice: str = key("the invoice")
    line_no: int = key("the line")
    service_month: date = column("the month whose invoice, or its adjustments, had it before")
    adjusts: str = column("kind of the lines that are adjusted, such as usage or recurring")
    quantity_before: Decimal = exact("quantity of all of these lines before")
    quantity_after: Decimal = exact("quantity with what is known now")
    amount_before: Decimal = posted("what had been billed for it")
    amount_after: Decimal = posted("what it comes to with what is known now")


class PayoutRow(SQLModel, table=True):
    """What a partner earns out of one customer's invoice lines of one month."""

    __tablename__ = "payouts"
    payout: str = key("payout number")
    month: date = column("the month that was closed")
    partner: str = column("account of the partner that is paid")
    agreement: str = column("agreement key of the price book")
    kind: str = column("referral, resale, revenue_share, royalty or commission")
    account: str = column("the customer out of whose invoice it is paid")
    basis: Decimal = posted("invoiced amount that the share is taken of")
    amount: Decimal = posted("the partner's share")
    revenue: str = column("gross: the share is an expense; net: it is taken off the revenue of the lines")
    currency: str = column("ISO 4217 code")


class PaymentRow(SQLModel, table=True):
    """What became of invoices: payments, failed tries and write-offs."""

    __tablename__ = "payments"
    invoice: str = key("the invoice")
    kind: str = key("paid, failed or written_off")
    attempt: int = key("number of the try, 0 for the others")
    account: str = column("the account that was billed")
    occurred_on: date = column("the day")
    amount: Decimal = posted("the amount that was paid, tried or given up")
    currency: str = column("ISO 4217 code")


class EntryRow(SQLModel, table=True):
    """Every entry of the journal; its postings sum to zero in each currency."""

    __tablename__ = "entries"
    entry: str = key("the entry, named after its cause")
    month: date = column("the month in which it is booked")
    booked_on: date = column("the day on which it is booked")
    kind: str = column("invoice, recognition, breakage, payment, write_off, payout, settlement or cost")
    account: str = column("the customer or partner, or empty")


class PostingRow(SQLModel, table=True):
    """One side of an entry: debits are positive, credits negative."""

    __tablename__ = "postings"
    entry: str = key("the entry")
    posting_no: int = key("number of the posting within its entry, from 1")
    month: date = column("the month in which it is booked")
    ledger_account: str = column(
        "receivable, cash, deferred_revenue, partner_payable, revenue, partner_share, bad_debt or expense"
    )
    account: str = column("the customer or partner, or empty")
    stream: str = column("revenue stream, or empty")
    invoice: str = column("the invoice that caused it, or empty")
    line_no: int = column("the invoice line that caused it, or 0")
    cost_centre: str = column("cost centre of an expense, or empty")
    segment: str = column("segment that an expense was spent on, or empty")
    channel: str = column("channel that an expense was spent on, or empty")
    currency: str = column("ISO 4217 code")
    amount: Decimal = posted("amount; debit positive, credit negative")


MODELS: tuple[type[SQLModel], ...] = (
    EventRow, AccountRow, SubscriptionPhaseRow, UsageRow, RatedUsageRow, UnratedUsageRow, GrantRow,
    DrawdownRow, IgnoredEventRow, InvoiceRow, InvoiceLineRow, AdjustmentRow, PayoutRow, PaymentRow, EntryRow,
    PostingRow, *mrr_tables.MODELS,
)  # fmt: skip

TABLES: dict[str, type[SQLModel]] = {str(model.__tablename__): model for model in MODELS}
"""Every table of the ledger by name, from facts to what follows from them."""


def polars_schema(name: str) -> pl.Schema:
    """Return the Polars schema of a table."""
    return _SCHEMAS[name]


def keys(name: str) -> list[str]:
    """Return the columns that name a row of a table."""
    return [column.name for column in _columns(TABLES[name]) if column.primary_key]


def ddl() -> list[str]:
    """Return the statements that make the tables in DuckDB, with comments on them and their columns."""
    statements = []
    for name, model in TABLES.items():
        columns = ", ".join(
            f'"{column.name}" {_SQL_TYPES[_SCHEMAS[name][column.name]]}'
            + ("" if column.nullable else " not null")
            for column in _columns(model)
        )
        statements.append(f'create table "{name}" ({columns})')
        statements.append(comment("table", f'"{name}"', (model.__doc__ or "").strip()))
        for named, field in model.model_fields.items():
            statements.append(comment("column", f'"{name}"."{named}"', field.description or ""))
    return statements


def comment(kind: str, name: str, text: str) -> str:
    """Return the statement that puts a comment into the database."""
    quoted = text.replace("'", "''")
    return f"comment on {kind} {name} is '{quoted}'"


def as_table(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return a frame with exactly the columns of a table."""
    return shaped(frame, polars_schema(name))


def _columns(model: type[SQLModel]) -> list[Column[Any]]:
    return list(inspect(model).local_table.columns)


def _polars_type(kind: Any) -> pl.DataType:
    if isinstance(kind, Numeric):
        return EXACT if kind.precision == EXACT.precision else POSTED
    if isinstance(kind, TypeDecorator):  # SQLModel's own types, whose python_type is object
        kind = kind.impl_instance
    return _POLARS_TYPES[kind.python_type]


_POLARS_TYPES: dict[type, pl.DataType] = {
    int: pl.Int64(),
    str: pl.String(),
    bool: pl.Boolean(),
    date: pl.Date(),
    datetime: pl.Datetime("us"),
}

_SQL_TYPES: dict[pl.DataType, str] = {
    pl.Int64(): "bigint",
    pl.String(): "varchar",
    pl.Boolean(): "boolean",
    pl.Date(): "date",
    pl.Datetime("us"): "timestamp",
    EXACT: "decimal(38, 12)",
    POSTED: "decimal(18, 4)",
}

_SCHEMAS = {
    name: pl.Schema({column.name: _polars_type(column.type) for column in _columns(model)})
    for name, model in TABLES.items()
}

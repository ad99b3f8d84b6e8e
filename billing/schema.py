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
from sqlmodel import Field, SQLModel

from billing.money import EXACT
from metering.frame import shaped

POSTED = pl.Decimal(18, 4)
"""Rounded amounts of money."""


def _key(description: str) -> Any:
    return Field(primary_key=True, description=description)


def _column(description: str) -> Any:
    return Field(description=description)


def _exact(description: str) -> Any:
    return Field(sa_type=Numeric(38, 12), description=description)


def _posted(description: str) -> Any:
    return Field(sa_type=Numeric(18, 4), description=description)


class EventRow(SQLModel, table=True):
    """Every business fact, in the envelope of CloudEvents 1.0 (high-volume usage stays in log/usage)."""

    __tablename__ = "events"
    position: int = _key("place in the total order of the log, gapless from 0 over facts and usage together")
    source: str = _column("CloudEvents source: who reported it")
    id: str = _column("CloudEvents id, unique within its source for ever")
    type: str = _column("CloudEvents type, such as subscription.started")
    subject: str = _column("the account (of a customer or a partner) that the fact is about")
    occurred_at: datetime = _column("when it happened, UTC")
    recorded_at: datetime = _column("when it became known, UTC")
    data: str = _column("the fact's fields as JSON")


class AccountRow(SQLModel, table=True):
    """Every customer and partner that signed up."""

    __tablename__ = "accounts"
    account: str = _key("the account")
    kind: str = _column("customer or partner")
    name: str = _column("name (made up)")
    email: str = _column("mail address (made up, example domains)")
    segment: str = _column("segment, such as smb, mid_market, enterprise")
    channel: str = _column("acquisition channel")
    country: str = _column("ISO 3166 country code")
    signed_up_on: date = _column("day of sign-up")
    partner: str = _column("the partner that referred or sold it, or empty")


class SubscriptionPhaseRow(SQLModel, table=True):
    """The life of each subscription as half-open phases in which nothing about it changed."""

    __tablename__ = "subscription_phases"
    subscription: str = _key("the subscription")
    phase_no: int = _key("number of the phase, from 1")
    account: str = _column("the account that holds it")
    plan: str = _column("plan key of the price book")
    billing: str = _column("month or year")
    seats: int = _column("seats")
    add_ons: str = _column("add-ons and their quantities, as JSON")
    discount: str = _column("discount key, or empty")
    trial: bool = _column("whether the phase is a free trial")
    anchor_on: date = _column("day from which contract years are counted")
    starts_on: date = _column("first day")
    ends_on: date | None = _column("first day after the phase; NULL while it lasts")
    end_reason: str = _column("changed, voluntary, involuntary, or empty while it lasts")


class UsageRow(SQLModel, table=True):
    """Measured usage: a row for each phase, meter, set of dimensions and month. Prices see nothing finer."""

    __tablename__ = "usage"
    month: date = _key("service month")
    subscription: str = _key("the subscription that used")
    phase_no: int = _key("its phase")
    meter: str = _key("meter key of the price book")
    dimensions: str = _key("values of the meter's dimensions, as JSON, or empty")
    account: str = _column("the account that holds the subscription")
    plan: str = _column("plan of the phase")
    quantity: Decimal = _exact("the meter's aggregate")
    events: int = _column("how many events it was measured from")


class RatedUsageRow(SQLModel, table=True):
    """Which invoice line rates which measured usage; several lines may rate the same."""

    __tablename__ = "rated_usage"
    invoice: str = _key("the invoice")
    line_no: int = _key("the line")
    month: date = _key("service month of the usage")
    subscription: str = _key("the subscription that used")
    phase_no: int = _key("its phase")
    meter: str = _key("meter key of the price book")
    dimensions: str = _key("values of the meter's dimensions, as in usage")
    quantity: Decimal = _exact("how much of it the line rates: what was not above a limit or drawn for free")


class UnratedUsageRow(SQLModel, table=True):
    """Usage that no invoice line prices, with the reason: nothing disappears silently."""

    __tablename__ = "unrated_usage"
    month: date = _key("month in which it occurred")
    subject: str = _key("the subscription or account that the events name")
    meter: str = _key("the meter that the events name")
    reason: str = _key("why: no_subscription, no_meter, no_price, trial, over_limit or not_due")
    quantity: Decimal = _exact("total quantity")
    events: int = _column("how many events")


class GrantRow(SQLModel, table=True):
    """Every right to units of a meter, free or cheaper, that an entitlement gave."""

    __tablename__ = "grants"
    grant: str = _key("the grant: its entitlement, and the event, or the subscription and day, that gave it")
    entitlement: str = _column("entitlement key of the price book")
    account: str = _column("the account that may draw it")
    subscription: str = _column("the subscription that got it")
    meter: str = _column("the meter whose usage it covers")
    granted_on: date = _column("first day on which it covers usage")
    expires_on: date | None = _column("first day on which it no longer does; NULL for never")
    quantity: Decimal | None = _exact("how many units; NULL for all")
    drawn: Decimal = _exact("how many units were drawn")
    free: bool = _column("whether units cost nothing; else a discount line takes something off")
    invoice: str = _column("the invoice whose revenue is earned as it is drawn, or empty")
    line_no: int = _column("the line of that invoice, or 0")


class DrawdownRow(SQLModel, table=True):
    """How much of a month's usage a grant covered; a unit of usage is covered once."""

    __tablename__ = "drawdowns"
    grant: str = _key("the grant")
    month: date = _key("service month of the usage")
    subscription: str = _key("the subscription that used")
    phase_no: int = _key("its phase")
    meter: str = _key("meter key of the price book")
    dimensions: str = _key("values of the meter's dimensions, as in usage")
    quantity: Decimal = _exact("how many units")


class IgnoredEventRow(SQLModel, table=True):
    """Facts that change nothing, with the reason: nothing disappears silently."""

    __tablename__ = "ignored_events"
    position: int = _key("position of the fact in the log")
    reason: str = _column("why it changes nothing, such as: the subscription has ended")


class InvoiceRow(SQLModel, table=True):
    """Every invoice: one for each account and month with something to bill."""

    __tablename__ = "invoices"
    invoice: str = _key("invoice number")
    account: str = _column("the account that is billed")
    month: date = _column("the month that the invoice closes")
    issued_on: date = _column("day of issue: the first day after the month")
    due_on: date = _column("day when payment is due")
    currency: str = _column("ISO 4217 code")
    line_count: int = _column("number of lines")
    total: Decimal = _posted("sum of the lines")


class InvoiceLineRow(SQLModel, table=True):
    """Every line of every invoice, with the service period it pays for."""

    __tablename__ = "invoice_lines"
    invoice: str = _key("the invoice")
    line_no: int = _key("number of the line, from 1")
    month: date = _column("the month that the invoice closes")
    account: str = _column("the account that is billed")
    subscription: str = _column(
        "the subscription that the line is for (the account itself for catalog sales)"
    )
    phase_no: int = _column("the phase that it is for (the last one where several were measured together)")
    plan: str = _column("plan, or catalog")
    price: str = _column("price key of the book within the plan, or add-on key")
    stream: str = _column("revenue stream")
    kind: str = _column("recurring, usage, once, credit, discount, refund, true_up or adjustment")
    meter: str = _column("the meter that was rated, or empty")
    dimensions: str = _column("values that the price groups by, as JSON, or empty")
    quantity: Decimal = _exact("what was counted: seats, or units used in this service period")
    allowance: Decimal = _exact("how many of the units were included")
    exact: Decimal = _exact("amount before rounding")
    amount: Decimal = _posted("amount after rounding: what is billed")
    currency: str = _column("ISO 4217 code")
    starts_on: date = _column("first day of the service period")
    ends_on: date = _column("first day after it")


class AdjustmentRow(SQLModel, table=True):
    """What each line of kind adjustment adjusts: the lines about an earlier month, after something late."""

    __tablename__ = "adjustments"
    invoice: str = _key("the invoice")
    line_no: int = _key("the line")
    service_month: date = _column("the month whose invoice, or its adjustments, had it before")
    adjusts: str = _column("kind of the lines that are adjusted, such as usage or recurring")
    quantity_before: Decimal = _exact("quantity of all of these lines before")
    quantity_after: Decimal = _exact("quantity with what is known now")
    amount_before: Decimal = _posted("what had been billed for it")
    amount_after: Decimal = _posted("what it comes to with what is known now")


class PayoutRow(SQLModel, table=True):
    """What a partner earns out of one customer's invoice lines of one month."""

    __tablename__ = "payouts"
    payout: str = _key("payout number")
    month: date = _column("the month that was closed")
    partner: str = _column("account of the partner that is paid")
    agreement: str = _column("agreement key of the price book")
    kind: str = _column("referral, resale, revenue_share, royalty or commission")
    account: str = _column("the customer out of whose invoice it is paid")
    basis: Decimal = _posted("invoiced amount that the share is taken of")
    amount: Decimal = _posted("the partner's share")
    revenue: str = _column("gross: the share is an expense; net: it is taken off the revenue of the lines")
    currency: str = _column("ISO 4217 code")


class PaymentRow(SQLModel, table=True):
    """What became of invoices: payments, failed tries and write-offs."""

    __tablename__ = "payments"
    invoice: str = _key("the invoice")
    kind: str = _key("paid, failed or written_off")
    attempt: int = _key("number of the try, 0 for the others")
    account: str = _column("the account that was billed")
    occurred_on: date = _column("the day")
    amount: Decimal = _posted("the amount that was paid, tried or given up")
    currency: str = _column("ISO 4217 code")


class EntryRow(SQLModel, table=True):
    """Every entry of the journal; its postings sum to zero in each currency."""

    __tablename__ = "entries"
    entry: str = _key("the entry, named after its cause")
    month: date = _column("the month in which it is booked")
    booked_on: date = _column("the day on which it is booked")
    kind: str = _column("invoice, recognition, breakage, payment, write_off, payout, settlement or cost")
    account: str = _column("the customer or partner, or empty")


class PostingRow(SQLModel, table=True):
    """One side of an entry: debits are positive, credits negative."""

    __tablename__ = "postings"
    entry: str = _key("the entry")
    posting_no: int = _key("number of the posting within its entry, from 1")
    month: date = _column("the month in which it is booked")
    ledger_account: str = _column(
        "receivable, cash, deferred_revenue, partner_payable, revenue, partner_share, bad_debt or expense"
    )
    account: str = _column("the customer or partner, or empty")
    stream: str = _column("revenue stream, or empty")
    invoice: str = _column("the invoice that caused it, or empty")
    line_no: int = _column("the invoice line that caused it, or 0")
    cost_centre: str = _column("cost centre of an expense, or empty")
    segment: str = _column("segment that an expense was spent on, or empty")
    channel: str = _column("channel that an expense was spent on, or empty")
    currency: str = _column("ISO 4217 code")
    amount: Decimal = _posted("amount; debit positive, credit negative")


class MrrBalanceRow(SQLModel, table=True):
    """Committed monthly recurring revenue of each subscription at the last instant of each month."""

    __tablename__ = "mrr_balances"
    month: date = _key("the month")
    subscription: str = _key("the subscription")
    account: str = _column("the account that holds it")
    segment: str = _column("segment of the account")
    plan: str = _column("plan at that instant")
    stream: str = _column("revenue stream of the plan")
    amount: Decimal = _exact(
        "recurring charges of a month (a year's divided by 12), net of discounts, without usage"
    )


class MrrMovementRow(SQLModel, table=True):
    """Why committed MRR changed: one row for each account, month and kind; balances are sums of movements."""

    __tablename__ = "mrr_movements"
    month: date = _key("the month")
    account: str = _key("the account")
    kind: str = _key("new, expansion, contraction, churn or reactivation")
    segment: str = _column("segment of the account")
    cause: str = _column("what changed: plan, seats, add_on, price, subscription, voluntary, involuntary")
    effective_on: date = _column("the day of the change that caused it")
    amount: Decimal = _exact("change of committed MRR; negative for contraction and churn")


MODELS: tuple[type[SQLModel], ...] = (
    EventRow, AccountRow, SubscriptionPhaseRow, UsageRow, RatedUsageRow, UnratedUsageRow, GrantRow,
    DrawdownRow, IgnoredEventRow, InvoiceRow, InvoiceLineRow, AdjustmentRow, PayoutRow, PaymentRow, EntryRow,
    PostingRow, MrrBalanceRow, MrrMovementRow,
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
        for column, field in model.model_fields.items():
            statements.append(comment("column", f'"{name}"."{column}"', field.description or ""))
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

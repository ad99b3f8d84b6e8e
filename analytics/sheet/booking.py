"""Booking: what sheets say of bills, costs, shares and money, as the ledger's invoices, payouts and journal.

Where no sheet tells revenue, each month earns its committed MRR; where none tells payments, a bill is paid in
the month in which it is billed; where one tells cash, nothing else moves cash.
"""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from analytics.sheet.history import happened
from analytics.sheet.rate import converted
from analytics.sheet.reading import Sheets, refuse
from billing import journal
from billing.lines import months_of
from billing.money import EXACT, POSTED
from billing.price_book import PriceBook
from billing.recognition import recognise
from billing.schema import as_table, polars_schema
from metering.frame import empty
from metering.period import Period

CLEARING = "clearing"
"""The account of what was spent and received where a sheet tells how cash moved."""

_DAY = timedelta(days=1)
LATER = "let it end later"
_LINES = ("invoices", "revenue", "usage")


def book(
    sheets: Sheets, worth: pl.DataFrame, rates: pl.DataFrame, currency: str, periods: list[Period]
) -> dict[str, pl.DataFrame]:
    """Return the tables of bills and of the journal. Raises Problems for a service that ends too early."""
    prices = PriceBook(name="sheets", currency=currency, plans={})
    lines = _numbered(_lines(sheets, worth, rates, periods), currency)
    invoices = _invoices(lines)
    payouts = _payouts(sheets, rates, currency, periods)
    payments, received = _paid(sheets, invoices, rates, currency, periods)
    pieces = [
        journal.invoice_entries(invoices, lines),
        journal.recognition_entries(recognise(lines, prices, periods)),
        received,
        journal.payout_entries(payouts, empty(_TAKEN)),
        journal.settlement_entries(_settled(payouts, periods)),
        journal.cost_entries(_costs(sheets, rates, currency, periods)),
    ]
    booked = journal.journal(_with_cash(pieces, sheets, rates, currency, periods))
    tables = {"invoices": invoices, "invoice_lines": lines, "payouts": payouts, "payments": payments}
    return {**tables, "entries": booked.entries, "postings": booked.postings}


_TAKEN = pl.Schema({"payout": pl.String(), "invoice": pl.String(), "line_no": pl.Int64(), "amount": POSTED})

_LINE = pl.Schema({
    "month": pl.Date(), "account": pl.String(), "subscription": pl.String(), "plan": pl.String(),
    "stream": pl.String(), "kind": pl.String(), "amount": EXACT, "starts_on": pl.Date(), "ends_on": pl.Date(),
    "issued_on": pl.Date(),
})  # fmt: skip


def _lines(sheets: Sheets, worth: pl.DataFrame, rates: pl.DataFrame, periods: list[Period]) -> pl.DataFrame:
    """Return every charge (`_LINE`), in the currency of the metrics."""
    next_month = pl.col("month").dt.offset_by("1mo")
    whole = {"starts_on": pl.col("month"), "ends_on": next_month, "issued_on": next_month - _DAY}
    found = []
    for kind in _LINES:
        if kind in sheets:
            day = "date" if kind == "invoices" else "month"
            rows = converted(happened(sheets[kind], day, periods), rates).rename({"customer": "account"})
            rows = rows.with_columns(subscription=pl.col("account"))
            if kind == "usage":
                rows = rows.with_columns(kind=pl.lit("usage"))
            spans = whole
            if kind == "invoices":
                start, end = pl.coalesce("start", "month"), pl.coalesce("end", next_month)
                spans = {"starts_on": start, "ends_on": end, "issued_on": pl.col("date")}
            found.append(rows.with_columns(**spans))
    if not {"invoices", "revenue"} & set(sheets):
        found.append(worth.with_columns(kind=pl.lit("recurring"), **whole))
    for rows in found:
        if "row" in rows.columns:
            backward = rows.filter(pl.col("ends_on") <= pl.col("starts_on"))
            refuse(backward, lambda row: f"ends on {row['ends_on']}, and starts on {row['starts_on']}", LATER)
    shaped = [rows.select(_LINE.names()).cast(_LINE) for rows in found]
    return pl.concat(shaped).filter(pl.col("amount") != 0) if shaped else empty(_LINE)


def _numbered(lines: pl.DataFrame, currency: str) -> pl.DataFrame:
    """Give each charge its invoice and line number; an invoice holds all of a customer's month."""
    order = ["month", "account", "subscription", "plan", "stream", "kind", "starts_on", "ends_on", "amount"]
    numbered = lines.sort(order).with_columns(
        invoice=pl.format("INV-{}-{}", pl.col("month").dt.strftime("%Y-%m"), "account"),
        phase_no=pl.lit(1),
        price=pl.col("kind"),
        meter=pl.lit(""),
        dimensions=pl.lit(""),
        quantity=pl.lit(1).cast(EXACT),
        allowance=pl.lit(0).cast(EXACT),
        exact=pl.col("amount"),
        amount=pl.col("amount").round(POSTED.scale).cast(POSTED),
        currency=pl.lit(currency),
    )
    numbered = numbered.with_columns(line_no=pl.int_range(1, pl.len() + 1).over("invoice"))
    return numbered.select(*polars_schema("invoice_lines").names(), "issued_on")


def _invoices(lines: pl.DataFrame) -> pl.DataFrame:
    invoices = lines.group_by("invoice", "account", "month", "currency", maintain_order=True).agg(
        issued_on=pl.col("issued_on").max(),
        line_count=pl.len().cast(pl.Int64),
        total=pl.col("amount").sum(),
    )
    return as_table(invoices.with_columns(due_on="issued_on"), "invoices")


def _payouts(sheets: Sheets, rates: pl.DataFrame, currency: str, periods: list[Period]) -> pl.DataFrame:
    if "payouts" not in sheets:
        return empty(polars_schema("payouts"))
    rows = happened(sheets["payouts"], "month", periods).with_columns(pl.col("amount").cast(EXACT))
    basis = converted(rows.with_columns(amount=pl.col("basis")), rates)["amount"]
    rows = converted(rows, rates).with_columns(basis=basis)
    made = rows.with_columns(
        payout=pl.format("PAY-{}-{}", pl.col("month").dt.strftime("%Y-%m"), pl.int_range(1, pl.len() + 1)),
        agreement=pl.col("kind"),
        account="customer",
        revenue=pl.lit("gross"),
        currency=pl.lit(currency),
    )
    return as_table(made, "payouts")


def _settled(payouts: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    moved = payouts.with_columns(month=pl.col("month").dt.offset_by("1mo"))
    return moved.join(months_of(periods), on="month", how="semi")


def _costs(sheets: Sheets, rates: pl.DataFrame, currency: str, periods: list[Period]) -> pl.DataFrame:
    names = ("cost_centre", "segment", "channel", "stream", "currency", "amount")
    postings = polars_schema("postings")
    schema = {"position": pl.Int64(), "occurred_on": pl.Date()} | {name: postings[name] for name in names}
    if "costs" not in sheets:
        return pl.DataFrame(schema=schema)
    rows = converted(happened(sheets["costs"], "month", periods), rates)
    made = rows.with_columns(
        position=pl.int_range(pl.len(), dtype=pl.Int64), occurred_on="month", currency=pl.lit(currency)
    )
    return made.select(list(schema)).cast(schema)  # type: ignore[arg-type]


def _paid(
    sheets: Sheets, invoices: pl.DataFrame, rates: pl.DataFrame, currency: str, periods: list[Period]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the ledger's `payments`, and the entries of what was received."""
    if "payments" not in sheets:
        paid = invoices.filter(pl.col("total") != 0).with_columns(
            kind=pl.lit("paid"), attempt=pl.lit(0), occurred_on="issued_on", amount="total"
        )
        table = as_table(paid, "payments")
        return table, journal.payment_entries(table)
    rows = converted(happened(sheets["payments"], "date", periods), rates)
    return empty(polars_schema("payments")), _received(
        rows.rename({"customer": "account"}), "RECEIPT", currency
    )


def _with_cash(
    pieces: list[pl.DataFrame], sheets: Sheets, rates: pl.DataFrame, currency: str, periods: list[Period]
) -> list[pl.DataFrame]:
    """Let a sheet of cash move cash, and nothing else."""
    if "cash" not in sheets:
        return pieces
    rows = converted(happened(sheets["cash"], "month", periods), rates)
    instead = [piece.with_columns(pl.col("ledger_account").replace("cash", CLEARING)) for piece in pieces]
    rows = rows.with_columns(account=pl.lit(""))
    moved = _received(rows, "CASH", currency).with_columns(
        pl.col("ledger_account").replace("receivable", CLEARING)
    )
    return [*instead, moved]


def _received(rows: pl.DataFrame, word: str, currency: str) -> pl.DataFrame:
    """Return the entries of money that names no invoice; `word` begins their names."""
    number = pl.int_range(1, pl.len() + 1)
    numbered = rows.with_columns(
        invoice=pl.format("{}-{}", pl.lit(word), number),
        currency=pl.lit(currency),
        kind=pl.lit("paid"),
        occurred_on="month",
    )
    return journal.payment_entries(numbered).with_columns(invoice=pl.lit(""))

"""The journal: every amount of money as a double entry; debits are positive, credits negative.

invoice        receivable +    revenue - or deferred_revenue -     a posting a line
recognition    deferred_revenue +    revenue -                     a pair a line that is earned
breakage       deferred_revenue +    revenue -                     of units that expired undrawn
payment        cash +          receivable -
write_off      bad_debt +      receivable -
payout         partner_share + partner_payable -               revenue + (of each line) where revenue is net
settlement     partner_payable +    cash -                         on the first day of the next month
cost           expense +       cash -
"""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from billing.recognition import is_deferred
from billing.schema import as_table, polars_schema
from metering.frame import empty, shaped
from metering.order import runs


class Journal(NamedTuple):
    """The ledger's `entries` and `postings`."""

    entries: pl.DataFrame
    postings: pl.DataFrame


_RECOGNISED = {"recognition": "REC", "breakage": "BREAK"}
_TEXTS = ("account", "stream", "invoice", "cost_centre", "segment", "channel")


def journal(pieces: Sequence[pl.DataFrame]) -> Journal:
    """Put the pieces (from the functions below) into entries and postings, in a fixed order.

    Raises AssertionError where an entry does not sum to zero in each of its currencies.
    """
    rows = pl.concat([piece for piece in pieces if len(piece)]) if any(map(len, pieces)) else _piece([])
    rows = rows.filter(pl.col("amount") != 0).sort("month", "entry", "posting_no", maintain_order=True)
    entries = runs(rows, ["entry"])
    if rows["currency"].n_unique() > 1 or (entries.sums(rows["amount"]) != 0).any():
        sums = rows.group_by("entry", "currency").agg(pl.col("amount").sum()).filter(pl.col("amount") != 0)
        assert not len(sums), f"entries that do not sum to zero: {sums.sort('entry').head(5).rows()}"
    heads = rows[entries.first]
    rows = rows.with_columns(posting_no=entries.position())
    return Journal(as_table(heads, "entries"), as_table(rows, "postings"))


def invoice_entries(
    invoices: pl.DataFrame, lines: pl.DataFrame, sold: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Book invoices: the customer owes the total; a line is earned, or deferred where its service goes on.

    `sold` names the lines that are earned as grants are drawn (`billing.recognition.SOLD_SCHEMA`).
    """
    booked = {"entry": pl.col("invoice"), "booked_on": _next_month(), "kind": pl.lit("invoice")}
    owed = invoices.with_columns(
        **booked | {"booked_on": pl.col("issued_on")},
        posting_no=pl.lit(0),
        ledger_account=pl.lit("receivable"),
        amount="total",
    )
    lines = lines.with_columns(later=is_deferred())
    if sold is not None:
        drawn = sold.select("invoice", "line_no", is_sold=pl.lit(value=True)).unique()
        lines = lines.join(drawn, on=["invoice", "line_no"], how="left", maintain_order="left")
        lines = lines.with_columns(later=pl.col("later") | pl.col("is_sold").fill_null(value=False))
    earned = lines.with_columns(
        **booked,
        posting_no="line_no",
        ledger_account=pl.when("later").then(pl.lit("deferred_revenue")).otherwise(pl.lit("revenue")),
        amount=-pl.col("amount"),
    )
    return _piece([owed, earned])


def recognition_entries(earned: pl.DataFrame, kind: str = "recognition") -> pl.DataFrame:
    """Book what months earn of deferred lines, by serving or (kind `breakage`) because units expired."""
    common = earned.with_columns(
        entry=pl.lit(f"{_RECOGNISED[kind]}-")
        + pl.col("month").dt.strftime("%Y-%m")
        + "-"
        + pl.col("invoice"),
        booked_on=_next_month(),
        kind=pl.lit(kind),
    )
    taken = common.with_columns(
        ledger_account=pl.lit("deferred_revenue"), amount="earned", posting_no=pl.col("line_no") * 2
    )
    given = common.with_columns(
        ledger_account=pl.lit("revenue"), amount=-pl.col("earned"), posting_no=pl.col("line_no") * 2 + 1
    )
    return _piece([taken, given])


def payment_entries(payments: pl.DataFrame) -> pl.DataFrame:
    """Book what customers paid, and what was given up."""
    settled = payments.filter(pl.col("kind") != "failed").with_columns(
        entry=pl.when(pl.col("kind") == "paid").then(pl.lit("PAID-")).otherwise(pl.lit("LOST-"))
        + pl.col("invoice"),
        month=pl.col("occurred_on").dt.truncate("1mo"),
        booked_on="occurred_on",
        into=pl.when(pl.col("kind") == "paid").then(pl.lit("cash")).otherwise(pl.lit("bad_debt")),
        kind=pl.when(pl.col("kind") == "paid").then(pl.lit("payment")).otherwise(pl.lit("write_off")),
    )
    return _pair(settled, "into", "receivable")


def payout_entries(payouts: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    """Book what partners earned: an expense, or less revenue of the customer's lines where it is net.

    `taken` is what net payouts take off the revenue of which lines (`billing.sharing.TAKEN_SCHEMA`).
    """
    booked = payouts.with_columns(entry="payout", booked_on=_next_month(), kind=pl.lit("payout"))
    paid = booked.with_columns(account="partner", into=pl.lit("partner_share"))
    gross = _pair(paid.filter(pl.col("revenue") == "gross"), "into", "partner_payable")
    # Whom an entry is about is said by its first posting: the partner's, and then the customer's.
    due = paid.filter(pl.col("revenue") == "net").with_columns(
        posting_no=pl.lit(0), ledger_account=pl.lit("partner_payable"), amount=-pl.col("amount")
    )
    less = taken.join(booked.drop("amount"), on="payout").with_columns(
        posting_no="line_no", ledger_account=pl.lit("revenue")
    )
    return pl.concat([gross, _piece([due, less])])


def settlement_entries(payouts: pl.DataFrame) -> pl.DataFrame:
    """Book that partners were paid: `payouts` of the month before, with the `month` of the settlement."""
    paid = payouts.with_columns(
        entry=pl.lit("SETTLED-") + pl.col("payout"),
        booked_on="month",
        kind=pl.lit("settlement"),
        account="partner",
    )
    return _pair(paid.with_columns(into=pl.lit("partner_payable")), "into", "cash")


def cost_entries(costs: pl.DataFrame) -> pl.DataFrame:
    """Book what the company spent.

    `costs` has position, occurred_on, cost_centre, segment, channel, stream, currency and amount.
    """
    booked = costs.with_columns(
        entry=pl.lit("COST-") + pl.col("position").cast(pl.String),
        month=pl.col("occurred_on").dt.truncate("1mo"),
        booked_on="occurred_on",
        kind=pl.lit("cost"),
        into=pl.lit("expense"),
    )
    return _pair(booked, "into", "cash")


def _pair(frame: pl.DataFrame, debit: str, credit: str) -> pl.DataFrame:
    """Return two postings a row: debit the account that a column names, credit the one named here."""
    into = frame.with_columns(posting_no=pl.lit(1), ledger_account=pl.col(debit))
    out = frame.with_columns(posting_no=pl.lit(2), ledger_account=pl.lit(credit), amount=-pl.col("amount"))
    return _piece([into, out])


def _piece(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Bring rows to the columns of postings, with those of their entry in front."""
    schema = pl.Schema({**polars_schema("postings"), **polars_schema("entries")})
    filled = []
    for frame in filter(len, frames):
        missing = {name: pl.lit("") for name in _TEXTS if name not in frame.columns}
        if "line_no" not in frame.columns:
            missing["line_no"] = pl.lit(0)
        filled.append(shaped(frame.with_columns(**missing), schema))
    return pl.concat(filled) if filled else empty(schema)


def _next_month() -> pl.Expr:
    return pl.col("month").dt.offset_by("1mo")

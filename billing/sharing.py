"""Sharing: what partners are paid out of their customers' invoice lines, in the same close.

A share is a price on dollars: the bands of an agreement add up over its window. What a partner earns in a
month is rounded once and split over its customers, so no cent is made or lost.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from billing.lines import months_since, year_start
from billing.money import EXACT, round_money, split
from billing.price_book import PriceBook
from billing.pricing import charge
from billing.rule import Agreement
from billing.schema import POSTED, polars_schema
from metering.document import Problem, Problems, did_you_mean
from metering.event import DealReferred, SoldThroughPartner
from metering.log import Fact

DEAL_SCHEMA = pl.Schema(
    {
        "account": pl.String(),
        "partner": pl.String(),
        "agreement": pl.String(),
        "deal_month": pl.Date(),
    }
)
"""Which partner brought which customer under which agreement, and since which month."""

_WINDOW = ["agreement", "partner", "holder", "window"]


def deals(facts: Iterable[Fact], book: PriceBook) -> pl.DataFrame:
    """Return the deals among some facts (`DEAL_SCHEMA`); the first of a kind counts.

    Raises Problems that name each agreement that the book does not know.
    """
    rows: list[tuple[Any, ...]] = []
    problems: dict[str, Problem] = {}
    for position, event in facts:
        if isinstance(event.data, DealReferred | SoldThroughPartner):
            agreement = book.renamed(event.data).agreement
            if agreement not in book.agreements:
                remedy = f"add it to the book; {did_you_mean(agreement, book.agreements)}"
                message = f"the price book {book.name!r} has no agreement {agreement!r}"
                problems.setdefault(agreement, Problem(f"event {position}", message, remedy))
            rows.append(
                (event.subject, event.data.partner, agreement, event.occurred_at.date().replace(day=1))
            )
    if problems:
        raise Problems(problems.values())
    found = pl.DataFrame(rows, schema=DEAL_SCHEMA, orient="row")
    return found.unique(["account", "partner", "agreement"], keep="first", maintain_order=True)


def share(lines: pl.DataFrame, agreed: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Compute the ledger's `payouts` from all invoice lines of a log, and the deals (`DEAL_SCHEMA`)."""
    rows: list[tuple[Any, ...]] = []
    for (key,), made in agreed.partition_by("agreement", as_dict=True).items() if len(agreed) else ():
        agreement = book.agreements[str(key)]
        rows += _split(_shares(lines, made, agreement, key=str(key)), agreement, book)
    return pl.DataFrame(rows, schema=polars_schema("payouts"), orient="row").sort("month", "payout")


def _shares(lines: pl.DataFrame, made: pl.DataFrame, agreement: Agreement, *, key: str) -> pl.DataFrame:
    """Return (month, holder, account, part, basis, before): what each month adds to each window."""
    months = months_since(pl.col("deal_month"), pl.col("month"))
    eligible = lines.join(made, on="account").filter(months >= 0)
    if agreement.streams:
        eligible = eligible.filter(pl.col("stream").is_in(agreement.streams))
    if agreement.months is not None:
        eligible = eligible.filter(months < agreement.months)
    holder = pl.col("partner" if agreement.per == "partner" else "account")
    first = pl.col("deal_month").min().over(holder if agreement.per == "account" else "partner")
    made = made.with_columns(first_month=first)
    parts = (
        eligible.join(made.select("account", "partner", "first_month"), on=["account", "partner"])
        .group_by("month", "partner", "account", "first_month")
        .agg(part=pl.col("amount").sum().cast(POSTED))
        .with_columns(holder=holder, agreement=pl.lit(key), window=_window(agreement))
    )
    whole = (
        parts.group_by(*_WINDOW, "month").agg(basis=pl.col("part").sum().cast(EXACT)).sort(*_WINDOW, "month")
    )
    before = pl.col("basis").cum_sum().over(_WINDOW) - pl.col("basis")
    whole = whole.with_columns(before=before.cast(EXACT))
    return parts.join(whole, on=[*_WINDOW, "month"]).sort("month", "holder", "partner", "account")


def _window(agreement: Agreement) -> pl.Expr:
    if agreement.window == "period":
        return pl.col("month")
    if agreement.window == "life":
        return pl.lit(date(2000, 1, 1))
    return year_start(pl.col("first_month"), pl.col("month"))


def _split(shares: pl.DataFrame, agreement: Agreement, book: PriceBook) -> Iterator[tuple[Any, ...]]:
    """Round what a window earns in a month, and split it over the customers by what each was billed."""
    earned = round_money(
        charge(agreement, pl.col("basis"), before=pl.col("before")), book.currency, book.conventions.rounding
    )
    groups = shares.with_columns(earned=earned).partition_by([*_WINDOW, "month"], maintain_order=True)
    for group in groups:
        parts = [Decimal(part) for part in group["part"]]
        amounts = split(group["earned"][0], parts, book.currency) if any(parts) else parts
        for row, part, amount in zip(group.iter_rows(named=True), parts, amounts, strict=True):
            if part or amount:
                number = f"PAY-{row['month']:%Y-%m}-{row['partner']}-{row['agreement']}-{row['account']}"
                who = (number, row["month"], row["partner"], row["agreement"], agreement.kind, row["account"])
                yield (*who, part, amount, book.currency)

"""Sharing: what partners are paid out of their customers' invoice lines, in the same close.

A share is a price on dollars: the bands of an agreement add up over its window. What a partner earns in a
month is rounded once and split over its customers, so no cent is made or lost. A partner is who made a deal,
or whom the lines themselves name (the seller of a listing): then each buyer counts as a deal of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from billing.dimension import with_value
from billing.lines import months_since, year_start
from billing.money import EXACT, POSTED, apportion, round_money
from billing.price import Rate
from billing.price_book import PriceBook
from billing.pricing import charge
from billing.rule import Agreement
from billing.schema import as_table, polars_schema
from metering.document import Problem, Problems, did_you_mean
from metering.event import DealReferred, SoldThroughPartner
from metering.frame import empty, shaped
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

TAKEN_SCHEMA = pl.Schema(
    {
        "payout": pl.String(),
        "invoice": pl.String(),
        "line_no": pl.Int64(),
        "stream": pl.String(),
        "amount": POSTED,
    }
)
"""What a payout takes off the revenue of which invoice line, where revenue is net."""

_WINDOW = ["agreement", "partner", "holder", "window"]
_PAYOUT = ["month", "partner", "account"]


class Shared(NamedTuple):
    """The ledger's `payouts`, and what those of net agreements take off revenue (`TAKEN_SCHEMA`)."""

    payouts: pl.DataFrame
    taken: pl.DataFrame


class Workings(NamedTuple):
    """The lines that an agreement is on, and what each of its windows earns in each month.

    `earned` has a row for each customer: `part` of it was billed to the customer, `basis` to all customers of
    the window (`group`) in the month, `before` in its earlier months; `earned` is what the window earns.
    """

    eligible: pl.DataFrame
    earned: pl.DataFrame


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


class Part(NamedTuple):
    """Invoice lines of some months and accounts, the deals (`DEAL_SCHEMA`), and the book that shares them."""

    lines: pl.DataFrame
    agreed: pl.DataFrame
    book: PriceBook


def share(lines: pl.DataFrame, agreed: pl.DataFrame, book: PriceBook, phases: pl.DataFrame) -> Shared:
    """Share all invoice lines of a log by one book. See `share_parts`."""
    return share_parts([Part(lines, agreed, book)], phases)


def share_parts(parts: Sequence[Part], phases: pl.DataFrame) -> Shared:
    """Share all invoice lines of a log, by the deals and by whom the lines name, each part by its own book.

    The bands of an agreement add up over all parts; in one month the earlier parts come first. `phases` say
    which plans those who are named are on, where these give them another share.
    """
    payouts, taken = [empty(polars_schema("payouts"))], [empty(TAKEN_SCHEMA)]
    for key in dict.fromkeys(key for part in parts for key in part.book.agreements):
        for part, worked in workings(parts, phases, agreement=key):
            payouts.append(_payouts(worked.earned, part.book.agreements[key], part.book))
            if part.book.agreements[key].revenue == "net":
                taken.append(_taken(worked.eligible, payouts[-1], part.book))
    return Shared(pl.concat(payouts).sort("month", "payout"), pl.concat(taken))


def workings(
    parts: Sequence[Part], phases: pl.DataFrame, *, agreement: str
) -> Iterator[tuple[Part, Workings]]:
    """Yield how what is paid under one agreement comes about, for each part that has any."""
    alike = _alike(parts, agreement)
    lines = pl.concat(part.lines.with_columns(side=pl.lit(side)) for side, part in enumerate(alike))
    eligible = [
        _eligible(lines, part.agreed, part.book.agreements[agreement], agreement).filter(side=side)
        for side, part in enumerate(alike)
    ]
    for side, (own, part) in enumerate(zip(eligible, alike, strict=True)):
        if len(own):
            rule = part.book.agreements[agreement]
            shares = _shares(pl.concat(eligible), rule, agreement).filter(side=side)
            yield part, Workings(own, _earned(shares, rule, part.book, phases))


def _alike(parts: Sequence[Part], key: str) -> list[Part]:
    """Return the parts whose books have an agreement, those that share alike as one."""
    found = list[Part]()
    for part in parts:
        if key not in part.book.agreements:
            continue
        if found and _terms(found[-1].book, key) == _terms(part.book, key):
            found[-1] = part._replace(lines=pl.concat([found[-1].lines, part.lines]))
        else:
            found.append(part)
    return found


def _terms(book: PriceBook, key: str) -> tuple[Agreement, str]:
    """Return what decides of a payout: the agreement, and how it is rounded."""
    return book.agreements[key], book.conventions.rounding


_ELIGIBLE = ("month", "account", "partner", "first_month", "invoice", "line_no", "stream", "amount", "side")


def _eligible(lines: pl.DataFrame, agreed: pl.DataFrame, agreement: Agreement, key: str) -> pl.DataFrame:
    """Return the lines that an agreement is on, with whom it pays and the month of its first deal."""
    return _on(lines, agreed, agreement, key).select(_ELIGIBLE)


def _on(lines: pl.DataFrame, agreed: pl.DataFrame, agreement: Agreement, key: str) -> pl.DataFrame:
    holder = ["partner"] if agreement.per == "partner" else ["partner", "account"]
    first = pl.col("deal_month").min().over(holder)
    made = agreed.filter(pl.col("agreement") == key).drop("agreement")
    if not (agreement.payee or len(made)):
        return lines.clear().with_columns(partner=pl.lit(""), first_month=pl.lit(None, pl.Date))
    if agreement.streams:
        lines = lines.filter(pl.col("stream").is_in(agreement.streams))
    if agreement.prices:
        lines = lines.filter(pl.col("price").is_in(agreement.prices))
    if agreement.payee:
        named = with_value(lines, agreement.payee).filter(pl.col("value") != "").rename({"value": "partner"})
        deal_month = pl.col("month").min().over("partner", "account")
        eligible = named.with_columns(deal_month=deal_month).with_columns(first_month=first)
    else:
        eligible = lines.join(made.with_columns(first_month=first), on="account")
    months = months_since(pl.col("deal_month"), pl.col("month"))
    eligible = eligible.filter(months >= 0)
    return eligible if agreement.months is None else eligible.filter(months < agreement.months)


def _shares(eligible: pl.DataFrame, agreement: Agreement, key: str) -> pl.DataFrame:
    """Return what each month adds to each window: (month, holder, account, part, basis, before, group).

    A `group` is a window in a month: its `basis` is that of all of its accounts together.
    """
    parts = (
        eligible.group_by(*_PAYOUT, "first_month", "side")
        .agg(part=pl.col("amount").sum().cast(POSTED))
        .with_columns(
            holder=pl.col("partner" if agreement.per == "partner" else "account"),
            agreement=pl.lit(key),
            window=_window(agreement),
        )
    )
    whole = (
        parts.group_by(*_WINDOW, "month", "side")
        .agg(basis=pl.col("part").sum().cast(EXACT))
        .sort(*_WINDOW, "month", "side")
    )
    before = pl.col("basis").cum_sum().over(_WINDOW) - pl.col("basis")
    whole = whole.with_columns(before=before.cast(EXACT)).with_row_index("group")
    return parts.join(whole, on=[*_WINDOW, "month", "side"])


def _window(agreement: Agreement) -> pl.Expr:
    if agreement.window == "period":
        return pl.col("month")
    if agreement.window == "life":
        return pl.lit(date(2000, 1, 1))
    return year_start(pl.col("first_month"), pl.col("month"))


def _earned(
    shares: pl.DataFrame, agreement: Agreement, book: PriceBook, phases: pl.DataFrame
) -> pl.DataFrame:
    """Add what each window earns in each month, rounded once, as `earned`."""
    rates: list[tuple[Rate, pl.Expr]] = [(agreement, pl.lit(value=True))]
    if agreement.by_plan:
        shares = shares.join(_plans(shares, agreement, phases), on=["partner", "month"], how="left")
        rates += [
            (Rate(model="percentage", unit_price=part), pl.col("plan") == plan)
            for plan, part in agreement.by_plan.items()
        ]
    exact = pl.lit(0, EXACT)
    for rate, holds in rates:
        amount = charge(rate, pl.col("basis"), before=pl.col("before"))
        exact = pl.when(holds).then(amount).otherwise(exact)
    return shares.sort("month", "holder", "partner", "account").with_columns(
        earned=round_money(exact, book.currency, book.conventions.rounding)
    )


def _plans(shares: pl.DataFrame, agreement: Agreement, phases: pl.DataFrame) -> pl.DataFrame:
    """Return which of the plans with another share a partner lives on at a month's end, the first of them."""
    rank = pl.DataFrame({"plan": list(agreement.by_plan), "rank": range(len(agreement.by_plan))})
    held = phases.join(rank, on="plan").select("starts_on", "ends_on", "plan", "rank", partner="account")
    ends_on = pl.col("month").dt.offset_by("1mo")
    return (
        shares.select("partner", "month")
        .unique()
        .join(held, on="partner")
        .filter(pl.col("starts_on") < ends_on, pl.col("ends_on").is_null() | (pl.col("ends_on") >= ends_on))
        .group_by("partner", "month")
        .agg(pl.col("plan").sort_by("rank").first())
    )


def _payouts(earned: pl.DataFrame, agreement: Agreement, book: PriceBook) -> pl.DataFrame:
    """Split what a window earns in a month over the customers by what each was billed."""
    names: list[pl.Expr | str] = [pl.col("month").dt.strftime("%Y-%m"), "partner", "agreement", "account"]
    amounts = apportion(earned, total="earned", weight="part", over=["group"], currency=book.currency)
    rows = earned.with_columns(
        payout=pl.concat_str(pl.lit("PAY"), *names, separator="-"),
        kind=pl.lit(agreement.kind),
        revenue=pl.lit(agreement.revenue),
        basis=pl.col("part"),
        amount=amounts,
        currency=pl.lit(book.currency),
    )
    return as_table(rows.filter((pl.col("part") != 0) | (pl.col("amount") != 0)), "payouts")


def _taken(eligible: pl.DataFrame, payouts: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Split payouts over the streams that they come from, and each stream's part over its lines."""
    lines = eligible.select(*_PAYOUT, "invoice", "line_no", "stream", part="amount")
    due = payouts.filter(pl.col("amount") != 0).select(*_PAYOUT, "payout", "amount").with_row_index("number")
    rows = lines.join(due, on=_PAYOUT)
    lone = pl.len().over("number") == 1
    several = rows.filter(~lone).sort("number", "stream", "line_no")
    streams = several.group_by("number", "stream", maintain_order=True).agg(
        pl.col("part").sum(), pl.col("amount").first()
    )
    of_stream = apportion(streams, total="amount", weight="part", over=["number"], currency=book.currency)
    streams = streams.select("number", "stream", whole=of_stream).with_row_index("group")
    several = several.join(streams, on=["number", "stream"], maintain_order="left")
    of_line = apportion(several, total="whole", weight="part", over=["group"], currency=book.currency)
    parts = [rows.filter(lone), several.with_columns(amount=of_line)]
    taken = pl.concat(shaped(part, TAKEN_SCHEMA) for part in parts)
    return taken.filter(pl.col("amount") != 0)

"""Changes: what spans say of each change of MRR, day by day, as the ledger's `mrr_changes`.

What is not told is taken as simply as can be: it became known on the day from which it holds, and no
discount was taken. What rates of currencies did to a month's opening balance is a change of its first day.
"""

from collections.abc import Sequence

import polars as pl

from billing.change import MOVED, booked
from billing.money import EXACT
from metering.period import Period

_OF = ["subscription", "month"]
_SAME = ("plan", "stream", "currency")
_TERMS = ("ends_on", "amount", "quantity", *_SAME)


def changes(
    spans: pl.DataFrame,
    worth: pl.DataFrame,
    rates: pl.DataFrame,
    accounts: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Return the ledger's `mrr_changes`; `worth` is what `analytics.sheet.balance.held` gives."""
    moved = _rated(pl.concat([_begun(spans), _ended(spans)]), rates, periods)
    found = pl.concat([moved, _revalued(moved, worth, periods)], how="diagonal")
    zero = {name: pl.lit(0).cast(EXACT) for name in MOVED if name not in ("list_price", "amount")}
    told = found.with_columns(
        recorded_on="effective_on",
        event=pl.lit(None, pl.Int64),
        paid_until_on=pl.col("paid_until_on").fill_null(pl.col("effective_on")),
        list_price="amount",
        **zero,
    ).filter(pl.col("amount") != 0)
    table = booked(told, accounts, periods)
    is_fx = pl.col("cause") == "fx"
    return table.with_columns(kind=pl.when(is_fx).then(pl.lit("fx")).otherwise("kind"))


def _begun(spans: pl.DataFrame) -> pl.DataFrame:
    """Return what each span adds to the one that it follows at once."""
    before = {f"{name}_before": pl.col(name).shift(1).over("subscription") for name in _TERMS}
    rows = spans.sort("subscription", "starts_on").with_columns(**before)
    follows = (pl.col("ends_on_before") == pl.col("starts_on")).fill_null(value=False)
    same_plan = follows & pl.all_horizontal(pl.col(name) == pl.col(f"{name}_before") for name in _SAME)
    cause = (
        pl.when(~follows)
        .then(pl.lit("subscription"))
        .when(~same_plan)
        .then(pl.lit("plan"))
        .when(pl.col("quantity") != pl.col("quantity_before"))
        .then(pl.lit("seats"))
        .otherwise(pl.lit("price"))
    )
    rise = pl.col("amount") - pl.when(same_plan).then("amount_before").otherwise(0)
    return rows.select(
        *("subscription", "account", "plan", "stream", "currency"),
        effective_on="starts_on",
        cause=cause,
        paid_until_on=pl.lit(None, pl.Date),
        amount=rise.fill_null(pl.col("amount")),
    )


def _ended(spans: pl.DataFrame) -> pl.DataFrame:
    """Return what is lost where a span ends: all of it, unless the next one goes on under the same plan."""
    after = {f"{name}_after": pl.col(name).shift(-1).over("subscription") for name in ("starts_on", *_SAME)}
    rows = spans.sort("subscription", "starts_on").with_columns(**after)
    follows = (pl.col("starts_on_after") == pl.col("ends_on")).fill_null(value=False)
    same_plan = pl.all_horizontal(pl.col(name) == pl.col(f"{name}_after") for name in _SAME)
    rows = rows.filter(pl.col("ends_on").is_not_null(), ~(follows & same_plan.fill_null(value=False)))
    own = pl.when(pl.col("reason") == "involuntary").then("reason").otherwise(pl.lit("voluntary"))
    return rows.select(
        *("subscription", "account", "plan", "stream", "currency"),
        effective_on="ends_on",
        cause=pl.when(pl.col("starts_on_after") == pl.col("ends_on")).then(pl.lit("plan")).otherwise(own),
        paid_until_on=_paid_until(),
        amount=-pl.col("amount"),
    )


def _paid_until() -> pl.Expr:
    """Return the first day after the year that was paid; what is paid by the month ends when it ends."""
    months = (pl.col("ends_on").dt.year() - pl.col("starts_on").dt.year()) * 12
    months += pl.col("ends_on").dt.month().cast(pl.Int32) - pl.col("starts_on").dt.month().cast(pl.Int32)
    years = (months + 11) // 12
    until = pl.col("starts_on").dt.offset_by(pl.format("{}mo", years * 12))
    until = pl.when(until >= pl.col("ends_on")).then(until).otherwise(until.dt.offset_by("1y"))
    return pl.when(pl.col("billing") == "year").then(until).otherwise("ends_on")


def _rated(rows: pl.DataFrame, rates: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Return changes at the rate of their month; those after the history are left out."""
    rows = rows.with_columns(month=pl.col("effective_on").dt.truncate("1mo"))
    rows = rows.join(rates, on=["currency", "month"], how="left", maintain_order="left")
    rows = rows.filter(pl.col("effective_on") < periods[-1].ends_on)
    return rows.with_columns(amount=(pl.col("amount") * pl.col("rate")).cast(EXACT)).drop("rate")


def _revalued(moved: pl.DataFrame, worth: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Return what is between two balances of a subscription and its changes: the rates' own work."""
    where = [*_OF, "account", "plan", "stream"]
    now = worth.select(*where, "amount")
    then = now.with_columns(month=pl.col("month").dt.offset_by("1mo"), amount=-pl.col("amount"))
    changed = moved.select(*where, amount=-pl.col("amount"))
    found = pl.concat([now, then, changed]).group_by(where).agg(pl.col("amount").sum())
    found = found.filter(pl.col("amount") != 0, pl.col("month") < periods[-1].ends_on)
    return found.sort(where).with_columns(effective_on="month", cause=pl.lit("fx")).drop("month")

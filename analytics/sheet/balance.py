"""Balances: committed MRR at each month's end, and what moved it, in one currency.

What a customer changes counts at the rate of the month in which it does; what the rates do to the rest is a
movement of its own kind, `fx`. So opening + movements = closing, to the last digit.
"""

from collections.abc import Sequence

import polars as pl

from billing.lines import months_of
from billing.money import EXACT
from billing.schema import as_table
from metering.period import Period

_KEYS = ["month", "subscription"]
_TERMS = ("account", "plan", "stream", "currency", "quantity", "starts_on")


def held(spans: pl.DataFrame, rates: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Return what every subscription is worth at the last instant of each month.

    The columns are those of spans with `month`, `local` (in its own currency) and `amount` (in that of the
    metrics).
    """
    alive = spans.join(months_of(periods), how="cross").filter(
        pl.col("starts_on") < pl.col("month_ends_on"),
        pl.col("ends_on").is_null() | (pl.col("ends_on") >= pl.col("month_ends_on")),
    )
    found = alive.join(rates, on=["currency", "month"], how="left").with_columns(
        local="amount", amount=(pl.col("amount") * pl.col("rate")).cast(EXACT)
    )
    return found.sort(_KEYS)


def balances(worth: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Return the ledger's `mrr_balances`."""
    return as_table(worth.join(_segments(accounts), on="account", how="left").sort(_KEYS), "mrr_balances")


def movements(
    worth: pl.DataFrame,
    spans: pl.DataFrame,
    rates: pl.DataFrame,
    accounts: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Return the ledger's `mrr_movements`: each customer's change of a month, netted and classed."""
    changes = _changes(worth, spans, rates, periods)
    weightiest = pl.col("change").abs().arg_max()
    totals = (
        changes.sort("month", "account", "subscription")
        .group_by("month", "account", maintain_order=True)
        .agg(
            pl.col("now", "then", "change", "fx").sum(),
            *(pl.col(name).get(weightiest) for name in ("cause", "effective_on")),
        )
    )
    first = totals.filter(pl.col("now") > 0).group_by("account").agg(first_month=pl.col("month").min())
    totals = totals.join(first, on="account", how="left")
    then, now, change = pl.col("then"), pl.col("now"), pl.col("change")
    kind = (
        pl.when((then == 0) & (pl.col("month") == pl.col("first_month")))
        .then(pl.lit("new"))
        .when(then == 0)
        .then(pl.lit("reactivation"))
        .when(now == 0)
        .then(pl.lit("churn"))
        .when(change > 0)
        .then(pl.lit("expansion"))
        .otherwise(pl.lit("contraction"))
    )
    moved = totals.with_columns(kind=kind, amount=change)
    revalued = totals.with_columns(
        kind=pl.lit("fx"), cause=pl.lit("fx"), effective_on=pl.col("month"), amount=pl.col("fx")
    )
    found = pl.concat([moved, revalued]).filter(pl.col("amount") != 0)
    found = found.join(_segments(accounts), on="account", how="left")
    return as_table(found.sort("month", "account", "kind"), "mrr_movements")


def phases(spans: pl.DataFrame) -> pl.DataFrame:
    """Return the ledger's `subscription_phases`: a phase for each span."""
    after = pl.col("starts_on").shift(-1).over("subscription")
    goes_on = after == pl.col("ends_on")
    reason = (
        pl.when(pl.col("ends_on").is_null())
        .then(pl.lit(""))
        .when(goes_on)
        .then(pl.lit("changed"))
        .otherwise(pl.when(pl.col("reason") == "").then(pl.lit("voluntary")).otherwise("reason"))
    )
    numbered = spans.sort("subscription", "starts_on").with_columns(
        phase_no=pl.int_range(1, pl.len() + 1).over("subscription"),
        seats=pl.col("quantity").round(0).cast(pl.Int64),
        add_ons=pl.lit(""),
        discount=pl.lit(""),
        trial=pl.lit(value=False),
        anchor_on=pl.col("starts_on").min().over("subscription"),
        end_reason=reason.fill_null("voluntary"),
    )
    return as_table(numbered, "subscription_phases")


def _changes(
    worth: pl.DataFrame, spans: pl.DataFrame, rates: pl.DataFrame, periods: Sequence[Period]
) -> pl.DataFrame:
    """Compare each subscription with itself a month before."""
    own = worth.select(*_KEYS, *_TERMS, "local", "amount")
    before = own.with_columns(month=pl.col("month").dt.offset_by("1mo"))
    pairs = own.join(before, on=_KEYS, how="full", coalesce=True, suffix="_before")
    pairs = pairs.join(months_of(periods), on="month")
    ends = spans.filter(pl.col("ends_on").is_not_null()).select(
        "subscription", "reason", ended_on="ends_on", month=(pl.col("ends_on")).dt.truncate("1mo")
    )
    ends = ends.group_by(_KEYS).agg(pl.col("reason", "ended_on").last())
    pairs = pairs.join(ends, on=_KEYS, how="left")
    pairs = pairs.with_columns(currency=pl.coalesce("currency", "currency_before"))
    pairs = pairs.join(rates, on=["currency", "month"], how="left")
    gone, came = pl.col("amount").is_null(), pl.col("amount_before").is_null()
    cause = (
        pl.when(gone)
        .then(pl.when(pl.col("reason") == "involuntary").then("reason").otherwise(pl.lit("voluntary")))
        .when(came)
        .then(pl.lit("subscription"))
        .when(pl.col("plan") != pl.col("plan_before"))
        .then(pl.lit("plan"))
        .when(pl.col("quantity") != pl.col("quantity_before"))
        .then(pl.lit("seats"))
        .otherwise(pl.lit("price"))
    )
    day = pl.when(gone).then("ended_on").otherwise("starts_on")
    in_month = (day >= pl.col("month")) & (day <= pl.col("month_ends_on"))
    zero = {name: pl.col(name).fill_null(0).cast(EXACT) for name in ("local", "local_before")}
    change = ((zero["local"] - zero["local_before"]) * pl.col("rate")).cast(EXACT)
    return pairs.with_columns(
        account=pl.coalesce("account", "account_before"),
        now=pl.col("amount").fill_null(0).cast(EXACT),
        then=pl.col("amount_before").fill_null(0).cast(EXACT),
        change=change,
        cause=cause,
        effective_on=pl.when(in_month).then(day).otherwise("month"),
    ).with_columns(fx=pl.col("now") - pl.col("then") - pl.col("change"))


def _segments(accounts: pl.DataFrame) -> pl.DataFrame:
    return accounts.select("account", "segment")

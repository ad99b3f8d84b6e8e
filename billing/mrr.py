"""Committed monthly recurring revenue: its balances at each month's end, and why they moved.

Usage and one-time charges never count; a year's price counts a twelfth a month; a minimum commitment counts
where it is more than the prices. Movements are classed for each account and month, so that opening + new +
reactivation + expansion - contraction - churn = closing for every month and account.
"""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from billing.lines import months_of
from billing.money import EXACT
from billing.price_book import PriceBook
from billing.schema import as_table
from billing.valuation import worth
from metering.frame import shaped
from metering.period import Period

HELD_SCHEMA = pl.Schema(
    {
        "month": pl.Date(),
        "subscription": pl.String(),
        "account": pl.String(),
        "plan": pl.String(),
        "seats": pl.Int64(),
        "add_ons": pl.String(),
        "starts_on": pl.Date(),
        "stream": pl.String(),
        "list_price": EXACT,
        "commitment": EXACT,
        "amount": EXACT,
    }
)
"""What a subscription was worth at a month's end, and the terms that made it so."""


class Recurring(NamedTuple):
    """The ledger's `mrr_balances` and `mrr_movements`."""

    balances: pl.DataFrame
    movements: pl.DataFrame


def held_at_month_ends(slices: pl.DataFrame, values: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Value every subscription that lives at a month's last instant (`HELD_SCHEMA`).

    `values` says what each price of it is worth a month: (month, subscription, plan, key, value).
    """
    alive = slices.filter(pl.col("until_on") == pl.col("month_ends_on"), ~pl.col("trial"))
    return shaped(worth(alive, values, book).filter(pl.col("amount") > 0), HELD_SCHEMA)


def recurring(
    held: pl.DataFrame, phases: pl.DataFrame, accounts: pl.DataFrame, periods: Sequence[Period]
) -> Recurring:
    """Derive balances and movements from what was held at every month's end of a log."""
    segments = accounts.select("account", "segment")
    balances = (
        held.join(segments, on="account", how="left")
        .with_columns(pl.col("segment").fill_null(""))
        .sort("month", "subscription")
    )
    movements = (
        _totals(_changes(held, _endings(phases), periods))
        .filter(pl.col("amount") != 0)
        .join(segments, on="account", how="left")
        .with_columns(pl.col("segment").fill_null(""))
        .sort("month", "account", "kind")
    )
    return Recurring(as_table(balances, "mrr_balances"), as_table(movements, "mrr_movements"))


def _endings(phases: pl.DataFrame) -> pl.DataFrame:
    """Say of each month in which a phase ended how the last of these did: (subscription, month, ...)."""
    ordered = phases.sort("subscription", "phase_no")
    after = {
        f"{name}_after": pl.col(name).shift(-1).over("subscription") for name in ("plan", "seats", "add_ons")
    }
    return (
        ordered.with_columns(**after)
        .filter(pl.col("ends_on").is_not_null())
        .group_by("subscription", month=pl.col("ends_on").dt.truncate("1mo"), maintain_order=True)
        .agg(pl.col("end_reason", *after).last(), ended_on=pl.col("ends_on").last())
    )


def _changes(held: pl.DataFrame, ended: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Compare each subscription with itself a month before: the change, its cause and its day."""
    months = months_of(periods)
    before = held.with_columns(month=pl.col("month").dt.offset_by("1mo"))
    pairs = held.join(before, on=["month", "subscription"], how="full", coalesce=True, suffix="_before")
    pairs = pairs.join(months, on="month").join(ended, on=["subscription", "month"], how="left")
    gone, came = pl.col("amount").is_null(), pl.col("amount_before").is_null()
    cause = (
        pl.when(gone & pl.col("end_reason").is_in(["voluntary", "involuntary"]))
        .then("end_reason")
        .when(gone & (pl.col("end_reason") == "paused"))
        .then(pl.lit("pause"))
        .when(gone & (pl.col("plan_after") != pl.col("plan_before")))
        .then(pl.lit("plan"))
        .when(gone & (pl.col("seats_after") != pl.col("seats_before")))
        .then(pl.lit("seats"))
        .when(gone & (pl.col("add_ons_after") != pl.col("add_ons_before")))
        .then(pl.lit("add_on"))
        .when(gone | came)
        .then(pl.lit("subscription"))
        .when(pl.col("plan") != pl.col("plan_before"))
        .then(pl.lit("plan"))
        .when(pl.col("seats") != pl.col("seats_before"))
        .then(pl.lit("seats"))
        .when(pl.col("add_ons") != pl.col("add_ons_before"))
        .then(pl.lit("add_on"))
        .when(pl.col("list_price") != pl.col("list_price_before"))
        .then(pl.lit("price"))
        .when(pl.col("commitment") != pl.col("commitment_before"))
        .then(pl.lit("commitment"))
        .otherwise(pl.lit("discount"))
    )
    day = pl.when(gone).then("ended_on").otherwise("starts_on")
    in_month = (day >= pl.col("month")) & (day <= pl.col("month_ends_on"))
    return pairs.with_columns(
        account=pl.coalesce("account", "account_before"),
        now=pl.col("amount").fill_null(0).cast(EXACT),
        then=pl.col("amount_before").fill_null(0).cast(EXACT),
        cause=cause,
        effective_on=pl.when(in_month).then(day).otherwise("month"),
    ).with_columns(change=pl.col("now") - pl.col("then"))


def _totals(changes: pl.DataFrame) -> pl.DataFrame:
    """Net the changes of an account's subscriptions, and class the net change."""
    weightiest = pl.col("change").abs().arg_max()
    totals = (
        changes.sort("month", "account", "subscription")
        .group_by("month", "account", maintain_order=True)
        .agg(
            pl.col("now").sum(),
            pl.col("then").sum(),
            pl.col("cause").get(weightiest),
            pl.col("effective_on").get(weightiest),
        )
    )
    first = totals.filter(pl.col("now") > 0).group_by("account").agg(first_month=pl.col("month").min())
    totals = totals.join(first, on="account", how="left")
    returning = pl.col("month") > pl.col("first_month")
    now, then = pl.col("now"), pl.col("then")
    kind = (
        pl.when((then == 0) & ~returning)
        .then(pl.lit("new"))
        .when(then == 0)
        .then(pl.lit("reactivation"))
        .when(now == 0)
        .then(pl.lit("churn"))
        .when(now > then)
        .then(pl.lit("expansion"))
        .otherwise(pl.lit("contraction"))
    )
    return totals.with_columns(kind=kind, amount=(now - then).cast(EXACT))

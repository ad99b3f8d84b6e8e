"""Channels of a reaction: by what customers do otherwise, exactly, in what they are billed.

Two ledgers of one company under one price book are set against each other: one in which it behaves as it did
under another book, one in which it reacts. Common random numbers make them the same customers, so each amount
belongs to one channel, and the channels add up to the whole difference to the cent.
"""

from collections.abc import Mapping
from decimal import Decimal

import polars as pl
from duckdb import DuckDBPyConnection

from analytics.selection import select

CHANNELS: Mapping[str, str] = {
    "sign up": "accounts and products that are there in one only",
    "stay": "months that a subscription is there in one only: it left, or came back",
    "plan": "months on another plan",
    "pay yearly": "months paid by the year in one, by the month in the other",
    "use": "usage of the same plan",
    "seats and add-ons": "the rest: seats, add-ons, discounts",
}
"""What customers can do about prices; each line belongs to the first channel that fits."""

_LINES = """
    select account, subscription, month, kind = 'usage' as metered, sum(amount) as amount
    from invoice_lines group by all"""
_HELD = """
    with months as (select distinct month from invoice_lines union select distinct month from mrr_balances)
    select p.subscription, m.month, arg_max(p.plan, p.phase_no) as plan,
        arg_max(p.billing, p.phase_no) as billing
    from months m join subscription_phases p
        on p.starts_on < m.month + interval 1 month and coalesce(p.ends_on > m.month, true)
    group by all"""
_COUNTS = """
    select
        (select count(*) from accounts where kind = 'customer') as sign_ups,
        (select count(*) from mrr_movements where kind = 'new') as first_payments,
        (select count(*) from mrr_movements where kind = 'churn') as churned,
        (select count(*) from mrr_movements where kind = 'contraction') as contractions,
        (select count(*) from mrr_movements where kind = 'expansion') as expansions,
        (select count(distinct subscription) from subscription_phases where billing = 'year') as paid_yearly,
        (select coalesce(sum(quantity), 0) from invoice_lines where kind = 'usage') as usage"""


def by_channel(frozen: DuckDBPyConnection, reacting: DuckDBPyConnection) -> dict[str, Decimal]:
    """Return what was billed more (or less, below 0) where customers react, by channel.

    Raises AssertionError where the channels do not add up to the difference.
    """
    lines = _differences(select(frozen, _LINES), select(reacting, _LINES))
    held = select(frozen, _HELD).join(
        select(reacting, _HELD), on=["subscription", "month"], how="full", coalesce=True, suffix="_after"
    )
    joined = lines.join(held, on=["subscription", "month"], how="left")
    shared = {
        name: _in_both(select(frozen, _LINES), select(reacting, _LINES), name)
        for name in ("account", "subscription")
    }
    gone = pl.col("plan").is_null() != pl.col("plan_after").is_null()
    channel = (
        pl.when(~pl.all_horizontal(pl.col(name).is_in(known.implode()) for name, known in shared.items()))
        .then(pl.lit("sign up"))
        .when(gone).then(pl.lit("stay"))
        .when(pl.col("plan") != pl.col("plan_after")).then(pl.lit("plan"))
        .when(pl.col("billing") != pl.col("billing_after")).then(pl.lit("pay yearly"))
        .when("metered").then(pl.lit("use"))
        .otherwise(pl.lit("seats and add-ons"))
    )  # fmt: skip
    sums = joined.group_by(channel=channel).agg(pl.col("change").sum())
    found = {name: Decimal(0) for name in CHANNELS} | {
        str(name): Decimal(change) for name, change in sums.iter_rows()
    }
    whole = Decimal(lines["change"].sum() or 0)
    assert sum(found.values()) == whole, f"the channels of the reaction do not add up to {whole}"
    return found


def counts(con: DuckDBPyConnection) -> dict[str, Decimal]:
    """Count what customers of a ledger did: signed up, left, moved, paid by the year, used."""
    return {name: Decimal(str(value)) for name, value in select(con, _COUNTS).row(0, named=True).items()}


def _differences(frozen: pl.DataFrame, reacting: pl.DataFrame) -> pl.DataFrame:
    keys = ["account", "subscription", "month", "metered"]
    both = frozen.join(reacting, on=keys, how="full", coalesce=True, suffix="_after")
    change = pl.col("amount_after").fill_null(0) - pl.col("amount").fill_null(0)
    return both.select(*keys, change=change)


def _in_both(frozen: pl.DataFrame, reacting: pl.DataFrame, name: str) -> pl.Series:
    """Return who is billed something in both."""
    billed = [frame.filter(pl.col("amount") != 0)[name].unique() for frame in (frozen, reacting)]
    return billed[0].filter(billed[0].is_in(billed[1].implode()))

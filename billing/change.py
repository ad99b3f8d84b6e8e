"""Changes of committed MRR: what each subscription's monthly worth rose and fell by, when, and by what fact.

Told twice over time: a change holds from a day (`effective_on`), and became known on a day (`recorded_on`): a
cancellation before it takes effect, a late fact after. Sums of changes are every balance, as it was known at
any time. The end of a subscription takes away what it was worth when the end became known, and then what each
later change adds to it, so that no forecast ever goes below what there is.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from billing.lines import months_after, months_since
from billing.money import EXACT
from billing.occasion import occasions
from billing.schema import as_table
from billing.transition import Books
from billing.valuation import PARTS, Lives, valued
from metering.log import Fact
from metering.period import Period

MOVED = (*PARTS, "trial")
"""The parts of a change."""

_WHERE = ["subscription", "account", "plan", "stream"]
_FOUND_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(_WHERE, pl.String()),
        "effective_on": pl.Date(),
        "recorded_on": pl.Date(),
        "cause": pl.String(),
        "event": pl.Int64(),
        "paid_until_on": pl.Date(),
        **dict.fromkeys(MOVED, EXACT),
    }
)
"""A change that is not booked yet."""

_ENDINGS = {"paused": "pause"}


def changes(lives: Lives, facts: Iterable[Fact], books: Books, periods: Sequence[Period]) -> pl.DataFrame:
    """Return each change of what subscriptions are worth (`_FOUND_SCHEMA`), by the facts of their lives."""
    known = occasions(lives.subscriptions.phases, facts, books.after)
    parts = _in_runs(valued(lives, books, periods), known)
    going = _going(parts)
    return pl.concat([going.select(_FOUND_SCHEMA.names()), _ended(parts, going)]).cast(_FOUND_SCHEMA)


def _in_runs(parts: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Number the unbroken runs of each life, and say of every part of a month why it differs from the last.

    `before` columns are those of the part before it in its run.
    """
    terms = ("phase_no", "plan", "stream", "seats", "add_ons", "trial", *PARTS, "trial_value")
    before = {f"{name}_before": pl.col(name).shift(1).over("subscription") for name in terms}
    came = pl.col("until_at").shift(1).over("subscription") != pl.col("from_at")
    paused = pl.col("end_reason").shift(1).over("subscription") == "paused"
    found = parts.join(known, on=["subscription", "phase_no"], how="left", maintain_order="left")
    found = found.with_columns(
        **before,
        came=came.fill_null(value=True),
        was_paused=paused.fill_null(value=False),
        goes=(pl.col("from_at").shift(-1).over("subscription") != pl.col("until_at")).fill_null(value=True)
        & (pl.col("until_at") == pl.col("ends_at")).fill_null(value=False),
        returns_on=pl.col("from_on").shift(-1).over("subscription"),
    )
    is_same = ~pl.col("came") & (pl.col("phase_no") == pl.col("phase_no_before"))
    return found.with_columns(
        run=pl.col("came").cum_sum().over("subscription"),
        cause=_cause(is_same),
        event=pl.when(~is_same).then("begun_by"),
    )


def _cause(is_same: pl.Expr) -> pl.Expr:
    """Say what changed from one part of a life to the next: the terms, or what the book makes of them."""

    def differs(name: str) -> pl.Expr:
        return pl.col(name) != pl.col(f"{name}_before")

    by_book = (
        pl.when(differs("list_price") | differs("trial_value"))
        .then(pl.lit("price"))
        .when(differs("lasting_discount") | differs("limited_discount"))
        .then(pl.lit("discount"))
        .otherwise(pl.lit("commitment"))
    )
    return (
        pl.when(pl.col("came") & pl.col("was_paused"))
        .then(pl.lit("resume"))
        .when("came")
        .then(pl.when("trial").then(pl.lit("trial")).otherwise(pl.lit("subscription")))
        .when(is_same)
        .then(by_book)
        .when(differs("trial"))
        .then(pl.lit("trial"))
        .when(differs("plan"))
        .then(pl.lit("plan"))
        .when(differs("seats"))
        .then(pl.lit("seats"))
        .when(differs("add_ons"))
        .then(pl.lit("add_on"))
        .otherwise(by_book)
    )


def _going(parts: pl.DataFrame) -> pl.DataFrame:
    """Return what each part of a life is worth more or less than the one before it in its run."""
    told = ["run", "from_at", "phase_no", "cause", "event"]
    is_moved = pl.any_horizontal(
        "came", *(pl.col(name) != pl.col(f"{name}_before") for name in ("plan", *PARTS, "trial_value"))
    )
    found = (
        parts.filter(is_moved)
        .with_columns(effective_on="from_on", recorded_on="begun_known_on")
        .with_row_index("row")
    )
    own = [*told, "row", "effective_on", "recorded_on", "subscription", "account"]
    into = found.select(*own, "plan", "stream", *PARTS, trial="trial_value")
    left = found.filter(~pl.col("came")).select(
        *own,
        plan="plan_before",
        stream="stream_before",
        **{name: -pl.col(f"{name}_before") for name in PARTS},
        trial=-pl.col("trial_value_before"),
    )
    summed = (
        pl.concat([into, left], how="vertical_relaxed")
        .group_by("row", *(name for name in own if name != "row"), "plan", "stream", maintain_order=True)
        .agg(pl.col(*MOVED).sum())
    )
    return summed.filter(_is_any()).with_columns(paid_until_on="effective_on")


def _is_any() -> pl.Expr:
    return pl.any_horizontal(pl.col(*MOVED) != 0)


def _ended(parts: pl.DataFrame, going: pl.DataFrame) -> pl.DataFrame:
    """Take away what each run that ends was worth, as it was known when: when its end was, or later."""
    ends = parts.filter("goes").select(
        "subscription",
        "run",
        ends_on="until_on",
        ended_by="ended_by",
        ended_known_on="ended_known_on",
        ending=pl.col("end_reason").replace(_ENDINGS),
        paid_on=_paid_until(),
    )
    found = going.join(ends, on=["subscription", "run"])
    known_on = pl.max_horizontal("recorded_on", "ended_known_on")
    grouped = (
        found.with_columns(recorded_on=known_on, event="ended_by", effective_on="ends_on", cause="ending")
        .with_columns(paid_until_on="paid_on")
        .group_by(
            *_WHERE,
            "run",
            "effective_on",
            "recorded_on",
            "cause",
            "event",
            "paid_until_on",
            maintain_order=True,
        )
        .agg((-pl.col(name).sum()).alias(name) for name in MOVED)
    )
    return grouped.filter(_is_any()).select(_FOUND_SCHEMA.names())


def _paid_until() -> pl.Expr:
    """Return the first day after the year that was paid in advance, or the day of the end of what was not.

    Who comes back before pays anew.
    """
    last = pl.col("until_on").dt.offset_by("-1d")
    months = months_since(pl.col("anchor_on"), last)
    whole = months - (months_after(pl.col("anchor_on"), months) > last).cast(pl.Int32)
    term = months_after(pl.col("anchor_on"), (whole // 12 + 1) * 12)
    until = pl.when((pl.col("billing") == "year") & ~pl.col("trial")).then(term).otherwise("until_on")
    return pl.max_horizontal(pl.min_horizontal(until, "returns_on"), "until_on")


def booked(found: pl.DataFrame, accounts: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Return the ledger's `mrr_changes`: numbered in the order in which they are booked, and classed.

    `found` are changes with a `booked_on` where that is not the later of the two days (`restated`).
    """
    columns = {"booked_on": pl.Date()} if "booked_on" not in found.columns else {}
    rows = found.with_columns(pl.lit(None, kind).alias(name) for name, kind in columns.items())
    later = pl.max_horizontal("effective_on", "recorded_on")
    rows = rows.with_columns(booked_on=pl.coalesce("booked_on", later)).with_columns(
        month=pl.col("booked_on").dt.truncate("1mo"),
        scheduled=pl.col("booked_on") >= periods[-1].ends_on,
    )
    rows = rows.join(accounts.select("account", "segment"), on="account", how="left")
    rows = rows.with_columns(pl.col("segment").fill_null(""))
    classed = rows.join(_kinds(rows), on=["account", "booked_on"], how="left")
    kind = pl.when(pl.col("amount") == 0).then(pl.lit("none")).otherwise("kind")
    ordered = classed.with_columns(kind=kind).sort(
        *("booked_on", "account", "subscription", "effective_on", "recorded_on", "event", "plan", "cause"),
        "amount",
    )
    return as_table(ordered.with_row_index("change_no", offset=1), "mrr_changes")


def _kinds(rows: pl.DataFrame) -> pl.DataFrame:
    """Class what each account's changes of a day come to: (account, booked_on, kind)."""
    days = rows.group_by("account", "booked_on").agg(net=pl.col("amount").sum()).sort("account", "booked_on")
    after = pl.col("net").cum_sum().over("account", order_by="booked_on")
    days = days.with_columns(after=after).with_columns(before=pl.col("after") - pl.col("net"))
    paid = (pl.col("before") > 0).cum_max().over("account", order_by="booked_on")
    kind = (
        pl.when((pl.col("before") == 0) & (pl.col("after") == 0))
        .then(pl.lit("none"))
        .when((pl.col("before") == 0) & ~paid)
        .then(pl.lit("new"))
        .when(pl.col("before") == 0)
        .then(pl.lit("reactivation"))
        .when(pl.col("after") == 0)
        .then(pl.lit("churn"))
        .when(pl.col("net") > 0)
        .then(pl.lit("expansion"))
        .when(pl.col("net") < 0)
        .then(pl.lit("contraction"))
        .otherwise(pl.lit("transfer"))
    )
    return days.select("account", "booked_on", kind=kind)


def restated(
    base: pl.DataFrame, rounds: Iterable[tuple[Period, Sequence[str], pl.DataFrame]]
) -> pl.DataFrame:
    """Return changes as they became known: a closed month is corrected, and never changes.

    `rounds` say of which subscriptions what else was known from a month on, the oldest first: their changes
    with that knowledge. What they have of earlier months and what was booked of these so far differ by what
    is booked in the month of the round.
    """
    state = base.with_columns(booked_on=pl.max_horizontal("effective_on", "recorded_on"))
    for since, subjects, fresh in rounds:
        month = since.starts_on
        mine = pl.col("subscription").is_in(list(subjects))
        earlier = pl.col("effective_on") < month
        kept = state.filter(~mine | (pl.col("booked_on") < month))
        dated = fresh.with_columns(booked_on=pl.max_horizontal("effective_on", "recorded_on"))
        owed = dated.filter(mine, earlier)
        gap = _gap(owed, kept.filter(mine, earlier), since)
        state = pl.concat([kept, dated.filter(mine, ~earlier), gap], how="diagonal_relaxed")
    return state


def _gap(owed: pl.DataFrame, kept: pl.DataFrame, since: Period) -> pl.DataFrame:
    """Return what is known now of days before a month less what was booked for them."""
    less = kept.with_columns(-pl.col(name) for name in MOVED)
    news = pl.col("recorded_on").filter(pl.col("recorded_on") >= since.starts_on).max()
    told: dict[str, Any] = {name: pl.col(name).first() for name in ("cause", "event", "paid_until_on")}
    found = (
        pl.concat([owed.sort("recorded_on", descending=True), less], how="diagonal_relaxed")
        .with_columns(known_on=news.over("subscription"))
        .group_by(*_WHERE, "effective_on", maintain_order=True)
        .agg(pl.col(*MOVED).sum(), pl.col("known_on").first(), **told)
    )
    known_on = pl.col("known_on").fill_null(since.starts_on)
    return found.filter(_is_any()).with_columns(recorded_on=known_on, booked_on=known_on).drop("known_on")

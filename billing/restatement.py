"""Restatement: what became known late, billed on the invoice of the month in which it became known.

With B(k) as the bill of all that was known at the end of month k, the invoice of k has the lines of k in
B(k), and for each earlier month the difference between its lines in B(k) and all its lines so far, as lines
of kind `adjustment` with the service period of what they adjust. So the lines about a month always add up to
its bill with all that is known, whatever rule they come from, and nothing that was issued is ever edited.

Accounts are billed independently of each other: only those about which something became known late are billed
again, once for each month in which it did, from their first month on.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import duckdb
import polars as pl

from billing.bill import Billed, Carried, bill
from billing.invoice import closing
from billing.money import EXACT, POSTED
from billing.price_book import PriceBook
from billing.progressive import LINE
from billing.schema import as_table, polars_schema
from metering.event import AccountSignedUp, SubscriptionStarted
from metering.frame import empty, shaped
from metering.known import Source, known, late_facts, late_subjects, shelved
from metering.log import Log
from metering.period import Period
from metering.selection import Selection

Billing = Callable[[Source, Sequence[Period]], Billed]
"""How to bill some months from the first one of a log, with the invoices of those who owe nothing."""


def from_the_first(book: PriceBook, connection: duckdb.DuckDBPyConnection) -> Billing:
    """Return how one book bills months of a log from the first one on."""

    def billing(log: Source, periods: Sequence[Period]) -> Billed:
        return bill(periods, log=log, book=book, carried=Carried(), connection=connection, keep_free=True)

    return billing


KIND = "adjustment"

_KEY = [
    *("service_month", "account", "subscription", "plan", "price", "stream", "adjusts", "meter"),
    *("dimensions", "from_on", "until_on"),
]
"""What two lines about a month have in common where one adjusts the other, whose kind `adjusts` is."""

_AT = ["invoice", "line_no"]
_LINE_SCHEMA = pl.Schema(
    {
        **polars_schema("invoice_lines"),
        "service_month": pl.Date(),
        "adjusts": pl.String(),
        "from_on": pl.Date(),
        "until_on": pl.Date(),
    }
)
_DRAWN_SCHEMA = pl.Schema(
    {"grant": pl.String(), "subscription": pl.String(), "month": pl.Date(), "quantity": EXACT}
)


class Round(NamedTuple):
    """What the accounts of some subjects come to from a month on, with what was known at its end."""

    since: Period
    subjects: list[str]
    billed: Billed


class Restated(NamedTuple):
    """What the accounts about which something became known late were billed, and what is known of them now.

    `lines` are as they were issued, `rated` says which of them rates which usage, `adjustments` (the
    ledger's) which adjust what; `drawn` says in which month it was known that a grant was drawn, and `sold`
    which lines are earned by that. `rounds` are the bills in which every account is as it was known at some
    time, the newest last.
    """

    subjects: list[str]
    lines: pl.DataFrame
    rated: pl.DataFrame
    adjustments: pl.DataFrame
    drawn: pl.DataFrame
    sold: pl.DataFrame
    rounds: list[Round]

    def latest(self) -> list[tuple[list[str], Billed]]:
        """Return the newest bill of every account, by the subjects for which it is the newest."""
        found, seen = list[tuple[list[str], Billed]](), dict[str, None]()
        for one in reversed(self.rounds):
            fresh = [subject for subject in one.subjects if subject not in seen]
            seen |= dict.fromkeys(fresh)
            found.append((fresh, one.billed))
        return found


def restate(
    log: Log, periods: Sequence[Period], *, billing: Billing, connection: duckdb.DuckDBPyConnection
) -> Restated | None:
    """Bill the accounts about which something became known late, for the log's first months `periods`.

    Returns None where there are none.
    """
    if not any(
        block.late for period, block in zip(log.periods, log.blocks, strict=True) if period in periods
    ):
        return None
    homes = _homes(log)
    late = {
        period: names
        for period, block in zip(log.periods, log.blocks, strict=True)
        if block.late and period in periods
        if (names := _late(connection, log, period, homes))
    }
    if not late:
        return None
    everybody = _with_subscriptions((name for names in late.values() for name in names), homes)
    with shelved(connection, log, everybody) as is_shelved:
        view = partial(known, log, is_shelved=is_shelved)
        state = _begun(billing(view(None, everybody), periods), periods[0], everybody)
        for period, names in late.items():
            subjects = _with_subscriptions(names, homes)
            state = _next(state, Round(period, subjects, billing(view(period, subjects), periods)))
    lines = _shown(state.lines)
    rated = state.rated.join(lines, on=_AT, how="semi")
    return state._replace(lines=as_table(lines, "invoice_lines"), rated=rated)


def _homes(log: Log) -> dict[str, str]:
    """Return the account of every subscription, and of every account itself."""
    homes: dict[str, str] = {}
    for _, event in log.facts():
        if type(event.data) is SubscriptionStarted:
            homes.setdefault(event.data.subscription, event.subject)
        elif type(event.data) is AccountSignedUp:
            homes.setdefault(event.subject, event.subject)
    return homes


def _late(
    connection: duckdb.DuckDBPyConnection, log: Log, period: Period, homes: dict[str, str]
) -> list[str]:
    """Return the accounts about which a month told something of an earlier one; who has none is its own."""
    found = dict.fromkeys(late_subjects(connection, log, period))
    if isinstance(log, Selection):
        found = {name: None for name in found if name in homes}
    for _, event in late_facts(log, period):
        found[event.subject] = None
        found |= dict.fromkeys(filter(None, [getattr(event.data, "subscription", "")]))
    return sorted({homes.get(name, name) for name in found})


def _with_subscriptions(accounts: Iterable[str], homes: dict[str, str]) -> list[str]:
    """Return accounts and all of their subscriptions, in order."""
    names = dict.fromkeys(accounts)
    return sorted(names | {name: None for name, account in homes.items() if account in names})


def _begun(billed: Billed, first: Period, subjects: list[str]) -> Restated:
    """Return the bill of what came in time."""
    return Restated(
        subjects,
        _plain(billed.lines),
        billed.rated,
        empty(polars_schema("adjustments")),
        shaped(billed.drawdowns, _DRAWN_SCHEMA),
        billed.sold,
        [Round(first, subjects, billed)],
    )


def _plain(lines: pl.DataFrame) -> pl.DataFrame:
    """Say of lines that are no adjustments what they are about: their own month and service period.

    The parts of a line (`billing.progressive`) are about its whole period, however it is parted.
    """
    parted = (
        lines.filter(pl.col("invoice") != closing()).select(LINE).unique().with_columns(kind=pl.lit("usage"))
    )
    keys = [*LINE, "kind"]
    whole = lines.join(parted, on=keys, how="semi").group_by(keys)
    periods = whole.agg(from_on=pl.col("starts_on").min(), until_on=pl.col("ends_on").max())
    about = lines.join(periods, on=keys, how="left", maintain_order="left").with_columns(
        pl.coalesce("from_on", "starts_on").alias("from_on"),
        pl.coalesce("until_on", "ends_on").alias("until_on"),
        service_month="month",
        adjusts="kind",
    )
    return shaped(about, _LINE_SCHEMA)


def _shown(lines: pl.DataFrame) -> pl.DataFrame:
    """Keep the lines of invoices that bill or adjust something."""
    counts = (pl.col("amount") != 0) | (pl.col("kind") == KIND)
    return lines.filter(counts.any().over("month", "account"))


def _next(state: Restated, one: Round) -> Restated:
    """Adjust the months before a round's by what is known now, and bill its month and those after it anew."""
    month = one.since.starts_on
    mine = pl.col("subscription").is_in(one.subjects)
    earlier = pl.col("month") < month
    fresh = _plain(one.billed.lines)
    issued = _shown(state.lines.filter(mine, earlier))
    due = _comparable(fresh.filter(earlier), issued)
    moved = _moved(_used(state.rated, issued), _used(one.billed.rated, due))
    found = _differences(issued, due, moved)
    own = fresh.filter(pl.col("month") == month, pl.col("invoice") == closing())
    taken = own.group_by("account").agg(offset=pl.len())
    found = _numbered(found, taken, one.since)
    kept = state.lines.filter(~mine | earlier)
    later = fresh.filter(~earlier)
    return Restated(
        state.subjects,
        pl.concat([kept, later, shaped(found, _LINE_SCHEMA)]),
        pl.concat([
            state.rated.join(kept, on=_AT, how="semi"),
            one.billed.rated.join(later, on=_AT, how="semi"),
            _rated(moved, found),
        ]),
        pl.concat([state.adjustments, as_table(found, "adjustments")]),
        _drawn(state.drawn, one),
        _sold(state, one, kept=kept, fresh=fresh, found=found),
        [*state.rounds, one],
    )  # fmt: skip


def _comparable(due: pl.DataFrame, issued: pl.DataFrame) -> pl.DataFrame:
    """Keep what a bill has of months that owe something or of which something has been shown."""
    of_what = ["service_month", "account"]
    owed = due.filter(pl.col("amount") != 0).select(of_what)
    invoices = issued.select(pl.col("month").alias("service_month"), "account")
    return due.join(pl.concat([issued.select(of_what), invoices, owed]).unique(), on=of_what, how="semi")


def _used(rated: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Say how much of which usage the lines of a key rate."""
    named = rated.select(*_AT, "phase_no", "quantity", used="dimensions")
    found = named.join(lines.select(*_AT, *_KEY), on=_AT)
    return found.group_by(*_KEY, "used").agg(pl.col("phase_no").max(), pl.col("quantity").sum())


def _moved(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Return how much more, or less, of usage is rated."""
    both = after.join(before, on=[*_KEY, "used"], how="full", coalesce=True, suffix="_before")
    change = pl.col("quantity").fill_null(0) - pl.col("quantity_before").fill_null(0)
    return both.select(
        *_KEY, "used", pl.coalesce("phase_no", "phase_no_before").alias("phase_no"), quantity=change
    ).filter(pl.col("quantity") != 0)


def _differences(issued: pl.DataFrame, due: pl.DataFrame, moved: pl.DataFrame) -> pl.DataFrame:
    """Compare what was issued about earlier months with their bill now, key by key."""
    sums = [
        pl.col("quantity", "allowance", "amount").sum(),
        pl.col("phase_no").max(),
        pl.col("currency").first(),
    ]
    before, after = (lines.group_by(_KEY).agg(sums) for lines in (issued, due))
    both = after.join(before, on=_KEY, how="full", coalesce=True, suffix="_before")
    touched = moved.select(_KEY).unique().with_columns(touched=pl.lit(value=True))
    both = both.join(touched, on=_KEY, how="left").with_columns(
        pl.coalesce("phase_no", "phase_no_before").alias("phase_no"),
        pl.coalesce("currency", "currency_before").alias("currency"),
        *(pl.col(name).fill_null(0) for name in _SUMS),
    )
    changes = {name: pl.col(name) - pl.col(f"{name}_before") for name in ("quantity", "allowance", "amount")}
    return both.with_columns(
        **changes,
        quantity_after="quantity",
        amount_after="amount",
    ).filter((pl.col("amount") != 0) | (pl.col("quantity") != 0) | pl.col("touched"))


_SUMS = [f"{name}{part}" for name in ("quantity", "allowance", "amount") for part in ("", "_before")]


def _numbered(found: pl.DataFrame, taken: pl.DataFrame, period: Period) -> pl.DataFrame:
    """Put differences on the invoices of a month, below the lines of the month itself (`taken`)."""
    number = pl.int_range(1, pl.len() + 1).over("account")
    return (
        found.sort(_KEY)
        .join(taken, on="account", how="left", maintain_order="left")
        .with_columns(
            invoice=pl.lit(f"INV-{period.label}-") + pl.col("account"),
            line_no=number + pl.col("offset").fill_null(0),
            month=pl.lit(period.starts_on),
            kind=pl.lit(KIND),
            starts_on="from_on",
            ends_on="until_on",
            exact=pl.col("amount").cast(EXACT),
            amount=pl.col("amount").cast(POSTED),
        )
    )


def _rated(moved: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    named = moved.join(found.select(*_KEY, *_AT), on=_KEY)
    return as_table(named.with_columns(month="service_month", dimensions="used"), "rated_usage")


def _drawn(drawn: pl.DataFrame, one: Round) -> pl.DataFrame:
    """Note in the round's month what is known now of draw-downs in earlier ones."""
    month = one.since.starts_on
    mine, earlier = pl.col("subscription").is_in(one.subjects), pl.col("month") < month
    fresh = shaped(one.billed.drawdowns, _DRAWN_SCHEMA)
    less = drawn.filter(mine, earlier).with_columns(quantity=-pl.col("quantity"))
    change = (
        pl.concat([fresh.filter(earlier), less])
        .group_by("grant", "subscription")
        .agg(pl.col("quantity").sum())
    )
    change = change.filter(pl.col("quantity") != 0).with_columns(month=pl.lit(month))
    return pl.concat([drawn.filter(~mine | earlier), fresh.filter(~earlier), shaped(change, _DRAWN_SCHEMA)])


def _sold(
    state: Restated, one: Round, *, kept: pl.DataFrame, fresh: pl.DataFrame, found: pl.DataFrame
) -> pl.DataFrame:
    """Say which lines sell grants: those that did and are kept, those of later months, and adjustments."""
    month = one.since.starts_on
    given = [grant.grant for grant in one.billed.given]
    others = kept.filter(~pl.col("subscription").is_in(one.subjects)).select(_AT)
    before = state.sold.join(kept.select(_AT), on=_AT, how="semi")
    before = pl.concat([
        before.join(others, on=_AT, how="semi"),
        before.join(others, on=_AT, how="anti").filter(pl.col("grant").is_in(given)),
    ])  # fmt: skip
    named = one.billed.sold.join(fresh.select(*_AT, *_KEY, "month"), on=_AT)
    later = named.filter(pl.col("month") >= month)
    adjusted = (
        named.filter(pl.col("month") < month)
        .drop(_AT)
        .join(found.filter(pl.col("amount") != 0).select(*_KEY, *_AT), on=_KEY)
    )
    columns = state.sold.columns
    return pl.concat([before, later.select(columns), adjusted.select(columns)]).unique(maintain_order=True)

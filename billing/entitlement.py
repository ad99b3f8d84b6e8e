"""Entitlements: what is given and taken off the lines in some months, and what later months know of it.

`billing.grant` says what is given to whom, `billing.drawdown` which usage it covers. Grants that are free
take units away before they are rated; others are discounts off the lines that rate the units.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import polars as pl

from billing.drawdown import Open
from billing.grant import SEEN_SCHEMA, Grant, by_events, by_plans, forgotten
from billing.lines import CHARGE_SCHEMA, charges, since_of
from billing.money import EXACT, ZERO, literal, over, times
from billing.price_book import PriceBook
from billing.schema import as_table, polars_schema
from billing.subscription import Subscriptions
from metering.frame import empty
from metering.meter import Meter
from metering.period import Period, month_of

_USAGE = ["month", "subscription", "phase_no", "meter", "dimensions", "plan"]
_LINE = ["month", "subscription", "plan", "price", "meter", "dimensions"]


class Entitled(NamedTuple):
    """What later months have to know: grants that can still be drawn, and events after which others give."""

    open: tuple[Open, ...]
    seen: pl.DataFrame


class Given(NamedTuple):
    """What can be drawn in some months (`open`), and what of it was given in them (`fresh`)."""

    open: tuple[Open, ...]
    fresh: tuple[Grant, ...]
    seen: pl.DataFrame

    def pairs(self) -> list[tuple[str, str]]:
        """Return each (account, meter) with a grant."""
        return list(dict.fromkeys((one.grant.account, one.grant.meter) for one in self.open))


def nothing() -> Entitled:
    """Return what is known before the first month."""
    return Entitled((), empty(SEEN_SCHEMA))


def giving_meters(book: PriceBook) -> dict[str, Meter]:
    """Return the meters whose single events matter: those that give, and those after which others give."""
    givers = [entitlement.given_by for entitlement in book.entitlements.values()]
    keys = [giver.meter for giver in givers] + [giver.after.meter for giver in givers if giver.after]
    return {key: book.meters[key] for key in dict.fromkeys(keys) if key is not None}


def give(
    events: pl.DataFrame,
    known: Entitled,
    *,
    subscriptions: Subscriptions,
    book: PriceBook,
    periods: Sequence[Period],
) -> Given:
    """Return what can be drawn in some months.

    `events` are the single events (`metering.usage.single_events`) of `giving_meters` in these months. Raises
    AssertionError for a grant of a plan that was given and is not there any more.
    """
    if not book.entitlements:
        return Given((), (), known.seen)
    first, until = periods[0].starts_on, periods[-1].ends_on
    since = since_of(periods, book.conventions)
    phases = subscriptions.frame(since=since)
    made, seen = by_events(_at_home(events, phases), book, known.seen)
    plans = [plan for one in book.entitlements.values() for plan in one.given_by.plans]
    living = phases.filter(pl.col("plan").is_in(plans))["subscription"].unique().sort()
    holders = [one.grant.subscription for one in known.open if one.grant.position < 0]
    held = {
        grant.grant: grant
        for subscription in dict.fromkeys([*living, *holders])
        for grant in by_plans(subscriptions.phases[subscription], book, until, since)
    }
    carried = [_as_it_lives(one, held) for one in known.open]
    fresh = (*made, *(grant for grant in held.values() if grant.granted_on >= first))
    return Given((*carried, *(Open(grant, grant.quantity, grant.events) for grant in fresh)), fresh, seen)


def _as_it_lives(one: Open, held: dict[str, Grant]) -> Open:
    """Return a grant of a plan with the end that is known by now."""
    if one.grant.position >= 0:
        return one
    assert one.grant.grant in held, f"grant {one.grant.grant} is not given any more"
    return one._replace(grant=held[one.grant.grant])


def _at_home(events: pl.DataFrame, phases: pl.DataFrame) -> pl.DataFrame:
    """Put beside each event whose it is; events outside of any phase give nothing."""
    lives = phases.select("subscription", "phase_no", "account", "starts_on", "ends_on")
    return (
        events.rename({"subject": "subscription"})
        .join(lives, on="subscription")
        .filter(
            pl.col("day") >= pl.col("starts_on"),
            pl.col("ends_on").is_null() | (pl.col("day") < pl.col("ends_on")),
        )
    )


def later(given: Given, left: Iterable[Open], book: PriceBook, periods: Sequence[Period]) -> Entitled:
    """Return what the months after these have to know: usage of a grant's last days may be billed later."""
    end = periods[-1].ends_on
    since = since_of([month_of(end)], book.conventions)
    kept = [
        one for one in left if not one.is_empty and (one.grant.ends_on is None or one.grant.ends_on > since)
    ]
    return Entitled(tuple(kept), forgotten(given.seen, book, end))


def grants(
    given: Iterable[Grant],
    drawdowns: pl.DataFrame,
    sold: pl.DataFrame,
    *,
    subscriptions: Subscriptions,
    book: PriceBook,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Return the ledger's `grants` of a whole log: with the ends that are known at its end."""
    holders = dict.fromkeys(grant.subscription for grant in given if grant.position < 0)
    ends = {
        grant.grant: grant.ends_on
        for subscription in holders
        for grant in by_plans(subscriptions.phases[subscription], book, periods[-1].ends_on)
    }
    rows = [(*grant[:6], ends.get(grant.grant, grant.ends_on), grant.quantity) for grant in given]
    schema = polars_schema("grants")
    names = schema.names()[:8]
    frame = pl.DataFrame(rows, schema={name: schema[name] for name in names}, orient="row")
    lines = sold.unique("grant", keep="first", maintain_order=True)
    used = drawdowns.group_by("grant").agg(drawn=pl.col("quantity").sum())
    whole = frame.join(used, on="grant", how="left").join(lines, on="grant", how="left")
    is_free = [key for key, one in book.entitlements.items() if one.is_free]
    filled = whole.with_columns(
        pl.col("entitlement").is_in(is_free).alias("free"),
        pl.col("drawn").fill_null(literal(ZERO)),
        pl.col("invoice").fill_null(""),
        pl.col("line_no").fill_null(0),
    )
    return as_table(filled.sort("grant"), "grants")


def discounts(
    lines: pl.DataFrame, counted: pl.DataFrame, drawn: pl.DataFrame, book: PriceBook
) -> pl.DataFrame:
    """Return a line for each usage line that rates units which are cheaper by a grant.

    `counted` says which line rates which usage (`billing.rating`), `drawn` which of it is covered.
    """
    off = pl.DataFrame(
        [(key, one.share, one.amount) for key, one in book.entitlements.items() if not one.is_free],
        schema={"entitlement": pl.String, "share": EXACT, "off": EXACT},
        orient="row",
    )
    cheaper = drawn.join(off, on="entitlement").rename({"quantity": "covered"})
    if not len(cheaper):
        return empty(CHARGE_SCHEMA)
    rates = counted.select(*_USAGE, "price", "grouped")
    units = (
        cheaper.join(rates, on=_USAGE)
        .drop("dimensions")
        .rename({"grouped": "dimensions"})
        .group_by(*_LINE, "entitlement", "share", "off")
        .agg(pl.col("covered").sum())
    )
    usage = lines.filter(pl.col("kind") == "usage", pl.col("quantity") > 0)
    part = over(times(pl.col("amount").cast(EXACT), pl.col("covered")), pl.col("quantity"))
    less = pl.min_horizontal(times(pl.col("off"), pl.col("covered")), part)
    found = (
        usage.join(units, on=_LINE)
        .with_columns(
            less=pl.when(pl.col("share").is_null()).then(less).otherwise(times(part, pl.col("share")))
        )
        .group_by(lines.columns)
        .agg(pl.col("covered", "less").sum())
        .filter(pl.col("less") != 0)
    )
    zero = pl.lit(0, EXACT)
    return charges([
        found.with_columns(kind=pl.lit("discount"), quantity="covered", allowance=zero, exact=-pl.col("less"))
    ])  # fmt: skip

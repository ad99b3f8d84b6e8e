"""Entitlements: what is given, drawn down and taken off the lines in some months, and what later months know.

`billing.grant` says what is given to whom, `billing.drawdown` which usage it covers. Grants that are free take
units away before they are rated; others are discounts off the lines that rate the units.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import polars as pl

from billing.drawdown import DRAWN_SCHEMA, Drawn, Open
from billing.grant import SEEN_SCHEMA, Grant, by_events, by_plans, forgotten
from billing.lines import CHARGE_SCHEMA, charges
from billing.money import EXACT, over, times
from billing.price_book import PriceBook
from billing.rule import Entitlement
from billing.subscription import Subscriptions
from metering.frame import empty
from metering.meter import Meter
from metering.period import Period
from metering.usage import EVENT_SCHEMA

_USAGE = ["month", "subscription", "phase_no", "meter", "dimensions", "plan"]
_LINE = ["month", "subscription", "plan", "price", "meter", "grouped"]


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
    phases = subscriptions.frame(since=first)
    made, seen = by_events(_at_home(events, phases), book, known.seen)
    plans = [plan for one in book.entitlements.values() for plan in one.given_by.plans]
    living = phases.filter(pl.col("plan").is_in(plans))["subscription"].unique().sort()
    holders = [one.grant.subscription for one in known.open if one.grant.position < 0]
    held = {
        grant.grant: grant
        for subscription in dict.fromkeys([*living, *holders])
        for grant in by_plans(subscriptions.phases[subscription], book, until)
    }
    carried = [_as_it_lives(one, held) for one in known.open]
    fresh = (*made, *(grant for grant in held.values() if grant.granted_on >= first))
    return Given((*carried, *(Open(grant, grant.quantity) for grant in fresh)), fresh, seen)


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
    """Return what the months after these have to know."""
    end = periods[-1].ends_on
    kept = [
        one
        for one in left
        if (one.left is None or one.left > 0) and (one.grant.ends_on is None or one.grant.ends_on > end)
    ]
    return Entitled(tuple(kept), forgotten(given.seen, book, end))

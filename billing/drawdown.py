"""Draw-down: which days' usage is covered by which grants; of several, what expires first is drawn first.

Usage is walked through day by day, but only that of accounts and meters with a grant.
"""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from billing.dimension import among
from billing.grant import Grant
from billing.money import EXACT, ZERO
from billing.price_book import PriceBook

DRAWN_SCHEMA = pl.Schema(
    {
        "grant": pl.String(),
        "entitlement": pl.String(),
        "month": pl.Date(),
        "subscription": pl.String(),
        "phase_no": pl.Int64(),
        "meter": pl.String(),
        "dimensions": pl.String(),
        "plan": pl.String(),
        "quantity": EXACT,
    }
)
"""How much of a month's usage a grant covered; `plan` is whose prices rate it."""

_ORDER = ["account", "meter", "day", "subscription", "phase_no", "dimensions", "step"]
_USAGE = ["month", "subscription", "phase_no", "meter", "dimensions", "plan"]


class Open(NamedTuple):
    """A grant, and how much of it is left (None: no end of units)."""

    grant: Grant
    left: Decimal | None


class Drawn(NamedTuple):
    """What was drawn (`DRAWN_SCHEMA`), and what the grants have left."""

    drawn: pl.DataFrame
    left: list[Open]


@dataclass(slots=True)
class _Purse:
    """A grant while it is drawn: what it covers, what is left, and when its turn is."""

    grant: Grant
    left: Decimal | None
    texts: frozenset[str]
    turn: tuple[bool, date, date, int, int, str]

    @property
    def is_empty(self) -> bool:
        return self.left is not None and self.left <= 0


def draw(usage: pl.DataFrame, grants: Iterable[Open], book: PriceBook) -> Drawn:
    """Draw grants down, each unit of usage from one of them.

    `usage` has the columns of the ledger's `usage`, with `day` and `step` (`billing.limit`); it is by the day
    for the accounts and meters of the grants.
    """
    grants = list(grants)
    pairs = pl.DataFrame(
        list(dict.fromkeys((one.grant.account, one.grant.meter) for one in grants)),
        schema={"account": pl.String, "meter": pl.String},
        orient="row",
    )
    rows = usage.join(pairs, on=["account", "meter"], how="semi")
    purses = _purses(grants, rows, book)
    taken: dict[tuple[object, ...], Decimal] = {}
    room = _room(rows)
    parts = rows.filter(pl.col("quantity") > 0).sort(_ORDER).partition_by("account", "meter", as_dict=True)
    for (account, meter), part in parts.items():
        own = [purse for purse in purses if (purse.grant.account, purse.grant.meter) == (account, meter)]
        _walk(part, own, room, taken)
    found = [(*key, quantity) for key, quantity in taken.items()]
    drawn = pl.DataFrame(found, schema=DRAWN_SCHEMA, orient="row")
    return Drawn(drawn, [Open(purse.grant, purse.left) for purse in purses])


def _purses(grants: Iterable[Open], rows: pl.DataFrame, book: PriceBook) -> list[_Purse]:
    texts = rows.select("meter", "dimensions").unique()
    places = {key: place for place, key in enumerate(book.entitlements)}
    covered = {
        key: frozenset(among(texts.filter(pl.col("meter") == scope.meter), scope.where)["dimensions"])
        for key, scope in ((key, one.covers) for key, one in book.entitlements.items())
    }
    return [
        _Purse(grant, left, covered[grant.entitlement], _turn(grant, book, places[grant.entitlement]))
        for grant, left in grants
    ]


def _turn(grant: Grant, book: PriceBook, place: int) -> tuple[bool, date, date, int, int, str]:
    """Return what grants are ordered by: free ones first, then what expires first."""
    is_free = book.entitlements[grant.entitlement].is_free
    due_on = grant.due_on or date.max
    return (not is_free, due_on, grant.granted_on, place, grant.position, grant.subscription)


def _room(rows: pl.DataFrame) -> dict[tuple[object, ...], Decimal]:
    """Return the usage of months in which something was taken back: no more than it can be covered."""
    keys = rows.filter(pl.col("quantity") < 0).select(_USAGE).unique()
    sums = rows.join(keys, on=_USAGE, how="semi").group_by(_USAGE).agg(pl.col("quantity").sum())
    return {row[:-1]: max(ZERO, row[-1]) for row in sums.select(*_USAGE, "quantity").iter_rows()}


def _walk(
    rows: pl.DataFrame,
    purses: list[_Purse],
    room: dict[tuple[object, ...], Decimal],
    taken: dict[tuple[object, ...], Decimal],
) -> None:
    """Draw the grants of one account and meter, in the order of the rows."""
    waiting = sorted(purses, key=lambda purse: purse.grant.granted_on, reverse=True)
    active: list[_Purse] = []
    text = _USAGE.index("dimensions")
    for day, quantity, *key in rows.select("day", "quantity", *_USAGE).iter_rows():
        while waiting and waiting[-1].grant.granted_on <= day:
            insort(active, waiting.pop(), key=lambda purse: purse.turn)
        active = [purse for purse in active if not purse.is_empty and purse.grant.covers(day)]
        usage = tuple(key)
        need = min(quantity, room.get(usage, quantity))
        for purse in active:
            if need > 0 and key[text] in purse.texts:
                part = need if purse.left is None else min(need, purse.left)
                if purse.left is not None:
                    purse.left -= part
                if usage in room:
                    room[usage] -= part
                need -= part
                name = (purse.grant.grant, purse.grant.entitlement, *usage)
                taken[name] = taken.get(name, ZERO) + part

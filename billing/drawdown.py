"""Draw-down: which days' usage is covered by which grants, in the order of the book's conventions.

Usage is walked through day by day, but only that of accounts and meters with a grant; within a day, single
events come in the order of their dimensions.
"""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import polars as pl

from billing.dimension import having
from billing.grant import Grant
from billing.money import EXACT, ZERO
from billing.price_book import PriceBook
from metering.frame import empty

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

_ORDER = ["account", "meter", "month", "day", "subscription", "phase_no", "dimensions", "step"]
_USAGE = ["month", "subscription", "phase_no", "meter", "dimensions", "plan"]


class Open(NamedTuple):
    """A grant, and how much of it is left: units (None: no end), and single events (None: any number)."""

    grant: Grant
    left: Decimal | None
    events: Decimal | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return self.left == 0 or (self.events is not None and self.events < 1)


class Drawn(NamedTuple):
    """What was drawn (`DRAWN_SCHEMA`), and what the grants have left."""

    drawn: pl.DataFrame
    left: list[Open]


@dataclass(slots=True)
class _Purse:
    """A grant while it is drawn: what it covers, what is left, and when its turn is."""

    grant: Grant
    left: Decimal | None
    events: Decimal | None
    texts: frozenset[str]
    turn: tuple[int, bool, date, date, int, int, str]

    def may_be_drawn(self, day: date) -> bool:
        """Whether something is left for a day that is not before it was given."""
        if self.left == 0 or (self.events is not None and self.events < 1):
            return False
        return self.grant.ends_on is None or day < self.grant.ends_on

    def take(self, need: Decimal) -> Decimal:
        """Take as many units of an event as are needed, or all that are left."""
        if self.events is not None:
            self.events -= 1
        if self.left is None:
            return need
        part = min(need, self.left)
        self.left -= part
        return part


def draw(usage: pl.DataFrame, grants: Iterable[Open], book: PriceBook) -> Drawn:
    """Draw grants down, each unit of usage from one of them.

    `usage` has the columns of the ledger's `usage`, with `day` and `step` (`billing.limit`); it is by the day
    for the accounts and meters of the grants.
    """
    grants = list(grants)
    if not grants:
        return Drawn(empty(DRAWN_SCHEMA), [])
    pairs = pl.DataFrame(
        list(dict.fromkeys((one.grant.account, one.grant.meter) for one in grants)),
        schema={"account": pl.String, "meter": pl.String},
        orient="row",
    )
    rows = usage.join(pairs, on=["account", "meter"], how="semi")
    used = set(rows.select("account", "meter").unique().iter_rows())
    purses = _purses((one for one in grants if (one.grant.account, one.grant.meter) in used), rows, book)
    by_pair: dict[tuple[str, str], list[_Purse]] = {}
    for purse in purses:
        by_pair.setdefault((purse.grant.account, purse.grant.meter), []).append(purse)
    taken: dict[tuple[object, ...], Decimal] = {}
    room = _room(rows)
    ordered = rows.filter(pl.col("quantity") > 0).sort(_ORDER).select("account", "day", "quantity", *_USAGE)
    for pair, part in groupby(ordered.iter_rows(), key=itemgetter(0, 3 + _USAGE.index("meter"))):
        _walk((row[1:] for row in part), by_pair[pair], room, taken)
    found = [(*key, quantity) for key, quantity in taken.items()]
    drawn = pl.DataFrame(found, schema=DRAWN_SCHEMA, orient="row")
    left = {purse.grant.grant: Open(purse.grant, purse.left, purse.events) for purse in purses}
    return Drawn(drawn, [left.get(one.grant.grant, one) for one in grants])


def _purses(grants: Iterable[Open], rows: pl.DataFrame, book: PriceBook) -> list[_Purse]:
    texts: dict[str, list[str]] = {}
    for meter, text in rows.select("meter", "dimensions").unique().iter_rows():
        texts.setdefault(meter, []).append(text)
    places = {key: place for place, key in enumerate(book.entitlements)}
    covered = {
        key: frozenset(having(texts.get(scope.meter, ()), scope.where))
        for key, scope in ((key, one.covers) for key, one in book.entitlements.items())
    }
    return [
        _Purse(grant, left, events, covered[grant.entitlement], _turn(grant, book, places[grant.entitlement]))
        for grant, left, events in grants
    ]


def _turn(grant: Grant, book: PriceBook, place: int) -> tuple[int, bool, date, date, int, int, str]:
    """Return what grants are ordered by: free ones first, then what expires first.

    A convention may put the lowest priority before that, or what was granted first.
    """
    one, order = book.entitlements[grant.entitlement], book.conventions.drawdown
    priority = one.priority if order == "priority" else 0
    days = (grant.due_on or date.max, grant.granted_on)
    first, second = reversed(days) if order == "granted" else days
    return (priority, not one.is_free, first, second, place, grant.position, grant.subscription)


def _room(rows: pl.DataFrame) -> dict[tuple[object, ...], Decimal]:
    """Return the usage of months in which something was taken back: no more than it can be covered."""
    keys = rows.filter(pl.col("quantity") < 0).select(_USAGE).unique()
    sums = rows.join(keys, on=_USAGE, how="semi").group_by(_USAGE).agg(pl.col("quantity").sum())
    return {row[:-1]: max(ZERO, row[-1]) for row in sums.select(*_USAGE, "quantity").iter_rows()}


def _walk(
    rows: Iterable[tuple[Any, ...]],
    purses: list[_Purse],
    room: dict[tuple[object, ...], Decimal],
    taken: dict[tuple[object, ...], Decimal],
) -> None:
    """Draw the grants of one account and meter, in the order of the rows: (day, quantity, *usage)."""
    waiting = sorted(purses, key=lambda purse: purse.grant.granted_on, reverse=True)
    active: list[_Purse] = []
    text = _USAGE.index("dimensions")
    before = date.min
    for day, quantity, *key in rows:
        if day < before:  # the next month bills the days of another subscription, which came before
            waiting, active = sorted(purses, key=lambda purse: purse.grant.granted_on, reverse=True), []
        before = day
        while waiting and waiting[-1].grant.granted_on <= day:
            insort(active, waiting.pop(), key=lambda purse: purse.turn)
        if not all(purse.may_be_drawn(day) for purse in active):
            active = [purse for purse in active if purse.may_be_drawn(day)]
        usage = tuple(key)
        need = min(quantity, room[usage]) if usage in room else quantity
        for purse in active:
            if need > 0 and key[text] in purse.texts:
                part = purse.take(need)
                need -= part
                if usage in room:
                    room[usage] -= part
                name = (purse.grant.grant, purse.grant.entitlement, *usage)
                taken[name] = taken.get(name, ZERO) + part

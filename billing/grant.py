"""Grants: what entitlements give to whom, by counted events and by plans, and until when.

Grants are few, so they are records in Python; the events that give them are picked on columns.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from billing.dimension import among, having
from billing.money import times
from billing.price_book import PriceBook
from billing.rule import After, Entitlement
from billing.subscription import Phase
from metering.frame import shaped
from metering.period import add_months, months_between


class Grant(NamedTuple):
    """Units of a meter that an account may use, free or cheaper, on the days from `granted_on` on.

    `due_on` is the first day on which it no longer covers, as it was known when it was given (None: never);
    `ends_on` is sooner where the subscription left the plans or renewed before. `quantity` None is no end of
    units, `events` how many single events they may be of (None: any). `position` (-1 of plans), `phase_no`
    and `dimensions` are those of the event that gave it.
    """

    grant: str
    entitlement: str
    account: str
    subscription: str
    meter: str
    granted_on: date
    due_on: date | None
    ends_on: date | None
    quantity: Decimal | None
    position: int
    phase_no: int
    dimensions: str
    events: Decimal | None = None


SEEN_SCHEMA = pl.Schema(
    {"entitlement": pl.String(), "account": pl.String(), "same": pl.String(), "day": pl.Date()}
)
"""Events after which others give an entitlement; `same` holds the dimensions that have to be the same."""

_MONTHS = {"month": 1, "year": 12}


def by_events(events: pl.DataFrame, book: PriceBook, seen: pl.DataFrame) -> tuple[list[Grant], pl.DataFrame]:
    """Return what events give, and every event seen so far after which others may give (`SEEN_SCHEMA`).

    `events` are those of `metering.usage.single_events`, with `account`, `subscription` and `phase_no`.
    """
    found: list[Grant] = []
    counted = {meter: rows for (meter,), rows in events.partition_by("meter", as_dict=True).items()}
    giving = {meter: _by_text(rows.filter(pl.col("quantity") > 0)) for meter, rows in counted.items()}
    for key, entitlement in book.entitlements.items():
        giver = entitlement.given_by
        if giver.after is not None and giver.after.meter in counted:
            seen = pl.concat([seen, _seen(counted[giver.after.meter], key, giver.after)])
        by_text = giving.get(giver.meter, {})
        texts = having(by_text, giver.where)
        if not texts:
            continue
        rows = pl.concat([by_text[text] for text in texts])
        if giver.after is not None:
            rows = _after(rows, seen.filter(pl.col("entitlement") == key), giver.after)
        found += (_of_event(key, entitlement, row) for row in rows.sort("position").iter_rows(named=True))
    return found, seen


def _by_text(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Part rows by what their dimensions say, once for all entitlements that ask for some."""
    return {text: part for (text,), part in rows.partition_by("dimensions", as_dict=True).items()}


def forgotten(seen: pl.DataFrame, book: PriceBook, day: date) -> pl.DataFrame:
    """Leave out what was seen too long before a day to count on it."""
    days = {key: one.given_by.after.days for key, one in book.entitlements.items() if one.given_by.after}
    if not days:
        return seen
    lasts = pl.col("entitlement").replace_strict(days, return_dtype=pl.Int64)
    return seen.filter((pl.lit(day) - pl.col("day")).dt.total_days() <= lasts).unique()


def _seen(events: pl.DataFrame, key: str, after: After) -> pl.DataFrame:
    """Note the events of the meter after which others give an entitlement."""
    rows = among(events, after.where)
    return shaped(_with_same(rows, after).with_columns(entitlement=pl.lit(key)), SEEN_SCHEMA)


def _after(rows: pl.DataFrame, seen: pl.DataFrame, after: After) -> pl.DataFrame:
    """Keep the events before which, not too long ago, the account had another."""
    both = _with_same(rows, after).join(seen.rename({"day": "seen_on"}), on=["account", "same"])
    ago = (pl.col("day") - pl.col("seen_on")).dt.total_days()
    return rows.join(both.filter(ago.is_between(0, after.days)), on="position", how="semi")


def _with_same(rows: pl.DataFrame, after: After) -> pl.DataFrame:
    """Add the values of the dimensions that have to be the same."""
    texts = {text: json.loads(text) if text else {} for text in rows["dimensions"].unique().sort()}
    same = {text: json.dumps([values.get(name, "") for name in after.same]) for text, values in texts.items()}
    return rows.with_columns(same=pl.col("dimensions").replace_strict(same, return_dtype=pl.String))


def _of_event(key: str, entitlement: Entitlement, row: dict[str, object]) -> Grant:
    day, quantity, position = row["day"], row["quantity"], row["position"]
    assert isinstance(day, date)
    assert isinstance(quantity, Decimal)
    ends_on = None if entitlement.months is None else add_months(day, entitlement.months)
    return Grant(
        grant=f"{key}/{position}",
        entitlement=key,
        account=str(row["account"]),
        subscription=str(row["subscription"]),
        meter=entitlement.covers.meter,
        granted_on=day + timedelta(entitlement.given_by.wait),
        due_on=ends_on,
        ends_on=ends_on,
        quantity=None if entitlement.quantity is None else times(quantity, entitlement.quantity),
        events=None if entitlement.events is None else times(quantity, entitlement.events),
        position=int(str(position)),
        phase_no=int(str(row["phase_no"])),
        dimensions=str(row["dimensions"]),
    )


def by_plans(
    phases: Sequence[Phase], book: PriceBook, until: date, since: date = date.min
) -> Iterator[Grant]:
    """Yield what a subscription's phases give on days before `until`, but for what ended before `since`."""
    for key, entitlement in book.entitlements.items():
        for run in _runs(phases, entitlement.given_by.plans) if entitlement.given_by.plans else ():
            yield from _of_run(key, entitlement, run, until, since)


def _runs(phases: Iterable[Phase], plans: Sequence[str]) -> Iterator[list[Phase]]:
    """Yield the unbroken runs of paid phases on any of some plans."""
    run: list[Phase] = []
    for phase in phases:
        belongs = phase.plan in plans and not phase.trial
        if run and not (belongs and run[-1].ends_on == phase.starts_on):
            yield run
            run = []
        if belongs:
            run.append(phase)
    if run:
        yield run


def _of_run(
    key: str, entitlement: Entitlement, run: Sequence[Phase], until: date, since: date
) -> Iterator[Grant]:
    days = sorted(_days(run, entitlement.given_by.renews, until, since))
    for number, day in enumerate(days):
        following = days[number + 1 : number + 2]
        if following and following[0] < since:
            continue
        phase = next(phase for phase in reversed(run) if phase.starts_on <= day)
        count = phase.seats if entitlement.given_by.per == "seat" else 1
        if not count:
            continue
        due = []
        if entitlement.given_by.renews != "never":
            due.append(_renewal(phase.anchor_on, _MONTHS[entitlement.given_by.renews], day))
        if entitlement.months is not None:
            due.append(add_months(day, entitlement.months))
        ends = [*due, *following, *filter(None, [run[-1].ends_on])]
        if ends and min(ends) < since:
            continue
        yield Grant(
            grant=f"{key}/{phase.subscription}/{day}",
            entitlement=key,
            account=phase.account,
            subscription=phase.subscription,
            meter=entitlement.covers.meter,
            granted_on=day,
            due_on=min(due, default=None),
            ends_on=min(ends, default=None),
            quantity=None if entitlement.quantity is None else times(entitlement.quantity, count),
            events=None if entitlement.events is None else Decimal(entitlement.events * count),
            position=-1,
            phase_no=phase.phase_no,
            dimensions="",
        )


def _days(run: Sequence[Phase], renews: str, until: date, since: date) -> set[date]:
    """Return the days before `until` on which a run gives: its first, and each of its renewals.

    Of the renewals before `since` only the last is looked at: those before it have ended.
    """
    days = {run[0].starts_on} if run[0].starts_on < until else set()
    for phase in reversed(run) if renews != "never" else ():
        ends_on = until if phase.ends_on is None else min(phase.ends_on, until)
        day, known = phase.anchor_on, min(ends_on, since)
        if known > phase.starts_on:
            day = max(day, _last_renewal(phase.anchor_on, _MONTHS[renews], known - timedelta(days=1)))
        if day < phase.starts_on:
            day = _renewal(phase.anchor_on, _MONTHS[renews], phase.starts_on - timedelta(days=1))
        first = day
        while day < ends_on:
            days.add(day)
            day = _renewal(phase.anchor_on, _MONTHS[renews], day)
        if first < min(ends_on, since):
            break
    return days


def _last_renewal(anchor_on: date, months: int, day: date) -> date:
    """Return the last day not after `day` that lies a whole number of times the months after the anchor."""
    return add_months(anchor_on, max(0, months_between(anchor_on, day) // months) * months)


def _renewal(anchor_on: date, months: int, day: date) -> date:
    """Return the first day after `day` that lies a whole number of times the months after the anchor."""
    return add_months(anchor_on, max(0, months_between(anchor_on, day) // months + 1) * months)

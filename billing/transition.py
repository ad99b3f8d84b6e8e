"""Transition: when each subscription comes from one price book to another.

    now      everybody on the day
    new      only who comes to a plan on the day or later; the others keep what they have
    renewal  old customers at the next start of their contract year, new ones at once
    phased   equal shares of the accounts, one share a month; who comes in the meantime, at once
    cohort   some accounts on the day, the others never

A month is billed by the book that holds on its first day, as by dated changes within one book; who comes to
a plan within a month is billed by the new book from that day.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Literal, NamedTuple, get_args

import polars as pl

from billing.money import minor_units
from billing.price import renewal
from billing.price_book import PriceBook
from billing.subscription import Phase, with_plan_since
from metering.document import problem
from metering.period import add_months, month_of

Policy = Literal["now", "new", "renewal", "phased", "cohort"]

POLICIES: tuple[Policy, ...] = get_args(Policy)


class Transition(NamedTuple):
    """How customers come from the book `before` to another one.

    `from_on` is the first day of a month (the log's first month when None), `phase_months` how many months
    the policy `phased` takes, `cohort` the accounts of the policy `cohort`.
    """

    before: PriceBook
    policy: Policy = "now"
    from_on: date | None = None
    phase_months: int = 1
    cohort: frozenset[str] = frozenset()


class Switch(NamedTuple):
    """The first day on which a subscription's months are billed by the new book, and its years are."""

    month_on: date
    year_on: date


class Handover(NamedTuple):
    """Two books and the switches from one to the other, by subscription; who has none keeps `before`.

    `lives` are the phases of each subscription in the names of the book `after`.
    """

    before: PriceBook
    after: PriceBook
    switches: Mapping[str, Switch]
    lives: Mapping[str, Sequence[Phase]]

    def for_years(self, phase: Phase, day: date) -> tuple[PriceBook, Phase]:
        """Return the book that charges what is paid in advance on a day, and the phase in its names."""
        switch = self.switches.get(phase.subscription)
        if switch is None or day < switch.year_on:
            return self.before, phase
        return self.in_new_names(phase)

    def in_new_names(self, phase: Phase) -> tuple[PriceBook, Phase]:
        """Return the book after, and a phase in its names."""
        return self.after, self.lives[phase.subscription][phase.phase_no - 1]

    def switch_days(self, name: str) -> pl.DataFrame:
        """Return the day of each switch that has this name (`month_on` or `year_on`), by subscription."""
        rows = [(subscription, getattr(switch, name)) for subscription, switch in self.switches.items()]
        return pl.DataFrame(rows, schema={"subscription": pl.String, name: pl.Date}, orient="row")

    def by_account(self, rows: pl.DataFrame) -> list[tuple[PriceBook, pl.DataFrame]]:
        """Part rows of accounts and months by the book that holds for the invoice.

        An account's invoices are those of the book after from the month of its first switch on.
        """
        first = dict[str, date]()
        for subscription, switch in self.switches.items():
            account = self.lives[subscription][0].account
            month = switch.month_on.replace(day=1)
            first[account] = min(month, first.get(account, month))
        schema = {"account": pl.String, "first_on": pl.Date}
        frame = pl.DataFrame(list(first.items()), schema=schema, orient="row")
        found = rows.join(frame, on="account", how="left", maintain_order="left")
        reached = (pl.col("month") >= pl.col("first_on")).fill_null(value=False)
        books = ((self.before, ~reached), (self.after, reached))
        return [(book, found.filter(mine).drop("first_on")) for book, mine in books]

    def by_part(self, parts: pl.DataFrame) -> list[tuple[PriceBook, pl.DataFrame]]:
        """Part the parts of months by the book that bills them; those of a phase and month stay together."""
        switch = self.switch_days("month_on")
        found = parts.join(switch, on="subscription", how="left", maintain_order="left")
        begins = pl.col("from_on").min().over("subscription", "phase_no", "month")
        reached = (begins >= pl.col("month_on")).fill_null(value=False)
        books = ((self.before, ~reached), (self.after, reached))
        return [(book, found.filter(mine).drop("month_on")) for book, mine in books]


class Sole(NamedTuple):
    """The one book of a log, in the form of two."""

    after: PriceBook

    def by_account(self, rows: pl.DataFrame) -> list[tuple[PriceBook, pl.DataFrame]]:
        """Return all rows with the book."""
        return [(self.after, rows)]

    def by_part(self, parts: pl.DataFrame) -> list[tuple[PriceBook, pl.DataFrame]]:
        """Return all parts of months with the book."""
        return [(self.after, parts)]


Books = Sole | Handover
"""The books of a log: one, or two between which its subscriptions change."""


def handover(
    transition: Transition,
    after: PriceBook,
    *,
    old: Mapping[str, Sequence[Phase]],
    new: Mapping[str, Sequence[Phase]],
    first: date,
) -> Handover:
    """Return the switch of every subscription that comes to the new book.

    `old` and `new` are the phases of each subscription in the names of the two books, `first` the first day
    of the log. Raises Problems for a transition that cannot be.
    """
    start = transition.from_on or first
    _check(transition, after)
    assert _spans(old) == _spans(new), "subscriptions have other phases under another book"
    living = {subscription: life for subscription, life in old.items() if life}
    begun = _begun(living.values())
    found = dict[str, Switch]()
    for subscription, life in living.items():
        switch = _switch(transition, after, life, begun=begun[life[0].account], start=start)
        if switch is not None:
            found[subscription] = switch
    return Handover(transition.before, after, found, new)


def share_of(account: str, shares: int) -> int:
    """Return in which of so many equal shares an account is, from 0: by a hash, whoever else there is."""
    digest = hashlib.blake2b(account.encode(), digest_size=8, person=b"saasim phase").digest()
    return int.from_bytes(digest) * shares >> 64


def _check(transition: Transition, after: PriceBook) -> None:
    before = transition.before
    if transition.from_on is not None and transition.from_on.day != 1:
        raise problem("from", f"{transition.from_on} is not the first day of a month", "name a month")
    if transition.policy not in POLICIES:
        raise problem("policy", f"there is no policy {transition.policy!r}", f"use {', '.join(POLICIES)}")
    if before.currency != after.currency or minor_units(before.currency) != minor_units(after.currency):
        what = f"is in {after.currency}, and the book before in {before.currency}"
        raise problem(f"price book {after.name!r}", what, "use one currency")
    if transition.phase_months < 1:
        raise problem("phase months", f"{transition.phase_months} is no number of months", "use 1 or more")
    same = ("periods", "proration", "recurring", "cancel_day")
    differ = [name for name in same if getattr(before.conventions, name) != getattr(after.conventions, name)]
    if differ:
        remedy = "replay it as a book of its own, without a policy"
        raise problem(f"price book {after.name!r}", f"has other conventions.{differ[0]}", remedy)


def _spans(lives: Mapping[str, Sequence[Phase]]) -> dict[str, list[tuple[datetime, datetime | None]]]:
    return {name: [(phase.starts_at, phase.ends_at) for phase in life] for name, life in lives.items()}


def _begun(lives: Iterable[Sequence[Phase]]) -> dict[str, date]:
    """Return the first day of each account."""
    begun = dict[str, date]()
    for life in lives:
        account, day = life[0].account, life[0].starts_on
        begun[account] = min(day, begun.get(account, day))
    return begun


def _switch(
    transition: Transition, after: PriceBook, life: Sequence[Phase], *, begun: date, start: date
) -> Switch | None:
    policy, account = transition.policy, life[0].account
    if policy == "now" or (policy == "cohort" and account in transition.cohort):
        return Switch(start, start)
    if policy == "cohort":
        return None
    if policy == "phased":
        share = 0 if begun >= start else share_of(account, transition.phase_months)
        day = add_months(start, share)
        return Switch(day, day)
    days = [_as_comer(life, start, transition.before, after)]
    if policy == "renewal":
        days += _renewals(life, start, by_month=transition.before.conventions.periods == "calendar")
    known = [day for day in days if day is not None]
    if not known:
        return None
    return Switch(min(day.month_on for day in known), min(day.year_on for day in known))


def _as_comer(life: Sequence[Phase], start: date, before: PriceBook, after: PriceBook) -> Switch | None:
    """Return the day on which a subscription first comes to a plan, from `start` on.

    What it uses of one plan in one month is one pool: one that leaves a plan and comes back to it within a
    month, or buys the plan to which its usage stepped, has its months billed by the new book from the next
    month on.
    """
    for phase, since_on in with_plan_since(life):
        if since_on >= start:
            month = month_of(since_on)
            mixed = [one for one in life if one.starts_on < month.ends_on and _lives(one, month.starts_on)]
            old = [_steps(one.plan, before) for one in mixed if one.starts_at < phase.starts_at]
            new = [
                _steps(after.replaces.get(one.plan, one.plan), after)
                for one in mixed
                if one.starts_at >= phase.starts_at
            ]
            is_one_pool = set().union(*old) & set().union(*new)
            return Switch(month.ends_on if is_one_pool else since_on, since_on)
    return None


def _lives(phase: Phase, day: date) -> bool:
    return phase.ends_on is None or phase.ends_on > day


def _steps(plan: str, book: PriceBook) -> set[str]:
    """Return the plans by which usage on a plan may be rated: its own, and those to which limits step."""
    found, open_ended = {plan}, [plan]
    while open_ended:
        limits = book.plans[open_ended.pop()].limits.values()
        fresh = {limit.then for limit in limits if limit.then is not None} - found
        found |= fresh
        open_ended += sorted(fresh)
    return found


def _renewals(life: Sequence[Phase], start: date, *, by_month: bool) -> list[Switch]:
    """Return when contract years begin anew from `start` on, by the anchor of each phase."""
    found = []
    for phase in life:
        day = max(renewal(phase.anchor_on, start), phase.starts_on)
        if phase.ends_on is None or day < phase.ends_on:
            month = month_of(day)
            later = month.ends_on if day > month.starts_on and by_month else day
            found.append(Switch(later, day))
    return found

"""Subscriptions: a fold of facts into phases, half-open spans in which nothing about a subscription changed.

A change counts from the start of its day. Of several changes on one day the last one counts, so no phase is
empty. A phase may lie ahead: a trial is followed by the paid phase, a cancellation may name a later day.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

import polars as pl

from billing.price import CATALOG
from billing.price_book import PriceBook
from billing.schema import polars_schema
from metering.document import Problem, Problems, did_you_mean
from metering.event import (
    AccountSignedUp,
    AddOnBought,
    AddOnDropped,
    PlanChanged,
    SeatsChanged,
    SubscriptionCancelled,
    SubscriptionReactivated,
    SubscriptionStarted,
)
from metering.frame import empty
from metering.log import Fact


class Phase(NamedTuple):
    """A span of a subscription's life; the columns of the ledger's `subscription_phases`."""

    subscription: str
    phase_no: int
    account: str
    plan: str
    billing: str
    seats: int
    add_ons: tuple[tuple[str, int], ...]
    discount: str
    trial: bool
    anchor_on: date
    starts_on: date
    ends_on: date | None
    end_reason: str


class Ignored(NamedTuple):
    """A fact that changes nothing, and why: nothing disappears silently."""

    position: int
    reason: str


PHASE_SCHEMA = pl.Schema(
    {**polars_schema("subscription_phases"), "begun_on": pl.Date(), "since_on": pl.Date()}
)
"""The columns of the ledger's `subscription_phases`, and since when the subscription and its plan last."""


@dataclass
class Subscriptions:
    """Every subscription's phases, in the order in which the subscriptions began."""

    phases: dict[str, list[Phase]] = field(default_factory=dict)
    ignored: list[Ignored] = field(default_factory=list)
    _known: pl.DataFrame = field(default_factory=lambda: empty(PHASE_SCHEMA))
    _touched: dict[str, None] = field(default_factory=dict)

    def apply(self, facts: Iterable[Fact], book: PriceBook) -> None:
        """Fold facts, in the order of their positions.

        Raises Problems that name every plan, add-on and discount that the book does not know.
        """
        problems: dict[str, Problem] = {}
        for position, event in facts:
            fold = _FOLDS.get(type(event.data))
            if fold is None:
                continue
            for problem in _unknown_keys(position, book.renamed(event.data), book):
                problems.setdefault(problem.message, problem)
            data = book.renamed(event.data)
            reason = fold(self, event.subject, event.occurred_at.date(), data, book)
            self._touched[getattr(data, "subscription", event.subject)] = None
            if reason:
                self.ignored.append(Ignored(position, reason))
        if problems:
            raise Problems(problems.values())

    def frame(self, since: date | None = None) -> pl.DataFrame:
        """Return every phase (`PHASE_SCHEMA`), or those that had not ended before `since`, in no order."""
        if self._touched:
            rows = [
                (*phase[:6], _as_json(phase.add_ons), *phase[7:], phases[0].starts_on, since_on)
                for subscription in self._touched
                for phases in [self.phases.get(subscription, [])]
                for phase, since_on in with_plan_since(phases)
            ]
            fresh = pl.DataFrame(rows, schema=PHASE_SCHEMA, orient="row")
            touched = pl.Series(list(self._touched), dtype=pl.String)
            same = self._known.filter(~pl.col("subscription").is_in(touched.implode()))
            self._known = pl.concat([same, fresh])
            self._touched = {}
        if since is None:
            return self._known
        return self._known.filter(pl.col("ends_on").is_null() | (pl.col("ends_on") >= since))


def with_plan_since(phases: Iterable[Phase]) -> Iterator[tuple[Phase, date]]:
    """Yield each phase with the first day of the unbroken run of phases on its plan."""
    before: Phase | None = None
    since_on = date.min
    for phase in phases:
        if before is None or before.plan != phase.plan or before.ends_on != phase.starts_on:
            since_on = phase.starts_on
        yield phase, since_on
        before = phase


def _as_json(add_ons: tuple[tuple[str, int], ...]) -> str:
    return json.dumps(dict(add_ons), separators=(",", ":")) if add_ons else "{}"


def _start(state: Subscriptions, account: str, day: date, data: SubscriptionStarted, book: PriceBook) -> str:
    if data.subscription in state.phases:
        return "the subscription exists already"
    paid_on = day + timedelta(days=data.trial_days)
    add_ons: tuple[tuple[str, int], ...] = ()
    common = (account, data.plan, data.billing, data.seats, add_ons, data.discount)
    phases = []
    if data.trial_days:
        phases.append(Phase(data.subscription, 1, *common, True, paid_on, day, paid_on, "changed"))
    phases.append(Phase(data.subscription, len(phases) + 1, *common, False, paid_on, paid_on, None, ""))
    state.phases[data.subscription] = phases
    return ""


def _sign_up(state: Subscriptions, account: str, day: date, data: AccountSignedUp, book: PriceBook) -> str:
    if CATALOG not in book.plans:
        return ""
    return _start(state, account, day, SubscriptionStarted(account, CATALOG), book)


def _change_plan(state: Subscriptions, account: str, day: date, data: PlanChanged, book: PriceBook) -> str:
    def change(phase: Phase) -> Phase:
        anchor_on = phase.anchor_on if phase.billing == data.billing else max(day, phase.starts_on)
        return phase._replace(plan=data.plan, seats=data.seats, billing=data.billing, anchor_on=anchor_on)

    return _change(state, data.subscription, day, change)


def _change_seats(state: Subscriptions, account: str, day: date, data: SeatsChanged, book: PriceBook) -> str:
    return _change(state, data.subscription, day, lambda phase: phase._replace(seats=data.seats))


def _buy_add_on(state: Subscriptions, account: str, day: date, data: AddOnBought, book: PriceBook) -> str:
    def change(phase: Phase) -> Phase:
        held = dict(phase.add_ons)
        held[data.add_on] = held.get(data.add_on, 0) + data.quantity
        return phase._replace(add_ons=tuple(sorted(held.items())))

    return _change(state, data.subscription, day, change)


def _drop_add_on(state: Subscriptions, account: str, day: date, data: AddOnDropped, book: PriceBook) -> str:
    def change(phase: Phase) -> Phase:
        return phase._replace(add_ons=tuple((key, n) for key, n in phase.add_ons if key != data.add_on))

    return _change(state, data.subscription, day, change)


def _cancel(
    state: Subscriptions, account: str, day: date, data: SubscriptionCancelled, book: PriceBook
) -> str:
    phases = state.phases.get(data.subscription)
    if not phases:
        return "no such subscription"
    end = max(data.effective_on, day)
    if phases[-1].ends_on is not None and phases[-1].ends_on <= end:
        return "the subscription has ended before"
    kept = [phase for phase in phases if phase.starts_on < end]
    if kept and (kept[-1].ends_on is None or kept[-1].ends_on > end or kept[-1].end_reason == "changed"):
        kept[-1] = kept[-1]._replace(ends_on=end, end_reason=data.reason)
    state.phases[data.subscription] = kept
    return ""


def _reactivate(
    state: Subscriptions, account: str, day: date, data: SubscriptionReactivated, book: PriceBook
) -> str:
    phases = state.phases.get(data.subscription)
    if phases is None:
        return "no such subscription"
    if phases and (phases[-1].ends_on is None or phases[-1].ends_on > day):
        return "the subscription is alive"
    discount = phases[-1].discount if phases else ""
    fresh = Phase(
        data.subscription, len(phases) + 1, account, data.plan, data.billing, data.seats, (), discount, False,
        day, day, None, "",
    )  # fmt: skip
    phases.append(fresh)
    return ""


def _change(state: Subscriptions, subscription: str, day: date, change: Callable[[Phase], Phase]) -> str:
    """Change a subscription from `day` on: the phase that holds the day is cut there, later ones follow."""
    phases = state.phases.get(subscription)
    if not phases:
        return "no such subscription"
    if phases[-1].ends_on is not None and phases[-1].ends_on <= day:
        return "the subscription has ended"
    before: list[Phase] = []
    after: list[Phase] = []
    for phase in phases:
        if phase.starts_on >= day:
            after.append(change(phase))
        elif phase.ends_on is None or phase.ends_on > day:
            before.append(phase._replace(ends_on=day, end_reason="changed"))
            after.append(change(phase._replace(starts_on=day)))
        else:
            before.append(phase)
    together = [*before, *after]
    state.phases[subscription] = [phase._replace(phase_no=number) for number, phase in enumerate(together, 1)]
    return ""


def _unknown_keys(position: int, data: Any, book: PriceBook) -> Iterable[Problem]:
    named: list[tuple[str, str, Mapping[str, Any]]] = [
        ("plan", getattr(data, "plan", ""), book.plans),
        ("add-on", getattr(data, "add_on", ""), book.add_ons),
        ("discount", getattr(data, "discount", ""), book.discounts),
    ]
    for word, key, known in named:
        if key and key not in known:
            remedy = f"add it to the book; {did_you_mean(key, known)}"
            yield Problem(f"event {position}", f"the price book {book.name!r} has no {word} {key!r}", remedy)


_FOLDS: dict[type[Any], Callable[..., str]] = {
    AccountSignedUp: _sign_up,
    SubscriptionStarted: _start,
    PlanChanged: _change_plan,
    SeatsChanged: _change_seats,
    AddOnBought: _buy_add_on,
    AddOnDropped: _drop_add_on,
    SubscriptionCancelled: _cancel,
    SubscriptionReactivated: _reactivate,
}

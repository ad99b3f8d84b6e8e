"""Subscriptions: a fold of facts into phases, half-open spans in which nothing about a subscription changed.

A change counts from the start of its day, or of its second, where the book prorates by the second. Of several
changes at once the last one counts, so no phase is empty. A phase may lie ahead: a trial is followed by the
paid phase, a cancellation may name a later day.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

import polars as pl

from billing.price import CATALOG
from billing.price_book import PriceBook
from billing.proration import counted_from, is_by_day
from billing.rule import listed
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
    """A span of a subscription's life, from an instant to another; the ledger knows their days.

    A phase within a day starts and ends on the same day, and so has no day in the ledger.
    """

    subscription: str
    phase_no: int
    account: str
    plan: str
    billing: str
    seats: int
    add_ons: tuple[tuple[str, int], ...]
    discount: str
    trial: bool
    anchor_at: datetime
    starts_at: datetime
    ends_at: datetime | None
    end_reason: str

    @property
    def anchor_on(self) -> date:
        """The day from which contract years are counted."""
        return self.anchor_at.date()

    @property
    def starts_on(self) -> date:
        """The first day."""
        return self.starts_at.date()

    @property
    def ends_on(self) -> date | None:
        """The first day after the phase; None while it lasts."""
        return None if self.ends_at is None else self.ends_at.date()


class Ignored(NamedTuple):
    """A fact that changes nothing, and why: nothing disappears silently."""

    position: int
    reason: str


PHASE_SCHEMA = pl.Schema(
    {
        **polars_schema("subscription_phases"),
        "begun_on": pl.Date(),
        "since_on": pl.Date(),
        "anchor_at": pl.Datetime("us"),
        "starts_at": pl.Datetime("us"),
        "ends_at": pl.Datetime("us"),
    }
)
"""The ledger's `subscription_phases`, since when the subscription and its plan last, and the instants."""


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
            at = counted_from(event.occurred_at, book.conventions)
            reason = fold(self, event.subject, at, data, book)
            self._touched[getattr(data, "subscription", event.subject)] = None
            if reason:
                self.ignored.append(Ignored(position, reason))
        if problems:
            raise Problems(problems.values())

    def frame(self, since: date | None = None) -> pl.DataFrame:
        """Return every phase (`PHASE_SCHEMA`), or those that had not ended before `since`, in no order."""
        if self._touched:
            rows = [row for subscription in self._touched for row in _rows(self.phases.get(subscription, []))]
            fresh = pl.DataFrame(rows, schema=PHASE_SCHEMA, orient="row")
            touched = pl.Series(list(self._touched), dtype=pl.String)
            same = self._known.filter(~pl.col("subscription").is_in(touched.implode()))
            self._known = pl.concat([same, fresh])
            self._touched = {}
        if since is None:
            return self._known
        return self._known.filter(pl.col("ends_on").is_null() | (pl.col("ends_on") >= since))


def _rows(phases: Sequence[Phase]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a subscription's phases (`PHASE_SCHEMA`)."""
    for phase, since_on in with_plan_since(phases):
        days = (phase.anchor_on, phase.starts_on, phase.ends_on, phase.end_reason)
        lasting = (
            phases[0].starts_on,
            since_on,
            phase.anchor_at,
            phase.starts_at,
            phase.ends_at,
        )
        yield (*phase[:6], _as_json(phase.add_ons), phase.discount, phase.trial, *days, *lasting)


def with_plan_since(phases: Iterable[Phase]) -> Iterator[tuple[Phase, date]]:
    """Yield each phase with the first day of the unbroken run of phases on its plan."""
    before: Phase | None = None
    since_on = date.min
    for phase in phases:
        if before is None or before.plan != phase.plan or before.ends_at != phase.starts_at:
            since_on = phase.starts_on
        yield phase, since_on
        before = phase


def _as_json(add_ons: tuple[tuple[str, int], ...]) -> str:
    return json.dumps(dict(add_ons), separators=(",", ":")) if add_ons else "{}"


def _start(
    state: Subscriptions, account: str, at: datetime, data: SubscriptionStarted, book: PriceBook
) -> str:
    if data.subscription in state.phases:
        return "the subscription exists already"
    paid_at = at + timedelta(days=data.trial_days)
    add_ons: tuple[tuple[str, int], ...] = ()
    common = (account, data.plan, data.billing, data.seats, add_ons, data.discount)
    phases = []
    if data.trial_days:
        phases.append(Phase(data.subscription, 1, *common, True, paid_at, at, paid_at, "changed"))
    phases.append(Phase(data.subscription, len(phases) + 1, *common, False, paid_at, paid_at, None, ""))
    state.phases[data.subscription] = phases
    return ""


def _sign_up(state: Subscriptions, account: str, at: datetime, data: AccountSignedUp, book: PriceBook) -> str:
    if CATALOG not in book.plans:
        return ""
    return _start(state, account, at, SubscriptionStarted(account, CATALOG), book)


def _change_plan(state: Subscriptions, account: str, at: datetime, data: PlanChanged, book: PriceBook) -> str:
    def change(phase: Phase) -> Phase:
        anchor_at = phase.anchor_at if phase.billing == data.billing else max(at, phase.starts_at)
        return phase._replace(plan=data.plan, seats=data.seats, billing=data.billing, anchor_at=anchor_at)

    return _change(state, data.subscription, at, change)


def _change_seats(
    state: Subscriptions, account: str, at: datetime, data: SeatsChanged, book: PriceBook
) -> str:
    return _change(state, data.subscription, at, lambda phase: phase._replace(seats=data.seats))


def _buy_add_on(state: Subscriptions, account: str, at: datetime, data: AddOnBought, book: PriceBook) -> str:
    def change(phase: Phase) -> Phase:
        held = dict(phase.add_ons)
        held[data.add_on] = held.get(data.add_on, 0) + data.quantity
        return phase._replace(add_ons=tuple(sorted(held.items())))

    return _change(state, data.subscription, at, change)


def _drop_add_on(
    state: Subscriptions, account: str, at: datetime, data: AddOnDropped, book: PriceBook
) -> str:
    def change(phase: Phase) -> Phase:
        return phase._replace(add_ons=tuple((key, n) for key, n in phase.add_ons if key != data.add_on))

    return _change(state, data.subscription, at, change)


def _cancel(
    state: Subscriptions, account: str, at: datetime, data: SubscriptionCancelled, book: PriceBook
) -> str:
    phases = state.phases.get(data.subscription)
    if not phases:
        return "no such subscription"
    end = cancelled_at(data.effective_on, at, book)
    if phases[-1].ends_at is not None and phases[-1].ends_at <= end:
        return "the subscription has ended before"
    kept = [phase for phase in phases if phase.starts_at < end]
    if kept and (kept[-1].ends_at is None or kept[-1].ends_at > end or kept[-1].end_reason == "changed"):
        kept[-1] = kept[-1]._replace(ends_at=end, end_reason=data.reason)
    state.phases[data.subscription] = kept
    return ""


def cancelled_at(effective_on: date, at: datetime, book: PriceBook) -> datetime:
    """Return when a subscription ends that is cancelled at `at` for a day, which it does not have any more.

    One that is cancelled for the same day has that day where the book bills it.
    """
    later = datetime.combine(effective_on, time())
    if later > at:
        return later
    is_billed = book.conventions.cancel_day == "billed" and is_by_day(book.conventions)
    return at + timedelta(days=1) if is_billed else at


def _reactivate(
    state: Subscriptions, account: str, at: datetime, data: SubscriptionReactivated, book: PriceBook
) -> str:
    phases = state.phases.get(data.subscription)
    if phases is None:
        return "no such subscription"
    if phases and (phases[-1].ends_at is None or phases[-1].ends_at > at):
        return "the subscription is alive"
    discount = phases[-1].discount if phases else ""
    fresh = Phase(
        data.subscription, len(phases) + 1, account, data.plan, data.billing, data.seats, (), discount, False,
        at, at, None, "",
    )  # fmt: skip
    phases.append(fresh)
    return ""


def _change(state: Subscriptions, subscription: str, at: datetime, change: Callable[[Phase], Phase]) -> str:
    """Change a subscription from `at` on: the phase that holds the instant is cut, later ones follow."""
    phases = state.phases.get(subscription)
    if not phases:
        return "no such subscription"
    if phases[-1].ends_at is not None and phases[-1].ends_at <= at:
        return "the subscription has ended"
    before: list[Phase] = []
    after: list[Phase] = []
    for phase in phases:
        if phase.starts_at >= at:
            after.append(change(phase))
        elif phase.ends_at is None or phase.ends_at > at:
            before.append(phase._replace(ends_at=at, end_reason="changed"))
            after.append(change(phase._replace(starts_at=at)))
        else:
            before.append(phase)
    together = [*before, *after]
    state.phases[subscription] = [phase._replace(phase_no=number) for number, phase in enumerate(together, 1)]
    return ""


def _unknown_keys(position: int, data: Any, book: PriceBook) -> Iterable[Problem]:
    named: list[tuple[str, str, Mapping[str, Any]]] = [
        ("plan", getattr(data, "plan", ""), book.plans),
        ("add-on", getattr(data, "add_on", ""), book.add_ons),
        *(("discount", key, book.discounts) for key in listed(getattr(data, "discount", ""))),
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

"""Lives: an account's subscriptions, folded from its facts as the bill does it, and their parts of months."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

from analytics.explanation.evidence import Evidence, Line
from billing.lines import slices
from billing.proration import Part, Span
from billing.subscription import Phase, Subscriptions, with_plan_since
from billing.yearly import Held, Walk, dated_charges
from metering.event import Event, decode
from metering.log import Fact
from metering.period import month_of


class Lived(NamedTuple):
    """A phase, and since when the subscription has been on its plan without a break."""

    phase: Phase
    since_on: date


class Slice(NamedTuple):
    """What a phase is of a billing period: its days, and so many units of so many."""

    phase_no: int
    plan: str
    seats: int
    trial: bool
    from_on: date
    until_on: date
    from_at: datetime
    until_at: datetime
    period_starts_on: date
    period_ends_on: date
    part: int
    whole: int

    @property
    def of_period(self) -> Part:
        """The part, as proration takes it."""
        return Part(self.part, self.whole)


def subscriptions(evidence: Evidence, account: str) -> Subscriptions:
    """Return the subscriptions of an account as its facts make them."""
    return evidence.once(("subscriptions", account, evidence.until), lambda: _folded(evidence, account))


def life(evidence: Evidence, account: str, subscription: str) -> list[Lived]:
    """Return the phases of a subscription, in their order."""
    phases = subscriptions(evidence, account).phases.get(subscription, [])
    return [Lived(phase, since_on) for phase, since_on in with_plan_since(phases)]


def phase_of(evidence: Evidence, line: Line) -> Lived:
    """Return the phase that a line is for. Raises AssertionError where the facts make none such."""
    for lived in life(evidence, line.account, line.subscription):
        if lived.phase.phase_no == line.phase_no:
            return lived
    message = f"{line.thing}: the facts make no phase {line.phase_no} of {line.subscription}"
    raise AssertionError(message)


def slices_of(evidence: Evidence, account: str, subscription: str, month: date) -> list[Slice]:
    """Return the parts of the billing periods that a subscription is billed for in a month."""

    def cut() -> list[tuple[str, Slice]]:
        frame = slices(
            subscriptions(evidence, account).frame(), [month_of(month)], evidence.book.conventions
        ).sort("subscription", "from_at")
        names = ("subscription", *Slice._fields)
        return [(row[0], Slice(*row[1:])) for row in frame.select(names).iter_rows()]

    found = evidence.once(("slices", account, month, evidence.until), cut)
    return [one for name, one in found if name == subscription]


def dated(
    evidence: Evidence, account: str, subscription: str
) -> Iterator[tuple[dict[str, Any], tuple[Held, Span]]]:
    """Yield everything that a subscription paid in advance or once, with the term that each charge is of."""
    walk = dated_walk(evidence, account)
    for charge, term in zip(walk.charge_frame().iter_rows(named=True), walk.terms, strict=True):
        if charge["subscription"] == subscription:
            yield charge, term


def dated_walk(evidence: Evidence, account: str) -> Walk:
    """Walk through the lives of an account's subscriptions, for all that they pay in advance or once."""

    def walked() -> Walk:
        folded = subscriptions(evidence, account)
        return dated_charges(folded, folded.frame(), evidence.book, evidence.periods(), {})

    return evidence.once(("dated", account, evidence.until), walked)


def _folded(evidence: Evidence, account: str) -> Subscriptions:
    rows = evidence.rows(
        "select position, source, id, type, subject, occurred_at, recorded_at, data from events "
        "where subject = ? and (? or recorded_at < ?) order by occurred_at, source, length(id), id",
        *(account, evidence.until is None, evidence.until.ends_at if evidence.until else None),
    )
    facts = [
        Fact(position, Event(source, key, subject, at, decode(kind, data), known_at))
        for position, source, key, kind, subject, at, known_at, data in rows
    ]
    folded = Subscriptions()
    folded.apply(facts, evidence.book)
    return folded


def units_text(part: Part, unit: str) -> str:
    """Say how much of a period is counted: `22 of 31 days`."""
    return f"{part.part:,} of {part.whole:,} {'day' if unit == 'none' else unit}s"

"""Triggers: which rules of a price book nothing in a ledger set off, and which events no rule prices.

A rule that never applies is dead weight or a misspelt key; usage that no rule prices is given away. Both come
as gaps, each of which names the rule and the event that do not meet.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from duckdb import DuckDBPyConnection

from billing.plan import Plan
from billing.price import CATALOG
from billing.price_book import PriceBook
from billing.rule import Entitlement, Where, listed
from metering.document import did_you_mean
from metering.meter import USAGE

ACTS = (
    "account.signed_up", "add_on.bought", "add_on.dropped", "course.completed", "deal.referred", "deal.sold",
    "invoice.paid", "invoice.written_off", "lead.created", "listing.published", "money.spent",
    "partner.joined", "payment.failed", "plan.changed", "project.started", "seats.changed",
    "subscription.cancelled", "subscription.reactivated", "subscription.started", "ticket.resolved", USAGE,
)  # fmt: skip
"""Events that act by themselves or only tell: nothing has to count them."""

NEVER = "let it happen, mend the rule, or remove it"


class Gap(NamedTuple):
    """A rule and an event that do not meet.

    `rule` is a place in the price book: of an untriggered rule, with the event that would set it off; of an
    unpriced event, where its rule would be.
    """

    kind: Literal["untriggered", "unpriced"]
    rule: str
    event: str
    message: str
    remedy: str


class Used(NamedTuple):
    """Usage of a meter on a plan, by the dimensions that some rule picks: how many events, and whose."""

    plan: str
    meter: str
    values: Mapping[str, str]
    events: int
    subjects: int
    first: str


class Seen(NamedTuple):
    """What a ledger tells of: keys of the book, (plan, price) billed, entitlements and if drawn, usage."""

    plans: set[str]
    add_ons: set[str]
    discounts: set[str]
    agreements: set[str]
    billed: set[tuple[str, str]]
    drawn: Mapping[str, bool]
    usage: list[Used]


def gaps(connection: DuckDBPyConnection, book: PriceBook) -> list[Gap]:
    """Return every gap between a book and a ledger that it billed: rules in the book's order, then events."""
    seen = _seen(connection, book)
    idle = (_plans, _add_ons, _discounts, _entitlements, _refunds, _agreements)
    rules = [gap for find in idle for gap in find(book, seen)]
    return [*rules, *_unpriced(book, seen.usage), *_uncounted(connection, book)]


def _plans(book: PriceBook, seen: Seen) -> Iterator[Gap]:
    for key, plan in book.plans.items():
        if key in seen.plans:
            yield from _prices(book, key, plan, seen)
            yield from _limits(book, key, plan, seen)
        elif not any(billed == key for billed, _ in seen.billed):
            yield _idle(f"plans.{key}", f"subscription.started with plan {key}", "nobody was on the plan")


def _prices(book: PriceBook, plan_key: str, plan: Plan, seen: Seen) -> Iterator[Gap]:
    why = "nobody bought it" if plan_key == CATALOG else "nobody on the plan used it"
    for key, price in plan.prices.items():
        if price.meter is not None and (plan_key, key) not in seen.billed:
            mine = [used for used in seen.usage if used.plan == plan_key]
            if not any(_meets(used, price.meter, price.where) for used in mine):
                event = _told(book, price.meter, price.where)
                yield _idle(f"plans.{plan_key}.prices.{key}", event, why)


def _limits(book: PriceBook, plan_key: str, plan: Plan, seen: Seen) -> Iterator[Gap]:
    for key, limit in plan.limits.items():
        mine = [used for used in seen.usage if used.plan == plan_key]
        if not any(_meets(used, limit.meter, limit.where) for used in mine):
            event = _told(book, limit.meter, limit.where)
            yield _idle(f"plans.{plan_key}.limits.{key}", event, "nobody on the plan used it")


def _add_ons(book: PriceBook, seen: Seen) -> Iterator[Gap]:
    for key in book.add_ons:
        if key not in seen.add_ons:
            yield _idle(f"add_ons.{key}", f"add_on.bought with add_on {key}", "nobody had it")


def _discounts(book: PriceBook, seen: Seen) -> Iterator[Gap]:
    for key in book.discounts:
        if key not in seen.discounts:
            event = f"subscription.started with discount {key}"
            yield _idle(f"discounts.{key}", event, "nobody had it")


def _entitlements(book: PriceBook, seen: Seen) -> Iterator[Gap]:
    for key, entitlement in book.entitlements.items():
        if key not in seen.drawn:
            yield _idle(f"entitlements.{key}", _giving(book, entitlement), "nobody was given it")
        elif not seen.drawn[key]:
            event = _told(book, entitlement.covers.meter, entitlement.covers.where)
            yield _idle(f"entitlements.{key}", event, "it was given, and nothing was drawn")


def _giving(book: PriceBook, entitlement: Entitlement) -> str:
    giver = entitlement.given_by
    if giver.meter is None:
        return f"subscription.started with plan {'/'.join(giver.plans)}"
    return _told(book, giver.meter, giver.where)


def _refunds(book: PriceBook, seen: Seen) -> Iterator[Gap]:
    for key, refund in book.refunds.items():
        if not any(_meets(used, refund.meter, refund.where) for used in seen.usage):
            event = _told(book, refund.meter, refund.where)
            yield _idle(f"refunds.{key}", event, "no guarantee was missed")


def _agreements(book: PriceBook, seen: Seen) -> Iterator[Gap]:
    for key, agreement in book.agreements.items():
        if key not in seen.agreements:
            event = f"deal.referred or deal.sold with agreement {key}"
            if agreement.payee:
                event = f"usage that {', '.join(agreement.prices)} bills"
            yield _idle(f"agreements.{key}", event, "nobody was paid under it")


def _idle(rule: str, event: str, why: str) -> Gap:
    return Gap("untriggered", rule, event, f"never triggered by {event}: {why}", NEVER)


def _unpriced(book: PriceBook, usage: Iterable[Used]) -> Iterator[Gap]:
    """Find usage that no price of its plan counts and that has no other effect either."""
    others = list(_effects(book))
    for used in usage:
        prices = book.plans[used.plan].prices.values()
        rules = [*others, *((price.meter, price.where) for price in prices)]
        if not any(_meets(used, meter, where) for meter, where in rules):
            event = _told(book, used.meter, used.values)
            often = _often(used.events, used.subjects, used.first)
            message = f"no price of plan {used.plan!r} counts {event}: {often}"
            remedy = f"add a price with meter {used.meter!r} to the plan, of 0 where it is free"
            yield Gap("unpriced", f"plans.{used.plan}.prices", event, message, remedy)


def _effects(book: PriceBook) -> Iterator[tuple[str | None, Where]]:
    """Yield what else than a price waits for usage: givers of entitlements, and refunds.

    A refund takes all of its meter: guarantees that were kept are priced by nobody.
    """
    for refund in book.refunds.values():
        yield refund.meter, {}
    for giver in (entitlement.given_by for entitlement in book.entitlements.values()):
        yield giver.meter, giver.where
        if giver.after is not None:
            yield giver.after.meter, giver.after.where


def _uncounted(connection: DuckDBPyConnection, book: PriceBook) -> Iterator[Gap]:
    """Find usage of no meter or no subscription, and kinds of events that no meter of the book counts."""
    for meter, *often in connection.execute(_HOMELESS, ["no_meter"]).fetchall():
        message = f"no meter {meter!r}: {_often(*often)}"
        remedy = did_you_mean(meter, book.meters) or "add the meter"
        yield Gap("unpriced", f"meters.{meter}", f"usage.recorded of {meter}", message, remedy)
    for meter, *often in connection.execute(_HOMELESS, ["no_subscription"]).fetchall():
        event = _told(book, meter, {})
        message = f"{event} without a subscription: {_often(*often)}"
        remedy = "start the subscription before it is used, or correct its name"
        yield Gap("unpriced", "plans", event, message, remedy)
    counted = {meter.event for meter in book.meters.values()}
    for kind, *often in connection.execute(_KINDS).fetchall():
        if kind not in counted and kind not in ACTS:
            message = f"no meter counts {kind}: {_often(*often)}"
            yield Gap(
                "unpriced", "meters", kind, message, f'add a meter with event = "{kind}" and a price for it'
            )


_HOMELESS = """
    select meter, sum(events)::bigint, count(distinct subject), min(subject)
    from unrated_usage where reason = ? group by meter order by meter
"""

_KINDS = (
    "select type, count(*), count(distinct subject), min(subject) from events group by type order by type"
)

_USAGE = """
    select u.plan, u.meter, u.dimensions, sum(u.events)::bigint, count(distinct u.subscription),
        min(u.subscription)
    from usage u join subscription_phases p using (subscription, phase_no)
    where not p.trial group by 1, 2, 3 order by 1, 2, 3
"""


def _seen(connection: DuckDBPyConnection, book: PriceBook) -> Seen:
    add_ons = _words(connection, "select distinct add_ons from subscription_phases where add_ons <> ''")
    discounts = _words(connection, "select distinct discount from subscription_phases")
    drawn = "select entitlement, coalesce(sum(drawn) > 0, false) from grants group by entitlement"
    return Seen(
        plans=_words(connection, "select distinct plan from subscription_phases"),
        add_ons={key for text in add_ons for key in json.loads(text)},
        discounts={key for text in discounts for key in listed(text)},
        agreements=_words(connection, "select distinct agreement from payouts"),
        billed=set(connection.execute("select distinct plan, price from invoice_lines").fetchall()),
        drawn=dict(connection.execute(drawn).fetchall()),
        usage=_usage(connection, book),
    )


def _words(connection: DuckDBPyConnection, query: str) -> set[str]:
    return {word for (word,) in connection.execute(query).fetchall()}


def _usage(connection: DuckDBPyConnection, book: PriceBook) -> list[Used]:
    """Return what was used, put together where it differs in dimensions that no rule picks."""
    picked = _picked(book)
    found: dict[tuple[object, ...], Used] = {}
    for plan, meter, text, events, subjects, first in connection.execute(_USAGE).fetchall():
        said: dict[str, str] = json.loads(text) if text else {}
        values = {name: value for name, value in said.items() if (meter, name) in picked}
        key = (plan, meter, *values.items())
        before = found.get(key, Used(plan, meter, values, 0, 0, first))
        found[key] = before._replace(
            events=before.events + events,
            subjects=max(before.subjects, subjects),
            first=min(before.first, first),
        )
    return [used for used in found.values() if used.meter in book.meters]


def _picked(book: PriceBook) -> set[tuple[str, str]]:
    """Return (meter, dimension) of every dimension that a rule picks values of."""
    rules = [(price.meter, price.where) for *_, price in book.usage_prices()]
    rules += [(limit.meter, limit.where) for plan in book.plans.values() for limit in plan.limits.values()]
    rules += [(refund.meter, refund.where) for refund in book.refunds.values()]
    rules += [(item.covers.meter, item.covers.where) for item in book.entitlements.values()]
    rules += _effects(book)
    return {(meter, name) for meter, where in rules if meter is not None for name in where}


def _meets(used: Used, meter: str | None, where: Where) -> bool:
    return used.meter == meter and all(
        used.values.get(name) in ((wanted,) if isinstance(wanted, str) else wanted)
        for name, wanted in where.items()
    )


def _told(book: PriceBook, meter: str, where: Where | Mapping[str, str]) -> str:
    """Name events as people would: `order.placed with item incident-pack-5`."""
    kind = book.meters[meter].event
    named = f"usage.recorded of {meter}" if kind == USAGE else kind
    picks = [
        f"{name} {value if isinstance(value, str) else '/'.join(value)}" for name, value in where.items()
    ]
    return f"{named} with {', '.join(picks)}" if picks else named


def _often(events: int, subjects: int, first: str) -> str:
    more = f" and {subjects - 1:,} more" if subjects > 1 else ""
    return f"{events:,} {'event' if events == 1 else 'events'} of {first}{more}"

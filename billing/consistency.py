"""Consistency: what is wrong between the parts of a price book, each with its place and its remedy."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from billing.convention import Conventions
from billing.plan import AddOn, Plan
from billing.price import CATALOG
from billing.rule import Agreement, Discount, Entitlement, Refund, Scope
from metering.document import Problem, did_you_mean
from metering.meter import Meter


class Book(Protocol):
    """What of a price book has to be consistent."""

    @property
    def conventions(self) -> Conventions:
        """How it counts time and money."""

    @property
    def meters(self) -> Mapping[str, Meter]:
        """What is counted."""

    @property
    def plans(self) -> Mapping[str, Plan]:
        """What is subscribed to."""

    @property
    def add_ons(self) -> Mapping[str, AddOn]:
        """What a subscription may have besides."""

    @property
    def discounts(self) -> Mapping[str, Discount]:
        """What is off the lines of subscriptions."""

    @property
    def entitlements(self) -> Mapping[str, Entitlement]:
        """Rights to units of meters."""

    @property
    def refunds(self) -> Mapping[str, Refund]:
        """What missed guarantees give back."""

    @property
    def agreements(self) -> Mapping[str, Agreement]:
        """What others are paid."""

    @property
    def replaces(self) -> Mapping[str, str]:
        """What keys of a log stand for."""

    def streams(self) -> set[str]:
        """Return every revenue stream that the book names."""


def problems(book: Book, place: str) -> Iterator[Problem]:
    """Find every name that stands for nothing, and every rule that could never hold."""
    yield from _plan_problems(book, place)
    yield from _price_problems(book, place)
    yield from _limit_problems(book, place)
    yield from _progressive_problems(book, place)
    yield from _add_on_problems(book, place)
    yield from _discount_problems(book, place)
    yield from _entitlement_problems(book, place)
    yield from _refund_problems(book, place)
    yield from _agreement_problems(book, place)
    yield from _replacement_problems(book, place)


def _no(word: str, place: str, key: str, known: Iterable[str]) -> Problem:
    return Problem(place, f"no {word} {key!r}", did_you_mean(key, known))


def _scope_problems(book: Book, place: str, meter: str | None, names: Iterable[str]) -> Iterator[Problem]:
    """Find a meter that is none, and dimensions that it does not keep apart."""
    found = book.meters.get(meter or "")
    if found is None:
        yield _no("meter", f"{place}.meter", meter or "", book.meters)
        return
    for name in names:
        if name not in found.dimensions:
            remedy = did_you_mean(name, found.dimensions) or "add it to the meter's dimensions"
            yield Problem(place, f"meter {meter!r} has no dimension {name!r}", remedy)


def _additive_problems(book: Book, place: str, meter: str) -> Iterator[Problem]:
    """Find a meter whose months are not the sums of its days."""
    if meter in book.meters and book.meters[meter].aggregation not in {"sum", "count"}:
        message = f"meter {meter!r} is a {book.meters[meter].aggregation}, which does not add up day by day"
        yield Problem(f"{place}.meter", message, "name a meter that is a sum or a count")


def _plan_problems(book: Book, place: str) -> Iterator[Problem]:
    for plan_key, plan in book.plans.items():
        where = f"{place}: plans.{plan_key}"
        if plan.seats.maximum is not None and plan.seats.maximum < plan.seats.minimum:
            message = f"maximum {plan.seats.maximum} is below minimum {plan.seats.minimum}"
            yield Problem(f"{where}.seats", message, "swap them")
        for included in plan.includes:
            if included not in book.plans:
                yield _no("plan", f"{where}.includes", included, book.plans)
        for name in plan.unlimited:
            if name != "seats" and name not in book.meters:
                yield _no("meter", f"{where}.unlimited", name, [*book.meters, "seats"])


def _price_problems(book: Book, place: str) -> Iterator[Problem]:
    for plan_key, plan in book.plans.items():
        for price_key, price in plan.prices.items():
            where = f"{place}: plans.{plan_key}.prices.{price_key}"
            if price.meter is not None:
                yield from _scope_problems(book, where, price.meter, (*price.where, *price.group_by))
            meter = book.meters.get(price.meter or "")
            if meter is not None and meter.each and (price.window != "period" or price.commitment):
                message = "each event of its meter is priced by itself"
                yield Problem(f"{where}.window", message, "remove 'window' and 'commitment'")
            if price.per == "add_on":
                yield Problem(f"{where}.per", "'add_on' is for add-ons", "use 'seat' or 'subscription'")
            if plan_key == CATALOG and price.meter is None:
                yield Problem(where, "the catalog sells by the piece only", "name a meter")
            whole = plan.prices.get(price.share_of) if price.share_of is not None else None
            if price.share_of is not None and (whole is None or whole.meter or whole.share_of):
                known = [key for key, other in plan.prices.items() if not (other.meter or other.share_of)]
                yield _no("recurring or one-time price", f"{where}.share_of", price.share_of, known)


def _progressive_problems(book: Book, place: str) -> Iterator[Problem]:
    """Find plans that bill parts of a month, and count in something else than calendar months."""
    for key, plan in book.plans.items():
        where = f"{place}: plans.{key}.progressive"
        if plan.progressive and book.conventions.periods != "calendar":
            yield Problem(where, "bills parts of calendar months", 'use conventions.periods = "calendar"')
        for name, price in plan.prices.items():
            if plan.progressive and price.meter is not None and price.window != "period":
                message = f"the window of price {name!r} is longer than the month"
                yield Problem(where, message, 'remove it, or use window = "period"')


def _limit_problems(book: Book, place: str) -> Iterator[Problem]:
    for plan_key, plan in book.plans.items():
        for key, limit in plan.limits.items():
            where = f"{place}: plans.{plan_key}.limits.{key}"
            yield from _scope_problems(book, where, limit.meter, limit.where)
            if limit.window == "day":
                yield from _additive_problems(book, where, limit.meter)
            if limit.then is not None and limit.then not in book.plans:
                yield _no("plan", f"{where}.then", limit.then, book.plans)
            elif limit.then is not None and plan_key in _steps(book.plans, limit.then, limit.meter):
                yield Problem(f"{where}.then", f"the steps lead back to {plan_key!r}", "end them somewhere")


def _steps(plans: Mapping[str, Plan], plan: str, meter: str) -> list[str]:
    """Return a plan and every plan to which limits of a meter lead from it."""
    found = [plan] if plan in plans else []
    for step in found:
        nexts = [limit.then for limit in plans[step].limits.values() if limit.meter == meter and limit.then]
        found += dict.fromkeys(then for then in nexts if then in plans and then not in found)
    return found


def _entitlement_problems(book: Book, place: str) -> Iterator[Problem]:
    for key, entitlement in book.entitlements.items():
        where, giver = f"{place}: entitlements.{key}", entitlement.given_by
        scopes: list[tuple[str, Scope, tuple[str, ...]]] = [("covers", entitlement.covers, ())]
        if giver.meter is not None:
            same = giver.after.same if giver.after else ()
            scopes.append(("given_by", Scope(meter=giver.meter, where=giver.where), same))
        if giver.after is not None:
            scopes.append(("given_by.after", giver.after, giver.after.same))
        for name, scope, same in scopes:
            yield from _scope_problems(book, f"{where}.{name}", scope.meter, (*scope.where, *same))
            yield from _additive_problems(book, f"{where}.{name}", scope.meter)
        covered = book.meters.get(entitlement.covers.meter)
        if entitlement.events is not None and covered is not None and not covered.each:
            message = f"the meter {entitlement.covers.meter!r} does not tell its events apart"
            yield Problem(f"{where}.events", message, "give the meter each = true, or name a 'quantity'")
        for plan in giver.plans:
            if plan not in book.plans:
                yield _no("plan", f"{where}.given_by.plans", plan, book.plans)


def _refund_problems(book: Book, place: str) -> Iterator[Problem]:
    for key, refund in book.refunds.items():
        where = f"{place}: refunds.{key}"
        yield from _scope_problems(book, where, refund.meter, (*refund.where, *filter(None, (refund.by,))))
        yield from _additive_problems(book, where, refund.meter)
        yield from _named_prices(book, f"{where}.prices", refund.prices, refund.by)


def _named_prices(book: Book, place: str, keys: Iterable[str], dimension: str) -> Iterator[Problem]:
    """Find price keys that no plan has, and prices whose lines do not say the dimension."""
    known = {key: price for plan in book.plans.values() for key, price in plan.prices.items()}
    for key in keys:
        if key not in known:
            yield _no("price", place, key, known)
        elif dimension and dimension not in known[key].group_by:
            message = f"the lines of {key!r} do not say {dimension!r}"
            yield Problem(place, message, f'give the price group_by = ["{dimension}"]')


def _add_on_problems(book: Book, place: str) -> Iterator[Problem]:
    for key, add_on in book.add_ons.items():
        for plan in add_on.plans:
            if plan not in book.plans:
                yield Problem(
                    f"{place}: add_ons.{key}.plans", f"no plan {plan!r}", did_you_mean(plan, book.plans)
                )
        if add_on.price.meter is not None:
            yield Problem(
                f"{place}: add_ons.{key}.price.meter", "add-ons are recurring", "make it a price of the plan"
            )


def _discount_problems(book: Book, place: str) -> Iterator[Problem]:
    known = {key for plan in book.plans.values() for key in plan.prices} | {*book.add_ons}
    for key, discount in book.discounts.items():
        for price in discount.prices:
            if price not in known:
                yield _no("price", f"{place}: discounts.{key}.prices", price, known)


def _agreement_problems(book: Book, place: str) -> Iterator[Problem]:
    for key, agreement in book.agreements.items():
        for stream in agreement.streams:
            if stream not in book.streams():
                yield Problem(
                    f"{place}: agreements.{key}.streams",
                    f"no stream {stream!r}",
                    did_you_mean(stream, book.streams()),
                )
        for plan in agreement.by_plan:
            if plan not in book.plans:
                yield _no("plan", f"{place}: agreements.{key}.by_plan", plan, book.plans)
        yield from _named_prices(book, f"{place}: agreements.{key}.prices", agreement.prices, agreement.payee)


def _replacement_problems(book: Book, place: str) -> Iterator[Problem]:
    known = {*book.plans, *book.add_ons, *book.discounts, *book.agreements}
    for old, new in book.replaces.items():
        if new not in known:
            message = f"{new!r} is no plan, add-on, discount or agreement"
            yield Problem(f"{place}: replaces.{old}", message, did_you_mean(new, known))

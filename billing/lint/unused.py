"""What a book names and nothing uses, what it gives that is free anyway, and what it promises and charges."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from billing.lint.bundles import overlap
from billing.lint.curve import edges_of, is_free
from billing.lint.finding import Finding, figure
from billing.lint.purchase import SEATS, Order, of_plan, uses
from billing.plan import Plan
from billing.price import CATALOG, Price, Rate
from billing.price_book import PriceBook
from billing.pricing import amount
from billing.rule import Scope


def meters(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find meters that no price, limit, entitlement or refund uses."""
    used = {price.meter for plan in book.plans.values() for price in plan.prices.values()}
    used |= {limit.meter for plan in book.plans.values() for limit in plan.limits.values()}
    used |= {refund.meter for refund in book.refunds.values()}
    for entitlement in book.entitlements.values():
        giver = entitlement.given_by
        used |= {entitlement.covers.meter, giver.meter, giver.after.meter if giver.after else None}
    for key in book.meters:
        if key not in used:
            yield Finding(
                "unused", "warning", f"meters.{key}", key,
                f"meter {key!r} is counted, and no price, limit, entitlement or refund uses it",
                "give it a price, or remove it",
            )  # fmt: skip


def add_ons(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find add-ons that no plan may have."""
    for key, add_on in book.add_ons.items():
        if not add_on.plans:
            yield Finding(
                "unused", "warning", f"add_ons.{key}.plans", key, f"add-on {key!r} goes with no plan",
                "name the plans that may have it, or remove it",
            )  # fmt: skip


def entitlements(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find entitlements to what is free anyway, and givers that no price sells."""
    for key, entitlement in book.entitlements.items():
        giver = entitlement.given_by
        prices = _prices(book, entitlement.covers, giver.plans)
        if prices and all(is_free(price) for _, price in prices) and entitlement.amount != 0:
            yield Finding(
                "free-anyway", "warning", f"entitlements.{key}", prices[0][0],
                f"it covers {entitlement.covers.meter!r}, which {prices[0][0]} charges nothing for",
                "give the price an amount, or remove the entitlement",
            )  # fmt: skip
        if giver.meter is not None and giver.where:
            yield from _unsold(
                book, f"entitlements.{key}.given_by", Scope(meter=giver.meter, where=giver.where)
            )


def _prices(book: PriceBook, scope: Scope, plans: tuple[str, ...]) -> list[tuple[str, Price]]:
    """Return the prices that a holder meets: its plans' and the catalog's, or every plan's."""
    named = [*plans, CATALOG] if plans else list(book.plans)
    found = [(f"plans.{name}.prices.{key}", price) for name in named if name in book.plans
             for key, price in book.plans[name].prices.items() if overlap(price, scope)]  # fmt: skip
    every = len({place.split(".")[1] for place, _ in found}) == len(book.plans)
    in_catalog = [item for item in found if item[0].startswith(f"plans.{CATALOG}.")]
    return found if plans or every else in_catalog


def _unsold(book: PriceBook, place: str, scope: Scope) -> Iterator[Finding]:
    """Find a giver whose units other prices tell apart by the same dimensions, and none sells."""
    prices = [price for plan in book.plans.values() for price in plan.prices.values()]
    near = [price for price in prices if price.meter == scope.meter and price.where]
    if near and not any(overlap(price, scope) for price in prices):
        values = ", ".join(f"{name} = {value!r}" for name, value in scope.where.items())
        yield Finding(
            "unused", "warning", f"{place}.where", values,
            f"no price sells {scope.meter!r} with {values}", "correct the name, or add the price",
        )  # fmt: skip


def refunds(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find refunds of prices that never bill, and shares that the cap cuts."""
    for key, refund in book.refunds.items():
        prices = [price for plan in book.plans.values() for name, price in plan.prices.items()
                  if name in refund.prices]  # fmt: skip
        if all(is_free(price) for price in prices):
            yield Finding(
                "free-anyway", "warning", f"refunds.{key}.prices", key,
                f"it gives back a share of {', '.join(refund.prices)}, which never bill anything",
                "name prices that cost something, or remove the refund",
            )  # fmt: skip
        if refund.cap < refund.share:
            yield Finding(
                "discount", "warning", f"refunds.{key}.cap", key,
                f"the cap of {figure(refund.cap * 100)} % cuts the share of"
                f" {figure(refund.share * 100)} % at once",
                "raise the cap or lower the share",
            )  # fmt: skip


def limits(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find limits that leave a part of the allowance, or tiers, out of reach."""
    for plan_key, plan in book.plans.items():
        for limit_key, limit in plan.limits.items():
            if limit.window != "month" or limit.per != "subscription" or limit.where:
                continue
            for key, price in plan.prices.items():
                if price.meter == limit.meter and price.window == "period" and price.allowance_per != "seat":
                    yield from _out_of_reach(plan_key, limit_key, limit.quantity, key, price)


def _out_of_reach(plan: str, limit_key: str, most: Decimal, key: str, price: Price) -> Iterator[Finding]:
    ends = [tier.up_to + price.allowance for tier in price.tiers if tier.up_to is not None]
    if price.allowance > most:
        told = f"the allowance of {figure(price.allowance)} can never be used up"
    elif any(end >= most for end in ends):
        told = f"the tier above {figure(min(end for end in ends if end >= most))} is never reached"
    else:
        return
    yield Finding(
        "unused", "warning", f"plans.{plan}.limits.{limit_key}", key,
        f"the plan serves {figure(most)} of {price.meter!r}: {told} (prices.{key})",
        "raise the limit, or end the price at it",
    )  # fmt: skip


def open_allowances(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find allowances above which usage costs nothing, in plans that do not end it."""
    for plan_key, plan in book.plans.items():
        limited = {limit.meter for limit in plan.limits.values()}
        for key, price in plan.prices.items():
            if price.allowance and price.meter not in limited and is_free(price):
                yield Finding(
                    "free-anyway", "warning", f"plans.{plan_key}.prices.{key}", "allowance",
                    f"{price.meter!r} above the allowance of {figure(price.allowance)} costs nothing, and no"
                    " limit ends it",
                    f"add a limit of {figure(price.allowance)}, or a price above the allowance",
                )  # fmt: skip


def promises(book: PriceBook, day: date | None) -> Iterator[Finding]:
    """Find what a plan calls unlimited, and yet charges by the unit, limits or gives a number of."""
    for key, plan in book.plans.items():
        for name in plan.unlimited:
            yield from _charged(book, key, plan, name, day)
            yield from _ended(book, key, plan, name)


def _charged(book: PriceBook, key: str, plan: Plan, name: str, day: date | None) -> Iterator[Finding]:
    least = plan.seats.minimum
    for price_key, price in plan.prices.items():
        if name == SEATS and price.per == "seat":
            edge = next(
                (count for count in _edges(price, least) if amount(price, count + 1) > amount(price, count)),
                None,
            )
            orders = [
                Order(key, seats=int(count)) for count in ((edge + 1, edge) if edge is not None else ())
            ]
        elif price.meter == name:
            edge = next(
                (count for count in _edges(price, 0) if amount(price, count + 1) > amount(price, count)), None
            )
            orders = [
                Order(key, seats=least, usage={uses(price): price.allowance + count})
                for count in ((edge + 1, edge) if edge is not None else ())
            ]
        else:
            continue
        if orders:
            dear, cheap = (of_plan(book, order, day) for order in orders)
            yield Finding(
                "promise", "error", f"plans.{key}.unlimited", f"{name} {price_key}",
                f"{name} are called unlimited, and more of them cost more: {figure(dear.amount)} instead of"
                f" {figure(cheap.amount)} (prices.{price_key})",
                "drop the promise, or the price", (dear, cheap),
            )  # fmt: skip


def _edges(rate: Rate, least: int) -> list[Decimal]:
    """Return the quantities above which a unit may begin to cost something."""
    return sorted({Decimal(least), *(edge // 1 for edge in edges_of(rate) if edge > least)})


def _ended(book: PriceBook, key: str, plan: Plan, name: str) -> Iterator[Finding]:
    ends = [(f"limits.{limit}", plan.limits[limit].quantity) for limit in plan.limits
            if plan.limits[limit].meter == name]  # fmt: skip
    if name == SEATS and plan.seats.maximum is not None:
        ends.append(("seats.maximum", Decimal(plan.seats.maximum)))
    ends += [
        (f"entitlements.{right}", entitlement.quantity)
        for right, entitlement in book.entitlements.items()
        if key in entitlement.given_by.plans and entitlement.covers.meter == name and entitlement.quantity
    ]
    for place, most in ends:
        yield Finding(
            "promise", "error", f"plans.{key}.unlimited", place,
            f"{name} are called unlimited, and {place} ends them at {figure(most)}",
            "drop the promise, or the limit",
        )  # fmt: skip

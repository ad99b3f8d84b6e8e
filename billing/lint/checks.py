"""Checks: every rule of the linter, run over the prices of every day on which they change."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from billing.lint import bundles, cliffs, discounts, growth, impossible, overages, packs, plans, tiers, unused
from billing.lint.finding import Finding, ordered
from billing.lint.plans import Menu
from billing.price import Price
from billing.price_book import PriceBook
from metering.period import add_months, month_of

Check = Callable[[PriceBook, date | None], Iterator[Finding]]
MenuCheck = Callable[[Menu], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    cliffs.cliffs,
    cliffs.payout_cliffs,
    cliffs.seat_allowances,
    bundles.inclusions,
    bundles.rights,
    bundles.same_thing,
    packs.pack_ladders,
    packs.pack_discounts,
    packs.contents,
    packs.rates_undercut,
    tiers.tiers,
    discounts.years,
    discounts.rising,
    discounts.taken_back,
    discounts.shares,
    unused.promises,
    unused.limits,
    unused.open_allowances,
    unused.entitlements,
    unused.refunds,
    unused.meters,
    unused.add_ons,
    impossible.impossible,
)
"""What is found in the prices of a day."""

MENU_CHECKS: tuple[MenuCheck, ...] = (
    plans.dominated,
    plans.unreachable,
    plans.cheaper_upgrades,
    overages.inversions,
    growth.growth,
)
"""What is found by comparing the plans of a day with each other."""


def lint(book: PriceBook) -> list[Finding]:
    """Return what is wrong with a book, errors first; nothing of a clean one.

    A finding of several days (a book whose prices change) is told of the first.
    """
    return ordered(_found(book))


def _found(book: PriceBook) -> Iterator[Finding]:
    yield from discounts.changes(book, None)
    for day in days(book):
        today = in_force(book, day)
        menu = Menu(today, day)
        for found in [check(menu) for check in MENU_CHECKS] + [check(today, day) for check in CHECKS]:
            yield from (finding for finding in found if _holds(finding))


def _holds(finding: Finding) -> bool:
    """Tell whether the first purchase does cost no less, once both are rounded as they are billed."""
    return not finding.purchases or finding.purchases[0].amount >= finding.purchases[1].amount


def days(book: PriceBook) -> list[date | None]:
    """Return the first days of the months in which prices become others; None alone where they never do."""
    prices = [price for plan in book.plans.values() for price in plan.prices.values()]
    prices += [add_on.price for add_on in book.add_ons.values()]
    changed = sorted({_month_on(change.starts_on) for price in prices for change in price.changes})
    return [add_months(changed[0], -12), *changed] if changed else [None]


def _month_on(day: date) -> date:
    """Return the first month's first day that is not before a day."""
    first = month_of(day).starts_on
    return first if first == day else add_months(first, 1)


def in_force(book: PriceBook, day: date | None) -> PriceBook:
    """Return the book with the prices of a day, and with the changes of the year after it."""
    if day is None:
        return book
    plans_then: dict[str, Any] = {
        key: plan.model_copy(
            update={"prices": {name: _then(price, day) for name, price in plan.prices.items()}}
        )
        for key, plan in book.plans.items()
    }
    add_ons = {
        key: add_on.model_copy(update={"price": _then(add_on.price, day)})
        for key, add_on in book.add_ons.items()
    }
    return book.model_copy(update={"plans": plans_then, "add_ons": add_ons})


def _then(price: Price, day: date) -> Price:
    """Return a price as one meets it who comes on a day; of the year after, what changes for everybody."""
    changes = tuple(
        change
        for change in price.changes
        if day < change.starts_on < add_months(day, 12) and change.applies == "now"
    )
    return price.on(day).model_copy(update={"changes": changes})

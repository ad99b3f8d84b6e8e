"""Growth: a plan with so much more of its meters as the next plan includes, against the next plan."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from billing.lint.content import Pair, by_day
from billing.lint.finding import Finding, Purchase, figure
from billing.lint.overages import MULTIPLE
from billing.lint.plans import Menu
from billing.lint.purchase import MONTHS, Order, Use, counts, is_monthly, of_plan, unit_of
from billing.money import ZERO

Kind = Literal["level", "long", "flow"]
"""A level (gigabytes, cores), what adds up over a year or a life (deployments), or a month's flow (calls)."""

KINDS: tuple[Kind, ...] = ("level", "long", "flow")


def growth(menu: Menu) -> Iterator[Finding]:
    """Find plans that cost more, once grown to what the next plan includes, than that plan.

    The next plan is the one of those that give more which begins the lowest. What lasts is grown on purpose,
    so that any excess counts; a month's flow above the allowance is what overage is for, and it has to cost
    several times as much.
    """
    for lower in dict.fromkeys(pair.lower for pair in menu.pairs):
        higher = [
            (menu.entry(pair.higher), pair)
            for pair in menu.pairs
            if pair.lower == lower and pair.more and any(pair.less.included.values())
            and menu.entry(pair.higher) > menu.entry(lower)
        ]  # fmt: skip
        if higher:
            _, pair = min(higher, key=lambda item: item[0])
            for kind in KINDS:
                yield from _grown(menu, pair, kind)


def _kind(menu: Menu, key: str, use: Use) -> Kind:
    prices = menu.book.plans[key].prices.values()
    if any(price.window != "period" for price in prices if counts(price, use)):
        return "long"
    return "level" if menu.book.meters[use.meter].is_level else "flow"


def _grown(menu: Menu, pair: Pair, kind: Kind) -> Iterator[Finding]:
    """Yield a finding where the higher plan, with all it includes of a kind, costs less."""
    usage = {}
    for use, quantity in pair.much.included.items():
        daily = any(by_day(menu.book.plans[key], use) for key in (pair.lower, pair.higher))
        if quantity is not None and not daily and _kind(menu, pair.higher, use) == kind:
            most = pair.less.most.get(use, ZERO)
            usage[use] = quantity if most is None else min(quantity, most)
    held = pair.less.included
    sold = [use for use in usage if (own := held.get(use, ZERO)) is not None and usage[use] > own]
    both = _bought(menu, pair, usage, is_long=kind == "long") if sold else None
    if both is None or both[0].amount <= both[1].amount * (MULTIPLE if kind == "flow" else 1):
        return
    told = " and ".join(f"{figure(usage[use])} {unit_of(menu.book, use)}" for use in sold)
    yield Finding(
        "growth", "warning", f"plans.{pair.lower}", f"{pair.higher} {kind}",
        f"{pair.lower!r} grown to {told} costs {figure(both[0].amount)}, and {pair.higher!r}, which includes"
        f" that, {figure(both[1].amount)}",
        f"limit what {pair.lower!r} sells above its allowance, or lower its overage", both,
    )  # fmt: skip


def _bought(
    menu: Menu, pair: Pair, usage: dict[Use, Decimal], *, is_long: bool
) -> tuple[Purchase, Purchase] | None:
    """Buy both plans with some usage, for a month, or for a year where one is paid by the year.

    What adds up for longer is compared by the first bill of plans that are paid by the year alone.
    """
    plans = [menu.book.plans[key] for key in (pair.lower, pair.higher)]
    fees = [price for plan in plans for price in plan.prices.values() if price.meter is None]
    if is_long and (
        any(price.cadence == "billing" for price in fees) or any(plan.commitment for plan in plans)
    ):
        return None
    months = 1 if is_long or is_monthly(menu.book, pair.lower, pair.higher) else MONTHS
    dear, cheap = (
        of_plan(menu.book, Order(key, plan.seats.minimum, months=months, usage=usage), menu.day)
        for key, plan in zip((pair.lower, pair.higher), plans, strict=True)
    )
    return dear, cheap

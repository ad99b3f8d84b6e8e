"""Repricing: lines priced again, step by step from what one book asks to what another does.

The steps add up to the change of a line, whatever they are. A side that has no line is taken to have one of
nothing where the price of what was used comes to nothing there; otherwise nothing was used or bought.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from analytics.comparison import cause
from analytics.comparison.ladder import rungs
from billing.convention import Conventions
from billing.money import EXACT, ZERO, literal, minor_units, over, round_money, times
from billing.price import Price, Rate
from billing.price_book import PriceBook
from billing.pricing import charge

NOISE = Decimal("0.0001")
"""What a ratio of 12 decimals may miss of an amount: less than the smallest amount that is posted."""

Step = tuple[pl.Expr, pl.Expr]
"""A cause, and its share of the change."""


class Terms(NamedTuple):
    """What one side asks for some lines: the price, the rate of it that they pay, and its book."""

    price: Price
    rate: Rate
    book: PriceBook

    @property
    def conventions(self) -> Conventions:
        """How the biller of the book counts and rounds."""
        return self.book.conventions

    def is_prorated(self) -> bool:
        """Whether a part of a period costs its part; else the price of a quantity is what is due."""
        meter = self.book.meters.get(self.price.meter or "")
        return meter is None or (meter.is_level and self.price.prorate is not False)


def steps(rows: pl.DataFrame, old: Terms, new: Terms) -> pl.DataFrame:
    """Return the shares of the causes of some lines: row_no, and `cause_n` and `change_n` of each step.

    The lines have the same old and the same new terms, and the columns that `analytics.comparison.shares`
    prepares.
    """
    rows = _valued(rows, old, new)
    at_first = _due(pl.col("cost"))
    due = _due(_cost(old, "then", allowance="allowance"))
    found = [
        (_period_cause(at_first - pl.col("value"), old, new), at_first - pl.col("value")),
        (_facts_cause(old, new), due - at_first),
    ]
    for name, cost in _climb(old, new):
        found.append((pl.lit(name), _due(cost) - due))
        due = _due(cost)
    rest = pl.col("value_after") - due
    found.append((_small(rest, cause.UNEXPLAINED), rest))
    gap = pl.col("change") - (pl.col("value_after") - pl.col("value"))
    found.append((_rounding_cause(gap, old, new), gap))
    return rows.select(
        "row_no",
        *(named.alias(f"cause_{number}") for number, (named, _) in enumerate(found)),
        *(share.cast(EXACT).alias(f"change_{number}") for number, (_, share) in enumerate(found)),
    )


def by_cause(stepped: Sequence[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield the steps of several parts as (row_no, cause, change), each step of all of them at once."""
    if not stepped:
        return
    wide = pl.concat(stepped, how="diagonal")
    for number in range((len(wide.columns) - 1) // 2):
        named, share = f"cause_{number}", f"change_{number}"
        yield wide.filter(pl.col(share) != 0).select("row_no", cause=named, change=share)


def _due(cost: pl.Expr) -> pl.Expr:
    """Return the part of a cost that is due for the new part of the period."""
    return over(times(cost, pl.col("part_after")), pl.col("whole_after"))


def _valued(rows: pl.DataFrame, old: Terms, new: Terms) -> pl.DataFrame:
    """Say what each line costs again, what part of it is due, and which sides have it.

    A part is what a line came to (`part`) of what it costs (`whole`): of the other side, where this one costs
    nothing, and all of it where neither does, or where nothing is prorated.
    """
    rows = rows.with_columns(
        pl.coalesce("quantity", "quantity_after"),
        pl.coalesce("allowance", _allowance(old)).alias("allowance"),
        pl.coalesce("allowance_after", _allowance(new)).alias("allowance_after"),
        quantity_after=pl.coalesce("quantity_after", "quantity"),
        there=pl.lit(value=True),
        there_after=pl.lit(value=True),
    )
    rows = rows.with_columns(cost=_cost(old, "", allowance="allowance"), cost_after=_cost(new, "after"))
    one, nothing = literal(Decimal(1)), literal(ZERO)
    known = [pl.col(f"exact{side}").is_not_null() & (pl.col(f"cost{side}") != 0) for side in ("", "_after")]
    if not (old.is_prorated() or new.is_prorated()):
        known = [pl.lit(value=False), pl.lit(value=False)]

    def first(mine: str, other: str, sides: list[pl.Expr]) -> pl.Expr:
        return pl.when(sides[0]).then(mine).when(sides[1]).then(other).otherwise(one)

    rows = rows.with_columns(
        part=first("exact", "exact_after", known),
        whole=first("cost", "cost_after", known),
        part_after=first("exact_after", "exact", known[::-1]),
        whole_after=first("cost_after", "cost", known[::-1]),
    )
    rows = rows.with_columns(
        value=pl.coalesce("exact", over(times(pl.col("cost"), pl.col("part")), pl.col("whole"))),
        value_after=pl.coalesce("exact_after", _due(pl.col("cost_after"))),
    )
    has, has_after = pl.col("exact").is_not_null(), pl.col("exact_after").is_not_null()
    rows = rows.with_columns(
        there=has | _is_nothing("value", old), there_after=has_after | _is_nothing("value_after", new)
    )
    return rows.with_columns(
        pl.when("there").then(name).otherwise(nothing).alias(name) for name in ("cost", "value")
    ).with_columns(value_after=pl.when("there_after").then("value_after").otherwise(nothing))


def _is_nothing(value: str, terms: Terms) -> pl.Expr:
    return round_money(pl.col(value), terms.book.currency, terms.conventions.rounding) == 0


def _cost(
    terms: Terms, when: str, *, allowance: str = "allowance_after", rate: Rate | None = None
) -> pl.Expr:
    """Return what the quantity of a line costs at the rate of some terms.

    `when` says whose quantity and whose window: "" for the old ones, "then" for the new quantity in the old
    window, "after" for the new ones.
    """
    quantity, there = ("quantity", "there") if not when else ("quantity_after", "there_after")
    before = None if terms.price.window == "period" else pl.col(f"before_{when}" if when else "before")
    if before is not None:
        before = before.fill_null(0)
    cost = charge(rate or terms.rate, pl.col(quantity), before=before, allowance=pl.col(allowance))
    return pl.when(there).then(cost).otherwise(literal(ZERO))


def _allowance(terms: Terms) -> pl.Expr:
    """Return what is included in a line that a side does not have: for the part of the month of the other."""
    price = terms.price
    if not price.allowance:
        return literal(ZERO)
    whole = literal(price.allowance)
    if price.allowance_per == "seat":
        whole = times(whole, pl.col("seats").cast(EXACT))
    if price.window != "period" or terms.conventions.allowance == "full":
        return whole
    month_days = pl.col("month").dt.days_in_month()
    days = (pl.col("ends_on") - pl.col("starts_on")).dt.total_days().clip(0, month_days)
    return over(times(whole, days.cast(EXACT)), month_days.cast(EXACT))


def _climb(old: Terms, new: Terms) -> Iterator[tuple[str, pl.Expr]]:
    """Yield what the new quantity costs after each change of the terms, with the cause that it is."""
    parted = cause.USAGE if old.conventions == new.conventions else cause.CONVENTION
    yield (cause.ALLOWANCE if _included(old) != _included(new) else parted), _cost(old, "then")
    seen = old
    if old.price.window != new.price.window:
        seen = new
        yield cause.TIER, _cost(new, "after", rate=old.rate)
    for name, rate in rungs(old.rate, new.rate):
        yield name, _cost(seen, "after" if seen is new else "then", rate=rate)


def _facts_cause(old: Terms, new: Terms) -> pl.Expr:
    """Say why another quantity was priced, or why only one side has the line."""
    if _counted(old) != _counted(new):
        return pl.lit(cause.METER)
    if old.price.meter is not None:
        covered = cause.LIMIT if _limits(old) != _limits(new) else cause.ENTITLEMENT
        by_rule = pl.col("same_usage")
        if covered == cause.ENTITLEMENT and old.book.entitlements == new.book.entitlements:
            by_rule &= pl.col("same_facts")
        other = pl.when(by_rule).then(pl.lit(covered)).otherwise(pl.lit(cause.USAGE))
        if old.conventions == new.conventions:
            return other
        # Other periods measure the same events otherwise, and bill them in other months.
        return pl.when("same_facts").then(pl.lit(cause.CONVENTION)).otherwise(other)
    if old.conventions != new.conventions or old.price.cadence != new.price.cadence:
        name = cause.CONVENTION
    else:  # what does not depend on seats any more is not credited and charged when they change
        name = next((rung.cause for rung in rungs(old.rate, new.rate)), cause.UNEXPLAINED)
    return pl.when("same_facts").then(pl.lit(name)).otherwise(pl.lit(cause.USAGE))


def _included(terms: Terms) -> tuple[object, ...]:
    """Return what says how much of a line is included."""
    price, conventions = terms.price, terms.conventions
    return price.allowance, price.allowance_per, conventions.allowance, conventions.divisor


def _limits(terms: Terms) -> list[object]:
    """Return the limits of all plans on the meter of a price."""
    return [
        (key, limit)
        for key, plan in terms.book.plans.items()
        for limit in plan.limits.values()
        if limit.meter == terms.price.meter
    ]


def _counted(terms: Terms) -> tuple[object, ...]:
    price = terms.price
    meter = terms.book.meters.get(price.meter or "")
    return (
        price.meter,
        meter and meter.model_copy(update={"unit": ""}),
        price.where,
        price.group_by,
        price.per,
    )


def _period_cause(share: pl.Expr, old: Terms, new: Terms) -> pl.Expr:
    """Say why another part of a period is paid for."""
    if old.conventions == new.conventions and new.conventions.rounding_place == "unit":
        # The price of a part is rounded itself, so that a part is not the same part of another price.
        return pl.when("same_days").then(pl.lit(cause.ROUNDING)).otherwise(pl.lit(cause.USAGE))
    if old.conventions != new.conventions or old.price.prorate != new.price.prorate:
        name = pl.lit(cause.PRORATION)
    else:
        longer = ~pl.col("same_days") & ~pl.col("same_facts")
        name = pl.when(longer).then(pl.lit(cause.USAGE)).otherwise(pl.lit(cause.UNEXPLAINED))
    return _small(share, name)


def _small(share: pl.Expr, name: pl.Expr | str) -> pl.Expr:
    """Call a share rounding where it is less than what the arithmetic of ratios may lose."""
    named = pl.lit(name) if isinstance(name, str) else name
    return pl.when(share.abs() <= literal(NOISE)).then(pl.lit(cause.ROUNDING)).otherwise(named)


def _rounding_cause(gap: pl.Expr, old: Terms, new: Terms) -> pl.Expr:
    """Call what is left rounding, where two lines' rounding can come to as much."""
    is_same = old.conventions == new.conventions
    most = times(_cents(new), 1 if is_same and new.conventions.rounding_place == "line" else 2)
    return pl.when(gap.abs() <= most).then(pl.lit(cause.ROUNDING)).otherwise(pl.lit(cause.CONVENTION))


def _cents(terms: Terms) -> pl.Expr:
    return literal(Decimal(1).scaleb(-minor_units(terms.book.currency)))

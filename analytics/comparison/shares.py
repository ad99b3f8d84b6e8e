"""Shares: what each cause has of the change of what was billed, line by line, so that they add up exactly.

A line that a price made is priced again, step by step from the old book to the new one, and what a step
changes is its cause's share. The order is fixed: the part of the period, what was used and bought (both at
the old prices), the allowance, the window, how the biller reads a rate, the shape of the price, its prices,
its minimum, its maximum, the rounding of the line. Other lines (discounts, refunds, true-ups) are their own
cause, and so is what only one of the books sells.
"""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from analytics.comparison import cause
from analytics.comparison.ladder import plain, scaled
from analytics.comparison.matching import matched
from analytics.comparison.reading import Reading
from analytics.comparison.repricing import Terms, by_cause, steps
from analytics.comparison.windows import used_before, windows_of
from billing.lines import by_version, months_after, months_since
from billing.money import EXACT
from billing.price import Price, Rate
from billing.price_book import PriceBook

PRICED = ("usage", "recurring", "once", "credit")
"""The kinds of line that a price makes."""

SHARE_SCHEMA = pl.Schema({"row_no": pl.UInt32(), "cause": pl.String(), "change": EXACT})


class Shared(NamedTuple):
    """Changed lines with a `row_no` and their `change`, and the shares of these: (row_no, cause, change)."""

    lines: pl.DataFrame
    shares: pl.DataFrame


def shares(before: Reading, after: Reading) -> Shared:
    """Share the change of every line out among its causes.

    Raises AssertionError where the shares of a line do not add up to its change.
    """
    change = pl.col("amount_after").fill_null(0) - pl.col("amount").fill_null(0)
    lines = matched(before, after).with_row_index("row_no").with_columns(change=change)
    is_priced = pl.col("kind").is_in(list(PRICED))
    found = [
        _whole(lines.filter(~is_priced), pl.col("kind").replace(cause.OF_KIND)),
        _whole(lines.filter("is_merged"), pl.lit(cause.TIER)),
        *_of_prices(lines.filter(is_priced & ~pl.col("is_merged")), before, after),
    ]
    every = pl.concat(part.cast(SHARE_SCHEMA) for part in found).filter(pl.col("change") != 0)
    every = every.group_by("row_no", "cause").agg(pl.col("change").sum()).filter(pl.col("change") != 0)
    _assert_adds_up(lines, every)
    return Shared(lines, every.sort("row_no", "cause"))


def _whole(rows: pl.DataFrame, name: pl.Expr) -> pl.DataFrame:
    """Give the whole change of lines to one cause."""
    return rows.select("row_no", cause=name, change="change")


def _assert_adds_up(lines: pl.DataFrame, found: pl.DataFrame) -> None:
    sums = found.group_by("row_no").agg(shared=pl.col("change").sum())
    both = lines.join(sums, on="row_no", how="left")
    wrong = both.filter(pl.col("shared").fill_null(0) != pl.col("change").cast(EXACT))
    assert not len(wrong), f"the shares of {len(wrong)} lines do not add up, as of {wrong.to_dicts()[:1]}"


def _of_prices(rows: pl.DataFrame, before: Reading, after: Reading) -> Iterator[pl.DataFrame]:
    old_book, new_book = before.book, after.book
    if old_book is None or new_book is None or not len(rows):
        yield _whole(rows, pl.lit(cause.UNEXPLAINED))
        return
    windows = _windows(rows, before, after, old_book, new_book)
    rows = rows.hstack([*windows, _year_from(rows, before, after)])
    rows = _with_sameness(rows, before, after)
    stepped = []
    keys = ["plan_before", "plan", "price", "billing", "kind"]
    for group, part in rows.partition_by(keys, as_dict=True, maintain_order=True).items():
        old_plan, new_plan, key, billing, kind = map(str, group)
        old = _price(old_book, old_plan, key, is_usage=kind == "usage")
        new = _price(new_book, new_plan, key, is_usage=kind == "usage")
        if old is None or new is None:
            yield _whole(part, pl.lit(cause.PLAN))
            continue
        for one, some in _versions(part, old, old_book):
            for other, few in _versions(some, new, new_book):
                terms = (
                    Terms(one, _rate(one, billing), old_book),
                    Terms(other, _rate(other, billing), new_book),
                )
                stepped.append(steps(few, *terms))
    yield from by_cause(stepped)


def _windows(
    rows: pl.DataFrame, before: Reading, after: Reading, old_book: PriceBook, new_book: PriceBook
) -> list[pl.Series]:
    """Return what the windows of lines had used before: of each side, and of the new usage in old windows."""
    old, new = windows_of(old_book), windows_of(new_book)
    then = {(new_book.replaces.get(plan, plan), key): window for (plan, key), window in old.items()}
    own = rows.with_columns(plan="plan_before")
    return [
        used_before(own, before, old, old_book).alias("before"),
        used_before(rows, after, then, new_book).alias("before_then"),
        used_before(rows, after, new, new_book).alias("before_after"),
    ]


def _year_from(rows: pl.DataFrame, before: Reading, after: Reading) -> pl.Series:
    """Return the day since which the year that a line bills or credits was paid: its price is that day's."""
    keys = ["subscription", "price", "ends_on"]
    paid = pl.concat(
        reading.lines.filter(pl.col("kind") == "recurring").select(*keys, from_on="starts_on")
        for reading in (before, after)
    )
    found = (
        rows.filter(pl.col("kind") == "credit")
        .select("row_no", "starts_on", *keys)
        .join(paid, on=keys)
        .filter(pl.col("from_on") < pl.col("starts_on"))
        .group_by("row_no")
        .agg(pl.col("from_on").max())
    )
    both = rows.select("row_no", "starts_on").join(found, on="row_no", how="left", maintain_order="left")
    return both.select(year_from=pl.coalesce("from_on", "starts_on"))["year_from"]


def _with_sameness(rows: pl.DataFrame, before: Reading, after: Reading) -> pl.DataFrame:
    """Say of each line whether both ledgers measured the same usage, and know the same facts."""
    keys = ["month", "subscription", "meter"]
    used = before.used.join(after.used, on=keys, how="full", coalesce=True, suffix="_after")
    used = used.select(*keys, same_usage=pl.col("used").eq_missing(pl.col("used_after")))
    same = before.facts == after.facts
    rows = rows.join(used, on=keys, how="left", maintain_order="left")
    return rows.with_columns(pl.col("same_usage").fill_null(value=same), same_facts=pl.lit(same))


def _price(book: PriceBook, plan: str, key: str, *, is_usage: bool) -> Price | None:
    """Return the price of a line: of its plan, or of an add-on."""
    price = book.plans[plan].prices.get(key) if plan in book.plans else None
    if price is not None and (price.meter is not None) == is_usage:
        return price
    add_on = None if is_usage else book.add_ons.get(key)
    return add_on.price if add_on is not None and plan in add_on.plans else None


def _versions(rows: pl.DataFrame, price: Price, book: PriceBook) -> Iterator[tuple[Price, pl.DataFrame]]:
    """Part lines by the version of the price that was in force when their period, or their year, began."""
    if not price.changes:
        yield price, rows
        return
    is_paid_ahead = pl.lit(price.cadence == "year") | (
        pl.lit(price.cadence == "billing") & (pl.col("billing") == "year")
    )
    yearly = pl.col("kind").is_in(["recurring", "credit"]) & is_paid_ahead
    day = pl.when(yearly).then("year_from").otherwise(_period_start(book))
    for version, part in by_version(price, rows.with_columns(period_starts_on=day)):
        yield version, part.drop("period_starts_on")


def _period_start(book: PriceBook) -> pl.Expr:
    """Return the first day of the billing period that a line is in."""
    if book.conventions.periods == "calendar":
        return pl.col("month")
    anchor, starts_on = pl.col("anchor_on"), pl.col("starts_on")
    number = months_since(anchor, starts_on)
    number = number - (months_after(anchor, number) > starts_on).cast(pl.Int32)
    return pl.coalesce(months_after(anchor, number), "month")


def _rate(price: Price, billing: str) -> Rate:
    """Return the rate of a line: that of a year, where a year is paid ahead."""
    if price.meter is not None or billing != "year" or price.cadence != "billing":
        return plain(price)
    return plain(price.annual) if price.annual is not None else scaled(price, 12)

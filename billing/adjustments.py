"""Adjustments: what happens to charges once usage and plans are priced, in one fixed order.

price -> round -> entitlements -> discounts and bounds -> invoice as a whole, where that is what is rounded ->
refund (`billing.refund`) -> commitment (`billing.commitment`). Each adjustment is lines of its own, never an
edit of another line. Refunds and true-ups go by what was billed, and are rounded by themselves.
"""

import polars as pl

from billing import discount, entitlement
from billing.bound import fill_up_prices, take_above_plans, take_above_prices
from billing.discount import Taking, lines_made, provisional, take_discounts, taking
from billing.invoice import settled
from billing.money import POSTED, round_money
from billing.price_book import PriceBook


def rounded(lines: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Round each charge once, by the book's convention, to the currency's minor unit."""
    return lines.with_columns(
        amount=round_money(pl.col("exact"), book.currency, book.conventions.rounding).cast(POSTED)
    )


def adjusted(
    raw: pl.DataFrame,
    *,
    counted: pl.DataFrame,
    drawn: pl.DataFrame,
    phases: pl.DataFrame,
    slices: pl.DataFrame,
    book: PriceBook,
    coupons: pl.DataFrame,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return charges with their rounded amounts, and with lines for what entitlements and discounts take off.

    `counted` says which charge rates which usage (`billing.rating`), `drawn` which usage is cheaper;
    `slices` are those that were rated. The second frame is what later months have to know of discounts that
    end by what they take, as `coupons` is of earlier ones (`billing.coupon.TAKEN_SCHEMA`).
    """
    lines = raw.with_columns(amount=provisional(pl.col("exact"), book))
    off = entitlement.discounts(lines, counted, drawn, book)
    if len(off):
        lines = pl.concat([lines, off.with_columns(amount=provisional(pl.col("exact"), book))])
    taken = reduced(lines, phases, slices, book, coupons)
    if len(less := lines_made(taken)):
        lines = pl.concat([lines, less.select(lines.columns)])
    return settled(lines, book), discount.coupons(taken)


def reduced(
    lines: pl.DataFrame,
    phases: pl.DataFrame,
    slices: pl.DataFrame,
    book: PriceBook,
    coupons: pl.DataFrame | None = None,
) -> Taking:
    """Take discounts and bounds off lines, after what entitlements take, and say what was taken.

    `coupons` is what earlier months took; nothing when absent.
    """
    bill = taking(lines, phases, book, coupons)
    if not len(bill.rows):
        return bill
    is_least_after = book.conventions.minimum == "after_discounts"
    is_most_after = book.conventions.maximum == "after_discounts"
    if not is_least_after:
        fill_up_prices(bill, slices)
    if not is_most_after:
        take_above_plans(bill)
    take_discounts(bill)
    take_above_prices(bill, slices)
    if is_least_after:
        fill_up_prices(bill, slices)
    if is_most_after:
        take_above_plans(bill)
    return bill

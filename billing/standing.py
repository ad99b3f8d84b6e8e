"""Standing charges: what a price of usage costs a subscription that uses nothing in a month.

By the conventions of some billers the first tier's flat fee, or a price's minimum, is due all the same. Then
there is a row of usage with a quantity of zero, so that it is rated, explained and billed like any other.
"""

from collections.abc import Iterator

import polars as pl

from billing.lines import by_version
from billing.money import EXACT, ZERO
from billing.price import Change, Price
from billing.price_book import PriceBook
from billing.pricing import amount
from metering.frame import empty

IDLE_SCHEMA = pl.Schema(
    {
        "month": pl.Date(),
        "subscription": pl.String(),
        "phase_no": pl.Int64(),
        "account": pl.String(),
        "plan": pl.String(),
        "meter": pl.String(),
        "price": pl.String(),
        "stream": pl.String(),
        "dimensions": pl.String(),
        "is_level": pl.Boolean(),
        "plain": EXACT,
        "quantity": EXACT,
    }
)
"""Usage of nothing that a price is rated for; of a level once for each phase, else for the last phase."""

_MONTH = ["month", "subscription", "plan"]


def idle(found: pl.DataFrame, slices: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Return rows (`IDLE_SCHEMA`) for prices that cost something and that no usage was found for.

    `found` is usage with the `price` that counts it, `slices` are the parts of months that are paid for.
    """
    standing = [(plan, key, price) for plan, key, price in book.usage_prices() if _stands(price)]
    if not standing:
        return empty(IDLE_SCHEMA)
    own = slices.filter(~pl.col("is_step")).sort("from_at", maintain_order=True)
    frames = [empty(IDLE_SCHEMA)]
    for plan, key, price in standing:
        is_level = book.meters[price.meter or ""].is_level
        keys = [*_MONTH, "phase_no"] if is_level else _MONTH
        used = found.filter(pl.col("plan") == plan, pl.col("price") == key)
        used = (
            used.group_by(*keys, "dimensions").agg(pl.col("quantity").sum()).filter(pl.col("quantity") != 0)
        )
        parts = own.filter(pl.col("plan") == plan).unique(keys, keep="last", maintain_order=True)
        frames += [
            part.with_columns(
                price=pl.lit(key),
                meter=pl.lit(price.meter or ""),
                stream=pl.lit(book.stream_of(plan, price)),
                dimensions=pl.lit(""),
                is_level=pl.lit(is_level),
                plain=pl.lit(None, EXACT),
                quantity=pl.lit(0, EXACT),
            ).select(IDLE_SCHEMA.names())
            for part in _owing(price, parts.join(used, on=keys, how="anti"))
        ]
    return pl.concat(frames)


def _stands(price: Price) -> bool:
    """Whether a price may cost something at zero: whether one of its versions does."""
    terms = price.terms
    versions: tuple[Price | Change, ...] = (price, *price.changes)
    has_flat = any(one.tiers and one.tiers[0].flat_fee for one in versions)
    has_minimum = any(one.minimum for one in versions)
    return bool((terms.flat_at_zero and has_flat) or (terms.minimum_at_zero and has_minimum))


def _owing(price: Price, parts: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the parts of months in which the version of the price that is in force costs something."""
    for version, part in by_version(price, parts):
        later = version.minimum if price.terms.minimum_at_zero and not price.terms.has_minimum else None
        if amount(version, ZERO) or later:
            yield part

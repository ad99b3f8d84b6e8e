"""Rating: measured usage becomes charges, one expression a price, whatever the number of rows.

Prices with a window of a year or of the whole life carry on from what the window has used before: the charge is
the cumulative price after less the cumulative price before.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple, Self

import polars as pl

from billing.lines import by_version, charges, year_start
from billing.money import over, times
from billing.price_book import Price, PriceBook
from billing.pricing import charge
from billing.schema import EXACT
from metering.frame import shaped

CARRIED_SCHEMA = pl.Schema(
    {
        "subscription": pl.String(),
        "plan": pl.String(),
        "price": pl.String(),
        "dimensions": pl.String(),
        "window": pl.Date(),
        "quantity": EXACT,
    }
)
"""What a window has used before the months to rate; `window` is its first month."""

_WINDOW = ["subscription", "plan", "price", "dimensions", "window"]
_MONTH = ["month", "subscription"]
_ROW = ["month", "subscription", "account", "plan", "phase_no", "meter", "dimensions"]


class Rated(NamedTuple):
    """Charges for usage, what each open window has used now, and the usage that no price counted."""

    charges: pl.DataFrame
    carried: pl.DataFrame
    unrated: pl.DataFrame


def rate(usage: pl.DataFrame, slices: pl.DataFrame, book: PriceBook, carried: pl.DataFrame) -> Rated:
    """Rate the usage of some months in a row.

    `usage` has the columns of the ledger's `usage`; `slices` are the phases' parts of the months, which bring
    the allowances; `carried` has those of `CARRIED_SCHEMA`. Charges of quantity 0 are left out.
    """
    by_plan = _parts(usage, ["plan", "meter"])
    slices_of = {plan: rows for (plan,), rows in _parts(slices, ["plan"]).items()}
    spans = {plan: _Spans.over(slices_of[plan]) for plan in dict.fromkeys(plan for plan, _ in by_plan)}
    frames, carries = list[pl.DataFrame](), [carried]
    unrated = dict(by_plan)
    for plan, key, price in book.usage_prices():
        rows = by_plan.get((plan, price.meter))
        if rows is None:
            continue
        unrated[plan, price.meter] = _rest(unrated[plan, price.meter], price)
        rows = _grouped(_where(rows, price), price).with_columns(
            price=pl.lit(key), stream=pl.lit(book.stream_of(plan, price))
        )
        if book.meters[price.meter or ""].is_level:
            frames += _levels(rows, slices_of[plan], price)
        elif price.window == "period":
            frames += _flows(rows, spans[plan], price, full=book.conventions.allowance == "full")
        else:
            rated, carry = _windows(rows, spans[plan], price, carried)
            frames += rated
            carries.append(carry)
    left = [rows for rows in unrated.values() if len(rows)]
    return Rated(charges(frames), _newest(carries), pl.concat(left) if left else usage.clear())


class _Spans(NamedTuple):
    """The months of one plan's subscriptions: `slices` as they are, and pooled over their phases."""

    slices: pl.DataFrame
    pooled: pl.DataFrame
    is_simple: bool

    @classmethod
    def over(cls, slices: pl.DataFrame) -> Self:
        pooled = slices.group_by(_MONTH).agg(
            pl.col("seats", "anchor_on", "days", "month_days").sort_by("from_on").last(),
            starts_on=pl.col("from_on").min(),
            ends_on=pl.col("until_on").max(),
        )
        return cls(slices, pooled, is_simple=len(pooled) == len(slices))

    def pool(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add up what the phases of a month used, and say when the month's service began and ended."""
        if not self.is_simple:
            keys = [name for name in rows.columns if name not in {"quantity", "phase_no", "events"}]
            rows = rows.group_by(keys).agg(pl.col("quantity").sum(), pl.col("phase_no").max())
        return rows.join(self.pooled, on=_MONTH, how="left")


def _flows(rows: pl.DataFrame, spans: _Spans, price: Price, *, full: bool) -> Iterator[pl.DataFrame]:
    """Rate what flows in a month: phases with the same plan are pooled, and so are their allowances."""
    for version, part in by_version(price, spans.pool(rows)):
        allowance = _allowance(version)
        if not full and version.allowance:
            partial = over(times(allowance, pl.col("days").cast(EXACT)), pl.col("month_days").cast(EXACT))
            allowance = pl.when(pl.col("days") == pl.col("month_days")).then(allowance).otherwise(partial)
        if spans.is_simple or not version.allowance:
            found = part.with_columns(allowance=allowance)
        else:
            pooled = spans.slices.group_by(_MONTH).agg(allowance=allowance.max() if full else allowance.sum())
            found = part.join(pooled, on=_MONTH, how="left")
        yield _usage_charges(found, charge(version, pl.col("quantity"), allowance=pl.col("allowance")))


def _levels(rows: pl.DataFrame, slices: pl.DataFrame, price: Price) -> Iterator[pl.DataFrame]:
    """Rate a level phase by phase: a level that was held for a part of the month costs its part."""
    keys = [*_MONTH, "phase_no"]
    held = slices.select(*keys, "days", "month_days", "seats", starts_on="from_on", ends_on="until_on")
    for version, part in by_version(price, rows.join(held, on=keys, how="left")):
        found = part.with_columns(allowance=_allowance(version))
        whole = charge(version, pl.col("quantity"), allowance=pl.col("allowance"))
        partial = over(times(whole, pl.col("days").cast(EXACT)), pl.col("month_days").cast(EXACT))
        is_whole = pl.lit(version.prorate is False) | (pl.col("days") == pl.col("month_days"))
        yield _usage_charges(found, pl.when(is_whole).then(whole).otherwise(partial))


def _windows(
    rows: pl.DataFrame, spans: _Spans, price: Price, carried: pl.DataFrame
) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Rate usage whose window is longer than a month, from what the window has used before."""
    found = spans.pool(rows).with_columns(window=window_start(price)).sort(*_WINDOW, "month")
    found = found.join(
        carried.rename({"quantity": "earlier"}), on=_WINDOW, how="left", maintain_order="left"
    ).with_columns(pl.col("earlier").fill_null(0).cast(EXACT))
    before = pl.col("earlier") + pl.col("quantity").cum_sum().over(_WINDOW) - pl.col("quantity")
    found = found.with_columns(before=before.cast(EXACT))
    frames = [
        _usage_charges(
            part.with_columns(allowance=_allowance(version)),
            charge(version, pl.col("quantity"), before=pl.col("before"), allowance=_allowance(version)),
        )
        for version, part in by_version(price, found)
    ]
    after = (pl.col("before") + pl.col("quantity")).last()
    return frames, found.group_by(_WINDOW, maintain_order=True).agg(quantity=after)


def window_start(price: Price) -> pl.Expr:
    """Return the first month of the window: of the contract year, or of all time."""
    if price.window == "life":
        return pl.lit(date(2000, 1, 1))
    return year_start(pl.col("anchor_on"), pl.col("month"))


def _allowance(price: Price) -> pl.Expr:
    included = pl.lit(price.allowance, EXACT)
    return times(included, pl.col("seats").cast(EXACT)) if price.allowance_per == "seat" else included


def _where(rows: pl.DataFrame, price: Price) -> pl.DataFrame:
    """Keep the usage whose dimensions the price names."""
    return rows.filter(_named(price)) if price.where else rows


def _rest(rows: pl.DataFrame, price: Price) -> pl.DataFrame:
    """Keep the usage that the price does not count."""
    return rows.filter(~_named(price)) if price.where else rows.clear()


def _named(price: Price) -> pl.Expr:
    return pl.all_horizontal(
        pl.col("dimensions")
        .str.json_path_match(f"$.{name}")
        .is_in([wanted] if isinstance(wanted, str) else list(wanted))
        .fill_null(value=False)
        for name, wanted in price.where.items()
    )


def _grouped(rows: pl.DataFrame, price: Price) -> pl.DataFrame:
    """Keep of the dimensions only those that the price groups by, and add up what is then alike."""
    if not (rows["dimensions"] != "").any():
        return rows.select(*_ROW, "quantity")
    dimensions = pl.lit("")
    if price.group_by:
        parts = [
            pl.col("dimensions").str.json_path_match(f"$.{name}").alias(name)
            for name in sorted(price.group_by)
        ]
        dimensions = pl.struct(parts).struct.json_encode()
    return rows.with_columns(dimensions=dimensions).group_by(_ROW).agg(pl.col("quantity").sum())


def _usage_charges(found: pl.DataFrame, exact: pl.Expr) -> pl.DataFrame:
    return found.filter(pl.col("quantity") != 0).with_columns(kind=pl.lit("usage"), exact=exact)


def _parts(frame: pl.DataFrame, keys: list[str]) -> Mapping[tuple[object, ...], pl.DataFrame]:
    return frame.partition_by(keys, as_dict=True) if len(frame) else {}


def _newest(carries: list[pl.DataFrame]) -> pl.DataFrame:
    """Keep the last word about each window."""
    together = pl.concat([shaped(frame, CARRIED_SCHEMA) for frame in carries])
    return together.unique(_WINDOW, keep="last", maintain_order=True)

"""Rating: measured usage becomes charges, one expression a price, whatever the number of rows.

Prices with a window of a year or of the whole life carry on from what the window has used before: the charge is
the cumulative price after less the cumulative price before.
"""

import json
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
    metered = {key: _Metered.of(rows) for key, rows in _parts(usage, ["plan", "meter"]).items()}
    slices_of = {plan: rows for (plan,), rows in _parts(slices, ["plan"]).items()}
    spans = {plan: _Spans.over(slices_of[plan]) for plan in dict.fromkeys(plan for plan, _ in metered)}
    frames, carries = list[pl.LazyFrame](), [carried.lazy()]
    for plan, key, price in book.usage_prices():
        part = metered.get((plan, price.meter))
        found = part.counted_by(price) if part else None
        if found is None:
            continue
        found = found.with_columns(price=pl.lit(key), stream=pl.lit(book.stream_of(plan, price)))
        if book.meters[price.meter or ""].is_level:
            frames += _levels(found, slices_of[plan], price)
        elif price.window == "period":
            frames += _flows(found, spans[plan], price, full=book.conventions.allowance == "full")
        else:
            *rated, carry = _windows(found, spans[plan], price, carried)
            frames += rated
            carries.append(carry)
    left = [rest for part in metered.values() for rest in [part.rest()] if len(rest)]
    return Rated(charges(frames), _newest(carries), pl.concat(left) if left else usage.clear())


class _Metered(NamedTuple):
    """The usage of one meter under one plan, and what the texts of its dimensions say."""

    rows: pl.DataFrame
    values: dict[str, dict[str, str]]
    priced: set[str]

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Self:
        texts = rows["dimensions"].unique().sort().to_list()
        return cls(rows, {text: json.loads(text) if text else {} for text in texts}, set())

    def counted_by(self, price: Price) -> pl.LazyFrame | None:
        """Return the usage that a price counts, with the dimensions that it groups by; None if it is none."""
        named = {text: values for text, values in self.values.items() if _names(price, values)}
        self.priced.update(named)
        if not named:
            return None
        if list(named) == [""]:
            return self.rows.lazy().select(*_ROW, "quantity")
        kept = {
            text: _as_json({name: values[name] for name in price.group_by if name in values})
            for text, values in named.items()
        }
        found = self.rows.lazy().filter(pl.col("dimensions").is_in(list(named)))
        grouped = found.with_columns(pl.col("dimensions").replace_strict(kept, return_dtype=pl.String))
        return grouped.group_by(_ROW).agg(pl.col("quantity").sum())

    def rest(self) -> pl.DataFrame:
        """Return the usage that no price has counted."""
        if len(self.priced) == len(self.values):
            return self.rows.clear()
        return self.rows.filter(~pl.col("dimensions").is_in(sorted(self.priced)))


def _names(price: Price, values: Mapping[str, str]) -> bool:
    return all(
        values.get(name) in ((wanted,) if isinstance(wanted, str) else wanted)
        for name, wanted in price.where.items()
    )


def _as_json(values: Mapping[str, str]) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if values else ""


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

    def pool(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Add up what the phases of a month used, and say when the month's service began and ended."""
        if not self.is_simple:
            keys = [*(name for name in _ROW if name != "phase_no"), "price", "stream"]
            rows = rows.group_by(keys).agg(pl.col("quantity").sum(), pl.col("phase_no").max())
        return rows.join(self.pooled.lazy(), on=_MONTH, how="left")


def _flows(rows: pl.LazyFrame, spans: _Spans, price: Price, *, full: bool) -> Iterator[pl.LazyFrame]:
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
            found = part.join(pooled.lazy(), on=_MONTH, how="left")
        yield _usage_charges(found, charge(version, pl.col("quantity"), allowance=pl.col("allowance")))


def _levels(rows: pl.LazyFrame, slices: pl.DataFrame, price: Price) -> Iterator[pl.LazyFrame]:
    """Rate a level phase by phase: a level that was held for a part of the month costs its part."""
    keys = [*_MONTH, "phase_no"]
    held = slices.select(*keys, "days", "month_days", "seats", starts_on="from_on", ends_on="until_on")
    for version, part in by_version(price, rows.join(held.lazy(), on=keys, how="left")):
        found = part.with_columns(allowance=_allowance(version))
        whole = charge(version, pl.col("quantity"), allowance=pl.col("allowance"))
        partial = over(times(whole, pl.col("days").cast(EXACT)), pl.col("month_days").cast(EXACT))
        is_whole = pl.lit(version.prorate is False) | (pl.col("days") == pl.col("month_days"))
        yield _usage_charges(found, pl.when(is_whole).then(whole).otherwise(partial))


def _windows(
    rows: pl.LazyFrame, spans: _Spans, price: Price, carried: pl.DataFrame
) -> Iterator[pl.LazyFrame]:
    """Rate usage whose window is longer than a month, from what the window has used before.

    Yields the charges by versions of the price, and last what the windows have used now.
    """
    earlier = carried.lazy().rename({"quantity": "earlier"})
    found = spans.pool(rows).with_columns(window=window_start(price))
    found = found.join(earlier, on=_WINDOW, how="left").with_columns(
        pl.col("earlier").fill_null(0).cast(EXACT)
    )
    used = pl.col("quantity").cum_sum().over(_WINDOW, order_by="month") - pl.col("quantity")
    found = found.with_columns(before=(pl.col("earlier") + used).cast(EXACT))
    for version, part in by_version(price, found):
        exact = charge(version, pl.col("quantity"), before=pl.col("before"), allowance=_allowance(version))
        yield _usage_charges(part.with_columns(allowance=_allowance(version)), exact)
    yield found.group_by(_WINDOW).agg(
        quantity=(pl.col("before") + pl.col("quantity")).sort_by("month").last()
    )


def window_start(price: Price) -> pl.Expr:
    """Return the first month of the window: of the contract year, or of all time."""
    if price.window == "life":
        return pl.lit(date(2000, 1, 1))
    return year_start(pl.col("anchor_on"), pl.col("month"))


def _allowance(price: Price) -> pl.Expr:
    included = pl.lit(price.allowance, EXACT)
    return times(included, pl.col("seats").cast(EXACT)) if price.allowance_per == "seat" else included


def _usage_charges(found: pl.LazyFrame, exact: pl.Expr) -> pl.LazyFrame:
    return found.filter(pl.col("quantity") != 0).with_columns(kind=pl.lit("usage"), exact=exact)


def _parts(frame: pl.DataFrame, keys: list[str]) -> Mapping[tuple[object, ...], pl.DataFrame]:
    return frame.partition_by(keys, as_dict=True) if len(frame) else {}


def _newest(carries: list[pl.LazyFrame]) -> pl.DataFrame:
    """Keep the last word about each window."""
    together = pl.concat([shaped(frame, CARRIED_SCHEMA) for frame in carries])
    return together.unique(_WINDOW, keep="last", maintain_order=True).collect()

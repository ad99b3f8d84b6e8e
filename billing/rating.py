"""Rating: measured usage becomes charges, one expression a price, whatever the number of rows.

Prices with a window of a year or of the whole life carry on from what the window has used before: the
charge is the cumulative price after less the cumulative price before.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import polars as pl

from billing.convention import Conventions
from billing.lines import by_version, charges, months_after
from billing.money import EXACT, ZERO, round_column, times
from billing.price import Price
from billing.price_book import PriceBook
from billing.pricing import between, charge
from billing.proration import amount_column
from billing.standing import idle
from metering.frame import shaped
from metering.meter import Meter
from metering.query import EACH

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
_MONTH = ["month", "subscription", "plan"]
_CHARGED = ["price", "dimensions"]
_COUNTED = ["plan", "meter", "dimensions"]


class Rated(NamedTuple):
    """Charges for usage, what each open window has used now, and the usage that no price counted.

    `counted` says which usage each price counted, once for each price: the usage with `price`, `grouped` (the
    dimensions of the charge) and `is_level` (whether each phase has a charge of its own).
    """

    charges: pl.DataFrame
    carried: pl.DataFrame
    unrated: pl.DataFrame
    counted: pl.DataFrame


def rate(usage: pl.DataFrame, slices: pl.DataFrame, book: PriceBook, carried: pl.DataFrame) -> Rated:
    """Rate the usage of some months in a row.

    `usage` has the columns of the ledger's `usage`, where `plan` is whose prices hold; `slices` are the
    phases' parts of the months, which bring the allowances; `carried` has those of `CARRIED_SCHEMA`. Charges
    of quantity 0 are left out, but for what is due all the same (`billing.standing`).
    """
    counts = _counts(usage, book)
    counted = usage.join(counts, on=_COUNTED, maintain_order="left")
    found = counted.with_columns(dimensions="grouped", idle=pl.lit(value=False))
    unrated = usage.join(counts, on=_COUNTED, how="anti")
    standing = idle(found, slices, book).with_columns(idle=pl.lit(value=True))
    found = found.select(standing.columns)
    found = pl.concat([found, standing]) if len(standing) else found
    has_levels = bool(found["is_level"].any())
    levels = _held(found.filter(pl.col("is_level")), slices) if has_levels else found.clear()
    flows = found.filter(~pl.col("is_level")) if has_levels else found
    flows = _rounded(_pooled(flows, slices), book)
    plain = flows.filter(pl.col("plain").is_not_null())
    windows = _windowed(flows.filter(pl.col("plain").is_null()), book, carried)
    parts = [
        *(_level(part, version, book.conventions) for part, version in _by_price(levels, book)),
        *(_flow(part, version, slices, book.conventions) for part, version in _by_price(windows, book)),
        _usage_charges(
            plain, pl.lit(0, EXACT), times(between(pl.col("quantity"), ZERO, None), pl.col("plain"))
        ),
    ]
    return Rated(charges(parts), _carried_on(carried, windows), unrated, counted)


def _carried_on(carried: pl.DataFrame, rated: pl.DataFrame) -> pl.DataFrame:
    """Return what windows have used with what was rated now (`CARRIED_SCHEMA`)."""
    lasting = rated.filter(pl.col("window").is_not_null())
    if not len(lasting):
        return carried
    used = lasting.group_by(_WINDOW).agg(
        quantity=(pl.col("before") + pl.col("quantity")).sort_by("month").last()
    )
    newest = pl.concat([carried, shaped(used, CARRIED_SCHEMA)])
    return newest.unique(_WINDOW, keep="last", maintain_order=True)


def _counts(usage: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Say which prices count which usage: from plan, meter and dimensions to price, stream and grouped.

    What the texts of dimensions say is read once for each distinct text. `plain` is the unit price of a
    price that is nothing but one: a catalog may have hundreds of these, and they are priced in one go.
    """
    texts: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for plan, meter, text in usage.select(_COUNTED).unique().sort(_COUNTED).iter_rows():
        texts.setdefault((plan, meter), {})[text] = json.loads(text) if text else {}
    rows = [
        (
            plan,
            price.meter,
            text,
            key,
            book.stream_of(plan, price),
            _kept(price, meter, values),
            is_level,
            None if is_level else _plain(price),
        )
        for plan, key, price in book.usage_prices()
        for meter in [book.meters[price.meter or ""]]
        for is_level in [meter.is_level]
        for text, values in texts.get((plan, price.meter or ""), {}).items()
        if not price.where or _names(price, values)
    ]
    names = (*_COUNTED, "price", "stream", "grouped")
    schema: dict[str, Any] = dict.fromkeys(names, pl.String) | {"is_level": pl.Boolean, "plain": EXACT}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _plain(price: Price) -> Decimal | None:
    """Return the unit price of a price that is nothing but one."""
    is_bounded = price.minimum is not None or price.maximum is not None
    is_plain = price.model in {"unit", "percentage"} and price.window == "period"
    is_plain = is_plain and not is_bounded and not price.flat_fee
    return price.unit_price if is_plain and not price.allowance and not price.changes else None


def _names(price: Price, values: Mapping[str, str]) -> bool:
    return all(
        values.get(name) in ((wanted,) if isinstance(wanted, str) else wanted)
        for name, wanted in price.where.items()
    )


def _kept(price: Price, meter: Meter, values: Mapping[str, str]) -> str:
    """Write down the dimensions that the price groups by, and the event where the meter tells them apart."""
    names = (*price.group_by, EACH) if meter.each else price.group_by
    kept = {name: values[name] for name in names if name in values}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if kept else ""


def _held(rows: pl.DataFrame, slices: pl.DataFrame) -> pl.DataFrame:
    """Put beside a level the part of the period for which its phase held it."""
    keys = [*_MONTH, "phase_no"]
    terms = ("part", "whole", "seats", "anchor_on", "since_on", "is_step", "period_starts_on", "period_no")
    held = slices.select(*keys, *terms, starts_on="from_on", ends_on=_end())
    return _added_up(rows, [*keys, "account", "meter", "price", "stream", "dimensions"]).join(held, on=keys)


def _pooled(rows: pl.DataFrame, slices: pl.DataFrame) -> pl.DataFrame:
    """Add up what the phases of one plan used in a month, and say when the service began and ended.

    `slices` counts the parts of the month; `part` and `whole` are those of the last.
    """
    last = ("seats", "part", "whole", "anchor_on", "since_on", "period_no", "period_starts_on")
    whole = slices.group_by(_MONTH).agg(
        pl.col(last).sort_by("from_at").last(),
        slices=pl.len(),
        starts_on=pl.col("from_on").min(),
        ends_on=_end().max(),
        is_step=pl.col("is_step").all(),
    )
    keys = [*_MONTH, "account", "meter", "price", "stream", "dimensions", "plain"]
    return _added_up(rows, keys).join(whole, on=_MONTH, maintain_order="left")


def _rounded(flows: pl.DataFrame, book: PriceBook) -> pl.DataFrame:
    """Round quantities that are weighted by days, as the conventions say."""
    places, mode = book.conventions.quantity_places, book.conventions.quantity_rounding
    keys = [key for key, meter in book.meters.items() if meter.is_weighted_by_day]
    if places is None or not keys:
        return flows
    rounded = round_column(pl.col("quantity"), places, mode).cast(EXACT)
    return flows.with_columns(
        quantity=pl.when(pl.col("meter").is_in(keys)).then(rounded).otherwise("quantity")
    )


def _end() -> pl.Expr:
    """Return the first day after a slice; one within a day has that day."""
    return pl.max_horizontal("until_on", pl.col("from_on").dt.offset_by("1d"))


def _added_up(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Add up usage; what comes to nothing is left out, unless nothing costs something.

    Most rows are the only ones of their keys: those whose keys hash alike with others' are looked at.
    """
    sums = [pl.col("quantity").sum(), pl.col("idle").any()]
    sums += [] if "phase_no" in keys else [pl.col("phase_no").max()]
    names = [*keys, *(expression.meta.output_name() for expression in sums)]
    shares = rows.select(pl.struct(*_MONTH, *_CHARGED, keys[3]).hash().is_duplicated()).to_series()
    found = rows.select(names)
    if shares.any():
        together = rows.filter(shares).group_by(keys).agg(sums)
        found = pl.concat([found.filter(~shares), together.select(names)])
    return found.filter((pl.col("quantity") != 0) | pl.col("idle")).drop("idle")


def _windowed(flows: pl.DataFrame, book: PriceBook, carried: pl.DataFrame) -> pl.DataFrame:
    """Say what the window of each flow has used before: nothing, where the window is the month."""
    lasting = [(plan, key, price) for plan, key, price in book.usage_prices() if price.window != "period"]
    window: Any = pl.when(pl.lit(value=False)).then(pl.lit(None, pl.Date))
    for plan, key, price in lasting:
        window = window.when((pl.col("plan") == plan) & (pl.col("price") == key)).then(window_start(price))
    rows = flows.with_columns(window=window.otherwise(pl.lit(None, pl.Date)), before=pl.lit(0, EXACT))
    if rows["window"].null_count() == len(rows):
        return rows
    long = rows.filter(pl.col("window").is_not_null())
    earlier = carried.rename({"quantity": "earlier"})
    used = pl.col("quantity").cum_sum().over(_WINDOW, order_by="month") - pl.col("quantity")
    long = long.join(earlier, on=_WINDOW, how="left").with_columns(
        before=(pl.col("earlier").fill_null(0) + used).cast(EXACT)
    )
    return pl.concat([rows.filter(pl.col("window").is_null()), long.select(rows.columns)])


def _by_price(rows: pl.DataFrame, book: PriceBook) -> Iterator[tuple[pl.DataFrame, Price]]:
    """Part rows by the price, and the version of it, that prices them."""
    for (plan, key), part in rows.partition_by("plan", "price", as_dict=True).items() if len(rows) else ():
        for version, some in by_version(book.plans[str(plan)].prices[str(key)], part):
            yield some, version


def _level(rows: pl.DataFrame, price: Price, conventions: Conventions) -> pl.DataFrame:
    """Price a level: one that was held for a part of the period costs its part."""
    whole = charge(price, pl.col("quantity"), allowance=_allowance(price))
    exact = whole if price.prorate is False else amount_column(whole, conventions)
    return _usage_charges(rows, _allowance(price), exact)


def _flow(rows: pl.DataFrame, price: Price, slices: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """Price a flow: the months of a longer window go on where the months before them ended."""
    allowance = _allowance(price)
    if price.window != "period":
        exact = charge(price, pl.col("quantity"), before=pl.col("before"), allowance=allowance)
        return _usage_charges(rows, allowance, exact)
    if price.allowance:
        is_full = conventions.allowance == "full" or conventions.proration == "none"
        part = allowance if is_full else amount_column(allowance, conventions)
        rows = _included(rows, slices, part, is_full=is_full)
        allowance = pl.col("allowance")
    return _usage_charges(rows, allowance, charge(price, pl.col("quantity"), allowance=allowance))


def _included(rows: pl.DataFrame, slices: pl.DataFrame, allowance: pl.Expr, *, is_full: bool) -> pl.DataFrame:
    """Put beside flows what is included: of the one part of the month there is, or of several together."""
    single = rows.filter(pl.col("slices") == 1).with_columns(allowance=allowance)
    if len(single) == len(rows):
        return single
    several = rows.filter(pl.col("slices") > 1)
    parts = slices.join(several.select(_MONTH), on=_MONTH, how="semi")
    sums = parts.group_by(_MONTH).agg(allowance=allowance.max() if is_full else allowance.sum())
    return pl.concat([single, several.join(sums, on=_MONTH)])


def _allowance(price: Price) -> pl.Expr:
    """Return what is included; usage that stepped to a plan above a limit pays no fee that includes any."""
    included = pl.lit(price.allowance, EXACT)
    if price.allowance_per == "seat":
        included = times(included, pl.col("seats").cast(EXACT))
    return pl.when("is_step").then(pl.lit(0, EXACT)).otherwise(included) if price.allowance else included


def _usage_charges(rows: pl.DataFrame, allowance: pl.Expr, exact: pl.Expr) -> pl.DataFrame:
    return rows.with_columns(kind=pl.lit("usage"), allowance=allowance, exact=exact)


def window_start(price: Price) -> pl.Expr:
    """Return the first month of the window: of the contract year, or of all time."""
    if price.window == "life":
        return pl.lit(date(2000, 1, 1))
    return months_after(pl.col("anchor_on").dt.truncate("1mo"), pl.col("period_no") // 12 * 12)

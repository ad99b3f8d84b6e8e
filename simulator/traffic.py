"""Traffic: high-volume usage, drawn by the million between the agents' decisions.

An agent says how much a subscription uses on an average day, from today until it says otherwise. The counts
of each day are drawn afterwards, a column at a time: a negative binomial around the day's mean, whose draws
are keyed by (flow, day), so that nobody's usage depends on who else uses, or in which order.
"""

from datetime import date, timedelta
from math import inf
from typing import Any, NamedTuple

import polars as pl

from metering.log import USAGE_SCHEMA
from simulator.chance import with_uniforms
from simulator.quote import Stop

WEEKEND = 0.35
"""How busy a Saturday or Sunday is next to a working day (business users; an assumption)."""

_WEEK = 5 + 2 * WEEKEND
WORKING_FACTOR, WEEKEND_FACTOR = 7 / _WEEK, 7 * WEEKEND / _WEEK
"""A day's mean next to the average day's; over a week they average to 1."""

SWING = 0.06
"""How far a level (gigabytes held) swings around its mean, from bottom to top."""

SATURDAY = 5
EPOCH = date(1970, 1, 1)


class Flow(NamedTuple):
    """A meter that a subscription uses; `key` are 64 random bits."""

    source: str
    subscription: str
    meter: str
    key: int
    is_level: bool


class Rate(NamedTuple):
    """How much of flow number `flow` is used on an average day, from day `first` to before day `last`.

    One reading covers `every` so many days. The service stops after `most` in a calendar month, or in a day.
    """

    flow: int
    mean: float
    every: int
    first: int
    last: int
    most: float = inf
    is_daily: bool = False


FOREVER = 2**31
"""The last day of a rate that is still on."""

_FLOWS: dict[str, Any] = {
    "source": pl.String,
    "subscription": pl.String,
    "meter": pl.String,
    "key": pl.UInt64,
    "is_level": pl.Boolean,
}
_RATES: dict[str, Any] = {
    "flow": pl.Int64,
    "mean": pl.Float64,
    "every": pl.Int64,
    "first": pl.Int64,
    "last": pl.Int64,
    "most": pl.Float64,
    "is_daily": pl.Boolean,
}


class Traffic:
    """Who uses what, and how much of it a day: the rates that are on, and those that ended this month."""

    def __init__(self, starts_on: date) -> None:
        self._starts_on = starts_on
        self._numbers: dict[tuple[str, str], int] = {}
        self._named: list[Flow] = []
        self._flows = pl.DataFrame(schema={**_FLOWS, "rank": pl.UInt32})
        self._on: dict[int, Rate] = {}
        self._ended: list[Rate] = []

    def name(self, subscription: str, meter: str, *, key: int, is_level: bool = False) -> int:
        """Return the number of a flow, by which its rate is set; the same name has the same number."""
        number = self._numbers.setdefault((subscription, meter), len(self._numbers))
        if number == len(self._flows) + len(self._named):
            source = f"saasim/{subscription}/{meter}"
            self._named.append(Flow(source, subscription, meter, key, is_level))
        return number

    def set(self, flow: int, *, mean: float, day: int, every: int = 1, stop: Stop | None = None) -> None:
        """Let a flow be `mean` on an average day, from `day` on; with 0 it ends. It goes as far as `stop`."""
        before = self._on.pop(flow, None)
        if before is not None and before.first < day:
            self._ended.append(before._replace(last=day))
        if mean > 0.0:
            self._on[flow] = Rate(flow, mean, every, day, FOREVER, *(stop or ()))

    def draw(self, first: int, last: int) -> pl.DataFrame:
        """Draw the usage of the days from `first` to before `last`, ordered by time, then source.

        Days without use leave no row; a level (gigabytes held) is read every day.
        """
        rates = [*self._ended, *self._on.values()]
        self._ended = []
        if not rates:
            return pl.DataFrame(schema=USAGE_SCHEMA)
        flows = self._known_flows()
        columns = dict(zip(Rate._fields, zip(*rates, strict=True), strict=True))
        known = pl.DataFrame(columns, schema=_RATES)
        known = known.with_columns(rank=flows["rank"].gather(known["flow"])).sort("rank", "first")
        drawn = known.hstack(flows.select("key", "is_level")[known["flow"]])
        calendar = _calendar(self._starts_on + timedelta(days=first), last - first)
        readings = _quantities(drawn, calendar, _readings(drawn, calendar["number"].to_list(), first))
        named = flows.select("source", pl.col("subscription").alias("subject"), "meter")
        dated = calendar.select("id", "occurred_at")
        quantity = readings.select(
            pl.col("quantity").cast(pl.Decimal(38, 12)), pl.lit("").alias("dimensions")
        )
        whole = [named[readings["flow"]], dated[readings["day"]], quantity]
        return pl.concat(whole, how="horizontal").select(*USAGE_SCHEMA)

    def _known_flows(self) -> pl.DataFrame:
        """Return all flows by number, with their place in the order of the sources."""
        if self._named:
            columns = dict(zip(Flow._fields, zip(*self._named, strict=True), strict=True))
            flows = pl.concat([self._flows.select(*_FLOWS), pl.DataFrame(columns, schema=_FLOWS)])
            self._flows = flows.with_columns(rank=pl.col("source").rank("ordinal").cast(pl.UInt32))
            self._named = []
        return self._flows


def _calendar(starts_on: date, days: int) -> pl.DataFrame:
    """Return what readings need to know of each day."""
    dates = [starts_on + timedelta(days=number) for number in range(days)]
    return pl.DataFrame(
        {
            "number": pl.Series([(day - EPOCH).days for day in dates], dtype=pl.UInt64),
            "weekend": [day.weekday() >= SATURDAY for day in dates],
            "id": [f"{day}" for day in dates],
            "occurred_at": pl.Series(dates).cast(pl.Datetime("us")),
        }
    )


def _readings(known: pl.DataFrame, numbers: list[int], first: int) -> pl.DataFrame:
    """Return which rate is read on which day (counted from `first`), day by day, in the order of `known`."""
    everyone = pl.int_range(len(known), dtype=pl.UInt32, eager=True)
    on, off, every = known["first"], known["last"], known["every"]
    turn = (known["key"] % every.cast(pl.UInt64)).cast(pl.Int64)  # which of its days a flow is read on
    daily = bool((every == 1).all())
    rates = []
    for day, number in enumerate(numbers, start=first):
        read = (on <= day) & (off > day)
        rates.append(everyone.filter(read if daily else read & ((turn + number) % every == 0)))
    every_day = pl.int_range(len(numbers), dtype=pl.UInt32, eager=True)
    days = [every_day.new_from_index(day, len(part)) for day, part in enumerate(rates)]
    return pl.DataFrame({"rate": pl.concat(rates, rechunk=True), "day": pl.concat(days, rechunk=True)})


def _quantities(known: pl.DataFrame, calendar: pl.DataFrame, readings: pl.DataFrame) -> pl.DataFrame:
    """Add the drawn quantities, and leave out the readings of nothing."""
    has_levels, has_stops = bool(known["is_level"].any()), bool((known["most"] < inf).any())
    needed = ["flow", "key", *(["is_level", "mean"] if has_levels else [])]
    needed += ["most", "is_daily", *(["is_level"] if not has_levels else [])] if has_stops else []
    drawn = known.select(*needed, *_scales())[readings["rate"]]
    day = calendar.select("number", "weekend")[readings["day"]]
    whole = pl.concat([readings, drawn, day], how="horizontal").lazy()
    twice, week = pl.col("number") * 2, pl.col("number") // 7
    whole = with_uniforms(whole, "key", first=twice, second=twice + 1)
    quantity = _count()
    if has_levels:
        whole = with_uniforms(whole, "key", before=week, after=week + 1)
        quantity = pl.when("is_level").then(_level()).otherwise(quantity)
    if has_stops:
        whole = whole.with_columns(quantity=quantity)
        quantity = pl.when(pl.col("most") < inf).then(_stopped()).otherwise("quantity")
    return whole.select("flow", "day", quantity=quantity).filter(pl.col("quantity") > 0).collect()


def _scales() -> list[pl.Expr]:
    """1 / log(1 - p) of the geometric counts of which two make up the mean, on working days and weekends."""
    mean, daily = pl.col("mean") * pl.col("every"), pl.col("every") == 1
    factors = {"working_scale": WORKING_FACTOR, "weekend_scale": WEEKEND_FACTOR}
    means = {name: mean * pl.when(daily).then(factor).otherwise(1.0) for name, factor in factors.items()}
    return [(1 / (mean / (mean + 2)).log()).alias(name) for name, mean in means.items()]


def _count() -> pl.Expr:
    """A count: negative binomial with dispersion k = 2, exactly the sum of two geometric counts.

    A geometric count with success p = 2 / (2 + mean) is floor(log(u) / log(1 - p)) for a uniform u in (0, 1].
    """
    scale = pl.when("weekend").then("weekend_scale").otherwise("working_scale")
    first, second = ((1.0 - pl.col(name)).log() * scale for name in ("first", "second"))
    return first.cast(pl.Int64) + second.cast(pl.Int64)  # the cast cuts: the floor of a number above 0


def _stopped() -> pl.Expr:
    """The quantity as far as it is served: a level or a day as such, a month less what went before.

    The readings of a flow stand in the order of their days; one stop is one plan.
    """
    most, quantity = pl.col("most").floor().clip(upper_bound=2.0**62).cast(pl.Int64), pl.col("quantity")
    before = quantity.cum_sum().over("flow", "most") - quantity
    left = pl.when(pl.col("is_level") | pl.col("is_daily")).then(most).otherwise(most - before)
    return pl.min_horizontal(quantity, left.clip(lower_bound=0))


def _level() -> pl.Expr:
    """A level: the mean, swinging slowly between one keyed random point a week and the next."""
    before, after = pl.col("before"), pl.col("after")
    swing = before + (after - before) * (pl.col("number") % 7).cast(pl.Float64) / 7 - 0.5
    return (pl.col("mean") * (swing * SWING + 1.0)).ceil().cast(pl.Int64)

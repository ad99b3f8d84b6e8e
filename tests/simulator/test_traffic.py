"""Traffic: usage between decisions, with the distribution that it claims and nobody else's business in it."""

import hashlib
import os
import subprocess
import sys
from datetime import date, datetime, timedelta
from itertools import accumulate

import polars as pl
import pytest

from metering.log import USAGE_SCHEMA
from metering.period import month_of
from simulator.chance import Chance
from simulator.quote import Stop
from simulator.traffic import SWING, WEEKEND, Traffic

STARTS_ON = date(2026, 1, 1)
YEAR = 365
KEYS = Chance(1)


def traffic(*names: str, mean: float = 100.0, is_level: bool = False, every: int = 1) -> Traffic:
    """Return the traffic of some subscriptions that use calls from the first day on."""
    whole = Traffic(STARTS_ON)
    for name in names:
        key = KEYS.stream("customer", name).key("calls")
        flow = whole.name(name, "calls", key=key, is_level=is_level)
        whole.set(flow, mean=mean, day=0, every=every)
    return whole


def quantities(usage: pl.DataFrame) -> pl.Series:
    """Return the quantities as floats."""
    return usage["quantity"].cast(pl.Float64)


def test_usage_has_the_form_of_the_log() -> None:
    """A row for each day, named by its source and day, in whole units, ordered by time and source."""
    usage = traffic("b", "a").draw(0, 31)

    assert dict(usage.schema) == USAGE_SCHEMA
    assert usage.row(0)[:5] == (
        "saasim/a/calls",
        "2026-01-01",
        "a",
        "calls",
        datetime.fromisoformat("2026-01-01T00:00"),
    )
    assert usage.equals(usage.sort("occurred_at", "source"))
    assert (usage["quantity"] == usage["quantity"].round(0)).all()
    assert not usage.select("source", "id").is_duplicated().any()


def test_counts_are_negative_binomial() -> None:
    """With dispersion k = 2 and mean m: variance m + m²/2, and no use on (2/(2+m))² of the days."""
    mean, subscriptions = 3.0, 400
    usage = traffic(*map(str, range(subscriptions)), mean=mean, every=2).draw(0, 364)
    per_reading, readings = 2 * mean, subscriptions * 364 / 2
    counts = quantities(usage)

    assert float(counts.sum()) / readings == pytest.approx(per_reading, rel=0.02)
    squares = float((counts**2).sum())
    assert squares / readings - per_reading**2 == pytest.approx(per_reading + per_reading**2 / 2, rel=0.05)
    assert 1 - len(usage) / readings == pytest.approx((2 / (2 + per_reading)) ** 2, rel=0.05)


def test_weekends_are_quiet_and_the_mean_stays() -> None:
    """A weekend day has 0.35 of a working day's use, and whole weeks come to the mean that was set."""
    usage = traffic(*map(str, range(200))).draw(0, 364)
    by_day = usage.group_by(pl.col("occurred_at").dt.weekday() >= 6).agg(
        pl.col("quantity").cast(pl.Float64).sum() / pl.col("occurred_at").n_unique()
    )
    weekend, working = (by_day.filter(pl.col("occurred_at") == flag)["quantity"][0] for flag in (True, False))

    assert weekend / working == pytest.approx(WEEKEND, rel=0.03)
    assert float(quantities(usage).sum()) / 200 / 364 == pytest.approx(100.0, rel=0.02)


def test_a_level_moves_slowly_around_its_mean() -> None:
    """Gigabytes held are read every day, stay within their swing and never jump."""
    usage = traffic("a", mean=1000.0, is_level=True).draw(0, YEAR)
    levels = quantities(usage)

    assert len(usage) == YEAR
    assert levels.is_between(1000 * (1 - SWING / 2), 1000 * (1 + SWING / 2) + 1).all()
    assert levels.mean() == pytest.approx(1000.0, rel=0.01)
    assert levels.diff().abs().max() <= 1000 * SWING / 7 + 1  # type: ignore[operator]


def test_who_uses_little_is_read_once_a_week() -> None:
    """With `every = 7` there is one reading a week, of seven days' use, on a weekday of the flow's own."""
    usage = traffic("a", "b", "c", mean=50.0, every=7).draw(0, 364)
    days = usage.group_by("subject").agg(pl.col("occurred_at").dt.weekday().unique())

    assert (days["occurred_at"].list.len() == 1).all()
    assert len(usage) == 3 * 52
    assert quantities(usage).mean() == pytest.approx(350.0, rel=0.2)


def test_a_new_rate_holds_from_its_day_on() -> None:
    """Each day is drawn once, with the rate of that day; with a rate of 0 it ends."""
    whole = traffic("a", mean=1000.0)
    flow = whole.name("a", "calls", key=0)
    whole.set(flow, mean=5.0, day=10)
    whole.set(flow, mean=0.0, day=20)
    usage = whole.draw(0, 31).with_columns(day=pl.col("occurred_at").dt.day())
    before, after = usage.filter(pl.col("day") <= 10), usage.filter(pl.col("day") > 10)

    assert usage["day"].is_unique().all()
    assert usage["day"].max() == 20
    assert (quantities(before).min(), quantities(after).max()) > (30.0, 0.0)
    assert quantities(after).max() < 40.0  # type: ignore[operator]
    assert len(whole.draw(31, 59)) == 0


def test_what_was_set_twice_on_a_day_counts_once() -> None:
    """The last rate of a day is that day's rate."""
    whole = traffic("a", mean=1000.0)
    whole.set(0, mean=1.0, day=0)

    assert quantities(whole.draw(0, 31)).max() < 20  # type: ignore[operator]


def test_months_do_not_matter() -> None:
    """Drawn month by month or all at once, each day has the same use."""
    whole, parts = traffic("a", "b"), traffic("a", "b")
    months = [month_of(date(2026, number, 1)) for number in (1, 2, 3)]
    days = [((one.starts_on - STARTS_ON).days, (one.ends_on - STARTS_ON).days) for one in months]

    assert whole.draw(0, days[-1][1]).equals(pl.concat([parts.draw(*month) for month in days]))


def test_nobody_moves_anybody_elses_use() -> None:
    """Another order, another flow more or another rate of somebody else changes no row of a flow."""
    alone, several = traffic("b"), traffic("c", "b", "a")
    several.set(0, mean=3.0, day=4)

    assert alone.draw(0, 31).equals(several.draw(0, 31).filter(pl.col("subject") == "b"))


def test_more_use_is_more_every_day() -> None:
    """The same draws meet another mean: who uses more uses at least as much on every day."""
    little, much = traffic("a", mean=50.0).draw(0, 31), traffic("a", mean=100.0).draw(0, 31)

    assert (quantities(much) >= quantities(little)).all()


def test_nothing_used_is_an_empty_frame_of_the_same_form() -> None:
    """A month without any flow still has the columns of the log."""
    assert dict(Traffic(STARTS_ON).draw(0, 31).schema) == USAGE_SCHEMA


def digest() -> str:
    """Return the hash of a year of everybody's usage: counts, levels and weekly readings."""
    whole = traffic(*map(str, range(50)))
    for number in range(50, 80):
        key = KEYS.stream("customer", str(number)).key("gb")
        level = number % 2 == 0
        flow = whole.name(str(number), "gb", key=key, is_level=level)
        whole.set(flow, mean=number / 3, day=number, every=1 if level else 7)
    return hashlib.sha256(whole.draw(0, YEAR).write_csv().encode()).hexdigest()


def test_threads_change_nothing() -> None:
    """One thread or many: the same usage to the last row."""
    code = "from tests.simulator.test_traffic import digest; print(digest())"
    environment = os.environ | {"POLARS_MAX_THREADS": "1", "PYTHONHASHSEED": "5"}
    single = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )

    assert single.stdout.strip() == digest()


def stopped(stop: Stop | None, *, is_level: bool = False) -> list[int]:
    """Return what one flow with a mean of 100 a day comes to on each day of two months."""
    whole = Traffic(STARTS_ON)
    flow = whole.name("a", "calls", key=KEYS.stream("customer", "a").key("calls"), is_level=is_level)
    whole.set(flow, mean=100.0, day=0, stop=stop)
    usage = pl.concat([whole.draw(0, 31), whole.draw(31, 59)])
    days = dict(zip(usage["id"], usage["quantity"], strict=True))
    return [int(days.get(f"{STARTS_ON + timedelta(days=day)}", 0)) for day in range(59)]


def test_a_stop_refuses_what_is_above_it_in_a_month() -> None:
    """Use is the same up to the stop, and nothing after it until the month is over."""
    free, held = stopped(None), stopped(Stop(1_000))

    for first, last in ((0, 31), (31, 59)):
        reached = [min(1_000, total) for total in accumulate(free[first:last])]
        assert list(accumulate(held[first:last])) == reached
    assert 1_000 == sum(held[:31]) == sum(held[31:]) < sum(free[:31])


def test_a_stop_of_a_day_cuts_each_day() -> None:
    """Days below it stay what they are."""
    assert stopped(Stop(90, is_daily=True)) == [min(90, day) for day in stopped(None)]


def test_a_level_is_held_at_its_stop() -> None:
    """A level is not added up: each reading is cut."""
    assert stopped(Stop(99), is_level=True) == [min(99, day) for day in stopped(None, is_level=True)]


def test_a_stop_of_one_plan_is_not_that_of_the_next() -> None:
    """Who moves to a larger plan within a month may use all that the larger plan serves."""
    whole = Traffic(STARTS_ON)
    flow = whole.name("a", "calls", key=KEYS.stream("customer", "a").key("calls"))
    whole.set(flow, mean=100.0, day=0, stop=Stop(300))
    whole.set(flow, mean=100.0, day=20, stop=Stop(500))
    usage = whole.draw(0, 31)
    early = usage.filter(pl.col("occurred_at") < datetime.fromisoformat("2026-01-21T00:00"))

    assert (early["quantity"].sum(), usage["quantity"].sum()) == (300, 800)

"""Weighted usage: levels that last, each weighted with how long of a billing period it was held.

A level is the running total of what was added and taken away, the last that was told, or how many things are
there. Half of a period at 10 and half at 20 is 15. Nothing is rounded but the last of 12 decimals.
"""

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal

import duckdb
import polars as pl

from metering.frame import empty
from metering.meter import Meter

SLICE_SCHEMA = pl.Schema(
    {
        "subject": pl.String(),
        "phase_no": pl.Int64(),
        "month": pl.Date(),
        "starts_at": pl.Datetime("us"),
        "ends_at": pl.Datetime("us"),
        "period_starts_at": pl.Datetime("us"),
        "period_ends_at": pl.Datetime("us"),
    }
)
"""The part of a billing period in which a phase of a subject lives, and the period; `month` names it."""

WEIGHED_SCHEMA = pl.Schema(
    {
        "subject": pl.String(),
        "phase_no": pl.Int64(),
        "meter": pl.String(),
        "dimensions": pl.String(),
        "month": pl.Date(),
        "quantity": pl.Decimal(38, 12),
        "events": pl.Int64(),
    }
)
"""What `weigh` returns, in no order."""

REMOVES = "remove"
"""The value of a meter's `operation` that takes away what others add."""

_SMALLEST = Decimal("0.000000000001")
_ZERO = Decimal(0)
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)


def weighted(meters: Mapping[str, Meter]) -> dict[str, Meter]:
    """Return the meters whose usage is weighted by time."""
    return {key: meter for key, meter in meters.items() if meter.is_weighted}


def weigh(
    connection: duckdb.DuckDBPyConnection,
    events: str,
    *,
    meters: Mapping[str, Meter],
    slices: pl.DataFrame,
) -> pl.DataFrame:
    """Weigh the levels of some meters in slices of periods (`SLICE_SCHEMA`); see `WEIGHED_SCHEMA`.

    What happened in no slice has no phase, the calendar month in which it happened, and its plain sum.
    `events` is SQL for all that happened up to the last period: (subject, meter, text, item, operation,
    occurred_at, position, quantity), where `text` are the dimensions that the meter keeps apart.
    """
    if not meters or not len(slices):
        return empty(WEIGHED_SCHEMA)
    connection.register("weighed_slices", slices)
    held = connection.sql(_query(events, meters)).fetchall()
    happened = connection.sql(_counts(events, meters)).fetchall()
    connection.unregister("weighed_slices")
    counts = {tuple(row[:5]): row[5:] for row in happened}
    rows = [
        (*name, _quantity(int(units), whole), counts.pop(tuple(name), (0,))[0])
        for *name, units, whole in held
    ]
    rows += [(*name, added if name[1] is None else _ZERO, count) for name, (count, added) in counts.items()]
    return pl.DataFrame(rows, schema=WEIGHED_SCHEMA, orient="row")


def _quantity(units: int, whole: int) -> Decimal:
    """Divide what was held, in 10^-12 units times microseconds, by the microseconds of the period."""
    return _WIDE.divide(_WIDE.multiply(Decimal(units), _SMALLEST), Decimal(whole)).quantize(_SMALLEST)


def _counts(events: str, meters: Mapping[str, Meter]) -> str:
    """Return SQL for how many events happened in each slice, and in none, and what they add up to."""
    return f"""
        select e.subject, s.phase_no, e.meter, e.text,
            coalesce(s.month, date_trunc('month', e.occurred_at)::date) as month,
            count(*), sum(e.quantity)::decimal(38, 12)
        from ({events}) e left join weighed_slices s on s.subject = e.subject
            and e.occurred_at >= s.starts_at and e.occurred_at < s.ends_at
        where {_among(list(meters))}
        group by 1, 2, 3, 4, 5
    """


def _query(events: str, meters: Mapping[str, Meter]) -> str:
    levels = " union all ".join(f"({part})" for part in _levels(meters))
    signed = f"case when operation = '{REMOVES}' then -quantity else quantity end"
    by_day = _among([key for key, meter in meters.items() if meter.is_weighted_by_day])
    return f"""
        with told as (
            select *, {signed} as amount, {by_day} as by_day, null::date as within,
                case when {by_day} then date_trunc('day', occurred_at) else occurred_at end as counted_at
            from ({events})
        ),
        own as (
            select told.* exclude (within), s.month as within
            from told join weighed_slices s on s.subject = told.subject
                and told.occurred_at >= s.starts_at and told.occurred_at < s.ends_at
        ),
        levels as ({levels})
        select s.subject, s.phase_no, l.meter, l.text, s.month,
            sum((l.level * 1000000000000)::hugeint * date_diff('microsecond',
                greatest(l.since, s.starts_at), least(l.until, s.ends_at))::hugeint)::varchar,
            date_diff('microsecond', any_value(s.period_starts_at), any_value(s.period_ends_at))
        from levels l join weighed_slices s on s.subject = l.subject
            and l.since < s.ends_at and l.until > s.starts_at
            and (l.within is null or l.within = s.month)
        where l.level <> 0 and l.since < l.until
        group by 1, 2, 3, 4, 5
        having sum(l.level) is not null
    """


def _levels(meters: Mapping[str, Meter]) -> Iterator[str]:
    """Yield SQL for the levels of each kind of meter: (subject, meter, text, level, since, until, within)."""
    kinds = {"weighted_sum": _SUM, "weighted_latest": _LATEST, "weighted_unique_count": _UNIQUE}
    for kind, query in kinds.items():
        for lasts in (True, False):
            keys = [
                key for key, meter in meters.items() if meter.aggregation == kind and meter.recurring is lasts
            ]
            if keys:
                source = f"(select * from {'told' if lasts else 'own'} where {_among(keys)})"
                yield query.replace("{source}", source).replace("{far}", _FAR)


def _among(keys: list[str]) -> str:
    """Return SQL for whether the meter is one of these."""
    return f"meter in ({', '.join(map(_text, keys))})" if keys else "false"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


_FAR = "timestamp '9999-12-31'"

_SUM = """
    select subject, meter, text, sum(amount) over w as level, counted_at as since,
        coalesce(lead(counted_at) over w, {far}) as until, within
    from {source}
    window w as (partition by subject, meter, text, within order by occurred_at, position)
"""

_LATEST = """
    select subject, meter, text, quantity as level, counted_at as since,
        coalesce(lead(counted_at) over w, {far}) as until, within
    from {source}
    window w as (partition by subject, meter, text, within order by occurred_at, position)
"""

_UNIQUE = f"""
    select subject, meter, text, 1::decimal(38, 12) as level,
        greatest(since, coalesce(lag(until) over w, since)) as since, until, within
    from (
        select subject, meter, text, item, counted_at as since, position, within, is_there,
            coalesce(case when by_day then date_trunc('day', lead(occurred_at) over w) + interval 1 day
                else lead(occurred_at) over w end, {{far}}) as until
        from (
            select *, coalesce(operation, '') <> '{REMOVES}' as is_there,
                coalesce(lag(coalesce(operation, '') <> '{REMOVES}') over w, false) as was_there
            from {{source}}
            window w as (partition by subject, meter, text, item, within order by occurred_at, position)
        )
        where is_there <> was_there
        window w as (partition by subject, meter, text, item, within order by occurred_at, position)
    )
    where is_there
    window w as (partition by subject, meter, text, item, within order by since, position)
"""

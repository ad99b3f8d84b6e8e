"""Usage: how much of each meter each phase of a subscription used in each month.

One GROUP BY reads the log and gives one row for each (subject, phase, meter, dimensions, month), so that
prices never see single events, and another price book needs no second reading.
"""

from collections.abc import Mapping, Sequence

import duckdb
import polars as pl

from metering import correction
from metering.event import EVENTS
from metering.frame import empty, shaped
from metering.known import Known, Source
from metering.meter import USAGE, Meter
from metering.period import Period, add_months
from metering.weighted import SLICE_SCHEMA, weigh, weighted

SPAN_SCHEMA = pl.Schema(
    {
        "subject": pl.String(),
        "phase_no": pl.Int64(),
        "starts_at": pl.Datetime("us"),
        "ends_at": pl.Datetime("us"),
    }
)
"""When each phase of a subject lasts, half-open, without overlap; `ends_at` is null while it lasts.

Or, with the columns of `metering.weighted.SLICE_SCHEMA`, when it lives in billing periods that are no
calendar months, each named by a month: what is used in a period then adds up over it.
"""

MEASURED_SCHEMA = pl.Schema(
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
"""What `measure` returns, in no order; `phase_no` is null where a subject has no phase at the time."""

DAY_SCHEMA = pl.Schema(
    {
        "subject": pl.String(),
        "meter": pl.String(),
        "dimensions": pl.String(),
        "day": pl.Date(),
        "quantity": pl.Decimal(38, 12),
    }
)
"""What `measure_days` returns, in no order: what meters that add up counted on each day."""

EVENT_SCHEMA = pl.Schema({**DAY_SCHEMA, "position": pl.Int64()})
"""What `single_events` returns, in no order: a row for each event that a meter counts."""

EACH = "event"
"""The dimension that tells the events of a meter with `each` apart: `<source>/<id>`."""

_WHERE = ["subject", "month", "segment"]


def measure(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    *,
    meters: Mapping[str, Meter],
    spans: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Measure the usage of some months in a row. Meters that `meters` does not name are summed up.

    `spans` has the columns of `SPAN_SCHEMA`, the result those of `MEASURED_SCHEMA`.
    """
    if "month" in spans.columns:
        counted = _measure_periods(connection, log, meters=meters, slices=spans, periods=periods)
    else:
        counted = _measure_months(connection, log, meters=meters, spans=spans, periods=periods)
    if not weighted(meters):
        return counted
    slices = spans if "month" in spans.columns else _month_slices(spans, periods)
    held = _measure_levels(connection, log, meters=weighted(meters), slices=slices, periods=periods)
    return pl.concat([counted, held])


def _measure_months(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    *,
    meters: Mapping[str, Meter],
    spans: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Measure what adds up over calendar months."""
    whole, cut = _pieces(spans, periods)
    _register(connection, log, meters, periods)
    connection.register("mixed", cut.group_by("subject", "month").agg(pl.col("bound").sort()))
    counted: pl.DataFrame = connection.sql(_query(log, meters, periods, has_mixed=len(cut) > 0)).pl()
    connection.unregister("facts")
    connection.unregister("mixed")
    found = counted.join(pl.concat([whole, cut.select(whole.columns)]), on=_WHERE, how="left")
    if found["phase_no"].null_count():
        found = _merged(found)
    return shaped(found, MEASURED_SCHEMA)


def _measure_periods(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    *,
    meters: Mapping[str, Meter],
    slices: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Measure what adds up over billing periods: those of the first month began up to a month before."""
    reading = _reading(log, periods)
    _register(connection, log, meters, reading)
    connection.register("cuts", _cuts(slices))
    query = f"""
        select e.subject, e.meter, {_dimensions(meters)} as dimensions, c.phase_no,
            coalesce(c.month, date_trunc('month', e.occurred_at)::date) as month,
            ({_aggregate(meters, log)})::decimal(38, 12) as quantity, count(*) as events
        from ({_sources(log, meters, reading, has_usage=True)}) e {_ASOF}
        where {_adds_up(meters)}
        group by 1, 2, 3, 4, 5
    """
    found: pl.DataFrame = connection.sql(query).pl()
    connection.unregister("facts")
    connection.unregister("cuts")
    here = found.filter(
        pl.col("month").is_between(periods[0].starts_on.replace(day=1), periods[-1].starts_on)
    )
    return shaped(here, MEASURED_SCHEMA)


def _cuts(slices: pl.DataFrame) -> pl.DataFrame:
    """Return from when on a subject is in which phase and period (none: null): (subject, bound, ...)."""
    none = {"phase_no": pl.lit(None, pl.Int64), "month": pl.lit(None, pl.Date)}
    starts = slices.select("subject", "phase_no", "month", bound="starts_at")
    ends = slices.select("subject", **none, bound="ends_at")
    # Where one slice ends and the next begins, the bound is one: the beginning wins.
    both = pl.concat([starts, ends]).sort("subject", "bound", "phase_no", nulls_last=True)
    return both.unique(["subject", "bound"], keep="first", maintain_order=True)


def _measure_levels(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    *,
    meters: Mapping[str, Meter],
    slices: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Measure levels that last, from all that has happened to them."""
    reading = [one for one in log.periods if one.starts_on <= periods[-1].starts_on]
    _register(connection, log, meters, reading)
    operations = {key: meter.operation for key, meter in meters.items() if meter.operation}
    values = " ".join(
        f"when {_text(key)} then json_extract_string(nullif(e.dimensions, ''), {_path(name)})"
        for key, name in operations.items()
    )
    has_usage = any(meter.event == USAGE for meter in meters.values())
    events = f"""
        select e.subject, e.meter, {_dimensions(meters)} as text, e.item, e.occurred_at, e.position,
            e.quantity, {f"case e.meter {values} end" if values else "null::varchar"} as operation
        from ({_sources(log, meters, reading, has_usage=has_usage)}) e
    """
    here = slices.filter(
        pl.col("month").is_between(periods[0].starts_on.replace(day=1), periods[-1].starts_on)
    )
    found = weigh(connection, events, meters=meters, slices=here)
    connection.unregister("facts")
    return shaped(found, MEASURED_SCHEMA)


def _month_slices(spans: pl.DataFrame, periods: Sequence[Period]) -> pl.DataFrame:
    """Cut phases at the ends of calendar months (`metering.weighted.SLICE_SCHEMA`)."""
    months = pl.DataFrame(
        [(period.starts_on, period.starts_at, period.ends_at) for period in periods],
        schema={name: SLICE_SCHEMA[name] for name in ("month", "period_starts_at", "period_ends_at")},
        orient="row",
    )
    until = pl.min_horizontal(pl.col("ends_at").fill_null(pl.col("period_ends_at")), "period_ends_at")
    cut = spans.join(months, how="cross").with_columns(
        starts_at=pl.max_horizontal("starts_at", "period_starts_at"), ends_at=until
    )
    return shaped(cut.filter(pl.col("starts_at") < pl.col("ends_at")), SLICE_SCHEMA)


def _adds_up(meters: Mapping[str, Meter]) -> str:
    """Return SQL for whether the event's meter adds up, and is not weighted by time."""
    keys = ", ".join(map(_text, weighted(meters)))
    return f"e.meter not in ({keys})" if keys else "true"


def measure_days(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    *,
    meters: Mapping[str, Meter],
    wanted: pl.DataFrame,
    periods: Sequence[Period],
    slices: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Measure by the day what some subjects used of meters that add up (`sum` and `count`).

    `wanted` names them: (subject, meter). The result has the columns of `DAY_SCHEMA`; with `slices`
    (`metering.weighted.SLICE_SCHEMA`) also `phase_no` and `month`, and it is about their periods.
    """
    if not len(wanted):
        return empty(DAY_SCHEMA)
    own, join, reading = "", "", list(periods)
    if slices is not None:
        own, join = ", c.phase_no, c.month", _ASOF
        reading = _reading(log, periods)
        connection.register("cuts", _cuts(slices))
    query = f"""
        select e.subject, e.meter, {_dimensions(meters)} as dimensions, e.occurred_at::date as day{own},
            ({_aggregate(meters, log)})::decimal(38, 12) as quantity
        from ({{sources}}) e {join}
        where exists (from wanted w where w.subject = e.subject and w.meter = e.meter)
        group by all
    """
    found = _of_some(connection, log, query, meters=meters, wanted=wanted, periods=reading)
    if slices is None:
        return shaped(found, DAY_SCHEMA)
    connection.unregister("cuts")
    columns = pl.Schema({**DAY_SCHEMA, "phase_no": pl.Int64(), "month": pl.Date()})
    return shaped(found.filter(_billed_in(periods)), columns)


_ASOF = "asof left join cuts c on c.subject = e.subject and e.occurred_at >= c.bound"


def _reading(log: Source, periods: Sequence[Period]) -> list[Period]:
    """Return the months that hold billing periods of some months: those of the first began a month before."""
    before = add_months(periods[0].starts_on.replace(day=1), -1)
    return [one for one in log.periods if before <= one.starts_on <= periods[-1].starts_on]


def _billed_in(periods: Sequence[Period]) -> pl.Expr:
    return pl.col("month").is_between(periods[0].starts_on.replace(day=1), periods[-1].starts_on)


def single_events(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    *,
    meters: Mapping[str, Meter],
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Return each event that these meters count, with what it counts (`EVENT_SCHEMA`)."""
    if not meters:
        return empty(EVENT_SCHEMA)
    counts = [_text(key) for key, meter in meters.items() if meter.aggregation == "count"]
    quantity = (
        f"case when e.meter in ({', '.join(counts)}) then e.counted else e.quantity end"
        if counts
        else "e.quantity"
    )
    query = f"""
        select e.subject, e.meter, {_dimensions(meters)} as dimensions, e.occurred_at::date as day,
            ({quantity})::decimal(38, 12) as quantity, e.position
        from ({{sources}}) e semi join wanted w on w.meter = e.meter
    """
    wanted = pl.DataFrame({"meter": list(meters)}, schema={"meter": pl.String})
    return shaped(
        _of_some(connection, log, query, meters=meters, wanted=wanted, periods=periods), EVENT_SCHEMA
    )


def _of_some(
    connection: duckdb.DuckDBPyConnection,
    log: Source,
    query: str,
    *,
    meters: Mapping[str, Meter],
    wanted: pl.DataFrame,
    periods: Sequence[Period],
) -> pl.DataFrame:
    """Ask about some meters alone; files of usage are read only for meters of usage."""
    named = {key: meters[key] for key in wanted["meter"].unique().sort() if key in meters}
    _register(connection, log, named, periods)
    connection.register("wanted", wanted)
    sources = _sources(log, named, periods, has_usage=any(meter.event == USAGE for meter in named.values()))
    found: pl.DataFrame = connection.sql(query.replace("{sources}", sources)).pl()
    connection.unregister("facts")
    connection.unregister("wanted")
    return found


def _register(
    connection: duckdb.DuckDBPyConnection, log: Source, meters: Mapping[str, Meter], periods: Sequence[Period]
) -> None:
    """Tell DuckDB what is not in files: business facts that count, and whose usage alone is asked for."""
    if log.has_corrections:
        correction.check(log, meters)
    if log.has_corrections or any(meter.event != USAGE for meter in meters.values()):
        connection.register("facts", log.fact_frame(periods))
    if isinstance(log, Known):
        log.register(connection)


def _pieces(spans: pl.DataFrame, periods: Sequence[Period]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cut each subject's months at the bounds of its phases: (subject, month, segment, phase_no[, bound]).

    The first frame holds the months that one phase covers whole: they have one segment, number 0. In the
    second, segment 0 runs from the start of the month to the first bound inside it, segment n from the nth
    bound on.
    """
    months = pl.DataFrame(
        [(period.starts_on, period.starts_at, period.ends_at) for period in periods],
        schema={"month": pl.Date, "month_starts_at": pl.Datetime("us"), "month_ends_at": pl.Datetime("us")},
        orient="row",
    )
    far = pl.col("ends_at").fill_null(pl.col("month_ends_at"))
    inside = spans.join(months, how="cross").filter(
        pl.col("starts_at") < pl.col("month_ends_at"), far > pl.col("month_starts_at")
    )
    covers = (pl.col("starts_at") <= pl.col("month_starts_at")) & (far >= pl.col("month_ends_at"))
    whole = inside.filter(covers).select("subject", "month", "phase_no", segment=pl.lit(0, pl.Int64))
    partial = inside.filter(~covers).select(
        "subject",
        "month",
        "month_starts_at",
        "month_ends_at",
        "phase_no",
        bound=pl.max_horizontal("starts_at", "month_starts_at"),
        until=pl.min_horizontal(far, "month_ends_at"),
    )
    return whole, _segments(partial)


def _segments(partial: pl.DataFrame) -> pl.DataFrame:
    ends = partial.filter(pl.col("until") < pl.col("month_ends_at")).with_columns(
        bound="until", phase_no=pl.lit(None, pl.Int64)
    )
    # Where one phase ends and the next begins, the bound is one: the beginning wins.
    bounds = (
        pl.concat([partial, ends])
        .sort("subject", "month", "bound", "phase_no", nulls_last=True)
        .unique(["subject", "month", "bound"], keep="first", maintain_order=True)
    )
    starts_late = pl.col("bound").first().over("subject", "month") > pl.col("month_starts_at")
    return bounds.select(
        "subject",
        "month",
        "phase_no",
        segment=pl.int_range(pl.len()).over("subject", "month") + starts_late.cast(pl.Int64),
        bound=pl.when(pl.col("bound") > pl.col("month_starts_at")).then("bound"),
    )


def _merged(found: pl.DataFrame) -> pl.DataFrame:
    """Put segments without a phase (before the first, after the last) into one row a subject and month."""
    keys = ["subject", "meter", "dimensions", "month", "phase_no"]
    homeless = (
        found.filter(pl.col("phase_no").is_null()).group_by(keys).agg(pl.col("quantity", "events").sum())
    )
    return pl.concat([found.filter(pl.col("phase_no").is_not_null()).select(homeless.columns), homeless])


def _query(log: Source, meters: Mapping[str, Meter], periods: Sequence[Period], *, has_mixed: bool) -> str:
    segment, join = "0::bigint", ""
    if has_mixed:
        segment = "coalesce(len(list_filter(m.bound, lambda b: b <= e.occurred_at)), 0)"
        join = "left join mixed m on m.subject = e.subject and m.month = date_trunc('month', e.occurred_at)"
    return f"""
        select e.subject, e.meter, {_dimensions(meters)} as dimensions,
            date_trunc('month', e.occurred_at)::date as month, {segment} as segment,
            ({_aggregate(meters, log)})::decimal(38, 12) as quantity, count(*) as events
        from ({_sources(log, meters, periods, has_usage=True)}) e {join}
        where {_adds_up(meters)}
        group by 1, 2, 3, 4, 5
    """


def _sources(log: Source, meters: Mapping[str, Meter], periods: Sequence[Period], *, has_usage: bool) -> str:
    """Return SQL for every event that could count, from usage and from business facts."""
    sources = [_facts_query(key, meter) for key, meter in meters.items() if meter.event != USAGE]
    if has_usage:
        # A name is read only where it is asked for: names are most of the bytes of a log.
        is_named = any(meter.each and meter.event == USAGE for meter in meters.values())
        columns = "subject, meter, occurred_at, quantity, dimensions, position"
        own = f"{_unique_of(meters)} as item, {_NAME if is_named else 'null'} as event"
        usage = log.usage_source(periods)
        if log.has_corrections:
            sources.insert(0, f"select {columns}, {own}, quantity as counted from {correction.differences()}")
            usage = correction.corrected(usage)
        sources.insert(0, f"select {columns}, {own}, 1 as counted from {usage}")
    return " union all ".join(sources)


def _facts_query(key: str, meter: Meter) -> str:
    """Read the business facts that a meter counts as if they were usage."""
    subject = "subject"
    if "subscription" in EVENTS[meter.event]._fields:
        subject = "coalesce(nullif(json_extract_string(data, '$.subscription'), ''), subject)"
    quantity = f"json_extract_string(data, '$.{meter.quantity}')" if meter.quantity else "1"
    item = f"json_extract_string(data, '$.{meter.of}')" if meter.of else "null"
    name = _NAME if meter.each else "null"
    return f"""
        select {subject} as subject, {_text(key)} as meter, occurred_at,
            {quantity}::decimal(38, 12) as quantity, data as dimensions, position, {item} as item,
            {name} as event, 1 as counted
        from facts where type = {_text(meter.event)}
    """


def _dimensions(meters: Mapping[str, Meter]) -> str:
    """Return SQL for the canonical JSON of the dimensions that the event's meter keeps apart."""
    cases = []
    for key, meter in meters.items():
        values = {
            name: f"coalesce(json_extract_string(nullif(e.dimensions, ''), {_path(name)}), '')"
            for name in meter.dimensions
        }
        if meter.each:
            values[EACH] = "e.event"
        if values:
            parts = ", ".join(f"{_text(name)}, {values[name]}" for name in sorted(values))
            cases.append(f"when {_text(key)} then json_object({parts})::varchar")
    return f"case e.meter {' '.join(cases)} else '' end" if cases else "''"


def _aggregate(meters: Mapping[str, Meter], log: Source) -> str:
    aggregates = {
        "count": "sum(e.counted)" if log.has_corrections else "count(*)",
        "max": "max(e.quantity)",
        "latest": "arg_max(e.quantity, (e.occurred_at, e.position))",
        "unique_count": "count(distinct e.item)",
    }
    cases = []
    for aggregation, text in aggregates.items():
        keys = ", ".join(_text(key) for key, meter in meters.items() if meter.aggregation == aggregation)
        if keys:
            cases.append(f"when e.meter in ({keys}) then {text}")
    return f"case {' '.join(cases)} else sum(e.quantity) end" if cases else "sum(e.quantity)"


_NAME = "source || '/' || id"


def _unique_of(meters: Mapping[str, Meter]) -> str:
    cases = " ".join(
        f"when {_text(key)} then json_extract_string(nullif(dimensions, ''), {_path(meter.of)})"
        for key, meter in meters.items()
        if meter.of and meter.event == USAGE
    )
    return f"case meter {cases} end" if cases else "null"


def _path(name: str) -> str:
    """Quote the JSON path of a key, whatever letters it has."""
    key = name.replace('"', '\\"')
    return _text(f'$."{key}"')


def _text(value: str) -> str:
    """Quote a SQL string literal."""
    return "'" + value.replace("'", "''") + "'"
